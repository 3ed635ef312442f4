//! Settings: where they come from, what they may be, what they are.
//!
//! Precedence: defaults < TOML file < environment < flags. A setting has one
//! name in three spellings: `DATA_DIR` in the environment, `--data-dir` on the
//! command line, `data_dir` in the file. The one declaration in the private
//! module `table` makes the struct, the flags with their help, and the table
//! that `docs/settings.md` is compared with in a test.
//!
//! A bad value stops the start. The message names the setting, where the value
//! came from and what is accepted, for all bad values at once.

mod collector;
mod error;
mod remote;
mod retention;
mod sources;
mod table;
mod values;
mod versions;

pub use collector::CollectorEndpoint;
pub use error::{Problem, SettingsError};
pub use remote::{AuthLevel, Optional, Secret};
pub use retention::LogRetention;
pub use sources::Sources;
pub use table::{SETTINGS, Setting, Settings};
pub use values::{
    BindAddress, ByteSize, Count, DatabaseName, Endpoint, LogFormat, LogSync, TimeSpan,
    UnavailableTimeout,
};
pub use versions::{VersionList, VersionRange};

#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod sources_tests;
#[cfg(test)]
mod values_tests;

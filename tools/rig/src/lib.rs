//! What tests of Daybook need of the world: a real SurrealDB [`Server`] that can
//! be killed, frozen and started again on its data, and a [`Proxy`] in front of
//! it that fails as networks do.

#[cfg(feature = "certificates")]
mod certificate;
mod folder;
mod program;
mod proxy;
mod server;
mod signals;

#[cfg(feature = "certificates")]
pub use certificate::Authority;
pub use folder::copy_folder;
pub use program::server_program;
pub use proxy::{Mode, Proxy};
pub use server::{Server, Storage};
pub use signals::told_to_end;

//! What is wrong with the settings.

use std::fmt;

/// Every problem that was found in the settings; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// One entry per problem, in the order of the table of settings.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A value is not one that the setting accepts.
    #[error("{setting} ({origin}): {reason}; accepted: {accepts}")]
    Bad {
        /// The setting, as the environment spells it.
        setting: &'static str,
        /// Where the value came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
        /// What would be right.
        accepts: &'static str,
    },
    /// A key in the file that no setting has.
    #[error("{key:?} ({origin}) is not a setting{hint}")]
    Unknown {
        /// The key.
        key: String,
        /// The file.
        origin: String,
        /// What may have been meant.
        hint: String,
    },
    /// The file of settings cannot be used at all.
    #[error("the settings file {path} {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<Problem> for SettingsError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

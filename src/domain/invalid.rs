//! Validation, once, with the proof kept in the type.

use std::fmt;

use garde::Validate;

/// A value that kept its rules when it was accepted.
///
/// Commands hold their contents only in this form, so nothing unchecked can be
/// logged, and nothing is checked twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked<T>(T);

impl<T: Validate<Context = ()>> Checked<T> {
    /// Checks a value against its rules.
    ///
    /// # Errors
    /// [`Invalid`] with one entry per broken rule.
    pub fn new(value: T) -> Result<Self, Invalid> {
        match value.validate() {
            Ok(()) => Ok(Self(value)),
            Err(report) => Err(Invalid::from(&report)),
        }
    }
}

impl<T> Checked<T> {
    /// Takes a value on trust: one read back from the command log, which was
    /// checked when it was accepted. Rules tightened since then do not make an
    /// acknowledged command invalid.
    #[must_use]
    pub fn trust(value: T) -> Self {
        Self(value)
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value, without its proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Every rule that an input broke, ordered by pointer; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Invalid {
    /// One entry per broken rule.
    pub fields: Vec<FieldError>,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where, as a JSON pointer (RFC 6901) into the input, for example `/tags/2`.
    pub pointer: String,
    /// What is wrong, as a phrase for the person who sent it.
    pub reason: String,
}

impl Invalid {
    /// An input with one broken rule.
    #[must_use]
    pub fn field(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { fields: vec![FieldError { pointer: pointer.into(), reason: reason.into() }] }
    }
}

impl From<&garde::Report> for Invalid {
    fn from(report: &garde::Report) -> Self {
        let fields = report
            .iter()
            .map(|(path, error)| FieldError {
                pointer: pointer(&path.to_string()),
                reason: error.message().to_owned(),
            })
            .collect();
        Self { fields }
    }
}

/// `tags[2]` as a JSON pointer. Field names hold no character to be escaped.
fn pointer(path: &str) -> String {
    let steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    steps.filter(|step| !step.is_empty()).fold(String::new(), |pointer, step| pointer + "/" + step)
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.fields.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{} {}", field.pointer, field.reason)?;
        }
        Ok(())
    }
}

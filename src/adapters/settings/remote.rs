//! The types of the settings for a database server.

use std::fmt;
use std::str::FromStr;

/// A setting that may be left out: `none`, or a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub struct Optional<T>(Option<T>);

impl<T> Optional<T> {
    /// The value, if one is set.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T: FromStr> FromStr for Optional<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|value| Self(Some(value))) }
    }
}

/// A password. It is never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd)]
pub struct Secret(String);

impl Secret {
    /// The password.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where a user of a database server was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum AuthLevel {
    /// On the server.
    Root,
    /// In the namespace.
    Namespace,
    /// In the database.
    Database,
}

impl FromStr for AuthLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "root" => Ok(Self::Root),
            "namespace" => Ok(Self::Namespace),
            "database" => Ok(Self::Database),
            _ => Err(format!("{text:?} is not a level")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_no_value_and_a_secret_is_not_printed() {
        let none: Optional<Secret> = "none".parse().unwrap();
        assert_eq!(none.get(), None);
        let some: Optional<Secret> = "hunter2".parse().unwrap();
        assert_eq!(some.get().map(Secret::reveal), Some("hunter2"));
        assert!(!format!("{some:?}").contains("hunter2"));
    }
}

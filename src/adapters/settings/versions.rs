//! The types of the settings for the versions of the database.

use std::cmp::Ordering;
use std::str::FromStr;

use semver::{BuildMetadata, Version, VersionReq};

/// A range of versions, as semver has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange(VersionReq);

impl VersionRange {
    /// The range.
    #[must_use]
    pub const fn get(&self) -> &VersionReq {
        &self.0
    }
}

impl FromStr for VersionRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        VersionReq::parse(text).map(Self).map_err(|error| format!("{text:?}: {error}"))
    }
}

impl PartialOrd for VersionRange {
    /// Ranges have no order.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

/// Versions, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub struct VersionList(Vec<Version>);

impl VersionList {
    /// The versions.
    #[must_use]
    pub fn get(&self) -> &[Version] {
        &self.0
    }
}

impl FromStr for VersionList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let versions = text.split(',').map(str::trim).map(|version| {
            let parsed = version.parse::<Version>();
            let mut parsed = parsed.map_err(|error| format!("{version:?}: {error}"))?;
            // What a server was built from makes no other version of it.
            parsed.build = BuildMetadata::EMPTY;
            Ok(parsed)
        });
        versions.collect::<Result<_, String>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(">=3.3.5, <4.0.0", "3.9.9", "4.0.0")]
    #[case("~3.3", "3.3.9", "3.4.0")]
    #[case("=3.3.5", "3.3.5", "3.3.6")]
    fn ranges(#[case] text: &str, #[case] inside: &str, #[case] outside: &str) {
        let range: VersionRange = text.parse().unwrap();
        assert!(range.get().matches(&inside.parse().unwrap()));
        assert!(!range.get().matches(&outside.parse().unwrap()));
    }

    #[rstest]
    #[case("three")]
    #[case(">=3.3.5 <4.0.0")]
    #[case(">=3.3.5,,<4")]
    fn no_ranges(#[case] text: &str) {
        let refused = text.parse::<VersionRange>().unwrap_err();
        assert!(refused.contains(text), "{refused}");
    }

    #[test]
    fn lists() {
        let list: VersionList = "3.3.5, 3.4.0-beta.1,3.3.6+20260803".parse().unwrap();
        let found: Vec<String> = list.get().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["3.3.5", "3.4.0-beta.1", "3.3.6"]);
        for text in ["3.3", "3.3.5,", "v3.3.5", "3.3.5 3.3.6"] {
            assert!(text.parse::<VersionList>().is_err(), "{text}");
        }
    }
}

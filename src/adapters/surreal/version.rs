//! Which versions of SurrealDB are accepted.

use semver::{BuildMetadata, Prerelease, Version, VersionReq};

use crate::ports::StoreError;

/// The versions that may work, and those among them that are known to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPolicy {
    /// Setting `DB_VERSION_RANGE`: anything outside is refused. Default: `>=3.3.5, <4.0.0`; releases before
    /// 3.3.5 can lose data when the power fails.
    pub accepted: VersionReq,
    /// Setting `DB_VERSIONS_TESTED`: anything in range but not here is warned
    /// about. Default: `3.3.5`.
    pub tested: Vec<Version>,
}

impl Default for VersionPolicy {
    fn default() -> Self {
        let oldest = Version::new(3, 3, 5);
        let below = |op, major, minor, patch| semver::Comparator {
            op,
            major,
            minor: Some(minor),
            patch: Some(patch),
            pre: Prerelease::EMPTY,
        };
        let comparators =
            vec![below(semver::Op::GreaterEq, 3, 3, 5), below(semver::Op::Less, 4, 0, 0)];
        Self { accepted: VersionReq { comparators }, tested: vec![oldest] }
    }
}

/// What the policy says of a version that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was tested.
    Tested,
    /// It is in range, but nobody tested it.
    Untested,
    /// It is no semantic version, so nothing is known of it.
    Unknown,
}

impl VersionPolicy {
    /// Judges a version, as the database tells it. The range looks at release
    /// numbers only: semver would keep every pre-release out of any range.
    ///
    /// # Errors
    /// [`StoreError::UnsupportedVersion`] for a version outside the range.
    pub(super) fn judge(&self, found: &str) -> Result<Verdict, StoreError> {
        let Ok(mut version) = found.trim_start_matches("surrealdb-").parse::<Version>() else {
            return Ok(Verdict::Unknown);
        };
        version.build = BuildMetadata::EMPTY;
        let tested = self.tested.contains(&version);
        version.pre = Prerelease::EMPTY;
        if !self.accepted.matches(&version) {
            return Err(StoreError::UnsupportedVersion {
                found: found.to_owned(),
                required: format!("{} (DB_VERSION_RANGE)", self.accepted),
            });
        }
        Ok(if tested { Verdict::Tested } else { Verdict::Untested })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::tested("3.3.5", Verdict::Tested)]
    #[case::as_a_server_says_it("surrealdb-3.3.5", Verdict::Tested)]
    #[case::build_metadata("3.3.5+20260803.93ab219", Verdict::Tested)]
    #[case::in_range("3.4.0", Verdict::Untested)]
    #[case::pre_release("3.4.0-beta.1", Verdict::Untested)]
    #[case::pre_release_of_a_tested_one("3.3.5-rc.1", Verdict::Untested)]
    #[case::no_version("nightly", Verdict::Unknown)]
    #[case::empty("", Verdict::Unknown)]
    fn accepted(#[case] found: &str, #[case] verdict: Verdict) {
        assert_eq!(VersionPolicy::default().judge(found).unwrap(), verdict);
    }

    #[rstest]
    #[case::older("3.3.4")]
    #[case::last_major("2.6.1")]
    #[case::next_major("4.0.0")]
    #[case::pre_release_of_the_next_major("4.0.0-beta.1")]
    fn refused(#[case] version: &str) {
        let error = VersionPolicy::default().judge(version).unwrap_err();
        assert_eq!(error.code(), "unsupported-version");
        assert!(!error.is_transient());
        let message = error.to_string();
        assert!(message.contains(version) && message.contains(">=3.3.5, <4.0.0"), "{message}");
    }

    #[test]
    fn the_policy_can_be_chosen() {
        let policy = VersionPolicy {
            accepted: VersionReq::parse("~3.2").unwrap(),
            tested: vec![Version::new(3, 2, 4)],
        };
        assert_eq!(policy.judge("3.2.4").unwrap(), Verdict::Tested);
        assert_eq!(policy.judge("3.2.5").unwrap(), Verdict::Untested);
        assert!(policy.judge("3.3.5").is_err());
    }
}

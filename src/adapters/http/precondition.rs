//! `If-Match` and `If-None-Match` (RFC 9110, section 13.1).

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName};

use super::etag::{Tag, Tags};
use super::problem::{InputError, Problem};
use crate::domain::{Precondition, Version};

/// What a PUT, PATCH or DELETE expects of the note.
///
/// # Errors
/// 400 for a header that cannot be read, for both headers at once, and for
/// `If-None-Match` with anything but `*`, which has no use on a write.
pub(super) fn of_write(headers: &HeaderMap) -> Result<Precondition, Problem> {
    match (read(headers, IF_MATCH, "If-Match")?, read(headers, IF_NONE_MATCH, "If-None-Match")?) {
        (None, None) => Ok(Precondition::None),
        (Some(Tags::Any), None) => Ok(Precondition::MustExist),
        (Some(Tags::List(tags)), None) => {
            Ok(Precondition::VersionIn(tags.into_iter().filter_map(Tag::strong).collect()))
        }
        (None, Some(Tags::Any)) => Ok(Precondition::MustNotExist),
        (None, Some(Tags::List(_))) => {
            Err(refused("If-None-Match", "must be * on a request that writes"))
        }
        (Some(_), Some(_)) => {
            Err(refused("If-None-Match", "cannot be given together with If-Match"))
        }
    }
}

/// Refuses preconditions on a request that makes a note under a new id: there
/// is nothing yet that they could be about.
///
/// # Errors
/// 400 naming the header.
pub(super) fn none(headers: &HeaderMap) -> Result<(), Problem> {
    let names = [(IF_MATCH, "If-Match"), (IF_NONE_MATCH, "If-None-Match")];
    match names.into_iter().find(|(name, _)| headers.contains_key(name)) {
        Some((_, label)) => {
            Err(refused(label, "cannot be met: the service chooses the id of a new note"))
        }
        None => Ok(()),
    }
}

/// What a GET expects of the note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadConditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// What the conditions of a GET make of a note that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it (200).
    Send,
    /// The client has it already (304).
    NotModified,
    /// It is not what the client expects (412).
    Failed,
}

impl ReadConditions {
    /// Reads both headers.
    ///
    /// # Errors
    /// 400 for a header that cannot be read.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            if_match: read(headers, IF_MATCH, "If-Match")?,
            if_none_match: read(headers, IF_NONE_MATCH, "If-None-Match")?,
        })
    }

    /// Judges a note at that version, in the order of RFC 9110, section 13.2.2.
    /// Where the version is not known for sure, only `*` is judged.
    pub(super) fn judge(&self, version: Option<Version>) -> Verdict {
        let lists = |tags: &Tags, by: fn(Tag) -> Option<Version>, unsure: bool| match tags {
            Tags::Any => true,
            Tags::List(tags) => {
                version.map_or(unsure, |version| tags.iter().any(|tag| by(*tag) == Some(version)))
            }
        };
        if self.if_match.as_ref().is_some_and(|tags| !lists(tags, Tag::strong, true)) {
            Verdict::Failed
        } else if self.if_none_match.as_ref().is_some_and(|tags| lists(tags, Tag::weak, false)) {
            Verdict::NotModified
        } else {
            Verdict::Send
        }
    }
}

/// The tags of a header, all its lines as one list.
fn read(
    headers: &HeaderMap,
    name: HeaderName,
    label: &'static str,
) -> Result<Option<Tags>, Problem> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(|line| line.as_bytes()).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    Tags::parse(&lines.join(&b',')).map(Some).map_err(|reason| refused(label, reason))
}

fn refused(header: &'static str, reason: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::malformed([InputError::header(header, reason)])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.clone(), value.parse().unwrap());
        }
        headers
    }

    fn versions(numbers: &[u64]) -> Precondition {
        Precondition::VersionIn(numbers.iter().filter_map(|n| Version::new(*n)).collect())
    }

    #[rstest]
    #[case(&[], Precondition::None)]
    #[case(&[(IF_MATCH, "*")], Precondition::MustExist)]
    #[case(&[(IF_NONE_MATCH, "*")], Precondition::MustNotExist)]
    #[case(&[(IF_MATCH, "\"3\", \"4\"")], versions(&[3, 4]))]
    #[case::two_lines(&[(IF_MATCH, "\"3\""), (IF_MATCH, "\"4\"")], versions(&[3, 4]))]
    #[case::weak_never_matches(&[(IF_MATCH, "W/\"3\"")], versions(&[]))]
    #[case::not_ours(&[(IF_MATCH, "\"abc\"")], versions(&[]))]
    fn a_write_expects(
        #[case] lines: &[(HeaderName, &'static str)],
        #[case] expected: Precondition,
    ) {
        assert_eq!(of_write(&headers(lines)).unwrap(), expected);
    }

    #[rstest]
    #[case(&[(IF_MATCH, "3")])]
    #[case(&[(IF_MATCH, "")])]
    #[case(&[(IF_MATCH, "*"), (IF_MATCH, "\"1\"")])]
    #[case(&[(IF_NONE_MATCH, "\"3\"")])]
    #[case(&[(IF_NONE_MATCH, "*"), (IF_MATCH, "*")])]
    fn a_write_cannot_expect(#[case] lines: &[(HeaderName, &'static str)]) {
        assert!(of_write(&headers(lines)).is_err());
    }

    #[rstest]
    #[case(IF_MATCH)]
    #[case(IF_NONE_MATCH)]
    fn a_new_note_has_no_preconditions(#[case] name: HeaderName) {
        assert!(none(&headers(&[])).is_ok());
        assert!(none(&headers(&[(name, "*")])).is_err());
    }

    #[rstest]
    #[case(&[], Verdict::Send)]
    #[case(&[(IF_NONE_MATCH, "\"2\"")], Verdict::Send)]
    #[case(&[(IF_NONE_MATCH, "\"3\"")], Verdict::NotModified)]
    #[case(&[(IF_NONE_MATCH, "W/\"3\"")], Verdict::NotModified)]
    #[case(&[(IF_NONE_MATCH, "\"1\", \"3\"")], Verdict::NotModified)]
    #[case(&[(IF_NONE_MATCH, "*")], Verdict::NotModified)]
    #[case(&[(IF_MATCH, "\"3\"")], Verdict::Send)]
    #[case(&[(IF_MATCH, "W/\"3\"")], Verdict::Failed)]
    #[case(&[(IF_MATCH, "\"2\""), (IF_NONE_MATCH, "\"3\"")], Verdict::Failed)]
    fn a_read_at_version_3(#[case] lines: &[(HeaderName, &'static str)], #[case] verdict: Verdict) {
        let conditions = ReadConditions::read(&headers(lines)).unwrap();
        assert_eq!(conditions.judge(Version::new(3)), verdict);
    }

    #[rstest]
    #[case(&[], Verdict::Send)]
    #[case(&[(IF_NONE_MATCH, "\"3\"")], Verdict::Send)]
    #[case(&[(IF_NONE_MATCH, "*")], Verdict::NotModified)]
    #[case(&[(IF_MATCH, "\"2\"")], Verdict::Send)]
    #[case(&[(IF_MATCH, "*")], Verdict::Send)]
    fn a_read_at_a_version_that_is_not_known_for_sure(
        #[case] lines: &[(HeaderName, &'static str)],
        #[case] verdict: Verdict,
    ) {
        let conditions = ReadConditions::read(&headers(lines)).unwrap();
        assert_eq!(conditions.judge(None), verdict);
    }
}

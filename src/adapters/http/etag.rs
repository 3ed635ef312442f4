//! Entity tags (RFC 9110, section 8.8.3): the version of a note in quotes.

use axum::http::HeaderValue;

use crate::domain::Version;

/// A header may list so many tags; a client has seen only few versions.
const MAX_TAGS: usize = 32;

/// The tag of a note at that version, for example `"3"`.
pub(super) fn of(version: Version) -> HeaderValue {
    let tag = format!("\"{version}\"");
    // A number in quotes is always a header value.
    HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// What `If-Match` or `If-None-Match` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// `*`
    Any,
    /// One or more tags.
    List(Vec<Tag>),
}

/// One tag of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Whether it was marked as weak (`W/`).
    weak: bool,
    /// The version that it names, `None` when no note ever has this tag.
    version: Option<Version>,
}

impl Tag {
    /// The version by strong comparison: a weak tag never matches.
    pub(super) fn strong(self) -> Option<Version> {
        self.version.filter(|_| !self.weak)
    }

    /// The version by weak comparison.
    pub(super) fn weak(self) -> Option<Version> {
        self.version
    }
}

impl Tags {
    /// Reads the value of a header: `*`, or a list of tags in which elements
    /// may be empty (RFC 9110, section 5.6.1.2).
    ///
    /// # Errors
    /// What is wrong with it, as a phrase.
    pub(super) fn parse(value: &[u8]) -> Result<Self, String> {
        if value.trim_ascii() == b"*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = value.trim_ascii();
        while !rest.is_empty() {
            if let Some((b',', after)) = rest.split_first() {
                rest = after.trim_ascii_start();
                continue;
            }
            let (tag, after) =
                take_tag(rest).ok_or("is neither * nor a list of entity tags in quotes")?;
            tags.push(tag);
            if tags.len() > MAX_TAGS {
                return Err(format!("lists more than {MAX_TAGS} entity tags"));
            }
            rest = after.trim_ascii_start();
            if !matches!(rest.first(), None | Some(b',')) {
                return Err("has entity tags that are not separated by commas".to_owned());
            }
        }
        if tags.is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(Self::List(tags))
    }
}

/// The tag at the start of a text and what follows it.
fn take_tag(text: &[u8]) -> Option<(Tag, &[u8])> {
    let (weak, quoted) = match text.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let inside = quoted.strip_prefix(b"\"")?;
    let end = inside.iter().position(|byte| *byte == b'"')?;
    let (opaque, after) = inside.split_at_checked(end)?;
    if !opaque.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)) {
        return None;
    }
    Some((Tag { weak, version: version(opaque) }, after.strip_prefix(b"\"")?))
}

/// The version of which that is the tag, character by character.
fn version(opaque: &[u8]) -> Option<Version> {
    let version = Version::new(std::str::from_utf8(opaque).ok()?.parse().ok()?)?;
    (version.to_string().as_bytes() == opaque).then_some(version)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn strong(number: u64) -> Tag {
        Tag { weak: false, version: Version::new(number) }
    }

    fn weak(number: u64) -> Tag {
        Tag { weak: true, version: Version::new(number) }
    }

    #[rstest]
    #[case(b"\"1\"", vec![strong(1)])]
    #[case(b" \"1\" , W/\"2\",\"3\"", vec![strong(1), weak(2), strong(3)])]
    #[case(b",\"1\",,\"2\",", vec![strong(1), strong(2)])]
    #[case::never_ours(b"\"01\", \"+1\", \"x\", \"\", \"0\", \"9223372036854775808\"", vec![strong(0); 6])]
    #[case::a_comma_inside(b"\"1,2\"", vec![strong(0)])]
    fn lists_are_read(#[case] value: &[u8], #[case] tags: Vec<Tag>) {
        assert_eq!(Tags::parse(value), Ok(Tags::List(tags)));
    }

    #[rstest]
    #[case(b"*")]
    #[case(b" * ")]
    fn a_star_is_any(#[case] value: &[u8]) {
        assert_eq!(Tags::parse(value), Ok(Tags::Any));
    }

    #[rstest]
    #[case(b"")]
    #[case(b" , ,")]
    #[case(b"1")]
    #[case(b"\"1")]
    #[case(b"1\"")]
    #[case(b"w/\"1\"")]
    #[case(b"W/ \"1\"")]
    #[case(b"\"1\" \"2\"")]
    #[case(b"\"1\"\"2\"")]
    #[case(b"*, \"1\"")]
    #[case(b"\"1\", *")]
    #[case(b"\"a b\"")]
    #[case(b"**")]
    fn anything_else_is_refused(#[case] value: &[u8]) {
        assert!(Tags::parse(value).is_err(), "{:?}", String::from_utf8_lossy(value));
    }

    #[test]
    fn a_list_holds_32_tags() {
        let list = |len: usize| vec!["\"1\""; len].join(",");
        assert!(Tags::parse(list(32).as_bytes()).is_ok());
        assert!(Tags::parse(list(33).as_bytes()).is_err());
    }

    #[test]
    fn comparison_is_strong_or_weak() {
        assert_eq!(strong(3).strong(), Version::new(3));
        assert_eq!(weak(3).strong(), None);
        assert_eq!(weak(3).weak(), Version::new(3));
    }

    #[test]
    fn a_version_is_its_own_tag() {
        let tag = of(Version::FIRST);
        assert_eq!(tag, "\"1\"");
        assert_eq!(Tags::parse(tag.as_bytes()), Ok(Tags::List(vec![strong(1)])));
    }
}

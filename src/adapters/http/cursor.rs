//! Cursors: where the next page of a list starts, opaque to clients.
//!
//! A cursor is the base64url form (RFC 4648, section 5, without padding) of
//!
//! | bytes | content |
//! | --- | --- |
//! | 1 | version of this form, 1 |
//! | 1 | sort: bit 0 is the key (created, updated), bit 1 is set when descending |
//! | 4 | CRC32C of the filters, big-endian |
//! | 8 | time of the last note of the page: seconds since 1970, big-endian, signed |
//! | 4 | its nanoseconds, big-endian |
//! | 1 to 64 | its key |
//!
//! The sort and the filters are in it so that a cursor is refused by any list
//! but its own, where it would skip notes without a word. It is not a secret
//! and not signed: it can name any place in the list, and that harms nobody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;

use crate::domain::NoteId;
use crate::ports::{After, NoteQuery, Sort, SortKey};

const VERSION: u8 = 1;

/// The cursor of the page of that list that starts after that place.
pub(super) fn encode(list: &NoteQuery, after: &After) -> String {
    let mut bytes = vec![VERSION, sort_byte(list.sort)];
    bytes.extend(filters(list).to_be_bytes());
    bytes.extend(after.at.timestamp().to_be_bytes());
    bytes.extend(after.at.timestamp_subsec_nanos().to_be_bytes());
    bytes.extend(after.id.key().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place in that list that a cursor names.
///
/// # Errors
/// What is wrong with it, as a phrase.
pub(super) fn decode(list: &NoteQuery, cursor: &str) -> Result<After, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| UNKNOWN)?;
    let (&[version, sort], rest) = bytes.split_first_chunk().ok_or(UNKNOWN)?;
    if version != VERSION {
        return Err(UNKNOWN);
    }
    let (digest, rest) = rest.split_first_chunk().ok_or(UNKNOWN)?;
    let (seconds, rest) = rest.split_first_chunk().ok_or(UNKNOWN)?;
    let (nanoseconds, key) = rest.split_first_chunk().ok_or(UNKNOWN)?;
    let at =
        DateTime::from_timestamp(i64::from_be_bytes(*seconds), u32::from_be_bytes(*nanoseconds));
    let at = at.ok_or(UNKNOWN)?;
    let key = std::str::from_utf8(key).map_err(|_| UNKNOWN)?;
    let id = NoteId::from_key(key).map_err(|_| UNKNOWN)?;
    if sort != sort_byte(list.sort) {
        return Err("belongs to a list with another sort");
    }
    if u32::from_be_bytes(*digest) != filters(list) {
        return Err("belongs to a list with another author or tag");
    }
    Ok(After { at, id })
}

const UNKNOWN: &str = "is not a cursor of this service";

fn sort_byte(sort: Sort) -> u8 {
    let key = match sort.key {
        SortKey::CreatedAt => 0,
        SortKey::UpdatedAt => 1,
    };
    key | u8::from(sort.descending) << 1
}

/// A digest of the filters in which "absent" and "empty" differ, and in which
/// no character can move from one filter to the other.
fn filters(list: &NoteQuery) -> u32 {
    [&list.author, &list.tag].into_iter().fold(0, |crc, filter| match filter {
        None => crc32c::crc32c_append(crc, &[0]),
        Some(text) => {
            let crc = crc32c::crc32c_append(crc, &[1]);
            let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let crc = crc32c::crc32c_append(crc, &len.to_be_bytes());
            crc32c::crc32c_append(crc, text.as_bytes())
        }
    })
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn list(author: Option<&str>, tag: Option<&str>, key: SortKey, descending: bool) -> NoteQuery {
        NoteQuery {
            author: author.map(str::to_owned),
            tag: tag.map(str::to_owned),
            sort: Sort { key, descending },
            limit: 50,
            after: None,
        }
    }

    fn place() -> After {
        let at = DateTime::<Utc>::from_timestamp(1_700_000_000, 123_456_789).unwrap();
        After { at, id: NoteId::from_key("abc").unwrap() }
    }

    #[test]
    fn the_form_is_fixed() {
        let list = list(Some("ann"), None, SortKey::UpdatedAt, true);
        let cursor = encode(&list, &place());
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        assert_eq!(bytes[..2], [1, 3]);
        assert_eq!(bytes[6..14], 1_700_000_000_u64.to_be_bytes());
        assert_eq!(bytes[14..18], 123_456_789_u32.to_be_bytes());
        assert_eq!(&bytes[18..], b"abc");
    }

    #[rstest]
    #[case::sort(list(Some("ann"), Some("x"), SortKey::CreatedAt, false))]
    #[case::key(list(Some("ann"), Some("x"), SortKey::UpdatedAt, true))]
    #[case::author(list(Some("bob"), Some("x"), SortKey::CreatedAt, true))]
    #[case::no_author(list(None, Some("x"), SortKey::CreatedAt, true))]
    #[case::tag(list(Some("ann"), Some("y"), SortKey::CreatedAt, true))]
    #[case::moved(list(Some("annx"), Some(""), SortKey::CreatedAt, true))]
    fn another_list_refuses(#[case] other: NoteQuery) {
        let own = list(Some("ann"), Some("x"), SortKey::CreatedAt, true);
        let cursor = encode(&own, &place());
        assert_eq!(decode(&own, &cursor), Ok(place()));
        assert!(decode(&other, &cursor).unwrap_err().starts_with("belongs to a list"));
        // The size of a page may change on the way.
        assert_eq!(decode(&NoteQuery { limit: 7, ..own }, &cursor), Ok(place()));
    }

    #[rstest]
    #[case("")]
    #[case("=")]
    #[case("AQ")]
    #[case("not a cursor")]
    #[case::version_2("AgIAAAAAAAAAAGVT8QAHW80VYWJj")]
    fn anything_else_is_refused(#[case] cursor: &str) {
        let list = list(None, None, SortKey::CreatedAt, true);
        assert_eq!(decode(&list, cursor), Err(UNKNOWN));
    }

    proptest! {
        #[test]
        fn every_place_round_trips(
            seconds in -8_000_000_000_000_i64..8_000_000_000_000,
            nanos in 0..1_000_000_000_u32,
            key in "[A-Za-z0-9_-]{1,64}",
        ) {
            let at = DateTime::from_timestamp(seconds, nanos).unwrap();
            let after = After { at, id: NoteId::from_key(key).unwrap() };
            let list = list(None, None, SortKey::CreatedAt, true);
            prop_assert_eq!(decode(&list, &encode(&list, &after)), Ok(after));
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = decode(&list(None, None, SortKey::CreatedAt, true), &text);
        }
    }
}

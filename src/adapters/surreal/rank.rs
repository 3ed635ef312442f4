//! The order of lists as a text.
//!
//! A list is ordered by a time and then by id. The rank of a note holds both,
//! so one index, one comparison and one direction serve a page of it. Ranks are
//! ordered from the latest to the earliest: that list is asked for most, and
//! only a forward scan is fast (see the traps in the module documentation).
//!
//! | part | characters | holds |
//! | --- | --- | --- |
//! | seconds | 16 hexadecimal | the complement of the Unix time, sign flipped |
//! | nanoseconds | 8 hexadecimal | the complement |
//! | key | 1 to 64 | each character mirrored in the alphabet of keys |
//! | end | `~` | sorts after every character: a longer key comes first |

use chrono::{DateTime, Utc};

use crate::domain::NoteId;

/// The characters of a key, in order.
const ALPHABET: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// The place of a note among all notes, by that time: the later, the smaller.
pub(super) fn rank(at: DateTime<Utc>, id: &NoteId) -> String {
    let seconds = !(at.timestamp().cast_unsigned() ^ (1 << 63));
    let nanoseconds = !at.timestamp_subsec_nanos();
    let mut rank = format!("{seconds:016x}{nanoseconds:08x}");
    rank.extend(id.key().bytes().map(mirrored));
    rank.push('~');
    rank
}

fn mirrored(byte: u8) -> char {
    let place = ALPHABET.iter().position(|&letter| letter == byte);
    let mirror = place.and_then(|place| ALPHABET.iter().rev().nth(place));
    // A key has no other characters; they would only sort last.
    mirror.map_or('~', |&letter| char::from(letter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_alphabet_is_in_order() {
        assert!(ALPHABET.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_bytes_are_fixed() {
        let at = DateTime::from_timestamp(1, 2).unwrap();
        let rank = rank(at, &NoteId::from_key("-z_0").unwrap());
        assert_eq!(rank, "7ffffffffffffffefffffffdz-Py~");
    }

    fn places() -> impl Strategy<Value = (DateTime<Utc>, NoteId)> {
        // Few values, so that ties and common prefixes are common.
        (-2_i64..3, 0_u32..3, "[-0Az_]{1,3}").prop_map(|(seconds, nanoseconds, key)| {
            let at = DateTime::from_timestamp(seconds, nanoseconds).unwrap();
            (at, NoteId::from_key(key).unwrap())
        })
    }

    proptest! {
        #[test]
        fn ranks_are_ordered_from_the_latest_to_the_earliest(a in places(), b in places()) {
            prop_assert_eq!(rank(b.0, &b.1).cmp(&rank(a.0, &a.1)), a.cmp(&b));
        }
    }
}

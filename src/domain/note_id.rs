//! The identifier of a note.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest key, in bytes (every allowed character is one byte).
const MAX_KEY_BYTES: usize = 64;

/// Identifies one note: the collection `notes` and a key of 1 to 64 characters
/// of `[A-Za-z0-9_-]`.
///
/// Its text form is `notes:<key>`. Parsing is strict and round-trips: for every
/// id, `id.to_string().parse() == Ok(id)`, and no two texts name the same id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoteId {
    key: String,
}

impl NoteId {
    /// The collection that every note belongs to.
    pub const COLLECTION: &'static str = "notes";

    /// An id from its bare key.
    ///
    /// # Errors
    /// [`ParseNoteIdError`] when the key is empty, longer than 64 characters or
    /// has a character outside `[A-Za-z0-9_-]`.
    pub fn from_key(key: impl Into<String>) -> Result<Self, ParseNoteIdError> {
        let key = key.into();
        if key.is_empty() {
            return Err(ParseNoteIdError::EmptyKey);
        }
        if let Some(found) = key.chars().find(|c| !is_key_char(*c)) {
            return Err(ParseNoteIdError::BadCharacter { found });
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(ParseNoteIdError::KeyTooLong { chars: key.len() });
        }
        Ok(Self { key })
    }

    /// The id that stands for that of a note which is not known. Its text is not
    /// one that can be parsed, so no note has it.
    pub(super) fn unknown() -> Self {
        Self { key: "?".to_owned() }
    }

    /// The bare key, without the collection.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

impl fmt::Display for NoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Self::COLLECTION, self.key)
    }
}

impl FromStr for NoteId {
    type Err = ParseNoteIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (collection, key) = text.split_once(':').ok_or(ParseNoteIdError::NoCollection)?;
        if collection != Self::COLLECTION {
            return Err(ParseNoteIdError::OtherCollection);
        }
        Self::from_key(key)
    }
}

impl TryFrom<String> for NoteId {
    type Error = ParseNoteIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NoteId> for String {
    fn from(id: NoteId) -> Self {
        id.to_string()
    }
}

/// Why a text is not a note id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseNoteIdError {
    /// There is no colon: the collection is missing.
    #[error("a note id has the form notes:<key>")]
    NoCollection,
    /// The part before the first colon is not `notes`.
    #[error("the collection of a note id is \"notes\"")]
    OtherCollection,
    /// Nothing follows the colon.
    #[error("the key of a note id has at least one character")]
    EmptyKey,
    /// The key is longer than 64 characters.
    #[error("the key of a note id has at most 64 characters, this one has {chars}")]
    KeyTooLong {
        /// How many it has.
        chars: usize,
    },
    /// A character outside `[A-Za-z0-9_-]`, a second colon included.
    #[error("the key of a note id consists of A-Z, a-z, 0-9, '_' and '-', not {found:?}")]
    BadCharacter {
        /// The first such character.
        found: char,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_colon("abc", ParseNoteIdError::NoCollection)]
    #[case::empty("", ParseNoteIdError::NoCollection)]
    #[case::other_collection("note:abc", ParseNoteIdError::OtherCollection)]
    #[case::case_matters("Notes:abc", ParseNoteIdError::OtherCollection)]
    #[case::leading_space(" notes:abc", ParseNoteIdError::OtherCollection)]
    #[case::empty_key("notes:", ParseNoteIdError::EmptyKey)]
    #[case::two_colons("notes:a:b", ParseNoteIdError::BadCharacter { found: ':' })]
    #[case::quoted("notes:⟨a⟩", ParseNoteIdError::BadCharacter { found: '⟨' })]
    #[case::newline("notes:a\n", ParseNoteIdError::BadCharacter { found: '\n' })]
    fn strict_parsing_refuses(#[case] text: &str, #[case] why: ParseNoteIdError) {
        assert_eq!(text.parse::<NoteId>(), Err(why));
    }

    #[test]
    fn a_key_has_1_to_64_characters() {
        assert!(NoteId::from_key("a").is_ok());
        assert!(NoteId::from_key("a".repeat(64)).is_ok());
        assert_eq!(
            NoteId::from_key("a".repeat(65)),
            Err(ParseNoteIdError::KeyTooLong { chars: 65 })
        );
    }

    proptest! {
        #[test]
        fn every_id_round_trips(key in "[A-Za-z0-9_-]{1,64}") {
            let id = NoteId::from_key(key.clone()).unwrap();
            prop_assert_eq!(id.key(), &key);
            prop_assert_eq!(id.to_string().parse::<NoteId>().unwrap(), id);
        }

        #[test]
        fn what_parses_is_its_own_text(text in any::<String>()) {
            if let Ok(id) = text.parse::<NoteId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}

//! How a command is known: the log that holds it and its place in that log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Identifies one command log, for as long as its history is one history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogId(Uuid);

impl LogId {
    /// A log id from its UUID.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    #[must_use]
    pub fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

impl FromStr for LogId {
    type Err = ParseCommandIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uuid = Uuid::try_parse(text).map_err(|_| ParseCommandIdError)?;
        let id = Self(uuid);
        // Uuid reads five spellings; only the one we print names a log.
        if id.to_string() == text { Ok(id) } else { Err(ParseCommandIdError) }
    }
}

/// The place of a command in its log: 1 for the first, without holes.
///
/// [`Sequence::ZERO`] is the place before the first command, as in "applied up
/// to".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(u64);

impl Sequence {
    /// Before the first command.
    pub const ZERO: Self = Self(0);
    /// The first command of a log.
    pub const FIRST: Self = Self(1);

    /// A sequence from its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The place before this one; [`Sequence::ZERO`] has none and stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many commands lie after `earlier` up to and including this one; 0
    /// when there are none.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies one command on every instance that shares a database.
///
/// Its text form is `<log id>-<sequence>`: 32 hexadecimal digits, a hyphen and a
/// decimal number. Parsing is strict and round-trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandId {
    /// The log that holds the command.
    pub log: LogId,
    /// Its place there.
    pub seq: Sequence,
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.log, self.seq)
    }
}

impl FromStr for CommandId {
    type Err = ParseCommandIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (log, seq) = text.split_once('-').ok_or(ParseCommandIdError)?;
        let number: u64 = seq.parse().map_err(|_| ParseCommandIdError)?;
        let id = Self { log: log.parse()?, seq: Sequence(number) };
        if number == 0 || id.to_string() != text {
            return Err(ParseCommandIdError);
        }
        Ok(id)
    }
}

impl TryFrom<String> for CommandId {
    type Error = ParseCommandIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CommandId> for String {
    fn from(id: CommandId) -> Self {
        id.to_string()
    }
}

/// A text that is not a command id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a command id has the form <32 hexadecimal digits>-<sequence>")]
pub struct ParseCommandIdError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("")]
    #[case("0123456789abcdef0123456789abcdef")]
    #[case("0123456789abcdef0123456789abcdef-")]
    #[case("0123456789abcdef0123456789abcdef-0")]
    #[case("0123456789abcdef0123456789abcdef-01")]
    #[case("0123456789abcdef0123456789abcdef-+1")]
    #[case("0123456789ABCDEF0123456789abcdef-1")]
    #[case("01234567-89ab-cdef-0123-456789abcdef-1")]
    #[case("0123456789abcdef0123456789abcdef-18446744073709551616")]
    fn strict_parsing_refuses(#[case] text: &str) {
        assert_eq!(text.parse::<CommandId>(), Err(ParseCommandIdError));
    }

    proptest! {
        #[test]
        fn every_id_round_trips(log in any::<u128>(), seq in 1..=u64::MAX) {
            let id = CommandId { log: LogId::from_uuid(Uuid::from_u128(log)), seq: Sequence(seq) };
            prop_assert_eq!(id.to_string().parse::<CommandId>(), Ok(id));
        }
    }
}

//! How an envelope becomes the payload of a frame.

use std::fmt;
use std::str::FromStr;

use super::envelope::Envelope;
use crate::domain::Submission;

/// How the payloads of a segment are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadFormat {
    /// JSON (RFC 8259): larger, and readable without Daybook.
    Json,
    /// CBOR (RFC 8949).
    #[default]
    Cbor,
    /// Bincode 2 in its standard configuration: values without names, so it is
    /// the smallest and read by programs that know the envelope only.
    Bincode,
    /// MessagePack, with the names that JSON and CBOR have.
    MessagePack,
}

/// Little-endian, integers as short as they are. The limit keeps a length in a
/// bad payload from reserving memory; integers count in full against it, hence
/// eight times what a frame holds.
const BINCODE: BincodeConfiguration = bincode_next::config::standard().with_limit();

type BincodeConfiguration = bincode_next::config::Configuration<
    bincode_next::config::LittleEndian,
    bincode_next::config::Varint,
    bincode_next::config::Limit<{ 8 * super::MAX_PAYLOAD_BYTES as usize }>,
>;

impl PayloadFormat {
    /// All of them, by their numbers.
    pub const ALL: [Self; 4] = [Self::Json, Self::Cbor, Self::Bincode, Self::MessagePack];

    /// Its number in a segment header.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Json => 1,
            Self::Cbor => 2,
            Self::Bincode => 3,
            Self::MessagePack => 4,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.number() == number)
    }

    /// Its name in settings and in what commands print.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cbor => "cbor",
            Self::Bincode => "bincode",
            Self::MessagePack => "messagepack",
        }
    }

    /// The payload for a submission.
    ///
    /// # Errors
    /// [`CodecError::Encode`], when the format has no bytes for it.
    pub fn encode(self, submission: &Submission) -> Result<Vec<u8>, CodecError> {
        let envelope = Envelope::from(submission);
        match self {
            Self::Json => serde_json::to_vec(&envelope).map_err(|_| CodecError::Encode),
            Self::Cbor => {
                let mut payload = Vec::new();
                ciborium::into_writer(&envelope, &mut payload).map_err(|_| CodecError::Encode)?;
                Ok(payload)
            }
            Self::Bincode => bincode_next::serde::encode_to_vec(&envelope, BINCODE)
                .map_err(|_| CodecError::Encode),
            Self::MessagePack => rmp_serde::to_vec_named(&envelope).map_err(|_| CodecError::Encode),
        }
    }

    /// The submission in a payload, which must hold nothing else.
    ///
    /// # Errors
    /// When it is no payload in this format.
    pub fn decode(self, payload: &[u8]) -> Result<Submission, CodecError> {
        // What the libraries say of a bad payload may quote the note in it, so
        // it is left out.
        let mut rest = payload;
        let envelope: Option<Envelope> = match self {
            Self::Json => {
                rest = &[];
                serde_json::from_slice(payload).ok()
            }
            Self::Cbor => ciborium::from_reader(&mut rest).ok(),
            Self::Bincode => bincode_next::serde::decode_from_slice(payload, BINCODE).ok().map(
                |(envelope, read)| {
                    rest = payload.get(read..).unwrap_or_default();
                    envelope
                },
            ),
            Self::MessagePack => rmp_serde::from_read(&mut rest).ok(),
        };
        let envelope = envelope.filter(|_| rest.is_empty()).ok_or(CodecError::Decode(self))?;
        Submission::try_from(envelope).map_err(CodecError::Envelope)
    }
}

impl fmt::Display for PayloadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PayloadFormat {
    type Err = UnknownPayloadFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or(UnknownPayloadFormat)
    }
}

/// A text that names no payload format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload format is json, cbor, bincode or messagepack")]
pub struct UnknownPayloadFormat;

/// Why a payload could not be made or read. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The command could not be encoded.
    #[error("the command cannot be encoded")]
    Encode,
    /// The payload is not an envelope in that format.
    #[error("the payload is not an envelope that this build knows, in {0}")]
    Decode(PayloadFormat),
    /// A value in the envelope is not one that a command can have.
    #[error("the envelope holds a bad {0}")]
    Envelope(&'static str),
}

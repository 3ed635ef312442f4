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
}

impl PayloadFormat {
    /// Its number in a segment header. 3 (Bincode) and 4 (MessagePack) are
    /// reserved.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Json => 1,
            Self::Cbor => 2,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::Json, Self::Cbor].into_iter().find(|format| format.number() == number)
    }

    /// The payload for a submission.
    pub(super) fn encode(self, submission: &Submission) -> Result<Vec<u8>, CodecError> {
        let envelope = Envelope::from(submission);
        match self {
            Self::Json => serde_json::to_vec(&envelope).map_err(|_| CodecError::Encode),
            Self::Cbor => {
                let mut payload = Vec::new();
                ciborium::into_writer(&envelope, &mut payload).map_err(|_| CodecError::Encode)?;
                Ok(payload)
            }
        }
    }

    /// The submission in a payload, which must hold nothing else.
    pub(super) fn decode(self, payload: &[u8]) -> Result<Submission, CodecError> {
        // What the libraries say of a bad payload may quote the note in it, so
        // it is left out.
        let envelope: Envelope = match self {
            Self::Json => serde_json::from_slice(payload).map_err(|_| CodecError::Decode(self))?,
            Self::Cbor => {
                let mut rest = payload;
                let envelope =
                    ciborium::from_reader(&mut rest).map_err(|_| CodecError::Decode(self))?;
                if !rest.is_empty() {
                    return Err(CodecError::Decode(self));
                }
                envelope
            }
        };
        Submission::try_from(envelope).map_err(CodecError::Envelope)
    }
}

impl fmt::Display for PayloadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Cbor => "cbor",
        })
    }
}

impl FromStr for PayloadFormat {
    type Err = UnknownPayloadFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "cbor" => Ok(Self::Cbor),
            _ => Err(UnknownPayloadFormat),
        }
    }
}

/// A text that names no payload format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload format is \"json\" or \"cbor\"")]
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

//! From the trace id of a request to the one of a collector.

use opentelemetry::trace::TraceId;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The id of that trace: 32 hexadecimal digits as they are, a UUID without its
/// hyphens, and the beginning of the SHA-256 of whatever else a client has called
/// its request. It is the same in every process.
pub(super) fn trace_id(text: &str) -> TraceId {
    match Uuid::try_parse(text) {
        Ok(uuid) if !uuid.is_nil() => TraceId::from_bytes(uuid.into_bytes()),
        _ => {
            let digest = Sha256::digest(text.as_bytes());
            let mut bytes = [0; 16];
            bytes.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
            TraceId::from_bytes(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736")]
    #[case("7f0cdde2-8661-4448-9502-c91751673e26", "7f0cdde2866144489502c91751673e26")]
    #[case("00000000-0000-0000-0000-000000000000", "12b9377cbe7e5c94e8a70d9d23929523")]
    #[case("req-1", "9456bdfa12ea76959c94a3572f5d91c7")]
    fn ids(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(trace_id(text).to_string(), expected);
    }
}

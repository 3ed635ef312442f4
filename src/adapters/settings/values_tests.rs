//! What the values of settings parse to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rstest::rstest;

use super::{
    BindAddress, ByteSize, Count, Endpoint, LogFormat, LogSync, TimeSpan, UnavailableTimeout,
};

#[rstest]
#[case("0", 0)]
#[case("30", 30_000)]
#[case("30s", 30_000)]
#[case("30 s", 30_000)]
#[case("500ms", 500)]
#[case("5m", 300_000)]
#[case("1h", 3_600_000)]
#[case("24h", 86_400_000)]
fn times(#[case] text: &str, #[case] milliseconds: u64) {
    assert_eq!(text.parse::<TimeSpan>().unwrap().get(), Duration::from_millis(milliseconds));
}

#[rstest]
#[case("")]
#[case("s")]
#[case("-1")]
#[case("1.5")]
#[case("1d")]
#[case("1S")]
#[case("86401")]
#[case("18446744073709551616")]
#[case("18446744073709551615h")]
fn no_times(#[case] text: &str) {
    assert!(text.parse::<TimeSpan>().is_err());
}

#[test]
fn a_time_prints_as_it_parses() {
    for text in ["0s", "30s", "500ms", "1500ms"] {
        assert_eq!(text.parse::<TimeSpan>().unwrap().to_string(), text);
    }
}

#[rstest]
#[case("0", 0)]
#[case("65536", 65_536)]
#[case("1B", 1)]
#[case("64 KiB", 65_536)]
#[case("64KiB", 65_536)]
#[case("64 MiB", 67_108_864)]
#[case("1 GiB", 1_073_741_824)]
fn sizes(#[case] text: &str, #[case] bytes: u64) {
    assert_eq!(text.parse::<ByteSize>().unwrap().get(), bytes);
}

#[rstest]
#[case("MiB")]
#[case("64 MB")]
#[case("64 mib")]
#[case("1.5 GiB")]
#[case("8589934592 GiB")]
#[case("9223372036854775808")]
fn no_sizes(#[case] text: &str) {
    assert!(text.parse::<ByteSize>().is_err());
}

#[test]
fn never_is_longer_than_any_time() {
    let never: UnavailableTimeout = "never".parse().unwrap();
    let day: UnavailableTimeout = "24h".parse().unwrap();
    assert_eq!(never.get(), None);
    assert!(never > day);
    assert!("Never".parse::<UnavailableTimeout>().is_err());
}

#[rstest]
#[case("127.0.0.1:0", true)]
#[case("localhost:8080", true)]
#[case("[::1]:8080", true)]
#[case("0.0.0.0:65535", true)]
#[case("::1:8080", false)]
#[case("[::g]:8080", false)]
#[case(":8080", false)]
#[case("localhost", false)]
#[case("localhost:65536", false)]
#[case("http://localhost:80", false)]
fn addresses(#[case] text: &str, #[case] accepted: bool) {
    assert_eq!(text.parse::<BindAddress>().is_ok(), accepted);
}

#[rstest]
#[case("surrealkv://", Endpoint::UnderDataDir, "surrealkv:///srv/daybook/database")]
#[case("surrealkv://kv", Endpoint::SurrealKv(PathBuf::from("kv")), "surrealkv://kv")]
#[case("surrealkv:///srv/kv", Endpoint::SurrealKv(PathBuf::from("/srv/kv")), "surrealkv:///srv/kv")]
#[case("mem://", Endpoint::Memory, "mem://")]
fn endpoints(#[case] text: &str, #[case] endpoint: Endpoint, #[case] url: &str) {
    assert_eq!(text.parse::<Endpoint>().unwrap(), endpoint);
    assert_eq!(endpoint.url(Path::new("/srv/daybook")), url);
}

#[rstest]
#[case("mem")]
#[case("mem://x")]
#[case("rocksdb://x")]
#[case("surrealkv://x?sync=never")]
#[case("wss://user:s3cret@host")]
fn no_endpoints_and_no_secrets_told(#[case] text: &str) {
    let reason = text.parse::<Endpoint>().unwrap_err();
    assert!(!reason.contains("s3cret"), "{reason}");
}

#[test]
fn formats_and_sync_policies() {
    assert_eq!("cbor".parse(), Ok(LogFormat::Cbor));
    assert_eq!("json".parse(), Ok(LogFormat::Json));
    assert_eq!("bincode".parse(), Ok(LogFormat::Bincode));
    assert_eq!("messagepack".parse(), Ok(LogFormat::MessagePack));
    assert!("msgpack".parse::<LogFormat>().unwrap_err().contains("msgpack"));
    assert!("CBOR".parse::<LogFormat>().is_err());
    for text in ["always", "never", "interval:200ms", "interval:60s"] {
        assert_eq!(text.parse::<LogSync>().unwrap().to_string(), text);
    }
    for text in ["", "sometimes", "interval", "interval:", "interval:0", "interval:61"] {
        assert!(text.parse::<LogSync>().is_err(), "{text}");
    }
}

#[rstest]
#[case("1", true)]
#[case("9223372036854775807", true)]
#[case("9223372036854775808", false)]
#[case("100_000", false)]
#[case("1e3", false)]
fn counts(#[case] text: &str, #[case] accepted: bool) {
    assert_eq!(text.parse::<Count>().is_ok(), accepted);
}

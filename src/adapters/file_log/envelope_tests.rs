//! Every command survives every format, and its bytes stay what they are.

use chrono::DateTime;
use proptest::prelude::*;

use super::PayloadFormat;
use crate::domain::{
    Checked, Command, Idempotency, NoteDraft, NoteId, NotePatch, Precondition, Submission, Version,
};

const FORMATS: [PayloadFormat; 4] = PayloadFormat::ALL;

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn draft() -> impl Strategy<Value = Checked<NoteDraft>> {
    (text(), text(), text(), prop::collection::vec(text(), 0..4)).prop_map(
        |(title, content, author, tags)| Checked::trust(NoteDraft { title, content, author, tags }),
    )
}

fn patch() -> impl Strategy<Value = Checked<NotePatch>> {
    let tags = prop::option::of(prop::collection::vec(text(), 0..4));
    let text = || prop::option::of(text());
    (text(), text(), text(), tags).prop_map(|(title, content, author, tags)| {
        Checked::trust(NotePatch { title, content, author, tags })
    })
}

fn command() -> impl Strategy<Value = Command> {
    let id = || "[A-Za-z0-9_-]{1,64}".prop_map(|key| NoteId::from_key(key).unwrap());
    prop_oneof![
        (id(), draft()).prop_map(|(id, draft)| Command::Create { id, draft }),
        (id(), draft()).prop_map(|(id, draft)| Command::Put { id, draft }),
        (id(), patch()).prop_map(|(id, patch)| Command::Patch { id, patch }),
        id().prop_map(|id| Command::Delete { id }),
    ]
}

fn precondition() -> impl Strategy<Value = Precondition> {
    let version = (1..=i64::MAX as u64).prop_map(|number| Version::new(number).unwrap());
    prop_oneof![
        Just(Precondition::None),
        Just(Precondition::MustNotExist),
        Just(Precondition::MustExist),
        prop::collection::vec(version, 0..4).prop_map(Precondition::VersionIn),
    ]
}

prop_compose! {
    fn submission()(
        seconds in -62_135_596_800..=253_402_300_799_i64,
        nanoseconds in 0..1_000_000_000_u32,
        command in command(),
        precondition in precondition(),
        idempotency in prop::option::of((text(), text())),
        principal in prop::option::of(text()),
        trace_id in prop::option::of(text()),
    ) -> Submission {
        Submission {
            accepted_at: DateTime::from_timestamp(seconds, nanoseconds).unwrap(),
            command,
            precondition,
            idempotency: idempotency.map(|(key, fingerprint)| Idempotency { key, fingerprint }),
            principal,
            trace_id,
        }
    }
}

proptest! {
    #[test]
    fn every_submission_round_trips(submission in submission()) {
        for format in FORMATS {
            let payload = format.encode(&submission).unwrap();
            prop_assert_eq!(format.decode(&payload).unwrap(), submission.clone());
        }
    }

    #[test]
    fn a_payload_cut_short_or_followed_by_more_is_refused(submission in submission()) {
        for format in FORMATS {
            let mut payload = format.encode(&submission).unwrap();
            format.decode(&payload[..payload.len() - 1]).unwrap_err();
            payload.push(b'0');
            format.decode(&payload).unwrap_err();
        }
    }
}

/// Decoders read texts in pieces: 4096 bytes at a time in CBOR. No character may
/// be lost where it lies across two of them.
#[test]
fn long_contents_round_trip_wherever_a_piece_ends() {
    for character in ["é", "€", "𝄞", "a"] {
        for shift in 0..8 {
            let content = "x".repeat(shift) + &character.repeat(10_000 / character.len());
            let draft = Checked::trust(NoteDraft {
                title: content.clone(),
                content: content.clone(),
                author: content,
                tags: Vec::new(),
            });
            let id = NoteId::from_key("a").unwrap();
            let submission =
                Submission { command: Command::Put { id, draft }, ..samples().swap_remove(0) };
            for format in FORMATS {
                let payload = format.encode(&submission).unwrap();
                assert_eq!(format.decode(&payload).unwrap(), submission, "{character} {shift}");
            }
        }
    }
}

/// One of each kind, with every field set somewhere.
pub(super) fn samples() -> Vec<Submission> {
    let id = NoteId::from_key("a").unwrap();
    let draft = Checked::trust(NoteDraft {
        title: "T".to_owned(),
        content: "C ü".to_owned(),
        author: "ann".to_owned(),
        tags: vec!["x".to_owned()],
    });
    let patch = Checked::trust(NotePatch { title: Some("U".to_owned()), ..Default::default() });
    let versions = vec![Version::FIRST, Version::new(300).unwrap()];
    let submission = |command, precondition| Submission {
        accepted_at: DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap(),
        command,
        precondition,
        idempotency: None,
        principal: None,
        trace_id: None,
    };
    vec![
        Submission {
            idempotency: Some(Idempotency { key: "k".to_owned(), fingerprint: "f".to_owned() }),
            principal: Some("p".to_owned()),
            trace_id: Some("t".to_owned()),
            ..submission(
                Command::Create { id: id.clone(), draft: draft.clone() },
                Precondition::None,
            )
        },
        submission(Command::Put { id: id.clone(), draft }, Precondition::MustNotExist),
        submission(Command::Patch { id: id.clone(), patch }, Precondition::MustExist),
        submission(Command::Delete { id }, Precondition::VersionIn(versions)),
    ]
}

#[test]
fn the_bytes_in_json_are_these() {
    let time = r#"{"V1":{"accepted_at":{"seconds":1700000000,"nanoseconds":123456789}"#;
    let fields = r#""fields":{"title":"T","content":"C ü","author":"ann","tags":["x"]}"#;
    let nobody = r#""idempotency":null,"principal":null,"trace_id":null}}"#;
    let expected = [
        format!(
            r#"{time},"command":{{"create":{{"id":"notes:a",{fields}}}}},"precondition":"none","idempotency":{{"key":"k","fingerprint":"f"}},"principal":"p","trace_id":"t"}}}}"#
        ),
        format!(
            r#"{time},"command":{{"put":{{"id":"notes:a",{fields}}}}},"precondition":"must_not_exist",{nobody}"#
        ),
        format!(
            r#"{time},"command":{{"patch":{{"id":"notes:a","changes":{{"title":"U","content":null,"author":null,"tags":null}}}}}},"precondition":"must_exist",{nobody}"#
        ),
        format!(
            r#"{time},"command":{{"delete":{{"id":"notes:a"}}}},"precondition":{{"version_in":[1,300]}},{nobody}"#
        ),
    ];
    for (submission, expected) in samples().iter().zip(expected) {
        let payload = PayloadFormat::Json.encode(submission).unwrap();
        assert_eq!(String::from_utf8(payload).unwrap(), expected);
    }
}

#[test]
fn the_bytes_in_cbor_are_these() {
    // {"V1": {"accepted_at": {"seconds": 1700000000, "nanoseconds": 123456789},
    // "command": {"delete": {"id": "notes:a"}}, "precondition": {"version_in":
    // [1, 300]}, "idempotency": null, "principal": null, "trace_id": null}}
    let expected = b"\xa1\x62V1\xa6\
        \x6baccepted_at\xa2\x67seconds\x1a\x65\x53\xf1\x00\x6bnanoseconds\x1a\x07\x5b\xcd\x15\
        \x67command\xa1\x66delete\xa1\x62id\x67notes:a\
        \x6cprecondition\xa1\x6aversion_in\x82\x01\x19\x01\x2c\
        \x6bidempotency\xf6\x69principal\xf6\x68trace_id\xf6";
    let payload = PayloadFormat::Cbor.encode(&samples()[3]).unwrap();
    assert_eq!(payload.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn the_bytes_in_messagepack_are_these() {
    // The same as in CBOR, with the marks of MessagePack.
    let expected = b"\x81\xa2V1\x86\
        \xabaccepted_at\x82\xa7seconds\xce\x65\x53\xf1\x00\xabnanoseconds\xce\x07\x5b\xcd\x15\
        \xa7command\x81\xa6delete\x81\xa2id\xa7notes:a\
        \xacprecondition\x81\xaaversion_in\x92\x01\xcd\x01\x2c\
        \xabidempotency\xc0\xa9principal\xc0\xa8trace_id\xc0";
    let payload = PayloadFormat::MessagePack.encode(&samples()[3]).unwrap();
    assert_eq!(payload.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn the_bytes_in_bincode_are_these() {
    // Variant 0 (V1); the seconds in four bytes (252), zigzag, the nanoseconds.
    let time = b"\x00\xfc\x00\xe2\xa7\xca\xfc\x15\xcd\x5b\x07";
    let expected: [&[u8]; 4] = [
        // Create, with everything; no precondition; idempotency, principal, trace.
        b"\x00\x07notes:a\x01T\x04C \xc3\xbc\x03ann\x01\x01x\x00\x01\x01k\x01f\x01\x01p\x01\x01t",
        // Put; it must not exist.
        b"\x01\x07notes:a\x01T\x04C \xc3\xbc\x03ann\x01\x01x\x01\x00\x00\x00",
        // Patch of the title; it must exist.
        b"\x02\x07notes:a\x01\x01U\x00\x00\x00\x02\x00\x00\x00",
        // Delete; version 1, or 300 in two bytes (251).
        b"\x03\x07notes:a\x03\x02\x01\xfb\x2c\x01\x00\x00\x00",
    ];
    for (submission, expected) in samples().iter().zip(expected) {
        let payload = PayloadFormat::Bincode.encode(submission).unwrap();
        let expected = [time, expected].concat();
        assert_eq!(payload.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}

/// Lengths in a payload are numbers like others: one that no payload can have
/// is refused before memory is reserved for it.
#[test]
fn the_bytes_of_a_lost_command_are_these() {
    let lost = Submission {
        accepted_at: DateTime::from_timestamp(1_700_000_000, 5).unwrap(),
        command: Command::Lost,
        precondition: Precondition::None,
        idempotency: None,
        principal: None,
        trace_id: None,
    };
    let json = PayloadFormat::Json.encode(&lost).unwrap();
    let text = r#"{"LostV1":{"repaired_at":{"seconds":1700000000,"nanoseconds":5}}}"#;
    assert_eq!(String::from_utf8(json).unwrap(), text);
    let bincode = [1, 252, 0, 226, 167, 202, 5];
    assert_eq!(PayloadFormat::Bincode.encode(&lost).unwrap(), bincode);
    for format in FORMATS {
        assert_eq!(format.decode(&format.encode(&lost).unwrap()), Ok(lost.clone()));
    }
}

#[test]
fn a_length_beyond_all_bounds_is_refused() {
    let time = b"\x00\xfc\x00\xe2\xa7\xca\xfc\x15\xcd\x5b\x07";
    let bincode = [&time[..], b"\x03\xfd\xff\xff\xff\xff\xff\xff\xff\x7fnotes:a"].concat();
    PayloadFormat::Bincode.decode(&bincode).unwrap_err();
    PayloadFormat::MessagePack.decode(b"\x81\xdb\xff\xff\xff\xffV1").unwrap_err();
    PayloadFormat::Cbor.decode(b"\xa1\x7b\x7f\xff\xff\xff\xff\xff\xff\xffV1").unwrap_err();
}

/// The most integers that a payload holds, which Bincode counts in full.
#[test]
fn as_many_versions_as_a_frame_holds_round_trip() {
    let versions = vec![Version::FIRST; super::MAX_PAYLOAD_BYTES as usize - 100];
    let precondition = Precondition::VersionIn(versions);
    let submission = Submission { precondition, ..samples().swap_remove(3) };
    for format in FORMATS {
        let payload = format.encode(&submission).unwrap();
        assert_eq!(format.decode(&payload).unwrap(), submission, "{format}");
    }
}

#[test]
fn formats_are_known_by_number_and_name() {
    for (number, format) in (1..).zip(FORMATS) {
        assert_eq!(format.number(), number);
        assert_eq!(PayloadFormat::from_number(number), Some(format));
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert_eq!(PayloadFormat::from_number(0), None);
    assert_eq!(PayloadFormat::from_number(5), None);
    "msgpack".parse::<PayloadFormat>().unwrap_err();
}

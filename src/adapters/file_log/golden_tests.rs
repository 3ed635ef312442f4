//! Golden segments: what version 1 has written stays readable, byte for byte.

use std::path::{Path, PathBuf};

use rstest::rstest;

use super::PayloadFormat;
use super::envelope_tests::samples;
use super::frame::{Contents, HEADER_BYTES, Salt, SegmentHeader, push_frame};
use super::segment::{Scan, Scanner};
use crate::adapters::file_log::disk::{Disk, OsDisk};
use crate::domain::{Command, LogId, Note, NoteId, Rejection, Sequence, Submission, Version};

const SALT: Salt = Salt([1, 2, 3, 4]);

/// What a snapshot holds.
fn snapshot_samples() -> Vec<Submission> {
    let time = |seconds| chrono::DateTime::from_timestamp(seconds, 5).unwrap();
    let id = |key: &str| NoteId::from_key(key).unwrap();
    let version = |number| Version::new(number).unwrap();
    let note = Note {
        id: id("kept"),
        title: "t".to_owned(),
        content: "é\n".to_owned(),
        author: "a-1".to_owned(),
        tags: vec!["x".to_owned(), "y".to_owned()],
        created_at: time(1_700_000_000),
        updated_at: time(1_800_000_000),
        version: version(300),
    };
    let rejections = [
        Rejection::NotFound,
        Rejection::AlreadyExists { current: version(2) },
        Rejection::PreconditionFailed { current: None },
        Rejection::PreconditionFailed { current: Some(version(70_000)) },
        Rejection::Lost,
        Rejection::Discarded,
    ];
    let refused = rejections.map(|rejection| Command::Refuse { id: id("no"), rejection });
    let restated = [
        Command::Restate { id: id("kept"), note: Some(Box::new(note)) },
        Command::Restate { id: id("gone"), note: None },
    ];
    let commands = restated.into_iter().chain(refused);
    commands.map(|command| Submission::of_the_log(time(-1), command)).collect()
}

/// The golden segment of a format: written by version 1, readable for ever.
fn golden(format: PayloadFormat, contents: Contents) -> (PathBuf, Vec<u8>, Vec<Submission>) {
    let (kind, samples, step) = match contents {
        Contents::Commands => ("", samples(), 1),
        Contents::Snapshot => ("snapshot-", snapshot_samples(), 3),
    };
    let name = format!("tests/fixtures/log/v1-{kind}{format}.log");
    let log = LogId::from_uuid(uuid::Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef));
    let first = Sequence::new(7);
    let mut bytes = SegmentHeader { format, contents, log, first, salt: SALT }.encode();
    let mut before = first.previous();
    for submission in &samples {
        let payload = format.encode(submission).unwrap();
        let seq = Sequence::new(before.get() + step);
        let durable = if contents == Contents::Snapshot { before } else { first.previous() };
        push_frame(&mut bytes, SALT, seq, durable, &payload);
        before = seq;
    }
    (Path::new(env!("CARGO_MANIFEST_DIR")).join(name), bytes, samples)
}

#[rstest]
#[case(Contents::Commands)]
#[case(Contents::Snapshot)]
fn golden_segments_are_read_and_still_written_the_same(#[case] contents: Contents) {
    for format in PayloadFormat::ALL {
        let (path, bytes, samples) = golden(format, contents);
        if std::env::var_os("DAYBOOK_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{}", path.display());
        let file = OsDisk.open_read(&path).unwrap();
        let end = bytes.len() as u64;
        let header = SegmentHeader::decode(&bytes).unwrap();
        let mut scanner = Scanner::new(file, &header, end, HEADER_BYTES, header.first);
        let mut next = header.first;
        for sample in samples {
            match scanner.step().unwrap() {
                Scan::Record(record) => {
                    assert_eq!(format.decode(record.payload).unwrap(), sample);
                    assert_eq!(record.first, next);
                    next = record.sequence.next();
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(scanner.step().unwrap(), Scan::End);
    }
}

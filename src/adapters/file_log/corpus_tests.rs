//! The corpus: logs of every format and released version, whole, torn and with
//! one bit flipped, as files that are never written again.
//!
//! `DAYBOOK_WRITE_GOLDEN=1` writes those of a new version; the others must not
//! change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rstest::rstest;
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::disk::OsDisk;
use super::failure::OpenError;
use super::frame::{Contents, HEADER_BYTES, Salt, SegmentHeader, push_frame};
use super::name::SegmentName;
use super::{FileLog, FileLogOptions, PayloadFormat};
use crate::domain::{LogId, Sequence, Submission};
use crate::ports::contract::command_log::submission;
use crate::ports::{CommandLog, LogError, ReadLimit};

const FILE: &str = "00000000000000000001.log";
const COMMANDS: u64 = 4;

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    /// The last frame was not written to its end.
    Torn,
    /// A bit of the second payload is another, and frames follow.
    Flipped,
}

/// A snapshot of the first three commands, of which the second left nothing, and a
/// segment with the fourth.
const COMPACTED: [(u64, Option<u64>, &[u64]); 2] = [(1, Some(3), &[1, 3]), (4, None, &[4])];

/// The bytes of a log, and where its second and its last frame start.
fn bytes(format: PayloadFormat, state: State) -> (Vec<u8>, usize, usize) {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef));
    let salt = Salt([1, 2, 3, 4]);
    let mut bytes =
        SegmentHeader { format, contents: Contents::Commands, log, first: Sequence::FIRST, salt }
            .encode();
    assert_eq!(bytes.len() as u64, HEADER_BYTES);
    let mut starts = Vec::new();
    for number in 1..=COMMANDS {
        starts.push(bytes.len());
        let payload = format.encode(&submission(number)).unwrap();
        let seq = Sequence::new(number);
        push_frame(&mut bytes, salt, seq, seq.previous(), &payload);
    }
    let (second, last) = (starts[1], starts[COMMANDS as usize - 1]);
    match state {
        State::Whole => {}
        State::Torn => bytes.truncate(bytes.len() - 7),
        State::Flipped => bytes[second + 30] ^= 0x10,
    }
    (bytes, second, last)
}

fn folder(format: PayloadFormat, state: State) -> PathBuf {
    let name = format!("tests/fixtures/log/v1/{format}-{state:?}").to_lowercase();
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Opens a copy of what is in the corpus.
fn open(format: PayloadFormat, state: State) -> (TempDir, Result<FileLog, OpenError>) {
    let copy = TempDir::new().unwrap();
    fs::copy(folder(format, state).join(FILE), copy.path().join(FILE)).unwrap();
    let log = FileLog::open(Arc::new(OsDisk), copy.path(), FileLogOptions::default());
    (copy, log)
}

fn commands(log: &FileLog) -> Result<Vec<Submission>, LogError> {
    let all = ReadLimit { max_commands: 100, max_bytes: u64::MAX };
    let runtime = Builder::new_current_thread().build().unwrap();
    let entries = runtime.block_on(log.read(Sequence::FIRST, all))?;
    Ok(entries.into_iter().map(|entry| entry.submission).collect())
}

#[rstest]
fn every_log_is_read_for_ever(
    #[values(
        PayloadFormat::Json,
        PayloadFormat::Cbor,
        PayloadFormat::Bincode,
        PayloadFormat::MessagePack
    )]
    format: PayloadFormat,
    #[values(State::Whole, State::Torn, State::Flipped)] state: State,
) {
    let (bytes, second, last) = bytes(format, state);
    let file = folder(format, state).join(FILE);
    if std::env::var_os("DAYBOOK_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(folder(format, state)).unwrap();
        fs::write(&file, &bytes).unwrap();
    }
    assert_eq!(fs::read(&file).unwrap(), bytes, "{}", file.display());
    let (copy, log) = open(format, state);
    match state {
        State::Whole | State::Torn => {
            let written = if state == State::Whole { COMMANDS } else { COMMANDS - 1 };
            let expected: Vec<Submission> = (1..=written).map(submission).collect();
            assert_eq!(commands(&log.unwrap()).unwrap(), expected);
            let kept = copy.path().join(format!("{FILE}.torn-{last}"));
            assert_eq!(
                fs::read(kept).ok().as_deref(),
                bytes.get(last..).filter(|_| state == State::Torn)
            );
        }
        State::Flipped => {
            let refused = log.unwrap_err().to_string();
            for part in [FILE, &format!("at byte {second}")] {
                assert!(refused.contains(part), "{refused}");
            }
            assert_eq!(fs::read(copy.path().join(FILE)).unwrap(), bytes, "nothing was touched");
        }
    }
}

#[rstest]
fn every_compacted_log_is_read_for_ever(
    #[values(
        PayloadFormat::Json,
        PayloadFormat::Cbor,
        PayloadFormat::Bincode,
        PayloadFormat::MessagePack
    )]
    format: PayloadFormat,
    #[values("compacted", "compacted-flipped")] state: &str,
) {
    let folder = format!("tests/fixtures/log/v1/{format}-{state}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (log, salt) = (LogId::from_uuid(uuid::Uuid::from_u128(7)), Salt([1, 2, 3, 4]));
    let copy = TempDir::new().unwrap();
    for (first, through, kept) in COMPACTED {
        let (first, through) = (Sequence::new(first), through.map(Sequence::new));
        let name = SegmentName { first, through };
        let header = SegmentHeader { format, contents: name.contents(), log, first, salt };
        let mut bytes = header.encode();
        let mut before = first.previous();
        for number in kept {
            let payload = format.encode(&submission(*number)).unwrap();
            push_frame(&mut bytes, salt, Sequence::new(*number), before, &payload);
            before = Sequence::new(*number);
        }
        if state == "compacted-flipped" && through.is_some() {
            bytes[HEADER_BYTES as usize + 30] ^= 0x10;
        }
        let file = folder.join(name.to_string());
        if std::env::var_os("DAYBOOK_WRITE_GOLDEN").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &bytes).unwrap();
        }
        assert_eq!(fs::read(&file).unwrap(), bytes, "{}", file.display());
        fs::copy(&file, copy.path().join(name.to_string())).unwrap();
    }
    let log = FileLog::open(Arc::new(OsDisk), copy.path(), FileLogOptions::default());
    if state == "compacted" {
        let expected = [1, 3, 4].map(submission);
        assert_eq!(commands(&log.unwrap()).unwrap(), expected);
    } else {
        let refused = log.unwrap_err().to_string();
        assert!(refused.contains("-00000000000000000003.log at byte 44"), "{refused}");
    }
}

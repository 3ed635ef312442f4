//! What must hold for any bytes: the entries of the fuzz targets in `fuzz`, which
//! tests run, too, on the inputs that fuzzing has found and on some made at random.

#![allow(clippy::expect_used, reason = "it is for tests, which tell by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, SimDisk};
use super::frame::{Salt, SegmentHeader, push_frame};
use super::name::SegmentName;
use super::recovery::recover;
use super::survey::{Tail, survey};
use super::{FileLogOptions, PayloadFormat};
use crate::domain::{Command, LogId, NoteId, Sequence, Submission};

const DIR: &str = "/log";
const SALT: Salt = Salt([9, 8, 7, 6]);

/// Decodes a payload, the first byte choosing its format. What can be read can be
/// written in every format, and reads the same.
///
/// # Panics
/// When that does not hold.
pub fn decode(data: &[u8]) {
    let Some((format, payload)) = data.split_first() else { return };
    let Some(format) = PayloadFormat::from_number(format % 4 + 1) else { return };
    let Ok(submission) = format.decode(payload) else { return };
    for format in PayloadFormat::ALL {
        let payload = format.encode(&submission).expect("what was read can be written");
        assert_eq!(format.decode(&payload).as_ref(), Ok(&submission), "{format}");
    }
}

/// Opens a log that is sound but for the edits in the data, eight bytes each.
/// Nothing panics; a log that is refused is as it was; of one that is opened every
/// byte is in its place or kept aside, its commands are read, and opening it once
/// more changes nothing.
///
/// # Panics
/// When that does not hold.
pub fn open(data: &[u8]) {
    let mut segments = sound(data.first().copied().unwrap_or_default());
    for edit in data.get(1..).unwrap_or_default().chunks_exact(8) {
        apply(&mut segments, edit);
    }
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new(DIR)).expect("a folder");
    for (name, bytes) in &segments {
        disk.put(&path(*name), bytes);
    }
    let before = contents(&disk);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let opened = recover(Arc::clone(&shared), Path::new(DIR), FileLogOptions::default());
    let Ok(writer) = opened else {
        assert_eq!(contents(&disk), before, "a log that is refused is not touched");
        return;
    };
    drop(writer);
    let after = contents(&disk);
    for (name, bytes) in &before {
        let mut found = Vec::new();
        for (other, part) in &after {
            // In its place, and behind that what was cut: in the order of names.
            if other == name || other.starts_with(&format!("{name}.torn-")) {
                found.extend_from_slice(part);
            }
        }
        // Or moved aside as a whole, where it was no segment yet.
        let moved =
            after.iter().any(|(other, part)| *other == format!("{name}.torn-0") && part == bytes);
        assert!(moved || found.starts_with(bytes), "{name}: every byte is somewhere");
    }
    let found = commands(&disk);
    recover(shared, Path::new(DIR), FileLogOptions::default()).expect("it opens again");
    assert_eq!(contents(&disk), after, "and nothing is left to do");
    assert_eq!(commands(&disk), found);
}

/// How many commands there are, each of which can be read.
fn commands(disk: &SimDisk) -> u64 {
    let mut count = 0;
    let found = survey(disk, Path::new(DIR), Sequence::FIRST, &mut |visit| {
        // A payload that no Daybook wrote is told when it is read.
        drop(visit.submission());
        count += 1;
        std::ops::ControlFlow::Continue(())
    });
    let found = found.expect("it was opened");
    assert_eq!(found.tail, Tail::Clean);
    count
}

/// Segments of some commands, the number choosing how many, and whether the first of
/// them is a snapshot.
fn sound(number: u8) -> Vec<(SegmentName, Vec<u8>)> {
    let (segments, each) = (u64::from(number % 3) + 1, u64::from(number / 3 % 4));
    let has_snapshot = number / 12 % 2 == 1 && each > 0;
    // One is always followed by a segment.
    let segments = if has_snapshot { segments.max(2) } else { segments };
    let (format, log) = (PayloadFormat::Cbor, LogId::from_uuid(uuid::Uuid::from_u128(7)));
    let mut made = Vec::new();
    let mut next = 1;
    for segment in 0..segments {
        let first = Sequence::new(next);
        let is_snapshot = has_snapshot && segment == 0;
        let stands_for = if is_snapshot { 3 } else { 1 };
        let through = is_snapshot.then(|| Sequence::new(next + stands_for * each - 1));
        let name = SegmentName { first, through };
        let contents = name.contents();
        let mut bytes = SegmentHeader { format, contents, log, first, salt: SALT }.encode();
        for _ in 0..each {
            push(&mut bytes, next + stands_for - 1, next - 1);
            next += stands_for;
        }
        made.push((name, bytes));
        if each == 0 {
            break;
        }
    }
    made
}

fn push(bytes: &mut Vec<u8>, seq: u64, durable: u64) {
    let command = Command::Delete { id: NoteId::from_key("a").expect("a key") };
    let submission = Submission::of_the_log(chrono::DateTime::UNIX_EPOCH, command);
    let payload = PayloadFormat::Cbor.encode(&submission).expect("a payload");
    push_frame(bytes, SALT, Sequence::new(seq), Sequence::new(durable), &payload);
}

fn apply(segments: &mut Vec<(SegmentName, Vec<u8>)>, edit: &[u8]) {
    let &[kind, which, at_low, at_high, a, b, c, d] = edit else { return };
    if segments.is_empty() {
        return;
    }
    let which = usize::from(which) % segments.len();
    let Some((_, bytes)) = segments.get_mut(which) else { return };
    let at = usize::from(u16::from_le_bytes([at_low, at_high])) % (bytes.len() + 1);
    match kind % 6 {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= a.max(1)),
        1 => bytes.truncate(at),
        2 => bytes.extend_from_slice(&[a, b, c, d]),
        // A frame that is intact, and perhaps out of place.
        3 => push(bytes, u64::from(a), u64::from(b)),
        4 => bytes.iter_mut().skip(at).take(usize::from(a)).for_each(|byte| *byte = b),
        _ => drop(segments.remove(which)),
    }
}

fn path(name: SegmentName) -> PathBuf {
    Path::new(DIR).join(name.to_string())
}

/// Every file but those that hold nothing of the log.
fn contents(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let mut names = disk.list(Path::new(DIR)).expect("the folder is there");
    names.retain(|name| name.contains(".log"));
    names.sort_unstable();
    let read = |name: String| {
        let bytes = disk.contents(&Path::new(DIR).join(&name));
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::ports::contract::command_log::submission;

    /// The inputs that fuzzing kept of that target.
    fn kept(target: &str) -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/fuzz/");
        let files = fs::read_dir(format!("{folder}{target}")).unwrap();
        let inputs: Vec<_> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
        assert!(!inputs.is_empty(), "{target}");
        inputs
    }

    #[test]
    fn any_payload_is_decoded_or_refused() {
        kept("decode").iter().for_each(|input| decode(input));
        let mut random = fastrand::Rng::with_seed(1);
        for number in 0..20_000 {
            let which = random.u8(0..4);
            let format = PayloadFormat::from_number(which + 1).unwrap();
            let mut input = format.encode(&submission(number)).unwrap();
            for _ in 0..random.u8(0..3) {
                let at = random.usize(0..input.len());
                input[at] = random.u8(..);
            }
            input.insert(0, which);
            decode(&input);
        }
    }

    #[test]
    fn any_log_is_opened_or_refused() {
        kept("open").iter().for_each(|input| open(input));
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..3_000 {
            let mut input = vec![0; 1 + 8 * random.usize(0..4)];
            random.fill(&mut input);
            open(&input);
        }
    }

    #[test]
    fn sound_logs_are_opened() {
        for (number, expected) in [(0, 0), (1, 0), (3, 1), (8, 6), (11, 9), (15, 2), (23, 9)] {
            let disk = SimDisk::new(1);
            disk.create_dir_all(Path::new(DIR)).unwrap();
            sound(number).iter().for_each(|(name, bytes)| disk.put(&path(*name), bytes));
            assert_eq!(commands(&disk), expected, "{number}");
            open(&[number]);
        }
    }
}

//! What a client writes into a note does not pass for proof, whatever it is.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::PayloadFormat;
use super::disk::SimDisk;
use super::fault::ReadFault;
use super::frame::{Contents, HEADER_BYTES, Salt, SegmentHeader, push_frame};
use super::survey::{Tail, survey};
use crate::domain::{LogId, Sequence};

const SALT: Salt = Salt([1, 2, 3, 4]);

/// A frame of the segment with that salt, written when all before it were synced.
fn frame(salt: Salt, seq: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_frame(&mut bytes, salt, Sequence::new(seq), Sequence::new(seq - 1), payload);
    bytes
}

/// A frame with a checksum over nothing but its own bytes.
fn frame_without_salt(seq: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(SALT, seq, payload);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), &bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// A segment with two sound frames, then that.
fn disk_with(rest: &[u8]) -> (SimDisk, PathBuf, u64) {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
    let (format, first) = (PayloadFormat::Json, Sequence::FIRST);
    let mut bytes =
        SegmentHeader { format, contents: Contents::Commands, log, first, salt: SALT }.encode();
    bytes.extend(frame(SALT, 1, b"one"));
    bytes.extend(frame(SALT, 2, b"two"));
    let offset = bytes.len() as u64;
    bytes.extend(rest);
    let path = Path::new("/log/00000000000000000001.log").to_owned();
    let disk = SimDisk::new(1);
    disk.put(&path, &bytes);
    (disk, path, offset)
}

#[track_caller]
fn assert_torn(rest: &[u8]) -> SimDisk {
    let (disk, path, offset) = disk_with(rest);
    let found =
        survey(&disk, Path::new("/log"), Sequence::FIRST, &mut |_| ControlFlow::Continue(()));
    assert_eq!(found.unwrap().tail, Tail::Torn { path, offset, bytes: rest.len() as u64 });
    disk
}

#[track_caller]
fn assert_corrupt(rest: &[u8]) {
    let (disk, path, offset) = disk_with(rest);
    let found =
        survey(&disk, Path::new("/log"), Sequence::FIRST, &mut |_| ControlFlow::Continue(()));
    let Err(ReadFault::Damaged(fault)) = found else { panic!("{found:?}") };
    assert_eq!((fault.file, fault.offset), (path, offset));
    assert!(offset > HEADER_BYTES);
}

/// A frame whose payload is `inside`, without its last byte.
fn torn(inside: &[u8]) -> Vec<u8> {
    let mut bytes = frame(SALT, 3, &[b"\"note: ", inside, b"\""].concat());
    bytes.pop();
    bytes
}

#[test]
fn a_frame_inside_a_torn_note_proves_nothing() {
    assert_torn(&torn(&frame_without_salt(4, b"four")));
    assert_torn(&torn(&frame(Salt([0; 4]), 4, b"four")));
    // With the salt of the segment it would: whoever knows it can do harm.
    assert_corrupt(&torn(&frame(SALT, 4, b"four")));
}

#[test]
fn a_frame_is_proof_wherever_it_starts_and_ends() {
    let claim = &frame(Salt([0; 4]), 4, &[b'x'; 200])[..24];
    for before in 0..60 {
        let noise = vec![b'x'; before];
        let damaged = [&torn(b"")[..], &noise].concat();
        assert_torn(&damaged);
        assert_corrupt(&[&damaged[..], &frame(SALT, 4, b"four")].concat());
        // Inside what others claim to be theirs, and followed by more.
        let claimed = [&damaged[..], claim, claim, &frame(SALT, 4, b"four"), &noise].concat();
        assert_corrupt(&claimed);
    }
}

#[test]
fn many_claims_of_large_frames_are_read_once() {
    let claim = &frame_without_salt(4, &vec![0; 700_000])[..24];
    let rest = torn(&[claim.repeat(2000), vec![0; 700_000]].concat());
    let disk = assert_torn(&rest);
    assert!(disk.bytes_read() < 4 * rest.len(), "{} bytes", disk.bytes_read());
}

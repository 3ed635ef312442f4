//! Taking a poisoned log into use again.
//!
//! After a failed write or sync, the file is not known any more: bytes that
//! were taken back may still be there, pages may have been dropped although a
//! later sync succeeds. So the file is opened anew and read from its start, and
//! must hold what was acknowledged; anything behind that is cut, and what was
//! written since the last good sync is written again, so that the next sync
//! speaks of it.

use std::io;

use super::disk::{DiskFile, read_full_at, write_all_at};
use super::failure::{Failure, MendError};
use super::fault::{Damage, Fault};
use super::frame::HEADER_BYTES;
use super::name::SegmentName;
use super::segment::{Scan, Scanner};
use super::survey::{corrupt, read_header};
use super::writer::Writer;

/// How much is copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Makes the log as its last acknowledged command left it, or changes nothing
/// that was acknowledged.
pub(super) fn mend(writer: &mut Writer) -> Result<(), MendError> {
    remove_failed_roll(writer)?;
    let path = writer.active.path.clone();
    let file = writer.disk.open_write(&path).map_err(Failure::of("opening", &path))?;
    verify(writer)?;
    let end = writer.written.offset;
    // Also when the length is right: an earlier cut may not have been synced.
    file.set_len(end).map_err(Failure::of("cutting", &path))?;
    rewrite(&*file, writer.synced.offset, end).map_err(Failure::of("writing to", &path))?;
    file.sync_all().map_err(Failure::of("syncing", &path))?;
    writer.active.file = file;
    writer.synced = writer.written;
    writer.is_poisoned = false;
    Ok(())
}

/// Writes the bytes of a stretch once more. A sync that failed before may have
/// marked them clean, so that no later sync would write them; a process that
/// was killed may not have synced them.
pub(super) fn rewrite(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut offset = from;
    while offset < to {
        let left = usize::try_from(to - offset).unwrap_or(usize::MAX);
        buffer.resize(left.min(COPY_BYTES), 0);
        if read_full_at(file, &mut buffer, offset)? < buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write_all_at(file, &buffer, offset)?;
        offset += buffer.len() as u64;
    }
    Ok(())
}

/// A segment whose creation failed half-way has no frames, and its name must be
/// gone for good before the segment before it grows.
fn remove_failed_roll(writer: &Writer) -> Result<(), Failure> {
    if !writer.has_frames() {
        return Ok(());
    }
    let path = writer.dir.join(SegmentName::of_commands(writer.written.seq.next()).to_string());
    match writer.disk.open_read(&path) {
        Ok(file) => {
            // Anything with a frame was not made here.
            if file.size().map_err(Failure::of("reading", &path))? > HEADER_BYTES {
                return Err(Failure::of("making", &path)(io::ErrorKind::AlreadyExists.into()));
            }
            writer.disk.remove(&path).map_err(Failure::of("removing", &path))?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::of("opening", &path)(error)),
    }
    writer.disk.sync_dir(&writer.dir).map_err(Failure::of("syncing the folder", &writer.dir))
}

/// Checks that the active segment holds every acknowledged command.
fn verify(writer: &Writer) -> Result<(), MendError> {
    let (path, header) = (&writer.active.path, writer.active.header);
    let reading = || Failure::of("reading", path);
    let file = writer.disk.open_read(path).map_err(reading())?;
    match read_header(&*file).map_err(reading())? {
        Ok(found) if found == header => {}
        Ok(_other) => return Err(replaced(writer)),
        Err(damage) => {
            return Err(Fault { file: path.clone(), offset: 0, damage: damage.into() }.into());
        }
    }
    let end = writer.written.offset;
    let mut scanner = Scanner::new(file, &header, end, HEADER_BYTES, header.first);
    let mut next = header.first;
    loop {
        match scanner.step().map_err(reading())? {
            Scan::Record(record) => next = record.sequence.next(),
            Scan::End if next == writer.written.seq.next() => return Ok(()),
            Scan::End => return Err(replaced(writer)),
            Scan::Damaged { offset, damage } => {
                return Err(corrupt(path.clone(), offset, next, damage).into());
            }
        }
    }
}

fn replaced(writer: &Writer) -> MendError {
    Fault { file: writer.active.path.clone(), offset: 0, damage: Damage::Replaced }.into()
}

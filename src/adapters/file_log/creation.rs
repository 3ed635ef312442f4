//! Making segments.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile, write_all_at};
use super::failure::Failure;
use super::frame::SegmentHeader;
use super::name::SegmentName;

/// Makes the segment that the header describes. After `Ok` it survives a power
/// loss; after an error a rest of it may be there, without frames.
pub(super) fn create_segment(
    disk: &dyn Disk,
    dir: &Path,
    header: &SegmentHeader,
) -> Result<(PathBuf, Box<dyn DiskFile>), Failure> {
    create_named(disk, dir, SegmentName::of_commands(header.first), header)
}

/// The same, of that name.
pub(super) fn create_named(
    disk: &dyn Disk,
    dir: &Path,
    name: SegmentName,
    header: &SegmentHeader,
) -> Result<(PathBuf, Box<dyn DiskFile>), Failure> {
    let path = dir.join(name.to_string());
    let file = write_header(disk, &path, header)?;
    disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir))?;
    Ok((path, file))
}

/// Makes the segment that the header describes in the place of an empty one of
/// the same name: at any time one of the two is there.
pub(super) fn replace_empty_segment(
    disk: &dyn Disk,
    dir: &Path,
    header: &SegmentHeader,
) -> Result<(PathBuf, Box<dyn DiskFile>), Failure> {
    let path = dir.join(SegmentName::of_commands(header.first).to_string());
    let (fresh, file) = create_fresh(disk, &path, header)?;
    disk.rename(&fresh, &path).map_err(Failure::of("renaming", &fresh))?;
    disk.sync_dir(dir).map_err(Failure::of("syncing the folder", dir))?;
    Ok((path, file))
}

/// Starts the file that is to be the segment at that path, once it is renamed.
pub(super) fn create_fresh(
    disk: &dyn Disk,
    path: &Path,
    header: &SegmentHeader,
) -> Result<(PathBuf, Box<dyn DiskFile>), Failure> {
    let fresh = path.with_extension("log.new");
    match disk.remove(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::of("removing", &fresh)(error));
        }
        _ => {}
    }
    let file = write_header(disk, &fresh, header)?;
    Ok((fresh, file))
}

fn write_header(
    disk: &dyn Disk,
    path: &Path,
    header: &SegmentHeader,
) -> Result<Box<dyn DiskFile>, Failure> {
    let file = disk.create(path).map_err(Failure::of("creating", path))?;
    let written = write_all_at(&*file, &header.encode(), 0)
        .map_err(Failure::of("writing to", path))
        .and_then(|()| file.sync_all().map_err(Failure::of("syncing", path)));
    if let Err(failure) = written {
        // Spares the next start a warning; recovery copes with what is left.
        let _left = disk.remove(path);
        return Err(failure);
    }
    Ok(file)
}

//! What the simulated disk forgets, since the model tests stand on it.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Disk, SimDisk, SimOp};

const FILE: &str = "/d/f";

/// Everything that can be left of a file after a run, over many seeds.
fn outcomes(run: impl Fn(&SimDisk)) -> BTreeSet<Option<Vec<u8>>> {
    (0..300)
        .map(|seed| {
            let disk = SimDisk::new(seed);
            run(&disk);
            disk.crash();
            disk.open_read(Path::new(FILE)).is_ok().then(|| disk.contents(Path::new(FILE)))
        })
        .collect()
}

#[test]
fn what_was_synced_survives() {
    let left = outcomes(|disk| {
        let file = disk.create(Path::new(FILE)).unwrap();
        file.write_at(b"0123456789", 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
    });
    assert_eq!(left, BTreeSet::from([Some(b"0123456789".to_vec())]));
}

#[test]
fn what_was_not_synced_survives_wholly_partly_out_of_order_or_not() {
    let left = outcomes(|disk| {
        let file = disk.create(Path::new(FILE)).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_at(b"0123456789abcdef", 0).unwrap();
    });
    for expected in [&b""[..], b"0123", b"0123456789abcdef", b"\0\0\0\0\0\0\0\x0089abcdef"] {
        assert!(left.contains(&Some(expected.to_vec())), "{expected:?}");
    }
}

#[test]
fn an_unsynced_name_may_vanish_and_an_unsynced_cut_come_back() {
    let left = outcomes(|disk| {
        let file = disk.create(Path::new(FILE)).unwrap();
        file.write_at(b"ab", 0).unwrap();
        file.sync_data().unwrap();
        file.set_len(1).unwrap();
    });
    assert_eq!(left, BTreeSet::from([None, Some(b"a".to_vec()), Some(b"ab".to_vec())]));
}

#[test]
fn a_folder_that_was_made_durably_survives_with_its_parents() {
    let left = outcomes(|disk| {
        disk.create_dir_all(Path::new("/d")).unwrap();
        disk.create(Path::new(FILE)).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
    });
    assert_eq!(left, BTreeSet::from([Some(Vec::new())]));
}

#[test]
fn a_folder_whose_name_was_not_synced_may_vanish_with_its_files() {
    let made_by_a_process_that_died = |disk: &SimDisk| {
        disk.die_after(1);
        disk.create_dir_all(Path::new("/d")).unwrap_err();
        assert!(disk.is_dead());
        disk.kill();
    };
    let fill = |disk: &SimDisk| {
        disk.create(Path::new(FILE)).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
    };
    let left = outcomes(|disk| {
        made_by_a_process_that_died(disk);
        fill(disk);
    });
    assert_eq!(left, BTreeSet::from([None, Some(Vec::new())]));
    // Whoever makes it again syncs the name that is there.
    let left = outcomes(|disk| {
        made_by_a_process_that_died(disk);
        disk.create_dir_all(Path::new("/d")).unwrap();
        fill(disk);
    });
    assert_eq!(left, BTreeSet::from([Some(Vec::new())]));
}

#[test]
fn a_process_that_dies_in_a_write_leaves_any_part_of_it() {
    let left = outcomes(|disk| {
        let file = disk.create(Path::new(FILE)).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.die_after(0);
        file.write_at(b"ab", 0).unwrap_err();
        file.write_at(b"ab", 0).unwrap_err();
        disk.create(Path::new("/d/g")).err().unwrap();
        disk.kill();
        disk.open_write(Path::new(FILE)).unwrap().sync_data().unwrap();
    });
    let parts = [&b""[..], b"a", b"ab"].map(|part| Some(part.to_vec()));
    assert_eq!(left, BTreeSet::from(parts));
}

#[test]
fn after_a_failed_sync_a_later_one_may_lie() {
    let left = outcomes(|disk| {
        let file = disk.create(Path::new(FILE)).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_at(b"ab", 0).unwrap();
        disk.fail(SimOp::Sync, 1);
        file.sync_data().unwrap_err();
        file.sync_data().unwrap();
    });
    assert_eq!(left, BTreeSet::from([Some(b"".to_vec()), Some(b"ab".to_vec())]));
}

#[test]
fn handles_and_locks_of_a_dead_process_are_dead() {
    let disk = SimDisk::new(0);
    let file = disk.create(Path::new(FILE)).unwrap();
    let _lock = Disk::lock(&disk, Path::new("/d/lock")).unwrap();
    Disk::lock(&disk, Path::new("/d/lock")).unwrap_err();
    disk.kill();
    file.write_at(b"x", 0).unwrap_err();
    let _again = Disk::lock(&disk, Path::new("/d/lock")).unwrap();
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = SimDisk::new(0);
    let file = disk.create(Path::new(FILE)).unwrap();
    disk.fill_up(3);
    assert_eq!(file.write_at(b"abcde", 0).unwrap(), 3);
    let full = file.write_at(b"de", 3).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(b"ABC", 0).unwrap(), 3);
    disk.heal();
    assert_eq!(file.write_at(b"de", 3).unwrap(), 2);
}

#[test]
fn a_full_disk_that_copies_on_write_cuts_and_syncs_nothing() {
    let disk = SimDisk::new(0);
    let file = disk.create(Path::new(FILE)).unwrap();
    file.write_at(b"abc", 0).unwrap();
    disk.copy_on_write(10);
    disk.fill_up(9);
    for full in [file.set_len(1), file.sync_data(), file.sync_all()] {
        assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
    assert_eq!(disk.contents(Path::new(FILE)).len(), 3);
    disk.fill_up(10);
    file.set_len(1).unwrap();
    file.sync_all().unwrap();
}

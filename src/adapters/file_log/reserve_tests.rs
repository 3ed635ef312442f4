//! What a full disk costs with the reserve and without.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;

use super::disk::{Disk, OsDisk, SimDisk, StepDisk};
use super::failure::{NotLogged, OpenError};
use super::reader::Reader;
use super::recovery::recover;
use super::reserve::{RESERVE_BYTES, RESERVE_FILE, Reserve};
use super::writer::Writer;
use super::{FileLog, FileLogOptions, SyncPolicy};
use crate::domain::Sequence;
use crate::ports::contract::command_log::submission;
use crate::ports::{CommandLog, LogError, ReadLimit};

const DIR: &str = "/log";
/// What a cut or a sync needs.
const COPIED: usize = 300;
const RESERVE: usize = 1000;

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn options(reserve_bytes: usize) -> FileLogOptions {
    FileLogOptions { reserve_bytes, mend_holdoff: Duration::ZERO, ..FileLogOptions::default() }
}

fn open(disk: &SimDisk, options: FileLogOptions) -> Writer {
    let mut writer = recover(Arc::new(disk.clone()), Path::new(DIR), options).unwrap();
    let _told = writer.reserve.make();
    writer
}

fn commit(writer: &mut Writer, number: u64) -> Result<(), NotLogged> {
    let payload = writer.options.format.encode(&submission(number)).unwrap();
    writer.commit(&[payload]).map(drop)
}

fn has_reserve(disk: &SimDisk) -> bool {
    disk.list(Path::new(DIR)).unwrap().iter().any(|name| name == RESERVE_FILE)
}

/// What a log holds after a power loss.
#[track_caller]
fn assert_holds(disk: &SimDisk, expected: &[u64]) {
    disk.crash();
    disk.heal();
    let writer = open(disk, options(RESERVE));
    let everything = ReadLimit { max_commands: usize::MAX, max_bytes: u64::MAX };
    let entries = Reader::new(Arc::new(disk.clone()), writer.shared);
    let entries = entries.read(Sequence::FIRST, everything).unwrap();
    let found: Vec<_> = entries.into_iter().map(|entry| entry.submission).collect();
    assert_eq!(found, expected.iter().copied().map(submission).collect::<Vec<_>>());
}

/// A log of one command on a disk that copies on write.
fn with_one(options: FileLogOptions) -> (SimDisk, Writer) {
    let disk = SimDisk::new(1);
    disk.copy_on_write(COPIED);
    let mut writer = open(&disk, options);
    commit(&mut writer, 1).unwrap();
    (disk, writer)
}

#[test]
fn without_a_reserve_nobody_knows_what_a_full_disk_has_taken() {
    let (disk, mut writer) = with_one(options(0));
    disk.fill_up(100);
    assert!(matches!(commit(&mut writer, 2), Err(NotLogged::Unclear(_))));
    assert!(!has_reserve(&disk));
}

#[test]
fn with_it_a_command_is_refused_and_the_reserve_comes_back_with_the_room() {
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        disk.copy_on_write(COPIED);
        let mut writer = open(&disk, options(RESERVE));
        commit(&mut writer, 1).unwrap();
        assert!(has_reserve(&disk));
        disk.fill_up(100);
        let refused = commit(&mut writer, 2);
        assert!(matches!(refused, Err(NotLogged::Full(_))), "{refused:?}");
        assert!(!has_reserve(&disk));
        // The room that it made is its own again, so nothing is written.
        let refused = commit(&mut writer, 3);
        assert!(matches!(refused, Err(NotLogged::Full(_))), "{refused:?}");
        if seed % 2 == 0 {
            disk.heal();
            commit(&mut writer, 4).unwrap();
            assert!(has_reserve(&disk));
            assert_holds(&disk, &[1, 4]);
        } else {
            assert_holds(&disk, &[1]);
        }
    }
}

#[test]
fn what_was_given_up_has_to_fit_before_a_command_does() {
    let (disk, mut writer) = with_one(options(RESERVE));
    disk.fill_up(100);
    commit(&mut writer, 2).unwrap_err();
    // Enough for commands, but then not for the reserve.
    disk.fill_up(RESERVE - 1);
    let refused = commit(&mut writer, 2);
    let Err(NotLogged::Full(detail)) = refused else { panic!("{refused:?}") };
    assert!(detail.contains("/log/reserve.new failed"), "{detail}");
    assert_eq!(disk.list(Path::new(DIR)).unwrap().len(), 1, "nothing is left of the attempt");
    disk.fill_up(RESERVE + 2 * COPIED);
    commit(&mut writer, 2).unwrap();
    assert!(has_reserve(&disk));
    assert_holds(&disk, &[1, 2]);
}

#[test]
fn a_disk_too_small_for_it_holds_a_log_all_the_same() {
    let disk = SimDisk::new(1);
    disk.fill_up(RESERVE - 1);
    let small = FileLogOptions { segment_bytes: 1, ..options(RESERVE) };
    let mut writer = open(&disk, small);
    commit(&mut writer, 1).unwrap();
    commit(&mut writer, 2).unwrap();
    let files = disk.list(Path::new(DIR)).unwrap();
    assert_eq!(files.len(), 2, "{files:?}");
    disk.heal();
    // With the next segment there is one.
    commit(&mut writer, 3).unwrap();
    assert!(has_reserve(&disk));
    assert_holds(&disk, &[1, 2, 3]);
}

#[test]
fn it_is_made_when_an_outage_ends() {
    let disk = SimDisk::new(1);
    disk.fill_up(500);
    let mut writer = open(&disk, options(RESERVE));
    while commit(&mut writer, 1).is_ok() {}
    assert!(!has_reserve(&disk));
    disk.heal();
    commit(&mut writer, 1).unwrap();
    assert!(has_reserve(&disk));
}

#[rstest]
#[case::interval(SyncPolicy::Interval(Duration::from_secs(3600)))]
#[case::never(SyncPolicy::Never)]
fn the_end_of_a_log_is_synced_with_its_room(#[case] sync: SyncPolicy) {
    for (reserve_bytes, is_kept) in [(RESERVE, true), (0, false)] {
        let mut kept = 0;
        for seed in 0..50 {
            let disk = SimDisk::new(seed);
            disk.copy_on_write(COPIED);
            let mut writer = open(&disk, FileLogOptions { sync, ..options(reserve_bytes) });
            commit(&mut writer, 1).unwrap();
            disk.fill_up(0);
            let ended = writer.sync_at_last();
            if !is_kept {
                assert!(matches!(ended, Err(NotLogged::Full(_))), "{ended:?}");
                continue;
            }
            assert!(!has_reserve(&disk));
            // The failed sync may have taken what was never synced; that is told.
            if ended.is_ok() {
                kept += 1;
                assert_holds(&disk, &[1]);
            }
        }
        assert_eq!(kept > 25, is_kept, "{kept}");
    }
}

#[test]
fn a_sync_that_found_the_disk_full_is_made_up_for_with_its_room() {
    let mut kept = 0;
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        disk.copy_on_write(COPIED);
        let never = FileLogOptions { sync: SyncPolicy::Never, ..options(RESERVE) };
        let mut writer = open(&disk, never);
        commit(&mut writer, 1).unwrap();
        disk.fill_up(0);
        assert!(matches!(writer.sync(), Err(NotLogged::Full(_))));
        if writer.sync().is_ok() {
            kept += 1;
            assert_holds(&disk, &[1]);
        }
    }
    assert!(kept > 25, "{kept}");
}

#[rstest]
#[case::clean(&[])]
#[case::torn(&[7; 9])]
fn a_start_gives_it_up_where_the_disk_takes_no_change(#[case] torn: &[u8]) {
    for (reserve_bytes, opens) in [(RESERVE, true), (0, false)] {
        let (disk, writer) = with_one(options(reserve_bytes));
        drop(writer);
        let segment = path("00000000000000000001.log");
        disk.put(&segment, &[&disk.contents(&segment), torn].concat());
        disk.fill_up(0);
        let opened = recover(Arc::new(disk.clone()), Path::new(DIR), options(reserve_bytes));
        match opened.map(|writer| writer.reserve.is_given_up()) {
            Ok(is_given_up) => assert!(opens && is_given_up),
            Err(error) => assert!(!opens && matches!(error, OpenError::Full { .. }), "{error}"),
        }
        assert_holds(&disk, &[1]);
    }
}

#[test]
fn an_unfinished_write_is_kept_aside_before_it_is_cut_as_long_as_there_is_a_reserve() {
    let disk = SimDisk::new(1);
    let mut writer = open(&disk, options(RESERVE));
    commit(&mut writer, 1).unwrap();
    drop(writer);
    let segment = path("00000000000000000001.log");
    let whole = disk.contents(&segment);
    disk.put(&segment, &[whole.clone(), vec![7; 9]].concat());
    disk.fill_up(0);
    let steps = StepDisk::new(disk.clone());
    recover(Arc::new(steps.clone()), Path::new(DIR), options(RESERVE)).map(drop).unwrap();
    let torn = format!("00000000000000000001.log.torn-{}", whole.len());
    assert_eq!(disk.contents(&path(&torn)), [7; 9]);
    let taken = steps.taken();
    let place = |step: String| taken.iter().rposition(|taken| *taken == step).unwrap();
    assert!(place("remove `reserve`".into()) < place(format!("create `{torn}`")), "{taken:?}");
    assert!(place(format!("sync `{torn}`")) < place("cut `00000000000000000001.log`".into()));
}

#[test]
fn what_has_its_name_is_whole_wherever_its_making_was_stopped() {
    let mut left = BTreeSet::new();
    for seed in 0..400 {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new(DIR)).unwrap();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let make = || Reserve::find(&shared, Path::new(DIR), RESERVE).make();
        disk.die_after(seed % 8);
        let made = make();
        disk.crash();
        let names = disk.list(Path::new(DIR)).unwrap();
        if names.iter().any(|name| name == RESERVE_FILE) {
            let bytes = disk.contents(&path(RESERVE_FILE));
            assert!(bytes.len() == RESERVE && bytes.chunks(8).all(|part| part != [0; 8]));
        } else {
            made.unwrap_err();
        }
        left.insert(names);
        make().unwrap();
        assert_eq!(disk.list(Path::new(DIR)).unwrap(), [RESERVE_FILE]);
    }
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn one_that_somebody_deleted_is_made_again_later() {
    let (disk, mut writer) = with_one(options(RESERVE));
    disk.remove(&path(RESERVE_FILE)).unwrap();
    disk.fill_up(100);
    assert!(matches!(commit(&mut writer, 2), Err(NotLogged::Unclear(_))));
    disk.heal();
    commit(&mut writer, 3).unwrap();
    assert!(has_reserve(&disk));
}

#[test]
fn a_death_at_any_step_of_giving_it_up_loses_nothing() {
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        disk.copy_on_write(COPIED);
        let mut writer = open(&disk, options(RESERVE));
        commit(&mut writer, 1).unwrap();
        disk.fill_up(100);
        disk.die_after(seed % 10);
        commit(&mut writer, 2).unwrap_err();
        assert_holds(&disk, &[1]);
        assert!(has_reserve(&disk));
    }
}

#[tokio::test]
async fn a_log_on_files_has_one_of_real_bytes() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let open = || FileLog::open(Arc::new(OsDisk), dir.path(), FileLogOptions::default()).unwrap();
    let file = dir.path().join(RESERVE_FILE);
    let log = open();
    let made = std::fs::metadata(&file).unwrap();
    assert_eq!(made.len(), RESERVE_BYTES as u64);
    assert!(made.blocks() * 512 >= RESERVE_BYTES as u64);
    log.append(submission(1)).await.unwrap();
    drop(log);
    // The next start finds it, and leaves it as it is.
    assert_eq!(open().positions().last.seq, Sequence::FIRST);
    assert_eq!(std::fs::metadata(&file).unwrap().ino(), made.ino());
    let closed = open();
    closed.close().await.unwrap();
    assert!(matches!(closed.append(submission(2)).await, Err(LogError::Closed)));
    assert!(file.exists());
}

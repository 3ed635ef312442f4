//! The log as a whole: who may open it, and how it fails and recovers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::disk::{Disk, OsDisk, SimDisk, SimOp};
use super::failure::{NotLogged, OpenError};
use super::reader::Reader;
use super::recovery::recover;
use super::{FileLog, FileLogOptions, PayloadFormat, SyncPolicy};
use crate::domain::{Sequence, Submission};
use crate::ports::contract::command_log::submission;
use crate::ports::{CommandLog, LogError, ReadLimit};

const DIR: &str = "/log";
const EVERYTHING: ReadLimit = ReadLimit { max_commands: usize::MAX, max_bytes: u64::MAX };

fn open(disk: &SimDisk, options: FileLogOptions) -> FileLog {
    FileLog::open(Arc::new(disk.clone()), Path::new(DIR), options).unwrap()
}

fn without_holdoff() -> FileLogOptions {
    let small = FileLogOptions { reserve_bytes: 1000, ..FileLogOptions::default() };
    FileLogOptions { mend_holdoff: Duration::ZERO, ..small }
}

fn on_files(dir: &Path) -> Result<FileLog, OpenError> {
    FileLog::open(Arc::new(OsDisk), dir, FileLogOptions::default())
}

#[test]
fn a_folder_in_use_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let log = on_files(dir.path()).unwrap();
    let error = on_files(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(dir.path().to_str().unwrap()), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    drop(log);
    on_files(dir.path()).unwrap();
}

#[test]
fn a_path_that_is_no_folder_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = on_files(&path).unwrap_err();
        assert!(matches!(&error, OpenError::Unusable { dir, .. } if *dir == path), "{error}");
    }
}

#[tokio::test]
async fn a_folder_is_durable_whoever_made_it() {
    for (seed, lived_for) in (0..100).zip((0..6).cycle()) {
        let disk = SimDisk::new(seed);
        disk.die_after(lived_for);
        let dir = Path::new("/data/log");
        let open = || FileLog::open(Arc::new(disk.clone()), dir, without_holdoff());
        open().unwrap_err();
        disk.kill();
        open().unwrap().append(submission(1)).await.unwrap();
        disk.crash();
        assert_eq!(open().unwrap().positions().last.seq, Sequence::FIRST, "seed {seed}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let disk = SimDisk::new(1);
    let log = open(&disk, without_holdoff());
    log.append(submission(1)).await.unwrap();
    disk.fill_up(100);
    for _ in 0..3 {
        let refused = log.append(submission(2)).await;
        assert!(matches!(refused, Err(LogError::Full { .. })), "{refused:?}");
    }
    disk.heal();
    assert_eq!(log.append(submission(3)).await.unwrap().seq, Sequence::new(2));
    drop(log);
    disk.crash();
    let entries = open(&disk, FileLogOptions::default()).read(Sequence::FIRST, EVERYTHING).await;
    let found: Vec<Submission> = entries.unwrap().into_iter().map(|e| e.submission).collect();
    assert_eq!(found, [submission(1), submission(3)]);
}

#[tokio::test]
async fn a_poisoned_log_refuses_and_names_the_first_failure_until_mended() {
    let disk = SimDisk::new(1);
    let log = open(&disk, without_holdoff());
    disk.fail(SimOp::Sync, 2);
    let unclear = log.append(submission(1)).await;
    assert!(matches!(unclear, Err(LogError::Unclear { .. })), "{unclear:?}");
    disk.fail(SimOp::Open, 10);
    let refused = log.append(submission(2)).await;
    let Err(LogError::Refused { detail }) = refused else { panic!("{refused:?}") };
    assert!(detail.starts_with("syncing /log/00000000000000000001.log failed"), "{detail}");
    assert!(detail.contains("opening /log/00000000000000000001.log failed"), "{detail}");
    disk.heal();
    assert_eq!(log.append(submission(3)).await.unwrap().seq, Sequence::FIRST);
    assert_eq!(log.positions().last.seq, Sequence::FIRST);
}

#[tokio::test]
async fn after_a_failed_attempt_the_disk_is_left_alone_for_a_while() {
    let disk = SimDisk::new(1);
    let hour = Duration::from_secs(3600);
    let log = open(&disk, FileLogOptions { mend_holdoff: hour, ..FileLogOptions::default() });
    log.append(submission(1)).await.unwrap();
    disk.fill_up(100);
    let failed = log.append(submission(2)).await.unwrap_err();
    // The first attempt is made at once: the failure may have been a passing one.
    let before = disk.bytes_read();
    log.append(submission(3)).await.unwrap_err();
    let after = disk.bytes_read();
    assert!(after > before);
    disk.heal();
    for number in 4..10 {
        let refused = log.append(submission(number)).await.unwrap_err();
        assert!(matches!(refused, LogError::Full { .. }), "{refused}");
        assert_eq!(refused.to_string(), failed.to_string());
    }
    assert_eq!(disk.bytes_read(), after);
    // The end does not wait.
    log.close().await.unwrap();
    assert!(disk.bytes_read() > after);
}

#[tokio::test]
async fn a_passing_failure_costs_one_command() {
    let disk = SimDisk::new(1);
    let log = open(&disk, FileLogOptions::default());
    for number in 1..10 {
        disk.fail(SimOp::Write, 1);
        log.append(submission(number)).await.unwrap_err();
        assert_eq!(log.append(submission(number)).await.unwrap().seq.get(), number);
    }
}

#[tokio::test]
async fn a_writer_that_died_is_not_taken_for_a_closed_log() {
    let disk = SimDisk::new(1);
    let log = open(&disk, FileLogOptions::default());
    log.append(submission(1)).await.unwrap();
    disk.panic_once();
    let unclear = log.append(submission(2)).await;
    assert!(matches!(unclear, Err(LogError::Unclear { .. })), "{unclear:?}");
    let ended = log.wait_past(Sequence::FIRST).await;
    assert!(matches!(ended, Err(LogError::Closed)), "{ended:?}");
    for number in 3..6 {
        let refused = log.append(submission(number)).await;
        let Err(LogError::Refused { detail }) = refused else { panic!("{refused:?}") };
        assert_eq!(detail, "the writer has stopped");
    }
    let closed = log.close().await;
    assert!(matches!(closed, Err(LogError::Io { .. })), "{closed:?}");
    assert_eq!(log.read(Sequence::FIRST, EVERYTHING).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_log_is_not_mended_with_the_segment_of_another() {
    let disk = SimDisk::new(1);
    let log = open(&disk, without_holdoff());
    log.append(submission(1)).await.unwrap();
    let other = SimDisk::new(2);
    open(&other, without_holdoff()).append(submission(1)).await.unwrap();
    let path = Path::new(DIR).join("00000000000000000001.log");
    disk.fail(SimOp::Write, 1);
    log.append(submission(2)).await.unwrap_err();
    let ours = disk.contents(&path);
    disk.put(&path, &other.contents(&path));
    let refused = log.append(submission(2)).await.unwrap_err().to_string();
    assert!(refused.contains("is not the one that was appended to before"), "{refused}");
    assert_eq!(disk.contents(&path), other.contents(&path));
    disk.put(&path, &ours);
    log.append(submission(2)).await.unwrap();
}

#[tokio::test]
async fn a_command_larger_than_a_frame_is_refused() {
    let log = open(&SimDisk::new(1), FileLogOptions::default());
    let large = Submission { trace_id: Some("x".repeat(1 << 20)), ..submission(1) };
    let refused = log.append(large).await;
    assert!(
        matches!(refused, Err(LogError::TooLarge { bytes, max_bytes: 1_048_576 }) if bytes > 1 << 20),
        "{refused:?}"
    );
    log.append(submission(1)).await.unwrap();
}

#[tokio::test]
async fn with_an_interval_a_sync_follows_without_another_command() {
    let disk = SimDisk::new(1);
    let interval = SyncPolicy::Interval(Duration::from_millis(1));
    let log = open(&disk, FileLogOptions { sync: interval, ..FileLogOptions::default() });
    let mut syncs = disk.syncs();
    syncs.borrow_and_update();
    // The first attempt fails; another interval later all is well.
    disk.fail(SimOp::Sync, 1);
    log.append(submission(1)).await.unwrap();
    syncs.changed().await.unwrap();
    drop(log);
    disk.crash();
    let log = open(&disk, FileLogOptions::default());
    assert_eq!(log.positions().last.seq, Sequence::FIRST);
}

#[tokio::test]
async fn closing_tells_of_a_failed_sync() {
    let disk = SimDisk::new(1);
    let log = open(&disk, FileLogOptions { sync: SyncPolicy::Never, ..FileLogOptions::default() });
    log.append(submission(1)).await.unwrap();
    disk.fail(SimOp::Sync, 1);
    let closed = log.close().await;
    assert!(matches!(closed, Err(LogError::Io { .. })), "{closed:?}");
}

#[tokio::test]
async fn a_damaged_command_is_never_returned() {
    let disk = SimDisk::new(1);
    let log = open(&disk, FileLogOptions::default());
    for number in 1..=3 {
        log.append(submission(number)).await.unwrap();
    }
    let path = Path::new(DIR).join("00000000000000000001.log");
    let end = usize::try_from(log.locate(Sequence::new(2)).await.unwrap().end).unwrap();
    let mut bytes = disk.contents(&path);
    bytes[end - 1] ^= 1;
    disk.put(&path, &bytes);
    // What lies before it is.
    assert_eq!(log.read(Sequence::FIRST, EVERYTHING).await.unwrap().len(), 1);
    for from in [2, 3] {
        let read = log.read(Sequence::new(from), EVERYTHING).await;
        let Err(LogError::Corrupt { place, .. }) = read else { panic!("{read:?}") };
        assert!(place.starts_with("/log/00000000000000000001.log, byte "), "{place}");
    }
}

#[test]
fn a_group_takes_one_sync_and_is_refused_as_a_whole() {
    let disk = SimDisk::new(1);
    let options = FileLogOptions::default();
    let mut writer = recover(Arc::new(disk.clone()), Path::new(DIR), options).unwrap();
    let syncs = disk.syncs();
    let before = *syncs.borrow();
    let group: Vec<Vec<u8>> =
        (1..=50).map(|n| options.format.encode(&submission(n)).unwrap()).collect();
    assert_eq!(writer.commit(&group).unwrap().len(), 50);
    assert_eq!(*syncs.borrow(), before + 1);
    disk.fail(SimOp::Write, 1);
    assert!(matches!(writer.commit(&group), Err(NotLogged::Refused(_))));
    assert_eq!(writer.shared.published().last.seq, Sequence::new(50));
}

#[test]
fn another_format_starts_another_segment_and_all_stay_readable() {
    let disk = SimDisk::new(1);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    // Each after the other one was tried: its empty segment is replaced, one
    // with commands is not.
    let formats = PayloadFormat::ALL.into_iter().chain([PayloadFormat::Json]);
    for (number, format) in (1..).zip(formats) {
        let options = FileLogOptions { format, ..FileLogOptions::default() };
        let other =
            if format == PayloadFormat::Json { PayloadFormat::Cbor } else { PayloadFormat::Json };
        let wrong = FileLogOptions { format: other, ..options };
        recover(Arc::clone(&shared), Path::new(DIR), wrong).unwrap();
        disk.crash();
        let mut writer = recover(Arc::clone(&shared), Path::new(DIR), options).unwrap();
        writer.commit(&[format.encode(&submission(number)).unwrap()]).unwrap();
        disk.crash();
        let writer = recover(Arc::clone(&shared), Path::new(DIR), options).unwrap();
        let reader = Reader::new(Arc::clone(&shared), writer.shared);
        let entries = reader.read(Sequence::FIRST, EVERYTHING).unwrap();
        let found: Vec<Submission> = entries.into_iter().map(|e| e.submission).collect();
        assert_eq!(found, (1..=number).map(submission).collect::<Vec<_>>());
    }
    let segments = disk.list(Path::new(DIR)).unwrap();
    assert_eq!(segments.len(), 5, "{segments:?}");
}

#[test]
fn a_log_much_larger_than_the_index_stride_is_found_everywhere() {
    let disk = SimDisk::new(1);
    let options = FileLogOptions { segment_bytes: 150_000, ..FileLogOptions::default() };
    let mut writer = recover(Arc::new(disk.clone()), Path::new(DIR), options).unwrap();
    let mut positions = Vec::new();
    for number in 1..=400_u64 {
        let trace_id = Some("x".repeat((number % 10 * 200) as usize));
        let payload = options.format.encode(&Submission { trace_id, ..submission(number) });
        positions.extend(writer.commit(&[payload.unwrap()]).unwrap());
    }
    // Once with the index as it was written, once as it was read.
    let reopened = recover(Arc::new(disk.clone()), Path::new(DIR), options).unwrap();
    for shared in [Arc::clone(&writer.shared), reopened.shared] {
        let reader = Reader::new(Arc::new(disk.clone()), shared);
        for position in positions.iter().rev() {
            assert_eq!(reader.locate(position.seq).unwrap(), *position);
            let one = ReadLimit { max_commands: 1, max_bytes: u64::MAX };
            let read = reader.read(position.seq, one).unwrap();
            assert_eq!(read[0].position, *position);
            assert_eq!(read[0].note_id(), submission(position.seq.get()).command.note_id());
            let floor = reader.floor(position.seq, 100_000).unwrap();
            let held = position.end - reader.locate(floor.previous()).unwrap().end;
            assert!(held >= 100_000 || floor == Sequence::FIRST);
            assert!(held <= 200_000, "{held}: the index is that fine");
        }
    }
}

#[tokio::test]
async fn concurrent_callers_are_told_the_truth_about_a_failing_disk() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let options = FileLogOptions { segment_bytes: 2000, ..without_holdoff() };
        let log = Arc::new(open(&disk, options));
        let mut callers = tokio::task::JoinSet::new();
        for number in 1..=30 {
            if rng.u8(..5) == 0 {
                disk.fail([SimOp::Write, SimOp::Sync, SimOp::SetLen][rng.usize(..3)], 1);
            }
            let log = Arc::clone(&log);
            callers.spawn(async move { (number, log.append(submission(number)).await) });
            tokio::task::yield_now().await;
        }
        let answers = callers.join_all().await;
        drop(log);
        disk.crash();
        disk.heal();
        let log = open(&disk, options);
        let entries = log.read(Sequence::FIRST, EVERYTHING).await.unwrap();
        for (number, answer) in answers {
            let found: Vec<_> =
                entries.iter().filter(|e| e.submission == submission(number)).collect();
            match answer {
                Ok(position) => assert_eq!(found[0].position, position, "seed {seed}"),
                Err(LogError::Unclear { .. }) => {}
                Err(_) => assert!(found.is_empty(), "seed {seed}: {number} was refused"),
            }
            assert!(found.len() <= 1, "seed {seed}: {number} is there twice");
        }
    }
}

//! The file log keeps the contract of the port, on real files and on the
//! simulated disk, with one segment and with many.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::disk::{Disk, OsDisk, SimDisk};
use super::{FileLog, FileLogOptions, PayloadFormat, SyncPolicy};
use crate::ports::CommandLog;
use crate::ports::contract::command_log::{Subject, command_log_contract};

fn options() -> FileLogOptions {
    FileLogOptions::default()
}

/// With a new segment every few commands.
fn small_segments() -> FileLogOptions {
    FileLogOptions { segment_bytes: 1000, format: PayloadFormat::Json, ..options() }
}

fn open(disk: &Arc<dyn Disk>, dir: &Path, options: FileLogOptions) -> FileLog {
    FileLog::open(Arc::clone(disk), dir, options).unwrap()
}

fn on_files(options: FileLogOptions) -> Subject {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let path = dir.path().join("log");
    Subject::new(open(&disk, &path, options)).reopened_by(move || {
        let log = open(&disk, &dir.path().join("log"), options);
        async { Box::new(log) as Box<dyn CommandLog> }
    })
}

fn simulated(options: FileLogOptions) -> Subject {
    let sim = SimDisk::new(1);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    Subject::new(open(&disk, Path::new("/log"), options)).reopened_by(move || {
        // Whatever the sync policy, no command is lost without a power loss;
        // with the policy `always`, not with one either.
        if options.sync == SyncPolicy::Always {
            sim.crash();
        }
        let log = open(&disk, Path::new("/log"), options);
        async { Box::new(log) as Box<dyn CommandLog> }
    })
}

command_log_contract!(files, || async { on_files(options()) });
command_log_contract!(files_in_small_segments, || async { on_files(small_segments()) });
command_log_contract!(simulated_with_power_loss, || async { simulated(small_segments()) });
command_log_contract!(without_sync, || async {
    simulated(FileLogOptions { sync: SyncPolicy::Never, ..small_segments() })
});
command_log_contract!(with_a_sync_interval, || async {
    let sync = SyncPolicy::Interval(Duration::from_millis(1));
    simulated(FileLogOptions { sync, ..small_segments() })
});
command_log_contract!(with_a_sync_interval_that_never_ends, || async {
    let sync = SyncPolicy::Interval(Duration::from_secs(3600));
    on_files(FileLogOptions { sync, ..small_segments() })
});
command_log_contract!(one_command_at_a_time, || async {
    simulated(FileLogOptions { queue_commands: 1, group_commands: 1, ..small_segments() })
});

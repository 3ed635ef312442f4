//! What a start begins with: reading and checking the whole log. By the number of
//! commands, each the create of a note of 1 KiB, in segments of 4 MiB.
//!
//! The log lies in a temporary folder and was just written, so it is read from
//! memory: what is measured is the scan, not the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use daybook::adapters::file_log::disk::OsDisk;
use daybook::adapters::file_log::{FileLog, FileLogOptions, SyncPolicy};
use daybook::ports::CommandLog;
use daybook_bench::{Failure, submission};
use tokio::runtime::{Builder, Runtime};

const COMMANDS: [u64; 3] = [1_000, 10_000, 50_000];

fn main() -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("recovery scan");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for commands in COMMANDS {
        let folder = tempfile::tempdir()?;
        let bytes = write(&runtime, folder.path(), commands)?;
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(BenchmarkId::from_parameter(commands), |bencher| {
            bencher.iter_custom(|times| {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    let started = std::time::Instant::now();
                    let log = open(folder.path());
                    took += started.elapsed();
                    // Closing it is no part of a start.
                    let closed = log.and_then(|log| Ok(runtime.block_on(log.close())?));
                    assert!(closed.is_ok(), "{closed:?}");
                }
                took
            });
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn open(folder: &Path) -> Result<FileLog, Failure> {
    let segment_bytes = 4 * 1024 * 1024;
    // Nothing that it is measured by depends on syncing.
    let options =
        FileLogOptions { segment_bytes, sync: SyncPolicy::Never, ..FileLogOptions::default() };
    Ok(FileLog::open(Arc::new(OsDisk), folder, options)?)
}

/// Writes a log of so many commands; how many bytes it has.
fn write(runtime: &Runtime, folder: &Path, commands: u64) -> Result<u64, Failure> {
    let log = open(folder)?;
    runtime.block_on(async {
        for number in 1..=commands {
            log.append(submission(number, 1_000)?).await?;
        }
        let bytes = log.positions().bytes;
        log.close().await?;
        Ok(bytes)
    })
}

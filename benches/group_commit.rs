//! What group commit is worth: acknowledged appends a second to the file log
//! with sync policy `always`, one caller against many, alternating in one run.
//!
//! `cargo bench --no-default-features` prints one line per size of a note and
//! number of callers, with the ratio to one caller. A group is at most as long as
//! there are callers, since each waits for its own append. The log lies in a temporary folder: set
//! `TMPDIR` to measure another disk.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use daybook::adapters::file_log::disk::OsDisk;
use daybook::adapters::file_log::{FileLog, FileLogOptions};
use daybook::domain::{Checked, Command, NoteDraft, NoteId, Precondition, Submission};
use daybook::ports::CommandLog;
use tokio::runtime::Runtime;

/// How long one measurement takes; there are [`ROUNDS`] for each number.
const MEASUREMENT: Duration = Duration::from_millis(500);
const ROUNDS: usize = 5;
const CALLERS: [usize; 4] = [1, 8, 64, 256];

/// How long the contents of notes are, in bytes.
const CONTENTS: [usize; 3] = [100, 1_000, 10_000];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let log =
        FileLog::open(Arc::new(OsDisk), &folder.path().join("log"), FileLogOptions::default())?;
    let log = Arc::new(log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for content in CONTENTS {
        measure(&runtime, &log, &submission(content)?, content)?;
    }
    Ok(())
}

/// Prints the lines of one size.
fn measure(
    runtime: &Runtime,
    log: &Arc<FileLog>,
    submission: &Submission,
    content: usize,
) -> Result<(), Box<dyn Error>> {
    let mut rates = CALLERS.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (callers, rates) in CALLERS.into_iter().zip(&mut rates) {
            rates.push(runtime.block_on(rate(log, submission, callers))?);
        }
    }
    let medians = rates.map(|mut rates| {
        rates.sort_unstable_by(f64::total_cmp);
        rates.get(ROUNDS / 2).copied().unwrap_or_default()
    });
    let one = medians.first().copied().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    for (callers, median) in CALLERS.into_iter().zip(medians) {
        let ratio = median / one;
        std::io::Write::write_fmt(
            &mut out,
            format_args!(
                "{content:>6} bytes {callers:>4} callers {median:>9.0} appends/s {ratio:>6.1} x\n"
            ),
        )?;
    }
    Ok(())
}

/// Acknowledged appends a second by so many callers, each waiting for its own.
async fn rate(
    log: &Arc<FileLog>,
    submission: &Submission,
    callers: usize,
) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    let end = started + MEASUREMENT;
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (log, submission) = (Arc::clone(log), submission.clone());
            tokio::spawn(async move {
                let mut appended = 0_u32;
                while Instant::now() < end {
                    log.append(submission.clone()).await?;
                    appended += 1;
                }
                Ok::<_, daybook::ports::LogError>(appended)
            })
        })
        .collect();
    let mut appended = 0;
    for task in tasks {
        appended += task.await??;
    }
    Ok(f64::from(appended) / started.elapsed().as_secs_f64())
}

/// A note with a content of so many bytes.
fn submission(content: usize) -> Result<Submission, Box<dyn Error>> {
    let draft = NoteDraft {
        title: "A note for the benchmark".to_owned(),
        content: "word ".chars().cycle().take(content).collect(),
        author: "ada".to_owned(),
        tags: vec!["bench".to_owned()],
    };
    let command = Command::Create { id: NoteId::from_key("bench")?, draft: Checked::new(draft)? };
    Ok(Submission {
        accepted_at: Utc::now(),
        command,
        precondition: Precondition::None,
        idempotency: None,
        principal: None,
        trace_id: None,
    })
}

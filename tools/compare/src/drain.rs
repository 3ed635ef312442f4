//! How fast a backlog drains into the database.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::sleep;

use crate::contender::{self, Daybook};
use crate::rows::{Comparison, REST, WIDE_QUEUE};
use crate::statistics::Pair;
use crate::table::{Figures, Row, Unit, Wanted};
use crate::{note, seed};

/// What a transaction of the rival holds.
const BATCH: u64 = 256;

impl Comparison {
    /// Notes that wait in a log, posted to an empty database; beside them as many
    /// written by somebody who has nothing else to do.
    pub(crate) async fn drain(&self, rows: &mut Vec<Row>) -> Result<()> {
        let daybook = Daybook::start_alone(&self.program, &self.log_level, &WIDE_QUEUE).await?;
        seed::backlog(&daybook, self.backlog).await?;
        let backlog = daybook.stop().await?;
        let mut figures = Figures::default();
        for round in 0..self.rounds {
            let drained =
                || contender::drain(&self.program, &self.log_level, &backlog, &WIDE_QUEUE);
            let (ours, theirs) = if round % 2 == 0 {
                let ours = drained().await?;
                sleep(REST).await;
                (ours, guarded_batches(self.backlog).await?)
            } else {
                let theirs = guarded_batches(self.backlog).await?;
                sleep(REST).await;
                (drained().await?, theirs)
            };
            sleep(REST).await;
            figures.add(Pair { ours: self.rate(ours), theirs: self.rate(theirs) });
        }
        rows.push(Row {
            what: format!("drain of {} creates", self.backlog),
            rival: "SDK, batches of 256",
            unit: Unit::Rate,
            wanted: Wanted::RatioOf(0.8),
            figures,
        });
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of notes")]
    fn rate(&self, took: Duration) -> f64 {
        self.backlog as f64 / took.as_secs_f64()
    }
}

/// Writes so many notes to an empty database of its own, and tells how long that took.
async fn guarded_batches(notes: u64) -> Result<Duration> {
    let server = env::var_os("DAYBOOK_TEST_SURREALDB").context("no DAYBOOK_TEST_SURREALDB")?;
    let program = PathBuf::from(server).with_file_name("guarded-batches");
    let folder = contender::folder()?;
    let mut child = Command::new(&program)
        .arg(folder.path().join("notes"))
        .args([notes.to_string(), BATCH.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("could not start {}", program.display()))?;
    let mut input = child.stdin.take().context("no standard input")?;
    input.write_all(note::for_daybook().as_bytes()).await?;
    drop(input);
    let ended = child.wait_with_output().await?;
    ensure!(ended.status.success(), "{} ended with {}", program.display(), ended.status);
    let seconds: f64 = String::from_utf8_lossy(&ended.stdout).trim().parse()?;
    Ok(Duration::try_from_secs_f64(seconds)?)
}

//! Kills a loaded Daybook again and again, and accounts for every write.
//!
//! Each round starts the service on the same folder, lets several clients
//! create, change and delete notes, and kills the process with SIGKILL after a
//! random number of acknowledgements; some rounds kill it while it starts. At
//! the end every acknowledged write is compared with what `GET` and the list
//! tell: after the last crash, and again after a clean stop and start. Then
//! `daybook log verify` reads the whole log.
//!
//! A seed repeats the choices of the clients and the counts; the instant of a
//! kill within a request is up to the machine.

mod api;
mod daemon;
mod history;
#[cfg(test)]
mod history_tests;
mod ledger;
mod writer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::api::Api;
use crate::daemon::Daemon;
use crate::ledger::{Tally, compare};
use crate::writer::{Round, Writer};

/// How long the load of one round may last, however slow the machine is.
const ROUND_LIMIT: Duration = Duration::from_secs(20);

/// How long the service may take to post what waits for the database.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);

const POLL: Duration = Duration::from_millis(2);

/// Kills a loaded Daybook again and again, and accounts for every write.
///
/// Exit codes: 0 nothing lost, duplicated or out of order; 1 something was, or the service
/// could not be run; 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How often the service is killed under load.
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rounds: u64,
    /// The program to run.
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// How many clients write at the same time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=256))]
    clients: u64,
    /// How many writes are acknowledged in a round on average before the kill.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    writes: u64,
    /// Repeats the choices of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// Ends the run after so many minutes, as a failure.
    #[arg(long, default_value_t = 60)]
    max_minutes: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let limit = Duration::from_secs(args.max_minutes.saturating_mul(60));
    let outcome = match timeout(limit, run(&args)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("the run was not over after {} minutes", args.max_minutes)),
    };
    match outcome {
        Ok(tally) if tally.is_clean() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("crash-loop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<Tally> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let folder = tempfile::Builder::new().prefix("daybook-crash-loop-").tempdir()?;
    println!("seed {seed}");
    println!("folder {}", folder.path().display());
    let mut crash_loop = CrashLoop::new(args, seed, &folder.path().join("data"));
    let outcome = crash_loop.run(args.rounds).await;
    let tally = crash_loop.tally();
    println!("{tally}");
    if outcome.is_err() || !tally.is_clean() {
        println!("the folder is kept: {}", folder.keep().display());
    }
    outcome.map(|()| tally)
}

struct CrashLoop<'a> {
    args: &'a Args,
    data_dir: PathBuf,
    random: fastrand::Rng,
    writers: Vec<Writer>,
    tally: Tally,
}

impl<'a> CrashLoop<'a> {
    fn new(args: &'a Args, seed: u64, data_dir: &Path) -> Self {
        Self {
            args,
            data_dir: data_dir.to_owned(),
            random: fastrand::Rng::with_seed(seed),
            writers: (0..args.clients).map(|number| Writer::new(seed, number)).collect(),
            tally: Tally::default(),
        }
    }

    /// What all clients and the comparisons counted.
    fn tally(&self) -> Tally {
        let mut sum = self.tally.clone();
        self.writers.iter().for_each(|writer| sum.add(&writer.tally));
        sum
    }

    async fn run(&mut self, rounds: u64) -> Result<()> {
        for round in 1..=rounds {
            if self.random.u8(0..6) == 0 {
                self.kill_while_starting().await?;
            }
            self.kill_under_load().await.with_context(|| format!("in round {round}"))?;
            if round % 10 == 0 || round == rounds {
                let tally = self.tally();
                println!(
                    "round {round}: acknowledged {}, unknown outcome {}, kills {}",
                    tally.acknowledged, tally.unknown, tally.kills
                );
            }
        }
        for after in ["the last crash", "a clean stop"] {
            let mut daemon = self.start()?;
            let api = daemon.ready().await?;
            self.compare(&api).await.with_context(|| format!("comparing after {after}"))?;
            daemon.stop().await?;
            println!("compared after {after}");
        }
        self.verify().await
    }

    fn start(&mut self) -> Result<Daemon> {
        self.tally.starts += 1;
        Daemon::start(&self.args.program, &self.data_dir)
    }

    async fn kill_while_starting(&mut self) -> Result<()> {
        let daemon = self.start()?;
        sleep(Duration::from_millis(self.random.u64(0..400))).await;
        self.tally.kills += 1;
        daemon.kill().await.context("while starting")
    }

    async fn kill_under_load(&mut self) -> Result<()> {
        let mut daemon = self.start()?;
        let api = daemon.ready().await?;
        let round = Arc::new(Round::default());
        let mut clients = JoinSet::new();
        for writer in self.writers.drain(..) {
            clients.spawn(writer.run(api.clone(), Arc::clone(&round)));
        }
        // Twice the average, evenly spread.
        let target = self.random.u64(1..=self.args.writes.saturating_mul(2));
        let deadline = Instant::now() + ROUND_LIMIT;
        while round.acknowledged.load(Ordering::Relaxed) < target
            && Instant::now() < deadline
            && daemon.is_running()
        {
            sleep(POLL).await;
        }
        sleep(Duration::from_micros(self.random.u64(0..5_000))).await;
        self.tally.kills += 1;
        let killed = daemon.kill().await;
        round.over.store(true, Ordering::Relaxed);
        self.writers = clients.join_all().await;
        killed
    }

    async fn compare(&mut self, api: &Api) -> Result<()> {
        let deadline = Instant::now() + DRAIN_LIMIT;
        while api.queued().await? > 0 {
            ensure!(Instant::now() < deadline, "the queue was not empty after {DRAIN_LIMIT:?}");
            sleep(POLL).await;
        }
        for writer in &mut self.writers {
            for index in 0..writer.accounts.len() {
                ensure!(writer.look(api, index).await, "a note could not be read");
            }
        }
        let list = api.list().await?;
        let mut accounts: Vec<_> =
            self.writers.iter().flat_map(|writer| writer.accounts.iter().cloned()).collect();
        compare(&mut accounts, &list, &mut self.tally);
        // What the list told of notes without an id holds from now on.
        let mut accounts = accounts.into_iter();
        for writer in &mut self.writers {
            let count = writer.accounts.len();
            writer.accounts = accounts.by_ref().take(count).collect();
        }
        println!("compared {} notes", list.len());
        Ok(())
    }

    async fn verify(&self) -> Result<()> {
        let verify = Command::new(&self.args.program)
            .args(["log", "verify", "--data-dir"])
            .arg(&self.data_dir)
            .output()
            .await?;
        if !verify.status.success() {
            let told = String::from_utf8_lossy(&verify.stdout);
            let error = String::from_utf8_lossy(&verify.stderr);
            bail!("daybook log verify ended with {}: {told}{error}", verify.status);
        }
        println!("daybook log verify found nothing wrong");
        Ok(())
    }
}

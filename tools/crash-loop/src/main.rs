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

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use crash_loop::comparison::compare_all;
use crash_loop::daemon::Program;
use crash_loop::ledger::Tally;
use crash_loop::writer::{Round, Writer};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

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
    let mut crash_loop =
        CrashLoop::new(args, seed, Program::new(&args.program, &folder.path().join("data")));
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
    program: Program,
    random: fastrand::Rng,
    writers: Vec<Writer>,
    tally: Tally,
}

impl<'a> CrashLoop<'a> {
    fn new(args: &'a Args, seed: u64, program: Program) -> Self {
        Self {
            args,
            program,
            random: fastrand::Rng::with_seed(seed),
            writers: (0..args.clients).map(|number| Writer::new(seed, number)).collect(),
            tally: Tally::default(),
        }
    }

    /// What all clients and the comparisons counted.
    fn tally(&self) -> Tally {
        let mut sum = Tally { starts: self.program.starts(), ..self.tally.clone() };
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
            let mut daemon = self.program.start()?;
            let api = daemon.ready().await?;
            let (writers, tally) = (&mut self.writers, &mut self.tally);
            let compared = compare_all(&mut daemon, &api, writers, tally, DRAIN_LIMIT).await;
            let notes = compared.with_context(|| format!("comparing after {after}"))?;
            daemon.stop().await?;
            println!("compared {notes} notes after {after}");
        }
        self.program.verify().await?;
        println!("daybook log verify found nothing wrong");
        Ok(())
    }

    async fn kill_while_starting(&mut self) -> Result<()> {
        let mut daemon = self.program.start()?;
        sleep(Duration::from_millis(self.random.u64(0..400))).await;
        self.tally.kills += 1;
        daemon.kill().await.context("while starting")
    }

    async fn kill_under_load(&mut self) -> Result<()> {
        let mut daemon = self.program.start()?;
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
}

//! Takes the database away from a loaded Daybook again and again, and accounts
//! for every acknowledged write.
//!
//! A real SurrealDB server runs behind a TCP proxy, with a memtable of 2 MiB so
//! that killing it loses an acknowledged batch nearly every time. Clients create,
//! put, patch and delete notes all the time, at most 160 in a second of all
//! together. Each round waits for a number of acknowledged writes, and is an
//! outage of one kind and of random length: the server is killed, stopped or
//! frozen, or the network is cut or slow. In every third round Daybook itself is
//! killed with SIGKILL, during the outage or right after it, and started again at
//! once; clients pause only as long as no Daybook listens.
//!
//! After each outage the time is taken from the server's first answer (or, where
//! Daybook was killed after that, from when the new one listens) until `/health`
//! tells that the state is healthy and the queue has no command. The load goes
//! on meanwhile, but light: 16 writes a second of all clients together, so that
//! the queue can be empty at all; it holds what came in during the outage and
//! little more.
//!
//! At the end every acknowledged write is compared with what `GET` and the list
//! tell, after the last outage and again after a clean stop and start. Daybook
//! is ready and its queue is empty then, so no read may be refused: none is
//! repeated, and a refused one fails the run. Then `daybook log verify` reads the
//! whole log. A line at level ERROR in the log of the service fails the run, too.
//!
//! Settings of Daybook that are not the defaults, and why:
//!
//! | setting | value | so that |
//! | --- | --- | --- |
//! | `DB_UNAVAILABLE_TIMEOUT` | 4 s | a quarter of the outages is longer, and writes are refused |
//! | `DB_DETECTION_TIME` | 2 s | that is so for a frozen server and a slow network, too, which are noticed only by this |
//! | `REQUEST_TIMEOUT` | 1 s | a client waits that long, and not 30 s, for its 202 while an outage is not noticed yet, and there is a load |
//!
//! Others come from the environment. A seed repeats the outages and the choices
//! of the clients; the instant at which something dies within a request is up to
//! the machine.

mod load;
mod outage;
mod report;
mod rounds;
mod scene;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Parser;
use crash_loop::daemon::{Findings, Program};
use crash_loop::history::Breach;
use daybook_rig::told_to_end;
use tokio::time::timeout;

use crate::report::Report;
use crate::rounds::{Rounds, Size};
use crate::scene::Scene;

/// What the service logs: enough to explain a failure.
const LOG_LEVEL: &str = "info,daybook=debug";

/// Takes the database from a loaded Daybook again and again, and accounts for every write.
///
/// Exit codes: 0 nothing lost, duplicated or out of order; 1 something was, or the service
/// could not be run; 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How many outages there are.
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// The program to run.
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// How many clients write at the same time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    clients: u32,
    /// How many writes are acknowledged in a round before its outage.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    writes: u64,
    /// Repeats the choices of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// Keeps the folder of the run, which is kept anyway when it fails.
    #[arg(long)]
    keep: bool,
    /// Ends the run after so many minutes, as a failure.
    #[arg(long, default_value_t = 60)]
    max_minutes: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(report) if report.is_clean() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("outage-loop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<Report> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let folder = tempfile::Builder::new().prefix("daybook-outage-loop-").tempdir()?;
    println!("seed {seed}");
    println!("folder {}", folder.path().display());
    let log = folder.path().join("service.log");
    let mut report = Report::default();
    let outcome = {
        let limit = Duration::from_secs(args.max_minutes.saturating_mul(60));
        let run = async {
            let scene = Scene::start(folder.path()).await?;
            let program = Program::new(&args.program, &folder.path().join("data"))
                .with_log(&log, LOG_LEVEL)
                .with_variable("DB_ENDPOINT", &scene.endpoint())
                .with_variable("DB_USERNAME", "root")
                .with_variable("DB_PASSWORD", "root")
                .with_variable("DB_UNAVAILABLE_TIMEOUT", "4s")
                .with_variable("DB_DETECTION_TIME", "2s")
                .with_variable("REQUEST_TIMEOUT", "1s");
            let Args { rounds, clients, writes, .. } = *args;
            let size = Size { rounds, clients, writes };
            Rounds::new(scene, program, seed, size, &mut report).run().await
        };
        // Whatever ends first, what it started ends with it.
        tokio::select! {
            outcome = timeout(limit, run) => outcome.unwrap_or_else(|_| {
                Err(anyhow!("the run was not over after {} minutes", args.max_minutes))
            }),
            () = told_to_end() => Err(anyhow!("interrupted")),
        }
    };
    let found = Findings::read(&log).unwrap_or_default();
    report.healed = found.healed;
    for line in &found.errors {
        report.tally.count(Breach::Unexpected, line);
    }
    println!("{report}");
    if outcome.is_err() || args.keep || !report.is_clean() {
        println!("the folder is kept: {}", folder.keep().display());
    }
    outcome.map(|()| report)
}

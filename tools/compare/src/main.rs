//! Measures Daybook and its rivals in turn, and prints how they compare.
//!
//! Each part of the comparison starts the servers that it needs, on free ports of
//! 127.0.0.1 and in temporary folders, and ends them, whatever comes of it. There
//! is one more run of each server before those that are measured; in it every
//! status is counted. See `docs/performance.md` for what is measured, and why in
//! this way.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::{Parser, ValueEnum};
use compare::load::Load;
use compare::rows::{Comparison, Measured, Part};
use compare::table::table;
use compare::{machine, page};
use daybook_rig::told_to_end;

/// Measures Daybook against a SurrealDB server and a server that does nothing.
///
/// Exit codes: 0 it was measured, whatever came of it; 1 a server could not be run or answered
/// with an unexpected status; 2 bad arguments.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The program of Daybook.
    #[arg(long, value_name = "FILE")]
    daybook: PathBuf,
    /// The load generator.
    #[arg(long, value_name = "FILE", default_value = "wrk")]
    wrk: PathBuf,
    /// The folder of the load generator's scripts.
    #[arg(long, value_name = "FOLDER", default_value = "tools/compare/lua")]
    scripts: PathBuf,
    /// How often each side is measured in a row.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How many seconds a run takes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How many notes there are where notes are read.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    notes: u64,
    /// How many commands a backlog has that drains.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    backlog: u64,
    /// The most notes and commands of what grows.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
    largest: u64,
    /// Measures this part only; may be given again.
    #[arg(long = "part", value_name = "PART")]
    parts: Vec<Part>,
    /// What Daybook logs. A line per request is left out, as the rivals write none.
    #[arg(long, default_value = "warn,daybook::wiring=info")]
    log_level: String,
    /// What is measured, such as a commit; told beside the machine.
    #[arg(long, default_value = "unknown")]
    source: String,
    /// Writes what came of it between the marks of this page, too.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    ensure!(
        args.write.is_none() || !cfg!(debug_assertions),
        "numbers of a debug build are not written"
    );
    let Some(database) = env::var_os("DAYBOOK_TEST_SURREALDB") else {
        bail!("DAYBOOK_TEST_SURREALDB names no SurrealDB server");
    };
    let told = machine::describe(&args.daybook, Path::new(&database), &args.wrk, &env::temp_dir());
    let told = format!(
        "- measured: {}\n- rounds: {} of {} s for each side\n{told}",
        args.source, args.rounds, args.seconds
    );
    println!("{told}\n");
    let parts = if args.parts.is_empty() { Part::value_variants().to_vec() } else { args.parts };
    let mut comparison = Comparison {
        program: args.daybook,
        log_level: args.log_level,
        load: Load { wrk: args.wrk, scripts: args.scripts, runs: 0 },
        rounds: args.rounds,
        length: Duration::from_secs(args.seconds),
        notes: args.notes,
        backlog: args.backlog,
        largest: args.largest,
        folder: tempfile::Builder::new().prefix("daybook-compare-").tempdir()?,
    };
    let mut measured = Measured::default();
    // Whatever ends first, what it started ends with it.
    let outcome = tokio::select! {
        outcome = measure(&mut comparison, &parts, &mut measured) => outcome,
        () = told_to_end() => bail!("interrupted"),
    };
    let text = page::text(&measured, &table(&measured.rows));
    println!("\n{text}");
    outcome?;
    if let Some(path) = args.write {
        page::write_plots(&path, &measured.scaled)?;
        page::write(&path, &format!("{told}\n\n{text}"))?;
    }
    Ok(())
}

async fn measure(
    comparison: &mut Comparison,
    parts: &[Part],
    measured: &mut Measured,
) -> Result<()> {
    for part in parts {
        let (rows, scaled) = (measured.rows.len(), measured.scaled.len());
        comparison.measure(*part, measured).await?;
        for row in measured.rows.iter().skip(rows) {
            println!("{row}");
        }
        for scaled in measured.scaled.iter().skip(scaled) {
            println!("\n{}\n", scaled.table);
        }
    }
    Ok(())
}

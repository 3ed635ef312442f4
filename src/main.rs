//! The program: arguments, settings, exit codes.

use std::env;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Parser;
use daybook::adapters::cli::{Cli, Command, EXIT_FAILURE, EXIT_USAGE, SettingFlags};
use daybook::adapters::settings::{Settings, Sources};
use daybook::adapters::telemetry;
use daybook::runtime;
use daybook::signals::Signals;
use daybook::wiring::{self, Service};

fn main() -> ExitCode {
    // Clap itself prints help and usage errors; the latter end with EXIT_USAGE.
    let cli = Cli::parse();
    let filter = cli.log_level.clone().or_else(|| env::var("RUST_LOG").ok());
    if let Err(error) = telemetry::start(cli.log_style(), filter.as_deref()) {
        return refuse(&error.into());
    }
    let (settings, command) = match cli.command {
        Some(Command::Serve(flags)) => (cli.settings.overridden_by(flags), None),
        None => (cli.settings.overridden_by(SettingFlags::default()), None::<()>),
    };
    let sources = match Sources::gather(cli.config.as_deref(), env::vars_os(), settings) {
        Ok(sources) => sources,
        Err(error) => return refuse(&error.into()),
    };
    let _ = command;
    match Settings::read(&sources) {
        Ok(settings) => report(serve(settings)),
        Err(error) => refuse(&error.into()),
    }
}

fn serve(settings: Settings) -> Result<()> {
    runtime::run(async move {
        let signals =
            Signals::take().map_err(|error| anyhow!("signals cannot be taken: {error}"))?;
        let service = Service::open(settings.clone()).await?;
        let listener = wiring::listen(&settings).await?;
        Ok(service.run(listener, signals.shutdown(EXIT_FAILURE)).await?)
    })?
}

/// Arguments or settings that cannot be used.
fn refuse(error: &anyhow::Error) -> ExitCode {
    say(error);
    ExitCode::from(EXIT_USAGE)
}

fn report(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if tracing::enabled!(tracing::Level::ERROR) {
                tracing::error!("{error}");
            } else {
                say(&error);
            }
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// The last resort where nothing is logged. That it cannot be written either is
/// nothing that anyone could be told.
fn say(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "daybook: {error}");
}

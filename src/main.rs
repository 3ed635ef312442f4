//! The program: arguments, settings, exit codes.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Error, Result, anyhow};
use clap::Parser;
#[cfg(feature = "top")]
use daybook::adapters::cli::TopCommand;
use daybook::adapters::cli::{
    AuditCommand, Cli, Command, DatabaseAnswer, EXIT_FAILURE, EXIT_USAGE, Finding, LogCommand,
    LogCommandError, LogSubcommand, ParkedCommand, PostCommand, SettingFlags, StatusCommand,
    print_checks, print_one, print_parked, print_released,
};
use daybook::adapters::service_client::ServiceClient;
use daybook::adapters::settings::{Settings, SettingsError, Sources};
use daybook::adapters::system::SystemClock;
use daybook::adapters::telemetry::{self, TelemetryError, Traces};
use daybook::app::Release;
use daybook::ports::Clock;
use daybook::runtime;
use daybook::signals::Signals;
use daybook::wiring::{self, Exporting, Service};

/// The database makes and drops small values by the million.
#[cfg(feature = "surreal")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Clap itself prints the help, and usage errors, which end with EXIT_USAGE.
    match run(Cli::parse()) {
        Ok(exit_code) => exit_code,
        Err(error) => ExitCode::from(tell(&error)),
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let filter = cli.log_level.clone().or_else(|| env::var("RUST_LOG").ok());
    let filter = filter.filter(|filter| !filter.is_empty());
    let traces = telemetry::start(cli.log_style(), filter.as_deref())?;
    let (flags, command) = match cli.command {
        Some(Command::Serve(flags)) => (flags, None),
        command => (SettingFlags::default(), command),
    };
    let mut given = cli.settings.overridden_by(flags);
    if let Some(Command::Log(LogSubcommand::Post(PostCommand::Rebuild { to, .. }))) = &command {
        given.push(("DB_ENDPOINT", to.clone()));
    }
    let sources = Sources::gather(cli.config.as_deref(), env::vars_os(), given)?;
    match command {
        Some(Command::Log(LogSubcommand::Look(LogCommand::Status(command)))) => {
            status(command, &sources)
        }
        Some(Command::Log(LogSubcommand::Look(log))) => look(&log, &sources.data_dir()?),
        Some(Command::Log(LogSubcommand::Audit(command))) => Ok(audit(command, &sources)),
        Some(Command::Log(LogSubcommand::Post(post))) => posting(post, &Settings::read(&sources)?),
        Some(Command::Parked(parked)) => see_to(parked, &Settings::read(&sources)?),
        Some(Command::Doctor { json }) => doctor(json, Settings::read(&sources)?),
        Some(Command::Health { json }) => health(json, &Settings::read(&sources)?),
        #[cfg(feature = "top")]
        Some(Command::Top(command)) => top(command, &Settings::read(&sources)?),
        Some(Command::Serve(_)) | None => serve(Settings::read(&sources)?, traces),
    }
}

fn look(log: &LogCommand, data_dir: &Path) -> Result<ExitCode> {
    Ok(exit_code(log.run(data_dir, &mut io::stdout().lock(), &mut io::stderr())?))
}

fn exit_code(finding: Finding) -> ExitCode {
    success(finding == Finding::Sound)
}

fn success(is_success: bool) -> ExitCode {
    if is_success { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILURE) }
}

/// Tells about the log whatever the other settings are: they matter only to what
/// the database could add.
fn status(command: StatusCommand, sources: &Sources) -> Result<ExitCode> {
    let data_dir = sources.data_dir()?;
    let settings = Settings::read(sources);
    let known = settings.as_ref().ok().map(wiring::log_settings);
    let mut ask = |log| match &settings {
        Ok(settings) => runtime::run(wiring::database_of(settings.clone(), log))
            .unwrap_or_else(|error| DatabaseAnswer::Unknown(error.to_string())),
        // One problem a line otherwise.
        Err(error) => DatabaseAnswer::Unknown(error.to_string().replace("\n  ", "; ")),
    };
    let out = &mut io::stdout().lock();
    Ok(exit_code(command.run(&data_dir, known.as_ref(), SystemClock.now(), &mut ask, out)?))
}

fn posting(post: PostCommand, settings: &Settings) -> Result<ExitCode> {
    let (posted, json) = match post {
        PostCommand::Adopt { apply, applied_through, json } => {
            let adoption = runtime::run(wiring::adopt(settings.clone(), applied_through, apply))??;
            adoption.print(json, &mut io::stdout().lock())?;
            return Ok(success(adoption.is_settled()));
        }
        PostCommand::Compact { dry_run, json } => {
            let compacted = runtime::run(wiring::compact(settings.clone(), dry_run))??;
            compacted.print(json, &mut io::stdout().lock())?;
            return Ok(ExitCode::SUCCESS);
        }
        PostCommand::Replay { from, dry_run, rate, json } => {
            (runtime::run(wiring::replay(settings.clone(), from, dry_run, rate))??, json)
        }
        PostCommand::Rebuild { until, json, .. } => {
            (runtime::run(wiring::rebuild(settings.clone(), until))??, json)
        }
    };
    posted.print(json, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn see_to(parked: ParkedCommand, settings: &Settings) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    let list = || runtime::run(wiring::list_parked(settings.clone()));
    let (command, how, json) = match parked {
        ParkedCommand::List { json } => {
            print_parked(&list()??, json, &mut out)?;
            return Ok(ExitCode::SUCCESS);
        }
        ParkedCommand::Show { command, json } => {
            let parked = list()??.into_iter().find(|parked| parked.seq == command.seq().get());
            let parked = parked.ok_or_else(|| anyhow!("the command is not parked"))?;
            print_one(&parked, &settings.data_dir, json, &mut out)?;
            return Ok(ExitCode::SUCCESS);
        }
        ParkedCommand::Retry { command, json } => (command, Release::Retry, json),
        ParkedCommand::Discard { command, json } => (command, Release::Discard, json),
    };
    let state = runtime::run(wiring::release(settings.clone(), command, how))??;
    Ok(success(print_released(&state, json, &mut out)?))
}

fn doctor(json: bool, settings: Settings) -> Result<ExitCode> {
    let checks = runtime::run(wiring::doctor(settings))?;
    Ok(success(print_checks(&checks, json, &mut io::stdout().lock())?))
}

fn health(json: bool, settings: &Settings) -> Result<ExitCode> {
    let service = ServiceClient::at(settings.bind_address.as_str())?;
    let health = match runtime::run(async move { service.health().await })? {
        Ok(health) => health,
        Err(error) => {
            writeln!(io::stderr(), "daybook: {error}")?;
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", health.body)?
    } else {
        writeln!(out, "{health}")?
    }
    Ok(success(["healthy", "degraded"].contains(&health.state())))
}

#[cfg(feature = "top")]
fn top(command: TopCommand, settings: &Settings) -> Result<ExitCode> {
    let address = settings.bind_address.as_str().to_owned();
    let service = ServiceClient::at(&address)?;
    runtime::run(command.run(service, address))??;
    Ok(ExitCode::SUCCESS)
}

/// Exit code 1 says that there are differences, so whatever kept it from looking
/// for them is another.
fn audit(command: AuditCommand, sources: &Sources) -> ExitCode {
    let audited = || -> Result<bool> {
        let audited = runtime::run(wiring::audit(Settings::read(sources)?))??;
        audited.print(command.json, &mut io::stdout().lock())?;
        Ok(audited.is_equal())
    };
    match audited() {
        Ok(is_equal) => success(is_equal),
        Err(error) => {
            tell(&error);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn serve(settings: Settings, traces: Traces) -> Result<ExitCode> {
    runtime::run(async move {
        let mut signals =
            Signals::take().map_err(|error| anyhow!("signals cannot be taken: {error}"))?;
        let service = tokio::select! {
            service = Service::open(settings.clone()) => service?,
            // Reading a long log cannot be given up half way, but needs no end.
            () = signals.next() => {
                tracing::info!("stopped before the command log was open");
                std::process::exit(0)
            }
        };
        let listener = wiring::listen(&settings).await?;
        let exporting = Exporting::start(&settings, &traces)?;
        let ended = service.run(listener, signals.shutdown(EXIT_FAILURE)).await;
        exporting.stop().await;
        ended?;
        Ok(ExitCode::SUCCESS)
    })?
}

/// Says, once, why the program ends, and returns the exit code for that.
fn tell(error: &Error) -> u8 {
    let is_usage = error.is::<SettingsError>()
        || error.is::<TelemetryError>()
        || error.is::<LogCommandError>();
    // What is wrong with the way it was started is for the one who started it.
    if is_usage || !tracing::enabled!(tracing::Level::ERROR) {
        // That it cannot be written is nothing that anyone could be told.
        let _ = writeln!(io::stderr(), "daybook: {error}");
    } else {
        tracing::error!(reason = %error, "the program ends");
    }
    if is_usage { EXIT_USAGE } else { EXIT_FAILURE }
}

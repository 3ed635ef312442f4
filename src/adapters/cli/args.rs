//! What may be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{AuditCommand, LogCommand, ParkedCommand, PostCommand, SettingFlags};
use crate::adapters::telemetry::LogStyle;

/// The exit code of a service that could not start or did not end well, and of
/// a command that found something wrong.
pub const EXIT_FAILURE: u8 = 1;

/// The exit code after arguments or settings that cannot be used, and of a
/// command that found nothing to read.
pub const EXIT_USAGE: u8 = 2;

const EXIT_CODES: &str = "\
Exit codes:
  0  the service was stopped, or the command found nothing wrong
  1  the service could not start or did not end well, or the command found something wrong
  2  the arguments or settings cannot be used, or there is no log that could be read

Every setting can also be given in the environment (--data-dir as DATA_DIR) or in the file
that --config names (data_dir). Flags win over the environment, the environment over the file.";

const DOCTOR_EXIT_CODES: &str = "\
Exit codes: 0 nothing is in the way of the service, 1 something is, 2 the arguments or settings \
cannot be used.";

const HEALTH_EXIT_CODES: &str = "\
Exit codes: 0 it is healthy or degraded, 1 it is starting or unhealthy, 2 nobody answers.";

#[cfg(feature = "top")]
const TOP_EXIT_CODES: &str = "\
Exit codes: 0 it was ended by a key or has printed what there is, 1 nobody answers or the terminal \
failed, 2 the arguments or settings cannot be used.";

const AUDIT_EXIT_CODES: &str = "\
Exit codes: 0 the database is what the log amounts to, 1 there are differences, 2 they could not \
be compared, and the message says why.";

/// A notes service that never loses a write.
///
/// Without a command it runs the service, as `daybook serve` does.
#[derive(Clone, Debug, Parser)]
#[command(name = "daybook", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// A TOML file with settings; DAYBOOK_CONFIG in the environment names it otherwise.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Log one JSON object a line.
    #[arg(long, global = true)]
    pub log_json: bool,

    /// What to log: a level, or a filter such as warn,daybook::app=debug; RUST_LOG in the
    /// environment says it otherwise [default: info].
    #[arg(long, global = true, value_name = "FILTER")]
    pub log_level: Option<String>,

    /// The settings given before the command, or without one.
    #[command(flatten)]
    pub settings: SettingFlags,

    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// How log lines shall look.
    #[must_use]
    pub fn log_style(&self) -> LogStyle {
        if self.log_json { LogStyle::Json } else { LogStyle::Text }
    }
}

/// What the program can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the service.
    #[command(after_help = EXIT_CODES)]
    Serve(SettingFlags),

    /// Look at the command log, post it to a database, or compare the two.
    #[command(subcommand, after_help = EXIT_CODES)]
    Log(LogSubcommand),

    /// See to the commands that the database refuses, while a service runs or not.
    #[command(subcommand, after_help = EXIT_CODES)]
    Parked(ParkedCommand),

    /// Look at everything that the service needs.
    ///
    /// The settings, the data folder and its disk, how long a sync takes there and whether that
    /// is too fast to be true, who has the log open, the database and its version. It connects
    /// to the database as the service does, which defines its tables where they are not there.
    ///
    /// Example: daybook doctor && daybook
    #[command(after_help = DOCTOR_EXIT_CODES)]
    Doctor {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },

    /// Ask a running service how it is.
    ///
    /// It is asked at BIND_ADDRESS.
    ///
    /// Example: daybook health || systemctl restart daybook
    #[command(after_help = HEALTH_EXIT_CODES)]
    Health {
        /// Print what GET /health answers.
        #[arg(long)]
        json: bool,
    },

    /// Watch a running service: its state, queue, log, rates and latencies.
    ///
    /// It is asked at BIND_ADDRESS, for its health and its metrics. Latencies are there if it was
    /// built with the feature metrics-detailed. The keys q, Esc and Ctrl-C end it.
    ///
    /// Example: daybook top --once --json | jq .queue
    #[cfg(feature = "top")]
    #[command(after_help = TOP_EXIT_CODES)]
    Top(super::TopCommand),
}

/// What the program can do with the command log.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum LogSubcommand {
    /// Without changing anything.
    #[command(flatten)]
    Look(LogCommand),
    /// Into a database.
    #[command(flatten)]
    Post(PostCommand),
    /// Compare the database of the settings with the log.
    ///
    /// Judges every command that the database has applied anew, from the first one on, and compares
    /// the notes that this amounts to with those in the database, field by field. Prints each
    /// difference, with the sizes and digests of texts but never a text itself, then how many notes
    /// there are and one SHA-256 for each side: that of its notes by id, each as a line of JSON.
    /// Opens both as the service would, and changes no command and no note.
    ///
    /// Commands that are not applied yet, or are parked, are left out and counted, and so are those
    /// that the log has lost: what they had changed is told as a difference. Notes that other logs
    /// have changed (of other instances, or the one before `adopt`) are counted and left out, since
    /// this log alone does not tell what they should be; one that such a log deleted so long ago that
    /// the database has forgotten it is told as missing.
    ///
    /// The service must be stopped, since the log has one owner; other instances on the same database
    /// should be, too. All notes are held in memory. A log that no longer begins with command 1 cannot
    /// be audited.
    ///
    /// Example: daybook log audit --json | jq '.differences[].id'
    #[command(after_help = AUDIT_EXIT_CODES)]
    Audit(AuditCommand),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    fn flags(cli: Cli) -> Vec<(&'static str, String)> {
        match cli.command {
            Some(Command::Serve(flags)) => cli.settings.overridden_by(flags),
            _ => cli.settings.overridden_by(SettingFlags::default()),
        }
    }

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_settings_are_flags() {
        let cli = parse("daybook --bind-address localhost:0 --data-dir=x").unwrap();
        assert!(cli.command.is_none());
        let expected = [("BIND_ADDRESS", "localhost:0"), ("DATA_DIR", "x")];
        assert_eq!(flags(cli), expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn serve_takes_the_settings_before_and_after_it() {
        let cli =
            parse("daybook --heal-window 1MiB serve --heal-window 2MiB --data-dir y").unwrap();
        let given = flags(cli);
        let last = |name| given.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(last("HEAL_WINDOW"), Some("2MiB"));
        assert_eq!(last("DATA_DIR"), Some("y"));
    }

    #[test]
    fn flags_of_all_commands_may_come_last() {
        let cli = parse("daybook serve --log-json --log-level debug --config f.toml").unwrap();
        assert_eq!(cli.log_style(), LogStyle::Json);
        assert_eq!(cli.log_level.as_deref(), Some("debug"));
        assert_eq!(cli.config, Some(PathBuf::from("f.toml")));
    }

    #[test]
    fn the_log_commands_take_the_data_folder_anywhere() {
        for line in ["daybook --data-dir x log status", "daybook log status --data-dir x"] {
            let cli = parse(line).unwrap();
            assert!(matches!(
                cli.command,
                Some(Command::Log(LogSubcommand::Look(LogCommand::Status { .. })))
            ));
            assert_eq!(flags(cli), [("DATA_DIR", "x".to_owned())], "{line}");
        }
    }

    #[test]
    fn unknown_flags_are_refused() {
        for line in ["daybook --command-log-rotation 3", "daybook serv", "daybook serve extra"] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), i32::from(EXIT_USAGE), "{line}");
        }
    }

    #[test]
    fn the_help_tells_exit_codes_and_every_setting() {
        let error = parse("daybook --help").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelp);
        let help = error.to_string();
        assert!(help.contains("Exit codes:"), "{help}");
        for setting in crate::adapters::settings::SETTINGS {
            let flag = format!("--{}", setting.name.to_lowercase().replace('_', "-"));
            assert!(help.contains(&flag), "{flag} is missing");
        }
    }
}

//! The settings as flags.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::adapters::settings::{SETTINGS, Setting};

/// The settings that were given as flags, each with its value as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingFlags {
    values: Vec<(&'static str, String)>,
}

impl SettingFlags {
    /// Pairs of a setting's name and its value. Where both have one, `later`
    /// wins.
    #[must_use]
    pub fn overridden_by(self, later: Self) -> Vec<(&'static str, String)> {
        let mut all = self.values;
        all.extend(later.values);
        all
    }

    fn take(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            let value = matches
                .try_get_one::<String>(setting.name)
                .map_err(|error| clap::Error::raw(ErrorKind::UnknownArgument, error))?;
            self.values.extend(value.map(|value| (setting.name, value.clone())));
        }
        Ok(())
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.take(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.take(matches)
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        command.args(SETTINGS.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(setting: &'static Setting) -> Arg {
    let least = setting.minimum.map(|least| format!(", at least {least}")).unwrap_or_default();
    // The first sentence is enough beside the flag; `--help` tells all of it.
    let brief = setting.about.split_once(". ").map_or(setting.about, |(first, _)| first);
    let brief = brief.trim_end_matches('.');
    Arg::new(setting.name)
        .long(setting.name.to_ascii_lowercase().replace('_', "-"))
        .value_name("VALUE")
        .help(format!("{brief} [default: {}]", setting.default))
        .long_help(format!(
            "{}\n\n[default: {}] [accepted: {}{least}]",
            setting.about, setting.default, setting.accepts
        ))
        .help_heading("Settings")
        .allow_hyphen_values(true)
        // The data folder says where the log is, so every command takes it.
        .global(setting.name == "DATA_DIR")
}

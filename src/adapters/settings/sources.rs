//! Where settings come from, in the order of precedence.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::table::{SETTINGS, Setting};
use super::{Problem, SettingsError};

/// Names the file of settings, as the flag `--config` does.
const CONFIG: &str = "DAYBOOK_CONFIG";

/// Defaults, file, environment and flags, stacked.
#[derive(Clone, Debug)]
pub struct Sources {
    figment: Figment,
}

impl Sources {
    /// Stacks them. `file` is the one that was named on the command line; the
    /// variable `DAYBOOK_CONFIG` names it otherwise. `flags` are pairs of a
    /// setting's name and its value.
    ///
    /// # Errors
    /// When the file is missing or unreadable, and when it has a key that is no
    /// setting.
    pub fn gather(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, SettingsError> {
        let environment: Vec<(OsString, OsString)> = environment.into_iter().collect();
        let config = file.map(Path::to_owned).or_else(|| {
            let set = environment.iter().find(|(name, _)| name == OsStr::new(CONFIG));
            set.map(|(_, value)| PathBuf::from(value))
        });
        let mut problems = Vec::new();
        let mut figment = Figment::from(defaults());
        if let Some(path) = config {
            figment = figment.merge(file_layer(&path, &mut problems)?);
        }
        figment = figment.merge(environment_layer(environment, &mut problems));
        figment = figment.merge(flag_layer(flags));
        if problems.is_empty() { Ok(Self { figment }) } else { Err(SettingsError { problems }) }
    }

    /// Only the data folder, for commands that need nothing else.
    ///
    /// # Errors
    /// When it is not a folder's name.
    pub fn data_dir(&self) -> Result<PathBuf, SettingsError> {
        let mut reader = Reader::new(self);
        reader.read("DATA_DIR").ok_or_else(|| reader.into_error())
    }
}

/// Reads settings one by one and remembers what was wrong.
pub(super) struct Reader<'a> {
    figment: &'a Figment,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { figment: &sources.figment, problems: Vec::new() }
    }

    /// The value of a setting, or `None` when it is bad.
    pub(super) fn read<T>(&mut self, name: &'static str) -> Option<T>
    where
        T: FromStr + PartialOrd,
        T::Err: std::fmt::Display,
    {
        let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
        match checked(self.figment, setting) {
            Ok(value) => Some(value),
            Err(reason) => {
                let origin = self.figment.find_metadata(&key(name));
                let origin = origin.map_or_else(String::new, |origin| origin.name.to_string());
                let accepts = setting.accepts;
                self.problems.push(Problem::Bad { setting: setting.name, origin, reason, accepts });
                None
            }
        }
    }

    pub(super) fn into_error(self) -> SettingsError {
        SettingsError { problems: self.problems }
    }
}

fn checked<T>(figment: &Figment, setting: &Setting) -> Result<T, String>
where
    T: FromStr + PartialOrd,
    T::Err: std::fmt::Display,
{
    let value = figment.find_value(&key(setting.name)).map_err(|error| error.to_string())?;
    let text = text_of(&value)?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let value: T = text.parse().map_err(|error: T::Err| error.to_string())?;
    let too_small = |minimum: &&str| minimum.parse::<T>().is_ok_and(|minimum| value < minimum);
    match setting.minimum.filter(too_small) {
        Some(minimum) => Err(format!("{text:?} is less than {minimum}")),
        None => Ok(value),
    }
}

/// A number in a file means what its text means.
fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::String(_, text) => Ok(text.clone()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|integer| integer.to_string())
            .or_else(|| number.to_f64().map(|float| float.to_string()))
            .ok_or_else(|| "the number is out of range".to_owned()),
        _ => Err("it must be text or a number".to_owned()),
    }
}

/// A name as files and [`Figment`] spell it.
fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// One layer of the stack. Its name is how errors tell where a value came from.
struct Layer {
    origin: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

fn defaults() -> Layer {
    let values = SETTINGS.iter().map(|setting| (key(setting.name), setting.default.into()));
    Layer { origin: "default".to_owned(), values: values.collect() }
}

fn file_layer(path: &Path, problems: &mut Vec<Problem>) -> Result<Layer, Problem> {
    let unusable = |reason| Problem::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path)
        .map_err(|error| unusable(format!("could not be read: {error}")))?;
    let values: Dict = Toml::from_str(&text)
        .map_err(|error| unusable(format!("is not TOML: {}", error.to_string().trim_end())))?;
    let origin = format!("file {}", path.display());
    for found in values.keys() {
        let is_key = |name: &str| key(name) == *found;
        if SETTINGS.iter().any(|setting| is_key(setting.name)) {
            continue;
        }
        let meant = SETTINGS.iter().map(|setting| key(setting.name));
        let meant = meant.into_iter().find(|name| *name == found.to_lowercase().replace('-', "_"));
        let hint = meant.map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
        problems.push(Problem::Unknown { key: found.clone(), origin: origin.clone(), hint });
    }
    Ok(Layer { origin, values })
}

fn environment_layer(environment: Vec<(OsString, OsString)>, problems: &mut Vec<Problem>) -> Layer {
    let origin = "environment".to_owned();
    let mut values = Dict::new();
    for (name, value) in environment {
        let Some(setting) = SETTINGS.iter().find(|setting| name == setting.name) else { continue };
        match value.into_string() {
            Ok(text) => {
                values.insert(key(setting.name), text.into());
            }
            Err(_) => problems.push(Problem::Bad {
                setting: setting.name,
                origin: origin.clone(),
                reason: "it is not Unicode text".to_owned(),
                accepts: setting.accepts,
            }),
        }
    }
    Layer { origin, values }
}

fn flag_layer(flags: impl IntoIterator<Item = (&'static str, String)>) -> Layer {
    let values = flags.into_iter().map(|(name, value)| (key(name), value.into()));
    Layer { origin: "flag".to_owned(), values: values.collect() }
}

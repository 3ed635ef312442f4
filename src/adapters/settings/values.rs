//! The types of the settings. Each parses from text and prints back to text
//! that it accepts; numbers in a file are read as their text.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The longest time that a setting may name. What shall wait longer says
/// `never`.
const MAX_TIME_SPAN: Duration = Duration::from_secs(24 * 60 * 60);

/// An address to listen on: a name or an IP address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub struct BindAddress(String);

impl BindAddress {
    /// The address as `HOST:PORT`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BindAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("{text:?} has no port"))?;
        if port.parse::<u16>().is_err() {
            return Err(format!("{port:?} is not a port from 0 to 65535"));
        }
        let is_v6 = host.starts_with('[') && text.parse::<std::net::SocketAddr>().is_ok();
        let is_name = !host.is_empty() && !host.contains([':', '/', ' ', '[', ']']);
        if is_v6 || is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{host:?} is not a host"))
        }
    }
}

/// A length of time: seconds (`30`) or a number with a unit (`500ms`, `30s`,
/// `5m`, `1h`), at most 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct TimeSpan(Duration);

impl TimeSpan {
    /// As the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = number_and_unit(text)?;
        let milliseconds = match unit {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(format!("{unit:?} is not a unit of time")),
        };
        number
            .checked_mul(milliseconds)
            .map(Duration::from_millis)
            .filter(|span| *span <= MAX_TIME_SPAN)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is longer than 24 hours"))
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        if milliseconds.is_multiple_of(1_000) {
            write!(f, "{}s", milliseconds / 1_000)
        } else {
            write!(f, "{milliseconds}ms")
        }
    }
}

/// How long the database may be away before writes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnavailableTimeout {
    /// So long.
    After(TimeSpan),
    /// They never are for that reason; the queue's limits still hold.
    Never,
}

impl UnavailableTimeout {
    /// The time, or `None` for [`Never`](Self::Never).
    #[must_use]
    pub fn get(self) -> Option<Duration> {
        match self {
            Self::After(span) => Some(span.get()),
            Self::Never => None,
        }
    }
}

impl PartialOrd for UnavailableTimeout {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        let span = |timeout: &Self| timeout.get().unwrap_or(Duration::MAX);
        Some(span(self).cmp(&span(other)))
    }
}

impl FromStr for UnavailableTimeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" { Ok(Self::Never) } else { text.parse().map(Self::After) }
    }
}

/// A number of bytes: plain (`65536`) or with a unit (`64 KiB`, `64MiB`, `1 GiB`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct ByteSize(u64);

impl ByteSize {
    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = number_and_unit(text)?;
        let bytes: u64 = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(format!("{unit:?} is not a unit of size")),
        };
        // Positions in a database column are signed, so sizes stay below 2^63.
        number
            .checked_mul(bytes)
            .filter(|bytes| i64::try_from(*bytes).is_ok())
            .map(Self)
            .ok_or_else(|| format!("{text:?} is too large"))
    }
}

/// How many of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub struct Count(u64);

impl Count {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse::<u64>().map_err(|_| format!("{text:?} is not a whole number"))?;
        if i64::try_from(number).is_err() {
            return Err(format!("{text:?} is too large"));
        }
        Ok(Self(number))
    }
}

/// A namespace or a database inside the database server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub struct DatabaseName(String);

impl DatabaseName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text:?} is not a name"))
        }
    }
}

/// Which database the notes are posted to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub enum Endpoint {
    /// An embedded one in the folder `database` under `DATA_DIR`.
    UnderDataDir,
    /// An embedded one in this folder.
    SurrealKv(PathBuf),
    /// A server, at this URL.
    Server(String),
    /// An embedded one in memory, rebuilt from the command log at every start.
    Memory,
}

impl Endpoint {
    /// The endpoint as a URL, for the database client and for the log.
    #[must_use]
    pub fn url(&self, data_dir: &Path) -> String {
        match self {
            Self::UnderDataDir => format!("surrealkv://{}", data_dir.join("database").display()),
            Self::SurrealKv(folder) => format!("surrealkv://{}", folder.display()),
            Self::Server(url) => url.clone(),
            Self::Memory => "mem://".to_owned(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A URL may hold a password, so no message quotes more than its scheme.
        let (scheme, rest) = text.split_once("://").ok_or("it is not a URL")?;
        match (scheme, rest) {
            ("surrealkv", "") => Ok(Self::UnderDataDir),
            ("surrealkv", folder) if folder.contains(['?', '#']) => {
                Err("options after the folder are not supported".to_owned())
            }
            ("surrealkv", folder) => Ok(Self::SurrealKv(PathBuf::from(folder))),
            ("mem", "") => Ok(Self::Memory),
            ("mem", _) => Err("mem:// takes nothing after it".to_owned()),
            ("ws" | "wss", host) if host.contains('@') => {
                Err("the user belongs into DB_USERNAME, the password into DB_PASSWORD".to_owned())
            }
            ("ws" | "wss", host) if host.is_empty() || host.contains(['/', '?', '#', ' ']) => {
                Err("a server is a host and a port, nothing else".to_owned())
            }
            ("ws" | "wss", host) => Ok(Self::Server(format!("{scheme}://{host}"))),
            _ => Err(format!("{scheme:?} is not a kind of database")),
        }
    }
}

/// How commands are written into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum LogFormat {
    /// Bincode 2: the smallest, and without names for other programs.
    Bincode,
    /// CBOR (RFC 8949): compact.
    Cbor,
    /// JSON (RFC 8259): readable with any tool, and about a third larger.
    Json,
    /// MessagePack: compact.
    MessagePack,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cbor" => Ok(Self::Cbor),
            "json" => Ok(Self::Json),
            "bincode" => Ok(Self::Bincode),
            "messagepack" => Ok(Self::MessagePack),
            _ => Err(format!("{text:?} is not a format")),
        }
    }
}

/// When the log is synced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum LogSync {
    /// Before every acknowledgement.
    Always,
    /// Every so often.
    Interval(TimeSpan),
    /// When the operating system likes to.
    Never,
}

impl FromStr for LogSync {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "always" => return Ok(Self::Always),
            "never" => return Ok(Self::Never),
            _ => {}
        }
        let span =
            text.strip_prefix("interval:").ok_or_else(|| format!("{text:?} is not a policy"))?;
        let span: TimeSpan = span.parse()?;
        if span.get().is_zero() || span.get() > Duration::from_secs(60) {
            return Err(format!("an interval of {span} is not from 1ms to 60s"));
        }
        Ok(Self::Interval(span))
    }
}

impl fmt::Display for LogSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Interval(span) => write!(f, "interval:{span}"),
            Self::Never => f.write_str("never"),
        }
    }
}

/// `64 MiB` as 64 and `MiB`; white space between the two is allowed.
pub(super) fn number_and_unit(text: &str) -> Result<(u64, &str), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number =
        number.parse().map_err(|_| format!("{text:?} does not start with a whole number"))?;
    Ok((number, unit.trim_start()))
}

//! Which database an endpoint names.

use std::path::PathBuf;

use crate::ports::StoreError;

/// When an embedded engine syncs, unless told otherwise. The command log has every
/// write that the database may lose, and posts it again at the next start, so a sync
/// of each commit would only make each of them wait for the disk twice.
const SYNC: &str = "1s";

/// A database, embedded or on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `mem://`: as long as the process.
    Memory,
    /// `ws://HOST:PORT` or `wss://HOST:PORT`: a server.
    Server {
        /// Whether TLS is used.
        secure: bool,
        /// The host, with its port where that is not the usual one.
        host: String,
    },
    /// `surrealkv://PATH`: a folder.
    Folder {
        /// The folder, absolute.
        path: PathBuf,
        /// When a commit is synced: `every` for each, `never`, or an interval.
        sync: String,
    },
}

impl Endpoint {
    /// Reads the setting `DB_ENDPOINT`. Nothing is passed on unread: the engine
    /// ignores what it does not understand.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`], naming the setting.
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        match text.split_once("://") {
            Some(("mem", "")) => Ok(Self::Memory),
            Some(("mem", _)) => Err(refused("mem:// takes no path and no options")),
            Some(("surrealkv", rest)) => folder(rest),
            Some((scheme @ ("ws" | "wss"), host)) => server(scheme == "wss", host),
            // The rest is not repeated: it may hold a password.
            _ => Err(refused("it must be surrealkv://PATH, mem://, ws://HOST or wss://HOST")),
        }
    }

    /// The address for the SDK.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Memory => "mem://".to_owned(),
            Self::Server { secure, host } => {
                format!("{}://{host}", if *secure { "wss" } else { "ws" })
            }
            Self::Folder { path, sync } => format!("surrealkv://{}?sync={sync}", path.display()),
        }
    }
}

fn server(secure: bool, host: &str) -> Result<Endpoint, StoreError> {
    if host.contains('@') {
        // Not repeated: it holds a password.
        return Err(refused("the user belongs into DB_USERNAME, the password into DB_PASSWORD"));
    }
    if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
        return Err(refused("a server is a host and a port, nothing else"));
    }
    Ok(Endpoint::Server { secure, host: host.to_owned() })
}

fn folder(rest: &str) -> Result<Endpoint, StoreError> {
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    if path.is_empty() {
        return Err(refused("surrealkv:// needs the path of a folder"));
    }
    if path.starts_with('~') {
        return Err(refused("write the path of the home folder instead of ~"));
    }
    let mut sync = SYNC.to_owned();
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("sync", value)) if is_sync_mode(value) => sync = value.to_owned(),
            Some(("sync", _)) => {
                return Err(refused("sync must be every, never or an interval above 100ms"));
            }
            _ => return Err(refused("surrealkv:// has no option but sync")),
        }
    }
    let path = std::path::absolute(path).map_err(|error| refused(&error.to_string()))?;
    Ok(Endpoint::Folder { path, sync })
}

/// `every`, `never`, or a whole number of `ms`, `s` or `m` above 100 ms, which
/// is the shortest interval that the engine takes.
fn is_sync_mode(value: &str) -> bool {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    match (number.parse::<u32>(), unit) {
        (Err(_), mode) => number.is_empty() && matches!(mode, "every" | "never"),
        (Ok(number), "ms") => number > 100,
        (Ok(number), "s" | "m") => number > 0,
        (Ok(_), _) => false,
    }
}

fn refused(why: &str) -> StoreError {
    StoreError::Misconfigured(format!("DB_ENDPOINT: {why}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::default_sync("surrealkv:///data/db", "surrealkv:///data/db?sync=1s")]
    #[case::sync_every("surrealkv:///data/db?sync=every", "surrealkv:///data/db?sync=every")]
    #[case::sync_never("surrealkv:///data/db?sync=never", "surrealkv:///data/db?sync=never")]
    #[case::interval("surrealkv:///data/db?sync=200ms", "surrealkv:///data/db?sync=200ms")]
    #[case::memory("mem://", "mem://")]
    #[case::server("ws://localhost:8000", "ws://localhost:8000")]
    #[case::server_with_tls("wss://db", "wss://db")]
    fn what_is_understood_reaches_the_engine(#[case] text: &str, #[case] address: &str) {
        assert_eq!(Endpoint::parse(text).unwrap().address(), address);
    }

    #[test]
    fn a_relative_path_is_made_absolute() {
        let Endpoint::Folder { path, .. } = Endpoint::parse("surrealkv://data/db").unwrap() else {
            panic!("not a folder");
        };
        assert_eq!(path, std::env::current_dir().unwrap().join("data/db"));
    }

    #[rstest]
    #[case::user("wss://user:secret@db", "DB_USERNAME")]
    #[case::server_with_path("ws://db/rpc", "nothing else")]
    #[case::no_server("ws://", "nothing else")]
    #[case::unknown("http://user:secret@db", "surrealkv://PATH, mem://")]
    #[case::no_scheme("data/db", "surrealkv://PATH, mem://")]
    #[case::memory_with_path("mem:///data", "takes no path")]
    #[case::no_path("surrealkv://", "path of a folder")]
    #[case::no_path_but_options("surrealkv://?sync=every", "path of a folder")]
    #[case::home("surrealkv://~/db", "home folder")]
    #[case::sync_typo("surrealkv:///db?sync=allways", "sync must be")]
    #[case::short_interval("surrealkv:///db?sync=100ms", "sync must be")]
    #[case::zero_interval("surrealkv:///db?sync=0s", "sync must be")]
    #[case::other_option("surrealkv:///db?versioned=true", "no option but sync")]
    fn anything_else_is_refused(#[case] text: &str, #[case] why: &str) {
        let error = Endpoint::parse(text).unwrap_err();
        assert!(matches!(error, StoreError::Misconfigured(_)));
        let message = error.to_string();
        assert!(message.starts_with("DB_ENDPOINT: "), "{message}");
        assert!(message.contains(why), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

//! What cannot work is said in one message, with an exit code that is not 0.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;

use crate::program::{Service, daybook, run};

/// The message on standard error, after checking that there is just one and
/// that it is meant for people.
#[track_caller]
fn message(output: &Output, exit_code: i32) -> String {
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(exit_code), "{told}");
    assert!(output.stdout.is_empty(), "{:?}", output.stdout);
    for inside in ["panicked", "backtrace", "Error {", "Err(", "Os {", "Some("] {
        assert!(!told.contains(inside), "{told}");
    }
    let errors = told.lines().filter(|line| line.contains("ERROR") || line.contains("daybook: "));
    assert_eq!(errors.count(), 1, "{told}");
    told
}

#[rstest]
#[case(&["--bind-address", "8080"], "BIND_ADDRESS (flag)")]
#[case(&["--db-endpoint", "ws://user:s3cret@localhost:8000"], "DB_ENDPOINT (flag)")]
#[case(&["--db-version-range", "three"], "DB_VERSION_RANGE (flag)")]
#[case(&["--db-versions-tested", "3.3"], "DB_VERSIONS_TESTED (flag)")]
#[case(&["--startup-max-wait", "0"], "STARTUP_MAX_WAIT (flag)")]
#[case(&["--db-unavailable-timeout", "sometimes"], "DB_UNAVAILABLE_TIMEOUT (flag)")]
#[case(&["--command-log-format", "xml"], "COMMAND_LOG_FORMAT (flag)")]
#[case(&["--command-log-sync", "often"], "COMMAND_LOG_SYNC (flag)")]
#[case(&["serve", "--queue-max-commands", "0"], "QUEUE_MAX_COMMANDS (flag)")]
#[case(&["serve", "--heal-window=-1"], "HEAL_WINDOW (flag)")]
#[case(&["--config", "/none.toml"], "the settings file /none.toml")]
#[case(&["--log-level", "daybook=loud"], "the log level \"daybook=loud\"")]
fn bad_arguments_are_named(#[case] arguments: &[&str], #[case] named: &str) {
    let folder = tempfile::tempdir().unwrap();
    let told = message(&run(daybook(folder.path()).args(arguments)), 2);
    assert!(told.contains(named), "{told}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was touched");
}

#[rstest]
#[case("QUEUE_MAX_BYTES", "1 TB", "QUEUE_MAX_BYTES (environment)")]
#[case(
    "COMMAND_LOG_RETENTION",
    "10",
    "COMMAND_LOG_RETENTION (environment): \"10\" is neither a time nor a size"
)]
#[case("POOL_MAX", "none", "POOL_MAX (environment)")]
#[case("DAYBOOK_CONFIG", "/none.toml", "the settings file /none.toml")]
#[case("RUST_LOG", "a=b=c", "the log level")]
fn a_bad_environment_is_named(#[case] name: &str, #[case] value: &str, #[case] named: &str) {
    let folder = tempfile::tempdir().unwrap();
    let told = message(&run(daybook(folder.path()).env(name, value)), 2);
    assert!(told.contains(named) && !told.contains("s3cret"), "{told}");
}

#[test]
fn a_bad_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("daybook.toml");
    for (text, named) in
        [("heal_windwo = 1", "heal_windwo"), ("heal_window = 1", "HEAL_WINDOW (file")]
    {
        fs::write(&file, text).unwrap();
        let told = message(&run(daybook(folder.path()).arg("--config").arg(&file)), 2);
        assert!(told.contains(named) && told.contains("daybook.toml"), "{told}");
    }
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(daybook(folder.path()).arg("--pool-size=3"));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--pool-size"));
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    let told = message(&run(&mut daybook(folder.path())), 1);
    assert!(told.contains("in use") && told.contains(folder.path().to_str().unwrap()), "{told}");
    service.create("still served").await;
    service.stop();
}

#[test]
fn an_address_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = message(&run(daybook(folder.path()).args(["--bind-address", &address])), 1);
    assert!(told.contains(&address) && told.contains("BIND_ADDRESS"), "{told}");
}

#[test]
fn a_file_is_no_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("under")] {
        let told = message(&run(&mut daybook(&path)), 1);
        assert!(told.contains("the data folder"), "{told}");
        assert!(told.contains(path.to_str().unwrap()), "{told}");
    }
}

/// Where nothing is logged, the end is still told.
#[test]
fn the_reason_is_told_without_a_log() {
    let mut command = daybook(Path::new("/proc/daybook"));
    let told = message(&run(command.args(["--log-level", "off"])), 1);
    assert!(told.starts_with("daybook: ") && told.contains("/proc/daybook"), "{told}");
}

#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    // `/proc` is a folder in which not even root can make another.
    let told = message(&run(&mut daybook(Path::new("/proc/daybook"))), 1);
    assert!(told.contains("/proc/daybook"), "{told}");
}

#[test]
fn a_full_disk_is_named() {
    // Limits the size of files, which is as good as a full disk: the first
    // segment cannot be written.
    let folder = tempfile::tempdir().unwrap();
    let mut limited = Command::new("sh");
    limited.env_clear().env("DATA_DIR", folder.path()).env("BIND_ADDRESS", "127.0.0.1:0");
    let program = env!("CARGO_BIN_EXE_daybook");
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f 0; exec {program}")]);
    let told = message(&run(&mut limited), 1);
    assert!(told.contains(folder.path().to_str().unwrap()), "{told}");
}

#[tokio::test]
async fn a_corrupt_segment_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path()).await;
    for _ in 0..3 {
        service.create("x").await;
    }
    service.stop();
    let segment = damage(folder.path());
    let before = fs::read(&segment).unwrap();
    let told = message(&run(&mut daybook(folder.path())), 1);
    assert!(told.contains("corrupt") && told.contains("at byte"), "{told}");
    assert!(told.contains(segment.to_str().unwrap()), "{told}");
    assert!(told.contains("daybook log verify") && told.contains("docs/troubles.md"), "{told}");
    assert_eq!(fs::read(&segment).unwrap(), before, "nothing was changed");
}

/// Flips a bit in the first command of the log and returns its segment.
pub(crate) fn damage(data_dir: &Path) -> PathBuf {
    let segments = fs::read_dir(data_dir.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<PathBuf> = segments
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    segments.sort();
    let segment = segments.remove(0);
    let bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(3).position(|window| window == b"ada").unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(&[bytes[at] ^ 1]).unwrap();
    segment
}

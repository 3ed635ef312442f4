//! Precedence, and how bad settings are told.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rstest::rstest;

use super::{Settings, SettingsError, Sources};

type Pairs<'a> = &'a [(&'static str, &'a str)];

fn read(file: Option<&Path>, environment: Pairs, flags: Pairs) -> Result<Settings, SettingsError> {
    let environment = environment.iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
    let flags = flags.iter().map(|(k, v)| (*k, (*v).to_owned()));
    Settings::read(&Sources::gather(file, environment, flags)?)
}

fn message(result: Result<Settings, SettingsError>) -> String {
    result.expect_err("the settings should be refused").to_string()
}

fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daybook.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn with_nothing_set_the_defaults_hold() {
    let settings = read(None, &[], &[]).unwrap();
    assert_eq!(settings.bind_address.as_str(), "127.0.0.1:8080");
    assert_eq!(settings.data_dir, Path::new("./data"));
    assert_eq!(settings.db_endpoint.url(&settings.data_dir), "surrealkv://./data/database");
    assert_eq!(settings.startup_max_wait.get(), Duration::from_secs(600));
    assert_eq!(settings.db_unavailable_timeout.get(), Some(Duration::from_secs(30)));
    assert_eq!(settings.command_log_segment_bytes.get(), 64 << 20);
    assert_eq!(settings.heal_window.get(), 1 << 30);
    assert_eq!(settings.queue_max_commands.get(), 100_000);
    assert_eq!(settings.queue_max_bytes.get(), 256 << 20);
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let (_folder, path) = file(
        "data_dir = \"from-file\"\ndb_namespace = \"from-file\"\ndb_database = \"from-file\"\n\
         request_timeout = 7\nheal_window = \"2 MiB\"\n",
    );
    let settings = read(
        Some(&path),
        &[("DB_NAMESPACE", "from-environment"), ("DB_DATABASE", "from-environment")],
        &[("DB_DATABASE", "from-flag")],
    )
    .unwrap();
    assert_eq!(settings.data_dir, Path::new("from-file"));
    assert_eq!(settings.db_namespace.as_str(), "from-environment");
    assert_eq!(settings.db_database.as_str(), "from-flag");
    assert_eq!(settings.request_timeout.get(), Duration::from_secs(7));
    assert_eq!(settings.heal_window.get(), 2 << 20);
    assert_eq!(settings.queue_max_commands.get(), 100_000);
}

#[test]
fn the_environment_names_the_file_and_the_flag_wins() {
    let (_one, first) = file("data_dir = \"first\"");
    let (_two, second) = file("data_dir = \"second\"");
    let named: Pairs = &[("DAYBOOK_CONFIG", first.to_str().unwrap())];
    assert_eq!(read(None, named, &[]).unwrap().data_dir, Path::new("first"));
    assert_eq!(read(Some(&second), named, &[]).unwrap().data_dir, Path::new("second"));
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let told = message(read(Some(&path), &[], &[]));
    assert!(told.contains("none.toml could not be read"), "{told}");
}

#[test]
fn a_file_that_is_not_toml_is_told_with_its_place() {
    let (_folder, path) = file("data_dir = \"x\"\nthis is not toml\n");
    let told = message(read(Some(&path), &[], &[]));
    assert!(told.contains("is not TOML") && told.contains("line 2"), "{told}");
}

#[rstest]
#[case("bind_adress = 1", "\"bind_adress\"", "is not a setting")]
#[case("DATA_DIR = \"x\"", "\"DATA_DIR\"", "did you mean \"data_dir\"?")]
#[case("data-dir = \"x\"", "\"data-dir\"", "did you mean \"data_dir\"?")]
fn unknown_keys_of_the_file_are_named(
    #[case] text: &str,
    #[case] name: &str,
    #[case] reason: &str,
) {
    let (_folder, path) = file(text);
    let told = message(read(Some(&path), &[], &[]));
    assert!(told.contains(name) && told.contains(reason), "{told}");
    assert!(told.contains("daybook.toml"), "{told}");
}

#[test]
fn other_variables_of_the_environment_are_ignored() {
    read(None, &[("PATH", "/bin"), ("data_dir", ""), ("DB_PORT", "1")], &[]).unwrap();
}

#[rstest]
#[case("BIND_ADDRESS", "8080")]
#[case("COMMAND_LOG_RETENTION", "10")]
#[case("COMMAND_LOG_RETENTION", "0d")]
#[case("COMMAND_LOG_RETENTION", "5m")]
#[case("COMMAND_LOG_RETENTION", "some")]
#[case("BIND_ADDRESS", "localhost:http")]
#[case("DATA_DIR", "")]
#[case("DB_ENDPOINT", "ws://user:pass@localhost:8000")]
#[case("DB_NAMESPACE", "no spaces")]
#[case("DB_DATABASE", "semi;colon")]
#[case("STARTUP_MAX_WAIT", "0")]
#[case("DB_OPERATION_TIMEOUT", "9ms")]
#[case("DB_UNAVAILABLE_TIMEOUT", "0s")]
#[case("COMMAND_LOG_FORMAT", "msgpack")]
#[case("COMMAND_LOG_SYNC", "interval:0")]
#[case("COMMAND_LOG_SEGMENT_BYTES", "65535")]
#[case("HEAL_WINDOW", "0")]
#[case("QUEUE_MAX_COMMANDS", "0")]
#[case("QUEUE_MAX_BYTES", "-1")]
#[case("REQUEST_TIMEOUT", "soon")]
#[case("SHUTDOWN_TIMEOUT", "0")]
fn a_bad_value_names_the_setting_its_origin_and_what_is_accepted(
    #[case] name: &'static str,
    #[case] value: &str,
) {
    let setting = super::SETTINGS.iter().find(|setting| setting.name == name).unwrap();
    let told = message(read(None, &[(name, value)], &[]));
    assert!(told.contains(&format!("{name} (environment)")), "{told}");
    assert!(told.contains(setting.accepts), "{told}");
    let told = message(read(None, &[], &[(name, value)]));
    assert!(told.contains(&format!("{name} (flag)")), "{told}");
    let (_folder, path) = file(&format!("{} = {value:?}", name.to_lowercase()));
    let told = message(read(Some(&path), &[], &[]));
    assert!(told.contains(&format!("{name} (file {})", path.display())), "{told}");
}

#[test]
fn every_setting_has_a_default_that_it_accepts_and_a_bad_value() {
    for setting in super::SETTINGS {
        read(None, &[(setting.name, setting.default)], &[]).unwrap();
        assert!(read(None, &[(setting.name, "")], &[]).is_err(), "{}", setting.name);
    }
}

#[test]
fn the_least_value_of_a_setting_is_accepted() {
    for setting in super::SETTINGS {
        if let Some(minimum) = setting.minimum {
            read(None, &[(setting.name, minimum)], &[]).unwrap();
        }
    }
}

#[test]
fn all_bad_values_are_told_at_once() {
    let told = message(read(None, &[("HEAL_WINDOW", "x")], &[("QUEUE_MAX_BYTES", "y")]));
    assert!(told.contains("HEAL_WINDOW") && told.contains("QUEUE_MAX_BYTES"), "{told}");
}

#[rstest]
#[case("queue_max_commands = -1", "QUEUE_MAX_COMMANDS")]
#[case("request_timeout = 1.5", "REQUEST_TIMEOUT")]
#[case("data_dir = true", "DATA_DIR")]
fn values_of_the_wrong_type_are_refused(#[case] text: &str, #[case] name: &str) {
    let (_folder, path) = file(text);
    let told = message(read(Some(&path), &[], &[]));
    assert!(told.contains(name), "{told}");
}

#[test]
fn a_table_in_the_file_is_no_value() {
    let (_folder, path) = file("[data_dir]\nx = 1");
    let told = message(read(Some(&path), &[], &[]));
    assert!(told.contains("DATA_DIR") && told.contains("text or a number"), "{told}");
}

#[test]
fn a_bad_setting_does_not_keep_the_data_folder_from_being_read() {
    let environment = [(OsString::from("HEAL_WINDOW"), OsString::from("x"))];
    let sources = Sources::gather(None, environment, []).unwrap();
    assert_eq!(sources.data_dir().unwrap(), Path::new("./data"));
}

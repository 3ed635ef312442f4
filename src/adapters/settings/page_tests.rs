//! `docs/settings.md` says what the table of settings says.

use std::fmt::Write;

use super::SETTINGS;

const PAGE: &str = include_str!("../../../docs/settings.md");
const FROM: &str = "<!-- settings: begin -->";
const TO: &str = "<!-- settings: end -->";

/// The part of the page that follows from the table.
fn sections() -> String {
    let mut text = String::new();
    for setting in SETTINGS {
        let flag = setting.name.to_lowercase().replace('_', "-");
        let key = setting.name.to_lowercase();
        let minimum = setting.minimum.map(|least| format!("`{least}`"));
        writeln!(text, "\n### {}\n\n{}\n", setting.name, setting.about).unwrap();
        writeln!(text, "- Default: `{}`", setting.default).unwrap();
        writeln!(text, "- Minimum: {}", minimum.unwrap_or_else(|| "none".to_owned())).unwrap();
        writeln!(text, "- Accepted: {}", setting.accepts).unwrap();
        writeln!(text, "- Flag `--{flag}`, key `{key}` in the file").unwrap();
    }
    text
}

#[test]
fn the_page_of_settings_is_the_table_of_settings() {
    let (_, rest) = PAGE.split_once(FROM).unwrap();
    let (found, _) = rest.split_once(TO).unwrap();
    let expected = sections();
    assert!(
        found.trim() == expected.trim(),
        "put this between the two marks of docs/settings.md:\n{expected}"
    );
}

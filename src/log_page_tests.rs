//! `docs/logs.md` has every line that the sources write, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::app::COMMANDS;

/// A line that a source writes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    target: String,
    message: String,
    level: &'static str,
    fields: BTreeSet<String>,
}

#[test]
fn the_page_has_every_line_that_is_written() {
    let mut table = "| target | level | message | fields |\n| --- | --- | --- | --- |\n".to_owned();
    for Event { target, message, level, fields } in events() {
        let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let fields = fields.join(", ");
        writeln!(table, "| `{target}` | {level} | {message} | {fields} |").unwrap();
    }
    let found = between("<!-- events: begin -->", "<!-- events: end -->");
    assert!(
        found.trim() == table.trim(),
        "put this between the two marks of docs/logs.md:\n{table}"
    );
}

#[test]
fn the_page_tells_what_each_field_means() {
    let rows = between("<!-- fields: begin -->", "<!-- fields: end -->");
    let told: BTreeSet<&str> =
        rows.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    let events = events();
    let mut used: BTreeSet<&str> =
        events.iter().flat_map(|event| &event.fields).map(String::as_str).collect();
    // Those of the span of a request.
    used.extend(["request_id", "trace_id", "parent_span_id", "method", "route"]);
    assert_eq!(told, used);
}

/// Whoever reads the log counts on names and numbers, so none is put together.
#[test]
fn messages_are_constant_and_no_field_is_as_rust_prints_it() {
    for event in events() {
        assert!(!event.message.contains('{'), "{event:?}");
        assert!(!event.message.is_empty() && !event.message.contains('|'), "{event:?}");
        for field in &event.fields {
            let is_stable = field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(is_stable, "{field}: {event:?}");
            // They stand beside what every line has.
            let common = ["timestamp", "level", "message", "target", "span", "spans"];
            assert!(!common.contains(&field.as_str()), "{field}: {event:?}");
        }
    }
}

/// A part of the page.
fn between(from: &str, to: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logs.md");
    let page = fs::read_to_string(page).unwrap();
    page.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned()
}

fn events() -> BTreeSet<Event> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    gather(&src, "daybook", &mut sources);
    let events: BTreeSet<Event> =
        sources.iter().flat_map(|(target, text)| events_of(target, text)).collect();
    assert!(events.len() > 30, "the sources are not found");
    events
}

/// The sources by the path of their module, tests left out.
fn gather(folder: &Path, module: &str, sources: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name == "tests" || name.ends_with("_tests") {
            continue;
        }
        let inner = match name {
            "main" | "lib" | "mod" => module.to_owned(),
            name => format!("{module}::{name}"),
        };
        if path.is_dir() {
            gather(&path, &inner, sources);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            sources.entry(inner).or_default().push_str(code);
        }
    }
}

fn events_of(module: &str, text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for level in ["error", "warn", "info", "debug"] {
        let call = format!("{level}!(");
        for (at, _) in text.match_indices(&call) {
            let line = text[..at].rsplit('\n').next().unwrap_or_default();
            if line.trim_start().starts_with("//") || line.ends_with('_') {
                continue;
            }
            events.push(event(module, level, &text[at + call.len()..]));
        }
    }
    events
}

/// The event whose arguments begin there.
fn event(module: &str, level: &'static str, text: &str) -> Event {
    let mut event =
        Event { target: module.to_owned(), message: String::new(), level, fields: BTreeSet::new() };
    for argument in arguments(text) {
        let argument = argument.trim();
        if let Some(message) = argument.strip_prefix('"') {
            let lines = message.trim_end_matches('"').split("\\\n");
            let lines: Vec<&str> = lines.map(str::trim_start).collect();
            event.message = lines.concat();
        } else if argument.starts_with("target:") {
            assert_eq!(argument, "target: COMMANDS");
            event.target = COMMANDS.to_owned();
        } else {
            let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
            let (name, value) = (name.trim(), value.trim());
            assert!(!name.starts_with('?') && !value.starts_with('?'), "{module}: {argument}");
            event.fields.insert(name.trim_start_matches('%').to_owned());
        }
    }
    event
}

/// What stands between the commas, up to the closing parenthesis.
fn arguments(text: &str) -> Vec<&str> {
    let (mut found, mut depth, mut start, mut in_text) = (Vec::new(), 0, 0, false);
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_text,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                found.push(&text[start..at]);
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.retain(|argument| !argument.trim().is_empty());
    found
}

#[test]
fn planted_events_are_found() {
    let text = "fn f() {\n    warn!(%code, retry_after_ms = ms(a, b), \"it \\\n        failed\");\n    \
                tracing::debug!(target: COMMANDS, seq = seq.get(), \"done\");\n    \
                let s = info_span!(\"no\");\n    // info!(\"no\")\n}";
    let told: Vec<String> = events_of("daybook::m", text)
        .into_iter()
        .map(|event| {
            format!("{} {} {} {:?}", event.target, event.level, event.message, event.fields)
        })
        .collect();
    assert_eq!(
        told,
        [
            r#"daybook::m warn it failed {"code", "retry_after_ms"}"#,
            r#"daybook::commands debug done {"seq"}"#,
        ]
    );
}

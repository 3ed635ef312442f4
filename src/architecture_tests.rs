//! Dependencies point inwards: `domain <- ports <- app <- adapters <- main`.
//!
//! The rule is checked on the text of the sources, with comments and strings
//! taken out: every path that starts at a crate (`use` or inline), and every
//! `crate::…`, must be one that the layer may use.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What one layer may use.
struct Layer {
    folder: &'static str,
    /// Beginnings of paths, whole segments: `a::b` allows `a::b::c`, but not `a`.
    may_use: &'static str,
    /// What its tests may use beside that; `None` leaves them alone.
    tests_may_use: Option<&'static str>,
}

const LAYERS: [Layer; 3] = [
    Layer {
        folder: "src/domain",
        may_use: "std serde garde chrono uuid thiserror async_graphql crate::domain",
        tests_may_use: Some("proptest prop rstest case serde_json tokio::test"),
    },
    Layer {
        folder: "src/ports",
        may_use: "std serde chrono uuid thiserror async_trait crate::domain crate::ports",
        tests_may_use: None,
    },
    Layer {
        folder: "src/app",
        // The last line makes the waits between attempts to connect, and bounds
        // what is remembered of notes.
        may_use: "std serde chrono uuid thiserror async_trait tracing tokio::sync tokio::time \
                  tokio::task tokio::spawn tokio::select crate::domain crate::ports crate::app \
                  backon fastrand moka",
        tests_may_use: None,
    },
];

/// Not even where their crate is allowed: no files, sockets and processes.
const NEVER: &str = "std::fs std::net std::process std::env tokio::fs tokio::net tokio::process \
                     tokio::io";

/// Not by the domain, which is pure.
const NEVER_IN_DOMAIN: &str = "std::thread std::io std::time::Instant std::time::SystemTime";

/// What is stamped by ports is not asked for elsewhere, by whatever path.
const NEVER_CALLED: [&str; 4] = ["Utc::now", "Local::now", "SystemTime::now", "Uuid::new_v4"];

#[test]
fn dependencies_point_inwards() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut violations = Vec::new();
    for layer in &LAYERS {
        let files = rust_files(&root.join(layer.folder), false);
        assert!(files.iter().any(|(_, is_test)| !is_test), "{} has no sources", layer.folder);
        for (file, is_test) in files {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(root).unwrap().display().to_string();
            violations.extend(check(layer, &name, &text, is_test));
        }
    }
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn anyhow_is_only_in_main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, _) in rust_files(&root.join("src"), false) {
        let code = code_of(&fs::read_to_string(&file).unwrap());
        let names_it = paths(&code).iter().any(|(_, path)| within(path, "anyhow"));
        assert!(!names_it || file.ends_with("src/main.rs"), "{} uses anyhow", file.display());
    }
}

/// The files under a folder, each with whether it is only compiled for tests.
fn rust_files(folder: &Path, is_test: bool) -> Vec<(PathBuf, bool)> {
    let root = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
    let test_modules = test_modules(&code_of(&root));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap();
        let is_test = is_test || test_modules.iter().any(|name| name == module);
        if path.is_dir() {
            files.extend(rust_files(&path, is_test));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((path, is_test));
        }
    }
    files.sort();
    files
}

/// The modules that are declared behind a `cfg` with `test` in it.
fn test_modules(code: &str) -> Vec<String> {
    let lines = code.lines().zip(code.lines().skip(1));
    let behind_test = lines.filter(|(attribute, _)| {
        attribute.starts_with("#[cfg(test)]") || attribute.starts_with("#[cfg(all(test,")
    });
    let declared = behind_test.filter_map(|(_, line)| line.split_once("mod "));
    declared.map(|(_, name)| word_at(name, 0).to_owned()).collect()
}

/// Every violation in a file, as `file:line: path`.
fn check(layer: &Layer, file: &str, text: &str, is_test: bool) -> Vec<String> {
    let code = code_of(text);
    let tests_from = match code.split_once("#[cfg(test)]\nmod tests {") {
        _ if is_test => 0,
        Some((before, _)) => before.lines().count(),
        None => usize::MAX,
    };
    let is_domain = layer.folder == "src/domain";
    let forbidden = |(line, path): &(usize, String)| {
        let begins = |prefixes: &str| prefixes.split(' ').any(|prefix| within(path, prefix));
        let allowed = match layer.tests_may_use {
            _ if *line <= tests_from => begins(layer.may_use),
            Some(more) => begins(layer.may_use) || begins(more),
            None => return false,
        };
        begins(NEVER) || (is_domain && begins(NEVER_IN_DOMAIN)) || !allowed
    };
    let imported = paths(&code).into_iter().filter(forbidden);
    let called =
        code.lines().zip(1..).filter(|(_, line)| *line <= tests_from).flat_map(|(text, line)| {
            let calls = NEVER_CALLED.iter().filter(move |call| text.contains(**call));
            calls.map(move |call| (line, (*call).to_owned()))
        });
    imported.chain(called).map(|(line, path)| format!("{file}:{line}: {path}")).collect()
}

/// Whether a path is `prefix` or lies under it.
fn within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path that starts at a crate, with its line: those of `use`
/// declarations one by one, and inline ones.
fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let at = code.len() - rest.len() + start;
        let word = word_at(code, at);
        let line = code[..at].matches('\n').count() + 1;
        let before = code[..at].trim_end();
        let mut next = at + word.len();
        if word == "use" && starts_a_statement(before) {
            let end = code[at..].find(';').map_or(code.len(), |end| at + end);
            let tree: String = code[next..end].split_whitespace().collect::<Vec<_>>().join(" ");
            found.extend(leaves(&tree).into_iter().map(|leaf| (line, leaf)));
            next = end;
        } else if !before.ends_with("::") && code[next..].starts_with("::") {
            let path = path_at(code, at);
            next = at + path.len();
            // `parse::<T>` is a method.
            found.extend(path.contains("::").then_some((line, path)));
        }
        rest = &code[next..];
    }
    let local = local_names(code, &found);
    found.retain(|(_, path)| starts_at_a_crate(path, &local));
    found
}

/// The names that a file gives to modules: its own and those it imports.
fn local_names(code: &str, found: &[(usize, String)]) -> HashSet<String> {
    let own = code.split("mod ").skip(1).map(|rest| word_at(rest, 0));
    let imported = found.iter().filter_map(|(_, path)| {
        let (_, name) = path.strip_suffix("::self").unwrap_or(path).rsplit_once("::")?;
        Some(name)
    });
    own.chain(imported).map(str::to_owned).collect()
}

fn starts_a_statement(before: &str) -> bool {
    let visibility = before.ends_with("pub") || before.ends_with(')');
    before.is_empty() || before.ends_with([';', '{', '}', ']']) || visibility
}

fn word_at(code: &str, at: usize) -> &str {
    let tail = &code[at..];
    &tail[..tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len())]
}

fn path_at(code: &str, at: usize) -> String {
    let mut path = word_at(code, at).to_owned();
    while let Some(tail) = code[at + path.len()..].strip_prefix("::") {
        let word = word_at(tail, 0);
        if word.is_empty() {
            break;
        }
        path = format!("{path}::{word}");
    }
    path
}

/// `self`, `super`, types and names of the file lead nowhere outside.
fn starts_at_a_crate(path: &str, local: &HashSet<String>) -> bool {
    const NO_CRATES: [&str; 8] = ["self", "super", "f32", "f64", "str", "char", "bool", "usize"];
    let first = path.split("::").next().unwrap_or_default();
    let integer = first.trim_start_matches(['u', 'i']).chars().all(|c| c.is_ascii_digit());
    let is_type = first.starts_with(|c: char| c.is_ascii_uppercase());
    !(NO_CRATES.contains(&first) || integer || is_type || local.contains(first))
}

/// The paths of a `use` tree: `a::{b, c::{d, e as f}}` as `a::b`, `a::c::d`, `a::c::e`.
fn leaves(tree: &str) -> Vec<String> {
    let tree = tree.trim().trim_start_matches("::");
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.trim().replace(' ', "")];
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in group.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(c),
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| leaves(&format!("{prefix}{}", part.trim()))).collect()
}

/// The text with comments and the contents of strings blanked, lines kept.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut previous = ' ';
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in chars.by_ref() {
                    if c == '\n' {
                        code.push(c);
                    }
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '"' => {
                // After `r` or `#` a backslash is one; no source here ends a raw
                // string with a quote inside it.
                let raw = previous == 'r' || previous == '#';
                code.push('"');
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' if !raw => {
                            chars.next();
                        }
                        '\n' => code.push('\n'),
                        _ => {}
                    }
                }
                code.push('"');
            }
            // A character literal may hold a quote; a lifetime holds none.
            '\'' if matches!(chars.peek(), Some('"' | '\\')) => {
                let escaped = chars.next() == Some('\\');
                if escaped {
                    chars.next();
                }
                code.push_str("''");
                while chars.next_if(|c| *c != '\'').is_some() {}
                chars.next();
            }
            c => code.push(c),
        }
        previous = c;
    }
    code
}

/// The checker finds what is planted.
mod planted {
    use rstest::rstest;

    use super::{LAYERS, check, test_modules};

    const DOMAIN: usize = 0;
    const PORTS: usize = 1;
    const APP: usize = 2;

    #[rstest]
    #[case(DOMAIN, "use tokio::sync::watch;", "tokio::sync::watch")]
    #[case(DOMAIN, "use crate::ports::Clock;", "crate::ports::Clock")]
    #[case(DOMAIN, "use crate::{domain::Note, app::Health};", "crate::app::Health")]
    #[case(DOMAIN, "pub(crate) use std::fs;", "std::fs")]
    #[case(DOMAIN, "use std::{fmt, net::TcpStream};", "std::net::TcpStream")]
    #[case(DOMAIN, "use std::time::{Duration, Instant};", "std::time::Instant")]
    #[case(DOMAIN, "use chrono::Utc;\nfn f() { Utc::now(); }", "Utc::now")]
    #[case(APP, "let id = uuid::Uuid::new_v4();", "Uuid::new_v4")]
    #[case(DOMAIN, "fn f() -> surrealdb::Result<()> { g() }", "surrealdb::Result")]
    #[case(DOMAIN, "#[cfg(test)]\nmod tests {\n use anyhow::Result;\n}", "anyhow::Result")]
    #[case(PORTS, "use crate::adapters::memory;", "crate::adapters::memory")]
    #[case(PORTS, "use\n    tokio::time::Instant;", "tokio::time::Instant")]
    #[case(PORTS, "use crate::app::Options as Domain;", "crate::app::Options")]
    #[case(APP, "use axum::Router;", "axum::Router")]
    #[case(APP, "use surrealdb;", "surrealdb")]
    #[case(APP, "use surrealdb as tokio;", "surrealdb")]
    #[case(APP, "pub use ::axum::Router;", "axum::Router")]
    #[case(APP, "use tokio::{sync::watch, net::TcpListener};", "tokio::net::TcpListener")]
    #[case(APP, "let x = crate::adapters::memory::MemoryLog::new(id);", "crate::adapters")]
    #[case(APP, "use surrealdb::{engine::{any, local::Db}, Surreal};", "surrealdb::engine::any")]
    #[case(APP, "let x = f(\"//\", std::fs::read(p));", "std::fs::read")]
    #[case(APP, "if c == '\"' { std::env::var(\"x\") }", "std::env::var")]
    #[case(APP, "use anyhow::Context;", "anyhow::Context")]
    fn violations_are_found(#[case] layer: usize, #[case] code: &str, #[case] path: &str) {
        let text = format!("//! A file.\n\n{code}\n");
        let found = check(&LAYERS[layer], "file.rs", &text, false);
        let named = found.iter().any(|violation| violation.contains(path));
        assert!(
            named && found.iter().all(|violation| violation.starts_with("file.rs:")),
            "{found:?}"
        );
    }

    #[test]
    fn test_files_may_use_more_but_not_anything() {
        let text = "use proptest::prelude::*;\nuse tokio::net::TcpListener;\n";
        let found = |layer: usize, is_test| check(&LAYERS[layer], "f.rs", text, is_test).len();
        assert_eq!(found(DOMAIN, true), 1);
        assert_eq!(found(DOMAIN, false), 2);
        assert_eq!(found(APP, true), 0);
        assert_eq!(found(APP, false), 2);
    }

    #[test]
    fn test_modules_are_told_from_others() {
        let code = "mod a;\n#[cfg(test)]\nmod b;\n#[cfg(all(test, feature = \"\"))]\n\
                    pub(crate) mod c;\n#[cfg(feature = \"\")]\nmod d;\n";
        assert_eq!(test_modules(code), ["b", "c"]);
    }

    #[test]
    fn a_violation_names_its_line() {
        let text = "//! x\nuse std::fmt;\n\"a\nb\"\nuse axum::Router;\n";
        assert_eq!(check(&LAYERS[APP], "f.rs", text, false), ["f.rs:5: axum::Router"]);
    }

    #[rstest]
    #[case(DOMAIN, "use super::{Note, NoteId};\nuse std::fmt;\nfmt::Display::fmt(u64::MAX)")]
    #[case(DOMAIN, "// use tokio::sync::watch;\n/* axum::x */ let s = \"std::fs::read\";")]
    #[case(DOMAIN, "/// See [`crate::adapters`].\nuse crate::domain::{self, Note};")]
    #[case(PORTS, "use async_trait::async_trait;\nuse crate::domain::Note;")]
    #[case(APP, "use tokio::{sync::watch, time::{Instant, timeout_at}};\ntokio::select! {}")]
    #[case(APP, "use std::collections::HashMap;\n#[cfg(test)]\nmod tests {\n use axum::x;\n}")]
    fn what_is_allowed_passes(#[case] layer: usize, #[case] code: &str) {
        assert_eq!(check(&LAYERS[layer], "file.rs", code, false), [""; 0]);
    }
}

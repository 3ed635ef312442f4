//! What `daybook doctor` tells.

use std::io::{self, Write};

use serde_json::json;

/// How it is with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and may not be what is wanted.
    Warning,
    /// The service would not start, or not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub what: &'static str,
    /// How it is.
    pub health: Health,
    /// What was found, and what to do about it.
    pub found: String,
}

impl Check {
    /// A thing that is as it should be.
    pub fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, health: Health::Good, found: found.into() }
    }

    /// A thing that may not be what is wanted.
    pub fn warning(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, health: Health::Warning, found: found.into() }
    }

    /// A thing that keeps the service from working.
    pub fn bad(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, health: Health::Bad, found: found.into() }
    }
}

/// Prints what was looked at, and tells whether nothing is bad.
///
/// # Errors
/// When it cannot be written.
pub fn print_checks(checks: &[Check], json: bool, out: &mut dyn Write) -> io::Result<bool> {
    let is_well = checks.iter().all(|check| check.health < Health::Bad);
    if json {
        let checks: Vec<_> = checks
            .iter()
            .map(|Check { what, health, found }| {
                json!({ "check": what, "health": name(*health), "found": found })
            })
            .collect();
        writeln!(out, "{}", json!({ "well": is_well, "checks": checks }))?;
        return Ok(is_well);
    }
    for Check { what, health, found } in checks {
        writeln!(out, "{:<7}  {what:<9}  {found}", name(*health))?;
    }
    Ok(is_well)
}

fn name(health: Health) -> &'static str {
    match health {
        Health::Good => "ok",
        Health::Warning => "warning",
        Health::Bad => "bad",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn printed(checks: &[Check], json: bool) -> (bool, String) {
        let mut out = Vec::new();
        let is_well = print_checks(checks, json, &mut out).unwrap();
        (is_well, String::from_utf8(out).unwrap())
    }

    #[test]
    fn only_what_is_bad_makes_it_unwell() {
        let mut checks = vec![Check::good("folder", "there"), Check::warning("sync", "fast")];
        let (is_well, text) = printed(&checks, false);
        assert!(is_well);
        assert_eq!(text, "ok       folder     there\nwarning  sync       fast\n");
        checks.push(Check::bad("database", "away"));
        let (is_well, text) = printed(&checks, true);
        let told: Value = serde_json::from_str(&text).unwrap();
        assert!(!is_well);
        assert_eq!((&told["well"], &told["checks"][2]["health"]), (&json!(false), &json!("bad")));
    }
}

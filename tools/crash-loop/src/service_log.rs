//! The log lines of the service: kept, searched, and counted.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::sync::watch;

/// How many of the last lines worth it are kept for a report.
const KEPT_LINES: usize = 30;

/// The line that tells of a stretch of commands that the database had lost.
const HEALED: &str = "the database had lost commands that it had acknowledged";

/// The last lines of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// These lines, for a report.
    pub(crate) fn told(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().fold("; its last words:".to_owned(), |told, line| told + "\n  " + line)
    }
}

/// Reads the log of a process to its end: keeps the last lines, writes all of
/// them to the file, and tells the address that it finds.
pub(crate) async fn read(
    stderr: ChildStderr,
    kept: LastLines,
    found: watch::Sender<Option<String>>,
    mut file: Option<File>,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(file) = &mut file {
            // A full disk must not stop the service by a pipe that nobody reads.
            let _ = writeln!(file, "{line}");
        }
        let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(address) = parsed.get("address").and_then(Value::as_str) {
            found.send_replace(Some(address.to_owned()));
        }
        // With a line for each request, only the others would tell anything.
        if parsed.get("level").is_none_or(|level| level != "DEBUG")
            && parsed.get("status").is_none()
        {
            kept.push(line);
        }
    }
}

/// What the log of a whole run tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many lost stretches of commands were applied again.
    pub healed: u64,
    /// The lines that tell of a defect.
    pub errors: Vec<String>,
}

impl Findings {
    /// Reads the file that [`Program::with_log`](crate::daemon::Program::with_log)
    /// named.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(file: &Path) -> Result<Self> {
        let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
        let mut findings = Self::default();
        for line in text.lines() {
            findings.add(line);
        }
        Ok(findings)
    }

    fn add(&mut self, line: &str) {
        let parsed: Value = serde_json::from_str(line).unwrap_or_default();
        let has = |key: &str, start: &str| {
            parsed.get(key).and_then(Value::as_str).is_some_and(|value| value.starts_with(start))
        };
        self.healed += u64::from(has("message", HEALED));
        // Libraries have their own idea of what an error is.
        if has("level", "ERROR") && has("target", "daybook") {
            self.errors.push(line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_what_was_healed_and_what_went_wrong() {
        let mut findings = Findings::default();
        for line in [
            r#"{"level":"INFO","message":"listening","address":"127.0.0.1:4711"}"#,
            r#"{"level":"WARN","message":"the database had lost commands that it had acknowledged; they were applied again","first":3}"#,
            r#"{"level":"INFO","message":"the database has everything it had acknowledged","healed_batches":1}"#,
            r#"{"level":"ERROR","message":"a defect","target":"daybook::app"}"#,
            r#"{"level":"ERROR","message":"no defect","target":"surrealdb::engine"}"#,
            "no JSON",
        ] {
            findings.add(line);
        }
        assert_eq!((findings.healed, findings.errors.len()), (1, 1));
    }

    #[test]
    fn only_the_last_lines_are_told() {
        let lines = LastLines::default();
        for number in 0..=KEPT_LINES {
            lines.push(format!("line {number}."));
        }
        assert!(!lines.told().contains("line 0."));
        assert!(lines.told().contains(&format!("line {KEPT_LINES}.")));
    }
}

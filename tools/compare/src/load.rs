//! Runs of the load generator.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;

/// What a run sends.
#[derive(Clone, Debug)]
pub enum Requests {
    /// Creates notes as in that file.
    Create(PathBuf),
    /// Reads the notes whose ids are in that file.
    Read(PathBuf),
    /// Replaces the notes whose ids are in that file by the one in the other.
    Replace {
        /// The ids.
        ids: PathBuf,
        /// The note.
        note: PathBuf,
    },
    /// Reads the pages of a list whose queries are in that file, in any order.
    Pages(PathBuf),
}

/// Where a run sends it, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address of the collection or the page.
    pub url: String,
    /// Each as `name: value`.
    pub headers: Vec<String>,
    /// What is sent.
    pub requests: Requests,
    /// The status of every answer.
    pub status: u16,
}

/// What a run told.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Told {
    requests: u64,
    duration_us: u64,
    /// The latency that half of the requests do not exceed, in microseconds.
    pub p50_us: f64,
    /// The same of 99 in 100.
    pub p99_us: f64,
    expected: u64,
    unexpected: u64,
    example: u16,
    refused: u64,
    connect: u64,
    read: u64,
    write: u64,
    timeout: u64,
}

impl Told {
    /// Reads what the generator printed: a report for people, and a line of JSON.
    ///
    /// # Errors
    /// When that line is missing or not as it should be.
    pub fn read(printed: &str) -> Result<Self> {
        let line = printed.lines().rev().find(|line| line.starts_with('{'));
        let line = line.with_context(|| format!("wrk told nothing of its run:\n{printed}"))?;
        serde_json::from_str(line).with_context(|| format!("wrk told {line}"))
    }

    /// Answers in a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    pub fn rate(&self) -> f64 {
        self.requests as f64 / (self.duration_us as f64 / 1e6)
    }

    /// Makes sure that every request was answered as expected.
    ///
    /// # Errors
    /// When one was not, or none was sent.
    pub fn check(&self, status: u16, counted: bool) -> Result<()> {
        let broken = self.connect + self.read + self.write + self.timeout;
        ensure!(broken == 0, "{broken} requests were not answered: {self:?}");
        ensure!(self.refused == 0, "{} answers were errors: {self:?}", self.refused);
        ensure!(
            self.unexpected == 0,
            "{} answers were not {status} but such as {}",
            self.unexpected,
            self.example
        );
        ensure!(self.requests > 0, "nothing was answered");
        ensure!(!counted || self.expected > 0, "no answer was counted: {self:?}");
        Ok(())
    }
}

/// The generator.
#[derive(Debug)]
pub struct Load {
    /// The program `wrk`.
    pub wrk: PathBuf,
    /// The folder of its scripts.
    pub scripts: PathBuf,
    /// How many runs there were so far.
    pub runs: u64,
}

impl Load {
    /// A run on so many connections, in which every status is counted or only
    /// errors are.
    ///
    /// # Errors
    /// When it cannot be run, or an answer was not as expected.
    pub async fn run(
        &mut self,
        target: &Target,
        connections: u32,
        length: Duration,
        counted: bool,
    ) -> Result<Told> {
        self.runs += 1;
        let script = match &target.requests {
            Requests::Create(_) => "create.lua",
            Requests::Read(_) => "read.lua",
            Requests::Replace { .. } => "put.lua",
            Requests::Pages(_) => "page.lua",
        };
        let mut wrk = Command::new(&self.wrk);
        wrk.args(["--threads", "1", "--timeout", "30s"])
            .args(["--connections", &connections.to_string()])
            .args(["--duration", &format!("{}s", length.as_secs().max(1))])
            .arg("--script")
            .arg(self.scripts.join(script));
        for header in &target.headers {
            wrk.args(["--header", header]);
        }
        wrk.args([&target.url, "--", &target.status.to_string()]);
        wrk.arg(if counted { "count" } else { "trust" });
        match &target.requests {
            Requests::Create(note) => wrk.arg(self.runs.to_string()).arg(note),
            Requests::Read(file) | Requests::Pages(file) => wrk.arg(file),
            Requests::Replace { ids, note } => wrk.arg(ids).arg(note),
        };
        // `;;` stands for where Lua looks anyway.
        let path = format!("{}/?.lua;;", self.scripts.display());
        wrk.env("LUA_PATH", path).stdin(Stdio::null()).kill_on_drop(true);
        let limit = length + Duration::from_secs(60);
        let ran = timeout(limit, wrk.output()).await.context("wrk did not end")?;
        let ran = ran.with_context(|| format!("could not run {}", self.wrk.display()))?;
        let error = String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.success(), "wrk ended with {}: {error}", ran.status);
        let told = Told::read(&String::from_utf8_lossy(&ran.stdout))
            .with_context(|| format!("wrk said {error}"))?;
        told.check(target.status, counted).with_context(|| format!("a run on {}", target.url))?;
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "Running 5s test @ http://127.0.0.1:1/notes\n\
        Requests/sec:      7.30\n\
        {\"requests\":1000,\"duration_us\":2000000,\"p50_us\":120,\"p99_us\":950,\
        \"expected\":1000,\"unexpected\":0,\"example\":0,\
        \"refused\":0,\"connect\":0,\"read\":0,\"write\":0,\"timeout\":0}\n";

    #[test]
    fn the_line_of_a_run_is_read() {
        let told = Told::read(PRINTED).unwrap();
        assert_eq!((told.rate(), told.p50_us, told.p99_us), (500.0, 120.0, 950.0));
        told.check(201, true).unwrap();
    }

    #[test]
    fn a_run_that_tells_nothing_is_an_error() {
        assert!(Told::read("unable to connect to 127.0.0.1:1").is_err());
        assert!(Told::read("{\"requests\":1}").is_err());
    }

    #[test]
    fn an_answer_that_was_not_expected_fails_the_run() {
        let good = Told::read(PRINTED).unwrap();
        let bad = [
            Told { unexpected: 1, example: 202, ..good.clone() },
            Told { refused: 1, ..good.clone() },
            Told { connect: 1, ..good.clone() },
            Told { read: 1, ..good.clone() },
            Told { write: 1, ..good.clone() },
            Told { timeout: 1, ..good.clone() },
            Told { requests: 0, ..good.clone() },
            Told { expected: 0, ..good.clone() },
        ];
        for told in bad {
            assert!(told.check(201, true).is_err(), "{told:?}");
        }
        Told { expected: 0, ..good }.check(201, false).unwrap();
    }
}

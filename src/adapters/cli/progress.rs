//! How far a long command has come, for people who watch it.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often it is told.
const PAUSE: Duration = Duration::from_millis(200);

/// A line on the terminal that is written over; nothing where the diagnostic
/// output is no terminal.
pub(super) struct Progress {
    what: &'static str,
    /// Of so many, where that is known.
    total: Option<u64>,
    done: u64,
    /// `None` where nobody watches.
    told: Option<Instant>,
    has_told: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str, total: Option<u64>) -> Self {
        let told = io::stderr().is_terminal().then(Instant::now);
        Self { what, total, done: 0, told, has_told: false }
    }

    /// One more command is done.
    pub(super) fn step(&mut self) {
        self.done += 1;
        if self.told.is_some_and(|told| told.elapsed() >= PAUSE) {
            self.told = Some(Instant::now());
            self.has_told = true;
            // That nobody can be told is no reason to stop.
            let _untold = write!(io::stderr(), "\r{}", self.line());
        }
    }

    fn line(&self) -> String {
        let Self { what, done, .. } = self;
        match self.total {
            Some(total) => format!("{what}: {done} of {total} commands"),
            None => format!("{what}: {done} commands"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.has_told {
            let blank = " ".repeat(self.line().len());
            let _untold = write!(io::stderr(), "\r{blank}\r");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_many_of_how_many() {
        let mut progress = Progress { told: None, ..Progress::new("comparing", Some(3)) };
        progress.step();
        assert_eq!(progress.line(), "comparing: 1 of 3 commands");
        progress.total = None;
        assert_eq!(progress.line(), "comparing: 1 commands");
    }
}

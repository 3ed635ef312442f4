//! How far a long command has come, for people who watch it.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter work shows nothing.
const WORTH_WATCHING: Duration = Duration::from_secs(1);

const BAR: &str = "{msg}: {bar:30} {pos} of {len} {prefix}, {per_sec}, {eta} left";
const COUNT: &str = "{msg}: {pos} {prefix}, {per_sec}";

/// A bar on the terminal for work that takes longer than a second; nothing where
/// the diagnostic output is no terminal.
pub struct Progress {
    bar: ProgressBar,
    done: u64,
}

impl Progress {
    /// For that work, of so many commands where that is known.
    #[must_use]
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        Self::of("commands", what, total)
    }

    /// For that work on such things, of so many where that is known.
    #[must_use]
    pub fn of(things: &'static str, what: &'static str, total: Option<u64>) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(5)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar =
            ProgressBar::with_draw_target(total, target).with_message(what).with_prefix(things);
        // Only a template with a mistake in it is refused.
        if let Ok(style) = ProgressStyle::with_template(if total.is_some() { BAR } else { COUNT }) {
            bar.set_style(style);
        }
        Self { bar, done: 0 }
    }

    /// So many are done by now.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        if self.bar.elapsed() > WORTH_WATCHING {
            self.bar.set_position(done);
        }
    }

    /// One more is done.
    pub(super) fn step(&mut self) {
        self.set(self.done + 1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_have_no_mistake() {
        for template in [BAR, COUNT] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn it_counts() {
        let mut progress = Progress::new("comparing", Some(3));
        progress.step();
        progress.set(2);
        progress.step();
        assert_eq!(progress.done, 3);
    }
}

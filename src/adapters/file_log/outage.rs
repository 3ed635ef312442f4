//! The time in which the log takes no commands.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::failure::NotLogged;

/// From the first failure to the next command that is logged.
#[derive(Debug)]
pub(super) struct Outage {
    first: String,
    /// What commands are refused with until the next attempt; never unclear,
    /// since nothing of them is written.
    refusal: NotLogged,
    /// Nothing is attempted before that; `None` when it is time.
    next_attempt: Option<Instant>,
    /// What was told already.
    told: BTreeSet<String>,
}

impl Outage {
    /// Starts with that failure. The first attempt to go on is made at once.
    pub(super) fn new(refusal: NotLogged) -> Self {
        let first = refusal.detail().to_owned();
        let mut outage = Self { first, refusal, next_attempt: None, told: BTreeSet::new() };
        outage.tell();
        outage
    }

    /// Goes on: the attempt to end it failed.
    pub(super) fn go_on(&mut self, refusal: NotLogged, holdoff: Duration) {
        self.refusal = refusal;
        self.next_attempt = Some(Instant::now() + holdoff);
        self.tell();
    }

    /// The first failure.
    pub(super) fn first(&self) -> &str {
        &self.first
    }

    /// What a command is refused with when it is too early for an attempt.
    pub(super) fn refusal(&self) -> Option<NotLogged> {
        let too_early = self.next_attempt.is_some_and(|next| Instant::now() < next);
        too_early.then(|| self.refusal.clone())
    }

    /// Lets the next attempt be made at once.
    pub(super) fn hold_off_no_longer(&mut self) {
        self.next_attempt = None;
    }

    /// Each failure once, since it may be met by every command.
    fn tell(&mut self) {
        let failure = self.refusal.detail();
        if self.told.insert(failure.to_owned()) {
            tracing::error!(
                reason = failure,
                "the command log refuses commands until this is mended"
            );
        }
    }
}

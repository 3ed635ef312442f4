//! One client: it owns notes and changes them, one request after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::api::{Api, Look, Sent};
use crate::history::History;
use crate::history::{Answer, Breach, Write};
use crate::ledger::{Account, Tally};

/// How many of its latest notes a client goes on changing.
const ACTIVE_NOTES: usize = 12;

/// A refused client waits so long before its next write.
pub const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// What the clients of one round share.
#[derive(Debug, Default)]
pub struct Round {
    /// Writes acknowledged in this round.
    pub acknowledged: AtomicU64,
    /// Set when the round is over.
    pub over: AtomicBool,
}

/// What came of a step of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The service answered.
    Answered,
    /// The service refused, for now.
    Refused,
    /// Nobody knows what came of it.
    Doubtful,
    /// The service is gone.
    Gone,
}

/// One client with its notes.
pub struct Writer {
    name: String,
    random: fastrand::Rng,
    /// Its notes, the latest last.
    pub accounts: Vec<Account>,
    /// What it counted.
    pub tally: Tally,
    /// What it was told when a look at a note was refused last.
    pub refusal: Option<String>,
}

impl Writer {
    /// The client of that number. The same seed makes the same choices.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let name = format!("{seed}-{number}");
        Self { name, random, accounts: Vec::new(), tally: Tally::default(), refusal: None }
    }

    /// Writes until the round is over or the service is gone.
    pub async fn run(mut self, api: Api, round: Arc<Round>) -> Self {
        while !round.over.load(Ordering::Relaxed) {
            let before = self.tally.acknowledged;
            let step = self.step(&api).await;
            round.acknowledged.fetch_add(self.tally.acknowledged - before, Ordering::Relaxed);
            match step {
                Step::Answered => {}
                Step::Refused => tokio::time::sleep(REFUSED_PAUSE).await,
                Step::Doubtful | Step::Gone => break,
            }
        }
        self
    }

    /// Creates, changes, deletes or looks at a note.
    pub async fn step(&mut self, api: &Api) -> Step {
        let active = self.accounts.len().saturating_sub(ACTIVE_NOTES)..self.accounts.len();
        let index = match self.random.choice(active) {
            Some(index) if self.random.u8(0..100) >= 15 => index,
            _ => self.open_account(),
        };
        let looks = self.random.u8(0..100) < 5;
        let Some(account) = self.accounts.get_mut(index) else { return Step::Answered };
        let state = match account.history.settled() {
            Some(state) if !looks => state,
            Some(_) => return self.look(api, index).await,
            // A write to this process in doubt may still take effect; one to an
            // earlier process has taken effect, or never will.
            None if account.doubted_in == api.process() => return Step::Answered,
            None => return self.look(api, index).await,
        };
        if state.is_some() && account.id.is_none() {
            // Its creation was recorded, but the answer broke off before the id;
            // the list tells at the end.
            return Step::Answered;
        }
        account.counter += 1;
        let exact = self.random.bool();
        let write = match state {
            None => Write::Create { counter: account.counter },
            Some(seen) if self.random.u8(0..100) < 6 => {
                Write::Delete { if_match: exact.then_some(seen.version) }
            }
            Some(seen) => {
                Write::Change { counter: account.counter, if_match: exact.then_some(seen.version) }
            }
        };
        match api.write(account, write, self.random.bool()).await {
            Sent::Answered(answer, id) => self.take(api, index, write, answer, id).await,
            Sent::Unsent => Step::Gone,
            Sent::Nonsense(what) => {
                self.tally.count(Breach::Unexpected, &what);
                // The write may have had any effect.
                self.take(api, index, write, Answer::Unknown, None).await
            }
        }
    }

    /// Takes the answer to a write.
    async fn take(
        &mut self,
        api: &Api,
        index: usize,
        write: Write,
        answer: Answer,
        id: Option<String>,
    ) -> Step {
        let Some(account) = self.accounts.get_mut(index) else { return Step::Answered };
        match answer {
            Answer::Done(_) => self.tally.acknowledged += 1,
            Answer::Recorded => {
                self.tally.acknowledged += 1;
                self.tally.recorded += 1;
            }
            Answer::Refused => self.tally.refused += 1,
            Answer::Unknown => {
                self.tally.unknown += 1;
                account.doubted_in = api.process();
            }
            Answer::Rejected => {}
        }
        let history = account.history.to_string();
        if let Some(id) = id {
            let known = account.id.get_or_insert_with(|| id.clone());
            if *known != id {
                let what = format!("{} was {known} and is answered as {id}", account.title);
                self.tally.count(Breach::Unexpected, &what);
            }
        }
        if let Some(breach) = account.history.answered(write, answer) {
            let what =
                format!("{} {:?}: {write:?} was {answer:?}; {history}", account.title, account.id);
            self.tally.count(breach, &what);
        }
        match answer {
            Answer::Unknown => Step::Doubtful,
            Answer::Rejected => self.look(api, index).await,
            Answer::Refused => Step::Refused,
            Answer::Done(_) | Answer::Recorded => Step::Answered,
        }
    }

    /// Looks at a note and compares. A note whose id is not known is left alone.
    pub async fn look(&mut self, api: &Api, index: usize) -> Step {
        let Some(account) = self.accounts.get_mut(index) else { return Step::Answered };
        let Some(id) = account.id.as_deref() else { return Step::Answered };
        match api.look(id).await {
            Look::Found(state) => {
                let history = account.history.to_string();
                if let Some(breach) = account.history.observed(state) {
                    let what = format!("{} {id} is {state:?}; {history}", account.title);
                    self.tally.count(breach, &what);
                }
                Step::Answered
            }
            Look::Refused(problem) => {
                self.refusal = Some(problem);
                Step::Refused
            }
            Look::Gone => Step::Gone,
            Look::Nonsense(what) => {
                self.tally.count(Breach::Unexpected, &what);
                Step::Answered
            }
        }
    }

    fn open_account(&mut self) -> usize {
        let index = self.accounts.len();
        let title = format!("note {}-{index}", self.name);
        let account =
            Account { title, id: None, history: History::default(), counter: 0, doubted_in: 0 };
        self.accounts.push(account);
        index
    }
}

//! One client: it owns notes and changes them until the service is gone.

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
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// What the clients of one round share.
#[derive(Debug, Default)]
pub struct Round {
    /// Writes acknowledged in this round.
    pub acknowledged: AtomicU64,
    /// Set when the round is over.
    pub over: AtomicBool,
}

/// One client with its notes.
pub struct Writer {
    name: String,
    random: fastrand::Rng,
    /// Its notes, the latest last.
    pub accounts: Vec<Account>,
    /// What it counted.
    pub tally: Tally,
}

impl Writer {
    /// The client of that number. The same seed makes the same choices.
    pub fn new(seed: u64, number: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let name = format!("{seed}-{number}");
        Self { name, random, accounts: Vec::new(), tally: Tally::default() }
    }

    /// Writes until the round is over or the service is gone.
    pub async fn run(mut self, api: Api, round: Arc<Round>) -> Self {
        let mut goes_on = self.settle(&api).await;
        while goes_on && !round.over.load(Ordering::Relaxed) {
            let before = self.tally.acknowledged;
            goes_on = self.step(&api).await;
            round.acknowledged.fetch_add(self.tally.acknowledged - before, Ordering::Relaxed);
        }
        self
    }

    /// Looks at the notes that are in doubt since the last kill. `false` when
    /// the service is gone.
    async fn settle(&mut self, api: &Api) -> bool {
        for index in self.active() {
            let doubtful = |account: &Account| account.history.settled().is_none();
            if self.accounts.get(index).is_some_and(doubtful) && !self.look(api, index).await {
                return false;
            }
        }
        true
    }

    async fn step(&mut self, api: &Api) -> bool {
        let active: Vec<usize> = self.active().collect();
        let index = match self.random.choice(active) {
            Some(index) if self.random.u8(0..100) >= 15 => index,
            _ => self.open_account(),
        };
        if self.random.u8(0..100) < 5 {
            return self.look(api, index).await;
        }
        let Some(account) = self.accounts.get_mut(index) else { return false };
        let Some(state) = account.history.settled() else {
            // A note whose creation is in doubt has no id to ask by; the list
            // tells at the end.
            return true;
        };
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
            Sent::Unsent => false,
            Sent::Nonsense(what) => {
                self.tally.count(Breach::Unexpected, &what);
                // The write may have had any effect.
                self.take(api, index, write, Answer::Unknown, None).await
            }
        }
    }

    /// Takes the answer to a write. `false` when no further write may be sent in
    /// this round, because that one might still take effect.
    async fn take(
        &mut self,
        api: &Api,
        index: usize,
        write: Write,
        answer: Answer,
        id: Option<String>,
    ) -> bool {
        let Some(account) = self.accounts.get_mut(index) else { return false };
        match answer {
            Answer::Done(_) => self.tally.acknowledged += 1,
            Answer::Recorded => {
                self.tally.acknowledged += 1;
                self.tally.recorded += 1;
            }
            Answer::Refused => self.tally.refused += 1,
            Answer::Unknown => self.tally.unknown += 1,
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
            Answer::Unknown => false,
            Answer::Rejected => self.look(api, index).await,
            Answer::Refused => {
                tokio::time::sleep(REFUSED_PAUSE).await;
                true
            }
            Answer::Done(_) | Answer::Recorded => true,
        }
    }

    /// Looks at a note and compares. `false` when the service is gone.
    pub async fn look(&mut self, api: &Api, index: usize) -> bool {
        let Some(account) = self.accounts.get_mut(index) else { return true };
        let Some(id) = account.id.as_deref() else { return true };
        match api.look(id).await {
            Look::Found(state) => {
                let history = account.history.to_string();
                if let Some(breach) = account.history.observed(state) {
                    let what = format!("{} {id} is {state:?}; {history}", account.title);
                    self.tally.count(breach, &what);
                }
                true
            }
            Look::NotNow => false,
            Look::Nonsense(what) => {
                self.tally.count(Breach::Unexpected, &what);
                true
            }
        }
    }

    fn active(&self) -> std::ops::Range<usize> {
        self.accounts.len().saturating_sub(ACTIVE_NOTES)..self.accounts.len()
    }

    fn open_account(&mut self) -> usize {
        let index = self.accounts.len();
        let title = format!("crash-loop {} {index}", self.name);
        self.accounts.push(Account { title, id: None, history: History::default(), counter: 0 });
        index
    }
}

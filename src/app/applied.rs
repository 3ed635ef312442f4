//! How far a database has come with a log, without an applier.

use std::collections::BTreeSet;

use crate::domain::{LogId, Sequence};
use crate::ports::{NoteStore, Parked, StoreError};

/// How many parked commands are asked for at once.
const PARKED_PER_READ: usize = 1024;

/// What a connected database tells of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedLog {
    /// The last command that was applied; `None` when the database does not know
    /// the log.
    pub checkpoint: Option<Sequence>,
    /// The commands that stand aside.
    pub parked: BTreeSet<Sequence>,
}

impl AppliedLog {
    /// Asks the database.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn of(store: &dyn NoteStore, log: LogId) -> Result<Self, StoreError> {
        let checkpoint = store.checkpoint(log).await?.map(|checkpoint| checkpoint.applied);
        let mut parked = BTreeSet::new();
        each_parked(store, log, |found| parked.extend([found.seq])).await?;
        Ok(Self { checkpoint, parked })
    }
}

/// Shows every parked command of a log, in its order.
pub(super) async fn each_parked(
    store: &dyn NoteStore,
    log: LogId,
    mut show: impl FnMut(Parked),
) -> Result<(), StoreError> {
    let mut from = Sequence::ZERO;
    loop {
        let page = store.parked(log, from, PARKED_PER_READ).await?;
        let is_last = page.len() < PARKED_PER_READ;
        for parked in page {
            from = parked.seq.next();
            show(parked);
        }
        if is_last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fixture::*;
    use crate::domain::Precondition;
    use crate::ports::CommandLog;

    #[tokio::test(start_paused = true)]
    async fn a_database_tells_how_far_it_is() {
        let mut fixture = Fixture::new();
        let (store, log) = (fixture.store.clone(), fixture.log.id());
        store.connect().await.unwrap();
        let nothing = AppliedLog { checkpoint: None, parked: BTreeSet::new() };
        assert_eq!(AppliedLog::of(&*store, log).await.unwrap(), nothing);
        store.refuse([id("a")]);
        for command in [create("a"), create("b"), delete("a")] {
            fixture.append(command, Precondition::None).await;
        }
        fixture.catch_up_despite(9).await;
        let parked = BTreeSet::from([Sequence::new(1), Sequence::new(3)]);
        let expected = AppliedLog { checkpoint: Some(Sequence::new(3)), parked };
        assert_eq!(AppliedLog::of(&*store, log).await.unwrap(), expected);
    }
}

//! What every [`NoteStore`] promises.
//!
//! An adapter joins with one line in its tests, a decorator too:
//! `note_store_contract!(memory, Subject::new(MemoryStore::new()));`

pub(crate) mod commits;
pub(crate) mod connections;
pub(crate) mod instances;
pub(crate) mod lists;
pub(crate) mod repairs;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::{LogId, Note, NoteId, Rejection, Sequence, Version};
use crate::ports::{Batch, Checkpoint, Marker, NoteStore, Provenance, Stamp, Stored, Write};

/// Makes a module of tests out of the suite. The expression makes a new
/// [`Subject`] over an empty database for each.
macro_rules! note_store_contract {
    ($name:ident, $subject:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::ports::contract::note_store::note_store_contract! { @tests $subject,
                connections: [
                    every_call_needs_a_connection,
                    connecting_again_keeps_everything,
                    it_answers_while_it_is_connected,
                    a_clean_close_is_vouched_for,
                    a_suspicion_outlives_the_connection,
                    a_restart_finds_everything,
                ],
                commits: [
                    a_batch_leaves_all_it_holds,
                    a_batch_that_expects_another_checkpoint_changes_nothing,
                    of_two_batches_from_one_checkpoint_one_is_applied,
                    a_note_is_replaced_as_a_whole,
                    a_put_does_not_depend_on_what_was_there,
                    deletions_are_remembered_beside_the_note,
                    a_repair_may_be_repeated,
                    logs_do_not_see_each_other,
                    unknown_ids_are_left_out,
                    texts_come_back_exactly,
                    every_form_of_key_is_its_own_note,
                    times_keep_their_nanoseconds,
                    large_batches_are_one_transaction,
                    a_caller_that_gives_up_leaves_all_or_nothing,
                ],
                lists: [
                    every_walk_sees_every_note_once_and_in_order,
                    the_last_page_has_no_next,
                    a_place_outlives_its_note,
                    a_list_follows_changes,
                    tags_are_compared_exactly,
                ],
                instances: [
                    notes_as_they_were_found_are_no_obstacle,
                    a_note_that_another_log_changed_stops_the_batch,
                    a_creation_that_was_judged_on_nothing_meets_another,
                    a_note_that_was_taken_to_be_absent_stops_the_batch,
                    of_two_logs_that_found_the_same_note_one_is_applied,
                    what_other_logs_did_is_remembered,
                    parked_commands_are_kept_until_they_are_released,
                    what_became_of_a_command_is_recorded,
                ],
                repairs: [
                    markers_come_by_their_end,
                    rejections_come_by_range,
                    the_horizon_forgets_what_it_passes,
                    the_horizon_of_a_log_is_its_own,
                ],
            }
        }
    };
    (@tests $subject:expr, $($area:ident: [$($test:ident),* $(,)?]),* $(,)?) => {$($(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            $crate::ports::contract::note_store::$area::$test($subject).await;
        }
    )*)*};
}

pub(crate) use note_store_contract;

/// A store over an empty database.
pub(crate) struct Subject {
    /// The store, not connected.
    pub(crate) store: Arc<dyn NoteStore>,
    /// The store over the same database after a restart, not connected.
    restart: Box<dyn Fn() -> Arc<dyn NoteStore> + Send + Sync>,
    /// Whether a word that closing left is found by the next process.
    keeps_word: bool,
}

impl Subject {
    /// A store whose data end with it: a restart finds the same store.
    pub(crate) fn new(store: impl NoteStore) -> Self {
        let store: Arc<dyn NoteStore> = Arc::new(store);
        Self {
            store: Arc::clone(&store),
            restart: Box::new(move || Arc::clone(&store)),
            keeps_word: true,
        }
    }

    /// A store whose data are at that place, which lasts as long as the subject.
    pub(crate) fn durable<P: Send + Sync + 'static, S: NoteStore>(
        place: P,
        open: impl Fn(&P) -> S + Send + Sync + 'static,
    ) -> Self {
        let restart = move || -> Arc<dyn NoteStore> { Arc::new(open(&place)) };
        Self { store: restart(), restart: Box::new(restart), keeps_word: true }
    }

    /// A store on a server, which goes on without it.
    #[cfg_attr(not(feature = "surreal"), expect(dead_code, reason = "only memory is built"))]
    pub(crate) fn on_server<P: Send + Sync + 'static, S: NoteStore>(
        place: P,
        open: impl Fn(&P) -> S + Send + Sync + 'static,
    ) -> Self {
        Self { keeps_word: false, ..Self::durable(place, open) }
    }

    /// The store, connected.
    async fn connected(&self) -> &dyn NoteStore {
        self.store.connect().await.unwrap();
        self.store.as_ref()
    }
}

/// What becomes of one command of a batch.
#[derive(Clone)]
enum Change {
    Put(Note),
    Delete(NoteId),
    Reject(Rejection),
}

/// Commits batches of one log, each command with the next sequence.
struct Poster<'a> {
    store: &'a dyn NoteStore,
    log: LogId,
    at: Option<Checkpoint>,
}

impl<'a> Poster<'a> {
    fn new(store: &'a dyn NoteStore, log: u128) -> Self {
        Self { store, log: LogId::from_uuid(Uuid::from_u128(log)), at: None }
    }

    fn next(&self) -> Sequence {
        self.at.map_or(Sequence::ZERO, |at| at.applied).next()
    }

    /// A batch of these changes, ready to be committed next.
    fn batch(&self, changes: &[Change]) -> Batch {
        let first = self.next();
        let mut seq = first;
        let (mut writes, mut rejections, mut versions) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            match change.clone() {
                Change::Put(note) => {
                    versions.push((seq, note.version));
                    let provenance = self.provenance(seq.get());
                    writes.push(Write::Put { note, provenance });
                }
                Change::Delete(id) => {
                    let provenance = self.provenance(seq.get());
                    writes.push(Write::Delete { id, provenance });
                }
                Change::Reject(rejection) => rejections.push((seq, rejection)),
            }
            seq = seq.next();
        }
        let last = seq.previous();
        let checkpoint = Checkpoint {
            applied: last,
            accepted_at: time(i64::try_from(last.get()).unwrap(), 1),
            commit: self.at.map_or(0, |at| at.commit) + 1,
            horizon: self.at.map_or(Sequence::FIRST, |at| at.horizon),
            rebuilt_at: self.at.map_or(Sequence::ZERO, |at| at.rebuilt_at),
        };
        let marker = Marker { first, last };
        let batch = Batch::new(self.log, self.at, checkpoint, marker);
        Batch { writes, rejections, versions, ..batch }
    }

    async fn post(&mut self, changes: &[Change]) -> Batch {
        self.commit(self.batch(changes)).await
    }

    async fn commit(&mut self, batch: Batch) -> Batch {
        self.store.commit(&batch).await.unwrap();
        self.at = Some(batch.checkpoint);
        batch
    }

    fn provenance(&self, seq: u64) -> Provenance {
        Provenance::new(Stamp { log: self.log, seq: Sequence::new(seq) })
    }
}

fn put(note: &Note) -> Change {
    Change::Put(note.clone())
}

fn id(key: &str) -> NoteId {
    NoteId::from_key(key).unwrap()
}

fn time(seconds: i64, nanoseconds: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, nanoseconds).unwrap()
}

fn note(key: &str) -> Note {
    Note {
        id: id(key),
        title: format!("title of {key}"),
        content: "content".to_owned(),
        author: "ann".to_owned(),
        tags: vec!["one".to_owned(), "two".to_owned()],
        created_at: time(0, 0),
        updated_at: time(0, 0),
        version: Version::FIRST,
    }
}

/// What the store knows of one note.
async fn known(store: &dyn NoteStore, key: &str) -> Option<Stored> {
    let mut stored = store.load(&[id(key)]).await.unwrap();
    assert!(stored.len() <= 1, "{stored:?}");
    stored.pop()
}

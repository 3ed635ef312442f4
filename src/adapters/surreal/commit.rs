//! A batch as one transaction.

use std::collections::HashSet;
use std::sync::Arc;

use surrealdb::types::{Object, RecordId, Value};

use super::engine::Client;
use super::error::{classify, is_already_there};
use super::read::range;
use super::statements::{self, Parts};
use super::{row, transaction};
use crate::domain::{NoteId, Sequence, Version};
use crate::ports::{Batch, StoreError, Write};

/// What came of a transaction.
pub(super) enum Committed {
    /// It was applied.
    Yes,
    /// Nothing was: a note that was to be inserted is there.
    AlreadyThere(StoreError),
}

/// A batch as text and variables.
pub(super) struct Transaction {
    text: String,
    variables: Object,
}

/// The transaction that a batch is attempted with first, as its
/// notes suggest: those of version 1 are inserted, which is fast but fails when
/// the record is there, and the others replaced one by one.
pub(super) fn inserting(batch: &Batch) -> Result<Transaction, StoreError> {
    transaction_of(batch, |version| version == Version::FIRST)
}

/// The same with replacements only, for a repair of a note of version 1 that is
/// there. Either way each note becomes what the batch says, whatever was there.
pub(super) fn replacing(batch: &Batch) -> Result<Transaction, StoreError> {
    transaction_of(batch, |_| false)
}

/// Runs the transaction.
pub(super) async fn run(client: Arc<Client>, batch: Transaction) -> Result<Committed, StoreError> {
    match transaction::run(client, batch.text, batch.variables).await? {
        Ok(()) => Ok(Committed::Yes),
        Err(error) if is_already_there(&error) => Ok(Committed::AlreadyThere(classify(&error))),
        Err(error) => Err(classify(&error)),
    }
}

fn transaction_of(batch: &Batch, is_new: fn(Version) -> bool) -> Result<Transaction, StoreError> {
    let advances = batch.expected.is_none_or(|old| old.commit < batch.checkpoint.commit);
    if !advances {
        // Snapshot isolation sees no conflict where nothing changes.
        return Err(StoreError::TransactionFailed("the commit count must grow".to_owned()));
    }
    let log = batch.log;
    let mut created: Vec<Object> = Vec::new();
    let mut inserted: HashSet<&NoteId> = HashSet::new();
    let mut removed: Vec<RecordId> = Vec::new();
    let mut rows: Vec<Object> = Vec::new();
    for write in &batch.writes {
        match write {
            Write::Put { note, provenance } => {
                let row = row::note_row(note, provenance)?;
                if is_new(note.version) {
                    inserted.insert(&note.id);
                    created.push(row);
                } else {
                    rows.push(row);
                }
            }
            Write::Delete { id, provenance } => {
                removed.push(row::note_id(id));
                rows.push(row::deletion_row(id, provenance)?);
            }
        }
    }
    for (seq, rejection) in &batch.rejections {
        rows.push(row::rejection_row(log, *seq, *rejection)?);
    }
    for parked in &batch.parked {
        rows.push(row::parked_row(log, parked)?);
    }
    let marker = batch.marker.map(|marker| row::marker_row(log, marker, &batch.versions));
    let marker = marker.transpose()?;

    // To insert a note is to find out whether it is there; of the others it is asked.
    let absent = batch.absent.iter().filter(|id| !inserted.contains(id));
    let mut judged: Vec<RecordId> = absent.map(row::note_id).collect();
    let mut judged_as: Vec<Object> = Vec::new();
    for found in &batch.found {
        let records =
            [(row::note_id(&found.id), found.note), (row::deletion_id(&found.id), found.deleted)];
        for (id, stamp) in records {
            judged.push(id.clone());
            if let Some(stamp) = stamp {
                judged_as.push(row::stamped_id(id, stamp)?);
            }
        }
    }
    let released = batch.released.iter().map(|seq| row::parked_id(log, *seq));
    let released = released.collect::<Result<Vec<_>, _>>()?;

    let expected = batch.expected.as_ref().map(row::checkpoint_fields).transpose()?;
    let old_horizon = batch.expected.map_or(Sequence::ZERO, |checkpoint| checkpoint.horizon);
    let new_horizon = batch.checkpoint.horizon;
    let forgotten_markers = range("marker", log, old_horizon, new_horizon.previous());

    let parts = Parts {
        guards: !judged.is_empty(),
        inserts: !created.is_empty(),
        removes: !removed.is_empty(),
        releases: !released.is_empty(),
        upserts: !rows.is_empty(),
        marks: marker.is_some(),
        forgets: old_horizon < new_horizon,
    };
    let mut variables = Object::new();
    variables.insert("checkpoint", row::checkpoint_id(log));
    variables.insert("expected", expected.map_or(Value::None, Value::Object));
    variables.insert("judged", judged);
    variables.insert("judged_as", judged_as);
    variables.insert("released", released);
    variables.insert("created", created);
    variables.insert("removed", removed);
    variables.insert("rows", rows);
    variables.insert("marker", marker.map_or(Value::None, Value::Object));
    variables.insert("new", row::checkpoint_fields(&batch.checkpoint)?);
    variables.insert("log", log.to_string());
    variables.insert("old_horizon", row::integer(old_horizon.get())?);
    variables.insert("new_horizon", row::integer(new_horizon.get())?);
    variables.insert("forgotten_markers", forgotten_markers);
    Ok(Transaction { text: statements::batch(parts), variables })
}

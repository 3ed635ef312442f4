//! Reading by record id.

use std::collections::HashMap;
use std::ops::Bound;

use surrealdb::types::{Object, RecordId, RecordIdKey, RecordIdKeyRange, SurrealValue, Value};

use super::engine::Client;
use super::error::{classify, finish};
use super::row::{self, Record};
use super::statements::{PING, SELECT_RANGE, SELECT_RECORDS};
use crate::domain::{LogId, Note, NoteId, Rejection, Sequence};
use crate::ports::{Checkpoint, Marker, Parked, Recorded, StoreError, Stored};

/// How many markers from a command on may be needed to find the one that stands
/// for it: that of a parked command lies within that of a batch.
const OVERLAPPING: usize = 8;

/// Runs one statement and reads the records that it returns.
pub(super) async fn records(
    client: &Client,
    statement: &str,
    variables: Object,
) -> Result<Vec<Record>, StoreError> {
    Record::all(value(client, statement, variables).await?)
}

/// Runs one statement.
pub(super) async fn value(
    client: &Client,
    statement: &str,
    variables: Object,
) -> Result<Value, StoreError> {
    let results = client.query(statement).bind(variables).await.map_err(|e| classify(&e))?;
    let mut results = finish(results).map_err(|error| classify(&error))?;
    results.take::<Value>(0).map_err(|error| classify(&error))
}

pub(super) async fn ping(client: &Client) -> Result<(), StoreError> {
    value(client, PING, Object::new()).await.map(drop)
}

pub(super) async fn get(client: &Client, id: &NoteId) -> Result<Option<Note>, StoreError> {
    let found = by_ids(client, vec![row::note_id(id)]).await?;
    found.into_iter().next().map(|mut record| record.note()).transpose()
}

pub(super) async fn load(client: &Client, ids: &[NoteId]) -> Result<Vec<Stored>, StoreError> {
    let record_ids = ids.iter().flat_map(|id| [row::note_id(id), row::deletion_id(id)]);
    let found = by_ids(client, record_ids.collect()).await?;
    let mut stored: HashMap<NoteId, Stored> = HashMap::with_capacity(ids.len());
    for mut record in found {
        let id = record.note_id()?;
        let known = stored.entry(id.clone()).or_insert(Stored { id, note: None, deleted: None });
        if record.is_of(row::DELETION) {
            known.deleted = Some(record.provenance()?);
        } else {
            known.note = Some((record.note()?, record.provenance()?));
        }
    }
    Ok(stored.into_values().collect())
}

pub(super) async fn checkpoint(
    client: &Client,
    log: LogId,
) -> Result<Option<Checkpoint>, StoreError> {
    let found = by_ids(client, vec![row::checkpoint_id(log)]).await?;
    found.into_iter().next().map(|mut record| record.checkpoint()).transpose()
}

async fn by_ids(client: &Client, ids: Vec<RecordId>) -> Result<Vec<Record>, StoreError> {
    let mut variables = Object::new();
    variables.insert("ids", ids);
    records(client, SELECT_RECORDS, variables).await
}

pub(super) async fn markers(
    client: &Client,
    log: LogId,
    from: Sequence,
    limit: usize,
) -> Result<Vec<Marker>, StoreError> {
    let end = Sequence::new(u64::MAX);
    let found = in_range(client, range("marker", log, from, end), limit).await?;
    found.into_iter().map(|mut record| record.marker()).collect()
}

pub(super) async fn rejections(
    client: &Client,
    log: LogId,
    first: Sequence,
    last: Sequence,
) -> Result<Vec<(Sequence, Rejection)>, StoreError> {
    if first > last {
        return Ok(Vec::new());
    }
    let found = in_range(client, range("rejection", log, first, last), usize::MAX).await?;
    found.into_iter().map(|mut record| record.rejection()).collect()
}

pub(super) async fn parked(
    client: &Client,
    log: LogId,
    from: Sequence,
    limit: usize,
) -> Result<Vec<Parked>, StoreError> {
    let end = Sequence::new(u64::MAX);
    let found = in_range(client, range(row::PARKED, log, from, end), limit).await?;
    found.into_iter().map(|mut record| record.parked()).collect()
}

pub(super) async fn recorded(
    client: &Client,
    log: LogId,
    seq: Sequence,
) -> Result<Recorded, StoreError> {
    let ids = vec![row::parked_id(log, seq)?, row::rejection_id(log, seq)?];
    if let Some(mut record) = by_ids(client, ids).await?.into_iter().next() {
        return if record.is_of(row::PARKED) {
            record.parked().map(Recorded::Parked)
        } else {
            record.rejection().map(|(_, rejection)| Recorded::Rejected(rejection))
        };
    }
    let end = Sequence::new(u64::MAX);
    for mut marker in in_range(client, range("marker", log, seq, end), OVERLAPPING).await? {
        if let Some(version) = marker.version_given_by(seq)? {
            return Ok(Recorded::Applied(Some(version)));
        }
    }
    Ok(Recorded::Applied(None))
}

async fn in_range(
    client: &Client,
    range: RecordId,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut variables = Object::new();
    variables.insert("range", range);
    variables.insert("limit", i64::try_from(limit).unwrap_or(i64::MAX).into_value());
    records(client, SELECT_RANGE, variables).await
}

/// The records of that table from one place of a log to another, both included.
/// No place past `i64::MAX` can have a record.
pub(super) fn range(table: &str, log: LogId, first: Sequence, last: Sequence) -> RecordId {
    let place = |seq: Sequence| row::place(log, i64::try_from(seq.get()).unwrap_or(i64::MAX));
    let range = RecordIdKeyRange {
        start: Bound::Included(place(first)),
        end: Bound::Included(place(last)),
    };
    RecordId::new(table, RecordIdKey::Range(Box::new(range)))
}

//! From the layout of earlier versions to this one.
//!
//! Notes had a strict schema and six indexes, each kept up with every write; see
//! `schema` for what there is instead. A note of then lacks the names of its lists.
//! They are added in pages, and the old indexes go last: as long as one is there, this
//! goes on with the notes that still lack something.

use std::ops::Bound;

use surrealdb::types::{Object, RecordId, RecordIdKey, RecordIdKeyRange, Value};

use super::engine::Client;
use super::rebuild::Begun;
use super::schema::INDEXES;
use super::{read, rebuild};
use crate::domain::NoteId;
use crate::ports::StoreError;

/// The indexes of earlier versions.
const FORMER: [&str; 6] = [
    "by_created",
    "by_updated",
    "by_author_created",
    "by_author_updated",
    "by_tag_created",
    "by_tag_updated",
];

/// How many notes are changed at once: few enough for any memtable.
const PAGE: i64 = 100;

const LOOSEN: &str = "
ALTER TABLE notes SCHEMALESS;
REMOVE FIELD IF EXISTS title ON notes;
REMOVE FIELD IF EXISTS content ON notes;
REMOVE FIELD IF EXISTS author ON notes;
REMOVE FIELD IF EXISTS tags.* ON notes;
REMOVE FIELD IF EXISTS tags ON notes;
REMOVE FIELD IF EXISTS created_at ON notes;
REMOVE FIELD IF EXISTS updated_at ON notes;
REMOVE FIELD IF EXISTS version ON notes;
REMOVE FIELD IF EXISTS log ON notes;
REMOVE FIELD IF EXISTS seq ON notes;
REMOVE FIELD IF EXISTS earlier_logs.* ON notes;
REMOVE FIELD IF EXISTS earlier_logs ON notes;
REMOVE FIELD IF EXISTS earlier_seqs.* ON notes;
REMOVE FIELD IF EXISTS earlier_seqs ON notes;
REMOVE FIELD IF EXISTS created_rank ON notes;
REMOVE FIELD IF EXISTS updated_rank ON notes;
";

const WITHOUT_LISTS: &str = "SELECT VALUE id FROM $range WHERE lists = NONE LIMIT $limit";

/// As `list::lists_of` names them.
const ADD_LISTS: &str = "UPDATE $ids SET lists = array::concat(
    ['*', '@' + author], tags.map(|$tag: any| '#' + $tag)) RETURN NONE";

/// Whether there are notes of an earlier version. The tables must be there.
pub(super) async fn is_needed(client: &Client) -> Result<bool, StoreError> {
    let told = read::value(client, "INFO FOR TABLE notes", Object::new()).await?;
    let Value::Object(mut told) = told else { return Ok(false) };
    let Some(Value::Object(indexes)) = told.remove("indexes") else { return Ok(false) };
    Ok(FORMER.iter().any(|former| indexes.get(*former).is_some()))
}

/// Changes what is there to what there would be, had this version made it.
pub(super) async fn run(client: &Client) -> Result<(), StoreError> {
    tracing::info!("bringing the notes of an earlier version into the present layout");
    read::value(client, LOOSEN, Object::new()).await?;
    let mut after = None;
    loop {
        let ids = page(client, after.as_ref()).await?;
        let Some(last) = ids.last() else { break };
        after = Some(last.clone());
        let mut variables = Object::new();
        variables.insert("ids", ids);
        read::value(client, ADD_LISTS, variables).await?;
    }
    for index in INDEXES.iter().filter(|index| index.table == "notes") {
        let definition = format!("{} CONCURRENTLY", index.definition("IF NOT EXISTS"));
        read::value(client, &definition, Object::new()).await?;
        rebuild::completed(client, index, &Begun::default()).await?;
    }
    for former in FORMER {
        read::value(client, &format!("REMOVE INDEX IF EXISTS {former} ON notes"), Object::new())
            .await?;
    }
    Ok(())
}

/// The ids of notes after that one, in order, of those that have no lists yet.
async fn page(client: &Client, after: Option<&RecordId>) -> Result<Vec<RecordId>, StoreError> {
    let start = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.key.clone()));
    let range = RecordIdKeyRange { start, end: Bound::Unbounded };
    let range = RecordId::new(NoteId::COLLECTION, RecordIdKey::Range(Box::new(range)));
    let mut variables = Object::new();
    variables.insert("range", range);
    variables.insert("limit", PAGE);
    let Value::Array(ids) = read::value(client, WITHOUT_LISTS, variables).await? else {
        return Ok(Vec::new());
    };
    let ids = ids.into_iter().filter_map(|id| match id {
        Value::RecordId(id) => Some(id),
        _ => None,
    });
    Ok(ids.collect())
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
mod tests;

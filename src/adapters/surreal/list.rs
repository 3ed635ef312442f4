//! Lists of notes.

use surrealdb::types::Object;

use super::engine::Client;
use super::rank::rank;
use super::read::records;
use crate::domain::Note;
use crate::ports::{After, NoteQuery, Page, SortKey, StoreError};

/// A page of a list.
pub(super) async fn page(client: &Client, query: &NoteQuery) -> Result<Page, StoreError> {
    let found = records(client, &statement(query), variables(query)).await?;
    let notes = found.into_iter().map(|mut record| record.note());
    let mut notes = notes.collect::<Result<Vec<Note>, _>>()?;
    // One more than asked for was read, to know whether there is another page.
    let more = notes.len() > query.limit;
    notes.truncate(query.limit);
    let next = notes.last().filter(|_| more).map(|note| place(query, note));
    Ok(Page { notes, next })
}

fn place(query: &NoteQuery, note: &Note) -> After {
    After { at: query.sort.key.of(note), id: note.id.clone() }
}

/// The statement for a list of that shape. Ranks grow as time goes back.
pub(super) fn statement(query: &NoteQuery) -> String {
    let rank = match query.sort.key {
        SortKey::CreatedAt => "created_rank",
        SortKey::UpdatedAt => "updated_rank",
    };
    let (beyond, direction) = if query.sort.descending { (">", "ASC") } else { ("<", "DESC") };
    let mut conditions = Vec::new();
    if query.author.is_some() {
        conditions.push("author = $author".to_owned());
    }
    if query.tag.is_some() {
        conditions.push("tags CONTAINS $tag".to_owned());
    }
    if query.after.is_some() {
        conditions.push(format!("{rank} {beyond} $after"));
    }
    let filter = if conditions.is_empty() { "" } else { " WHERE " };
    let conditions = conditions.join(" AND ");
    format!("SELECT * FROM notes{filter}{conditions} ORDER BY {rank} {direction} LIMIT $limit")
}

/// The variables of that statement.
pub(super) fn variables(query: &NoteQuery) -> Object {
    let mut variables = Object::new();
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    variables.insert("limit", limit);
    if let Some(author) = &query.author {
        variables.insert("author", author.clone());
    }
    if let Some(tag) = &query.tag {
        variables.insert("tag", tag.clone());
    }
    if let Some(after) = &query.after {
        variables.insert("after", rank(after.at, &after.id));
    }
    variables
}

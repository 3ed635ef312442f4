//! Lists of notes.
//!
//! A note is in the list of all, in that of its author and in that of each of its
//! tags. It names them in a field, whose values are indexed, each with a rank. A list
//! of an author's notes with a tag is that of the author without the others.

use surrealdb::types::Object;

use super::engine::Client;
use super::rank::rank;
use super::read::records;
use crate::domain::Note;
use crate::ports::{After, NoteQuery, Page, SortKey, StoreError};

/// The list of all notes. The first character tells lists of different kinds apart.
const ALL: &str = "*";

fn of_author(author: &str) -> String {
    format!("@{author}")
}

fn of_tag(tag: &str) -> String {
    format!("#{tag}")
}

/// The lists that a note is in.
pub(super) fn lists_of(note: &Note) -> Vec<String> {
    let tags = note.tags.iter().map(|tag| of_tag(tag));
    [ALL.to_owned(), of_author(&note.author)].into_iter().chain(tags).collect()
}

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
    let mut conditions = vec!["lists CONTAINS $list".to_owned()];
    if query.author.is_some() && query.tag.is_some() {
        conditions.push("tags CONTAINS $tag".to_owned());
    }
    if query.after.is_some() {
        conditions.push(format!("{rank} {beyond} $after"));
    }
    let conditions = conditions.join(" AND ");
    format!("SELECT * FROM notes WHERE {conditions} ORDER BY {rank} {direction} LIMIT $limit")
}

/// The variables of that statement.
pub(super) fn variables(query: &NoteQuery) -> Object {
    let mut variables = Object::new();
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    variables.insert("limit", limit);
    let list = match (&query.author, &query.tag) {
        (Some(author), _) => of_author(author),
        (None, Some(tag)) => of_tag(tag),
        (None, None) => ALL.to_owned(),
    };
    variables.insert("list", list);
    if let Some(tag) = &query.tag {
        variables.insert("tag", tag.clone());
    }
    if let Some(after) = &query.after {
        variables.insert("after", rank(after.at, &after.id));
    }
    variables
}

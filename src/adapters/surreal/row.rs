//! Records of the database from and to domain values.
//!
//! Reading is strict: what is missing or of another type is an error that names
//! the record and the field, and nothing of what it holds.

use chrono::{DateTime, Utc};
use surrealdb::types::{
    Array, Datetime, Number, Object, RecordId, RecordIdKey, SurrealValue, ToSql, Value,
};

use super::rank::rank;
use crate::domain::{LogId, Note, NoteId, Rejection, Sequence, Version};
use crate::ports::{Checkpoint, Marker, Stamp, StoreError};

/// The table of deletions.
pub(super) const DELETION: &str = "deletion";

/// The record of a note.
pub(super) fn note_id(id: &NoteId) -> RecordId {
    RecordId::new(NoteId::COLLECTION, id.key())
}

/// The record of the last deletion of a note.
pub(super) fn deletion_id(id: &NoteId) -> RecordId {
    RecordId::new(DELETION, id.key())
}

/// The record of the checkpoint of a log.
pub(super) fn checkpoint_id(log: LogId) -> RecordId {
    RecordId::new("checkpoint", log.to_string())
}

/// The key of a record that belongs to a place in a log.
pub(super) fn place(log: LogId, seq: i64) -> RecordIdKey {
    RecordIdKey::Array(Array::from(vec![log.to_string().into_value(), seq.into_value()]))
}

/// A count as the database holds it.
///
/// # Errors
/// [`StoreError::TransactionFailed`] past `i64::MAX`.
pub(super) fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| {
        StoreError::TransactionFailed(format!("{number} is larger than any integer it holds"))
    })
}

pub(super) fn note_row(note: &Note, stamp: Stamp) -> Result<Object, StoreError> {
    let mut row = Object::new();
    row.insert("id", note_id(&note.id));
    row.insert("title", note.title.clone());
    row.insert("content", note.content.clone());
    row.insert("author", note.author.clone());
    row.insert("tags", note.tags.clone());
    row.insert("created_at", Datetime::from(note.created_at));
    row.insert("updated_at", Datetime::from(note.updated_at));
    row.insert("version", integer(note.version.get())?);
    row.insert("created_rank", rank(note.created_at, &note.id));
    row.insert("updated_rank", rank(note.updated_at, &note.id));
    stamped(&mut row, stamp)?;
    Ok(row)
}

pub(super) fn deletion_row(id: &NoteId, stamp: Stamp) -> Result<Object, StoreError> {
    let mut row = Object::new();
    row.insert("id", deletion_id(id));
    stamped(&mut row, stamp)?;
    Ok(row)
}

fn stamped(row: &mut Object, stamp: Stamp) -> Result<(), StoreError> {
    row.insert("log", stamp.log.to_string());
    row.insert("seq", integer(stamp.seq.get())?);
    Ok(())
}

/// The fields of a checkpoint, without its record id.
pub(super) fn checkpoint_fields(checkpoint: &Checkpoint) -> Result<Object, StoreError> {
    let mut row = Object::new();
    row.insert("applied", integer(checkpoint.applied.get())?);
    row.insert("accepted_at", Datetime::from(checkpoint.accepted_at));
    row.insert("commits", integer(checkpoint.commit)?);
    row.insert("horizon", integer(checkpoint.horizon.get())?);
    Ok(row)
}

pub(super) fn marker_row(log: LogId, marker: Marker) -> Result<Object, StoreError> {
    let mut row = Object::new();
    row.insert("id", RecordId::new("marker", place(log, integer(marker.last.get())?)));
    row.insert("first", integer(marker.first.get())?);
    Ok(row)
}

pub(super) fn rejection_row(
    log: LogId,
    seq: Sequence,
    rejection: Rejection,
) -> Result<Object, StoreError> {
    let current = rejection.current().map(|version| integer(version.get())).transpose()?;
    let mut row = Object::new();
    row.insert("id", RecordId::new("rejection", place(log, integer(seq.get())?)));
    row.insert("code", rejection.code().to_owned());
    row.insert("current", current);
    Ok(row)
}

/// A record that was read.
pub(super) struct Record {
    id: RecordId,
    fields: Object,
}

impl Record {
    /// Every record of a result.
    pub(super) fn all(result: Value) -> Result<Vec<Self>, StoreError> {
        let Value::Array(rows) = result else {
            return Err(StoreError::Unreadable("a result is not a list".to_owned()));
        };
        rows.into_iter().map(Self::new).collect()
    }

    fn new(row: Value) -> Result<Self, StoreError> {
        if let Value::Object(mut fields) = row
            && let Some(Value::RecordId(id)) = fields.remove("id")
        {
            return Ok(Self { id, fields });
        }
        Err(StoreError::Unreadable("a row has no record id".to_owned()))
    }

    pub(super) fn is_of(&self, table: &str) -> bool {
        self.id.table.as_str() == table
    }

    /// The note whose key this record has.
    pub(super) fn note_id(&self) -> Result<NoteId, StoreError> {
        match &self.id.key {
            RecordIdKey::String(key) => NoteId::from_key(key).map_err(|_| self.bad("id")),
            _ => Err(self.bad("id")),
        }
    }

    pub(super) fn note(&mut self) -> Result<Note, StoreError> {
        Ok(Note {
            id: self.note_id()?,
            title: self.text("title")?,
            content: self.text("content")?,
            author: self.text("author")?,
            tags: self.texts("tags")?,
            created_at: self.time("created_at")?,
            updated_at: self.time("updated_at")?,
            version: Version::new(self.count("version")?).ok_or_else(|| self.bad("version"))?,
        })
    }

    pub(super) fn stamp(&mut self) -> Result<Stamp, StoreError> {
        let log = self.text("log")?.parse().map_err(|_| self.bad("log"))?;
        Ok(Stamp { log, seq: self.sequence("seq")? })
    }

    pub(super) fn checkpoint(&mut self) -> Result<Checkpoint, StoreError> {
        Ok(Checkpoint {
            applied: self.sequence("applied")?,
            accepted_at: self.time("accepted_at")?,
            commit: self.count("commits")?,
            horizon: self.sequence("horizon")?,
        })
    }

    pub(super) fn marker(&mut self) -> Result<Marker, StoreError> {
        Ok(Marker { first: self.sequence("first")?, last: self.place()? })
    }

    pub(super) fn rejection(&mut self) -> Result<(Sequence, Rejection), StoreError> {
        let code = self.text("code")?;
        let current = match self.fields.get("current") {
            None | Some(Value::None) => None,
            Some(_) => {
                let number = self.count("current")?;
                Some(Version::new(number).ok_or_else(|| self.bad("current"))?)
            }
        };
        let rejection = Rejection::from_parts(&code, current).ok_or_else(|| self.bad("code"))?;
        Ok((self.place()?, rejection))
    }

    /// The sequence in the record id.
    fn place(&self) -> Result<Sequence, StoreError> {
        if let RecordIdKey::Array(key) = &self.id.key
            && let [Value::String(_), Value::Number(Number::Int(seq))] = key.as_slice()
            && let Ok(seq) = u64::try_from(*seq)
        {
            return Ok(Sequence::new(seq));
        }
        Err(self.bad("id"))
    }

    fn sequence(&mut self, field: &str) -> Result<Sequence, StoreError> {
        self.count(field).map(Sequence::new)
    }

    fn count(&mut self, field: &str) -> Result<u64, StoreError> {
        match self.fields.remove(field) {
            Some(Value::Number(Number::Int(number))) => {
                u64::try_from(number).map_err(|_| self.bad(field))
            }
            _ => Err(self.bad(field)),
        }
    }

    fn text(&mut self, field: &str) -> Result<String, StoreError> {
        match self.fields.remove(field) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(self.bad(field)),
        }
    }

    fn texts(&mut self, field: &str) -> Result<Vec<String>, StoreError> {
        let Some(Value::Array(values)) = self.fields.remove(field) else {
            return Err(self.bad(field));
        };
        let texts = values.into_iter().map(|value| match value {
            Value::String(text) => Ok(text),
            _ => Err(self.bad(field)),
        });
        texts.collect()
    }

    fn time(&mut self, field: &str) -> Result<DateTime<Utc>, StoreError> {
        match self.fields.remove(field) {
            Some(Value::Datetime(time)) => Ok(time.into_inner()),
            _ => Err(self.bad(field)),
        }
    }

    fn bad(&self, field: &str) -> StoreError {
        StoreError::Unreadable(format!("{}, field {field}", self.id.to_sql()))
    }
}

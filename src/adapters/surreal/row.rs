//! Records of the database from and to domain values.
//!
//! Reading is strict: what is missing or of another type is an error that names
//! the record and the field, and nothing of what it holds.

use chrono::{DateTime, Utc};
use surrealdb::types::{
    Array, Datetime, Number, Object, RecordId, RecordIdKey, SurrealValue, ToSql, Value,
};

use super::list::lists_of;
use super::rank::rank;
use crate::domain::{LogId, Note, NoteId, Rejection, Sequence, Version};
use crate::ports::{Checkpoint, Marker, Parked, Provenance, Stamp, StoreError};

/// The table of deletions.
pub(super) const DELETION: &str = "deletion";

/// The table of parked commands.
pub(super) const PARKED: &str = "parked";

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

pub(super) fn note_row(note: &Note, provenance: &Provenance) -> Result<Object, StoreError> {
    let mut row = stamped_id(note_id(&note.id), provenance.last)?;
    row.insert("title", note.title.clone());
    row.insert("content", note.content.clone());
    row.insert("author", note.author.clone());
    row.insert("tags", note.tags.clone());
    row.insert("created_at", Datetime::from(note.created_at));
    row.insert("updated_at", Datetime::from(note.updated_at));
    row.insert("version", integer(note.version.get())?);
    row.insert("lists", lists_of(note));
    row.insert("created_rank", rank(note.created_at, &note.id));
    row.insert("updated_rank", rank(note.updated_at, &note.id));
    earlier(&mut row, provenance)?;
    Ok(row)
}

pub(super) fn deletion_row(id: &NoteId, provenance: &Provenance) -> Result<Object, StoreError> {
    let mut row = stamped_id(deletion_id(id), provenance.last)?;
    earlier(&mut row, provenance)?;
    Ok(row)
}

/// A record id with the command that changed the record last.
pub(super) fn stamped_id(id: RecordId, stamp: Stamp) -> Result<Object, StoreError> {
    let mut row = Object::new();
    row.insert("id", id);
    row.insert("log", stamp.log.to_string());
    row.insert("seq", integer(stamp.seq.get())?);
    Ok(row)
}

/// The commands of other logs. Most notes have none, and then no such fields.
fn earlier(row: &mut Object, provenance: &Provenance) -> Result<(), StoreError> {
    if provenance.earlier.is_empty() {
        return Ok(());
    }
    let seqs = provenance.earlier.values().map(|seq| integer(seq.get()));
    let logs = provenance.earlier.keys().map(LogId::to_string);
    row.insert("earlier_logs", logs.collect::<Vec<String>>());
    row.insert("earlier_seqs", seqs.collect::<Result<Vec<i64>, _>>()?);
    Ok(())
}

/// The fields of a checkpoint, without its record id.
pub(super) fn checkpoint_fields(checkpoint: &Checkpoint) -> Result<Object, StoreError> {
    let mut row = Object::new();
    row.insert("applied", integer(checkpoint.applied.get())?);
    row.insert("accepted_at", Datetime::from(checkpoint.accepted_at));
    row.insert("commits", integer(checkpoint.commit)?);
    row.insert("horizon", integer(checkpoint.horizon.get())?);
    row.insert("rebuilt_at", integer(checkpoint.rebuilt_at.get())?);
    Ok(row)
}

/// A marker with the versions that its commands gave to their notes: one number
/// per command, 0 for none.
pub(super) fn marker_row(
    log: LogId,
    marker: Marker,
    given: &[(Sequence, Version)],
) -> Result<Object, StoreError> {
    let mut row = Object::new();
    if !given.is_empty() {
        let mut given = given.iter().peekable();
        let mut versions = Vec::new();
        let mut seq = marker.first;
        while seq <= marker.last {
            let version = given.next_if(|(of, _)| *of == seq).map(|(_, version)| version.get());
            versions.push(integer(version.unwrap_or_default())?);
            seq = seq.next();
        }
        row.insert("versions", versions);
    }
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
    row.insert("id", rejection_id(log, seq)?);
    row.insert("code", rejection.code().to_owned());
    row.insert("current", current);
    Ok(row)
}

/// The record of a parked command.
pub(super) fn parked_id(log: LogId, seq: Sequence) -> Result<RecordId, StoreError> {
    Ok(RecordId::new(PARKED, place(log, integer(seq.get())?)))
}

/// The record of a rejection.
pub(super) fn rejection_id(log: LogId, seq: Sequence) -> Result<RecordId, StoreError> {
    Ok(RecordId::new("rejection", place(log, integer(seq.get())?)))
}

pub(super) fn parked_row(log: LogId, parked: &Parked) -> Result<Object, StoreError> {
    let mut row = Object::new();
    row.insert("id", parked_id(log, parked.seq)?);
    row.insert("note", parked.note.key().to_owned());
    row.insert("attempts", i64::from(parked.attempts));
    row.insert("reason", parked.reason.clone());
    row.insert("since", Datetime::from(parked.since));
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

    pub(super) fn provenance(&mut self) -> Result<Provenance, StoreError> {
        let log = self.text("log")?.parse().map_err(|_| self.bad("log"))?;
        let last = Stamp { log, seq: self.sequence("seq")? };
        if matches!(self.fields.get("earlier_logs"), None | Some(Value::None)) {
            return Ok(Provenance::new(last));
        }
        let logs = self.texts("earlier_logs")?;
        let seqs = self.counts("earlier_seqs")?;
        if logs.len() != seqs.len() {
            return Err(self.bad("earlier_seqs"));
        }
        let pairs = logs.iter().zip(seqs).map(|(log, seq)| {
            let log = log.parse().map_err(|_| self.bad("earlier_logs"))?;
            Ok((log, Sequence::new(seq)))
        });
        Ok(Provenance { last, earlier: pairs.collect::<Result<_, StoreError>>()? })
    }

    pub(super) fn parked(&mut self) -> Result<Parked, StoreError> {
        let note = NoteId::from_key(self.text("note")?).map_err(|_| self.bad("note"))?;
        let attempts = self.count("attempts")?;
        Ok(Parked {
            seq: self.place()?,
            note,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            reason: self.text("reason")?,
            since: self.time("since")?,
        })
    }

    /// The version that a command gave to its note, as a marker remembers it.
    pub(super) fn version_given_by(
        &mut self,
        seq: Sequence,
    ) -> Result<Option<Version>, StoreError> {
        if matches!(self.fields.get("versions"), None | Some(Value::None)) {
            return Ok(None);
        }
        let first = self.sequence("first")?;
        let versions = self.counts("versions")?;
        let at = seq.get().checked_sub(first.get()).and_then(|at| usize::try_from(at).ok());
        Ok(at.and_then(|at| versions.get(at)).and_then(|version| Version::new(*version)))
    }

    pub(super) fn checkpoint(&mut self) -> Result<Checkpoint, StoreError> {
        Ok(Checkpoint {
            applied: self.sequence("applied")?,
            accepted_at: self.time("accepted_at")?,
            commit: self.count("commits")?,
            horizon: self.sequence("horizon")?,
            rebuilt_at: self.sequence("rebuilt_at")?,
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
        self.list(field, |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    fn counts(&mut self, field: &str) -> Result<Vec<u64>, StoreError> {
        self.list(field, |value| match value {
            Value::Number(Number::Int(number)) => u64::try_from(number).ok(),
            _ => None,
        })
    }

    fn list<T>(
        &mut self,
        field: &str,
        read: impl Fn(Value) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let Some(Value::Array(values)) = self.fields.remove(field) else {
            return Err(self.bad(field));
        };
        values.into_iter().map(|value| read(value).ok_or_else(|| self.bad(field))).collect()
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

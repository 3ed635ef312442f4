//! What a database holds, and how a transaction changes it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::domain::{LogId, Note, NoteId, Rejection, Sequence, Version};
use crate::ports::{
    After, Batch, Checkpoint, Found, Marker, NoteQuery, Page, Parked, Provenance, Recorded,
    SortKey, Stored, Write,
};

/// The tables of the in-memory store.
///
/// Its indexes are kept apart from the notes, as a database keeps them: each
/// transaction changes the entries that it finds to be changed when it is
/// committed. Taking one out later leaves them as wrong as they would be there.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) notes: BTreeMap<NoteId, (Note, Provenance)>,
    pub(super) deleted: BTreeMap<NoteId, Provenance>,
    pub(super) checkpoints: BTreeMap<LogId, Checkpoint>,
    /// By log and last sequence.
    pub(super) markers: BTreeMap<(LogId, Sequence), Marker>,
    pub(super) rejections: BTreeMap<(LogId, Sequence), Rejection>,
    pub(super) parked: BTreeMap<(LogId, Sequence), Parked>,
    /// By marker, what it remembers of the commands that it stands for.
    versions: BTreeMap<(LogId, Sequence), Vec<(Sequence, Version)>>,
    by_creation: Index,
    by_update: Index,
}

/// Notes by a time, then by id.
type Index = BTreeSet<(DateTime<Utc>, NoteId)>;

/// One step in the life of a database, as it is found in its journal.
#[derive(Clone, Debug)]
pub(super) enum Transaction {
    /// A batch, with the notes that it found in place of those that it writes.
    Commit { batch: Box<Batch>, replaced: Vec<Note> },
    /// The indexes were made anew from the notes that there were.
    Rebuild { notes: Vec<Note> },
}

impl Tables {
    /// The transaction of a batch that is committed now.
    pub(super) fn transaction(&self, batch: &Batch) -> Transaction {
        let found = batch.writes.iter().filter_map(|write| self.notes.get(write.note_id()));
        let replaced = found.map(|(note, _)| note.clone()).collect();
        Transaction::Commit { batch: Box::new(batch.clone()), replaced }
    }

    /// The transaction that makes the indexes anew now.
    pub(super) fn rebuild(&self) -> Transaction {
        Transaction::Rebuild { notes: self.notes.values().map(|(note, _)| note.clone()).collect() }
    }

    /// Applies the write set of a transaction, whatever it meets now.
    pub(super) fn apply(&mut self, transaction: &Transaction) {
        match transaction {
            Transaction::Commit { batch, replaced } => {
                self.reindex(batch, replaced);
                self.write(batch);
            }
            Transaction::Rebuild { notes } => {
                self.by_creation.clear();
                self.by_update.clear();
                notes.iter().for_each(|note| self.index(note));
            }
        }
    }

    fn index(&mut self, note: &Note) {
        self.by_creation.insert((note.created_at, note.id.clone()));
        self.by_update.insert((note.updated_at, note.id.clone()));
    }

    /// Moves the index entries of the notes that change. What is written as it
    /// was found costs no entry.
    fn reindex(&mut self, batch: &Batch, replaced: &[Note]) {
        let written = |write: &Write| match write {
            Write::Put { note, .. } => Some(note.clone()),
            Write::Delete { .. } => None,
        };
        let written: Vec<Note> = batch.writes.iter().filter_map(written).collect();
        for note in replaced.iter().filter(|note| !written.contains(note)) {
            self.by_creation.remove(&(note.created_at, note.id.clone()));
            self.by_update.remove(&(note.updated_at, note.id.clone()));
        }
        written.iter().filter(|note| !replaced.contains(note)).for_each(|note| self.index(note));
    }

    fn write(&mut self, batch: &Batch) {
        let log = batch.log;
        for write in &batch.writes {
            match write.clone() {
                Write::Put { note, provenance } => {
                    self.notes.insert(note.id.clone(), (note, provenance));
                }
                Write::Delete { id, provenance } => {
                    self.notes.remove(&id);
                    self.deleted.insert(id, provenance);
                }
            }
        }
        for parked in &batch.parked {
            self.parked.insert((log, parked.seq), parked.clone());
        }
        for seq in &batch.released {
            self.parked.remove(&(log, *seq));
        }
        for (seq, rejection) in &batch.rejections {
            self.rejections.insert((log, *seq), *rejection);
        }
        if let Some(marker) = batch.marker {
            self.markers.insert((log, marker.last), marker);
            self.versions.insert((log, marker.last), batch.versions.clone());
        }
        let from = batch.expected.map_or(Sequence::ZERO, |checkpoint| checkpoint.horizon);
        let forgotten = |seq: Sequence| from <= seq && seq < batch.checkpoint.horizon;
        self.markers.retain(|(owner, last), _| *owner != log || !forgotten(*last));
        self.versions.retain(|(owner, last), _| *owner != log || !forgotten(*last));
        self.deleted.retain(|_, deleted| deleted.last.log != log || !forgotten(deleted.last.seq));
        self.checkpoints.insert(log, batch.checkpoint);
    }

    /// What is known of a note.
    pub(super) fn stored(&self, id: &NoteId) -> Stored {
        let (note, deleted) = (self.notes.get(id).cloned(), self.deleted.get(id).cloned());
        Stored { id: id.clone(), note, deleted }
    }

    /// Whether a note is as it was found.
    pub(super) fn is_as_found(&self, found: &Found) -> bool {
        Found::of(&self.stored(&found.id)) == *found
    }

    /// What is recorded of a command at or before the checkpoint.
    pub(super) fn recorded(&self, log: LogId, seq: Sequence) -> Recorded {
        if let Some(parked) = self.parked.get(&(log, seq)) {
            return Recorded::Parked(parked.clone());
        }
        if let Some(rejection) = self.rejections.get(&(log, seq)) {
            return Recorded::Rejected(*rejection);
        }
        let markers = self.versions.range((log, seq)..=(log, Sequence::new(u64::MAX)));
        let mut versions = markers.flat_map(|(_, versions)| versions);
        Recorded::Applied(versions.find(|(of, _)| *of == seq).map(|(_, version)| *version))
    }

    /// A page of a list, along the index of its order.
    pub(super) fn query(&self, query: &NoteQuery) -> Page {
        let index = match query.sort.key {
            SortKey::CreatedAt => &self.by_creation,
            SortKey::UpdatedAt => &self.by_update,
        };
        let wanted = |entry: &&(DateTime<Utc>, NoteId)| {
            let Some(after) = &query.after else { return true };
            let order = (entry.0, &entry.1).cmp(&(after.at, &after.id));
            if query.sort.descending { order.is_lt() } else { order.is_gt() }
        };
        let fits = |note: &&Note| {
            query.author.as_ref().is_none_or(|author| note.author == *author)
                && query.tag.as_ref().is_none_or(|tag| note.tags.contains(tag))
        };
        let found = |entry: &(DateTime<Utc>, NoteId)| {
            self.notes.get(&entry.1).map(|(note, _)| note).filter(fits)
        };
        let count = query.limit.saturating_add(1);
        let mut notes: Vec<&Note> = if query.sort.descending {
            index.iter().rev().filter(wanted).filter_map(found).take(count).collect()
        } else {
            index.iter().filter(wanted).filter_map(found).take(count).collect()
        };
        let more = notes.len() > query.limit;
        notes.truncate(query.limit);
        let last = notes.last().filter(|_| more);
        let next = last.map(|note| After { at: query.sort.key.of(note), id: note.id.clone() });
        Page { notes: notes.into_iter().cloned().collect(), next }
    }
}

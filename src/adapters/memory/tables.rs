//! What a database holds, and how a batch changes it.

use std::collections::BTreeMap;

use crate::domain::{LogId, Note, NoteId, Rejection, Sequence};
use crate::ports::{After, Batch, Checkpoint, Marker, NoteQuery, Page, Stamp, Write};

/// The tables of the in-memory store.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) notes: BTreeMap<NoteId, (Note, Stamp)>,
    pub(super) deleted: BTreeMap<NoteId, Stamp>,
    pub(super) checkpoints: BTreeMap<LogId, Checkpoint>,
    /// By log and last sequence.
    pub(super) markers: BTreeMap<(LogId, Sequence), Marker>,
    pub(super) rejections: BTreeMap<(LogId, Sequence), Rejection>,
}

impl Tables {
    /// Applies the write set of a batch. Whether the batch may be applied was
    /// decided when it was committed.
    pub(super) fn apply(&mut self, batch: &Batch) {
        let log = batch.log;
        for write in &batch.writes {
            match write {
                Write::Put { note, seq } => {
                    let stamp = Stamp { log, seq: *seq };
                    self.notes.insert(note.id.clone(), (note.clone(), stamp));
                }
                Write::Delete { id, seq } => {
                    self.notes.remove(id);
                    self.deleted.insert(id.clone(), Stamp { log, seq: *seq });
                }
            }
        }
        for (seq, rejection) in &batch.rejections {
            self.rejections.insert((log, *seq), *rejection);
        }
        self.markers.insert((log, batch.marker.last), batch.marker);
        let from = batch.expected.map_or(Sequence::ZERO, |checkpoint| checkpoint.horizon);
        let forgotten = |seq: Sequence| from <= seq && seq < batch.checkpoint.horizon;
        self.markers.retain(|(owner, last), _| *owner != log || !forgotten(*last));
        self.deleted.retain(|_, stamp| stamp.log != log || !forgotten(stamp.seq));
        self.checkpoints.insert(log, batch.checkpoint);
    }

    /// A page of a list, by looking at every note.
    pub(super) fn query(&self, query: &NoteQuery) -> Page {
        let place = |note: &Note| After { at: query.sort.key.of(note), id: note.id.clone() };
        let order = |a: &After, b: &After| {
            let ascending = (a.at, &a.id).cmp(&(b.at, &b.id));
            if query.sort.descending { ascending.reverse() } else { ascending }
        };
        let mut notes: Vec<&Note> = self
            .notes
            .values()
            .map(|(note, _)| note)
            .filter(|note| query.author.as_ref().is_none_or(|author| note.author == *author))
            .filter(|note| query.tag.as_ref().is_none_or(|tag| note.tags.contains(tag)))
            .filter(|note| query.after.as_ref().is_none_or(|a| order(&place(note), a).is_gt()))
            .collect();
        notes.sort_by(|a, b| order(&place(a), &place(b)));
        let more = notes.len() > query.limit;
        notes.truncate(query.limit);
        let next = if more { notes.last().map(|note| place(note)) } else { None };
        Page { notes: notes.into_iter().cloned().collect(), next }
    }
}

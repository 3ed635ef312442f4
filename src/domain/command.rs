//! What may be asked of a note.

use std::sync::LazyLock;

use super::{Checked, Note, NoteDraft, NoteId, NotePatch, Rejection, Version};

/// One request to change one note.
///
/// Its contents are [`Checked`]: a command that exists has valid fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Makes a new note; refused when there is one already.
    Create {
        /// The note to make.
        id: NoteId,
        /// Its fields.
        draft: Checked<NoteDraft>,
    },
    /// Makes a note or replaces every field of the one that is there.
    Put {
        /// The note to make or replace.
        id: NoteId,
        /// Its fields.
        draft: Checked<NoteDraft>,
    },
    /// Changes the given fields of a note that is there.
    Patch {
        /// The note to change.
        id: NoteId,
        /// The fields to change. With none given the command still counts as a
        /// change: the version grows by one.
        patch: Checked<NotePatch>,
    },
    /// Removes a note that is there.
    Delete {
        /// The note to remove.
        id: NoteId,
    },
    /// Makes a note what earlier commands had made of it, whatever it is. It is
    /// never submitted: it stands in a compacted log for the last command that
    /// changed the note, and for those before it.
    Restate {
        /// The note.
        id: NoteId,
        /// The note as it was then; `None` where it had been removed.
        note: Option<Box<Note>>,
    },
    /// Is rejected, for the reason that it tells. It is never submitted: it stands
    /// in a compacted log for a command that had been rejected.
    Refuse {
        /// The note that the command was about.
        id: NoteId,
        /// Why it was rejected.
        rejection: Rejection,
    },
    /// Stands in the place of a command that the log has lost; it is never
    /// submitted. What it was is not known, and neither is its note.
    Lost,
}

/// What [`Command::note_id`] tells of a command whose note is not known.
static UNKNOWN_NOTE: LazyLock<NoteId> = LazyLock::new(NoteId::unknown);

impl Command {
    /// The note that the command is about; one that nobody has, where the command
    /// is [`Lost`](Self::Lost).
    #[must_use]
    pub fn note_id(&self) -> &NoteId {
        match self {
            Self::Create { id, .. }
            | Self::Put { id, .. }
            | Self::Patch { id, .. }
            | Self::Delete { id }
            | Self::Restate { id, .. }
            | Self::Refuse { id, .. } => id,
            Self::Lost => &UNKNOWN_NOTE,
        }
    }

    /// About how many bytes it takes, in memory or encoded.
    #[must_use]
    pub fn size(&self) -> u64 {
        let tags = |tags: &[String]| tags.iter().map(String::len).sum::<usize>();
        let text = match self {
            Self::Create { draft, .. } | Self::Put { draft, .. } => {
                let NoteDraft { title, content, author, tags: all } = draft.get();
                title.len() + content.len() + author.len() + tags(all)
            }
            Self::Patch { patch, .. } => {
                let NotePatch { title, content, author, tags: all } = patch.get();
                let texts = [title, content, author].into_iter().flatten().map(String::len);
                texts.sum::<usize>() + all.as_deref().map_or(0, tags)
            }
            Self::Restate { note: Some(note), .. } => {
                size_of::<Note>()
                    + note.title.len()
                    + note.content.len()
                    + note.author.len()
                    + tags(&note.tags)
            }
            Self::Restate { note: None, .. }
            | Self::Delete { .. }
            | Self::Refuse { .. }
            | Self::Lost => 0,
        };
        (size_of::<Self>() + text) as u64
    }

    /// The kind of command as one lower-case word, for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Put { .. } => "put",
            Self::Patch { .. } => "patch",
            Self::Delete { .. } => "delete",
            Self::Restate { .. } => "restate",
            Self::Refuse { .. } => "refuse",
            Self::Lost => "lost",
        }
    }
}

/// What must hold of the current note for a command to be applied at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// There is no such note (`If-None-Match: *`).
    MustNotExist,
    /// There is such a note (`If-Match: *`).
    MustExist,
    /// There is such a note, at one of these versions (`If-Match: "3", "4"`).
    VersionIn(Vec<Version>),
}

impl Precondition {
    /// Whether it holds of the current note.
    #[must_use]
    pub fn holds(&self, current: Option<&Note>) -> bool {
        match (self, current) {
            (Self::None, _) | (Self::MustNotExist, None) | (Self::MustExist, Some(_)) => true,
            (Self::VersionIn(versions), Some(note)) => versions.contains(&note.version),
            (Self::MustNotExist, Some(_)) | (Self::MustExist | Self::VersionIn(_), None) => false,
        }
    }
}

//! The one judge of commands.

use chrono::{DateTime, Utc};

use super::{Command, Note, NoteDraft, NoteId, NotePatch, Precondition, Rejection, Version};

/// What a command that was accepted does to its note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The note is made.
    Created(Note),
    /// The note is there and becomes this.
    Updated(Note),
    /// The note is removed.
    Deleted,
}

impl Change {
    /// The note after the change; `None` when it is gone.
    #[must_use]
    pub fn note(&self) -> Option<&Note> {
        match self {
            Self::Created(note) | Self::Updated(note) => Some(note),
            Self::Deleted => None,
        }
    }
}

/// Judges a command against the current note, `None` when there is none.
///
/// `at` is when the command was accepted. The result depends on the arguments
/// alone, so replaying a log gives the same notes every time.
///
/// A command that could not be applied without its precondition is refused for
/// that reason first (RFC 9110, section 13.2.1): patching a note that does not
/// exist is [`Rejection::NotFound`] whatever was expected of it.
///
/// # Errors
/// The [`Rejection`], which is as final as a change.
pub fn decide(
    current: Option<&Note>,
    command: &Command,
    precondition: &Precondition,
    at: DateTime<Utc>,
) -> Result<Change, Rejection> {
    match (command, current) {
        (Command::Lost, _) => Err(Rejection::Lost),
        (Command::Refuse { rejection, .. }, _) => Err(*rejection),
        (Command::Restate { note: None, .. }, _) => Ok(Change::Deleted),
        (Command::Restate { note: Some(note), .. }, None) => Ok(Change::Created((**note).clone())),
        (Command::Restate { note: Some(note), .. }, Some(_)) => {
            Ok(Change::Updated((**note).clone()))
        }
        (Command::Create { .. }, Some(note)) => {
            Err(Rejection::AlreadyExists { current: note.version })
        }
        (Command::Patch { .. } | Command::Delete { .. }, None) => Err(Rejection::NotFound),
        _ if !precondition.holds(current) => {
            Err(Rejection::PreconditionFailed { current: current.map(|note| note.version) })
        }
        (Command::Create { id, draft } | Command::Put { id, draft }, None) => {
            Ok(Change::Created(created(id, draft.get(), at)))
        }
        (Command::Put { draft, .. }, Some(note)) => {
            Ok(Change::Updated(replaced(note, draft.get(), at)))
        }
        (Command::Patch { patch, .. }, Some(note)) => {
            Ok(Change::Updated(patched(note, patch.get(), at)))
        }
        (Command::Delete { .. }, Some(_)) => Ok(Change::Deleted),
    }
}

fn created(id: &NoteId, draft: &NoteDraft, at: DateTime<Utc>) -> Note {
    let NoteDraft { title, content, author, tags } = draft.clone();
    Note {
        id: id.clone(),
        title,
        content,
        author,
        tags,
        created_at: at,
        updated_at: at,
        version: Version::FIRST,
    }
}

fn replaced(note: &Note, draft: &NoteDraft, at: DateTime<Utc>) -> Note {
    let NoteDraft { title, content, author, tags } = draft.clone();
    Note { title, content, author, tags, ..touched(note, at) }
}

fn patched(note: &Note, patch: &NotePatch, at: DateTime<Utc>) -> Note {
    let mut note = touched(note, at);
    let NotePatch { title, content, author, tags } = patch.clone();
    note.title = title.unwrap_or(note.title);
    note.content = content.unwrap_or(note.content);
    note.author = author.unwrap_or(note.author);
    note.tags = tags.unwrap_or(note.tags);
    note
}

/// The same note after one more change. Its time never goes backwards, even
/// when the clock did.
fn touched(note: &Note, at: DateTime<Utc>) -> Note {
    Note { version: note.version.next(), updated_at: at.max(note.updated_at), ..note.clone() }
}

//! What the benchmarks of the parts of Daybook run on. Each of them measures one
//! part that every write passes: the codecs of the log, the judge of commands, and
//! the scan with which a start begins. They need no database.

use std::error::Error;

use chrono::{DateTime, Utc};
use daybook::domain::{
    Checked, Command, Idempotency, NoteDraft, NoteId, NotePatch, Precondition, Submission,
};

/// What a benchmark fails with.
pub type Failure = Box<dyn Error>;

/// How long the contents of notes are, in bytes.
pub const CONTENTS: [usize; 3] = [100, 1_000, 10_000];

/// When everything was accepted.
pub const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A note with a content of so many bytes.
///
/// # Errors
/// When a note cannot be so long.
pub fn draft(content: usize) -> Result<Checked<NoteDraft>, Failure> {
    Ok(Checked::new(NoteDraft {
        title: "A note for the benchmark".to_owned(),
        content: "words ".chars().cycle().take(content).collect(),
        author: "ada".to_owned(),
        tags: vec!["bench".to_owned(), "words".to_owned()],
    })?)
}

/// The id of the note of a number.
///
/// # Errors
/// None.
pub fn id(number: u64) -> Result<NoteId, Failure> {
    Ok(NoteId::from_key(format!("{number:026}"))?)
}

/// A patch of a title.
///
/// # Errors
/// None.
pub fn patch() -> Result<Checked<NotePatch>, Failure> {
    let title = Some("Another title".to_owned());
    Ok(Checked::new(NotePatch { title, ..NotePatch::default() })?)
}

/// A create as a client sends it that repeats what was not answered.
///
/// # Errors
/// When a note cannot be so long.
pub fn submission(number: u64, content: usize) -> Result<Submission, Failure> {
    Ok(Submission {
        accepted_at: AT,
        command: Command::Create { id: id(number)?, draft: draft(content)? },
        precondition: Precondition::None,
        idempotency: Some(Idempotency {
            key: format!("key-{number}"),
            fingerprint: "f".repeat(64),
        }),
        principal: None,
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
    })
}

//! What `daybook log compact` tells.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::domain::Sequence;

/// What `daybook log compact` found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The last command that nobody needs as it was submitted any more; 0 for none.
    pub settled: Sequence,
    /// The last command that was compacted before; 0 for none.
    pub compacted: Sequence,
    /// The last command of the last segment that can be compacted; `None` where that
    /// would change nothing.
    pub through: Option<Sequence>,
    /// The size of the log before.
    pub bytes_before: u64,
    /// The snapshot, if it was made.
    pub snapshot: Option<Snapshotted>,
}

/// A snapshot that took the place of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshotted {
    /// Its file.
    pub path: PathBuf,
    /// The size of the file.
    pub bytes: u64,
    /// How many notes it holds.
    pub notes: u64,
    /// Of how many commands it keeps something: these notes, the ids of notes that were
    /// deleted, and the reasons of rejections.
    pub kept: u64,
    /// The size of the log after.
    pub bytes_after: u64,
}

impl Compacted {
    /// Prints it for a person, or as one JSON object.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        if json { writeln!(out, "{}", self.json()) } else { self.text(out) }
    }

    fn json(&self) -> Value {
        let number = |seq: Sequence| (seq > Sequence::ZERO).then_some(seq.get());
        json!({
            "settled": number(self.settled),
            "compacted_before": number(self.compacted),
            "through": self.through.map(Sequence::get),
            "bytes_before": self.bytes_before,
            "snapshot": self.snapshot.as_ref().map(|made| json!({
                "file": made.path.display().to_string(),
                "bytes": made.bytes,
                "notes": made.notes,
                "kept": made.kept,
                "bytes_after": made.bytes_after,
            })),
        })
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { settled, compacted, through, bytes_before, snapshot } = self;
        let Some(through) = through else {
            writeln!(out, "There is nothing to compact; the log has {bytes_before} bytes.")?;
            if *compacted > Sequence::ZERO {
                writeln!(out, "The commands up to {compacted} were compacted before.")?;
            }
            return match settled.get() {
                0 => writeln!(
                    out,
                    "All commands are needed as they were submitted: they are not applied yet, or \
                     the last HEAL_WINDOW bytes before the checkpoint."
                ),
                _ => writeln!(
                    out,
                    "The commands after {settled} are needed as they were submitted: they are not \
                     applied yet, parked, or the last HEAL_WINDOW bytes before the checkpoint. \
                     Whole segments are compacted, but for the last one."
                ),
            };
        };
        match snapshot {
            None => writeln!(
                out,
                "The commands up to {through} can be compacted; the log has {bytes_before} bytes. \
                 Nothing was changed."
            ),
            Some(Snapshotted { path, bytes, notes, kept, bytes_after }) => {
                writeln!(out, "The commands up to {through} were compacted.")?;
                writeln!(out, "snapshot  {} ({bytes} bytes)", path.display())?;
                writeln!(
                    out,
                    "kept      {notes} notes, and {} deletions and rejections",
                    kept - notes
                )?;
                writeln!(out, "log       {bytes_before} bytes before, {bytes_after} after")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Compacted {
        Compacted {
            settled: Sequence::new(9),
            compacted: Sequence::ZERO,
            through: Some(Sequence::new(8)),
            bytes_before: 1000,
            snapshot: None,
        }
    }

    fn printed(compacted: &Compacted, json: bool) -> String {
        let mut out = Vec::new();
        compacted.print(json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_was_done_is_told() {
        let text = printed(&found(), false);
        assert!(text.contains("up to 8 can be compacted") && text.contains("Nothing was changed"));
        let path = PathBuf::from("1-8.log");
        let made = Snapshotted { path, bytes: 300, notes: 2, kept: 5, bytes_after: 400 };
        let done = Compacted { snapshot: Some(made), ..found() };
        let text = printed(&done, false);
        for part in ["1-8.log (300 bytes)", "2 notes, and 3 deletions", "1000 bytes before, 400"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let told: Value = serde_json::from_str(&printed(&done, true)).unwrap();
        assert_eq!((&told["through"], &told["snapshot"]["kept"]), (&json!(8), &json!(5)));
        assert_eq!(told["compacted_before"], Value::Null);
    }

    #[test]
    fn why_nothing_was_done_is_told() {
        let nothing = Compacted { through: None, compacted: Sequence::new(4), ..found() };
        let text = printed(&nothing, false);
        for part in ["nothing to compact", "up to 4 were compacted before", "after 9 are needed"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let new = Compacted { settled: Sequence::ZERO, ..nothing };
        assert!(printed(&new, false).contains("All commands are needed"));
    }
}

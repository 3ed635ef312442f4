//! What `daybook log adopt` tells.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::app::{Ends, Succession};
use crate::domain::{LogId, Sequence};

/// What `daybook log adopt` found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Where log and database are.
    pub ends: Ends,
    /// What a new log has to hold; `None` where none is needed.
    pub succession: Option<Succession>,
    /// The new log, if it was made.
    pub adopted: Option<Adopted>,
}

/// A log that took the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Its id.
    pub log: LogId,
    /// The folder of the old log.
    pub before: PathBuf,
}

impl Adoption {
    /// Whether log and database go together now.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.succession.is_none() || self.adopted.is_some()
    }

    /// Prints it for a person, or as one JSON object.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        if json { writeln!(out, "{}", self.json()) } else { self.text(out) }
    }

    fn json(&self) -> Value {
        let Self { ends, succession, adopted } = self;
        let numbers = |sequences: &[Sequence]| -> Vec<u64> {
            sequences.iter().map(|seq| seq.get()).collect()
        };
        json!({
            "log_id": ends.log.to_string(),
            "first": ends.first.get(),
            "last": ends.last.get(),
            "applied": ends.applied.map(|(seq, _)| seq.get()),
            "applied_accepted_at": ends.applied.map(|(_, at)| at.to_rfc3339()),
            "mismatch": ends.mismatch,
            "succession": succession.as_ref().map(|succession| json!({
                "applied_through": succession.applied_through.get(),
                "unapplied": succession.unapplied,
                "parked": numbers(&succession.parked),
                "parked_elsewhere": numbers(&succession.parked_elsewhere),
                "missing": succession.missing.map(|(first, last)| [first.get(), last.get()]),
                "commands": succession.commands(),
            })),
            "adopted": adopted.as_ref().map(|adopted| json!({
                "log_id": adopted.log.to_string(),
                "before": adopted.before.display().to_string(),
            })),
        })
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Ends { log, first, last, applied, mismatch } = &self.ends;
        if *last < *first {
            writeln!(out, "log       {log}, without commands")?;
        } else {
            writeln!(out, "log       {log}, commands {first} to {last}")?;
        }
        match applied {
            Some((seq, at)) => {
                writeln!(
                    out,
                    "database  has applied command {seq}, accepted at {}",
                    at.to_rfc3339()
                )?;
            }
            None => writeln!(out, "database  does not know this log")?,
        }
        let (Some(succession), Some(_)) = (&self.succession, mismatch) else {
            return writeln!(out, "They go together; there is nothing to adopt.");
        };
        writeln!(out, "They have no longer one history.")?;
        let Succession { applied_through, unapplied, parked, parked_elsewhere, missing } =
            succession;
        if applied_through >= first {
            writeln!(out, "In both: commands {first} to {applied_through}.")?;
        }
        if let Some((first, last)) = missing {
            writeln!(
                out,
                "In neither: commands {first} to {last}. They are lost to the database."
            )?;
        }
        match unapplied {
            0 => writeln!(out, "Only in the log: nothing.")?,
            _ => writeln!(out, "Only in the log: commands {} to {last}.", applied_through.next())?,
        }
        if !parked.is_empty() {
            writeln!(out, "Parked, to be attempted again: {}.", list(parked))?;
        }
        if !parked_elsewhere.is_empty() {
            let list = list(parked_elsewhere);
            writeln!(out, "Parked, and not in this log, so never to be applied: {list}.")?;
        }
        let commands = succession.commands();
        match &self.adopted {
            None => writeln!(
                out,
                "With --apply a new log takes the place of this one, with {commands} commands for \
                 the database to apply. Nothing was changed."
            ),
            Some(Adopted { log, before }) => writeln!(
                out,
                "The log is {log} from now on, with {commands} commands for the database to apply, \
                 numbered from 1. The old one is kept in {}.",
                before.display()
            ),
        }
    }
}

fn list(sequences: &[Sequence]) -> String {
    let numbers: Vec<String> = sequences.iter().map(Sequence::to_string).collect();
    numbers.join(", ")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn seq(number: u64) -> Sequence {
        Sequence::new(number)
    }

    fn found() -> Adoption {
        let ends = Ends {
            log: LogId::from_uuid(Uuid::nil()),
            first: seq(3),
            last: seq(9),
            applied: Some((seq(7), "2026-11-26T03:00:00Z".parse().unwrap())),
            mismatch: Some("they differ".to_owned()),
        };
        let succession = Succession {
            applied_through: seq(5),
            unapplied: 4,
            parked: vec![seq(3), seq(4)],
            parked_elsewhere: vec![seq(7)],
            missing: None,
        };
        Adoption { ends, succession: Some(succession), adopted: None }
    }

    fn printed(adoption: &Adoption, json: bool) -> String {
        let mut out = Vec::new();
        adoption.print(json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_would_be_done_is_told() {
        let text = printed(&found(), false);
        for part in [
            "commands 3 to 9",
            "has applied command 7, accepted at 2026-11-26T03:00:00+00:00",
            "In both: commands 3 to 5.",
            "Only in the log: commands 6 to 9.",
            "attempted again: 3, 4.",
            "never to be applied: 7.",
            "with 6 commands",
            "Nothing was changed",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!found().is_settled());
    }

    #[test]
    fn what_was_done_is_told() {
        let (log, before) = (LogId::from_uuid(Uuid::max()), PathBuf::from("log.before-x"));
        let done = Adoption { adopted: Some(Adopted { log, before }), ..found() };
        assert!(printed(&done, false).contains(&format!("The log is {log} from now on")));
        let told: Value = serde_json::from_str(&printed(&done, true)).unwrap();
        assert_eq!(told["adopted"]["before"], "log.before-x");
        assert_eq!(told["succession"]["parked"], json!([3, 4]));
        assert_eq!((&told["applied"], &told["succession"]["commands"]), (&json!(7), &json!(6)));
        assert!(done.is_settled());
    }

    #[test]
    fn ends_that_go_together_are_told_so() {
        let ends = Ends { mismatch: None, applied: None, last: seq(2), ..found().ends };
        let text = printed(&Adoption { ends, succession: None, adopted: None }, false);
        for part in ["without commands", "does not know this log", "nothing to adopt"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

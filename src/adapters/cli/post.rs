//! `daybook log replay | rebuild | adopt | compact`: what is done with the log and a
//! database without a running service.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use crate::app::Backlog;
use crate::domain::Sequence;

const EXIT_CODES: &str = "\
Exit codes: 0 everything was posted, 1 it was not, and the message says why; what was posted \
stays, and the same command goes on from there; 2 the arguments or settings cannot be used.";

const ADOPT_EXIT_CODES: &str = "\
Exit codes: 0 log and database go together, now or before, 1 they do not, and nothing was \
changed, or it could not be told; 2 the arguments or settings cannot be used.";

const COMPACT_EXIT_CODES: &str = "\
Exit codes: 0 the log was compacted, or there was nothing to compact, 1 it could not be, and the \
message says why; 2 the arguments or settings cannot be used.";

/// Commands that take the log and a database.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum PostCommand {
    /// Post what waits in the log to the database of the settings.
    ///
    /// Does what the service does in the background, once and to the end: heals what the
    /// database has lost, applies every command after its checkpoint exactly once, parks those
    /// that it refuses for good. The service must be stopped, since the log has one owner.
    ///
    /// Example: daybook log replay --dry-run && daybook log replay --rate 500
    #[command(after_help = EXIT_CODES)]
    Replay {
        /// Post nothing unless this is the first command that waits.
        #[arg(long, value_name = "SEQ")]
        from: Option<u64>,
        /// Only tell what waits.
        #[arg(long)]
        dry_run: bool,
        /// Post at most so many commands a second.
        #[arg(long, value_name = "N")]
        rate: Option<NonZeroU32>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Make a new database from the log.
    ///
    /// The database must be empty; DB_ENDPOINT is not touched, but its user, namespace and
    /// database are those of the settings. With --until it becomes what it was at that point.
    /// The service may be started on it afterwards, and goes on from there. It must be stopped
    /// meanwhile, since the log has one owner.
    ///
    /// Example: daybook log rebuild --to surrealkv://./restored --until 2026-11-26T03:00:00Z
    #[command(after_help = EXIT_CODES)]
    Rebuild {
        /// The new database, as DB_ENDPOINT names one.
        #[arg(long, value_name = "ENDPOINT")]
        to: String,
        /// The last command, by its sequence, or the last time that a command may have been
        /// accepted at (RFC 3339). Default: all of the log.
        #[arg(long, value_name = "SEQ|TIME")]
        until: Option<Until>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Go on where the log and the database have no longer one history.
    ///
    /// So it is after an older copy of the log was put back, or a database that is older than
    /// the first command of the log; the service then applies nothing. Shows where both are, and
    /// which commands only the log has. With --apply a new log with a new id takes the place of
    /// the old one, which is kept beside it; it starts with those commands, so that the database
    /// skips and repeats none. The ids of commands that were handed out before mean nothing in
    /// it. Where the two parted is found by when commands were accepted. The service must be
    /// stopped, since the log has one owner.
    ///
    /// Example: daybook log adopt && daybook log adopt --apply
    #[command(after_help = ADOPT_EXIT_CODES)]
    Adopt {
        /// Make the new log.
        #[arg(long)]
        apply: bool,
        /// The last command of the log that the database has, where the times do not tell.
        #[arg(long, value_name = "SEQ")]
        applied_through: Option<u64>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Make the log smaller, keeping what its commands amounted to.
    ///
    /// Puts a snapshot in the place of the oldest segments: of each note the last command that
    /// changed it, as the note that it made, of each rejected command the reason. A database
    /// that is made from the compacted log is the same; what it was at an earlier point than
    /// the end of the snapshot can no longer be told (`rebuild --until`, `cat`), nor who wrote
    /// what was overwritten.
    ///
    /// Compacted are whole segments of commands that the database has applied, before those
    /// that it may have to be healed from (the last HEAL_WINDOW bytes before its checkpoint) and
    /// before the first one that is parked. The snapshot is synced, and compared with what it
    /// shall hold, before it takes the place of anything; it can be stopped at any point and
    /// run again. The notes are held in memory. The service must be stopped, since the log has
    /// one owner.
    ///
    /// Example: daybook log compact --dry-run && daybook log compact
    #[command(after_help = COMPACT_EXIT_CODES)]
    Compact {
        /// Only tell what can be compacted.
        #[arg(long)]
        dry_run: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// The end of a beginning of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// This command, included.
    Sequence(u64),
    /// The first command that was accepted after this time, not included.
    Time(DateTime<Utc>),
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Sequence(seq));
        }
        let time = DateTime::parse_from_rfc3339(text).map_err(
            |_| "it must be a sequence, such as 1234, or a time, such as 2026-11-26T03:00:00Z",
        )?;
        Ok(Self::Time(time.to_utc()))
    }
}

/// What a command that posts the log came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// What waited before.
    pub backlog: Backlog,
    /// How many commands were posted; `None` for a dry run.
    pub commands: Option<u64>,
    /// How many commands of the log are parked now.
    pub parked: u64,
}

impl Posted {
    /// Prints it for a person, or as one JSON object.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        let Self { backlog, commands, parked } = self;
        if json {
            let applied = backlog.applied.map(Sequence::get);
            let posted = json!({
                "applied_before": applied,
                "last": backlog.last.get(),
                "waited": backlog.commands(),
                "posted": commands,
                "parked": parked,
            });
            return writeln!(out, "{posted}");
        }
        let (waited, last) = (backlog.commands(), backlog.last);
        let Some(commands) = commands else {
            return writeln!(out, "{waited} commands wait, the last of them is {last}");
        };
        writeln!(out, "posted {commands} commands; the database is at command {last}")?;
        match parked {
            0 => Ok(()),
            _ => writeln!(out, "{parked} commands are parked: the database refuses them"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn an_end_is_a_sequence_or_a_time() {
        assert_eq!("12".parse(), Ok(Until::Sequence(12)));
        let time = "2026-11-26T04:00:00+01:00".parse();
        assert_eq!(time, Ok(Until::Time("2026-11-26T03:00:00Z".parse().unwrap())));
        for wrong in ["", "-1", "yesterday", "2026-11-26"] {
            assert!(wrong.parse::<Until>().unwrap_err().contains("a sequence"), "{wrong}");
        }
    }

    #[rstest]
    #[case(None, 0, "5 commands wait, the last of them is 7\n")]
    #[case(Some(5), 0, "posted 5 commands; the database is at command 7\n")]
    #[case(Some(5), 2, "2 commands are parked")]
    fn what_was_done_is_told(
        #[case] commands: Option<u64>,
        #[case] parked: u64,
        #[case] text: &str,
    ) {
        let (first, last) = (Sequence::FIRST, Sequence::new(7));
        let backlog = Backlog { applied: Some(Sequence::new(2)), first, last };
        let posted = Posted { backlog, commands, parked };
        let mut out = Vec::new();
        posted.print(false, &mut out).unwrap();
        let told = String::from_utf8(out).unwrap();
        assert!(told.contains(text), "{told}");
        let mut out = Vec::new();
        posted.print(true, &mut out).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&told["waited"], &told["parked"]), (&json!(5), &json!(parked)));
        assert_eq!((&told["posted"], &told["applied_before"]), (&json!(commands), &json!(2)));
    }
}

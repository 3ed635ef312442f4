//! Reading a log that another process may be writing.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::log_outcome::LogCommandError;
use super::log_report::TailState;
use super::log_status::AskedLog;
use crate::adapters::file_log::disk::{Disk, OsDisk};
use crate::adapters::file_log::survey::{Survey, Tail, Visit, survey};
use crate::adapters::file_log::{Fault, LOCK_FILE, ReadFault};
use crate::domain::Sequence;

/// Who may be writing to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Nobody,
    /// The system does not tell.
    Unknown,
    Process,
}

impl Owner {
    /// The owner of the log in that folder now.
    pub(super) fn of(dir: &Path) -> Self {
        match OsDisk.is_locked(&dir.join(LOCK_FILE)) {
            Ok(false) => Self::Nobody,
            Ok(true) => Self::Process,
            Err(_) => Self::Unknown,
        }
    }
}

/// The log in that folder, whoever has it open.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn log_in(dir: &Path) -> Result<AskedLog, LogCommandError> {
    let last_segment_only = Sequence::new(u64::MAX);
    let found = match look(dir, last_segment_only, &mut |_| ControlFlow::Continue(()))? {
        Look::Read { survey, .. } => AskedLog::of(&survey, dir),
        Look::Damaged(_) => None,
    };
    found.ok_or_else(|| LogCommandError::NoSegment(dir.to_owned()))
}

/// The process that has the log in that folder, for a message; none where none
/// has.
#[must_use]
pub fn holder(dir: &Path) -> Option<String> {
    match Owner::of(dir) {
        Owner::Nobody => None,
        Owner::Unknown => {
            Some("a process that cannot be named: the lock file may not be read".to_owned())
        }
        Owner::Process => {
            // Whoever holds it wrote its id there, if it could.
            let told = fs::read_to_string(dir.join(LOCK_FILE)).unwrap_or_default();
            Some(match told.trim() {
                "" => "another process".to_owned(),
                id => format!("process {id}"),
            })
        }
    }
}

/// Reads until the log is sound or the same is wrong with it twice: where a
/// process is writing, segments come and go, and a read may meet a half-made
/// change.
pub(super) fn confirmed<T>(
    mut read: impl FnMut() -> (Result<T, ReadFault>, Owner),
) -> (Result<T, ReadFault>, Owner) {
    let mut earlier = None;
    loop {
        let (result, owner) = read();
        let Err(fault) = &result else { return (result, owner) };
        let fault = fault.to_string();
        if owner == Owner::Nobody || earlier.as_ref() == Some(&fault) {
            return (result, owner);
        }
        earlier = Some(fault);
    }
}

/// A log as it was read. An unfinished write at its end is told by the state.
pub(super) enum Look {
    Read { survey: Survey, state: TailState },
    Damaged(Fault),
}

/// Reads the log in a folder, as `survey` does, whoever may be writing to it. Frames
/// may be shown to the visitor again, from any earlier one on.
pub(super) fn look(
    dir: &Path,
    from: Sequence,
    visit: &mut dyn FnMut(Visit<'_>) -> ControlFlow<()>,
) -> Result<Look, LogCommandError> {
    if !dir.is_dir() {
        return Err(LogCommandError::NoFolder(dir.to_owned()));
    }
    let mut owner = Owner::of(dir);
    let read = confirmed(|| {
        let read = survey(&OsDisk, dir, from, visit);
        // Asked on both sides of reading: whoever holds it on either side may
        // have been writing in between.
        let before = std::mem::replace(&mut owner, Owner::of(dir));
        (read, before.max(owner))
    });
    let (survey, owner) = match read {
        (Ok(survey), owner) => (survey, owner),
        (Err(ReadFault::Damaged(fault)), _) => return Ok(Look::Damaged(fault)),
        (Err(ReadFault::Io { path, source }), _) => {
            return Err(LogCommandError::Io { path, source });
        }
    };
    let state = match (&survey.tail, owner) {
        (Tail::Clean | Tail::Unread, _) => TailState::Clean,
        (Tail::Torn { .. } | Tail::TornCreation { .. }, Owner::Nobody) => TailState::Torn,
        (Tail::Torn { .. } | Tail::TornCreation { .. }, Owner::Unknown) => TailState::Unknown,
        (Tail::Torn { .. } | Tail::TornCreation { .. }, Owner::Process) => TailState::InProgress,
    };
    if survey.segments.is_empty() && survey.tail == Tail::Clean {
        return Err(LogCommandError::NoSegment(dir.to_owned()));
    }
    Ok(Look::Read { survey, state })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::adapters::file_log::{Damage, Fault, HeaderDamage};

    #[test]
    fn what_is_wrong_beside_a_running_process_is_looked_at_twice() {
        let fault = |offset| {
            let damage = Damage::Header(HeaderDamage::Magic);
            Err(ReadFault::Damaged(Fault { file: "f".into(), offset, damage }))
        };
        let gone = || {
            let source = io::ErrorKind::NotFound.into();
            Err(ReadFault::Io { path: "f".into(), source })
        };
        let told = |reads: Vec<(Result<u64, ReadFault>, Owner)>| {
            let mut reads = reads.into_iter();
            let (result, _) = confirmed(|| reads.next().unwrap());
            assert_eq!(reads.count(), 0, "no more often than needed");
            result.map_err(|fault| fault.to_string())
        };
        use Owner::{Nobody, Process, Unknown};
        assert_eq!(told(vec![(Ok(1), Process)]), Ok(1));
        assert_eq!(told(vec![(gone(), Process), (Ok(2), Process)]), Ok(2));
        assert_eq!(told(vec![(fault(1), Unknown), (fault(2), Process), (Ok(3), Process)]), Ok(3));
        let twice = told(vec![(fault(1), Process), (fault(1), Process)]);
        assert!(twice.unwrap_err().contains("at byte 1"));
        let alone = told(vec![(fault(1), Nobody)]);
        assert!(alone.unwrap_err().contains("at byte 1"));
        told(vec![(fault(1), Process), (gone(), Nobody)]).unwrap_err();
    }
}

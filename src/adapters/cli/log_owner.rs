//! Reading a log that another process may be writing.

use std::path::Path;

use crate::adapters::file_log::disk::{Disk, OsDisk};
use crate::adapters::file_log::{LOCK_FILE, ReadFault};

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

//! `daybook log repair`: mending a log that a start refuses.

use std::io::Write;
use std::path::Path;

use chrono::Utc;
use serde_json::{Value, json};

use super::log_outcome::{Finding, LogCommandError};
use crate::adapters::file_log::LOCK_FILE;
use crate::adapters::file_log::disk::{Disk, LockError, OsDisk};
use crate::adapters::file_log::repair::Repair;

/// Shows what has to be done to the log in `dir`, and does it with `apply`.
pub(super) fn repair(
    dir: &Path,
    apply: bool,
    json: bool,
    out: &mut dyn Write,
) -> Result<Finding, LogCommandError> {
    if !dir.is_dir() {
        return Err(LogCommandError::NoFolder(dir.to_owned()));
    }
    let failed = |detail: String| LogCommandError::Repair { dir: dir.to_owned(), detail };
    let lock = OsDisk.lock(&dir.join(LOCK_FILE)).map_err(|error| match error {
        LockError::Held { holder } => {
            failed(format!("it is in use: held by {holder}; stop the service first"))
        }
        LockError::Io(error) => failed(error.to_string()),
    })?;
    let now = Utc::now();
    let repair = Repair::plan(&OsDisk, dir, now).map_err(|error| failed(error.to_string()))?;
    let quarantine = match apply && !repair.is_needless() {
        true => {
            let kept = repair.apply(&OsDisk, dir, now);
            Some(kept.map_err(|error| failed(error.to_string()))?)
        }
        false => None,
    };
    drop(lock);
    if json {
        writeln!(out, "{}", told(&repair, quarantine.as_deref()))?;
    } else {
        tell(&repair, quarantine.as_deref(), out)?;
    }
    let is_sound = repair.is_needless() || quarantine.is_some();
    Ok(if is_sound { Finding::Sound } else { Finding::Damaged })
}

fn told(repair: &Repair, quarantine: Option<&Path>) -> Value {
    let faults: Vec<Value> = repair
        .faults
        .iter()
        .map(|fault| {
            json!({
                "file": fault.file.display().to_string(),
                "offset": fault.offset,
                "damage": fault.damage.to_string(),
            })
        })
        .collect();
    let lost: Vec<[u64; 2]> =
        repair.lost.iter().map(|(first, last)| [first.get(), last.get()]).collect();
    json!({
        "needed": !repair.is_needless(),
        "faults": faults,
        "lost": lost,
        "lost_commands": repair.lost_commands(),
        "files": repair.files().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "quarantine": quarantine.map(|path| path.display().to_string()),
    })
}

fn tell(
    repair: &Repair,
    quarantine: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), LogCommandError> {
    for fault in &repair.faults {
        writeln!(out, "damaged: {fault}")?;
    }
    if repair.is_needless() {
        writeln!(out, "Nothing has to be repaired.")?;
        return Ok(());
    }
    for (first, last) in &repair.lost {
        match first == last {
            true => writeln!(out, "lost: command {first}")?,
            false => writeln!(out, "lost: commands {first} to {last}")?,
        }
    }
    if repair.lost.is_empty() {
        writeln!(out, "No command is lost.")?;
    }
    for path in repair.files() {
        writeln!(out, "to be written anew: {}", path.display())?;
    }
    match quarantine {
        Some(kept) => writeln!(
            out,
            "It was repaired. The files as they were are in {}. Who asks for a lost command is \
             told that it was lost; what the database had of it stays.",
            kept.display()
        )?,
        None => writeln!(
            out,
            "With --apply these files are first kept whole in a folder of their own, then written \
             anew with every intact command, and a word in the place of each lost one. Nothing \
             was changed. Look for a copy of them first."
        )?,
    }
    Ok(())
}

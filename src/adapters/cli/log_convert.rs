//! `daybook log convert`: the log anew in another payload format.
//!
//! The new log is written into [`UNFINISHED`], which has not the name of a log,
//! and synced; then both are read from their files and compared. Renaming the
//! folder is the last step and the only one after which there is a new log.

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::log_compare::{Compared, compare};
use super::log_outcome::{Finding, LogCommandError};
use super::log_owner::{Look, Owner, look};
use super::log_report::{TailState, report_damage, tail_json, tail_text};
use super::progress::Progress;
use crate::adapters::file_log::copy::{CopyError, LogCopy};
use crate::adapters::file_log::disk::{Disk, OsDisk};
use crate::adapters::file_log::successor::UNFINISHED;
use crate::adapters::file_log::survey::{Segment, Survey, Tail};
use crate::adapters::file_log::{LOG_FOLDER, PayloadFormat};
use crate::domain::Sequence;

/// Writes the log in `dir` in another format, as a log below the data folder
/// `into`.
pub(super) fn convert(
    dir: &Path,
    to: PayloadFormat,
    into: &Path,
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Finding, LogCommandError> {
    if !dir.is_dir() {
        return Err(LogCommandError::NoFolder(dir.to_owned()));
    }
    let target = Target::prepare(dir, into)?;
    let mut progress = Progress::new("converting", None);
    let mut copy = LogCopy::new(&OsDisk, &target.unfinished, to);
    let mut failed = None;
    let look = look(dir, Sequence::FIRST, &mut |visit| {
        progress.step();
        failed = copy.take(&visit).err();
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    drop(progress);
    let (survey, state) = match (failed, look) {
        (Some(CopyError::Damaged(fault)), _) | (None, Look::Damaged(fault)) => {
            return report_damage(&fault, json, out);
        }
        (Some(error), _) => return Err(target.failed(&error)),
        (None, Look::Read { survey, state }) => (survey, state),
    };
    if survey.segments.is_empty() {
        return Err(LogCommandError::NoSegment(dir.to_owned()));
    }
    copy.finish(&survey.segments).map_err(|error| target.failed(&error))?;
    let (source, copied) = match compare(dir, &target.unfinished, &survey)? {
        Compared::Equal { source_sha256, target } => (source_sha256, target),
        Compared::Damaged(fault) => return report_damage(&fault, json, out),
        Compared::Different(sequence) => return report_difference(sequence, json, out),
    };
    let log = target.keep()?;
    let report = Report { dir, log: &log, to, survey: &survey, state, copied: &copied };
    if json {
        writeln!(out, "{}", report.json(&source))?;
    } else {
        report.text(&source, out)?;
    }
    report.warn(err)?;
    Ok(Finding::Sound)
}

/// The new log while it is made. Dropping it removes what was made.
struct Target {
    folder: PathBuf,
    unfinished: PathBuf,
    /// Whether the folder was not there before.
    is_new: bool,
    is_kept: bool,
}

impl Target {
    fn prepare(dir: &Path, into: &Path) -> Result<Self, LogCommandError> {
        let failed = |error: io::Error| LogCommandError::Target {
            folder: into.to_owned(),
            detail: error.to_string(),
        };
        // The folder is not there yet, perhaps; the first one above it is.
        let above = std::path::absolute(into).map_err(failed)?;
        let above = above.ancestors().find_map(|folder| fs::canonicalize(folder).ok());
        let log = fs::canonicalize(dir).map_err(failed)?;
        if above.is_some_and(|above| above.starts_with(log)) {
            return Err(LogCommandError::WithinLog(into.to_owned()));
        }
        let is_new = match fs::read_dir(into).map(|mut entries| entries.next().is_some()) {
            Ok(true) => return Err(LogCommandError::NotEmpty(into.to_owned())),
            Ok(false) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(failed(error)),
        };
        let unfinished = into.join(UNFINISHED);
        let target = Self { folder: into.to_owned(), unfinished, is_new, is_kept: false };
        OsDisk.create_dir_all(&target.unfinished).map_err(failed)?;
        Ok(target)
    }

    fn failed(&self, error: &dyn std::error::Error) -> LogCommandError {
        LogCommandError::Target { folder: self.folder.clone(), detail: error.to_string() }
    }

    /// Makes it a log.
    fn keep(mut self) -> Result<PathBuf, LogCommandError> {
        let log = self.folder.join(LOG_FOLDER);
        OsDisk.rename(&self.unfinished, &log).map_err(|error| self.failed(&error))?;
        self.is_kept = true;
        OsDisk.sync_dir(&self.folder).map_err(|error| self.failed(&error))?;
        Ok(log)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.is_kept {
            // What is left has not the name of a log.
            let _left = fs::remove_dir_all(&self.unfinished);
            if self.is_new {
                let _left = fs::remove_dir(&self.folder);
            }
        }
    }
}

fn report_difference(
    sequence: Sequence,
    json: bool,
    out: &mut dyn Write,
) -> Result<Finding, LogCommandError> {
    if json {
        let different = json!({ "finding": "different", "sequence": sequence.get() });
        writeln!(out, "{different}")?;
    } else {
        writeln!(
            out,
            "different: command {sequence} changed while the log was read; nothing was kept, try again"
        )?;
    }
    Ok(Finding::Damaged)
}

struct Report<'a> {
    dir: &'a Path,
    log: &'a Path,
    to: PayloadFormat,
    survey: &'a Survey,
    state: TailState,
    copied: &'a Survey,
}

impl Report<'_> {
    fn stretch(&self) -> (Sequence, Sequence) {
        let segments = &self.survey.segments;
        let first = segments.first().map_or(Sequence::FIRST, Segment::first);
        (first, segments.last().map_or(Sequence::ZERO, Segment::last))
    }

    fn json(&self, sha256: &str) -> Value {
        let (first, last) = self.stretch();
        let side = |dir: &Path, survey: &Survey| {
            json!({
                "folder": dir.display().to_string(),
                "formats": formats(survey),
                "segments": survey.segments.len(),
                "bytes": bytes(survey),
                "sha256": sha256,
            })
        };
        json!({
            "finding": "equal",
            "log_id": self.survey.log().map(|log| log.to_string()),
            "format": self.to.to_string(),
            "first": first.get(),
            "last": last.get(),
            "commands": self.survey.frames,
            "source": side(self.dir, self.survey),
            "target": side(self.log, self.copied),
            "tail": tail_json(&self.survey.tail, self.state),
            "in_use": self.is_in_use(),
        })
    }

    fn text(&self, sha256: &str, out: &mut dyn Write) -> io::Result<()> {
        let (first, last) = self.stretch();
        writeln!(out, "commands   {} ({first} to {last}), all equal", self.survey.frames)?;
        for (name, dir, survey) in
            [("source", self.dir, self.survey), ("target", self.log, self.copied)]
        {
            let (formats, bytes) = (formats(survey).join(", "), bytes(survey));
            writeln!(out, "{name}     {}  {formats}  {bytes} bytes", dir.display())?;
            writeln!(out, "  sha256   {sha256}")?;
        }
        writeln!(out, "sha256 is that of the lines that `daybook log cat` prints")
    }

    /// Tells what is not in the new log.
    fn warn(&self, err: &mut dyn Write) -> io::Result<()> {
        if self.survey.tail != Tail::Clean {
            writeln!(err, "left out: {}", tail_text(self.survey, self.state))?;
        }
        if self.is_in_use() {
            let (_, last) = self.stretch();
            writeln!(
                err,
                "a process has the log open: what it logs after command {last} is not in the new log"
            )?;
        }
        Ok(())
    }

    fn is_in_use(&self) -> bool {
        Owner::of(self.dir) != Owner::Nobody
    }
}

/// The formats of the segments, each once, in order.
fn formats(survey: &Survey) -> Vec<&'static str> {
    let is_used = |format: &PayloadFormat| survey.segments.iter().any(|s| s.format() == *format);
    PayloadFormat::ALL.into_iter().filter(is_used).map(PayloadFormat::name).collect()
}

fn bytes(survey: &Survey) -> u64 {
    survey.segments.iter().map(|segment| segment.bytes).sum()
}

//! What happened in a run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crash_loop::ledger::Tally;

use crate::outage::{Kind, Outage};

/// How long the queue took to get empty after an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recovery {
    took: Duration,
    daybook_was_killed: bool,
}

/// What happened in a run, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// What became of the writes.
    pub(crate) tally: Tally,
    /// Stretches of commands that the service found lost and applied again.
    pub(crate) healed: u64,
    outages: BTreeMap<Kind, u64>,
    longest: BTreeMap<Kind, Recovery>,
}

impl Report {
    /// An outage began.
    pub(crate) fn outage(&mut self, kind: Kind) {
        *self.outages.entry(kind).or_default() += 1;
    }

    /// The queue was empty so long after the server was back.
    pub(crate) fn recovered(&mut self, outage: &Outage, took: Duration) {
        let recovery = Recovery { took, daybook_was_killed: outage.strike.is_some() };
        let longest = self.longest.entry(outage.kind).or_insert(recovery);
        if longest.took < took {
            *longest = recovery;
        }
    }

    /// Whether every promise was kept.
    pub(crate) fn is_clean(&self) -> bool {
        self.tally.is_clean()
    }

    fn rounds(&self) -> u64 {
        self.outages.values().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outages = Kind::ALL.map(|kind| {
            let count = self.outages.get(&kind).copied().unwrap_or_default();
            format!("{kind} {count}")
        });
        let longest = self.longest.iter().map(|(kind, recovery)| format!("{kind} {recovery}"));
        let longest: Vec<String> = longest.collect();
        let slowest = self.longest.iter().max_by_key(|(_, recovery)| recovery.took);
        let slowest = slowest.map(|(kind, recovery)| format!("{recovery}, after {kind}"));
        let Tally { acknowledged, recorded, .. } = self.tally;
        writeln!(f, "rounds {}", self.rounds())?;
        writeln!(f, "outages {}", outages.join(", "))?;
        writeln!(f, "kills of Daybook {}", self.tally.kills)?;
        writeln!(f, "refused {}", self.tally.refused)?;
        writeln!(f, "unknown outcome {}", self.tally.unknown)?;
        writeln!(f, "unexpected answers {}", self.tally.unexpected)?;
        writeln!(f, "healed batches {}", self.healed)?;
        writeln!(
            f,
            "longest from server back to queue empty {} (by kind: {})",
            slowest.as_deref().unwrap_or("none"),
            longest.join(", ")
        )?;
        writeln!(
            f,
            "acknowledged {acknowledged} ({} by 201, 200 or 204, {recorded} by 202)",
            acknowledged - recorded
        )?;
        writeln!(f, "lost {}", self.tally.lost)?;
        writeln!(f, "duplicated {}", self.tally.duplicated)?;
        write!(f, "out of order {}", self.tally.out_of_order)
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.took.as_secs_f64())?;
        if self.daybook_was_killed {
            f.write_str(" with a kill of Daybook")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crash_loop::history::Breach;

    use super::*;
    use crate::outage::Strike;

    fn outage(kind: Kind, strike: Option<Strike>) -> Outage {
        let length = Duration::from_secs(1);
        Outage { kind, calm: length, length, delay: length, strike }
    }

    fn report() -> Report {
        let mut report = Report::default();
        let struck = Some(Strike::After(Duration::ZERO));
        for (kind, strike, millis) in [
            (Kind::Kill, None, 1_200),
            (Kind::Kill, struck, 3_450),
            (Kind::Kill, None, 900),
            (Kind::Slow, None, 100),
        ] {
            report.outage(kind);
            report.recovered(&outage(kind, strike), Duration::from_millis(millis));
        }
        report
    }

    #[test]
    fn it_prints_what_was_counted() {
        let mut report = report();
        report.healed = 2;
        report.tally = Tally {
            acknowledged: 12_000,
            recorded: 345,
            refused: 6,
            unknown: 7,
            kills: 3,
            ..Tally::default()
        };
        let expected = "rounds 4\n\
            outages kill 3, stop 0, freeze 0, cut 0, slow 1\n\
            kills of Daybook 3\n\
            refused 6\n\
            unknown outcome 7\n\
            unexpected answers 0\n\
            healed batches 2\n\
            longest from server back to queue empty 3.5 s with a kill of Daybook, after kill \
            (by kind: kill 3.5 s with a kill of Daybook, slow 0.1 s)\n\
            acknowledged 12000 (11655 by 201, 200 or 204, 345 by 202)\n\
            lost 0\n\
            duplicated 0\n\
            out of order 0";
        assert_eq!(report.to_string(), expected);
        assert!(report.is_clean());
    }

    #[test]
    fn every_breach_shows() {
        for (breach, line) in [
            (Breach::Lost, "lost 1"),
            (Breach::Duplicated, "duplicated 1"),
            (Breach::OutOfOrder, "out of order 1"),
            (Breach::Unexpected, "unexpected answers 1"),
        ] {
            let mut report = report();
            report.tally.count(breach, &"on purpose");
            assert!(report.to_string().lines().any(|told| told == line), "{report}");
            assert!(!report.is_clean());
        }
    }

    #[test]
    fn a_run_without_outages_can_be_printed() {
        assert!(Report::default().to_string().contains("queue empty none"));
    }
}

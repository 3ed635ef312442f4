//! The table of what was measured, in Markdown.

use std::fmt;

use crate::statistics::{Pair, Spread, ratios};

/// What a number of a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Answers in a second: more are better.
    Rate,
    /// Memory.
    Mebibytes,
    /// Time.
    Milliseconds,
}

/// What a row is to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// At least this ratio to the rival, as the median.
    RatioOf(f64),
    /// At most this ratio to the rival, as the median.
    RatioUpTo(f64),
    /// Less than this of Daybook, as the median.
    LessThan(f64),
    /// Whatever it is.
    Nothing,
}

/// The numbers of a row, one for each round.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Of Daybook.
    pub ours: Vec<f64>,
    /// Of both, where there is a rival.
    pub pairs: Vec<Pair>,
    /// The latency in milliseconds that 99 in 100 requests to Daybook do not exceed.
    pub our_p99: Vec<f64>,
    /// The same of the rival.
    pub their_p99: Vec<f64>,
}

impl Figures {
    /// Adds those of a round.
    pub fn add(&mut self, pair: Pair) {
        self.ours.push(pair.ours);
        self.pairs.push(pair);
    }
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub what: String,
    /// Who did it, too; empty for nobody.
    pub rival: &'static str,
    /// What the numbers are of.
    pub unit: Unit,
    /// What they are to be.
    pub wanted: Wanted,
    /// The numbers.
    pub figures: Figures,
}

impl Row {
    /// Whether it is as wanted; `None` where nothing is.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        match self.wanted {
            Wanted::RatioOf(least) => {
                Spread::of(&ratios(&self.figures.pairs)).map(|ratio| ratio.median >= least)
            }
            Wanted::RatioUpTo(most) => {
                Spread::of(&ratios(&self.figures.pairs)).map(|ratio| ratio.median <= most)
            }
            Wanted::LessThan(most) => Spread::of(&self.figures.ours).map(|ours| ours.median < most),
            Wanted::Nothing => None,
        }
    }

    fn amount(&self, number: f64) -> String {
        match self.unit {
            Unit::Rate => format!("{number:.0}/s"),
            Unit::Mebibytes => format!("{number:.0} MiB"),
            Unit::Milliseconds => format!("{number:.1} ms"),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, rival, figures, .. } = self;
        let theirs: Vec<f64> = figures.pairs.iter().map(|pair| pair.theirs).collect();
        let ours = Spread::of(&figures.ours).map(|ours| match figures.pairs.is_empty() {
            false => self.amount(ours.median),
            true => {
                let (minimum, maximum) = (self.amount(ours.minimum), self.amount(ours.maximum));
                format!("{} ({minimum} to {maximum})", self.amount(ours.median))
            }
        });
        let theirs = Spread::of(&theirs).map(|theirs| self.amount(theirs.median));
        let p99 = [&figures.our_p99, &figures.their_p99]
            .map(|p99| Spread::of(p99).map(|p99| format!("{:.1}", p99.median)));
        let p99 = match p99 {
            [Some(ours), Some(theirs)] => format!("{ours} / {theirs} ms"),
            _ => String::new(),
        };
        let ratio = Spread::of(&ratios(&figures.pairs));
        let ratio = ratio.map(|Spread { median, minimum, maximum }| {
            format!("**{median:.2}** | {minimum:.2} | {maximum:.2}")
        });
        let wanted = match self.wanted {
            Wanted::RatioOf(least) => format!("ratio >= {least:.1}"),
            Wanted::RatioUpTo(most) => format!("ratio <= {most:.1}"),
            Wanted::LessThan(most) => format!("< {}", self.amount(most)),
            Wanted::Nothing => String::new(),
        };
        let holds = match self.holds() {
            Some(true) => ": yes",
            Some(false) => ": **no**",
            None => "",
        };
        let (ours, theirs) = (ours.unwrap_or_default(), theirs.unwrap_or_default());
        let ratio = ratio.unwrap_or_else(|| " |  | ".to_owned());
        write!(f, "| {what} | {ours} | {rival} | {theirs} | {p99} | {ratio} | {wanted}{holds} |")
    }
}

/// All rows under a heading.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        "| what | Daybook | rival | its | p99, Daybook / rival | ratio: median | minimum | maximum \
         | wanted |"
            .to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    lines.extend(rows.iter().map(Row::to_string));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(wanted: Wanted) -> Row {
        let mut figures = Figures::default();
        for (ours, theirs) in [(400.0, 100.0), (450.0, 90.0), (300.0, 100.0)] {
            figures.add(Pair { ours, theirs });
            figures.our_p99.push(1.25);
            figures.their_p99.push(9.0);
        }
        let what = "create".to_owned();
        Row { what, rival: "another", unit: Unit::Rate, wanted, figures }
    }

    #[test]
    fn a_row_tells_both_and_their_ratio() {
        assert_eq!(
            row(Wanted::RatioOf(4.0)).to_string(),
            "| create | 400/s | another | 100/s | 1.2 / 9.0 ms | **4.00** | 3.00 | 5.00 \
             | ratio >= 4.0: yes |"
        );
        assert_eq!(row(Wanted::RatioOf(4.1)).holds(), Some(false));
        assert_eq!(row(Wanted::RatioUpTo(4.0)).holds(), Some(true));
        assert_eq!(row(Wanted::RatioUpTo(3.9)).holds(), Some(false));
    }

    #[test]
    fn a_row_without_a_rival_tells_its_own_spread() {
        let figures = Figures { ours: vec![1.0, 2.0, 9.0], ..Figures::default() };
        let row = Row { rival: "", unit: Unit::Mebibytes, figures, ..row(Wanted::LessThan(2.0)) };
        assert_eq!(
            row.to_string(),
            "| create | 2 MiB (1 MiB to 9 MiB) |  |  |  |  |  |  | < 2 MiB: **no** |"
        );
        assert_eq!(Row { wanted: Wanted::Nothing, ..row }.holds(), None);
    }

    #[test]
    fn every_line_of_a_table_has_as_many_columns() {
        let mut alone = row(Wanted::Nothing);
        alone.figures = Figures::default();
        let table = table(&[row(Wanted::RatioOf(1.0)), alone]);
        assert!(table.lines().all(|line| line.matches('|').count() == 10), "{table}");
    }
}

//! The names of segments, and which of them a log consists of.

use std::fmt;

use super::PayloadFormat;
use super::frame::{Contents, SegmentHeader};
use crate::domain::{LogId, Sequence};

/// The name of a segment: `<first>.log`, or `<first>-<last>.log` for a snapshot,
/// each number with 20 decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentName {
    /// The first sequence that it holds or stands for.
    pub(super) first: Sequence,
    /// The last one that a snapshot stands for.
    pub(super) through: Option<Sequence>,
}

impl SegmentName {
    /// That of the segment of commands that starts there.
    pub(super) fn of_commands(first: Sequence) -> Self {
        Self { first, through: None }
    }

    /// That of the snapshot of those commands.
    pub(super) fn of_snapshot(first: Sequence, through: Sequence) -> Self {
        Self { first, through: Some(through) }
    }

    /// `None` when the name is not that of a segment.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let numbers = name.strip_suffix(".log")?;
        let number = |digits: &str| digits.parse().ok().map(Sequence::new);
        let parsed = match numbers.split_once('-') {
            None => Self::of_commands(number(numbers)?),
            Some((first, through)) => Self::of_snapshot(number(first)?, number(through)?),
        };
        let is_range = parsed.through.is_none_or(|through| through >= parsed.first);
        let is_one = parsed.first >= Sequence::FIRST && is_range && parsed.to_string() == name;
        is_one.then_some(parsed)
    }

    /// What the header of a segment of this name says of its contents.
    pub(super) fn contents(self) -> Contents {
        match self.through {
            None => Contents::Commands,
            Some(_) => Contents::Snapshot,
        }
    }
}

impl SegmentHeader {
    /// That of a new segment of that name.
    pub(super) fn named(name: SegmentName, format: PayloadFormat, log: LogId) -> Self {
        Self { contents: name.contents(), ..Self::new(format, log, name.first) }
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.first.get())?;
        if let Some(through) = self.through {
            write!(f, "-{:020}", through.get())?;
        }
        f.write_str(".log")
    }
}

/// The name of the file that tells from where on a log is retained:
/// `<first>.first`, with 20 decimal digits. It is empty.
pub(super) fn start_name(first: Sequence) -> String {
    format!("{:020}.first", first.get())
}

fn parse_start(name: &str) -> Option<Sequence> {
    let first = Sequence::new(name.strip_suffix(".first")?.parse().ok()?);
    (start_name(first) == name).then_some(first)
}

/// The segments in a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arranged {
    /// Those that the log consists of, in order.
    pub(super) segments: Vec<SegmentName>,
    /// Those in whose place a snapshot stands, and those that were given up. What was
    /// stopped has left them, or what is under way.
    pub(super) superseded: Vec<SegmentName>,
    /// The log is retained at least from there on.
    pub(super) start: Sequence,
}

impl Arranged {
    /// Those of the files of these names.
    pub(super) fn of(names: &[String]) -> Self {
        let mut found: Vec<_> = names.iter().filter_map(|name| SegmentName::parse(name)).collect();
        // Of what starts at one place the longest snapshot comes first.
        found.sort_unstable_by_key(|name| (name.first, std::cmp::Reverse(name.through)));
        let starts = names.iter().filter_map(|name| parse_start(name));
        let start = starts.max().unwrap_or(Sequence::FIRST).max(Sequence::FIRST);
        let mut arranged = Self { segments: Vec::new(), superseded: Vec::new(), start };
        let mut covered = Sequence::ZERO;
        for name in found {
            if name.first <= covered || name.first < start {
                arranged.superseded.push(name);
            } else {
                covered = name.through.unwrap_or(covered);
                arranged.segments.push(name);
            }
        }
        arranged
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn name(first: u64, through: Option<u64>) -> SegmentName {
        SegmentName { first: Sequence::new(first), through: through.map(Sequence::new) }
    }

    #[rstest]
    #[case("00000000000000000001.log", Some(name(1, None)))]
    #[case("00000000000000000001-00000000000000000009.log", Some(name(1, Some(9))))]
    #[case("00000000000000000000.log", None)]
    #[case("0000000000000000001.log", None)]
    #[case("+0000000000000000001.log", None)]
    #[case("00000000000000000001.log.torn-44", None)]
    #[case("00000000000000000001.log.new", None)]
    #[case("00000000000000000009-00000000000000000001.log", None)]
    #[case("00000000000000000001-9.log", None)]
    #[case("lock", None)]
    fn a_name_is_read_as_it_is_written(#[case] text: &str, #[case] expected: Option<SegmentName>) {
        assert_eq!(SegmentName::parse(text), expected);
    }

    #[test]
    fn a_snapshot_takes_the_place_of_what_it_stands_for() {
        let all = [
            name(30, None),
            name(1, None),
            name(10, None),
            name(1, Some(9)),
            name(1, Some(29)),
            name(40, None),
        ];
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        let arranged = Arranged::of(&names);
        assert_eq!(arranged.segments, [name(1, Some(29)), name(30, None), name(40, None)]);
        assert_eq!(arranged.superseded, [name(1, Some(9)), name(1, None), name(10, None)]);

        let starts = [start_name(Sequence::new(40)), start_name(Sequence::new(30))];
        let names = [&names[..], &starts].concat();
        let arranged = Arranged::of(&names);
        assert_eq!(arranged.segments, [name(40, None)]);
        assert_eq!((arranged.superseded.len(), arranged.start), (5, Sequence::new(40)));
    }
}

//! The accounts: what was found, and what the list of notes must hold.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::history::{Breach, History, Seen};

/// How many findings are printed in full.
const PRINTED: u64 = 20;

/// One note with its history.
#[derive(Clone, Debug)]
pub struct Account {
    /// The title, which no other note of the run has.
    pub title: String,
    /// The id, once it is known.
    pub id: Option<String>,
    /// What was done to it.
    pub history: History,
    /// The last counter that was written to it.
    pub counter: u64,
    /// The process that the last write of unknown outcome was sent to.
    pub doubted_in: u64,
}

/// A note as the list shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version and counter.
    pub seen: Seen,
}

/// What happened in a run, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Writes that were answered with 2xx, 202 included.
    pub acknowledged: u64,
    /// Of those, writes answered 202.
    pub recorded: u64,
    /// Writes that were refused before they were recorded.
    pub refused: u64,
    /// Writes whose outcome was not learned.
    pub unknown: u64,
    /// Times the process was killed.
    pub kills: u64,
    /// Times it was started.
    pub starts: u64,
    /// Acknowledged writes whose effect is not there.
    pub lost: u64,
    /// Effects that are there too often.
    pub duplicated: u64,
    /// Notes whose content does not fit the order of the writes.
    pub out_of_order: u64,
    /// Answers that nothing explains.
    pub unexpected: u64,
}

impl Tally {
    /// Counts a breach and prints what is known of it.
    pub fn count(&mut self, breach: Breach, what: &dyn fmt::Display) {
        let count = match breach {
            Breach::Lost => &mut self.lost,
            Breach::Duplicated => &mut self.duplicated,
            Breach::OutOfOrder => &mut self.out_of_order,
            Breach::Unexpected => &mut self.unexpected,
        };
        *count += 1;
        if *count <= PRINTED {
            println!("FOUND {breach:?}: {what}");
        }
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.recorded += other.recorded;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.kills += other.kills;
        self.starts += other.starts;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.unexpected += other.unexpected;
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost + self.duplicated + self.out_of_order + self.unexpected == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "kills {}", self.kills)?;
        writeln!(f, "starts {}", self.starts)?;
        writeln!(f, "unknown outcome {}", self.unknown)?;
        writeln!(f, "refused {}", self.refused)?;
        writeln!(f, "answered later {}", self.recorded)?;
        writeln!(f, "unexpected answers {}", self.unexpected)?;
        writeln!(f, "acknowledged {}", self.acknowledged)?;
        writeln!(f, "lost {}", self.lost)?;
        writeln!(f, "duplicated {}", self.duplicated)?;
        write!(f, "out of order {}", self.out_of_order)
    }
}

/// Compares the whole list of notes with the accounts.
pub fn compare(accounts: &mut [Account], list: &[Listed], tally: &mut Tally) {
    let mut ids = HashSet::new();
    let mut by_title: HashMap<&str, &Listed> = HashMap::new();
    for note in list {
        if !ids.insert(note.id.as_str()) {
            tally.count(Breach::Duplicated, &format!("{} is listed twice", note.id));
        } else if let Some(other) = by_title.insert(&note.title, note) {
            let what = format!("{} is there as {} and as {}", note.title, other.id, note.id);
            tally.count(Breach::Duplicated, &what);
        }
    }
    for account in accounts {
        let found = by_title.remove(account.title.as_str());
        if let Some(found) = found {
            let id = account.id.get_or_insert_with(|| found.id.clone());
            if *id != found.id {
                let what = format!("{} was made as {id} and is {}", account.title, found.id);
                tally.count(Breach::Duplicated, &what);
            }
        }
        let history = account.history.to_string();
        if let Some(breach) = account.history.observed(found.map(|note| note.seen)) {
            let what = format!("{} is listed as {found:?}; {history}", account.title);
            tally.count(breach, &what);
        }
    }
    for stranger in by_title.into_values() {
        tally.count(Breach::Duplicated, &format!("nobody wrote {stranger:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Answer, Write};

    fn account(title: &str, id: Option<&str>, answer: Answer) -> Account {
        let mut history = History::default();
        assert_eq!(history.answered(Write::Create { counter: 1 }, answer), None);
        let (title, id) = (title.to_owned(), id.map(str::to_owned));
        Account { title, id, history, counter: 1, doubted_in: 0 }
    }

    fn made(title: &str, id: &str) -> Account {
        account(title, Some(id), Answer::Done(Some(Seen { version: 1, counter: 1 })))
    }

    fn listed(title: &str, id: &str) -> Listed {
        let seen = Seen { version: 1, counter: 1 };
        Listed { id: id.to_owned(), title: title.to_owned(), seen }
    }

    fn breaches(mut accounts: Vec<Account>, list: &[Listed]) -> (u64, u64, u64) {
        let mut tally = Tally::default();
        compare(&mut accounts, list, &mut tally);
        (tally.lost, tally.duplicated, tally.out_of_order)
    }

    #[test]
    fn a_list_of_everything_once_is_clean() {
        let accounts = vec![made("a", "1"), made("b", "2")];
        assert_eq!(breaches(accounts, &[listed("b", "2"), listed("a", "1")]), (0, 0, 0));
    }

    #[test]
    fn a_note_that_is_not_listed_is_lost() {
        let accounts = vec![made("a", "1"), made("b", "2")];
        assert_eq!(breaches(accounts, &[listed("b", "2")]), (1, 0, 0));
    }

    #[test]
    fn a_note_that_is_listed_twice_is_a_duplicate() {
        let list = [listed("a", "1"), listed("a", "1")];
        assert_eq!(breaches(vec![made("a", "1")], &list), (0, 1, 0));
    }

    #[test]
    fn a_note_with_two_ids_is_a_duplicate() {
        let list = [listed("a", "1"), listed("a", "9")];
        assert!(breaches(vec![made("a", "1")], &list).1 >= 1);
    }

    #[test]
    fn a_note_under_another_id_is_a_duplicate() {
        assert_eq!(breaches(vec![made("a", "1")], &[listed("a", "9")]), (0, 1, 0));
    }

    #[test]
    fn a_note_that_nobody_wrote_is_a_duplicate() {
        assert_eq!(breaches(vec![], &[listed("a", "1")]), (0, 1, 0));
    }

    #[test]
    fn a_note_of_unknown_outcome_may_be_there_once_or_not() {
        let unknown = || vec![account("a", None, Answer::Unknown)];
        assert_eq!(breaches(unknown(), &[]), (0, 0, 0));
        assert_eq!(breaches(unknown(), &[listed("a", "1")]), (0, 0, 0));
        assert_eq!(breaches(unknown(), &[listed("a", "1"), listed("a", "2")]), (0, 1, 0));
    }

    #[test]
    fn an_older_version_in_the_list_is_found() {
        let mut account = made("a", "1");
        let change = Write::Change { counter: 2, if_match: Some(1) };
        let answer = Answer::Done(Some(Seen { version: 2, counter: 2 }));
        assert_eq!(account.history.answered(change, answer), None);
        assert_eq!(breaches(vec![account], &[listed("a", "1")]), (1, 0, 0));
    }

    #[test]
    fn only_a_tally_without_breaches_is_clean() {
        let breaches = [Breach::Lost, Breach::Duplicated, Breach::OutOfOrder, Breach::Unexpected];
        for breach in breaches {
            let mut tally = Tally { acknowledged: 7, unknown: 1, ..Tally::default() };
            assert!(tally.is_clean());
            tally.count(breach, &"on purpose");
            let mut sum = Tally::default();
            sum.add(&tally);
            assert!(!sum.is_clean(), "{breach:?}");
        }
    }
}

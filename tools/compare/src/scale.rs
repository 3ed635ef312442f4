//! What a request costs as notes, the backlog and clients grow.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::contender::{Daybook, client};
use crate::load::{Requests, Target, Told};
use crate::plot::{Plot, Series};
use crate::rows::{Comparison, MANY, MEBIBYTE, READERS, WARM_UP, WIDE_QUEUE};
use crate::statistics::Pair;
use crate::table::{Figures, Row, Unit, Wanted};
use crate::{note, seed};

/// How many notes there are, one after the other.
const NOTES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// How many notes any page of the list is read from.
const LISTED: u64 = 100_000;

/// How many commands wait before a run, one after the other.
const BACKLOG: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Which of them are read.
const PENDING_READ: u64 = 1_000;

/// How many clients there are.
const CLIENTS: [u32; 6] = [1, 4, 16, 64, 256, 1_000];

/// A page of the list.
const PAGE: u64 = 50;

/// The first page of an author's list.
const FIRST_PAGE: &str = "author=ada&limit=50";

/// A table and the plots beside it.
#[derive(Clone, Debug)]
pub struct Scaled {
    /// What grows.
    pub heading: String,
    /// The table, in Markdown.
    pub table: String,
    /// Each with the name of its file, without an ending.
    pub plots: Vec<(&'static str, Plot)>,
}

/// A column: its heading, and a value for each row.
type Column = (&'static str, Vec<f64>);

impl Comparison {
    /// As notes grow; with the rows that depend on their number.
    pub(crate) async fn notes_grow(&mut self, rows: &mut Vec<Row>) -> Result<Scaled> {
        let sizes: Vec<u64> = NOTES.into_iter().filter(|size| *size <= self.largest).collect();
        let few = self.daybook(&WIDE_QUEUE).await?;
        let least = sizes.first().copied().unwrap_or(1);
        seed::daybook(&few, 1, least).await?;
        let mut many = self.daybook(&WIDE_QUEUE).await?;
        let names = [
            "replace, 64 clients, per s",
            "read by id, 64 clients, per s",
            "first page of an author, ms",
            "any page, 16 clients, p99 in ms",
            "start to ready, ms",
            "resident memory, MiB",
        ];
        let mut columns: Vec<Column> = names.map(|name| (name, Vec::new())).into();
        let mut seeded = 0;
        for size in &sizes {
            seed::daybook(&many, seeded + 1, *size).await?;
            seeded = *size;
            let read = self.run(&self.by_id(many.notes(), *size)?, MANY).await?.rate();
            let first = self.run(&self.pages(&many, &[FIRST_PAGE.to_owned()])?, 1).await?;
            let all = self.any_page(&many).await?;
            let any = self.run(&all, READERS).await?.p99_us / 1000.0;
            if *size == LISTED {
                let mut figures = Figures::default();
                for _ in 0..self.rounds {
                    figures.ours.push(self.run(&all, READERS).await?.p99_us / 1000.0);
                }
                rows.push(Row {
                    what: format!("any page of the list, {READERS} clients, {size} notes: p99"),
                    rival: "",
                    unit: Unit::Milliseconds,
                    wanted: Wanted::LessThan(100.0),
                    figures,
                });
            }
            let replaced = self.run(&self.replacing(&many, *size)?, MANY).await?.rate();
            many.settle().await?;
            let memory = mebibytes(many.memory()?);
            let started;
            (many, started) = many.restart().await?;
            let first = first.p50_us / 1000.0;
            let started = started.as_secs_f64() * 1000.0;
            push(&mut columns, &[replaced, read, first, any, started, memory]);
        }
        let mut figures = Figures::default();
        for _ in 0..self.rounds {
            let of = |daybook| self.pages(daybook, &[FIRST_PAGE.to_owned()]);
            let (ours, theirs) = (of(&many)?, of(&few)?);
            let ours = self.run(&ours, 1).await?.p50_us / 1000.0;
            let theirs = self.run(&theirs, 1).await?.p50_us / 1000.0;
            figures.add(Pair { ours, theirs });
        }
        rows.push(Row {
            what: format!("first page of an author, {seeded} notes against {least}"),
            rival: "the same, few notes",
            unit: Unit::Milliseconds,
            wanted: Wanted::RatioUpTo(1.5),
            figures,
        });
        let mut figures = Figures::default();
        for _ in 0..self.rounds {
            let started;
            (many, started) = many.restart().await?;
            figures.ours.push(started.as_secs_f64() * 1000.0);
        }
        rows.push(Row {
            what: format!("start to ready, {seeded} notes and more commands, all applied"),
            rival: "",
            unit: Unit::Milliseconds,
            wanted: Wanted::LessThan(2000.0),
            figures,
        });
        let of = |names: &[&str]| series(&columns, &sizes, names);
        let plots = vec![
            ("notes-rate", plot("Requests as notes grow", "notes", "per second", of(&names[..2]))),
            ("notes-pages", plot("Pages as notes grow", "notes", "ms", of(&names[2..4]))),
        ];
        Ok(Scaled { heading: "Notes".to_owned(), table: table("notes", &sizes, &columns), plots })
    }

    /// As the backlog grows.
    pub(crate) async fn backlog_grows(&mut self) -> Result<Scaled> {
        let daybook = Daybook::start_alone(&self.program, &self.log_level, &WIDE_QUEUE).await?;
        seed::backlog(&daybook, PENDING_READ).await?;
        let names = [
            "create, answered 202, 64 clients, per s",
            "read of a waiting note, 64 clients, per s",
            "resident memory, MiB",
        ];
        let mut columns: Vec<Column> = names.map(|name| (name, Vec::new())).into();
        let mut sizes = Vec::new();
        let read = self.by_id(daybook.notes(), PENDING_READ)?;
        let created = self.created(&daybook, 202, &["Prefer: respond-async"])?;
        let largest = self.largest;
        for size in BACKLOG.into_iter().filter(|size| *size <= largest) {
            let mut queued = daybook.queued().await?;
            while queued < size {
                self.load.run(&created, MANY, Duration::from_secs(1), false).await?;
                queued = daybook.queued().await?;
            }
            let read = self.run(&read, MANY).await?.rate();
            let memory = mebibytes(daybook.memory()?);
            let written = self.load.run(&created, MANY, WARM_UP, false).await?.rate();
            sizes.push(queued);
            push(&mut columns, &[written, read, memory]);
        }
        let of = |names: &[&str]| series(&columns, &sizes, names);
        let title = "Requests as the backlog grows";
        let plots =
            vec![("backlog-rate", plot(title, "commands waiting", "per second", of(&names[..2])))];
        let table = table("commands waiting", &sizes, &columns);
        Ok(Scaled { heading: "Backlog".to_owned(), table, plots })
    }

    /// As clients grow.
    pub(crate) async fn clients_grow(&mut self) -> Result<Scaled> {
        let daybook = self.daybook(&[]).await?;
        seed::daybook(&daybook, 1, self.notes).await?;
        let names = [
            "create, answered 201, per s",
            "read by id, per s",
            "create, p99 in ms",
            "read by id, p99 in ms",
        ];
        let mut columns: Vec<Column> = names.map(|name| (name, Vec::new())).into();
        let read = self.by_id(daybook.notes(), self.notes)?;
        let created = self.created(&daybook, 201, &[])?;
        for clients in CLIENTS {
            let created = self.run(&created, clients).await?;
            daybook.settle().await?;
            let read = self.run(&read, clients).await?;
            let row = [created.rate(), read.rate(), created.p99_us / 1e3, read.p99_us / 1e3];
            push(&mut columns, &row);
        }
        let of = |names: &[&str]| series(&columns, &CLIENTS.map(u64::from), names);
        let plots = vec![
            (
                "clients-rate",
                plot("Requests as clients grow", "clients", "per second", of(&names[..2])),
            ),
            (
                "clients-p99",
                plot("Latency as clients grow", "clients", "p99 in ms", of(&names[2..])),
            ),
        ];
        let table = table("clients", &CLIENTS.map(u64::from), &columns);
        Ok(Scaled { heading: "Clients".to_owned(), table, plots })
    }

    async fn run(&mut self, target: &Target, clients: u32) -> Result<Told> {
        self.load.run(target, clients, self.length, true).await
    }

    fn replacing(&self, daybook: &Daybook, notes: u64) -> Result<Target> {
        let Requests::Read(ids) = self.by_id(daybook.notes(), notes)?.requests else {
            anyhow::bail!("no ids");
        };
        let note = self.folder.path().join("replacement.json");
        std::fs::write(&note, note::for_daybook())?;
        let target = self.created(daybook, 200, &[])?;
        Ok(Target { requests: Requests::Replace { ids, note }, ..target })
    }

    fn pages(&self, daybook: &Daybook, queries: &[String]) -> Result<Target> {
        let file = self.folder.path().join(format!("pages-{}", queries.len()));
        std::fs::write(&file, queries.join("\n"))?;
        let requests = Requests::Pages(file);
        Ok(Target { url: daybook.notes(), headers: Vec::new(), requests, status: 200 })
    }

    /// Pages from the first to the last, found by walking through the list.
    async fn any_page(&self, daybook: &Daybook) -> Result<Target> {
        let client = client()?;
        let mut queries = vec![format!("limit={PAGE}")];
        let mut next = format!("{}?limit=200", daybook.notes());
        loop {
            let page: Value = serde_json::from_str(&client.get(&next).send().await?.text().await?)?;
            let items = page.get("items").and_then(Value::as_array);
            items.with_context(|| format!("{next} is no page: {page}"))?;
            let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) else { break };
            queries.push(format!("limit={PAGE}&cursor={cursor}"));
            next = format!("{}?limit=200&cursor={cursor}", daybook.notes());
        }
        self.pages(daybook, &queries)
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / MEBIBYTE
}

fn push(columns: &mut [Column], row: &[f64]) {
    for ((_, values), value) in columns.iter_mut().zip(row) {
        values.push(*value);
    }
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn series(columns: &[Column], places: &[u64], names: &[&str]) -> Vec<Series> {
    let of = |name: &str| {
        let (_, values) = columns.iter().find(|column| column.0 == name)?;
        let points = places.iter().map(|place| *place as f64).zip(values.iter().copied());
        let name = name.split(", per s").next().unwrap_or(name).to_owned();
        Some(Series { name, points: points.collect() })
    };
    names.iter().filter_map(|name| of(name)).collect()
}

fn plot(title: &str, places: &str, values: &str, series: Vec<Series>) -> Plot {
    let [title, places, values] = [title, places, values].map(str::to_owned);
    Plot { title, places, values, series }
}

/// The table: a row for each place.
fn table(places: &str, of: &[u64], columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.0).collect();
    let mut lines = vec![
        format!("| {places} | {} |", names.join(" | ")),
        format!("|{}", " --- |".repeat(names.len() + 1)),
    ];
    for (row, place) in of.iter().enumerate() {
        let values = columns.iter().filter_map(|(_, values)| values.get(row));
        let values: Vec<String> = values.map(|value| rounded(*value)).collect();
        lines.push(format!("| {place} | {} |", values.join(" | ")));
    }
    lines.join("\n")
}

fn rounded(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_place() {
        let columns: Vec<Column> = vec![("a, per s", vec![1.0, 250.4]), ("b", vec![2.0, 3.0])];
        assert_eq!(
            table("notes", &[10, 20], &columns),
            "| notes | a, per s | b |\n| --- | --- | --- |\n| 10 | 1.0 | 2.0 |\n| 20 | 250 | 3.0 |"
        );
        let series = series(&columns, &[10, 20], &["a, per s", "unknown"]);
        assert_eq!(series.len(), 1);
        assert_eq!((series[0].name.as_str(), series[0].points[1]), ("a", (20.0, 250.4)));
    }
}

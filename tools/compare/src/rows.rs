//! What is measured.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::contender::{Database, Daybook, Nothing};
use crate::load::{Load, Requests, Target, Told};
use crate::scale::Scaled;
use crate::statistics::Pair;
use crate::table::{Figures, Row, Unit, Wanted};
use crate::{note, seed};

/// Many clients.
pub(crate) const MANY: u32 = 64;

/// Clients of the list.
pub(crate) const READERS: u32 = 16;

/// How long a run is before those that are measured. In it, every status is counted.
pub(crate) const WARM_UP: Duration = Duration::from_secs(2);

/// How long every server is left alone before another run.
pub(crate) const REST: Duration = Duration::from_millis(500);

/// How long a server is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

pub(crate) const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// The queue must not be full within a run: the applier is slower than the log.
pub(crate) const WIDE_QUEUE: [(&str, &str); 2] =
    [("QUEUE_MAX_COMMANDS", "10000000"), ("QUEUE_MAX_BYTES", "32 GiB")];

/// A part of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Notes created and awaited by 64 clients, then by one.
    Create,
    /// Notes created by 64 clients that do not wait for the database.
    CreateAsync,
    /// Notes read by id.
    Read,
    /// Notes read by id without a cache.
    ReadUncached,
    /// Notes that wait in the log, posted to the database.
    Drain,
    /// The memory that is taken where nobody asks for anything.
    Memory,
    /// What everything costs as notes grow, and the lists and the start with many.
    Notes,
    /// What requests cost as the backlog grows.
    Backlog,
    /// What requests cost as clients grow.
    Clients,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Against rivals and targets.
    pub rows: Vec<Row>,
    /// As something grows.
    pub scaled: Vec<Scaled>,
}

/// How it is measured.
#[derive(Debug)]
pub struct Comparison {
    /// The program of Daybook.
    pub program: PathBuf,
    /// The level of its log.
    pub log_level: String,
    /// The load generator.
    pub load: Load,
    /// How many runs of each side there are in a row.
    pub rounds: u32,
    /// How long each is.
    pub length: Duration,
    /// How many notes there are where notes are read.
    pub notes: u64,
    /// How many commands a backlog has that drains.
    pub backlog: u64,
    /// The most notes and commands of what grows.
    pub largest: u64,
    /// Where files for the generator are.
    pub folder: TempDir,
}

impl Comparison {
    /// Measures a part, and adds its rows.
    ///
    /// # Errors
    /// When a server cannot be run, or an answer is not as expected.
    pub async fn measure(&mut self, part: Part, measured: &mut Measured) -> Result<()> {
        let Measured { rows, scaled } = measured;
        match part {
            Part::Create => self.create(rows).await,
            Part::CreateAsync => self.create_async(rows).await,
            Part::Read => self.read(rows).await,
            Part::ReadUncached => self.read_uncached(rows).await,
            Part::Drain => self.drain(rows).await,
            Part::Memory => self.memory(rows).await,
            Part::Notes => self.notes_grow(rows).await.map(|table| scaled.push(table)),
            Part::Backlog => self.backlog_grows().await.map(|table| scaled.push(table)),
            Part::Clients => self.clients_grow().await.map(|table| scaled.push(table)),
        }
        .with_context(|| format!("measuring {part:?}"))
    }

    async fn create(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        let daybook = self.daybook(&[]).await?;
        let database = Database::start().await?;
        let ours = self.created(&daybook, 201, &[])?;
        let theirs = Target {
            url: database.notes(),
            headers: headers_of(&database),
            requests: self.note("database.json", &note::for_database())?,
            status: 200,
        };
        for (clients, wanted) in [(MANY, 4.0), (1, 1.0)] {
            rows.push(Row {
                what: format!("create, answered 201, {}", connections(clients)),
                rival: "SurrealDB REST",
                unit: Unit::Rate,
                wanted: Wanted::RatioOf(wanted),
                figures: self.pairs(&daybook, &ours, &theirs, clients, true).await?,
            });
        }
        Ok(())
    }

    async fn create_async(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        let daybook = self.daybook(&WIDE_QUEUE).await?;
        let nothing = Nothing::start().await?;
        let ours = self.created(&daybook, 202, &["Prefer: respond-async"])?;
        let theirs = Target { url: nothing.notes(), status: 201, ..ours.clone() };
        rows.push(Row {
            what: format!("create, answered 202, {}", connections(MANY)),
            rival: "nothing, POST",
            unit: Unit::Rate,
            wanted: Wanted::RatioOf(0.5),
            figures: self.pairs(&daybook, &ours, &theirs, MANY, false).await?,
        });
        Ok(())
    }

    async fn read(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        let daybook = self.daybook(&[]).await?;
        let nothing = Nothing::start().await?;
        seed::daybook(&daybook, 1, self.notes).await?;
        let ours = self.by_id(daybook.notes(), self.notes)?;
        let theirs = Target { url: nothing.notes(), ..ours.clone() };
        let figures = self.pairs(&daybook, &ours, &theirs, MANY, false).await?;
        rows.push(Row {
            what: format!("read by id, warm, {}", connections(MANY)),
            rival: "nothing, GET",
            unit: Unit::Rate,
            wanted: Wanted::RatioOf(0.6),
            figures,
        });
        Ok(())
    }

    async fn read_uncached(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        let daybook = self.daybook(&[("CACHE_MAX_BYTES", "0")]).await?;
        let database = Database::start().await?;
        seed::daybook(&daybook, 1, self.notes).await?;
        seed::database(&database, self.notes).await?;
        let ours = self.by_id(daybook.notes(), self.notes)?;
        let theirs = self.by_id(database.notes(), self.notes)?;
        let theirs = Target { headers: headers_of(&database), ..theirs };
        rows.push(Row {
            what: format!("read by id, `CACHE_MAX_BYTES=0`, {}", connections(MANY)),
            rival: "SurrealDB REST",
            unit: Unit::Rate,
            wanted: Wanted::RatioOf(2.0),
            figures: self.pairs(&daybook, &ours, &theirs, MANY, false).await?,
        });
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
    async fn memory(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        let mut figures = Figures::default();
        for _ in 0..self.rounds {
            let daybook = self.daybook(&[]).await?;
            sleep(IDLE).await;
            let ours = daybook.memory()? as f64 / MEBIBYTE;
            drop(daybook);
            let database = Database::start().await?;
            sleep(IDLE).await;
            figures.add(Pair { ours, theirs: database.memory()? as f64 / MEBIBYTE });
        }
        rows.push(Row {
            what: "resident memory, idle".to_owned(),
            rival: "SurrealDB server",
            unit: Unit::Mebibytes,
            wanted: Wanted::LessThan(100.0),
            figures,
        });
        Ok(())
    }

    /// Both sides in turn; who is first changes with each round.
    async fn pairs(
        &mut self,
        daybook: &Daybook,
        ours: &Target,
        theirs: &Target,
        clients: u32,
        counted: bool,
    ) -> Result<Figures> {
        for target in [ours, theirs] {
            self.load.run(target, clients, WARM_UP, true).await?;
            daybook.settle().await?;
        }
        let mut figures = Figures::default();
        for round in 0..self.rounds {
            let (mut our_run, mut their_run) = (Told::default(), Told::default());
            let mut sides = [(ours, &mut our_run), (theirs, &mut their_run)];
            if round % 2 == 1 {
                sides.reverse();
            }
            for (target, told) in sides {
                *told = self.load.run(target, clients, self.length, counted).await?;
                daybook.settle().await?;
                sleep(REST).await;
            }
            figures.add(Pair { ours: our_run.rate(), theirs: their_run.rate() });
            figures.our_p99.push(our_run.p99_us / 1000.0);
            figures.their_p99.push(their_run.p99_us / 1000.0);
        }
        Ok(figures)
    }

    pub(crate) async fn daybook(&self, settings: &[(&str, &str)]) -> Result<Daybook> {
        Daybook::start(&self.program, &self.log_level, settings).await
    }

    pub(crate) fn created(
        &self,
        daybook: &Daybook,
        status: u16,
        headers: &[&str],
    ) -> Result<Target> {
        let mut headers: Vec<_> = headers.iter().map(|header| (*header).to_owned()).collect();
        headers.push("Content-Type: application/json".to_owned());
        let requests = self.note("daybook.json", &note::for_daybook())?;
        Ok(Target { url: daybook.notes(), headers, requests, status })
    }

    /// The first so many of the notes that were seeded there.
    pub(crate) fn by_id(&self, url: String, notes: u64) -> Result<Target> {
        let ids = self.folder.path().join(format!("ids-{notes}"));
        seed::write_ids(&ids, notes)?;
        Ok(Target { url, headers: Vec::new(), requests: Requests::Read(ids), status: 200 })
    }

    fn note(&self, name: &str, note: &str) -> Result<Requests> {
        let file = self.folder.path().join(name);
        std::fs::write(&file, note)?;
        Ok(Requests::Create(file))
    }
}

fn headers_of(database: &Database) -> Vec<String> {
    database.headers().into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

fn connections(number: u32) -> String {
    if number == 1 { "1 connection".to_owned() } else { format!("{number} connections") }
}

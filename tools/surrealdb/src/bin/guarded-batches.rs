//! Notes straight into a database through the SDK: what Daybook's drain of a
//! backlog is compared with.
//!
//! `guarded-batches FOLDER NOTES SIZE < NOTE` opens an embedded database that syncs
//! every commit, defines a table with an index of author and time, and writes the
//! note on its standard input so often, in transactions of that size. As a writer
//! must that wants each note once, a transaction moves a checkpoint that it found
//! where the one before had left it. It prints the seconds that all of it took.
#![recursion_limit = "512"]

use std::error::Error;
use std::io::Read;
use std::time::Instant;
use std::{env, io};

use surrealdb::Surreal;
use surrealdb::engine::any::{Any, connect};
use surrealdb::types::{Datetime, Object, RecordId, SurrealValue, Value};

const SCHEMA: &str = "
DEFINE TABLE notes SCHEMALESS;
DEFINE INDEX author_created_at ON notes FIELDS author, created_at;
DEFINE TABLE checkpoint SCHEMALESS;
";

const COMMIT: &str = "
BEGIN;
LET $found = (SELECT VALUE seq FROM ONLY $checkpoint);
IF $found != $expected { THROW 'moved' };
INSERT INTO notes $notes RETURN NONE;
UPSERT $checkpoint SET seq = $new RETURN NONE;
COMMIT;
";

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Without any, what is told of each key goes to another logger, as text.
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default())?;
    let mut arguments = env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let folder = next("FOLDER")?;
    let (notes, size): (i64, i64) = (next("NOTES")?.parse()?, next("SIZE")?.parse()?);
    let mut note = String::new();
    io::stdin().read_to_string(&mut note)?;
    let note: serde_json::Value = serde_json::from_str(&note)?;
    let note = note.as_object().ok_or("the note is no object")?;
    let started = Instant::now();
    let database = connect(format!("surrealkv://{folder}?sync=every")).await?;
    database.use_ns("bench").use_db("bench").await?;
    database.query(SCHEMA).await?.check()?;
    let mut written = 0;
    while written < notes {
        let upto = (written + size.max(1)).min(notes);
        write(&database, note, written, upto).await?;
        written = upto;
    }
    println!("{}", started.elapsed().as_secs_f64());
    Ok(())
}

/// Writes the notes of those numbers, the last one excluded, in one transaction.
async fn write(
    database: &Surreal<Any>,
    note: &serde_json::Map<String, serde_json::Value>,
    from: i64,
    upto: i64,
) -> Result<(), Box<dyn Error>> {
    let notes: Vec<Object> = (from..upto).map(|number| row(note, number)).collect();
    let mut variables = Object::new();
    variables.insert("checkpoint", RecordId::new("checkpoint", "of this writer"));
    variables.insert("expected", if from == 0 { Value::None } else { from.into_value() });
    variables.insert("new", upto);
    variables.insert("notes", notes);
    database.query(COMMIT).bind(variables).await?.check()?;
    Ok(())
}

/// The note with an id and times of its own.
fn row(note: &serde_json::Map<String, serde_json::Value>, number: i64) -> Object {
    let mut row = Object::new();
    for (name, value) in note {
        row.insert(name.as_str(), value.clone().into_value());
    }
    row.insert("id", RecordId::new("notes", format!("n{number:012}")));
    let now = Datetime::now();
    row.insert("created_at", now.clone());
    row.insert("updated_at", now);
    row.insert("version", 1_i64);
    row
}

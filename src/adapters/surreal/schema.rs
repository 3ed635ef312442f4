//! The tables and their indexes.

use surrealdb::engine::any::Any;
use surrealdb::{Error, Surreal};

use super::error::finish;

/// An index of a table.
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) table: &'static str,
    fields: &'static str,
}

impl Index {
    /// The statement that defines it; `clause` says what of one that is there.
    pub(super) fn definition(&self, clause: &str) -> String {
        let Self { name, table, fields } = self;
        format!("DEFINE INDEX {clause} {name} ON {table} FIELDS {fields}")
    }
}

const fn index(name: &'static str, table: &'static str, fields: &'static str) -> Index {
    Index { name, table, fields }
}

/// Every index. Those of `notes` end in a rank, see `rank`: each list is one
/// walk along one of them.
pub(super) const INDEXES: [Index; 7] = [
    index("by_created", "notes", "created_rank"),
    index("by_updated", "notes", "updated_rank"),
    index("by_author_created", "notes", "author, created_rank"),
    index("by_author_updated", "notes", "author, updated_rank"),
    index("by_tag_created", "notes", "tags.*, created_rank"),
    index("by_tag_updated", "notes", "tags.*, updated_rank"),
    index("by_log_seq", "deletion", "log, seq"),
];

/// The tables without their indexes.
const TABLES: &str = "
DEFINE TABLE IF NOT EXISTS notes SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS title ON notes TYPE string;
DEFINE FIELD IF NOT EXISTS content ON notes TYPE string;
DEFINE FIELD IF NOT EXISTS author ON notes TYPE string;
DEFINE FIELD IF NOT EXISTS tags ON notes TYPE array<string>;
DEFINE FIELD IF NOT EXISTS created_at ON notes TYPE datetime;
DEFINE FIELD IF NOT EXISTS updated_at ON notes TYPE datetime;
DEFINE FIELD IF NOT EXISTS version ON notes TYPE int;
DEFINE FIELD IF NOT EXISTS log ON notes TYPE string;
DEFINE FIELD IF NOT EXISTS seq ON notes TYPE int;
DEFINE FIELD IF NOT EXISTS earlier_logs ON notes TYPE option<array<string>>;
DEFINE FIELD IF NOT EXISTS earlier_seqs ON notes TYPE option<array<int>>;
DEFINE FIELD IF NOT EXISTS created_rank ON notes TYPE string;
DEFINE FIELD IF NOT EXISTS updated_rank ON notes TYPE string;

DEFINE TABLE IF NOT EXISTS deletion SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS log ON deletion TYPE string;
DEFINE FIELD IF NOT EXISTS seq ON deletion TYPE int;
DEFINE FIELD IF NOT EXISTS earlier_logs ON deletion TYPE option<array<string>>;
DEFINE FIELD IF NOT EXISTS earlier_seqs ON deletion TYPE option<array<int>>;

DEFINE TABLE IF NOT EXISTS checkpoint SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS applied ON checkpoint TYPE int;
DEFINE FIELD IF NOT EXISTS accepted_at ON checkpoint TYPE datetime;
DEFINE FIELD IF NOT EXISTS commits ON checkpoint TYPE int;
DEFINE FIELD IF NOT EXISTS horizon ON checkpoint TYPE int;
DEFINE FIELD IF NOT EXISTS rebuilt_at ON checkpoint TYPE int;

DEFINE TABLE IF NOT EXISTS marker SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS first ON marker TYPE int;
DEFINE FIELD IF NOT EXISTS versions ON marker TYPE option<array<int>>;

DEFINE TABLE IF NOT EXISTS rejection SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS code ON rejection TYPE string;
DEFINE FIELD IF NOT EXISTS current ON rejection TYPE option<int>;

DEFINE TABLE IF NOT EXISTS connection SCHEMAFULL;

DEFINE TABLE IF NOT EXISTS parked SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS note ON parked TYPE string;
DEFINE FIELD IF NOT EXISTS attempts ON parked TYPE int;
DEFINE FIELD IF NOT EXISTS reason ON parked TYPE string;
DEFINE FIELD IF NOT EXISTS since ON parked TYPE datetime;
";

/// Defines what is missing, and changes nothing that is there.
pub(super) async fn define(client: &Surreal<Any>) -> Result<(), Error> {
    let mut schema = TABLES.to_owned();
    for index in &INDEXES {
        schema.push_str(&index.definition("IF NOT EXISTS"));
        schema.push_str(";\n");
    }
    finish(client.query(schema).await?).map(drop)
}

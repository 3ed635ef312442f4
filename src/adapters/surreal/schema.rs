//! The tables and their indexes.

use surrealdb::Surreal;
use surrealdb::engine::any::Any;
use surrealdb::types::Object;

use super::{migrate, read};
use crate::ports::StoreError;

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

/// Every index. Those of `notes` have the lists that a note is in, see `list`, and
/// end in a rank, see `rank`: each list is one walk along one of them. An index costs
/// a write more than all of its entries, so there is one for each order, not one for
/// each filter.
pub(super) const INDEXES: [Index; 3] = [
    index("by_list_created", "notes", "lists.*, created_rank"),
    index("by_list_updated", "notes", "lists.*, updated_rank"),
    index("by_log_seq", "deletion", "log, seq"),
];

/// The tables without their indexes. Notes have no schema there: to check a field
/// of a row takes the database as long as to write it, and `row` checks what it reads.
const TABLES: &str = "
DEFINE TABLE IF NOT EXISTS notes SCHEMALESS;

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

/// Defines what is missing, changes what an earlier version made, and leaves alone
/// all else that is there.
pub(super) async fn define(client: &Surreal<Any>) -> Result<(), StoreError> {
    read::value(client, TABLES, Object::new()).await?;
    if migrate::is_needed(client).await? {
        migrate::run(client).await?;
    }
    let indexes = INDEXES.iter().map(|index| format!("{};\n", index.definition("IF NOT EXISTS")));
    read::value(client, &indexes.collect::<String>(), Object::new()).await.map(drop)
}

//! The tables and their indexes.

use surrealdb::engine::any::Any;
use surrealdb::{Error, Surreal};

use super::error::finish;

/// Defines what is missing, and changes nothing that is there.
///
/// The indexes of `notes` end in a rank, see `rank`: each list is one walk along
/// one of them.
const SCHEMA: &str = "
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
DEFINE FIELD IF NOT EXISTS created_rank ON notes TYPE string;
DEFINE FIELD IF NOT EXISTS updated_rank ON notes TYPE string;
DEFINE INDEX IF NOT EXISTS by_created ON notes FIELDS created_rank;
DEFINE INDEX IF NOT EXISTS by_updated ON notes FIELDS updated_rank;
DEFINE INDEX IF NOT EXISTS by_author_created ON notes FIELDS author, created_rank;
DEFINE INDEX IF NOT EXISTS by_author_updated ON notes FIELDS author, updated_rank;
DEFINE INDEX IF NOT EXISTS by_tag_created ON notes FIELDS tags.*, created_rank;
DEFINE INDEX IF NOT EXISTS by_tag_updated ON notes FIELDS tags.*, updated_rank;

DEFINE TABLE IF NOT EXISTS deletion SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS log ON deletion TYPE string;
DEFINE FIELD IF NOT EXISTS seq ON deletion TYPE int;
DEFINE INDEX IF NOT EXISTS by_log_seq ON deletion FIELDS log, seq;

DEFINE TABLE IF NOT EXISTS checkpoint SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS applied ON checkpoint TYPE int;
DEFINE FIELD IF NOT EXISTS accepted_at ON checkpoint TYPE datetime;
DEFINE FIELD IF NOT EXISTS commits ON checkpoint TYPE int;
DEFINE FIELD IF NOT EXISTS horizon ON checkpoint TYPE int;

DEFINE TABLE IF NOT EXISTS marker SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS first ON marker TYPE int;

DEFINE TABLE IF NOT EXISTS rejection SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS code ON rejection TYPE string;
DEFINE FIELD IF NOT EXISTS current ON rejection TYPE option<int>;
";

/// Defines every table. Repeating it changes nothing.
pub(super) async fn define(client: &Surreal<Any>) -> Result<(), Error> {
    finish(client.query(SCHEMA).await?).map(drop)
}

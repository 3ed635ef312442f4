//! Building the indexes anew.
//!
//! `REBUILD INDEX` deletes all entries of an index in one transaction, one write
//! per entry, which fits no memtable when the index is large. Defining the index
//! over itself is one small transaction instead: the definition gets a new
//! number and starts empty under it, and the entries under the old number, right
//! or not, are forgotten; the engine removes them in pages, ten minutes later.
//! Until then the folder holds both.
//!
//! The build takes batches of at most 250 notes, each a transaction with the
//! place it has come to. Until it is complete no list uses the index: lists are
//! right, but read the whole table. So are they after a build that was broken
//! off; doing it again starts over under yet another number.
//!
//! It is waited for, because a build is not safe from what is committed beside
//! it: SurrealDB 3.3.5 then completes an index that still lists notes where
//! they were before. Only commits of the caller can be held back, though. What
//! another instance commits to the same database in that time may be listed
//! twice, until the indexes are next built anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use surrealdb::types::{Object, Value};
use tokio::time::sleep;

use super::conflict::despite_conflicts;
use super::engine::Client;
use super::error::{classify, without_values};
use super::schema::{INDEXES, Index};
use super::{read, transaction};
use crate::ports::StoreError;

const FIRST_PAUSE: Duration = Duration::from_millis(5);

const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many indexes an unfinished build has begun with. A server goes on with
/// them when the connection is lost, and so does the next attempt.
pub(super) type Begun = AtomicUsize;

/// Builds every index anew, one after the other, but for those that were begun
/// with and are only waited for. It ends by itself only when each is complete or
/// one has failed.
pub(super) async fn indexes(client: &Arc<Client>, begun: &Begun) -> Result<(), StoreError> {
    for (number, index) in (1..).zip(&INDEXES) {
        if begun.load(Ordering::Acquire) < number {
            define(client, index).await?;
            begun.store(number, Ordering::Release);
        }
        completed(client, index, begun).await?;
    }
    begun.store(0, Ordering::Release);
    Ok(())
}

async fn define(client: &Arc<Client>, index: &Index) -> Result<(), StoreError> {
    let anew = format!("{} CONCURRENTLY", index.definition("OVERWRITE"));
    // With another index of the table that is being built.
    despite_conflicts(|| async {
        let defined = transaction::run(Arc::clone(client), anew.as_str(), Object::new()).await?;
        defined.map_err(|error| classify(&error))
    })
    .await
}

/// Waits until the index is complete. A build that has failed is not worth another
/// wait: the next attempt begins anew.
pub(super) async fn completed(
    client: &Client,
    index: &Index,
    begun: &Begun,
) -> Result<(), StoreError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let answer = state(client, index).await?;
        match is_complete(index, answer).inspect_err(|_| begun.store(0, Ordering::Release))? {
            true => return Ok(()),
            false => sleep(pause).await,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn state(client: &Client, index: &Index) -> Result<Value, StoreError> {
    let question = format!("INFO FOR INDEX {} ON {}", index.name, index.table);
    read::value(client, &question, Object::new()).await
}

/// Whether the index is complete.
#[cfg(test)]
pub(super) async fn is_built(client: &Client, index: &Index) -> Result<bool, StoreError> {
    is_complete(index, state(client, index).await?)
}

/// What `INFO FOR INDEX` says: `{ building: { status, error?, … } }`.
fn is_complete(index: &Index, answer: Value) -> Result<bool, StoreError> {
    let mut building = field(answer, "building");
    let status = match &mut building {
        Some(Value::Object(state)) => state.remove("status"),
        _ => None,
    };
    match status {
        Some(Value::String(status)) => match status.as_str() {
            "ready" => Ok(true),
            "started" | "cleaning" | "indexing" => Ok(false),
            _ => {
                let error = match building.and_then(|state| field(state, "error")) {
                    Some(Value::String(error)) => without_values(&error),
                    _ => "no reason was given".to_owned(),
                };
                Err(failed(index, &format!("{status}: {error}")))
            }
        },
        _ => Err(failed(index, "its state cannot be read")),
    }
}

fn field(value: Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(mut fields) => fields.remove(name),
        _ => None,
    }
}

fn failed(index: &Index, why: &str) -> StoreError {
    StoreError::Internal(format!("the index {} could not be built: {why}", index.name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use surrealdb::types::SurrealValue;

    use super::*;

    fn answer(state: &[(&str, &str)]) -> Value {
        let mut building = Object::new();
        for (name, value) in state {
            building.insert(*name, (*value).to_owned());
        }
        let mut answer = Object::new();
        answer.insert("building", building);
        answer.into_value()
    }

    #[rstest]
    #[case("ready", true)]
    #[case("started", false)]
    #[case("cleaning", false)]
    #[case("indexing", false)]
    fn a_build_ends_when_it_is_ready(#[case] status: &str, #[case] complete: bool) {
        let answer = answer(&[("status", status)]);
        assert_eq!(is_complete(&INDEXES[0], answer).unwrap(), complete);
    }

    #[rstest]
    #[case(answer(&[("status", "error"), ("error", "found 'hidden' twice")]), "found … twice")]
    #[case(answer(&[("status", "aborted")]), "aborted")]
    #[case(answer(&[]), "cannot be read")]
    #[case(Value::None, "cannot be read")]
    fn a_build_that_failed_is_named(#[case] answer: Value, #[case] why: &str) {
        let error = is_complete(&INDEXES[0], answer).unwrap_err();
        assert!(matches!(error, StoreError::Internal(_)), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("by_list_created") && message.contains(why), "{message}");
        assert!(!message.contains("hidden"), "{message}");
    }
}

//! What an error of SurrealDB means. Pinned to 3.3.5 by `error_tests`: the
//! details are part of its API, the texts are not.

use surrealdb::types::{ErrorDetails, NotFoundError, QueryError};
use surrealdb::{Error, IndexedResults};

use crate::ports::StoreError;

/// The results of a query if every statement succeeded.
///
/// # Errors
/// The error of the statement that failed. In a transaction every statement
/// reports one, most of them only that it was not executed because of another.
pub(super) fn finish(mut results: IndexedResults) -> Result<IndexedResults, Error> {
    let errors = results.take_errors();
    let of_its_own = |error: &Error| {
        !matches!(
            error.details(),
            ErrorDetails::Query(Some(QueryError::NotExecuted | QueryError::Cancelled))
        )
    };
    // The last statement, COMMIT, speaks for the transaction if nothing else does.
    let decisive = errors
        .into_iter()
        .max_by_key(|(index, error)| (of_its_own(error), *index))
        .map(|(_, error)| error);
    decisive.map_or(Ok(results), Err)
}

/// Whether a record that was to be created is there already.
pub(super) fn is_already_there(error: &Error) -> bool {
    matches!(error.details(), ErrorDetails::AlreadyExists(_))
}

/// Whether the folder is in use. Only the text tells.
pub(super) fn is_locked(error: &Error) -> bool {
    error.message().contains("already locked by another process")
}

/// Whether the database told a version that is none. Only the text tells.
pub(super) fn is_no_version(error: &Error) -> bool {
    error.message().starts_with("Invalid semantic version")
}

/// What an error means to the application. Values are kept out of it.
pub(super) fn classify(error: &Error) -> StoreError {
    let message = || without_values(error.message());
    match error.details() {
        // The guards of a commit; nothing else of Daybook throws.
        ErrorDetails::Thrown if error.message().ends_with("changed") => StoreError::Changed,
        ErrorDetails::Thrown if error.message().ends_with("moved") => StoreError::Moved,
        ErrorDetails::Thrown => StoreError::TransactionFailed(message()),
        ErrorDetails::Query(Some(QueryError::TransactionConflict)) => {
            StoreError::Conflict(message())
        }
        ErrorDetails::Query(Some(QueryError::TimedOut { duration })) => {
            StoreError::Timeout { operation: "query", after: *duration }
        }
        ErrorDetails::Connection(_)
        | ErrorDetails::NotFound(Some(NotFoundError::Session { .. })) => {
            StoreError::ConnectionFailed(message())
        }
        ErrorDetails::NotAllowed(_) | ErrorDetails::Configuration(_) => {
            StoreError::Misconfigured(format!("the database does not allow it: {}", message()))
        }
        ErrorDetails::Validation(_) | ErrorDetails::AlreadyExists(_) => {
            StoreError::TransactionFailed(message())
        }
        _ => by_text(error),
    }
}

/// Errors that 3.3.5 reports without details.
fn by_text(error: &Error) -> StoreError {
    let text = error.message();
    let says = |phrase: &str| text.contains(phrase);
    let message = without_values(text);
    if says("Transaction retry required") || says("This transaction can be retried") {
        StoreError::Conflict(message)
    } else if says("gracefully shutting down") || says("is unable to handle the request") {
        StoreError::ConnectionFailed(message)
    } else if says("Couldn't coerce value") || says("no such field exists") {
        StoreError::TransactionFailed(message)
    } else if let Some(place) = place_of_rule(text) {
        StoreError::TransactionFailed(format!("a rule of the database refuses {place}"))
    } else if text.starts_with("Error while processing event") {
        // What it says may hold a value.
        StoreError::TransactionFailed("an event of the database refuses it".to_owned())
    } else if says("already contains") {
        StoreError::TransactionFailed("a unique index of the database refuses it".to_owned())
    } else {
        StoreError::Internal(message)
    }
}

/// The field and the record that a rule is about (`ASSERT`, `READONLY`), from
/// `Found VALUE for field FIELD, with record RECORD, but field RULE`.
fn place_of_rule(text: &str) -> Option<&str> {
    let end = [", but field must conform to", ", but field is readonly"];
    let (before, _) = end.into_iter().find_map(|end| text.rsplit_once(end))?;
    before.rfind(" for field `").and_then(|start| before.get(start + 5..))
}

/// The text without anything that may be a value: SurrealDB quotes strings, so
/// everything from the first quotation mark to the last one goes. Names of
/// tables, fields and records stand between backticks and stay.
pub(super) fn without_values(text: &str) -> String {
    let is_mark = |(index, c): &(usize, char)| match c {
        '"' => true,
        // Not the apostrophe of "couldn't".
        '\'' => !text.get(..*index).is_some_and(|before| before.ends_with(char::is_alphanumeric)),
        _ => false,
    };
    let Some((first, _)) = text.char_indices().find(is_mark) else {
        return text.to_owned();
    };
    let last = text.rfind(['\'', '"']).unwrap_or(first);
    let (before, after) = (text.get(..first), text.get(last.saturating_add(1)..));
    format!("{}…{}", before.unwrap_or_default(), after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::without_values;

    #[rstest]
    #[case("disk full", "disk full")]
    #[case("Couldn't do it", "Couldn't do it")]
    #[case(
        "Couldn't coerce value for field `title` of `notes:a`: found `['x', \"y\"]`",
        "Couldn't coerce value for field `title` of `notes:a`: found `[…]`"
    )]
    #[case("found 'it''s mine' here", "found … here")]
    #[case("an open 'quote", "an open …quote")]
    fn values_are_cut_out(#[case] text: &str, #[case] left: &str) {
        assert_eq!(without_values(text), left);
    }
}

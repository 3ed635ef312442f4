//! Running a transaction to its end.

use std::future::Future;
use std::sync::Arc;

use surrealdb::Error;
use surrealdb::types::Object;

use super::engine::Client;
use super::error::finish;
use crate::ports::StoreError;

/// Runs a query in a task of its own: its caller can stop waiting, but cannot
/// stop it half way.
///
/// # Errors
/// [`StoreError::Internal`] when the task did not come to its end; what the
/// database says otherwise.
pub(super) async fn run(
    client: Arc<Client>,
    query: impl Into<String>,
    variables: Object,
) -> Result<Result<(), Error>, StoreError> {
    let query = query.into();
    uninterrupted(async move {
        let results = client.query(query).bind(variables).await?;
        finish(results).map(drop)
    })
    .await
}

async fn uninterrupted<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, StoreError> {
    // The message of a panic is left out: it may quote a note.
    let aborted = |_| StoreError::Internal("the transaction was aborted".to_owned());
    tokio::spawn(work).await.map_err(aborted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_does_not_tell_what_it_was_about() {
        let outcome = uninterrupted(async { panic!("the title is 'hidden'") }).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Internal(_)), "{error:?}");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
}

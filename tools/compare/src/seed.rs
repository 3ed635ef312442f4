//! Notes that are there before they are read.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method};
use tokio::task::JoinSet;

use crate::contender::{Database, Daybook, client};
use crate::note;

/// How many clients write at the same time.
const CLIENTS: usize = 32;

fn key(number: u64) -> String {
    format!("n{number:012}")
}

/// Writes the ids of that many notes to a file, one in a line.
///
/// # Errors
/// When it cannot be written.
pub fn write_ids(file: &Path, notes: u64) -> Result<()> {
    let mut ids = String::new();
    for number in 1..=notes {
        writeln!(ids, "{}", key(number))?;
    }
    std::fs::write(file, ids).with_context(|| format!("could not write {}", file.display()))
}

/// Writes the notes of those numbers to Daybook, and waits until they are in its
/// database.
///
/// # Errors
/// When one is refused.
pub async fn daybook(daybook: &Daybook, first: u64, last: u64) -> Result<()> {
    backlog_of(daybook, first, last).await?;
    daybook.settle().await
}

/// Writes that many notes to Daybook, which need not reach its database.
///
/// # Errors
/// When one is refused.
pub async fn backlog(daybook: &Daybook, notes: u64) -> Result<()> {
    backlog_of(daybook, 1, notes).await
}

async fn backlog_of(daybook: &Daybook, first: u64, last: u64) -> Result<()> {
    let headers = [("content-type", "application/json"), ("prefer", "respond-async")];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    write(Method::PUT, &daybook.notes(), headers.into(), note::for_daybook(), first, last).await
}

/// Writes that many notes to a database.
///
/// # Errors
/// When one is refused.
pub async fn database(database: &Database, notes: u64) -> Result<()> {
    write(Method::POST, &database.notes(), database.headers(), note::for_database(), 1, notes).await
}

async fn write(
    method: Method,
    collection: &str,
    headers: Vec<(&'static str, String)>,
    note: String,
    first: u64,
    last: u64,
) -> Result<()> {
    let client = client()?;
    let mut writers = JoinSet::new();
    for start in (first..=last).take(CLIENTS) {
        let (method, collection, headers) =
            (method.clone(), collection.to_owned(), headers.clone());
        let (client, note) = (client.clone(), note.clone());
        writers.spawn(async move {
            for number in (start..=last).step_by(CLIENTS) {
                let url = format!("{collection}/{}", key(number));
                let body = note.replace(note::COUNTER, &format!("{number:012}"));
                put(&client, &method, &url, &headers, body).await?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    Ok(())
}

async fn put(
    client: &Client,
    method: &Method,
    url: &str,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<()> {
    let request = client.request(method.clone(), url).body(body);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{url} was answered {status}: {text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_note_has_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ids");
        write_ids(&file, 3).unwrap();
        let written = std::fs::read_to_string(file).unwrap();
        assert_eq!(written, "n000000000001\nn000000000002\nn000000000003\n");
    }
}

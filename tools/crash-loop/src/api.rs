//! The service's HTTP interface, as far as it is used here.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::history::{Answer, Seen, Write};
use crate::ledger::{Account, Listed};

/// How long one request may take: more than the service's own limit of 30 s. A
/// killed service breaks its connections, so this ends a request only if the
/// service hangs.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);

/// A client of one running service.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: String,
    process: u64,
}

/// What came of sending a write.
#[derive(Clone, Debug)]
pub enum Sent {
    /// It was answered, or may have been received; with the id of the note
    /// where the answer tells one.
    Answered(Answer, Option<String>),
    /// It never reached the service.
    Unsent,
    /// It was answered with something that a correct service never says.
    Nonsense(String),
}

/// What came of looking at a note.
#[derive(Clone, Debug)]
pub enum Look {
    /// This is what it is.
    Found(Option<Seen>),
    /// The service cannot tell now (503), and says so with these words.
    Refused(String),
    /// The service is gone.
    Gone,
    /// It was answered with something that a correct service never says.
    Nonsense(String),
}

/// What `GET /health` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The state of the service.
    pub state: String,
    /// How many commands wait for the database.
    pub queued: u64,
    /// How many commands the database refused for good.
    pub parked: u64,
}

#[derive(Debug, Deserialize)]
struct NoteBody {
    id: String,
    title: String,
    content: String,
    version: u64,
}

#[derive(Debug, Deserialize)]
struct PageBody {
    items: Vec<NoteBody>,
    next_cursor: Option<String>,
}

impl NoteBody {
    fn seen(&self) -> Result<Seen> {
        let counter = self.content.split(' ').nth(1).and_then(|n| n.parse().ok());
        let counter = counter.with_context(|| format!("content {:?}", self.content))?;
        ensure!(self.content == content(counter), "content {:?} was not written", self.content);
        Ok(Seen { version: self.version, counter })
    }
}

/// The content that carries a counter: up to 4,000 characters more than it takes,
/// so that notes differ in size and databases fill their memory.
fn content(counter: u64) -> String {
    let filler = usize::try_from(counter.wrapping_mul(1_307) % 4_000).unwrap_or_default();
    format!("count {counter} {}", "x".repeat(filler))
}

impl Api {
    /// A client of the service at this address, which is the process of that
    /// number among those that were started.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(address: &str, process: u64) -> Result<Self> {
        let client = Client::builder().timeout(REQUEST_TIMEOUT).no_proxy().build()?;
        Ok(Self { client, base: format!("http://{address}"), process })
    }

    /// Which of the processes that were started this is a client of.
    #[must_use]
    pub fn process(&self) -> u64 {
        self.process
    }

    /// Whether the service says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let sent = self.client.get(format!("{}/health/ready", self.base)).send().await;
        sent.is_ok_and(|response| response.status() == StatusCode::OK)
    }

    /// How the service is.
    ///
    /// # Errors
    /// When it does not tell.
    pub async fn health(&self) -> Result<Health> {
        let health = self.client.get(format!("{}/health", self.base)).send().await?;
        let health: Value = health.json().await?;
        let number = |pointer: &str| {
            let number = health.pointer(pointer).and_then(Value::as_u64);
            number.with_context(|| format!("/health tells no {pointer}: {health}"))
        };
        let state = health.get("state").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Health { state, queued: number("/queue/commands")?, parked: number("/queue/parked")? })
    }

    /// Sends a write to a note.
    pub async fn write(&self, account: &Account, write: Write, put: bool) -> Sent {
        let sent = match self.request(account, write, put).send().await {
            Ok(response) => read_answer(write, response).await,
            Err(error) => Err(error.into()),
        };
        match sent {
            Ok(sent) => sent,
            // Nothing was sent where there was no connection. Anything else may
            // have been received.
            Err(error) => match error.downcast_ref::<reqwest::Error>() {
                Some(error) if error.is_connect() => Sent::Unsent,
                Some(error) if !error.is_timeout() => Sent::Answered(Answer::Unknown, None),
                _ => Sent::Nonsense(format!("{write:?}: {error:#}")),
            },
        }
    }

    fn request(&self, account: &Account, write: Write, put: bool) -> RequestBuilder {
        let whole = |counter: u64| {
            json!({
                "title": account.title,
                "content": content(counter),
                "author": "load",
                "tags": ["load"],
            })
        };
        let notes = format!("{}/v1/notes", self.base);
        let note = format!("{notes}/{}", account.id.as_deref().unwrap_or_default());
        let exact = |request: RequestBuilder, version: Option<u64>| match version {
            Some(version) => request.header("If-Match", format!("\"{version}\"")),
            None => request,
        };
        match write {
            Write::Create { counter } if account.id.is_none() => {
                self.client.post(notes).json(&whole(counter))
            }
            Write::Create { counter } => {
                self.client.put(note).header("If-None-Match", "*").json(&whole(counter))
            }
            Write::Change { counter, if_match } if put && if_match.is_some() => {
                exact(self.client.put(note), if_match).json(&whole(counter))
            }
            Write::Change { counter, if_match } => {
                let patch = json!({ "content": content(counter) });
                exact(self.client.patch(note), if_match).json(&patch)
            }
            Write::Delete { if_match } => exact(self.client.delete(note), if_match),
        }
    }

    /// Looks at a note by its id.
    pub async fn look(&self, id: &str) -> Look {
        let sent = self.client.get(format!("{}/v1/notes/{id}", self.base)).send().await;
        let nonsense = |what: String| Look::Nonsense(format!("GET of {id}: {what}"));
        let response = match sent {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return nonsense(error.to_string()),
            Err(_) => return Look::Gone,
        };
        match response.status() {
            StatusCode::NOT_FOUND => Look::Found(None),
            StatusCode::SERVICE_UNAVAILABLE if !tells_when(&response) => {
                nonsense("503 without a Retry-After from 1 to 60".to_owned())
            }
            StatusCode::SERVICE_UNAVAILABLE => match response.text().await {
                Ok(problem) => Look::Refused(problem),
                Err(_) => Look::Gone,
            },
            StatusCode::OK => match response.json::<NoteBody>().await {
                Ok(note) => match note.seen() {
                    Ok(seen) => Look::Found(Some(seen)),
                    Err(error) => nonsense(format!("{error:#}")),
                },
                Err(error) if error.is_decode() => nonsense(error.to_string()),
                Err(_) => Look::Gone,
            },
            status => nonsense(status.to_string()),
        }
    }

    /// Every note that the database lists, page by page.
    ///
    /// # Errors
    /// When it is refused, or makes no sense.
    pub async fn list(&self, sort: &str) -> Result<Vec<Listed>> {
        let mut notes = Vec::new();
        let first = format!("{}/v1/notes?limit=200&sort={sort}", self.base);
        let mut url = first.clone();
        loop {
            let response = self.client.get(&url).send().await?;
            let status = response.status();
            if status != StatusCode::OK {
                bail!("the list answered {status}: {}", response.text().await?);
            }
            let page: PageBody = response.json().await?;
            for note in page.items {
                let seen = note.seen()?;
                notes.push(Listed { id: note.id, title: note.title, seen });
            }
            let Some(cursor) = page.next_cursor else { return Ok(notes) };
            url = format!("{first}&cursor={cursor}");
        }
    }
}

/// Whether a refusal tells when to come back.
fn tells_when(response: &Response) -> bool {
    let value = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.parse().ok())
        .is_some_and(|seconds| (1..=60_u64).contains(&seconds))
}

async fn read_answer(write: Write, response: Response) -> Result<Sent> {
    let status = response.status();
    Ok(match status {
        StatusCode::OK | StatusCode::CREATED if !matches!(write, Write::Delete { .. }) => {
            let note: NoteBody = match response.json().await {
                Ok(note) => note,
                // Acknowledged, but the process died before the whole answer.
                Err(error) if !error.is_decode() => {
                    return Ok(Sent::Answered(Answer::Recorded, None));
                }
                Err(error) => bail!("{write:?} answered {status} and no note: {error}"),
            };
            Sent::Answered(Answer::Done(Some(note.seen()?)), Some(note.id))
        }
        StatusCode::NO_CONTENT if matches!(write, Write::Delete { .. }) => {
            Sent::Answered(Answer::Done(None), None)
        }
        StatusCode::ACCEPTED => {
            let body: Option<Value> = response.json().await.ok();
            let id = body.and_then(|body| Some(body.get("id")?.as_str()?.to_owned()));
            Sent::Answered(Answer::Recorded, id)
        }
        StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
            Sent::Answered(Answer::Rejected, None)
        }
        StatusCode::SERVICE_UNAVAILABLE if tells_when(&response) => {
            Sent::Answered(Answer::Refused, None)
        }
        StatusCode::GATEWAY_TIMEOUT => Sent::Answered(Answer::Unknown, None),
        status => bail!("{write:?} answered {status}: {}", response.text().await?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(content: String) -> NoteBody {
        NoteBody { id: "notes:1".to_owned(), title: "t".to_owned(), content, version: 3 }
    }

    #[test]
    fn a_content_tells_its_counter() {
        for counter in [0, 1, 7, 999, 1_000_000_007] {
            assert_eq!(body(content(counter)).seen().unwrap(), Seen { version: 3, counter });
        }
    }

    #[test]
    fn a_content_that_nobody_wrote_is_found() {
        for damaged in ["", "count", "count x ", &format!("{}x", content(5)), "count 5 "] {
            assert!(body(damaged.to_owned()).seen().is_err(), "{damaged:?}");
        }
    }
}

//! The service's HTTP interface, as far as it is used here.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::history::{Answer, Seen, Write};
use crate::ledger::{Account, Listed};

/// How long one request may take. A killed service breaks its connections, so
/// this ends a request only if the service hangs.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A client of one running service.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
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
    /// The service cannot tell now (503), or is gone.
    NotNow,
    /// It was answered with something that a correct service never says.
    Nonsense(String),
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
        let counter = self.content.strip_prefix("count ").and_then(|n| n.parse().ok());
        let counter = counter.with_context(|| format!("content {:?}", self.content))?;
        Ok(Seen { version: self.version, counter })
    }
}

impl Api {
    /// A client of the service at this address.
    pub fn new(address: &str) -> Result<Self> {
        let client = Client::builder().timeout(REQUEST_TIMEOUT).no_proxy().build()?;
        Ok(Self { client, base: format!("http://{address}") })
    }

    /// Whether the service says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let sent = self.client.get(format!("{}/health/ready", self.base)).send().await;
        sent.is_ok_and(|response| response.status() == StatusCode::OK)
    }

    /// How many commands wait for the database.
    pub async fn queued(&self) -> Result<u64> {
        let health = self.client.get(format!("{}/health", self.base)).send().await?;
        let health: Value = health.json().await?;
        let queued = health.pointer("/queue/commands").and_then(Value::as_u64);
        queued.with_context(|| format!("/health tells no /queue/commands: {health}"))
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
                Some(_) => Sent::Answered(Answer::Unknown, None),
                None => Sent::Nonsense(format!("{error:#}")),
            },
        }
    }

    fn request(&self, account: &Account, write: Write, put: bool) -> RequestBuilder {
        let whole = |counter: u64| {
            json!({
                "title": account.title,
                "content": format!("count {counter}"),
                "author": "crash-loop",
                "tags": ["crash-loop"],
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
                let patch = json!({ "content": format!("count {counter}") });
                exact(self.client.patch(note), if_match).json(&patch)
            }
            Write::Delete { if_match } => exact(self.client.delete(note), if_match),
        }
    }

    /// Looks at a note by its id.
    pub async fn look(&self, id: &str) -> Look {
        let sent = self.client.get(format!("{}/v1/notes/{id}", self.base)).send().await;
        let Ok(response) = sent else { return Look::NotNow };
        match response.status() {
            StatusCode::NOT_FOUND => Look::Found(None),
            StatusCode::SERVICE_UNAVAILABLE => Look::NotNow,
            StatusCode::OK => match response.json::<NoteBody>().await {
                Ok(note) => match note.seen() {
                    Ok(seen) => Look::Found(Some(seen)),
                    Err(error) => Look::Nonsense(format!("GET of {id}: {error:#}")),
                },
                Err(error) if error.is_decode() => Look::Nonsense(format!("GET of {id}: {error}")),
                Err(_) => Look::NotNow,
            },
            status => Look::Nonsense(format!("GET of {id} answered {status}")),
        }
    }

    /// Every note that the database lists, page by page.
    pub async fn list(&self) -> Result<Vec<Listed>> {
        let mut notes = Vec::new();
        let mut url = format!("{}/v1/notes?limit=200", self.base);
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
            url = format!("{}/v1/notes?limit=200&cursor={cursor}", self.base);
        }
    }
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
        StatusCode::SERVICE_UNAVAILABLE => Sent::Answered(Answer::Refused, None),
        StatusCode::GATEWAY_TIMEOUT => Sent::Answered(Answer::Unknown, None),
        status => bail!("{write:?} answered {status}: {}", response.text().await?),
    })
}

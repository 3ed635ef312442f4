//! The writer's thread and the queue in front of it.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::failure::{Failure, NotLogged};
use super::shared::{Ending, Shared};
use super::writer::Writer;
use super::{FileLogOptions, SyncPolicy};
use crate::domain::{Position, Sequence};

/// The shortest pause between two syncs by the policy `interval`.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// What callers ask of the writer.
pub(super) enum Request {
    /// Append a payload.
    Append { payload: Vec<u8>, answer: oneshot::Sender<Result<Position, Ended>> },
    /// Give up what nobody needs, the commands up to there, at that time.
    Release {
        upto: Sequence,
        now: DateTime<Utc>,
        answer: oneshot::Sender<Result<Sequence, Failure>>,
    },
    /// Sync and stop.
    Close { answer: oneshot::Sender<Result<(), NotLogged>> },
}

/// Why a command was not appended.
pub(super) enum Ended {
    /// The disk failed.
    NotLogged(NotLogged),
    /// The log was closed before its turn came.
    Closed,
}

type Waiting = Vec<oneshot::Sender<Result<Position, Ended>>>;

/// Starts the writer on a thread of its own. It ends when it is told to close,
/// or when nobody is left to tell it anything; what was queued is written first.
pub(super) fn start(writer: Writer) -> io::Result<(mpsc::Sender<Request>, JoinHandle<()>)> {
    let options = writer.options;
    // Only the policy `interval` ever waits for a time.
    let clock = match options.sync {
        SyncPolicy::Interval(_) => Some(Builder::new_current_thread().enable_time().build()?),
        SyncPolicy::Always | SyncPolicy::Never => None,
    };
    let (sender, requests) = mpsc::channel(options.queue_commands.max(1));
    let closes = CloseOnExit(Arc::clone(&writer.shared));
    let worker = Worker { writer, requests, clock, sync_due: None };
    let thread = thread::Builder::new().name("command-log".to_owned()).spawn(move || {
        // Named, so that it lives as long as the thread and closes on a panic.
        let _closes = closes;
        worker.run();
    })?;
    Ok((sender, thread))
}

/// Tells everyone that no more commands will come, and why.
struct CloseOnExit(Arc<Shared>);

impl Drop for CloseOnExit {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the writer of the command log has stopped by a defect of its own");
            self.0.end(Ending::Defect);
        } else {
            self.0.end(Ending::Closed);
        }
    }
}

struct Worker {
    writer: Writer,
    requests: mpsc::Receiver<Request>,
    clock: Option<Runtime>,
    /// When the oldest unsynced command has to be synced.
    sync_due: Option<Instant>,
}

/// What to do next.
enum Next {
    Request(Request),
    Sync,
    Stop,
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.next() {
                Next::Request(Request::Append { payload, answer }) => {
                    let other = self.append_group(payload, answer);
                    if let Some(request) = other
                        && self.carry_out(request).is_break()
                    {
                        return;
                    }
                }
                Next::Request(request) => {
                    if self.carry_out(request).is_break() {
                        return;
                    }
                }
                Next::Sync => self.sync(),
                Next::Stop => {
                    // Nobody is left to be told.
                    let _reported = self.writer.sync_at_last();
                    return;
                }
            }
        }
    }

    fn next(&mut self) -> Next {
        let (Some(due), Some(clock)) = (self.sync_due, &self.clock) else {
            return self.requests.blocking_recv().map_or(Next::Stop, Next::Request);
        };
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Next::Sync;
        }
        match clock.block_on(async { timeout(left, self.requests.recv()).await }) {
            Ok(received) => received.map_or(Next::Stop, Next::Request),
            Err(_elapsed) => Next::Sync,
        }
    }

    /// Does what is no append; after the end of it all there is no more to do.
    fn carry_out(&mut self, request: Request) -> ControlFlow<()> {
        match request {
            Request::Append { payload, answer } => {
                answer_all(vec![answer], self.writer.commit(&[payload]));
            }
            // A caller that has gone away needs no answer.
            Request::Release { upto, now, answer } => {
                drop(answer.send(self.writer.release(upto, now)));
            }
            Request::Close { answer } => {
                self.close(answer);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Appends a command with those that wait behind it. Returns the request that is
    /// none to append, if it met one.
    fn append_group(
        &mut self,
        payload: Vec<u8>,
        answer: oneshot::Sender<Result<Position, Ended>>,
    ) -> Option<Request> {
        let mut bytes = payload.len();
        let (mut payloads, mut waiting) = (vec![payload], vec![answer]);
        let mut other = None;
        let FileLogOptions { group_commands, group_bytes, .. } = self.writer.options;
        while payloads.len() < group_commands && bytes < group_bytes {
            match self.requests.try_recv() {
                Ok(Request::Append { payload, answer }) => {
                    bytes += payload.len();
                    payloads.push(payload);
                    waiting.push(answer);
                }
                Ok(request) => {
                    other = Some(request);
                    break;
                }
                Err(_empty) => break,
            }
        }
        let result = self.writer.commit(&payloads);
        self.schedule_sync();
        answer_all(waiting, result);
        other
    }

    fn schedule_sync(&mut self) {
        if let SyncPolicy::Interval(interval) = self.writer.options.sync {
            // Not at once, lest a sync that goes on failing keeps the thread busy.
            let fresh = || Instant::now() + interval.max(SHORTEST_INTERVAL);
            self.sync_due = self.writer.has_unsynced().then(|| self.sync_due.unwrap_or_else(fresh));
        }
    }

    fn sync(&mut self) {
        // The writer has reported a failure and is poisoned; the next append
        // tells its caller, the next interval tries again.
        let _reported = self.writer.sync();
        self.sync_due = None;
        self.schedule_sync();
    }

    fn close(&mut self, answer: oneshot::Sender<Result<(), NotLogged>>) {
        self.requests.close();
        let synced = self.writer.sync_at_last();
        self.writer.shared.end(Ending::Closed);
        while let Some(request) = self.requests.blocking_recv() {
            // A caller that has gone away needs no answer.
            match request {
                Request::Append { answer, .. } => drop(answer.send(Err(Ended::Closed))),
                Request::Release { answer, .. } => {
                    drop(answer.send(Ok(self.writer.shared.index().first())));
                }
                Request::Close { answer } => drop(answer.send(synced.clone())),
            }
        }
        drop(answer.send(synced));
    }
}

/// Tells every caller of a group what became of it.
fn answer_all(waiting: Waiting, result: Result<Vec<Position>, NotLogged>) {
    match result {
        Ok(positions) => {
            for (answer, position) in waiting.into_iter().zip(positions) {
                // A caller that has gone away needs no answer.
                drop(answer.send(Ok(position)));
            }
        }
        Err(error) => {
            for answer in waiting {
                drop(answer.send(Err(Ended::NotLogged(error.clone()))));
            }
        }
    }
}

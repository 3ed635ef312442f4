//! Serving connections, and ending that without losing an answer.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::app::Repeats;

/// How long a client may take to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of the headers of a request, its first line included.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long to wait when the process has no file descriptor for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_secs(1);

/// Most connections at a time; further ones wait to be accepted. Each takes a
/// file descriptor, and the log and the database must never run out of them.
const MAX_CONNECTIONS: usize = 512;

/// Serves HTTP/1.1 until `shutdown` is there; then accepts no more, closes idle
/// connections, and waits up to `drain` for the requests in flight to be
/// answered. Connections that are left after that are cut, and a warning says
/// how many.
///
/// A write that was submitted goes on even when its connection is cut.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) -> io::Result<()> {
    let repeats = Repeats::default();
    let mut connections = JoinSet::new();
    let (stop, stopped) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    let result = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            accepted = accept(&listener, &repeats), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok(stream) => {
                    connections.spawn(converse(stream, router.clone(), stopped.clone()));
                }
                Err(error) => break Err(error),
            },
            // Reap what has ended, so that the set does not grow.
            Some(_) = connections.join_next() => {}
        }
    };
    drop(listener);
    drop(stop);
    end(connections, drain).await;
    result
}

/// The next connection. Failures that pass are waited out.
async fn accept(listener: &TcpListener, repeats: &Repeats) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
            // The socket does not listen and never will.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            // The client went away while it waited.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if let Some(suppressed) = repeats.tell("accept", "refused") {
                    warn!(reason = %error, suppressed, "a connection could not be accepted");
                }
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// Answers the requests of one connection until it ends; once `stopped` has
/// lost its sender, only the request in flight.
async fn converse(stream: TcpStream, router: Router, mut stopped: watch::Receiver<()>) {
    // Answers are written at once: there is nothing to gather them with.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(reason = %error, "a connection broke");
    }
}

/// Waits for connections to end, then cuts those that have not.
async fn end(mut connections: JoinSet<()>, drain: Duration) {
    let ended = timeout(drain, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() && !connections.is_empty() {
        warn!(connections = connections.len(), "connections were cut before their answer");
        connections.shutdown().await;
    }
}

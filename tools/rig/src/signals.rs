//! Being told to end.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for Ctrl-C or SIGTERM; for ever where signals cannot be taken.
pub async fn told_to_end() {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

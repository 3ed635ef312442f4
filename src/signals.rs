//! The signals that stop the service.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::error;

/// SIGTERM and SIGINT, taken from the moment of [`Signals::take`] on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes both signals, which then no longer end the process by themselves.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Ends at the first signal. A second one ends the process at once with
    /// that exit code, which loses nothing acknowledged: it is no worse than a
    /// kill.
    pub async fn shutdown(mut self, exit_code: u8) {
        self.next().await;
        let _detached: JoinHandle<()> = tokio::spawn(async move {
            self.next().await;
            error!("stopped at once by a second signal");
            std::process::exit(i32::from(exit_code));
        });
    }

    /// Waits for the next of them. Cancelling it loses none.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

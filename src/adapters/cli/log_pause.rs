//! The time between two looks at a log that is followed.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// How long a new command waits to be printed, at most.
const INTERVAL: Duration = Duration::from_millis(200);

/// Waits, and notices when nobody reads the output any more: without that, a log
/// in which nothing happens would be followed for ever on behalf of nobody.
pub(super) struct Pause {
    runtime: Runtime,
    /// Never written to. None where the output is of a kind that keeps its reader,
    /// as a file does.
    output: Option<Sender>,
}

impl Pause {
    pub(super) fn new(output: &impl AsFd) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let output = output.as_fd().try_clone_to_owned()?;
        let entered = runtime.enter();
        // The one that checks would let everyone who has this output write to it
        // without waiting.
        let output = Sender::from_owned_fd_unchecked(output).ok();
        drop(entered);
        Ok(Self { runtime, output })
    }

    /// Waits for a moment; breaks when the output has no reader any more.
    pub(super) fn wait(&self) -> ControlFlow<()> {
        self.wait_at_most(INTERVAL)
    }

    fn wait_at_most(&self, interval: Duration) -> ControlFlow<()> {
        let closed = async {
            match &self.output {
                Some(output) => output.ready(Interest::ERROR).await.map(drop),
                None => std::future::pending().await,
            }
        };
        match self.runtime.block_on(async { timeout(interval, closed).await }) {
            Ok(Ok(())) => ControlFlow::Break(()),
            Ok(Err(_)) | Err(_) => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_ends_the_wait() {
        let (reader, writer) = io::pipe().unwrap();
        let pause = Pause::new(&writer).unwrap();
        assert!(pause.wait_at_most(Duration::from_millis(1)).is_continue());
        drop(reader);
        assert!(pause.wait_at_most(Duration::from_secs(600)).is_break());
    }

    #[test]
    fn a_file_is_always_read() {
        let pause = Pause::new(&tempfile::tempfile().unwrap()).unwrap();
        assert!(pause.wait_at_most(Duration::from_millis(1)).is_continue());
    }
}

//! The tokio runtime that the service runs on.

use std::io;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

/// The stack of each worker thread, in bytes. SurrealDB plans and runs a query
/// by deep recursion, and its frames are larger without optimisation.
pub const WORKER_STACK_BYTES: usize = if cfg!(debug_assertions) { 24 << 20 } else { 16 << 20 };

/// The fewest worker threads, also on a machine with fewer cores: a worker that
/// is kept busy by the embedded database must not hold up the others.
pub const MIN_WORKERS: usize = 4;

/// How long calls that block a thread may take to end once the future has ended.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

/// Why the runtime gave no result.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The operating system gave no threads.
    #[error("the worker threads could not be started: {0}")]
    Threads(#[from] io::Error),
    /// The future panicked; the panic was printed when it happened.
    #[error("the service stopped by a defect of its own")]
    Panicked,
}

/// Runs a future to its end on a worker thread of a new runtime.
///
/// Not on the calling thread: the main thread has the small stack that the
/// operating system gives.
///
/// # Errors
/// When there are no threads for it, and when it panics.
pub fn run<F>(future: F) -> Result<F::Output, RuntimeError>
where
    F: Future<Output: Send> + Send + 'static,
{
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = Builder::new_multi_thread()
        .worker_threads(cores.max(MIN_WORKERS))
        .thread_stack_size(WORKER_STACK_BYTES)
        .thread_name("daybook")
        .enable_all()
        .build()?;
    let output = runtime.block_on(runtime.spawn(future)).map_err(|_| RuntimeError::Panicked);
    // What is still running then has nothing left to say.
    runtime.shutdown_timeout(SHUTDOWN_PATIENCE);
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_future_runs_on_a_worker() {
        let name = run(async { thread::current().name().map(str::to_owned) }).unwrap();
        assert_eq!(name.as_deref(), Some("daybook"));
    }

    #[test]
    fn there_are_at_least_four_workers() {
        let workers = run(async { tokio::runtime::Handle::current().metrics().num_workers() });
        assert!(workers.unwrap() >= MIN_WORKERS);
    }

    /// Uses two thirds of the stack, which overflows any smaller one.
    #[test]
    fn a_worker_has_a_deep_stack() {
        fn descend(depth: usize) -> u8 {
            let frame = std::hint::black_box([1_u8; 4096]);
            if depth == 0 { frame[0] } else { descend(depth - 1) + frame[4095] - 1 }
        }
        assert_eq!(run(async { descend(WORKER_STACK_BYTES / 4096 * 2 / 3 / 2) }).unwrap(), 1);
    }

    #[test]
    fn a_panic_is_an_error() {
        let ended: Result<(), RuntimeError> = run(async { panic!("on purpose") });
        assert!(matches!(ended, Err(RuntimeError::Panicked)));
    }
}

//! A SurrealDB server, over WebSockets.
//!
//! The SDK reconnects by itself under a client, without a word, and then sends
//! what it was given meanwhile, also what its caller has given up on. Three
//! things follow:
//!
//! - A [`Connection`](connection::Connection) is the SDK's client until its
//!   socket breaks, and never longer: it watches an empty table, since the SDK
//!   ends such a watch when it replaces the socket and before it answers anything
//!   over the new one. Every answer is taken only while the watch goes on.
//! - A [`Session`](session::Session) is the time in which the server is known not
//!   to have been restarted, so that nothing it acknowledged can be missing. It
//!   starts with [`connect`](crate::ports::NoteStore::connect) and ends with the
//!   first connection that breaks or does not answer in time. Calls under way
//!   end at once then.
//! - Late commits are fenced by the compare-and-set on the checkpoint, see
//!   `commit`.

pub(super) mod connection;
pub(super) mod pool;
pub(super) mod session;
pub(super) mod target;
mod upkeep;
mod version_probe;

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod ghost_tests;
#[cfg(test)]
mod pool_tests;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod sign_in_tests;
#[cfg(test)]
mod tls_tests;
#[cfg(test)]
mod version_tests;

//! `daybook top`: a running service, watched.
//!
//! Every interval it asks `GET /health` and `GET /metrics`, which both answer from the
//! memory of the service. What it shows is worked out of two such answers
//! ([`View`]), so that it can be printed as text or JSON as well as drawn.

mod run;
mod sample;
mod scrape;
mod screen;
mod text;
mod view;

pub use run::{TopCommand, TopError};
pub use view::{Latency, Rates, View};

#[cfg(test)]
mod scrape_tests;
#[cfg(test)]
mod view_tests;

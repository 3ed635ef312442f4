//! Ports and their seams, measured: what is asked of them is passed on as it is,
//! and how long that took is [recorded](crate::ports::Metrics).

mod disk;
mod note_store;

pub use disk::MeasuredDisk;
pub use note_store::MeasuredStore;

#[cfg(test)]
mod tests;

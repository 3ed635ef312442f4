//! One suite per port, which every adapter and decorator of it runs.

pub(crate) mod note_store;

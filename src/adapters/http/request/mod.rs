//! Requests, from bytes to domain types. What leaves this module is valid.

mod content;
mod fields;
mod json;
mod note;
mod note_id;

#[cfg(test)]
mod note_tests;

pub(super) use content::{Media, read};
pub(super) use note::{draft, patch};
pub(super) use note_id::IdParameter;

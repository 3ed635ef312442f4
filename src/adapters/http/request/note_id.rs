//! The `{id}` of a path.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::adapters::http::problem::{InputError, Problem};
use crate::domain::{NoteId, ParseNoteIdError};

/// The note that a path names: by its bare key, or by its full id.
pub(in crate::adapters::http) struct IdParameter(pub(in crate::adapters::http) NoteId);

impl<S: Send + Sync> FromRequestParts<S> for IdParameter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        let Path(text) = text.map_err(|_| refused("is not percent-encoded UTF-8"))?;
        parse(&text).map(Self).map_err(|error| refused(error.to_string()))
    }
}

fn parse(text: &str) -> Result<NoteId, ParseNoteIdError> {
    // A bare key has no colon, so the two forms never mix.
    if text.contains(':') { text.parse() } else { NoteId::from_key(text) }
}

fn refused(reason: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::malformed([InputError::parameter("id", reason)])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("abc")]
    #[case("notes:abc")]
    fn both_forms_name_the_note(#[case] text: &str) {
        assert_eq!(parse(text).unwrap().to_string(), "notes:abc");
    }

    #[rstest]
    #[case("")]
    #[case("note:abc")]
    #[case("notes:")]
    #[case("notes:notes:abc")]
    #[case("a b")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert!(parse(text).is_err());
    }
}

//! The bodies of POST, PUT and PATCH.

use super::fields::{Fields, Member, pointer};
use crate::adapters::http::problem::{InputError, Problem};
use crate::domain::{Checked, Invalid, NoteDraft, NotePatch};

/// A whole note: `{title, content, author, tags?}`.
///
/// # Errors
/// 400 with every field that is missing, unknown, repeated or of the wrong type;
/// otherwise 422 with every rule that a field breaks.
pub(in crate::adapters::http) fn draft(body: &[u8]) -> Result<Checked<NoteDraft>, Problem> {
    let mut fields = Fields::parse(body).map_err(|error| Problem::malformed([error]))?;
    let draft = NoteDraft {
        title: required(&mut fields, "title"),
        content: required(&mut fields, "content"),
        author: required(&mut fields, "author"),
        tags: match fields.strings("tags") {
            Member::Value(tags) => tags,
            Member::Null => {
                fields.refuse("tags", "must be an array of strings, not null");
                Vec::new()
            }
            Member::Absent | Member::Bad => Vec::new(),
        },
    };
    fields.finish().map_err(Problem::malformed)?;
    Ok(Checked::new(draft)?)
}

/// A string that must be there. What is returned in its place when it is not is
/// never used: the error has been noted.
fn required(fields: &mut Fields, name: &'static str) -> String {
    match fields.string(name) {
        Member::Value(text) => return text,
        Member::Absent => fields.refuse(name, "is required"),
        Member::Null => fields.refuse(name, "must be a string, not null"),
        Member::Bad => {}
    }
    String::new()
}

/// A JSON merge patch (RFC 7396) of a note: a field that is absent stays, `null`
/// removes it. Only the tags can be removed, which leaves none.
///
/// # Errors
/// As for [`draft`]; `null` for a field that every note has is a broken rule.
pub(in crate::adapters::http) fn patch(body: &[u8]) -> Result<Checked<NotePatch>, Problem> {
    let mut fields = Fields::parse(body).map_err(|error| Problem::malformed([error]))?;
    let mut removed = Vec::new();
    let patch = NotePatch {
        title: replaced(&mut fields, "title", &mut removed),
        content: replaced(&mut fields, "content", &mut removed),
        author: replaced(&mut fields, "author", &mut removed),
        tags: match fields.strings("tags") {
            Member::Value(tags) => Some(tags),
            Member::Null => Some(Vec::new()),
            Member::Absent | Member::Bad => None,
        },
    };
    fields.finish().map_err(Problem::malformed)?;
    match Checked::new(patch) {
        Ok(patch) if removed.is_empty() => Ok(patch),
        Ok(_) => Err(Problem::invalid(removed)),
        Err(Invalid { fields }) => {
            removed.extend(fields.into_iter().map(InputError::from));
            Err(Problem::invalid(removed))
        }
    }
}

fn replaced(
    fields: &mut Fields,
    name: &'static str,
    removed: &mut Vec<InputError>,
) -> Option<String> {
    match fields.string(name) {
        Member::Value(text) => Some(text),
        Member::Null => {
            removed.push(InputError::body(pointer(name), "cannot be removed"));
            None
        }
        Member::Absent | Member::Bad => None,
    }
}

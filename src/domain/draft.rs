//! What a client may say of a note: all of it, or some of it.

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::rules;

/// The fields of a note that its author chooses, all of them.
///
/// The rules are those of the design, section 3; see [`super::Checked`] for the
/// proof that a value keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
pub struct NoteDraft {
    /// 1 to 200 characters without `<script` or `</script` in any case or spacing.
    #[garde(custom(rules::characters(1, 200)), custom(rules::no_script))]
    pub title: String,
    /// 1 to 10,000 characters.
    #[garde(custom(rules::characters(1, 10_000)))]
    pub content: String,
    /// 1 to 100 of `[a-zA-Z0-9_-]`.
    #[garde(custom(rules::characters(1, 100)), custom(rules::author_characters))]
    pub author: String,
    /// At most 10, each of 1 to 50 characters.
    #[garde(custom(rules::at_most(10)), inner(custom(rules::characters(1, 50))))]
    pub tags: Vec<String>,
}

/// The fields of a note that shall change; those absent stay as they are.
///
/// The rules for a given field are those of [`NoteDraft`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate)]
pub struct NotePatch {
    /// The new title.
    #[garde(inner(custom(rules::characters(1, 200)), custom(rules::no_script)))]
    pub title: Option<String>,
    /// The new content.
    #[garde(inner(custom(rules::characters(1, 10_000))))]
    pub content: Option<String>,
    /// The new author.
    #[garde(inner(custom(rules::characters(1, 100)), custom(rules::author_characters)))]
    pub author: Option<String>,
    /// The new tags, which replace the old ones.
    #[garde(inner(custom(rules::at_most(10)), inner(custom(rules::characters(1, 50)))))]
    pub tags: Option<Vec<String>>,
}

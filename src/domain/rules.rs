//! The rules as garde applies them, with reasons that say what is accepted.

/// Refuses a text with fewer or more characters (Unicode scalar values).
pub(super) fn characters(least: usize, most: usize) -> impl Fn(&str, &()) -> garde::Result {
    move |text, ()| match text.chars().count() {
        count if (least..=most).contains(&count) => Ok(()),
        count => Err(garde::Error::new(format!(
            "must have {least} to {most} characters, this has {count}"
        ))),
    }
}

/// Refuses a list with more entries.
pub(super) fn at_most<T>(most: usize) -> impl Fn(&Vec<T>, &()) -> garde::Result {
    move |list, ()| match list.len() {
        count if count <= most => Ok(()),
        count => Err(garde::Error::new(format!("must have at most {most}, this has {count}"))),
    }
}

/// Refuses `<script` and `</script`, whatever the case and the white space
/// between the characters.
pub(super) fn no_script(title: &str, (): &()) -> garde::Result {
    let folded: String =
        title.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    if folded.contains("<script") || folded.contains("</script") {
        return Err(garde::Error::new("must not contain a script tag"));
    }
    Ok(())
}

/// Refuses every character outside `[a-zA-Z0-9_-]`.
pub(super) fn author_characters(author: &str, (): &()) -> garde::Result {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match author.chars().find(|c| !allowed(*c)) {
        Some(found) => Err(garde::Error::new(format!(
            "must consist of A-Z, a-z, 0-9, '_' and '-', not {found:?}"
        ))),
        None => Ok(()),
    }
}

//! The note that is written again and again, of about 1 KiB as JSON.

use serde_json::{Value, json};

/// What the load generator replaces by a number.
pub const COUNTER: &str = "000000000000";

/// A title, content, author and tags.
fn draft() -> Value {
    json!({
        "title": format!("note {COUNTER}"),
        "content": "seven words fill the note quite well ".repeat(22),
        "author": "ada",
        "tags": ["bench", "one-kibibyte"],
    })
}

/// As Daybook takes it.
#[must_use]
pub fn for_daybook() -> String {
    draft().to_string()
}

/// As it is written to a database without Daybook: with what Daybook would add.
#[must_use]
pub fn for_database() -> String {
    let mut note = draft();
    if let Value::Object(fields) = &mut note {
        // As many nanoseconds after a time as notes came before.
        let time = json!(format!("2026-01-01T00:00:00.{COUNTER}Z"));
        fields.insert("created_at".to_owned(), time.clone());
        fields.insert("updated_at".to_owned(), time);
        fields.insert("version".to_owned(), json!(1));
    }
    note.to_string()
}

/// As a server answers it that has no notes: with an id, and 1 KiB long.
#[must_use]
pub fn answered() -> String {
    let mut note = for_database();
    note.insert_str(1, r#""id":"notes:01JABCDEFGHJKMNPQRSTVWXYZ0","#);
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_have_about_one_kibibyte() {
        for note in [for_daybook(), for_database(), answered()] {
            assert!((880..=1144).contains(&note.len()), "{} bytes", note.len());
            assert!(serde_json::from_str::<Value>(&note).is_ok(), "{note}");
        }
    }

    #[test]
    fn only_places_for_a_number_look_like_one() {
        assert_eq!(for_daybook().matches(COUNTER).count(), 1);
        assert_eq!(for_database().matches(COUNTER).count(), 3);
    }
}

//! The members of a JSON object, each taken once and by name.

use std::borrow::Cow;

use super::json::Json;
use crate::adapters::http::problem::InputError;

/// A name of this many bytes is repeated to the client; a longer one is not.
const MAX_ECHOED_NAME_BYTES: usize = 64;

/// Takes known members out of an object and notes everything that is wrong, so
/// that one answer names every bad field.
pub(super) struct Fields {
    members: Vec<(String, Json)>,
    errors: Vec<InputError>,
}

/// What a member holds.
pub(super) enum Member<T> {
    /// It is not there.
    Absent,
    /// It is `null`.
    Null,
    /// It holds a value of the right type.
    Value(T),
    /// It is wrong, and that has been noted.
    Bad,
}

impl Fields {
    /// The members of an object.
    ///
    /// # Errors
    /// When the text is not JSON or not an object.
    pub(super) fn parse(text: &[u8]) -> Result<Self, InputError> {
        match Json::parse(text).map_err(|reason| InputError::body("", reason))? {
            Json::Object(members) => Ok(Self { members, errors: Vec::new() }),
            other => Err(InputError::body("", expected("an object", &other))),
        }
    }

    /// The member of that name, a string.
    pub(super) fn string(&mut self, name: &'static str) -> Member<String> {
        match self.take(name) {
            None => Member::Absent,
            Some(Json::Null) => Member::Null,
            Some(Json::String(text)) => Member::Value(text),
            Some(other) => self.bad(name, expected("a string", &other)),
        }
    }

    /// The member of that name, an array of strings.
    pub(super) fn strings(&mut self, name: &'static str) -> Member<Vec<String>> {
        match self.take(name) {
            None => Member::Absent,
            Some(Json::Null) => Member::Null,
            Some(Json::Array(elements)) => self.elements(name, elements),
            Some(other) => self.bad(name, expected("an array of strings", &other)),
        }
    }

    /// Notes that something is wrong with the member of that name.
    pub(super) fn refuse(&mut self, name: &str, reason: impl Into<Cow<'static, str>>) {
        self.errors.push(InputError::body(pointer(name), reason));
    }

    /// Ends the reading: every member that was not taken is unknown.
    ///
    /// # Errors
    /// Everything that is wrong; never empty.
    pub(super) fn finish(mut self) -> Result<(), Vec<InputError>> {
        for (name, _) in &self.members {
            self.errors.push(if name.len() <= MAX_ECHOED_NAME_BYTES {
                InputError::body(pointer(name), "is not a known field")
            } else {
                let reason = format!("has an unknown field with a name of {} bytes", name.len());
                InputError::body("", reason)
            });
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }

    /// Removes every member of that name. Of several none counts: the caller
    /// gets the first, and the repetition is noted.
    fn take(&mut self, name: &'static str) -> Option<Json> {
        let mut taken = self.members.extract_if(.., |(found, _)| found == name);
        let first = taken.next();
        if taken.count() > 0 {
            self.refuse(name, "is given more than once");
        }
        first.map(|(_, value)| value)
    }

    fn bad<T>(&mut self, name: &str, reason: String) -> Member<T> {
        self.refuse(name, reason);
        Member::Bad
    }

    fn elements(&mut self, name: &'static str, elements: Vec<Json>) -> Member<Vec<String>> {
        let mut texts = Vec::with_capacity(elements.len());
        let errors_before = self.errors.len();
        for (index, element) in elements.into_iter().enumerate() {
            match element {
                Json::String(text) => texts.push(text),
                other => {
                    let pointer = format!("{}/{index}", pointer(name));
                    self.errors.push(InputError::body(pointer, expected("a string", &other)));
                }
            }
        }
        if self.errors.len() == errors_before { Member::Value(texts) } else { Member::Bad }
    }
}

/// The JSON pointer to a member of the whole (RFC 6901, section 3).
pub(super) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn expected(what: &str, found: &Json) -> String {
    format!("must be {what}, not {}", found.kind())
}

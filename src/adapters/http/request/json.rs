//! JSON as it was sent, repeated names included.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value that keeps every member of an object, in order.
///
/// `serde_json::Value` keeps the last of several members of one name, so a
/// client that repeats one would never learn which of them counted.
///
/// It nests at most as deep as `serde_json` reads, 128 levels.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool,
    Number,
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole text.
    ///
    /// # Errors
    /// What is wrong with it and where; nothing of the text itself.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| format!("is not valid JSON: {error}"))
    }

    /// What kind of value it is, as a phrase.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let text = br#"{"a": [null, true, 1, -1, 1.5, "x\u00fc"], "a": {}}"#;
        let array = vec![
            Json::Null,
            Json::Bool,
            Json::Number,
            Json::Number,
            Json::Number,
            Json::String("xü".to_owned()),
        ];
        let members =
            vec![("a".to_owned(), Json::Array(array)), ("a".to_owned(), Json::Object(Vec::new()))];
        assert_eq!(Json::parse(text), Ok(Json::Object(members)));
    }

    #[rstest]
    #[case::empty(b"")]
    #[case::cut(b"{\"a\": ")]
    #[case::more_than_one(b"{} {}")]
    #[case::trailing_comma(b"{\"a\": 1,}")]
    #[case::comment(b"{} // x")]
    #[case::single_quotes(b"{'a': 1}")]
    #[case::byte_order_mark(b"\xef\xbb\xbf{}")]
    #[case::not_utf8(b"\"\xff\"")]
    #[case::lone_surrogate(br#""\ud800""#)]
    #[case::control_character(b"\"\n\"")]
    #[case::huge_number(b"1e999")]
    fn other_texts_are_refused(#[case] text: &[u8]) {
        assert!(Json::parse(text).unwrap_err().starts_with("is not valid JSON: "));
    }

    #[rstest]
    #[case("[")]
    #[case("{\"a\":")]
    fn deep_nesting_is_refused_before_the_stack_is_full(#[case] open: &str) {
        let error = Json::parse(open.repeat(50_000).as_bytes()).unwrap_err();
        assert!(error.contains("recursion limit exceeded"), "{error}");
    }

    #[test]
    fn an_error_tells_nothing_of_the_text() {
        let error = Json::parse(br#"{"title": secret}"#).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}

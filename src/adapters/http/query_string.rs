//! Query strings: `application/x-www-form-urlencoded`, read strictly.

use std::fmt::Write as _;

/// The parameters of a query string, in order. Empty parts (`a=1&&b=2`) are
/// nothing; a part without `=` is a name with an empty value.
///
/// # Errors
/// The name, as far as it could be read, of the first parameter with a `%` that
/// is not followed by two hexadecimal digits or that is not UTF-8.
pub(super) fn parse(query: &str) -> Result<Vec<(String, String)>, String> {
    query.split('&').filter(|part| !part.is_empty()).map(parse_parameter).collect()
}

fn parse_parameter(part: &str) -> Result<(String, String), String> {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let name = decode(name).ok_or_else(|| name.to_owned())?;
    match decode(value) {
        Some(value) => Ok((name, value)),
        None => Err(name),
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    // A hexadecimal digit is below 16.
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A query string of these parameters. Everything that is not unreserved
/// (RFC 3986, section 2.3) is percent-encoded, so it may stand in any header.
pub(super) fn encode(parameters: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        encode_into(&mut query, name);
        query.push('=');
        encode_into(&mut query, value);
    }
    query
}

fn encode_into(query: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            query.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(query, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", &[])]
    #[case("&&", &[])]
    #[case("a=1&b=2", &[("a", "1"), ("b", "2")])]
    #[case("a", &[("a", "")])]
    #[case("a=b=c", &[("a", "b=c")])]
    #[case("t%61g=a+b%20c%2Bd", &[("tag", "a b c+d")])]
    #[case("tag=%C3%BC", &[("tag", "ü")])]
    fn parameters_are_read(#[case] query: &str, #[case] parameters: &[(&str, &str)]) {
        let parameters: Vec<_> =
            parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(parse(query), Ok(parameters));
    }

    #[rstest]
    #[case("tag=%", "tag")]
    #[case("tag=%f", "tag")]
    #[case("tag=%zz", "tag")]
    #[case("tag=%+1", "tag")]
    #[case::not_utf8("tag=%ff", "tag")]
    #[case::the_name("a=1&t%=1", "t%")]
    fn bad_encodings_are_refused(#[case] query: &str, #[case] name: &str) {
        assert_eq!(parse(query), Err(name.to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(name in ".+", value in any::<String>()) {
            let query = encode(&[(&name, &value), ("x", "")]);
            prop_assert!(query.is_ascii());
            let read = parse(&query);
            prop_assert_eq!(read, Ok(vec![(name, value), ("x".to_owned(), String::new())]));
        }
    }
}

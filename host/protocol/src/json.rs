//! The strict JSON reader: what it lets through means the same to every later reader.
//!
//! `serde_json::Value` on its own keeps the last of two members of one name without a word, turns long integers into
//! floats and nests deeper than anything SCIM needs; each of these has been a way around a check.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::Invalid;

/// How deeply arrays and objects may nest; a resource with an extension needs 4.
pub const MAX_DEPTH: usize = 32;

/// How much of a member's name an error sentence repeats, in characters.
const MAX_NAME_IN_SENTENCE: usize = 64;

/// Below this (2^63) every integer fits an `i64`; from here on `f64` would silently round it.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Reads one JSON value, and nothing after it.
///
/// Refused, with [`crate::ScimType::InvalidSyntax`] and the position: more than [`MAX_DEPTH`] levels, members of one object
/// whose names are equal or differ only in case (attribute names compare case-insensitively, RFC 7643 §2.1), numbers
/// beyond 64 bits, the NUL character, and what is no UTF-8. A byte order mark is skipped (RFC 8259 §8.1 allows that).
pub fn parse(bytes: &[u8]) -> Result<Value, Invalid> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(Invalid::syntax("the body is empty where JSON is expected"));
    }

    let mut reader = serde_json::Deserializer::from_slice(text);
    Strict { depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| Invalid::syntax(format!("the body is not acceptable JSON: {error}")))
}

/// Reads one value that stands inside `depth` arrays and objects.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested more than {MAX_DEPTH} levels deep")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(|value| Value::Number(value.into())).map_err(|_| too_large())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // Integers with too many digits for 64 bits arrive here, already rounded.
        if value.abs() >= TOO_LARGE {
            return Err(too_large());
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(too_large)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        without_nul(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        without_nul(&value)?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            without_nul(&name)?;
            if !seen.insert(name.to_lowercase()) {
                let name: String = name.chars().take(MAX_NAME_IN_SENTENCE).collect();
                return Err(A::Error::custom(format_args!(
                    "the member {name:?} is given twice (upper and lower case count as the same)"
                )));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

fn too_large<E: Error>() -> E {
    E::custom("a number does not fit 64 bits")
}

fn without_nul<E: Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("the NUL character is not allowed")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ScimType;

    fn refused(text: &str) -> String {
        let invalid = parse(text.as_bytes()).unwrap_err();
        assert_eq!(invalid.scim_type, ScimType::InvalidSyntax);
        invalid.detail
    }

    #[test]
    fn a_value_is_read_as_it_stands_and_members_keep_their_order() {
        let text = r#"{"z":[1,-2,0.5,true,null],"a":{"ü":"\u00e9\n"}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap(), json!({"z": [1, -2, 0.5, true, null], "a": {"ü": "é\n"}}));
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), r#"{"z":[1,-2,0.5,true,null],"a":{"ü":"é\n"}}"#);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_once() {
        assert_eq!(parse(b"\xEF\xBB\xBF{}").unwrap(), json!({}));
        assert!(parse(b"\xEF\xBB\xBF\xEF\xBB\xBF{}").is_err());
    }

    #[test]
    fn nesting_is_read_to_the_limit_and_refused_above_it() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            refused(&nested(MAX_DEPTH + 1)),
            "the body is not acceptable JSON: nested more than 32 levels deep at line 1 column 34"
        );
        assert!(parse(r#"{"a":"#.repeat(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn members_that_are_equal_or_differ_only_in_case_are_refused_by_name() {
        assert_eq!(
            refused("{\"active\": true,\n \"Active\": false}"),
            "the body is not acceptable JSON: the member \"Active\" is given twice (upper and lower case count as the \
             same) at line 2 column 9"
        );
        refused(r#"{"a":1,"a":1}"#);
        refused(r#"{"x":[{"É":1,"\u00e9":1}]}"#);
        assert!(parse(br#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn a_long_name_is_not_repeated_in_full() {
        let name = "n".repeat(10_000);
        assert!(refused(&format!(r#"{{"{name}":1,"{name}":1}}"#)).len() < 300);
    }

    #[test]
    fn numbers_keep_64_bits_or_are_refused() {
        assert_eq!(parse(b"9223372036854775807").unwrap(), json!(i64::MAX));
        assert_eq!(parse(b"-9223372036854775808").unwrap(), json!(i64::MIN));
        assert_eq!(parse(b"1.5e3").unwrap(), json!(1500.0));
        for text in ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "1e19", "1e999"] {
            refused(text);
        }
    }

    #[test]
    fn nul_is_refused_in_text_and_in_names() {
        assert!(refused(r#"["a\u0000"]"#).contains("NUL"));
        assert!(refused(r#"{"a\u0000":1}"#).contains("NUL"));
    }

    #[test]
    fn what_is_not_one_utf8_json_value_is_refused_with_its_position() {
        assert_eq!(refused(" \r\n"), "the body is empty where JSON is expected");
        assert_eq!(refused("{} x"), "the body is not acceptable JSON: trailing characters at line 1 column 4");
        for text in ["{", "[1,]", "{'a':1}", "nul", "NaN", "\"\\ud800\"", "\"\n\"", "01", "{\"a\" 1}", "// x\n{}"] {
            refused(text);
        }
        assert!(parse(b"\"\xFF\"").is_err());
        assert!(parse(b"{\"\xC3\x28\":1}").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_it_reads_prints_back_to_itself(text in r#"[\[\]{}",:0-9a-bA-Btruefalsn\\.eE+-]{0,24}"#) {
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(parse(value.to_string().as_bytes()).unwrap(), value);
            }
        }
    }
}

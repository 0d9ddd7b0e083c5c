//! JSON that is read into known shapes, objects as objects.
//!
//! Serde takes a list for a structure, member by member in their order: whoever forgets a name would say something that he does not know of.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// What is said of a list where an object is asked for; the place is told by whoever reads.
const NO_OBJECT: &str = "must be a JSON object, not a list";

/// A value of which no list is taken for a structure, however deep it lies.
#[derive(Debug)]
pub(super) struct Objects(pub Value);

impl IntoDeserializer<'_, Error> for Objects {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Objects {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(entries) => {
                let mut entries = SeqDeserializer::new(entries.into_iter().map(Self));
                let read = visitor.visit_seq(&mut entries)?;
                entries.end()?;
                Ok(read)
            }
            Value::Object(members) => {
                let mut members = MapDeserializer::new(members.into_iter().map(|(name, value)| (name, Self(value))));
                let read = visitor.visit_map(&mut members)?;
                members.end()?;
                Ok(read)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.0.is_array() {
            return Err(Error::custom(NO_OBJECT));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        One,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
    enum Thing {
        Named(Name),
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Name(String);

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        of: u8,
        at: Option<i64>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Outer {
        word: Word,
        inner: Option<Inner>,
        all: Vec<Inner>,
        things: Vec<Thing>,
        free: Value,
    }

    fn whole() -> Value {
        json!({
            "word": "one", "inner": { "of": 7, "at": null }, "all": [{ "of": 1, "at": -1 }],
            "things": [{ "kind": "named", "name": "a" }], "free": { "list": [1, [2.5, "x", null, true]] },
        })
    }

    fn refused(at: &str, value: Value) -> String {
        let mut body = whole();
        *body.pointer_mut(at).unwrap() = value;
        serde_path_to_error::deserialize::<_, Outer>(Objects(body)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_right_is_read_as_ever() {
        let read = Outer::deserialize(Objects(whole())).unwrap();
        assert_eq!(read, serde_json::from_value(whole()).unwrap());
        assert_eq!((read.inner, read.all.len()), (Some(Inner { of: 7, at: None }), 1));
    }

    #[test]
    fn no_list_is_taken_for_an_object_and_it_is_said_where() {
        assert_eq!(refused("/inner", json!([7, null])), "inner: must be a JSON object, not a list");
        assert_eq!(refused("/all/0", json!([1, -1])), "all[0]: must be a JSON object, not a list");
        assert_eq!(refused("/things/0", json!(["named", "a"])), "things[0]: must be a JSON object, not a list");
    }

    #[test]
    fn what_is_missing_or_another_thing_is_told_as_ever() {
        assert_eq!(refused("/inner", json!({})), "inner: missing field `of`");
        assert!(refused("/word", json!("two")).starts_with("word: unknown variant `two`"));
    }
}

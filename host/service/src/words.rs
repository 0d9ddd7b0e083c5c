//! What a reader of JSON says, in words of JSON: its sentences are meant for whoever has written the reader.

/// A sentence about JSON that does not fit, without the names of types: `invalid type: map, expected a string` becomes `it should be a text,
/// and is an object`. What was sent is not repeated there. Other sentences stay as they are, but for the place at their end.
pub fn of_json(says: &str) -> String {
    let (says, place) = placed(says);
    let told = ["invalid type: ", "invalid value: "].iter().find_map(|kind| {
        let (found, expected) = says.strip_prefix(kind)?.rsplit_once(", expected ")?;
        let another = if *kind == "invalid value: " { "another one" } else { a(found) };
        Some(format!("it should be {}, and is {another}", wanted(expected)))
    });
    format!("{}{place}", told.as_deref().unwrap_or(says))
}

/// The sentence, and where in the text it is about: ` (line 3, column 7)`.
fn placed(says: &str) -> (&str, String) {
    let place = says.rsplit_once(" at line ").and_then(|(says, place)| {
        let (line, column) = place.split_once(" column ")?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_number(line) && is_number(column)).then(|| (says, format!(" (line {line}, column {column})")))
    });
    place.unwrap_or_else(|| (says, String::new()))
}

/// What is there, by how its description begins.
fn a(found: &str) -> &'static str {
    let kinds = [
        ("string", "a text"),
        ("character", "a text"),
        ("map", "an object"),
        ("sequence", "a list"),
        ("boolean", "true or false"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("number", "a number"),
        ("null", "null"),
        ("unit", "null"),
        ("Option", "null"),
    ];
    kinds.iter().find(|(kind, _)| found.starts_with(kind)).map_or("something else", |(_, told)| told)
}

/// What should be there.
fn wanted(expected: &str) -> &str {
    match expected {
        "a string" | "a borrowed string" | "string" => "a text",
        "a map" | "map" => "an object",
        "a sequence" | "sequence" => "a list",
        "a boolean" => "true or false",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        named if named.starts_with("struct ") => "an object",
        named if named.starts_with("enum ") || named.starts_with("variant ") => "one of its names",
        said => said,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "it is only read")]
    struct Person {
        name: String,
        age: u16,
        tags: Vec<bool>,
        home: Option<Box<Person>>,
    }

    fn told(change: (&str, Value)) -> String {
        let mut person = json!({ "name": "Ada", "age": 36, "tags": [] });
        person[change.0] = change.1;
        of_json(&serde_json::from_value::<Person>(person).unwrap_err().to_string())
    }

    #[test]
    fn what_does_not_fit_is_told_without_the_names_of_types_and_without_what_was_sent() {
        assert_eq!(told(("name", json!({ "a": 1 }))), "it should be a text, and is an object");
        assert_eq!(told(("name", Value::Null)), "it should be a text, and is null");
        assert_eq!(told(("age", json!("hunter2"))), "it should be a whole number from 0 to 65535, and is a text");
        assert_eq!(told(("age", json!(70_000))), "it should be a whole number from 0 to 65535, and is another one");
        assert_eq!(told(("tags", json!([7]))), "it should be true or false, and is a number");
        assert_eq!(told(("tags", json!(true))), "it should be a list, and is true or false");
        assert_eq!(told(("home", json!("here"))), "it should be an object, and is a text");
    }

    #[test]
    fn other_sentences_stay_and_have_their_place_behind_them() {
        assert!(told(("colour", json!(1))).starts_with("unknown field `colour`, expected one of `name`"));
        let told = |text: &str| of_json(&serde_json::from_str::<Person>(text).unwrap_err().to_string());
        assert_eq!(told("{\n  \"name\": 7\n}"), "it should be a text, and is a number (line 2, column 11)");
        assert_eq!(told("{"), "EOF while parsing an object (line 1, column 1)");
        assert_eq!(of_json("a train at line 3 column x"), "a train at line 3 column x");
    }
}

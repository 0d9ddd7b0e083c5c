//! Values that fit an announced attribute, and values that do not.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::announced::{elements, text};

/// A value that the definition of an attribute asks for. Values of greater numbers come later in a list that is sorted by them, and are
/// others, as far as the type has several.
pub(super) fn sample(definition: &Value, number: u32) -> Value {
    let one = one(definition, number);
    if definition["multiValued"] == true { json!([one]) } else { one }
}

fn one(definition: &Value, number: u32) -> Value {
    let name = definition["name"].as_str().unwrap();
    match definition["type"].as_str().unwrap() {
        "boolean" => json!(number.is_multiple_of(2)),
        "integer" => json!(1000 + number),
        "decimal" => json!(f64::from(number) + 0.5),
        "dateTime" => json!(format!("2026-10-01T08:{:02}:{:02}Z", number / 60 % 60, number % 60)),
        // Three bytes, in base64: the number in its digits.
        "binary" => json!(format!(
            "AA{}{}",
            char::from(b'A' + (number / 26 % 26) as u8),
            char::from(b'a' + (number % 26) as u8)
        )),
        "reference" => match elements(&definition["referenceTypes"]) {
            [first, ..] if first != "external" && first != "uri" => {
                json!(format!("../{}s/7b2e{number:04}", text(first)))
            }
            _ => json!(format!("https://{}.example.test/{number:04}", name.trim_start_matches('$').to_lowercase())),
        },
        "complex" => {
            let parts = elements(&definition["subAttributes"]).iter();
            let wanted = parts.filter(|sub| sub["required"] == true || sub["name"] == "value");
            wanted.map(|sub| (text(&sub["name"]), sample(sub, number))).collect::<serde_json::Map<_, _>>().into()
        }
        "string" => match elements(&definition["canonicalValues"]) {
            [] => json!(format!("{name}-{number:04}@example.test")),
            values => values[number as usize % values.len()].clone(),
        },
        other => panic!("{other} is no type of RFC 7643"),
    }
}

/// The value as a filter writes it.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Array(values) => literal(&values[0]),
        value => value.to_string(),
    }
}

/// Values that no attribute of this type takes, however lenient a server is.
pub(super) fn misfits(definition: &Value) -> Vec<Value> {
    let object = json!({ "walked": {} });
    match definition["type"].as_str().unwrap() {
        "boolean" => vec![json!("perhaps"), json!(7), object],
        "integer" => vec![json!("many"), json!(1.5), json!(true), object],
        "decimal" => vec![json!("many"), json!(true), object],
        "dateTime" => vec![json!("yesterday"), json!(true), object],
        "binary" => vec![json!("*"), json!(true), object],
        "string" | "reference" => vec![json!(true), object],
        other => panic!("{other} has no sub-attributes"),
    }
}

/// Which of two values comes first by the rules of their attribute (RFC 7644 §3.4.2.3).
pub(super) fn compare(definition: &Value, one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::String(one), Value::String(other)) if definition["caseExact"] == false => {
            one.to_lowercase().cmp(&other.to_lowercase())
        }
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => one.as_f64().unwrap().total_cmp(&other.as_f64().unwrap()),
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Array(one), Value::Array(other)) => compare(definition, &one[0], &other[0]),
        (one, other) => panic!("{one} and {other} cannot be compared"),
    }
}

//! A schema as words: what may stand where it holds.

use serde_json::{Map, Value};

/// Values of a list of values that are told.
const MAX_VALUES_TOLD: usize = 20;
/// Forms of which one is had that are told.
const MAX_FORMS_TOLD: usize = 8;
/// Names of members that are told.
const MAX_NAMES_TOLD: usize = 20;
/// Bytes of a value or a pattern that are told.
const MAX_TOLD_BYTES: usize = 128;

/// What may stand there: `a number, 12 or less`.
pub(crate) fn form(root: &Value, schema: &Value) -> String {
    let schema = match resolved(root, schema) {
        Value::Object(keywords) => keywords,
        Value::Bool(false) => return "nothing".to_owned(),
        _ => return "anything".to_owned(),
    };
    if let Some(value) = schema.get("const") {
        return shown(value);
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        return match values.as_slice() {
            [one] => shown(one),
            _ => format!("one of {}", list(values.iter().map(shown), MAX_VALUES_TOLD)),
        };
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => meant(schema).into_iter().collect(),
    };
    if !types.is_empty() {
        return types.iter().map(|kind| noun(kind, schema)).collect::<Vec<_>>().join(" or ");
    }
    for (keyword, joint) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")] {
        if let Some(Value::Array(parts)) = schema.get(keyword) {
            let mut forms: Vec<String> = parts.iter().take(MAX_FORMS_TOLD).map(|part| form(root, part)).collect();
            forms.dedup();
            if parts.len() > MAX_FORMS_TOLD {
                forms.push("another form".to_owned());
            }
            return forms.join(joint);
        }
    }
    "something else".to_owned()
}

/// What is to be said where none of several forms is had.
pub(crate) fn fits_none(root: &Value, schema: &Value, keyword: &str) -> String {
    let (Value::Object(keywords), Some(Value::Array(parts))) = (schema, schema.get(keyword)) else {
        return format!("must be {}", form(root, schema));
    };
    let asked: Option<Vec<String>> = parts.iter().map(|part| only_required(resolved(root, part))).collect();
    if let Some(asked) = asked {
        let mut asked: Vec<String> =
            asked.iter().take(MAX_FORMS_TOLD).map(|names| format!("must have {names}")).collect();
        if parts.len() > MAX_FORMS_TOLD {
            asked.push("another form".to_owned());
        }
        return asked.join(", or ");
    }
    // What the schema says beside the forms is said of all of them, and does not tell them apart.
    let is_beside = ["$ref", "const", "enum", "type"].iter().any(|keyword| keywords.contains_key(*keyword));
    if is_beside || meant(keywords).is_some() {
        return format!("fits none of the {} forms that the schema allows", parts.len());
    }
    format!("must be {}", form(root, schema))
}

/// The members that a schema asks for, if that is all that it says.
fn only_required(schema: &Value) -> Option<String> {
    let keywords = schema.as_object()?;
    let Some(Value::Array(names)) = keywords.get("required") else { return None };
    if names.is_empty() || keywords.len() > 1 {
        return None;
    }
    let names: Vec<String> = names.iter().take(MAX_NAMES_TOLD).filter_map(Value::as_str).map(cut).collect();
    Some(names.join(" and "))
}

/// What a `$ref` stands for. There are no circles of them: such a schema is refused when it is pushed.
pub(crate) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    match reference.and_then(|pointer| root.pointer(pointer)) {
        Some(target) => resolved(root, target),
        None => schema,
    }
}

/// The members that a schema names, as the end of a sentence about one that it does not name.
pub(crate) fn known(root: &Value, schema: &Value) -> String {
    match resolved(root, schema).get("properties") {
        Some(Value::Object(named)) if !named.is_empty() => {
            format!("; known are {}", list(named.keys().cloned(), MAX_NAMES_TOLD))
        }
        _ => String::new(),
    }
}

/// The type that a schema without one speaks of.
fn meant(schema: &Map<String, Value>) -> Option<&'static str> {
    let has = |keywords: &[&str]| keywords.iter().any(|keyword| schema.contains_key(*keyword));
    if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
        Some("number")
    } else if has(&["minLength", "maxLength", "pattern", "format"]) {
        Some("string")
    } else if has(&["minItems", "maxItems", "uniqueItems", "items", "prefixItems"]) {
        Some("array")
    } else if has(&["properties", "required", "minProperties", "maxProperties", "propertyNames"]) {
        Some("object")
    } else {
        None
    }
}

fn noun(kind: &str, schema: &Map<String, Value>) -> String {
    match kind {
        "boolean" => "true or false".to_owned(),
        "null" => "null".to_owned(),
        "integer" => format!("a whole number{}", bounds(schema)),
        "number" => format!("a number{}", bounds(schema)),
        "string" => text(schema),
        "array" => {
            let unique =
                if schema.get("uniqueItems") == Some(&Value::Bool(true)) { ", none of them twice" } else { "" };
            format!("a list{}{unique}", count(schema, "minItems", "maxItems", ("entry", "entries")))
        }
        "object" => format!("an object{}", members(schema)),
        _ => "something else".to_owned(),
    }
}

fn bounds(schema: &Map<String, Value>) -> String {
    let at = |keyword: &str| schema.get(keyword).filter(|value| value.is_number()).map(ToString::to_string);
    let mut said = match (at("minimum"), at("maximum")) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(", {least} or more"),
        (None, Some(most)) => format!(", {most} or less"),
        (None, None) => String::new(),
    };
    for (keyword, words) in
        [("exclusiveMinimum", ", more than "), ("exclusiveMaximum", ", less than "), ("multipleOf", ", a multiple of ")]
    {
        if let Some(bound) = at(keyword) {
            said.push_str(words);
            said.push_str(&bound);
        }
    }
    said
}

fn text(schema: &Map<String, Value>) -> String {
    let mut said = match schema.get("format").and_then(Value::as_str) {
        None => "a text".to_owned(),
        Some("email" | "idn-email") => "an e-mail address".to_owned(),
        Some("uri" | "iri") => "a URL such as https://example.com/".to_owned(),
        Some("hostname" | "idn-hostname") => "the name of a host".to_owned(),
        Some("date") => "a date such as 2026-01-31".to_owned(),
        Some("date-time") => "a time such as 2026-01-31T12:00:00Z".to_owned(),
        Some("time") => "a time of day such as 12:00:00Z".to_owned(),
        Some("duration") => "a duration such as PT15M".to_owned(),
        Some("uuid") => "a UUID".to_owned(),
        Some("ipv4") => "an IPv4 address".to_owned(),
        Some("ipv6") => "an IPv6 address".to_owned(),
        Some("regex") => "a regular expression".to_owned(),
        Some(other) => format!("a text of the format {}", cut(other)),
    };
    let is_filled = schema.get("minLength").and_then(Value::as_u64) == Some(1) && !schema.contains_key("maxLength");
    if is_filled {
        said.push_str(" that is not empty");
    } else {
        said.push_str(&count(schema, "minLength", "maxLength", ("character", "characters")));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        said.push_str(" that matches ");
        said.push_str(&cut(pattern));
    }
    said
}

fn members(schema: &Map<String, Value>) -> String {
    let counted = count(schema, "minProperties", "maxProperties", ("member", "members"));
    let counted = counted.replacen(" of ", " with ", 1);
    match schema.get("required") {
        Some(Value::Array(names)) if counted.is_empty() && !names.is_empty() => {
            let names = names.iter().filter_map(Value::as_str).map(cut);
            format!(" with {}", list(names, MAX_NAMES_TOLD))
        }
        _ => counted,
    }
}

/// ` of 3 to 20 characters`, of as much of it as the schema says.
fn count(schema: &Map<String, Value>, least: &str, most: &str, (one, many): (&str, &str)) -> String {
    let at = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let counted = |n: u64| if n == 1 { format!("{n} {one}") } else { format!("{n} {many}") };
    match (at(least), at(most)) {
        (Some(least), Some(most)) if least == most => format!(" of {}", counted(most)),
        (Some(least), Some(most)) => format!(" of {least} to {}", counted(most)),
        (Some(least), None) => format!(" of at least {}", counted(least)),
        (None, Some(most)) => format!(" of at most {}", counted(most)),
        (None, None) => String::new(),
    }
}

/// A value of the schema.
fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

fn cut(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    match plain.get(..plain.floor_char_boundary(MAX_TOLD_BYTES)) {
        Some(begin) if begin.len() < plain.len() => format!("{begin}..."),
        _ => plain,
    }
}

fn list(all: impl Iterator<Item = String>, limit: usize) -> String {
    let mut told: Vec<String> = all.take(limit + 1).map(|one| cut(&one)).collect();
    if told.len() > limit {
        told.truncate(limit);
        told.push("...".to_owned());
    }
    told.join(", ")
}

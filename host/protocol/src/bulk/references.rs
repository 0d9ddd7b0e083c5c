use serde_json::{Map, Value};

/// What a reference starts with (RFC 7644 §3.7.2): `"bulkId:qwerty"`.
pub(super) const PREFIX: &str = "bulkId:";

/// Puts what `id_of` answers for a `bulkId` in the place of every reference to it: texts that are one (`"bulkId:qwerty"`), and those in
/// the filter of a PATCH path (`members[value eq "bulkId:qwerty"]`). The first error ends it.
pub fn resolve<E>(data: &mut Value, id_of: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<(), E> {
    walk(data, false, &mut |name| id_of(name).map(Some))
}

/// Tells `visit` of every reference.
pub(super) fn each(data: &mut Value, visit: &mut dyn FnMut(&str)) {
    let told: Result<(), std::convert::Infallible> = walk(data, false, &mut |name| {
        visit(name);
        Ok(None)
    });
    match told {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

/// Visits every reference; what `visit` answers takes its place. Goes as deep as the JSON, which the reader bounds.
fn walk<E>(
    value: &mut Value,
    is_path: bool,
    visit: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
) -> Result<(), E> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => {
            let changed = match text.strip_prefix(PREFIX) {
                Some(name) => visit(name)?,
                None if is_path => within_path(text, visit)?,
                None => None,
            };
            if let Some(changed) = changed {
                *text = changed;
            }
            Ok(())
        }
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| walk(element, is_path, visit)),
        Value::Object(members) => {
            members.iter_mut().try_for_each(|(name, value)| walk(value, name.eq_ignore_ascii_case("path"), visit))
        }
    }
}

/// The path with its quoted references changed; `None`: none was.
fn within_path<E>(path: &str, visit: &mut dyn FnMut(&str) -> Result<Option<String>, E>) -> Result<Option<String>, E> {
    let mut changed = String::new();
    let mut rest = path;
    let mut has_changed = false;
    while let Some((before, quoted)) = rest.find('"').and_then(|quote| rest.split_at_checked(quote)) {
        let Some((literal, after)) = closing(quoted).and_then(|end| quoted.split_at_checked(end)) else { break };
        let text = serde_json::from_str::<String>(literal).unwrap_or_default();
        let new = match text.strip_prefix(PREFIX) {
            Some(name) => visit(name)?,
            None => None,
        };
        changed.push_str(before);
        match new {
            Some(new) => {
                changed.push_str(&Value::String(new).to_string());
                has_changed = true;
            }
            None => changed.push_str(literal),
        }
        rest = after;
    }
    changed.push_str(rest);
    Ok(has_changed.then_some(changed))
}

/// Where the string ends that `text` begins with, its quotes included.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    end.map(|end| end + 2)
}

/// Takes out of a new resource what refers to one of those that `later` knows: single elements of lists, other attributes whole. What was
/// taken, by the path that a PATCH adds it at.
pub(super) fn take_out(data: &mut Value, later: &dyn Fn(&str) -> bool) -> Vec<(String, Value)> {
    let Value::Object(attributes) = data else { return Vec::new() };
    let mut taken = Vec::new();
    let names: Vec<String> = attributes.keys().cloned().collect();
    for name in names {
        match attributes.get_mut(&name) {
            Some(Value::Object(extension)) if name.contains(':') => {
                let names: Vec<String> = extension.keys().cloned().collect();
                for sub in names {
                    taken.extend(take_from(extension, &sub, later).map(|value| (format!("{name}:{sub}"), value)));
                }
            }
            _ => taken.extend(take_from(attributes, &name, later).map(|value| (name, value))),
        }
    }
    taken
}

fn take_from(attributes: &mut Map<String, Value>, name: &str, later: &dyn Fn(&str) -> bool) -> Option<Value> {
    let mentions = |value: &mut Value| {
        let mut found = false;
        each(value, &mut |name| found |= later(name));
        found
    };
    if let Some(Value::Array(elements)) = attributes.get_mut(name) {
        let taken: Vec<Value> = elements.extract_if(.., mentions).collect();
        return (!taken.is_empty()).then_some(Value::Array(taken));
    }
    let refers = attributes.get_mut(name).is_some_and(mentions);
    if refers { attributes.shift_remove(name) } else { None }
}

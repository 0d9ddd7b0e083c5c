//! What changed between two documents, attribute by attribute: what history tells, and what an undo takes back.

use std::fmt;

use muster_model::{Account, FieldValue, Snapshot};
use muster_protocol::Document;
use serde_json::{Map, Value, json};

/// Where a value stands: `active`, `name.familyName`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`.
///
/// Attributes with several values are one value: their elements have no names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(Vec<String>);

/// One value that is another one, or there or not there any more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    pub place: Place,
    pub was: Option<Value>,
    pub became: Option<Value>,
}

impl Place {
    /// At the top of a document.
    pub(crate) fn named(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// The value that stands there.
    pub(crate) fn of<'d>(&self, document: &'d Document) -> Option<&'d Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(document.get(first)?, |value, name| value.get(name))
    }

    /// Puts a value there, or takes it away; an object that nothing is left of goes as well.
    pub(crate) fn set(&self, document: &mut Document, value: Option<Value>) {
        set(&mut document.0, &self.0, value);
    }
}

fn set(object: &mut Map<String, Value>, names: &[String], value: Option<Value>) {
    let Some((first, rest)) = names.split_first() else { return };
    if rest.is_empty() {
        match value {
            Some(value) => drop(object.insert(first.clone(), value)),
            None => drop(object.remove(first)),
        }
        return;
    }
    let within = object.entry(first.clone()).or_insert_with(|| json!({}));
    if !within.is_object() {
        *within = json!({});
    }
    let Value::Object(parts) = within else { return };
    set(parts, rest, value);
    if parts.is_empty() {
        object.remove(first);
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, name) in self.0.iter().enumerate() {
            // Behind the URN of an extension stands a colon, behind an attribute a dot.
            let joint = match depth {
                0 => "",
                1 if self.0.first().is_some_and(|first| first.contains(':')) => ":",
                _ => ".",
            };
            write!(f, "{joint}{name}")?;
        }
        Ok(())
    }
}

/// From one document to another; one that does not exist has nothing in it.
pub(crate) fn differences(before: Option<&Document>, after: Option<&Document>) -> Vec<Difference> {
    let nothing = Map::new();
    let side = |document: Option<&'_ Document>| document.map(|document| document.0.clone());
    let (before, after) = (side(before), side(after));
    let mut found = Vec::new();
    compare(before.as_ref().unwrap_or(&nothing), after.as_ref().unwrap_or(&nothing), &[], &mut found);
    found
}

fn compare(before: &Map<String, Value>, after: &Map<String, Value>, above: &[String], found: &mut Vec<Difference>) {
    let nothing = Map::new();
    let added = after.keys().filter(|name| !before.contains_key(*name));
    for name in before.keys().chain(added) {
        let (was, became) = (before.get(name), after.get(name));
        if was == became {
            continue;
        }
        let place: Vec<String> = above.iter().chain([name]).cloned().collect();
        match (was, became) {
            (Some(Value::Object(was)), Some(Value::Object(became))) => compare(was, became, &place, found),
            (Some(Value::Object(was)), None) => compare(was, &nothing, &place, found),
            (None, Some(Value::Object(became))) => compare(&nothing, became, &place, found),
            (was, became) => {
                found.push(Difference { place: Place(place), was: was.cloned(), became: became.cloned() });
            }
        }
    }
}

/// The document of one side of a change.
pub(crate) fn document(side: Option<&Snapshot>) -> Option<&Document> {
    side.map(|side| &side.document)
}

/// The account of one side of a change, as something that can be compared.
pub(crate) fn account(side: Option<&Snapshot>) -> Option<Document> {
    side.map(|side| flat(&side.account))
}

fn flat(account: &Account) -> Document {
    let Account { state, listed, keys, fields } = account;
    let plain = |value: &FieldValue| match value {
        FieldValue::Boolean(value) => json!(value),
        FieldValue::Integer(value) => json!(value),
        FieldValue::Decimal(value) => json!(value),
        FieldValue::Text(value) | FieldValue::Json(value) => json!(value),
    };
    let mut flat = Map::new();
    flat.insert("state".to_owned(), json!(state));
    flat.insert("listed".to_owned(), json!(listed));
    if !keys.is_empty() {
        flat.insert("keys".to_owned(), json!(keys));
    }
    let fields: Map<String, Value> = fields.iter().map(|field| (field.name.clone(), plain(&field.value))).collect();
    if !fields.is_empty() {
        flat.insert("fields".to_owned(), Value::Object(fields));
    }
    Document(flat)
}

/// Differences as an administrator reads them.
pub(crate) fn shown(differences: &[Difference]) -> Value {
    let one = |difference: &Difference| {
        let mut shown = json!({ "path": difference.place.to_string() });
        for (side, value) in [("was", &difference.was), ("became", &difference.became)] {
            if let Some(value) = value {
                shown[side] = value.clone();
            }
        }
        shown
    };
    differences.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn doc(value: Value) -> Document {
        serde_json::from_value(value).unwrap()
    }

    fn told(before: Value, after: Value) -> Value {
        shown(&differences(Some(&doc(before)), Some(&doc(after))))
    }

    #[test]
    fn each_value_that_is_another_is_told_with_its_path() {
        let before = json!({
            "active": true, "userName": "ada", "name": { "givenName": "Ada", "familyName": "Byron" },
            "emails": [{ "value": "a@x.org" }], URN: { "department": "Engines", "manager": { "value": "7" } },
        });
        let after = json!({
            "active": false, "userName": "ada", "name": { "givenName": "Ada", "familyName": "King" },
            "emails": [{ "value": "a@x.org" }, { "value": "b@x.org" }], URN: { "department": "Engines" }, "title": "Countess",
        });

        let expected = json!([
            { "path": "active", "was": true, "became": false },
            { "path": "name.familyName", "was": "Byron", "became": "King" },
            { "path": "emails", "was": [{ "value": "a@x.org" }], "became": [{ "value": "a@x.org" }, { "value": "b@x.org" }] },
            { "path": format!("{URN}:manager.value"), "was": "7" },
            { "path": "title", "became": "Countess" },
        ]);
        assert_eq!(told(before, after), expected);
    }

    #[test]
    fn what_did_not_exist_had_nothing() {
        let ada = doc(json!({ "userName": "ada", "name": { "givenName": "Ada" } }));
        let both = json!([{ "path": "userName", "became": "ada" }, { "path": "name.givenName", "became": "Ada" }]);
        assert_eq!(shown(&differences(None, Some(&ada))), both);
        assert_eq!(differences(Some(&ada), None).len(), 2);
        assert_eq!(differences(None, None), []);
    }

    #[test]
    fn taking_every_difference_back_gives_what_was() {
        let before = doc(json!({ "active": true, "name": { "givenName": "Ada" }, "nickName": "a" }));
        let mut after =
            doc(json!({ "active": false, "title": "x", "nickName": "a", URN: { "department": "Engines" } }));

        for difference in differences(Some(&before), Some(&after)) {
            assert_eq!(difference.place.of(&after), difference.became.as_ref());
            difference.place.set(&mut after, difference.was);
        }

        assert_eq!(after, before);
    }
}

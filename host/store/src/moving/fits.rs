//! Whether the names by which a resource is found are its own, and its attributes of the types that RFC 7643 gives them.
//!
//! Names were derived from document and account when the resource was last written, by the schemas that its tenant had then. So what a
//! present schema would make of it need not be all of it, nor must all of it be made by a present schema; but no name can
//! be of what is not there, and those that every schema knows must be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use muster_model::{IndexEntry, Key, Record, ResourceType};
use muster_protocol::Document;
use muster_protocol::dialect::MAX_ELEMENTS;
use muster_protocol::schema::{Attribute, AttributeType, Registry};
use muster_protocol::text::fold;
use serde_json::{Map, Value};

use crate::{COVERED, INDEXED, index_of};

/// What is the server's to say, and in no document; a password is not kept.
const NEVER_KEPT: [&str; 6] = ["id", "meta", "schemas", "groups", "members", "password"];

/// Behind the path of a key or an index entry whose values are told apart by case, and of a key that only keeps a value unique.
const MARKS: [&str; 2] = [EXACT, "#folded"];
const EXACT: &str = "#exact";

static CORE: LazyLock<Registry> = LazyLock::new(Registry::core);

/// How many keys a resource can have: far more than a plugin gives.
const MAX_KEYS: usize = 1024;

/// Says what is wrong, behind "the item". What it costs does not grow by more than the resource does.
pub(super) fn fits(record: &Record) -> Result<(), &'static str> {
    if !has_types(record) {
        return Err("is a resource with an attribute that its kind does not have so");
    }
    if record.keys.len().max(record.account.keys.len()) > MAX_KEYS {
        return Err("is a resource with more keys than any has");
    }
    let values = Values::of(&record.document);
    if !record.keys.iter().all(|key| is_own_key(record, &values, key))
        || !record.index.iter().all(|entry| is_own_entry(&values, entry))
    {
        return Err("is a resource with a name that is not its own");
    }
    if !has_keys(record) || !has_index(record, &values) {
        return Err("is a resource without a name by which it must be found");
    }
    Ok(())
}

/// The texts and numbers of a document, by their paths in lower case: as they are, and as names have them, folded or not.
#[derive(Default)]
struct Values<'d> {
    values: BTreeMap<String, Vec<&'d Value>>,
    names: BTreeMap<String, BTreeSet<String>>,
}

impl<'d> Values<'d> {
    fn of(document: &'d Document) -> Self {
        let mut values = Self::default();
        for (name, value) in &document.0 {
            match value {
                // Behind the URN of an extension stands a colon, behind an attribute a dot.
                Value::Object(attributes) if name.contains(':') => {
                    for (attribute, value) in attributes {
                        values.add(&format!("{name}:{attribute}").to_ascii_lowercase(), value);
                    }
                }
                value => values.add(&name.to_ascii_lowercase(), value),
            }
        }
        values
    }

    fn add(&mut self, path: &str, value: &'d Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.add(path, value)),
            Value::Object(parts) => {
                for (name, value) in parts {
                    self.add(&format!("{path}.{}", name.to_ascii_lowercase()), value);
                }
            }
            Value::String(text) => self.name(path, value, [text.clone(), fold(text)]),
            Value::Number(number) => self.name(path, value, [number.to_string(), number.to_string()]),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn name(&mut self, path: &str, value: &'d Value, names: [String; 2]) {
        self.values.entry(path.to_owned()).or_default().push(value);
        self.names.entry(path.to_owned()).or_default().extend(names);
    }

    fn has(&self, path: &str, name: &str) -> bool {
        self.names.get(path).is_some_and(|names| names.contains(name))
    }

    fn at(&self, path: &str) -> &[&'d Value] {
        self.values.get(path).map_or(&[], Vec::as_slice)
    }
}

fn unmarked(path: &str) -> &str {
    MARKS.iter().find_map(|mark| path.strip_suffix(mark)).unwrap_or(path)
}

fn is_own_key(record: &Record, values: &Values<'_>, key: &Key) -> bool {
    let of_account = || record.account.keys.iter().any(|given| is_of_account(key, &given.attribute, &given.value));
    values.has(unmarked(&key.attribute), &key.folded) || of_account()
}

/// Whether a key is the one that the plugin gave. What it wrote as a path may have been completed: by the URN, by `.value`.
fn is_of_account(key: &Key, attribute: &str, value: &str) -> bool {
    let last = |path: &str| path.rsplit(':').next().unwrap_or(path).to_ascii_lowercase();
    let (own, given) = (last(&key.attribute), last(attribute));
    key.folded == fold(value) && (own == given || own.strip_suffix(".value") == Some(&given))
}

fn is_own_entry(values: &Values<'_>, IndexEntry { attribute, value }: &IndexEntry) -> bool {
    attribute == COVERED || values.has(unmarked(attribute), value)
}

/// Every user holds its name, and every account what the plugin has called unique.
fn has_keys(record: &Record) -> bool {
    let holds = |is: &dyn Fn(&Key) -> bool| record.keys.iter().any(is);
    let name = record.document.text("userName").filter(|_| record.resource_type == ResourceType::USER);
    name.is_none_or(|name| holds(&|key| key.attribute == "username" && key.folded == fold(name)))
        && record.account.keys.iter().all(|given| holds(&|key| is_of_account(key, &given.attribute, &given.value)))
}

/// It is found by what all are found by, and by what it says that it is found by.
fn has_index(record: &Record, values: &Values<'_>) -> bool {
    let index: BTreeSet<(&str, &str)> =
        record.index.iter().map(|entry| (entry.attribute.as_str(), entry.value.as_str())).collect();
    let has = |attribute: &str, value: &str| index.contains(&(attribute, value));
    let is_found = match CORE.get(record.resource_type.as_str()) {
        Some(def) => index_of(def, &record.document).iter().all(|entry| has(&entry.attribute, &entry.value)),
        // In a schema of its own it is told whether case counts.
        None => INDEXED.iter().all(|path| {
            let mut texts = values.at(path).iter().filter_map(|value| value.as_str());
            texts.all(|text| has(path, text) || has(path, &fold(text)))
        }),
    };
    let mut covered = record.index.iter().filter(|entry| entry.attribute == COVERED);
    is_found
        && covered.all(|IndexEntry { value: path, .. }| {
            values.at(unmarked(path)).iter().all(|value| match value {
                Value::String(text) if path.ends_with(EXACT) => has(path, text),
                Value::String(text) => has(path, &fold(text)),
                Value::Number(number) => has(path, &number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => true,
            })
        })
}

/// Users and groups have the types of RFC 7643, whatever a tenant declares beside them.
fn has_types(Record { resource_type, document: Document(document), .. }: &Record) -> bool {
    let Some(def) = CORE.get(resource_type.as_str()) else { return true };
    let has_extension = |urn: &str| {
        let (schema, stored) = (def.extension(urn), document.get(urn));
        schema.zip(stored).is_none_or(|(schema, stored)| {
            stored.as_object().is_some_and(|stored| are_of_types(&schema.attributes, stored))
        })
    };
    !NEVER_KEPT.iter().any(|name| document.contains_key(*name))
        && are_of_types(def.core_attributes(), document)
        && def.extensions.iter().all(|schema| has_extension(&schema.id))
}

fn are_of_types<'a>(attributes: impl IntoIterator<Item = &'a Attribute>, stored: &Map<String, Value>) -> bool {
    let is_of_type = |attribute: &Attribute| match stored.get(&attribute.name) {
        None => true,
        Some(Value::Array(values)) if attribute.multi_valued => {
            values.len() <= MAX_ELEMENTS && values.iter().all(|value| is_one(attribute, value))
        }
        Some(value) => !attribute.multi_valued && is_one(attribute, value),
    };
    attributes.into_iter().all(is_of_type)
}

fn is_one(attribute: &Attribute, value: &Value) -> bool {
    match attribute.kind {
        AttributeType::String | AttributeType::DateTime | AttributeType::Binary | AttributeType::Reference => {
            value.is_string()
        }
        AttributeType::Boolean => value.is_boolean(),
        AttributeType::Decimal => value.is_number(),
        AttributeType::Integer => value.is_i64() || value.is_u64(),
        AttributeType::Complex => value.as_object().is_some_and(|parts| are_of_types(&attribute.sub_attributes, parts)),
    }
}

#[cfg(test)]
mod tests {
    use muster_model::AccountKey;
    use serde_json::json;

    use super::*;
    use crate::contract::help::{GROUP, USER, key, record};

    fn ada() -> Record {
        record(
            &USER,
            1,
            json!({
                "userName": "Ada", "active": true, "externalId": "Ext-1", "name": { "familyName": "Byron" },
                "emails": [{ "value": "Ada@x.org", "primary": true }],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "manager": { "value": "7" } },
            }),
        )
    }

    fn entry(attribute: &str, value: &str) -> IndexEntry {
        IndexEntry { attribute: attribute.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn what_was_derived_from_it_fits() {
        fits(&ada()).unwrap();
        fits(&record(&GROUP, 2, json!({ "displayName": "Engines" }))).unwrap();
        let mut more = ada();
        more.account.keys = vec![AccountKey { attribute: "emails".to_owned(), value: "ADA@x.org".to_owned() }];
        more.keys.push(key("emails.value", "ada@x.org"));
        more.document.0.insert("urn:x:2.0:Own".to_owned(), json!({ "badge": "B-7", "floor": 3 }));
        more.keys.push(Key { attribute: "urn:x:2.0:own:badge#exact".to_owned(), folded: "B-7".to_owned() });
        more.index.push(entry("urn:x:2.0:own:badge#exact", "B-7"));
        more.index.push(entry(COVERED, "urn:x:2.0:own:badge#exact"));
        more.index.push(entry("urn:x:2.0:own:floor", "3"));
        fits(&more).unwrap();
        let robot = json!({ "displayName": "R2", "externalId": 7 });
        let mut robot = Record { resource_type: ResourceType::new("Robot"), ..record(&USER, 3, robot) };
        robot.index = vec![entry("displayname", "r2")];
        fits(&robot).unwrap();
    }

    #[test]
    fn a_name_that_is_not_its_own_or_not_there_is_told() {
        let refused = |change: &dyn Fn(&mut Record)| {
            let mut record = ada();
            change(&mut record);
            fits(&record).unwrap_err()
        };
        let (not_own, missing) =
            ("is a resource with a name that is not its own", "is a resource without a name by which it must be found");
        assert_eq!(refused(&|ada| ada.keys.push(key("username", "bob"))), not_own);
        assert_eq!(refused(&|ada| ada.keys[0] = key("username", "bob")), not_own);
        assert_eq!(refused(&|ada| drop(ada.document.0.insert("userName".to_owned(), json!("bob")))), not_own);
        assert_eq!(refused(&|ada| ada.index.push(entry("externalid", "Ext-2"))), not_own);
        assert_eq!(refused(&|ada| ada.keys.clear()), missing);
        assert_eq!(refused(&|ada| ada.index.retain(|entry| entry.attribute != "externalid")), missing);
        let unique = |ada: &mut Record| {
            drop(ada.document.0.insert("urn:x:2.0:Own".to_owned(), json!({ "badge": "B-7" })));
            ada.index.push(entry(COVERED, "urn:x:2.0:own:badge"));
        };
        assert_eq!(refused(&unique), missing);
        let of_account = |ada: &mut Record| {
            ada.account.keys = vec![AccountKey { attribute: "nickName".to_owned(), value: "A".to_owned() }];
        };
        assert_eq!(refused(&of_account), missing);
        let many = |ada: &mut Record| ada.keys = vec![key("username", "ada"); MAX_KEYS + 1];
        assert_eq!(refused(&many), "is a resource with more keys than any has");
    }

    #[test]
    fn a_type_that_its_kind_does_not_have_is_told() {
        for (name, value) in [
            ("active", json!("yes")),
            ("title", json!(7)),
            ("emails", json!({ "value": "ada@x.org" })),
            ("emails", json!(["ada@x.org"])),
            ("name", json!("Ada Byron")),
            ("name", json!({ "familyName": ["Byron"] })),
            ("title", Value::Null),
            ("password", json!("secret")),
            ("members", json!([])),
            ("emails", json!(vec![json!({ "value": "ada@x.org" }); MAX_ELEMENTS + 1])),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", json!({ "manager": "7" })),
        ] {
            let mut record = ada();
            record.document.0.insert(name.to_owned(), value.clone());
            assert_eq!(fits(&record).unwrap_err(), "is a resource with an attribute that its kind does not have so");
        }
    }
}

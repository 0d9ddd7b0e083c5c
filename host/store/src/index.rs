use muster_model::IndexEntry;
use muster_protocol::Document;
use muster_protocol::filter::canonical_path;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Attribute, AttributeType, Resolved, ResourceTypeDef};
use muster_protocol::text::fold;
use serde_json::Value;

/// The attributes by whose values records are found, besides their keys: canonical paths in lower case.
///
/// These are what identity providers match by (`userName` is always a key). `displayname` is among them because a
/// tenant that allows two groups of one name has no key for it. Besides them come those that a schema calls unique. A filter
/// that compares another attribute looks at every record.
pub const INDEXED: &[&str] = &["externalid", "emails.value", "displayname"];

/// The attribute of an index entry whose value is itself a path: the record would have an entry for that attribute, if it had
/// a value.
///
/// Which attributes are unique is the tenant's to declare, at any time. Only when every record of a kind says so was every one of
/// them written since, and can be found by it.
pub const COVERED: &str = "*";

/// What [`muster_model::Record::index`] must hold for this document: each value of an [`INDEXED`] attribute and of one that
/// must be unique, once; and the paths of the latter, as [`COVERED`] ones.
///
/// [`crate::Lookup`] relies on it: a record whose entries were made in another way is not found by `eq`.
pub fn index_of(def: &ResourceTypeDef, document: &Document) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    for attribute in INDEXED {
        let (name, sub) = attribute.split_once('.').map_or((*attribute, None), |(name, sub)| (name, Some(sub)));
        let path = AttrPath { urn: None, name: name.to_owned(), sub: sub.map(str::to_owned) };
        let resolved = def.resolve(&path).filter(|resolved| resolved.extension.is_none() && is_text(*resolved));
        if let Some(resolved) = resolved {
            add_values(&mut entries, attribute, resolved, document);
        }
    }
    for resolved in def.unique_attributes().filter(|resolved| !is_name(def, *resolved) && is_indexed(*resolved)) {
        let path = path_of(def, resolved);
        if let Some(leaf) = leaf(resolved).filter(|_| !INDEXED.contains(&path.as_str())) {
            let path = unique_entry(path, leaf);
            add_values(&mut entries, &path, resolved, document);
            entries.push(IndexEntry { attribute: COVERED.to_owned(), value: path });
        }
    }
    entries
}

fn add_values(entries: &mut Vec<IndexEntry>, attribute: &str, resolved: Resolved<'_>, document: &Document) {
    let value = || {
        let holder = match resolved.extension {
            Some(schema) => document.get(&schema.id)?.as_object()?,
            None => &document.0,
        };
        holder.get(&resolved.attribute?.name)
    };
    let Some(value) = value() else { return };
    let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let values = elements.iter().filter_map(|element| match resolved.sub {
        Some(sub) => element.get(&sub.name),
        None => Some(element),
    });
    for value in values {
        let value = match value {
            Value::String(text) if is_case_exact(resolved) => text.clone(),
            Value::String(text) => fold(text),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => continue,
        };
        let entry = IndexEntry { attribute: attribute.to_owned(), value };
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
}

/// `userName` of a user: it is a key of every user, and needs no index.
pub(crate) fn is_name(def: &ResourceTypeDef, resolved: Resolved<'_>) -> bool {
    def.name == "User"
        && resolved.extension.is_none()
        && resolved.attribute.is_some_and(|attribute| attribute.name == "userName")
}

/// Whether this attribute is text, as the [`INDEXED`] ones of RFC 7643 are; in a schema of its own it may be anything.
pub(crate) fn is_text(resolved: Resolved<'_>) -> bool {
    leaf(resolved).is_some_and(|leaf| matches!(leaf.kind, AttributeType::String | AttributeType::Reference))
}

/// Whether values of this attribute can be compared by what an index entry says of them.
pub(crate) fn is_indexed(resolved: Resolved<'_>) -> bool {
    leaf(resolved).is_some_and(|leaf| match leaf.kind {
        AttributeType::String | AttributeType::Reference | AttributeType::Integer => true,
        AttributeType::Boolean
        | AttributeType::Decimal
        | AttributeType::DateTime
        | AttributeType::Binary
        | AttributeType::Complex => false,
    })
}

pub(crate) fn is_case_exact(resolved: Resolved<'_>) -> bool {
    leaf(resolved).is_some_and(|leaf| leaf.case_exact)
}

/// What is compared: a complex attribute stands for its `value`.
pub(crate) fn leaf(resolved: Resolved<'_>) -> Option<&Attribute> {
    let attribute = resolved.attribute?;
    resolved.sub.or_else(|| attribute.sub("value")).or(Some(attribute))
}

/// What index entries call an attribute that must be unique. Whether case counts is part of it: when a declaration changes that, the
/// entries of earlier records are in the other form, and do not cover it.
pub(crate) fn unique_entry(path: String, leaf: &Attribute) -> String {
    if leaf.case_exact { format!("{path}#exact") } else { path }
}

fn path_of(def: &ResourceTypeDef, resolved: Resolved<'_>) -> String {
    let path = AttrPath {
        urn: resolved.extension.map(|schema| schema.id.clone()),
        name: resolved.attribute.map(|attribute| attribute.name.clone()).unwrap_or_default(),
        sub: resolved.sub.map(|sub| sub.name.clone()),
    };
    canonical_path(def, &path)
}

#[cfg(test)]
mod tests {
    use muster_protocol::schema::Registry;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_indexed_value_is_listed_once_and_folded_where_case_does_not_count() {
        let registry = Registry::core();
        let def = registry.get("User").unwrap();
        let document = Document(
            json!({
                "userName": "ada",
                "externalId": "Ext-1",
                "displayName": "Ada",
                "title": "Countess",
                "emails": [{ "value": "Ada@x.org" }, { "value": "ada@X.org", "type": "work" }, { "type": "home" }],
            })
            .as_object()
            .unwrap()
            .clone(),
        );

        let entry = |attribute: &str, value: &str| IndexEntry { attribute: attribute.into(), value: value.into() };
        assert_eq!(
            index_of(def, &document),
            [entry("externalid", "Ext-1"), entry("emails.value", "ada@x.org"), entry("displayname", "ada")]
        );
    }
    #[test]
    fn a_unique_attribute_is_listed_and_said_to_be_listed_also_without_a_value() {
        let schema = json!({ "id": "urn:x:2.0:Badge", "name": "", "description": "", "attributes": [{
            "name": "number", "type": "string", "multiValued": false, "description": "", "required": false,
            "caseExact": true, "mutability": "readWrite", "returned": "default", "uniqueness": "global",
        }]});
        let mut def = ResourceTypeDef::clone(Registry::core().get("User").unwrap());
        def.extensions.push(std::sync::Arc::new(serde_json::from_value(schema).unwrap()));
        let of = |document: Value| index_of(&def, &serde_json::from_value(document).unwrap());

        let entry = |attribute: &str, value: &str| IndexEntry { attribute: attribute.into(), value: value.into() };
        let path = "urn:x:2.0:badge:number#exact";
        let with = of(json!({ "userName": "ada", "urn:x:2.0:Badge": { "number": "B-7" } }));
        assert_eq!(with, [entry(path, "B-7"), entry(COVERED, path)]);
        assert_eq!(of(json!({ "userName": "ada" })), [entry(COVERED, path)], "a user name is a key");
    }
}

use muster_model::IndexEntry;
use muster_protocol::Document;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Resolved, ResourceTypeDef};
use muster_protocol::text::fold;
use serde_json::Value;

/// The attributes by whose values records are found, besides their keys: canonical paths in lower case.
///
/// These are what identity providers match by (`userName` is always a key). `displayname` is among them because a
/// tenant that allows two groups of one name has no key for it. A filter that compares another attribute looks at every
/// record.
pub const INDEXED: &[&str] = &["externalid", "emails.value", "displayname"];

/// What [`muster_model::Record::index`] must hold for this document: each value of an [`INDEXED`] attribute, once.
///
/// [`crate::Lookup`] relies on it: a record whose entries were made in another way is not found by `eq`.
pub fn index_of(def: &ResourceTypeDef, document: &Document) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    for attribute in INDEXED {
        let (name, sub) = attribute.split_once('.').map_or((*attribute, None), |(name, sub)| (name, Some(sub)));
        let path = AttrPath { urn: None, name: name.to_owned(), sub: sub.map(str::to_owned) };
        let Some(resolved) = def.resolve(&path).filter(|resolved| resolved.extension.is_none()) else { continue };
        let Some(value) = resolved.attribute.and_then(|attribute| document.get(&attribute.name)) else { continue };
        let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let texts = elements.iter().filter_map(|element| match resolved.sub {
            Some(sub) => element.get(&sub.name).and_then(Value::as_str),
            None => element.as_str(),
        });
        for text in texts {
            let value = if is_case_exact(resolved) { text.to_owned() } else { fold(text) };
            let entry = IndexEntry { attribute: (*attribute).to_owned(), value };
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    }
    entries
}

pub(crate) fn is_case_exact(resolved: Resolved<'_>) -> bool {
    resolved.sub.or(resolved.attribute).is_some_and(|leaf| leaf.case_exact)
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
}

use std::sync::Arc;

use muster_model::{Change, Record, ResourceId, ResourceType, Snapshot, StreamRow};
use muster_protocol::dialect::Profile;
use muster_protocol::filter::{Asked, Filter, Subject};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::ResourceTypeDef;
use muster_protocol::{Document, ENTERPRISE_USER};
use serde_json::Value;

use crate::binding::Bound;

/// What a change is to a stream that tells of some resources only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Of one that it tells of: told as by a stream that tells of everything.
    Within,
    /// Of one that it did not tell of and tells of from now on (RFC 9967 §2.3.1).
    Entered,
    /// Of one that it told of until now (RFC 9967 §2.3.2).
    Left,
    /// Of none of those.
    Outside,
    /// The entry does not say: only members have changed, and the group as it is now decides.
    ByNow,
}

/// Why it cannot be said what something is to a stream: a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unsaid {
    /// Not now; it can be when the plugin is loaded.
    Now(String),
    /// Not with this plugin: it does not have what the filter names.
    ByPlugin(String),
}

/// What selects the resources of one kind.
type Selects = (Arc<ResourceTypeDef>, Filter);

/// Of which resources a stream tells, by the kinds of the tenant's plugin.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    kinds: Vec<(ResourceType, Result<Selects, Unsaid>)>,
}

impl Scope {
    /// That of a stream; `bound` is what says which attributes there are.
    pub(crate) fn of(stream: &StreamRow, bound: Option<&Bound>) -> Self {
        let read = |(kind, text): (&ResourceType, &String)| {
            let says =
                |why: &str| format!("whether the stream {} tells of a {kind} cannot be said: {why}", stream.name);
            let Some(bound) = bound else {
                return (kind.clone(), Err(Unsaid::Now(says("the tenant's plugin is not loaded"))));
            };
            let def = bound.served(kind).cloned().map_err(|_| format!("there is no {kind}"));
            let selects = def.and_then(|def| Ok((def.clone(), select(&def, text)?)));
            (kind.clone(), selects.map_err(|why| Unsaid::ByPlugin(says(&why))))
        };
        Self { kinds: stream.scope.iter().map(read).collect() }
    }

    /// Whether it selects some of a kind, and not all of it.
    pub(crate) fn narrows(&self, kind: &ResourceType) -> bool {
        self.kinds.iter().any(|(of, _)| of == kind)
    }

    /// What can be said of no resource of a kind with the plugin as it is, a sentence each.
    pub(crate) fn impossible(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().filter_map(|(_, selects)| match selects {
            Err(Unsaid::ByPlugin(says)) => Some(says.as_str()),
            Ok(_) | Err(Unsaid::Now(_)) => None,
        })
    }

    /// What an entry of the log is to the stream; a sentence where that cannot be said now.
    pub(crate) fn passage(&self, change: &Change) -> Result<Passage, &Unsaid> {
        let Some((def, filter)) = self.selects(&change.resource_type)? else { return Ok(Passage::Within) };
        let is_in = |side: &Snapshot| filter.matches(def, &Side { id: change.id, document: &side.document });
        Ok(match (change.before.as_ref().map(is_in), change.after.as_ref().map(is_in)) {
            (None, None) => Passage::ByNow,
            (None | Some(true), Some(true)) | (Some(true), None) => Passage::Within,
            (Some(false), Some(true)) => Passage::Entered,
            (Some(true), Some(false)) => Passage::Left,
            (None | Some(false), Some(false)) | (Some(false), None) => Passage::Outside,
        })
    }

    /// The same of a resource as it is: it is told of, or it is not.
    pub(crate) fn passage_of(&self, record: &Record) -> Result<Passage, &Unsaid> {
        let Some((def, filter)) = self.selects(&record.resource_type)? else { return Ok(Passage::Within) };
        let is_in = filter.matches(def, &Side { id: record.id, document: &record.document });
        Ok(if is_in { Passage::Within } else { Passage::Outside })
    }

    fn selects(&self, kind: &ResourceType) -> Result<Option<&Selects>, &Unsaid> {
        match self.kinds.iter().find(|(of, _)| of == kind) {
            None => Ok(None),
            Some((_, Ok(selects))) => Ok(Some(selects)),
            Some((_, Err(unsaid))) => Err(unsaid),
        }
    }
}

/// Reads the filter of a scope; the error is a sentence that names the rule.
///
/// Nothing is forgiven: an operator has written it, and what an attribute that is not there would select is nothing.
pub(crate) fn select(def: &Arc<ResourceTypeDef>, text: &str) -> Result<Filter, String> {
    let strict = Profile::strict();
    let read = Filter::parse(text, &|urn| def.is_schema(urn), &strict);
    let (filter, _) = read.map_err(|invalid| invalid.detail)?;
    filter.check(std::slice::from_ref(def), &strict).map_err(|invalid| invalid.detail)?;
    match beyond(def, &filter) {
        None => Ok(filter),
        Some(path) => Err(format!("{path} cannot be used here: the log does not say how it was")),
    }
}

/// A path of a filter whose value no entry of the log has.
fn beyond(def: &ResourceTypeDef, filter: &Filter) -> Option<AttrPath> {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().find_map(|filter| beyond(def, filter)),
        Filter::Not(filter) => beyond(def, filter),
        Filter::Compare { path, .. } | Filter::Present(path) => is_beyond(def, path, false).then(|| path.clone()),
        Filter::Element { path, .. } => is_beyond(def, path, true).then(|| path.clone()),
    }
}

fn is_beyond(def: &ResourceTypeDef, path: &AttrPath, is_element: bool) -> bool {
    let Some(resolved) = def.resolve(path) else { return false };
    let Some(attribute) = resolved.attribute else { return false };
    match (resolved.extension, attribute.name.as_str()) {
        // Memberships are rows of their own, and the server makes the rest.
        (None, "members" | "groups" | "meta") => true,
        // Of a manager the document has the id; the name is looked up.
        (Some(schema), "manager") if schema.id == ENTERPRISE_USER => {
            is_element || resolved.sub.is_some_and(|sub| sub.name != "value")
        }
        (Some(_) | None, _) => false,
    }
}

/// A resource as an entry of the log, or the store, has it.
struct Side<'a> {
    id: ResourceId,
    document: &'a Document,
}

impl Subject for Side<'_> {
    fn document(&self) -> &Document {
        self.document
    }

    fn common(&self, path: &str) -> Option<Value> {
        (path == "id").then(|| Value::String(self.id.to_string()))
    }

    fn holds_key(&self, _: &str, _: &str) -> bool {
        false
    }

    fn has_row(&self, _: &str, _: &str) -> bool {
        false
    }

    fn has_any_row(&self, _: &str) -> bool {
        false
    }

    fn any_shown(&self, _: &str, _: &Asked<'_>, _: &mut dyn FnMut(&Value) -> bool) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use muster_protocol::filter::{MAX_FILTER_BYTES, MAX_FILTER_TERMS};
    use muster_protocol::schema::Registry;

    use super::*;

    fn user() -> Arc<ResourceTypeDef> {
        Registry::core().get("User").unwrap().clone()
    }

    fn refused(def: &Arc<ResourceTypeDef>, text: &str) -> String {
        select(def, text).expect_err(text)
    }

    #[test]
    fn a_scope_names_what_the_log_has_and_nothing_else() {
        let group = Registry::core().get("Group").unwrap().clone();
        for text in [
            r#"userType eq "Employee""#,
            r#"active eq true and (title co "eng" or not (emails.type eq "home"))"#,
            r#"emails[type eq "work" and value ew "@example.com"]"#,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"Engines\"",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"7\"",
            "externalId pr",
            "not (id pr)",
        ] {
            assert!(select(&user(), text).is_ok(), "{text}: {:?}", select(&user(), text));
        }
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        for (def, text) in [
            (&user(), r#"groups eq "7""#.to_owned()),
            (&user(), r#"active eq true and groups.display eq "a""#.to_owned()),
            (&user(), r#"not (groups[value eq "7"])"#.to_owned()),
            (&user(), r#"meta.lastModified gt "2026-01-01T00:00:00Z""#.to_owned()),
            (&user(), format!(r#"{manager}.displayName eq "Ada""#)),
            (&user(), format!(r#"{manager}[value eq "7"]"#)),
            (&group, "members pr".to_owned()),
        ] {
            let says = refused(def, &text);
            assert!(says.ends_with(" cannot be used here: the log does not say how it was"), "{text}: {says}");
        }
        let says = refused(&user(), r#"password eq "x""#);
        assert_eq!(says, "password cannot be used in a filter: it is never returned");
        for text in [r#"nobody eq "x""#, "members pr", "userName eq ada", "userName eq", "", "active gt true"] {
            assert!(!refused(&user(), text).is_empty());
        }
    }

    #[test]
    fn a_scope_is_as_long_as_a_filter_can_be_and_no_longer() {
        let of = |length: usize| {
            let rest = r#"title eq """#.len();
            select(&user(), &format!(r#"title eq "{}""#, "x".repeat(length - rest)))
        };
        assert!(of(MAX_FILTER_BYTES).is_ok());
        assert!(of(MAX_FILTER_BYTES + 1).unwrap_err().contains(&MAX_FILTER_BYTES.to_string()));
        let terms = |count: usize| select(&user(), &vec!["title pr"; count].join(" or "));
        assert!(terms(MAX_FILTER_TERMS).is_ok() && terms(MAX_FILTER_TERMS + 1).is_err());
    }
}

use muster_model::ResourceId;
use muster_protocol::filter::{Filter, Literal, Op, canonical_path};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{AttributeType, Resolved, ResourceTypeDef, Uniqueness};
use muster_protocol::text::fold;

use crate::index::{INDEXED, is_case_exact, is_indexed, is_name, is_text, leaf, unique_entry};

/// How to come by every record that a filter can match, without looking at the others.
///
/// As [`Filter::equalities`], and it also sees the alternatives of an `or`.
/// The records found are candidates: the whole filter must still be held against each ([`Filter::matches`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The record with this id.
    Id(ResourceId),
    /// The holder of the key `attribute` = `folded`, and those with the index entry `attribute` = `value`.
    ///
    /// Both: a plugin may make a key of an indexed attribute for some records, and whether `displayName` of a group is
    /// a key is the tenant's choice.
    Value {
        /// The canonical path in lower case.
        attribute: String,
        /// The value as keys have it.
        folded: String,
        /// The value as index entries have it. `None`: the key decides alone. So it is for `userName`, which the
        /// service makes a key of every user, and for an attribute that the plugin does not retain, which is in no
        /// document.
        value: Option<String>,
    },
    /// Those with the index entry `attribute` = `value`: it must be unique, but which attributes must be is told at any time, and
    /// earlier records have no entry. If not every record of the kind is [`crate::COVERED`], every one must be looked at.
    Unique {
        /// The canonical path in lower case, with a mark behind it where case counts.
        attribute: String,
        /// The value as index entries have it.
        value: String,
    },
    /// The groups of this member.
    GroupsOf(ResourceId),
    /// The members of this group.
    MembersOf(ResourceId),
    /// What any of these finds; an empty list finds nothing.
    Any(Vec<Lookup>),
}

impl Lookup {
    /// For this filter; `None`: every record must be looked at.
    pub fn of(def: &ResourceTypeDef, filter: &Filter) -> Option<Self> {
        match filter {
            // One condition that all matches fulfil is enough; the one that finds the fewest records.
            Filter::And(all) => all.iter().filter_map(|one| Self::of(def, one)).min_by_key(Self::cost),
            Filter::Or(any) => Some(Self::Any(any.iter().map(|one| Self::of(def, one)).collect::<Option<_>>()?)),
            Filter::Compare { path, op: Op::Eq, literal } => Self::of_equality(def, path, literal),
            Filter::Element { path, filter } => Self::of_element(def, path, filter),
            Filter::Compare { .. } | Filter::Present(_) | Filter::Not(_) => None,
        }
    }

    /// `emails[type eq "work" and value eq "x"]`: whoever matches has an element whose `value` is `x`.
    fn of_element(def: &ResourceTypeDef, path: &AttrPath, filter: &Filter) -> Option<Self> {
        match filter {
            Filter::And(all) => all.iter().filter_map(|one| Self::of_element(def, path, one)).min_by_key(Self::cost),
            Filter::Or(any) => {
                Some(Self::Any(any.iter().map(|one| Self::of_element(def, path, one)).collect::<Option<_>>()?))
            }
            Filter::Compare { path: sub, op: Op::Eq, literal } if sub.sub.is_none() => {
                let attribute = def.resolve(path)?.attribute?;
                // The elements of `tags[value eq "x"]` may be the values themselves (RFC 7643 §2.4).
                let sub = (attribute.kind == AttributeType::Complex).then(|| sub.name.clone());
                let whole = AttrPath { sub, ..path.clone() };
                def.resolve(&whole)?;
                Self::of_equality(def, &whole, literal)
            }
            Filter::Compare { .. } | Filter::Present(_) | Filter::Not(_) | Filter::Element { .. } => None,
        }
    }

    fn of_equality(def: &ResourceTypeDef, path: &AttrPath, literal: &Literal) -> Option<Self> {
        let text = literal.as_text()?;
        // What is not written as the server writes ids is no id: nothing can match.
        let by_id =
            |found: fn(ResourceId) -> Self| Some(ResourceId::parse(&text).map_or_else(|| Self::Any(Vec::new()), found));
        let attribute = canonical_path(def, path);
        match attribute.as_str() {
            "id" => by_id(Self::Id),
            "members" | "members.value" => by_id(Self::GroupsOf),
            "groups" | "groups.value" => by_id(Self::MembersOf),
            name => {
                let folded = fold(&text);
                let value = match def.resolve(path) {
                    None => None,
                    Some(resolved) if is_name(def, resolved) => None,
                    Some(resolved) if !INDEXED.contains(&name) || !is_text(resolved) => {
                        return Self::of_unique(resolved, attribute, literal);
                    }
                    Some(resolved) if is_case_exact(resolved) => Some(text.into_owned()),
                    Some(_) => Some(folded.clone()),
                };
                Some(Self::Value { attribute, folded, value })
            }
        }
    }

    fn of_unique(resolved: Resolved<'_>, attribute: String, literal: &Literal) -> Option<Self> {
        let leaf = leaf(resolved)?;
        if leaf.uniqueness == Uniqueness::None || !is_indexed(resolved) {
            return None;
        }
        let value = match leaf.kind {
            // `7` and `7.0` are the same number, and only one of them is how it is written.
            AttributeType::Integer => match literal {
                Literal::Number(number) => number.as_i64()?,
                Literal::Text(text) => text.trim().parse().ok()?,
                Literal::Boolean(_) | Literal::Null => return None,
            }
            .to_string(),
            _ if leaf.case_exact => literal.as_text()?.into_owned(),
            _ => fold(&literal.as_text()?),
        };
        // A plugin may have given a record a key of this attribute that its document does not have.
        let key = Self::Value { attribute: attribute.clone(), folded: fold(&literal.as_text()?), value: None };
        Some(Self::Any(vec![key, Self::Unique { attribute: unique_entry(attribute, leaf), value }]))
    }

    /// How many records it may find, roughly.
    fn cost(&self) -> u32 {
        match self {
            Self::Id(_) => 1,
            Self::Value { .. } => 2,
            Self::Unique { .. } => 3,
            Self::GroupsOf(_) => 100,
            Self::MembersOf(_) => 10_000,
            Self::Any(any) => any.iter().map(Self::cost).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use muster_protocol::schema::Registry;
    use serde_json::json;

    use super::*;

    const ID: &str = "019b0000-0000-7000-8000-000000000001";

    fn path(text: &str) -> AttrPath {
        let (name, sub) = text.split_once('.').map_or((text, None), |(name, sub)| (name, Some(sub.to_owned())));
        AttrPath { urn: None, name: name.to_owned(), sub }
    }

    fn eq(attribute: &str, text: &str) -> Filter {
        Filter::Compare { path: path(attribute), op: Op::Eq, literal: Literal::Text(text.to_owned()) }
    }

    fn key(attribute: &str, folded: &str) -> Lookup {
        Lookup::Value { attribute: attribute.into(), folded: folded.into(), value: None }
    }

    fn value(attribute: &str, folded: &str, value: &str) -> Lookup {
        Lookup::Value { attribute: attribute.into(), folded: folded.into(), value: Some(value.into()) }
    }

    fn of(kind: &str, filter: &Filter) -> Option<Lookup> {
        Lookup::of(Registry::core().get(kind).unwrap(), filter)
    }

    #[test]
    fn what_identity_providers_match_by_is_looked_up() {
        let id = ResourceId::parse(ID).unwrap();
        assert_eq!(of("User", &eq("ID", ID)), Some(Lookup::Id(id)));
        assert_eq!(of("User", &eq("id", "7")), Some(Lookup::Any(vec![])));
        assert_eq!(of("User", &eq("USERNAME", "Ada")), Some(key("username", "ada")));
        assert_eq!(of("User", &eq("externalId", "Ext")), Some(value("externalid", "ext", "Ext")));
        assert_eq!(of("User", &eq("emails.value", "Ada@x")), Some(value("emails.value", "ada@x", "ada@x")));
        assert_eq!(of("User", &eq("emails", "Ada@x")), Some(value("emails.value", "ada@x", "ada@x")));
        assert_eq!(of("User", &eq("badge", "B7")), Some(key("badge", "b7")), "only a key can match");
        assert_eq!(of("Group", &eq("displayName", "Eng")), Some(value("displayname", "eng", "eng")));
        assert_eq!(of("Group", &eq("members.value", ID)), Some(Lookup::GroupsOf(id)));
        assert_eq!(of("User", &eq("groups", ID)), Some(Lookup::MembersOf(id)));
        let work = Filter::And(vec![eq("type", "work"), eq("value", "Ada@x")]);
        let element = Filter::Element { path: path("emails"), filter: Box::new(work) };
        assert_eq!(of("User", &element), Some(value("emails.value", "ada@x", "ada@x")));
    }

    #[test]
    fn what_a_schema_calls_unique_is_looked_up_by_the_rules_of_its_attribute() {
        let unique = |name: &str, kind: &str, case_exact: bool| {
            json!({
                "name": name, "type": kind, "multiValued": false, "description": "", "required": false,
                "caseExact": case_exact, "mutability": "readWrite", "returned": "default", "uniqueness": "server",
            })
        };
        let attributes = [
            unique("serial", "string", true),
            unique("tag", "string", false),
            unique("slot", "integer", false),
            unique("userName", "string", false),
            unique("displayName", "integer", false),
        ];
        let schema = json!({ "id": "urn:x:Device", "name": "", "description": "", "attributes": attributes });
        let def = ResourceTypeDef {
            name: "Device".into(),
            schema: Arc::new(serde_json::from_value(schema).unwrap()),
            ..ResourceTypeDef::clone(Registry::core().get("Group").unwrap())
        };
        let found = |filter: &Filter| Lookup::of(&def, filter);
        let by = |attribute: &str, folded: &str, entry: &str, value: &str| {
            Some(Lookup::Any(vec![
                key(attribute, folded),
                Lookup::Unique { attribute: entry.into(), value: value.into() },
            ]))
        };
        let number = |text: &str| Filter::Compare {
            path: path("slot"),
            op: Op::Eq,
            literal: Literal::Number(serde_json::from_str(text).unwrap()),
        };

        assert_eq!(found(&eq("Serial", "SN-1")), by("serial", "sn-1", "serial#exact", "SN-1"));
        assert_eq!(found(&eq("tag", "Tag")), by("tag", "tag", "tag", "tag"));
        assert_eq!(found(&number("7")), by("slot", "7", "slot", "7"));
        assert_eq!(found(&eq("slot", " 7")), by("slot", " 7", "slot", "7"));
        assert_eq!(found(&number("7.0")), None, "it is the same number, written in another way");
        assert_eq!(
            found(&eq("userName", "Ada")),
            by("username", "ada", "username", "ada"),
            "it is a key of users only"
        );
        assert_eq!(found(&eq("displayName", "7")), by("displayname", "7", "displayname", "7"), "here it is no text");
        assert_eq!(found(&eq("externalId", "Ext")), Some(value("externalid", "ext", "Ext")));
        let either = Filter::Or(vec![eq("tag", "a"), eq("externalId", "b")]);
        assert_eq!(
            found(&either),
            Some(Lookup::Any(vec![by("tag", "a", "tag", "a").unwrap(), value("externalid", "b", "b")]))
        );
    }

    #[test]
    fn one_condition_of_an_and_is_enough_and_all_of_an_or_are_needed() {
        let title = eq("title", "Countess");
        let name = eq("userName", "ada");
        assert_eq!(of("User", &title), None);
        assert_eq!(of("User", &Filter::Not(Box::new(name.clone()))), None);
        let and = Filter::And(vec![title.clone(), eq("groups", ID), name.clone()]);
        assert_eq!(of("User", &and), Some(key("username", "ada")));
        assert_eq!(of("User", &Filter::Or(vec![name.clone(), title])), None);
        let or = Filter::Or(vec![name, eq("externalId", "Ext")]);
        let both = Lookup::Any(vec![key("username", "ada"), value("externalid", "ext", "Ext")]);
        assert_eq!(of("User", &or), Some(both));
    }
}

use muster_model::{ResourceId, Timestamp};
use muster_protocol::filter::{Filter, Literal, Op, canonical_path};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{AttributeType, Resolved, ResourceTypeDef, Uniqueness};
use muster_protocol::text::fold;

use crate::index::{INDEXED, is_case_exact, is_indexed, is_name, is_text, leaf, unique_entry};

/// How to come by every record that a filter can match, without looking at the others.
///
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
    /// Those with a name that begins so.
    Prefix {
        /// Which names.
        among: Among,
        /// As in [`Lookup::Value`] and [`Lookup::Unique`].
        attribute: String,
        /// As the names have it.
        prefix: String,
    },
    /// Those whose `active` is this. Those that do not say are found by neither.
    Active(bool),
    /// Those last changed between these times, which belong to it; `None`: there is no such end.
    Modified {
        /// Not before.
        from: Option<Timestamp>,
        /// Not after.
        through: Option<Timestamp>,
    },
    /// The groups of this member.
    GroupsOf(ResourceId),
    /// The members of this group.
    MembersOf(ResourceId),
    /// What any of these finds; an empty list finds nothing.
    Any(Vec<Lookup>),
    /// What one of these finds, whichever: each of them finds all that is needed. At least two, the one that is likely to find the
    /// fewest first.
    OneOf(Vec<Lookup>),
}

/// What a text is looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// The keys of the records.
    Keys,
    /// Their index entries.
    Entries,
    /// Their index entries, where not every record may have them: see [`Lookup::Unique`].
    Covered,
}

impl Lookup {
    /// For this filter; `None`: every record must be looked at.
    pub fn of(def: &ResourceTypeDef, filter: &Filter) -> Option<Self> {
        match filter {
            Filter::And(all) => Self::one_of(all.iter().filter_map(|one| Self::of(def, one))),
            Filter::Or(any) => Self::any(any.iter().map(|one| Self::of(def, one))),
            Filter::Compare { path, op: Op::Eq, literal } => Self::of_equality(def, path, literal),
            Filter::Compare { path, op: Op::Sw, literal } => Self::of_prefix(def, path, literal),
            Filter::Compare { path, op, literal } if is_modified(def, path) => Self::of_times(*op, literal),
            Filter::Element { path, filter } => Self::of_element(def, path, filter),
            Filter::Compare { .. } | Filter::Present(_) | Filter::Not(_) => None,
        }
    }

    /// The same without this way, which does not lead to every record; `None`: there is no other.
    pub(crate) fn without(self, way: &Self) -> Option<Self> {
        match self {
            Self::Any(any) => Self::any(any.into_iter().map(|one| one.without(way))),
            Self::OneOf(ways) => Self::one_of(ways.into_iter().filter_map(|one| one.without(way))),
            one => (one != *way).then_some(one),
        }
    }

    /// `emails[type eq "work" and value eq "x"]`: whoever matches has an element whose `value` is `x`.
    fn of_element(def: &ResourceTypeDef, path: &AttrPath, filter: &Filter) -> Option<Self> {
        match filter {
            Filter::And(all) => Self::one_of(all.iter().filter_map(|one| Self::of_element(def, path, one))),
            Filter::Or(any) => Self::any(any.iter().map(|one| Self::of_element(def, path, one))),
            Filter::Compare { path: sub, op, literal } if sub.sub.is_none() => {
                let attribute = def.resolve(path)?.attribute?;
                // The elements of `tags[value eq "x"]` may be the values themselves (RFC 7643 §2.4).
                let sub = (attribute.kind == AttributeType::Complex).then(|| sub.name.clone());
                let whole = AttrPath { sub, ..path.clone() };
                def.resolve(&whole)?;
                match op {
                    Op::Eq => Self::of_equality(def, &whole, literal),
                    Op::Sw => Self::of_prefix(def, &whole, literal),
                    Op::Ne | Op::Co | Op::Ew | Op::Gt | Op::Ge | Op::Lt | Op::Le => None,
                }
            }
            Filter::Compare { .. } | Filter::Present(_) | Filter::Not(_) | Filter::Element { .. } => None,
        }
    }

    fn any(any: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        Some(Self::Any(any.collect::<Option<_>>()?))
    }

    /// Of conditions that all hold. Times are put together: `gt` and `le` are the two ends of one stretch.
    fn one_of(all: impl Iterator<Item = Self>) -> Option<Self> {
        let mut ways = Vec::new();
        let mut times: Option<(Option<Timestamp>, Option<Timestamp>)> = None;
        for way in all.flat_map(|one| if let Self::OneOf(ways) = one { ways } else { vec![one] }) {
            if let Self::Modified { from, through } = way {
                let (after, before) = times.unwrap_or_default();
                // Of two ends the narrower counts; `None` is the widest.
                times = Some((from.max(after), through.into_iter().chain(before).min()));
            } else {
                ways.push(way);
            }
        }
        ways.extend(times.map(|(from, through)| Self::Modified { from, through }));
        ways.sort_by_key(Self::rank);
        if ways.len() > 1 { Some(Self::OneOf(ways)) } else { ways.pop() }
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
                    Some(resolved) if is_active(resolved) => {
                        return Some(Self::or_key(attribute, folded, Self::Active(as_active(literal)?)));
                    }
                    Some(_) if is_modified(def, path) => {
                        return Some(Self::or_key(attribute, folded, Self::of_times(Op::Eq, literal)?));
                    }
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

    /// A plugin may have given a record a key of this attribute that its document does not have.
    fn or_key(attribute: String, folded: String, other: Self) -> Self {
        Self::Any(vec![Self::Value { attribute, folded, value: None }, other])
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
        let unique = Self::Unique { attribute: unique_entry(attribute.clone(), leaf), value };
        Some(Self::or_key(attribute, fold(&literal.as_text()?), unique))
    }

    /// `sw` asks the document only: a key that the plugin gave does not count (see [`Filter::matches`]).
    fn of_prefix(def: &ResourceTypeDef, path: &AttrPath, literal: &Literal) -> Option<Self> {
        let text = literal.as_text()?;
        let attribute = canonical_path(def, path);
        // What the kind does not have begins with nothing.
        let Some(resolved) = def.resolve(path) else { return Some(Self::Any(Vec::new())) };
        let leaf = leaf(resolved)?;
        if is_name(def, resolved) {
            return Some(Self::Prefix { among: Among::Keys, attribute, prefix: fold(&text) });
        }
        // Ids are in no document, and so in no index either.
        if !is_text(resolved) || attribute == "id" {
            return None;
        }
        let prefix = if leaf.case_exact { text.into_owned() } else { fold(&text) };
        if INDEXED.contains(&attribute.as_str()) {
            return Some(Self::Prefix { among: Among::Entries, attribute, prefix });
        }
        let is_unique = leaf.uniqueness != Uniqueness::None;
        is_unique.then(|| Self::Prefix { among: Among::Covered, attribute: unique_entry(attribute, leaf), prefix })
    }

    /// `meta.lastModified`, which every record has.
    fn of_times(op: Op, literal: &Literal) -> Option<Self> {
        // What is finer than a millisecond is cut off, here as where the filter is held against a record.
        let Literal::Text(text) = literal else { return None };
        let at = Timestamp::parse(text)?;
        let millis = at.as_millis();
        let (from, through) = match op {
            Op::Eq => (Some(at), Some(at)),
            Op::Gt => (Some(Timestamp::from_millis(millis.checked_add(1)?)), None),
            Op::Ge => (Some(at), None),
            Op::Lt => (None, Some(Timestamp::from_millis(millis.checked_sub(1)?))),
            Op::Le => (None, Some(at)),
            Op::Ne | Op::Co | Op::Sw | Op::Ew => return None,
        };
        Some(Self::Modified { from, through })
    }

    /// What to try first: roughly, how many records it may find.
    fn rank(&self) -> u32 {
        match self {
            Self::Id(_) => 1,
            Self::Value { .. } => 2,
            Self::Unique { .. } => 3,
            Self::GroupsOf(_) => 100,
            Self::Prefix { .. } => 1_000,
            Self::Modified { .. } => 1_001,
            Self::MembersOf(_) => 10_000,
            Self::Active(_) => 100_000,
            Self::Any(any) => any.iter().map(Self::rank).fold(0, u32::saturating_add),
            Self::OneOf(ways) => ways.first().map_or(0, Self::rank),
        }
    }
}

/// `active` as users have it: one boolean.
fn is_active(resolved: Resolved<'_>) -> bool {
    resolved.extension.is_none()
        && resolved.sub.is_none()
        && resolved.attribute.is_some_and(|attribute| {
            attribute.name == "active" && attribute.kind == AttributeType::Boolean && !attribute.multi_valued
        })
}

/// What `active` is compared with. Of a number every way of writing it would have to be found.
fn as_active(literal: &Literal) -> Option<bool> {
    match literal {
        Literal::Boolean(active) => Some(*active),
        Literal::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Literal::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Literal::Text(_) | Literal::Number(_) | Literal::Null => None,
    }
}

fn is_modified(def: &ResourceTypeDef, path: &AttrPath) -> bool {
    def.resolve(path).is_some_and(|resolved| {
        resolved.extension.is_none()
            && resolved.attribute.is_some_and(|attribute| attribute.name == "meta")
            && resolved.sub.is_some_and(|sub| sub.name == "lastModified")
    })
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
        let group = Lookup::MembersOf(ResourceId::parse(ID).unwrap());
        assert_eq!(of("User", &and), Some(Lookup::OneOf(vec![key("username", "ada"), group])));
        assert_eq!(of("User", &Filter::And(vec![title.clone(), name.clone()])), Some(key("username", "ada")));
        assert_eq!(of("User", &Filter::Or(vec![name.clone(), title])), None);
        let or = Filter::Or(vec![name, eq("externalId", "Ext")]);
        let both = Lookup::Any(vec![key("username", "ada"), value("externalid", "ext", "Ext")]);
        assert_eq!(of("User", &or), Some(both));
    }

    fn compare(attribute: &str, op: Op, text: &str) -> Filter {
        Filter::Compare { path: path(attribute), op, literal: Literal::Text(text.to_owned()) }
    }

    #[test]
    fn what_begins_with_a_text_is_looked_up_among_the_names_that_have_it() {
        let prefix = |among, attribute: &str, prefix: &str| {
            Some(Lookup::Prefix { among, attribute: attribute.into(), prefix: prefix.into() })
        };
        let sw = |attribute: &str, text: &str| compare(attribute, Op::Sw, text);
        assert_eq!(of("User", &sw("USERNAME", "Ada")), prefix(Among::Keys, "username", "ada"));
        assert_eq!(of("User", &sw("externalId", "Ext")), prefix(Among::Entries, "externalid", "Ext"));
        assert_eq!(of("User", &sw("emails", "Ada@")), prefix(Among::Entries, "emails.value", "ada@"));
        assert_eq!(of("Group", &sw("displayName", "STRA\u{df}E")), prefix(Among::Entries, "displayname", "strasse"));
        let element = Filter::Element { path: path("emails"), filter: Box::new(sw("value", "A")) };
        assert_eq!(of("User", &element), prefix(Among::Entries, "emails.value", "a"));
        assert_eq!(of("Group", &sw("userName", "a")), Some(Lookup::Any(vec![])), "a group has none");
        assert_eq!(of("User", &sw("title", "a")), None);
        assert_eq!(of("User", &sw("id", "019b")), None);
    }

    #[test]
    fn active_is_looked_up_as_it_is_compared() {
        let is = |literal| of("User", &Filter::Compare { path: path("Active"), op: Op::Eq, literal });
        let found = |text: &str, active| Some(Lookup::Any(vec![key("active", text), Lookup::Active(active)]));
        assert_eq!(is(Literal::Boolean(false)), found("false", false));
        assert_eq!(is(Literal::Text("True".into())), found("true", true), "as Entra has it");
        assert_eq!(is(Literal::Number(1.into())), None);
        assert_eq!(is(Literal::Null), None);
        assert_eq!(of("User", &compare("active", Op::Ne, "true")), None, "who does not say belongs to it");
    }

    #[test]
    fn a_way_that_does_not_lead_to_every_record_is_left_out_with_all_that_needs_it() {
        let active = |active| Filter::Compare { path: path("active"), op: Op::Eq, literal: Literal::Boolean(active) };
        let without = |filter: &Filter| of("User", filter).unwrap().without(&Lookup::Active(false));
        let name = || eq("userName", "ada");
        assert_eq!(without(&active(false)), None);
        assert_eq!(without(&active(true)), of("User", &active(true)));
        assert_eq!(without(&Filter::And(vec![active(false), name()])), Some(key("username", "ada")));
        assert_eq!(without(&Filter::Or(vec![active(false), name()])), None);
    }

    #[test]
    fn times_of_change_are_a_stretch_with_both_its_ends() {
        let at = |millis: i64| Some(Timestamp::from_millis(1_790_841_600_000 + millis));
        let modified = |op, time: &str| compare("meta.lastModified", op, time);
        let between = |from, through| Some(Lookup::Modified { from, through });
        let noon = "2026-10-01T10:00:00+02:00";
        assert_eq!(of("User", &modified(Op::Gt, noon)), between(at(1), None));
        assert_eq!(of("Group", &modified(Op::Ge, noon)), between(at(0), None));
        assert_eq!(of("User", &modified(Op::Lt, noon)), between(None, at(-1)));
        assert_eq!(of("User", &modified(Op::Le, "2026-10-01T08:00:00.0009Z")), between(None, at(0)));
        let key = key("meta.lastmodified", &noon.to_lowercase());
        let same = Lookup::Any(vec![key, between(at(0), at(0)).unwrap()]);
        assert_eq!(of("User", &modified(Op::Eq, noon)), Some(same));
        assert_eq!(of("User", &modified(Op::Sw, "2026")), None);
        assert_eq!(of("User", &compare("meta.created", Op::Gt, noon)), None);

        let (early, late) = ("2026-10-01T08:00:00.005Z", "2026-10-01T08:00:00.009Z");
        let all = vec![modified(Op::Ge, noon), modified(Op::Lt, late), modified(Op::Gt, early), modified(Op::Le, late)];
        assert_eq!(of("User", &Filter::And(all)), between(at(6), at(8)));
        let nested = Filter::And(vec![
            Filter::And(vec![modified(Op::Gt, early), eq("userName", "ada")]),
            modified(Op::Le, late),
        ]);
        let ways = vec![self::key("username", "ada"), between(at(6), at(9)).unwrap()];
        assert_eq!(of("User", &nested), Some(Lookup::OneOf(ways)));
    }
}

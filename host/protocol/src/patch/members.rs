//! `members` of a group: rows of the store, so that what a write does to them is told as edits.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    MemberEdit,
    element::terms,
    place::Place,
    write::{Mode, Writer, immutable, is_no_value},
};
use crate::{
    MemberRef,
    dialect::Rule,
    error::{Invalid, ScimType},
    filter::{Filter, Op},
    schema::Attribute,
    text, uri,
};

/// The most comparisons that the filters on `members` of one PATCH may hold. Each is made with every member, and a group can have
/// very many; ids are looked up instead, and not counted.
pub const MAX_MEMBER_COMPARISONS: usize = 16;

impl<'a> Writer<'a> {
    /// `add` adds rows, `replace` sets them all; `[]` and `null` then empty the group (Q17).
    pub(super) fn write_members(&mut self, mode: Mode, place: &Place<'a>, value: Value) -> Result<(), Invalid> {
        if place.is_read_only() {
            return self.read_only(place);
        }
        if place.filter.is_some() && place.sub.is_some() {
            return Err(immutable(&place.path()));
        }
        let members = self.member_refs(place.attribute, value)?;
        match (mode, &place.filter) {
            (Mode::Replace, None) => self.settle_members(MemberEdit::Set(members)),
            (Mode::Replace, Some(filter)) => {
                let edit = self.without(filter)?;
                self.members.push(edit);
                self.add_members(members);
            }
            (Mode::Add, _) => self.add_members(members),
        }
        Ok(())
    }

    /// What was to happen to the members before does not matter any more, but for those who were removed: a client that is not shown all
    /// of them speaks here of those whom it is shown, and removes the others one by one.
    fn settle_members(&mut self, edit: MemberEdit) {
        self.members.retain(|edit| matches!(edit, MemberEdit::Remove(_) | MemberEdit::RemoveWhere(_)));
        self.members.push(edit);
    }

    fn add_members(&mut self, members: Vec<MemberRef>) {
        if !members.is_empty() {
            self.members.push(MemberEdit::Add(members));
        }
    }

    /// By filter, or by value (Q5): only those. Without either, everybody.
    pub(super) fn remove_members(&mut self, place: &Place<'a>, value: Option<Value>) -> Result<(), Invalid> {
        if place.is_read_only() {
            return self.read_only(place);
        }
        match (&place.filter, value) {
            (Some(filter), _) => {
                let edit = self.without(filter)?;
                self.members.push(edit);
            }
            (None, None | Some(Value::Null)) => self.settle_members(MemberEdit::Clear),
            (None, Some(value)) => {
                self.tolerance.apply(Rule::RemoveByValue, "members")?;
                let members = self.member_refs(place.attribute, value)?;
                if !members.is_empty() {
                    self.members.push(MemberEdit::Remove(members.into_iter().map(|member| member.value).collect()));
                }
            }
        }
        Ok(())
    }

    /// The ids in a value for `members`, each once (Q18).
    fn member_refs(&mut self, attribute: &Attribute, value: Value) -> Result<Vec<MemberRef>, Invalid> {
        if is_no_value(&value) {
            return Ok(Vec::new());
        }
        let values = match value {
            Value::Array(values) => values,
            single => {
                self.tolerance.apply(Rule::ListAsSingle, "members")?;
                vec![single]
            }
        };
        let mut seen = HashSet::new();
        let mut members = Vec::with_capacity(values.len());
        for value in values {
            let value = self.member_id(attribute, value)?;
            if seen.insert(value.clone()) {
                members.push(MemberRef { value });
            }
        }
        Ok(members)
    }

    fn member_id(&mut self, attribute: &Attribute, member: Value) -> Result<String, Invalid> {
        let id = match member {
            Value::Object(parts) => {
                let (mut id, mut reference) = (Value::Null, None);
                for (key, value) in parts {
                    match self.tolerance.sub_of("members", attribute, &key)? {
                        Some(sub) if sub.name == "value" => id = value,
                        Some(sub) if sub.name == "$ref" && value.is_string() => reference = Some((sub, value)),
                        Some(sub) => self.tolerance.note(Rule::ReadOnlyIgnored, &format!("members.{}", sub.name)),
                        None => {}
                    }
                }
                match reference {
                    None => id,
                    // "$ref: The URI corresponding to a SCIM resource that is a member of this Group" (RFC 7643 §4.2): it ends with the id.
                    Some((sub, reference)) if id.is_null() => referred(sub, &reference)?,
                    Some(_) => {
                        self.tolerance.note(Rule::ReadOnlyIgnored, "members.$ref");
                        id
                    }
                }
            }
            bare => {
                self.tolerance.apply(Rule::MemberAsText, "members")?;
                bare
            }
        };
        let id = match id {
            Value::String(id) => id,
            Value::Number(number) => {
                self.tolerance.apply(Rule::TextAsNumber, "members.value")?;
                number.to_string()
            }
            Value::Null => String::new(),
            _ => return Err(Invalid::value("members.value must be a string")),
        };
        if id.trim().is_empty() {
            return Err(Invalid::value("members.value is required"));
        }
        text::check("members.value", &id)?;
        Ok(id)
    }

    /// The removal of whom a filter selects: by id where it names ids.
    fn without(&mut self, filter: &Filter) -> Result<MemberEdit, Invalid> {
        if let Some(ids) = ids(filter) {
            return Ok(MemberEdit::Remove(ids));
        }
        self.member_comparisons += terms(filter);
        if self.member_comparisons > MAX_MEMBER_COMPARISONS {
            let detail =
                format!("members takes at most {MAX_MEMBER_COMPARISONS} comparisons in a request, besides ids");
            return Err(Invalid::new(ScimType::TooMany, detail));
        }
        Ok(MemberEdit::RemoveWhere(filter.clone()))
    }
}

/// The id in the URI of a member.
fn referred(sub: &Attribute, reference: &Value) -> Result<Value, Invalid> {
    let text = reference.as_str().unwrap_or_default();
    if !uri::leads_to(text, sub) {
        return Err(Invalid::value("members.$ref must be the URI of a user or a group"));
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    Ok(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().into())
}

/// `value eq "a" or value eq "b"`; `None` for any other filter.
fn ids(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Compare { path, op: Op::Eq, literal } if path.name.eq_ignore_ascii_case("value") => {
            literal.as_text().map(|id| vec![id.into_owned()])
        }
        Filter::Or(any) => {
            let parts: Option<Vec<_>> = any.iter().map(ids).collect();
            parts.map(|parts| parts.into_iter().flatten().collect())
        }
        Filter::Compare { .. } | Filter::And(_) | Filter::Not(_) | Filter::Present(_) | Filter::Element { .. } => None,
    }
}

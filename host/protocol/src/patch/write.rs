//! What one write does to a document: the walk that POST, PUT and PATCH share.

use serde_json::{Map, Value};

use super::{
    MemberEdit,
    list::add_element,
    place::{Located, Place},
};
use crate::{
    Document,
    dialect::{Profile, Rewrite, Rule, Tolerance, list::check_length},
    error::{Invalid, ScimType},
    normalise::once::same,
    schema::{Attribute, AttributeType, Mutability, ResourceTypeDef, Schema},
};

/// The two ways to write; they differ where there is a value already, and in what no value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Adds to a list; no value changes nothing.
    Add,
    /// Replaces a list; no value takes away what is there.
    Replace,
}

/// A document in the making. One that was refused half-way is thrown away with its writer.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    pub(super) def: &'a ResourceTypeDef,
    pub(crate) tolerance: Tolerance<'a>,
    pub(crate) document: Map<String, Value>,
    pub(crate) members: Vec<MemberEdit>,
    /// Whether `name.formatted` was written, so that it is not made anew.
    pub(crate) formatted_written: bool,
    /// Whether this is a PATCH. Only there does the RFC refuse what is read-only or immutable (§3.5.2): in the body of a POST or
    /// PUT the former "SHALL be ignored" (§3.3, §3.5.1), and the latter is compared with what is stored when the whole is read.
    patching: bool,
    /// How many elements were compared so far.
    pub(super) comparisons: usize,
    /// How much the filters on members ask so far.
    pub(super) member_comparisons: usize,
}

impl<'a> Writer<'a> {
    /// Reads a whole body.
    pub(crate) fn new(def: &'a ResourceTypeDef, profile: &'a Profile) -> Self {
        Self {
            def,
            tolerance: Tolerance::new(profile),
            document: Map::new(),
            members: Vec::new(),
            formatted_written: false,
            patching: false,
            comparisons: 0,
            member_comparisons: 0,
        }
    }

    /// Applies operations to a copy of `current`.
    pub(super) fn patching(def: &'a ResourceTypeDef, profile: &'a Profile, current: &Document) -> Self {
        Self { document: current.0.clone(), patching: true, ..Self::new(def, profile) }
    }

    /// Takes over what reading the message needed, unless the tenant's profile refuses it.
    pub(super) fn needs(&mut self, rewrite: &Rewrite) -> Result<(), Invalid> {
        if let Some((scim_type, sentence)) = self.tolerance.refusal(rewrite.rule) {
            return Err(Invalid::new(scim_type, format!("{} {sentence}", rewrite.path)));
        }
        self.tolerance.tell(rewrite.clone());
        Ok(())
    }

    /// Writes a map without a path: each key is a path of its own, be it a name, dotted, or with a URN (Q3, 2.6).
    pub(crate) fn merge(&mut self, mode: Mode, value: Value) -> Result<(), Invalid> {
        let Value::Object(map) = value else {
            return Err(Invalid::value("value must be an object where there is no path"));
        };
        for (key, value) in map {
            self.write_key(mode, &key, value)?;
        }
        Ok(())
    }

    fn write_key(&mut self, mode: Mode, key: &str, value: Value) -> Result<(), Invalid> {
        if key.eq_ignore_ascii_case("schemas") {
            return self.check_schemas(&value);
        }
        match self.locate_key(key)? {
            Some(Located::Core) => {
                self.tolerance.apply(Rule::CoreUrnUnwrapped, &self.def.schema.id)?;
                if value.is_null() { Ok(()) } else { self.merge(mode, value) }
            }
            Some(Located::Extension(extension)) => self.write_extension(mode, extension, value),
            Some(Located::Attribute(place)) => self.write(mode, &place, value),
            None => Ok(()),
        }
    }

    /// `schemas` is the server's to make; what it names besides our schemas is told. An extension counts when its key is there,
    /// listed or not (OK-03b, EN-03c).
    fn check_schemas(&mut self, value: &Value) -> Result<(), Invalid> {
        let urns = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        for urn in urns {
            match self.def.extension(urn) {
                Some(extension) if !extension.id.eq_ignore_ascii_case(urn) => {
                    self.tolerance.apply(Rule::LegacyEnterpriseUrn, "schemas")?;
                }
                None if !self.def.is_core(urn) => self.tolerance.apply(Rule::UnknownSchemaDropped, "schemas")?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a whole extension: its attributes are merged.
    pub(crate) fn write_extension(&mut self, mode: Mode, extension: &'a Schema, value: Value) -> Result<(), Invalid> {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    self.write_key(mode, &format!("{}:{key}", extension.id), value)?;
                }
            }
            empty if is_no_value(&empty) => {
                self.tolerance.note(Rule::NullDropped, &extension.id);
                if mode == Mode::Replace {
                    self.remove_extension(extension)?;
                }
            }
            _ if extension.attributes.iter().all(|it| !self.def.heeds(&format!("{}:{}", extension.id, it.name))) => {
                self.tolerance.note(Rule::NotRetained, &extension.id);
            }
            _ => return Err(Invalid::value(format!("{} must be an object", extension.id))),
        }
        Ok(())
    }

    /// Takes a whole extension away. What only the server writes in it stays.
    pub(crate) fn remove_extension(&mut self, extension: &'a Schema) -> Result<(), Invalid> {
        let Some(Value::Object(mut stored)) = self.document.remove(&extension.id) else { return Ok(()) };
        let path = |attribute: &Attribute| format!("{}:{}", extension.id, attribute.name);
        for attribute in &extension.attributes {
            match attribute.mutability {
                Mutability::Immutable if self.patching && stored.contains_key(&attribute.name) => {
                    return Err(immutable(&path(attribute)));
                }
                Mutability::ReadOnly => {}
                Mutability::Immutable | Mutability::ReadWrite | Mutability::WriteOnly => {
                    stored.remove(&attribute.name);
                }
            }
        }
        if self.patching && self.def.requires(extension) {
            return Err(required(&extension.id));
        }
        if !stored.is_empty() {
            self.document.insert(extension.id.clone(), Value::Object(stored));
        }
        Ok(())
    }

    /// Writes an attribute, one of its elements, or a part of either.
    pub(crate) fn write(&mut self, mode: Mode, place: &Place<'a>, value: Value) -> Result<(), Invalid> {
        if place.is_members() {
            return self.write_members(mode, place, value);
        }
        if place.is_read_only() {
            return self.read_only(place);
        }
        self.unless_unheeded(place, |writer| writer.write_heeded(mode, place, value))
    }

    /// What an attribute has that nobody reads or keeps is no reason to refuse the rest: the next write may be the one that ends somebody's
    /// access. It is left out.
    fn unless_unheeded(
        &mut self,
        place: &Place<'a>,
        write: impl FnOnce(&mut Self) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        let path = place.attribute_path();
        if self.def.heeds(&path) {
            return write(self);
        }
        let before = self.stored(place).cloned();
        if write(self).is_err() {
            self.put(place, before);
            self.tolerance.note(Rule::NotRetained, &path);
        }
        Ok(())
    }

    fn write_heeded(&mut self, mode: Mode, place: &Place<'a>, value: Value) -> Result<(), Invalid> {
        let attribute = place.attribute;
        self.keep_immutable(place, |writer| match (&place.filter, place.sub) {
            (Some(filter), _) => writer.write_elements(mode, place, filter, value),
            (None, Some(sub)) if attribute.multi_valued => writer.write_every(mode, place, sub, value),
            (None, Some(sub)) => writer.write_sub(mode, place, sub, value),
            (None, None) if attribute.multi_valued => writer.write_list(mode, place, value),
            (None, None) if attribute.kind == AttributeType::Complex => writer.write_complex(mode, place, value),
            (None, None) => writer.write_simple(mode, place, value),
        })
    }

    /// RFC 7644 §3.5.2: "a client MUST NOT modify an attribute that has mutability "readOnly"": told as `mutability` by a strict
    /// tenant, ignored for identity providers that send `id` and `schemas` along (Q4). `schemas` may be named by a PATCH, and
    /// follows what the document holds.
    pub(super) fn read_only(&mut self, place: &Place<'_>) -> Result<(), Invalid> {
        let is_schemas = place.extension.is_none() && place.attribute.name == "schemas";
        if self.patching && !is_schemas {
            return self.tolerance.apply(Rule::ReadOnlyPatched, &place.path());
        }
        self.tolerance.note(Rule::ReadOnlyIgnored, &place.path());
        Ok(())
    }

    /// RFC 7644 §3.5.2: "a client MAY "add" a value to an "immutable" attribute if the attribute had no previous value", and
    /// nothing else; adding what is there already changes nothing.
    fn keep_immutable(
        &mut self,
        place: &Place<'a>,
        write: impl FnOnce(&mut Self) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        let guarded = self.patching && place.attribute.mutability == Mutability::Immutable;
        let before = if guarded { self.stored(place).cloned() } else { None };
        if let Some(Value::Array(list)) = &before {
            self.compare(list.len(), 1)?;
        }
        write(self)?;
        let Some(before) = before else { return Ok(()) };
        if !self.stored(place).is_some_and(|after| same(place.attribute, &before, after)) {
            return Err(immutable(&place.path()));
        }
        // As it was stored: a value that differs in case alone is the same one.
        self.put(place, Some(before));
        Ok(())
    }

    /// Whether this is the switch: an empty value for it among others says nothing (Q16); it is taken away by an operation of its own.
    pub(crate) fn is_active(place: &Place<'_>) -> bool {
        place.extension.is_none() && place.attribute.name == "active" && place.attribute.kind == AttributeType::Boolean
    }

    fn write_simple(&mut self, mode: Mode, place: &Place<'a>, value: Value) -> Result<(), Invalid> {
        match self.tolerance.coerce(&place.path(), place.attribute, value)? {
            Some(value) => self.put(place, Some(value)),
            // Else an extension that has nothing but this would go with it, and nothing be missing in the whole.
            None if mode == Mode::Replace && self.patching && place.extension.is_some() && place.attribute.required => {
                return Err(Invalid::value(format!("{} is required", place.path())));
            }
            None if mode == Mode::Replace && !Self::is_active(place) => self.put(place, None),
            None => {}
        }
        Ok(())
    }

    /// A complex value is merged, sub-attribute by sub-attribute, also by `replace` (RFC 7644 §3.5.2.3).
    fn write_complex(&mut self, mode: Mode, place: &Place<'a>, value: Value) -> Result<(), Invalid> {
        let path = place.path();
        let value = self.tolerance.only_one(&path, value)?.unwrap_or(Value::Null);
        if is_no_value(&value) {
            self.tolerance.element(&path, place.attribute, value)?;
            if mode == Mode::Replace {
                self.put(place, None);
            }
            return Ok(());
        }
        let mut parts = Vec::new();
        for (key, value) in self.tolerance.object(&path, place.attribute, value)? {
            if let Some(sub) = self.tolerance.sub_of(&path, place.attribute, &key)? {
                parts.push((sub, value));
            }
        }
        // In the order of the schema: a new `value` makes the old `$ref` stale, and must come before a new one.
        let rank = |sub: &Attribute| place.attribute.sub_attributes.iter().position(|other| other.name == sub.name);
        parts.sort_by_key(|(sub, _)| rank(sub));
        parts.into_iter().try_for_each(|(sub, value)| self.write_sub(mode, place, sub, value))
    }

    fn write_sub(&mut self, mode: Mode, place: &Place<'a>, sub: &'a Attribute, value: Value) -> Result<(), Invalid> {
        let path = format!("{}.{}", place.attribute_path(), sub.name);
        let new = match self.tolerance.coerce(&path, sub, value) {
            Err(_) if !self.def.heeds(&path) => {
                self.tolerance.note(Rule::NotRetained, &path);
                return Ok(());
            }
            coerced => coerced?,
        };
        if sub.mutability == Mutability::ReadOnly || (new.is_none() && mode == Mode::Add) {
            return Ok(());
        }
        self.formatted_written |= path == "name.formatted";
        let mut object = self.take_object(place);
        let before = object.get(&sub.name);
        if self.patching && sub.mutability == Mutability::Immutable && before.is_some() && before != new.as_ref() {
            return Err(immutable(&path));
        }
        if sub.name == "value" && before != new.as_ref() {
            object.remove("$ref");
        }
        match new {
            Some(value) => _ = object.insert(sub.name.clone(), value),
            None => _ = object.remove(&sub.name),
        }
        self.put(place, Some(Value::Object(object)));
        Ok(())
    }

    fn write_list(&mut self, mode: Mode, place: &Place<'a>, value: Value) -> Result<(), Invalid> {
        let path = place.path();
        match (mode, self.tolerance.coerce(&path, place.attribute, value)?) {
            (Mode::Replace, list) => self.put(place, list),
            (Mode::Add, Some(Value::Array(new))) => {
                let mut list = self.take_list(place);
                self.compare(list.len() + new.len(), new.len())?;
                let mut changed = Vec::with_capacity(new.len());
                for element in new {
                    changed.push(add_element(&path, place.attribute, &mut list, element)?);
                }
                check_length(&path, list.len())?;
                self.put_list(place, list, &changed)?;
            }
            (Mode::Add, _) => {}
        }
        Ok(())
    }

    /// `emails.value` without a filter means every element; where there is none, it makes one.
    fn write_every(&mut self, mode: Mode, place: &Place<'a>, sub: &'a Attribute, value: Value) -> Result<(), Invalid> {
        let path = place.path();
        let takes_away = mode == Mode::Replace && is_no_value(&value);
        let Some(new) = self.tolerance.coerce(&path, sub, value)? else {
            return if takes_away { self.remove_elements(place, None, None) } else { Ok(()) };
        };
        let mut list = self.take_list(place);
        if list.is_empty() {
            self.tolerance.apply(Rule::ElementCreated, &path)?;
            list.push(Value::Object(Map::new()));
        }
        let every: Vec<usize> = (0..list.len()).collect();
        self.compare(list.len(), 1)?;
        let new = Value::Object(Map::from_iter([(sub.name.clone(), new)]));
        self.change_elements(place, &mut list, &every, &new, None)?;
        // The operation made them all primary, or changed nothing of it.
        let chosen = if sub.name == "primary" { every.as_slice() } else { &[] };
        self.settle_primary(place, &mut list, chosen)?;
        self.put_list(place, list, &every)
    }

    /// Takes away an attribute, some of its elements, or a part of either (RFC 7644 §3.5.2.2). A `value` says which elements
    /// (Q5).
    pub(crate) fn remove(&mut self, place: &Place<'a>, value: Option<Value>) -> Result<(), Invalid> {
        if place.is_members() {
            return self.remove_members(place, value);
        }
        if place.is_read_only() {
            return self.read_only(place);
        }
        self.unless_unheeded(place, |writer| writer.remove_heeded(place, value))
    }

    fn remove_heeded(&mut self, place: &Place<'a>, value: Option<Value>) -> Result<(), Invalid> {
        let value = value.filter(|value| !value.is_null());
        let had_value = self.stored(place).is_some();
        self.keep_immutable(place, |writer| writer.take_away(place, value))?;
        let is_gone = self.stored(place).is_none_or(is_no_value);
        // "If an attribute is removed or becomes unassigned and is defined as a required attribute [...], the server SHALL return
        // [...] a "scimType" error code of "mutability"" (§3.5.2.2).
        if place.attribute.required && had_value && is_gone {
            return Err(required(&place.attribute_path()));
        }
        Ok(())
    }

    fn take_away(&mut self, place: &Place<'a>, value: Option<Value>) -> Result<(), Invalid> {
        match (&place.filter, place.sub, value) {
            (Some(filter), ..) => self.remove_elements(place, Some(filter), None),
            (None, Some(sub), value) if place.attribute.multi_valued => {
                let Some(value) = value else { return self.remove_elements(place, None, None) };
                let path = place.path();
                self.tolerance.apply(Rule::RemoveByValue, &path)?;
                match self.tolerance.coerce(&path, sub, value)? {
                    Some(value) => self.remove_elements(place, None, Some(&value)),
                    None => Ok(()),
                }
            }
            (None, Some(sub), _) => {
                let is_there = self.stored(place).is_some_and(|whole| whole.get(&sub.name).is_some());
                if sub.required && is_there {
                    return Err(required(&place.path()));
                }
                self.write_sub(Mode::Replace, place, sub, Value::Null)
            }
            (None, None, Some(value)) if place.attribute.multi_valued => self.remove_values(place, value),
            (None, None, _) => {
                self.put(place, None);
                Ok(())
            }
        }
    }
}

/// `null`, `""` and `[]` (0.2 rule 5).
pub(super) fn is_no_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

/// The refusal to take away what must be there.
pub(super) fn required(path: &str) -> Invalid {
    Invalid::new(ScimType::Mutability, format!("{path} is required and cannot be removed"))
}

/// The refusal of another value for what may be written once.
pub(crate) fn immutable(path: &str) -> Invalid {
    Invalid::new(ScimType::Mutability, format!("{path} is immutable and has a value already"))
}

//! What one write does to a document: the walk that POST, PUT and PATCH share.

use serde_json::{Map, Value};

use super::{
    MemberEdit,
    place::{Located, Place},
};
use crate::{
    Document,
    dialect::{
        Profile, Rule, Tolerance,
        list::{add_element, check_length, drop_repeats, is_primary, keep_primary},
    },
    error::{Invalid, ScimType},
    normalise::retain,
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
    pub(crate) password: bool,
    /// Whether `name.formatted` was written, so that it is not made anew.
    pub(crate) formatted_written: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(def: &'a ResourceTypeDef, profile: &'a Profile, document: Map<String, Value>) -> Self {
        let tolerance = Tolerance::new(profile);
        Self { def, tolerance, document, members: Vec::new(), password: false, formatted_written: false }
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
                self.tolerance.note(Rule::CoreUrnUnwrapped, &self.def.schema.id);
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
                    self.tolerance.note(Rule::LegacyEnterpriseUrn, "schemas");
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
                    self.remove_extension(extension);
                }
            }
            _ => return Err(Invalid::value(format!("{} must be an object", extension.id))),
        }
        Ok(())
    }

    /// Takes a whole extension away.
    pub(crate) fn remove_extension(&mut self, extension: &Schema) {
        self.document.remove(&extension.id);
    }

    /// Writes an attribute, one of its elements, or a part of either.
    pub(crate) fn write(&mut self, mode: Mode, place: &Place<'a>, value: Value) -> Result<(), Invalid> {
        if place.is_members() {
            return self.write_members(mode, place, value);
        }
        let attribute = place.attribute;
        match attribute.mutability {
            Mutability::ReadOnly => {
                self.tolerance.note(Rule::ReadOnlyIgnored, &place.path());
                return Ok(());
            }
            // A password is never stored: who signs in here does so at the identity provider.
            Mutability::WriteOnly => {
                self.password |= !is_no_value(&value);
                return Ok(());
            }
            Mutability::ReadWrite | Mutability::Immutable => {}
        }
        match (&place.filter, place.sub) {
            (Some(filter), _) => self.write_elements(mode, place, filter, value),
            (None, Some(sub)) if attribute.multi_valued => self.write_every(mode, place, sub, value),
            (None, Some(sub)) => self.write_sub(mode, place, sub, value),
            (None, None) if attribute.multi_valued => self.write_list(mode, place, value),
            (None, None) if attribute.kind == AttributeType::Complex => self.write_complex(mode, place, value),
            (None, None) => self.write_simple(mode, place, value),
        }
    }

    fn write_simple(&mut self, mode: Mode, place: &Place<'a>, value: Value) -> Result<(), Invalid> {
        let Some(value) = self.tolerance.coerce(&place.path(), place.attribute, value)? else {
            // `active` always has a value: taking it away must not let a disabled user in (Q16).
            if mode == Mode::Replace && !place.is_active() {
                self.put(place, None);
            }
            return Ok(());
        };
        let before = self.take(place);
        if place.attribute.mutability == Mutability::Immutable && before.is_some_and(|before| before != value) {
            return Err(immutable(&place.path()));
        }
        self.put(place, Some(value));
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
        let new = self.tolerance.coerce(&path, sub, value)?;
        if sub.mutability == Mutability::ReadOnly || (new.is_none() && mode == Mode::Add) {
            return Ok(());
        }
        self.formatted_written |= path == "name.formatted";
        let mut object = self.take_object(place);
        if sub.name == "value" && object.get("value") != new.as_ref() {
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
                for element in new {
                    add_element(&mut list, element);
                }
                check_length(&path, list.len())?;
                self.put(place, Some(Value::Array(list)));
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
            return if takes_away { self.remove_elements(place, None) } else { Ok(()) };
        };
        let mut list = self.take_list(place);
        if list.is_empty() {
            self.tolerance.apply(Rule::ElementCreated, &path)?;
            list.push(Value::Object(Map::new()));
        }
        for element in list.iter_mut().filter_map(Value::as_object_mut) {
            element.insert(sub.name.clone(), new.clone());
        }
        if let Some(first) = list.iter().position(is_primary) {
            keep_primary(&mut list, first);
        }
        self.put_list(place, list);
        Ok(())
    }

    /// Takes away an attribute, some of its elements, or a part of either (RFC 7644 §3.5.2.2). A `value` says which elements
    /// (Q5).
    pub(crate) fn remove(&mut self, place: &Place<'a>, value: Option<Value>) -> Result<(), Invalid> {
        if place.is_members() {
            return self.remove_members(place, value);
        }
        let read_only = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
        if read_only(place.attribute) || place.sub.is_some_and(read_only) {
            self.tolerance.note(Rule::ReadOnlyIgnored, &place.path());
            return Ok(());
        }
        if place.attribute.required && place.sub.is_none() && place.filter.is_none() {
            let detail = format!("{} is required and cannot be removed", place.path());
            return Err(Invalid::new(ScimType::Mutability, detail));
        }
        if place.is_active() {
            self.tolerance.note(Rule::NullDropped, &place.path());
            return Ok(());
        }
        match (&place.filter, place.sub, value) {
            (Some(filter), ..) => self.remove_elements(place, Some(filter)),
            (None, Some(_), _) if place.attribute.multi_valued => self.remove_elements(place, None),
            (None, Some(sub), _) => self.write_sub(Mode::Replace, place, sub, Value::Null),
            (None, None, Some(value)) if place.attribute.multi_valued && !value.is_null() => {
                self.remove_values(place, value)
            }
            (None, None, _) => {
                self.put(place, None);
                Ok(())
            }
        }
    }

    /// The stored value of the attribute, taken out.
    fn take(&mut self, place: &Place<'_>) -> Option<Value> {
        let container = match place.extension {
            Some(schema) => self.document.get_mut(&schema.id)?.as_object_mut()?,
            None => &mut self.document,
        };
        container.remove(&place.attribute.name)
    }

    fn take_object(&mut self, place: &Place<'_>) -> Map<String, Value> {
        match self.take(place) {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        }
    }

    pub(super) fn take_list(&mut self, place: &Place<'_>) -> Vec<Value> {
        match self.take(place) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    }

    /// Stores the elements of the attribute, each once.
    pub(super) fn put_list(&mut self, place: &Place<'_>, mut list: Vec<Value>) {
        drop_repeats(&mut list);
        self.put(place, Some(Value::Array(list)));
    }

    /// Stores the value of the attribute; what is empty is dropped by [`Self::canonical`].
    fn put(&mut self, place: &Place<'_>, value: Option<Value>) {
        let Some(value) = value else {
            self.take(place);
            return;
        };
        let name = place.attribute.name.clone();
        match place.extension {
            None => _ = self.document.insert(name, value),
            Some(schema) => match self.document.get_mut(&schema.id) {
                Some(Value::Object(container)) => _ = container.insert(name, value),
                _ => _ = self.document.insert(schema.id.clone(), Value::Object(Map::from_iter([(name, value)]))),
            },
        }
    }

    /// The document in its canonical form.
    pub(crate) fn canonical(&mut self) -> Document {
        retain(self.def, &Document(std::mem::take(&mut self.document)))
    }

    /// Refuses a document that lacks a required attribute (RFC 7643 §2.4), or is larger than a resource can be.
    pub(crate) fn check_whole(&self) -> Result<(), Invalid> {
        if self.document.values().map(text_bytes).sum::<usize>() > MAX_RESOURCE_TEXT_BYTES {
            let detail =
                format!("the resource has more than {MAX_RESOURCE_TEXT_BYTES} bytes of text in its attributes");
            return Err(Invalid::value(detail));
        }
        let is_missing = |attribute: &&Attribute| match self.document.get(&attribute.name) {
            Some(Value::String(text)) => text.trim().is_empty(),
            value => value.is_none(),
        };
        match self.def.schema.attributes.iter().filter(|attribute| attribute.required).find(is_missing) {
            Some(attribute) => Err(Invalid::value(format!("{} is required", attribute.name))),
            None => Ok(()),
        }
    }
}

/// Bytes of text in all attributes of a resource: what the plugin makes of it has to fit into its answer.
pub const MAX_RESOURCE_TEXT_BYTES: usize = 96 << 10;

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(text_bytes).sum(),
        Value::Object(parts) => parts.values().map(text_bytes).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
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

/// The refusal of another value for what may be written once.
pub(crate) fn immutable(path: &str) -> Invalid {
    Invalid::new(ScimType::Mutability, format!("{path} is immutable and has a value already"))
}

use super::{element::check_list, write::Writer};
use crate::{
    USER,
    dialect::Rule,
    error::Invalid,
    filter::Filter,
    path::{AttrPath, PatchPath},
    schema::{Attribute, AttributeType, Mutability, Resolved, Schema},
};

/// Where a path or a key leads.
#[derive(Debug)]
pub(crate) enum Located<'a> {
    /// The URN of the core schema alone.
    Core,
    /// A whole extension.
    Extension(&'a Schema),
    /// An attribute, or something in it.
    Attribute(Place<'a>),
}

/// An attribute, one of its elements, or a part of either.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) extension: Option<&'a Schema>,
    pub(crate) attribute: &'a Attribute,
    pub(crate) filter: Option<Filter>,
    pub(crate) sub: Option<&'a Attribute>,
}

impl Place<'_> {
    /// The canonical path, without the filter: for sentences and notes.
    pub(crate) fn path(&self) -> String {
        let attribute = self.attribute_path();
        match self.sub {
            Some(sub) => format!("{attribute}.{}", sub.name),
            None => attribute,
        }
    }

    /// The canonical path of the attribute.
    pub(crate) fn attribute_path(&self) -> String {
        match self.extension {
            Some(schema) => format!("{}:{}", schema.id, self.attribute.name),
            None => self.attribute.name.clone(),
        }
    }

    /// Whether this is `members` of a group, which the document does not hold.
    pub(crate) fn is_members(&self) -> bool {
        self.extension.is_none() && self.attribute.name == "members"
    }

    /// Whether only the server writes this.
    pub(crate) fn is_read_only(&self) -> bool {
        let read_only = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
        read_only(self.attribute) || self.sub.is_some_and(read_only)
    }
}

impl<'a> Writer<'a> {
    /// Where the `path` of an operation leads; `None`: nowhere known, which is told and ignored (Q19).
    pub(crate) fn locate_path(&mut self, text: &str) -> Result<Option<Located<'a>>, Invalid> {
        let def = self.def;
        match PatchPath::read(text, &|urn| def.is_schema(urn), &mut self.tolerance) {
            Ok(path) => self.locate(text, path),
            // The URN of a schema that is not ours need not parse as a path of ours.
            Err(_)
                if text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:"))
                    && !def.is_begun_by(text) =>
            {
                self.tolerance.apply(Rule::UnknownAttributeDropped, text)?;
                Ok(None)
            }
            Err(invalid) => Err(invalid),
        }
    }

    /// Where a key of a map leads: each is a path of its own (Q3).
    pub(crate) fn locate_key(&mut self, key: &str) -> Result<Option<Located<'a>>, Invalid> {
        let def = self.def;
        let Ok(path) = PatchPath::read(key, &|urn| def.is_schema(urn), &mut self.tolerance) else {
            self.tolerance.apply(Rule::UnknownAttributeDropped, key)?;
            return Ok(None);
        };
        if path.attr.sub.is_some() || path.filter.is_some() {
            self.tolerance.apply(Rule::DottedKey, key)?;
        }
        self.locate(key, path)
    }

    fn locate(&mut self, text: &str, path: PatchPath) -> Result<Option<Located<'a>>, Invalid> {
        let PatchPath { attr, filter, sub } = path;
        let attr = AttrPath { sub: sub.or(attr.sub), ..attr };
        if attr.name.is_empty() && attr.urn.as_deref().is_some_and(|urn| self.def.is_core(urn)) {
            return Ok(Some(Located::Core));
        }
        let Some(resolved) = self.def.resolve(&attr) else {
            if self.is_password(&attr) {
                self.tolerance.note(Rule::PasswordDropped, "password");
            } else {
                self.tolerance.apply(Rule::UnknownAttributeDropped, text)?;
            }
            return Ok(None);
        };
        let Resolved { extension, attribute, sub } = resolved;
        let located = match (attribute, extension) {
            (Some(attribute), _) => Located::Attribute(Place { extension, attribute, filter, sub }),
            (None, Some(schema)) => Located::Extension(schema),
            (None, None) => Located::Core,
        };
        self.note_spelling(text, &attr, &located)?;
        if let Located::Attribute(place) = &located
            && !self.selects_known(place)?
        {
            return Ok(None);
        }
        Ok(Some(located))
    }

    /// Whether this is the password of a user where nobody asks for it: it may be sent, and is dropped (RFC 7643 §9.2 has no
    /// place for one that is not needed).
    fn is_password(&self, attr: &AttrPath) -> bool {
        let is_core = attr.urn.as_deref().is_none_or(|urn| self.def.is_core(urn));
        is_core && attr.sub.is_none() && self.def.is_core(USER) && attr.name.eq_ignore_ascii_case("password")
    }

    /// Checks the filter of a value path; whether every name in it is known. With an unknown one the whole path leads nowhere:
    /// otherwise `not (colour eq "red")` would select everything.
    fn selects_known(&mut self, place: &Place<'a>) -> Result<bool, Invalid> {
        let Some(filter) = &place.filter else { return Ok(true) };
        let path = place.attribute_path();
        check_list(&path, place.attribute)?;
        if let Some(unknown) = unknown_name(place.attribute, filter) {
            let shown = format!("{path}.{unknown}");
            self.tolerance.apply(Rule::UnknownAttributeDropped, &shown)?;
            return Ok(false);
        }
        let outer = AttrPath {
            urn: place.extension.map(|schema| schema.id.clone()),
            name: place.attribute.name.clone(),
            sub: None,
        };
        filter.check_element(&outer, place.attribute, &mut self.tolerance)?;
        Ok(true)
    }

    /// Tells where a path is spelt differently from the schema.
    fn note_spelling(&mut self, text: &str, attr: &AttrPath, located: &Located<'_>) -> Result<(), Invalid> {
        let (extension, path) = match located {
            Located::Core => return Ok(()),
            Located::Extension(schema) => (Some(*schema), schema.id.clone()),
            Located::Attribute(place) => (place.extension, place.path()),
        };
        match (&attr.urn, extension) {
            (Some(urn), Some(schema)) if !urn.eq_ignore_ascii_case(&schema.id) => {
                self.tolerance.apply(Rule::LegacyEnterpriseUrn, &path)?;
            }
            (None, Some(_)) => self.tolerance.apply(Rule::UrnOmitted, &path)?,
            _ => {}
        }
        if let Some(urn) = &attr.urn
            && text.as_bytes().get(urn.len()) == Some(&b'.')
        {
            self.tolerance.apply(Rule::LegacyDot, &path)?;
        }
        if let Located::Attribute(place) = located
            && (attr.name != place.attribute.name || attr.sub.as_ref() != place.sub.map(|sub| &sub.name))
        {
            self.tolerance.note(Rule::AttributeNameCase, &path);
        }
        Ok(())
    }
}

/// The first name in a filter between brackets that is no part of an element.
fn unknown_name<'f>(attribute: &Attribute, filter: &'f Filter) -> Option<&'f AttrPath> {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().find_map(|filter| unknown_name(attribute, filter)),
        Filter::Not(filter) => unknown_name(attribute, filter),
        Filter::Compare { path, .. } | Filter::Present(path) | Filter::Element { path, .. } => {
            let is_plain = path.urn.is_none() && path.sub.is_none() && !matches!(filter, Filter::Element { .. });
            // `value` is the element itself where that is no object.
            let itself = attribute.kind != AttributeType::Complex && path.name.eq_ignore_ascii_case("value");
            let is_known = is_plain && (itself || attribute.sub(&path.name).is_some());
            (!is_known).then_some(path)
        }
    }
}

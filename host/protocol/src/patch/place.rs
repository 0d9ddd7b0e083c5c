use super::write::Writer;
use crate::{
    dialect::Rule,
    error::Invalid,
    filter::Filter,
    path::{AttrPath, PatchPath},
    schema::{Attribute, Resolved, Schema},
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

    /// Whether this is `active`, which always has a value.
    pub(crate) fn is_active(&self) -> bool {
        self.extension.is_none() && self.attribute.name == "active"
    }
}

impl<'a> Writer<'a> {
    /// Where the `path` of an operation leads; `None`: nowhere known, which is told and ignored (Q19).
    pub(crate) fn locate_path(&mut self, text: &str) -> Result<Option<Located<'a>>, Invalid> {
        let def = self.def;
        match PatchPath::parse(text, &|urn| def.is_schema(urn)) {
            Ok(path) => self.locate(text, path),
            // The URN of a schema that is not ours need not parse as a path of ours.
            Err(_) if text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:")) => {
                self.tolerance.apply(Rule::UnknownAttributeDropped, text)?;
                Ok(None)
            }
            Err(invalid) => Err(invalid),
        }
    }

    /// Where a key of a map leads: each is a path of its own (Q3).
    pub(crate) fn locate_key(&mut self, key: &str) -> Result<Option<Located<'a>>, Invalid> {
        let def = self.def;
        let Ok(path) = PatchPath::parse(key, &|urn| def.is_schema(urn)) else {
            self.tolerance.apply(Rule::UnknownAttributeDropped, key)?;
            return Ok(None);
        };
        if path.attr.sub.is_some() || path.filter.is_some() {
            self.tolerance.note(Rule::DottedKey, key);
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
            self.tolerance.apply(Rule::UnknownAttributeDropped, text)?;
            return Ok(None);
        };
        let Resolved { extension, attribute, sub } = resolved;
        let located = match (attribute, extension) {
            (Some(attribute), _) => Located::Attribute(Place { extension, attribute, filter, sub }),
            (None, Some(schema)) => Located::Extension(schema),
            (None, None) => Located::Core,
        };
        self.note_spelling(text, &attr, &located);
        Ok(Some(located))
    }

    /// Tells where a path is spelt differently from the schema.
    fn note_spelling(&mut self, text: &str, attr: &AttrPath, located: &Located<'_>) {
        let (extension, path) = match located {
            Located::Core => return,
            Located::Extension(schema) => (Some(*schema), schema.id.clone()),
            Located::Attribute(place) => (place.extension, place.path()),
        };
        match (&attr.urn, extension) {
            (Some(urn), Some(schema)) if !urn.eq_ignore_ascii_case(&schema.id) => {
                self.tolerance.note(Rule::LegacyEnterpriseUrn, &path);
            }
            (None, Some(_)) => self.tolerance.note(Rule::UrnOmitted, &path),
            _ => {}
        }
        if let Some(urn) = &attr.urn
            && text.as_bytes().get(urn.len()) == Some(&b'.')
        {
            self.tolerance.note(Rule::LegacyDot, &path);
        }
        if let Located::Attribute(place) = located
            && (attr.name != place.attribute.name || attr.sub.as_ref() != place.sub.map(|sub| &sub.name))
        {
            self.tolerance.note(Rule::AttributeNameCase, &path);
        }
    }
}

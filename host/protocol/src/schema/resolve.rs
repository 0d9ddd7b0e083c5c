use std::sync::LazyLock;

use super::{Attribute, Resolved, ResourceTypeDef, Schema, Uniqueness, definition};
use crate::{ENTERPRISE_USER, path::AttrPath};

/// `schemas`, `id`, `externalId` and `meta`: resolvable for every type, listed in no schema (RFC 7643 §3.1).
static COMMON: LazyLock<Schema> = LazyLock::new(|| definition(include_str!("common.json")));

/// What older templates call the enterprise extension (`OneLogin`).
pub(super) const LEGACY_ENTERPRISE: [&str; 2] =
    ["urn:scim:schemas:extension:enterprise:2.0", "urn:scim:schemas:extension:enterprise:1.0"];

impl ResourceTypeDef {
    /// Where a path leads; names compare without case, and the URN of the core schema may be left out (RFC 7644 §3.10).
    ///
    /// So may the URN of an extension where the core schema has no such name: Entra sends `manager eq "51aa"`.
    /// The URN of the core schema alone leads nowhere.
    pub fn resolve(&self, path: &AttrPath) -> Option<Resolved<'_>> {
        let (extension, attribute) = match path.urn.as_deref() {
            Some(urn) if self.is_core(urn) => (None, self.core_attribute(&path.name)?),
            Some(urn) => {
                let extension = self.extension(urn)?;
                if path.name.is_empty() {
                    return Some(Resolved { extension: Some(extension), attribute: None, sub: None });
                }
                (Some(extension), extension.attribute(&path.name)?)
            }
            None => match self.core_attribute(&path.name) {
                Some(attribute) => (None, attribute),
                None => self.extension_attribute(&path.name)?,
            },
        };
        let sub = match &path.sub {
            Some(sub) => Some(attribute.sub(sub)?),
            None => None,
        };
        Some(Resolved { extension, attribute: Some(attribute), sub })
    }

    /// Whether anybody does anything with what is sent under this canonical path.
    pub(crate) fn heeds(&self, path: &str) -> bool {
        !self.unheeded.contains(path)
    }

    /// Whether this is the URN of the core schema or of an extension, in any case.
    pub fn is_schema(&self, urn: &str) -> bool {
        self.is_core(urn) || self.extension(urn).is_some()
    }

    /// Whether a text begins with the URN of one of the schemas, in any case.
    pub(crate) fn is_begun_by(&self, text: &str) -> bool {
        let begins = |urn: &str| text.get(..urn.len()).is_some_and(|head| head.eq_ignore_ascii_case(urn));
        begins(&self.schema.id) || self.extensions.iter().any(|schema| begins(&schema.id))
    }

    /// Whether this is the URN of the core schema, in any case.
    pub fn is_core(&self, urn: &str) -> bool {
        self.schema.id.eq_ignore_ascii_case(urn)
    }

    /// The extension with this URN, in any case and also under its legacy name.
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        let legacy = LEGACY_ENTERPRISE.iter().any(|name| name.eq_ignore_ascii_case(urn));
        let urn = if legacy { ENTERPRISE_USER } else { urn };
        self.extensions.iter().map(AsRef::as_ref).find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// Whether a resource without this extension is refused.
    pub fn requires(&self, extension: &Schema) -> bool {
        self.required_extensions.iter().any(|urn| urn.eq_ignore_ascii_case(&extension.id))
    }

    /// What no two resources of this type may share (`uniqueness` of `server` or `global`): single values only, in the order of
    /// the schemas. `id` is not among them: the server makes it.
    ///
    /// `global` means the same as `server` here: a tenant is all the world that its clients see.
    pub fn unique_attributes(&self) -> impl Iterator<Item = Resolved<'_>> {
        let core = self.schema.attributes.iter().map(|attribute| (None, attribute));
        let own = |schema| move |attribute| (Some(schema), attribute);
        let extensions = self.extensions.iter().map(AsRef::as_ref);
        let all = core.chain(extensions.flat_map(move |schema| schema.attributes.iter().map(own(schema))));
        all.filter(|(_, attribute)| !attribute.multi_valued).flat_map(|(extension, attribute)| {
            let whole = (attribute.uniqueness != Uniqueness::None).then_some(None);
            let parts = attribute.sub_attributes.iter().filter(|sub| sub.uniqueness != Uniqueness::None).map(Some);
            whole.into_iter().chain(parts).map(move |sub| Resolved { extension, attribute: Some(attribute), sub })
        })
    }

    /// `externalId`, then the attributes of the core schema: what a document may hold outside extensions, in its order.
    pub fn core_attributes(&self) -> impl Iterator<Item = &Attribute> {
        find_common("externalId").into_iter().chain(&self.schema.attributes)
    }

    /// The attribute of this name outside extensions, common ones included.
    pub(crate) fn core_attribute(&self, name: &str) -> Option<&Attribute> {
        self.schema.attribute(name).or_else(|| find_common(name))
    }

    fn extension_attribute(&self, name: &str) -> Option<(Option<&Schema>, &Attribute)> {
        self.extensions.iter().find_map(|schema| Some((Some(schema.as_ref()), schema.attribute(name)?)))
    }
}

fn find_common(name: &str) -> Option<&'static Attribute> {
    COMMON.attribute(name)
}

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Attribute, CORE, Registry, Resolved, ResourceTypeDef, SELECTORS, Schema};
use crate::path::AttrPath;

/// What SCIM itself needs, whatever a plugin retains: the name, the switch, and the memberships.
const ALWAYS: [(&str, &str); 5] =
    [("User", "userName"), ("User", "active"), ("User", "groups"), ("Group", "displayName"), ("Group", "members")];

impl Registry {
    /// The registry of one tenant: only these resource types, their schemas narrowed to what the plugin retains (nothing named:
    /// everything). What is announced is then what is stored.
    ///
    /// Kept besides: what SCIM needs (`userName`, `active`, `groups` where groups are served, `displayName` and `members` of a
    /// group, every required attribute, every required extension), `externalId`, and of a multi-valued attribute `type` and
    /// `primary`, by which its elements are told apart. Dropped: an extension of which nothing is retained, and `password`, which
    /// is never stored ([`Self::with_password`] puts it back where it may be sent).
    ///
    /// Declared resource types are kept whole: no plugin is asked about them. So is what an operator declares, because it is
    /// added ([`Self::with`]) to the narrowed registry. The error is a sentence for the operator.
    pub fn narrowed(&self, kinds: &[(String, Vec<AttrPath>)]) -> Result<Self, String> {
        if let Some((unknown, _)) = kinds.iter().find(|(name, _)| self.get(name).is_none()) {
            return Err(format!("`{unknown}` is not a resource type"));
        }
        let groups_served = kinds.iter().any(|(name, _)| name == "Group");
        let mut types = Vec::new();
        for def in &self.types {
            match kinds.iter().find(|(name, _)| *name == def.name) {
                Some((_, retained)) => types.push(Arc::new(narrow(def, retained, groups_served)?)),
                None if CORE.get(&def.name).is_none() => types.push(def.clone()),
                None => {}
            }
        }
        Ok(Self { types })
    }

    /// This registry with the `password` of RFC 7643 §4.1.1 among the attributes of a user: it may be sent, and no answer has it.
    #[must_use]
    pub fn with_password(mut self) -> Self {
        let password = CORE.get("User").and_then(|user| user.schema.attribute("password"));
        let user = self.types.iter_mut().find(|def| def.name == "User");
        if let (Some(password), Some(user)) = (password, user)
            && user.schema.attribute("password").is_none()
        {
            let schema = Arc::make_mut(&mut Arc::make_mut(user).schema);
            schema.attributes.push(password.clone());
        }
        self
    }

    /// This registry, for resources of which only `kept` is stored and only `read` is looked at beside it, by kind: a value of anything else
    /// is nobody's, and an ill-formed one is left out like a well-formed one, not refused.
    #[must_use]
    pub fn heeding(mut self, kept: &Self, read: &[(&str, &[AttrPath])]) -> Self {
        for def in &mut self.types {
            let (Some(kept), Some((_, read))) = (kept.get(&def.name), read.iter().find(|(name, _)| *name == def.name))
            else {
                continue;
            };
            let unheeded = unheeded(def, kept, read);
            Arc::make_mut(def).unheeded = unheeded;
        }
        self
    }
}

fn unheeded(def: &ResourceTypeDef, kept: &ResourceTypeDef, read: &[AttrPath]) -> BTreeSet<String> {
    let read: Vec<_> = read.iter().filter_map(|path| def.resolve(path)).collect();
    let core = def.schema.attributes.iter().map(|attribute| (None, attribute));
    let of_extensions =
        def.extensions.iter().flat_map(|schema| schema.attributes.iter().map(move |it| (Some(&schema.id), it)));
    let mut unheeded = BTreeSet::new();
    for (urn, attribute) in core.chain(of_extensions) {
        let is_read = |sub: Option<&str>| {
            let mut of_it = read.iter().filter(|path| path.extension.map(|schema| &schema.id) == urn);
            of_it.any(|path| {
                path.attribute.is_none_or(|named| named.name == attribute.name)
                    && (sub.is_none() || path.sub.is_none_or(|named| Some(named.name.as_str()) == sub))
            })
        };
        // Of a list an element is written whole.
        let parts = attribute.sub_attributes.iter().filter(|_| !attribute.multi_valued);
        for sub in std::iter::once(None).chain(parts.map(|sub| Some(sub.name.clone()))) {
            let path = AttrPath { urn: urn.cloned(), name: attribute.name.clone(), sub };
            if kept.resolve(&path).is_none() && !is_read(path.sub.as_deref()) {
                unheeded.insert(path.to_string());
            }
        }
    }
    unheeded
}

fn narrow(def: &ResourceTypeDef, retained: &[AttrPath], groups_served: bool) -> Result<ResourceTypeDef, String> {
    let mut kept = Vec::new();
    for path in retained {
        kept.push(def.resolve(path).ok_or_else(|| format!("`{path}` is not an attribute of {}", def.name))?);
    }
    let everything = retained.is_empty();
    let keep = |extension: Option<&Schema>, attribute: &Attribute| {
        let core_user = extension.is_none() && def.name == "User";
        if core_user && (attribute.name == "password" || (attribute.name == "groups" && !groups_served)) {
            return None;
        }
        let always = extension.is_none() && ALWAYS.contains(&(def.name.as_str(), attribute.name.as_str()));
        let required = attribute.required || extension.is_some_and(|schema| def.requires(schema));
        if everything || always || required {
            return Some(attribute.clone());
        }
        narrow_attribute(attribute, kept.iter().filter(|path| leads_to(path, extension, attribute)))
    };
    let narrow_schema = |schema: &Schema, extension: Option<&Schema>| Schema {
        attributes: schema.attributes.iter().filter_map(|attribute| keep(extension, attribute)).collect(),
        ..schema.clone()
    };
    let extensions = def.extensions.iter().map(|schema| narrow_schema(schema, Some(schema)));
    // A required extension is kept whole, so that the list of those stays as it is.
    Ok(ResourceTypeDef {
        schema: Arc::new(narrow_schema(&def.schema, None)),
        extensions: extensions.filter(|schema| !schema.attributes.is_empty()).map(Arc::new).collect(),
        ..def.clone()
    })
}

/// Whether a retained path names this attribute, a part of it, or the whole extension it belongs to.
fn leads_to(path: &Resolved<'_>, extension: Option<&Schema>, attribute: &Attribute) -> bool {
    path.extension.map(|schema| &schema.id) == extension.map(|schema| &schema.id)
        && path.attribute.is_none_or(|named| named.name == attribute.name)
}

fn narrow_attribute<'a>(attribute: &Attribute, paths: impl Iterator<Item = &'a Resolved<'a>>) -> Option<Attribute> {
    let paths: Vec<_> = paths.collect();
    if paths.is_empty() {
        return None;
    }
    if paths.iter().any(|path| path.sub.is_none()) {
        return Some(attribute.clone());
    }
    let keep = |sub: &&Attribute| {
        sub.required
            || (attribute.multi_valued && SELECTORS.contains(&sub.name.as_str()))
            || paths.iter().any(|path| path.sub.is_some_and(|named| named.name == sub.name))
    };
    let sub_attributes = attribute.sub_attributes.iter().filter(keep).cloned().collect();
    Some(Attribute { sub_attributes, ..attribute.clone() })
}

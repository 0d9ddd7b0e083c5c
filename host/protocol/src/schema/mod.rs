//! Schemas and resource types as data (RFC 7643 §6, §7): what is announced is what is enforced.

mod check;
mod declare;
mod discovery;
mod narrow;
mod resolve;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

pub use check::{
    MAX_ATTRIBUTES, MAX_CANONICAL_VALUE_BYTES, MAX_CANONICAL_VALUES, MAX_DESCRIPTION_BYTES, MAX_NAME_BYTES,
    MAX_REFERENCE_TYPES, MAX_SUB_ATTRIBUTES, MAX_URN_BYTES,
};
pub use declare::{
    Declarations, ExtensionDeclaration, MAX_DECLARED_ATTRIBUTES, MAX_DECLARED_EXTENSIONS, MAX_DECLARED_TYPES,
    ResourceTypeDeclaration, SchemaExtension,
};
pub use discovery::{BulkLimits, Capabilities, Pagination, service_provider_config_json};

/// A schema: core or extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The URN.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Top-level attributes, in the order in which they are announced.
    pub attributes: Vec<Attribute>,
}

/// The data type of an attribute (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttributeType {
    /// Unicode text
    #[default]
    String,
    /// `true` or `false`
    Boolean,
    /// a number with a fraction
    Decimal,
    /// a number without one
    Integer,
    /// RFC 3339
    DateTime,
    /// base64
    Binary,
    /// a URI
    Reference,
    /// sub-attributes
    Complex,
}

/// Who may change an attribute, and when (RFC 7643 §7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// only the server
    ReadOnly,
    /// anyone, any time
    #[default]
    ReadWrite,
    /// once
    Immutable,
    /// anyone, and nobody reads it
    WriteOnly,
}

/// When an attribute is in an answer (RFC 7643 §7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// whatever was asked for
    Always,
    /// in none
    Never,
    /// unless it was excluded
    #[default]
    Default,
    /// if it was asked for
    Request,
}

/// Where a value must be unique (RFC 7643 §7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// nowhere
    #[default]
    None,
    /// among the tenant's resources of this type
    Server,
    /// everywhere
    Global,
}

/// One attribute with all its characteristics. What a definition leaves out has the default of RFC 7643 §2.2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// The canonical name.
    pub name: String,
    /// Its data type.
    #[serde(rename = "type", default)]
    pub kind: AttributeType,
    /// Whether it is a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether a resource without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Whether case counts when values are compared.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may change it.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is in an answer.
    #[serde(default)]
    pub returned: Returned,
    /// Where it must be unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// Suggested values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// What a reference leads to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
    /// The endpoints of the resource types among the reference types: `/Users`. Filled in by the registry.
    #[serde(skip)]
    pub(crate) reference_endpoints: Vec<String>,
}

/// A kind of resource as one tenant has it: narrowed to what the tenant's plugin retains.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceTypeDef {
    /// `User`
    pub name: String,
    /// `/Users`
    pub endpoint: String,
    /// One sentence.
    pub description: String,
    /// The core schema.
    pub schema: Arc<Schema>,
    /// The extensions.
    pub extensions: Vec<Arc<Schema>>,
    /// The URNs of those extensions without which a resource is refused.
    pub required_extensions: Vec<String>,
    /// The paths of what may be sent and nobody does anything with ([`Registry::heeding`]): `title`, `name.givenName`.
    pub unheeded: BTreeSet<String>,
}

/// A path that leads somewhere in a [`ResourceTypeDef`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resolved<'a> {
    /// The extension that the attribute belongs to; `None`: the core schema.
    pub extension: Option<&'a Schema>,
    /// The attribute; `None`: the whole extension.
    pub attribute: Option<&'a Attribute>,
    /// The sub-attribute.
    pub sub: Option<&'a Attribute>,
}

/// Everything one tenant serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    /// In the order in which they are announced.
    pub types: Vec<Arc<ResourceTypeDef>>,
}

/// What value paths select elements by. They are kept wherever an element is: without `type`, the next
/// `emails[type eq "work"].value` would find no element and add another.
pub(crate) const SELECTORS: [&str; 2] = ["type", "primary"];

/// The definitions that are compiled in.
static CORE: LazyLock<Registry> = LazyLock::new(|| {
    let read = |json| declare::settled(&definition(json), &[("User", "/Users"), ("Group", "/Groups")]);
    let user = read(include_str!("user.json"));
    let group = read(include_str!("group.json"));
    let enterprise_user = read(include_str!("enterprise_user.json"));
    Registry {
        types: vec![
            Arc::new(ResourceTypeDef {
                name: "User".into(),
                endpoint: "/Users".into(),
                description: "User Account".into(),
                schema: Arc::new(user),
                extensions: vec![Arc::new(enterprise_user)],
                required_extensions: Vec::new(),
                unheeded: BTreeSet::new(),
            }),
            Arc::new(ResourceTypeDef {
                name: "Group".into(),
                endpoint: "/Groups".into(),
                description: "Group".into(),
                schema: Arc::new(group),
                extensions: Vec::new(),
                required_extensions: Vec::new(),
                unheeded: BTreeSet::new(),
            }),
        ],
    }
});

impl Registry {
    /// `User` with the enterprise extension, and `Group`, with every attribute of RFC 7643 §8.7.1.
    ///
    /// Two differences, both from the text of that RFC: `addresses.primary` is there (§2.4, §8.2), and the `displayName` of a
    /// group is required (§4.2). `members.display`, which only §2.4 has, is the server's to fill in: `readOnly`.
    pub fn core() -> Self {
        CORE.clone()
    }

    /// The resource type of this name (`User`).
    pub fn get(&self, name: &str) -> Option<&Arc<ResourceTypeDef>> {
        self.types.iter().find(|def| def.name == name)
    }

    /// The resource type behind this path segment (`Users`), in any case.
    pub fn by_endpoint(&self, segment: &str) -> Option<&Arc<ResourceTypeDef>> {
        self.types.iter().find(|def| def.endpoint.trim_start_matches('/').eq_ignore_ascii_case(segment))
    }
}

impl Schema {
    /// The attribute of this name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.attributes, name)
    }
}

impl Attribute {
    /// The sub-attribute of this name, in any case.
    pub fn sub(&self, name: &str) -> Option<&Self> {
        find(&self.sub_attributes, name)
    }
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

#[expect(clippy::expect_used, reason = "compiled in, and read by every test")]
fn definition(json: &str) -> Schema {
    serde_json::from_str(json).expect("a schema definition is valid JSON")
}

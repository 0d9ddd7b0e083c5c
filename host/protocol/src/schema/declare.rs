use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Attribute, AttributeType, CORE, Registry, ResourceTypeDef, Schema,
    check::{check_core, check_endpoint, check_schema, check_text, check_type_name},
    discovery::OF_DISCOVERY,
    resolve::LEGACY_ENTERPRISE,
};

/// Extensions that one set of declarations may have, those of its own resource types included.
pub const MAX_DECLARED_EXTENSIONS: usize = 32;
/// Resource types that one set of declarations may have.
pub const MAX_DECLARED_TYPES: usize = 16;
/// Attributes and sub-attributes that one set of declarations may have in all.
pub const MAX_DECLARED_ATTRIBUTES: usize = 2_000;

/// What an operator or a plugin adds to the schemas of one tenant.
///
/// Schemas are in the form of RFC 7643 §7, as `/Schemas` answers them; what is left out has the default of §2.2.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Declarations {
    /// Attributes for resource types that exist.
    pub extensions: Vec<ExtensionDeclaration>,
    /// Kinds of resource beside users and groups.
    pub resource_types: Vec<ResourceTypeDeclaration>,
}

/// Attributes for a resource type that exists. The same schema may be declared for several types, once for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtensionDeclaration {
    /// The name of the type: `User`.
    pub resource_type: String,
    /// Whether a resource without it is refused.
    #[serde(default)]
    pub required: bool,
    /// The attributes.
    pub schema: Schema,
}

/// A kind of resource beside users and groups. The host keeps it as it is sent: no plugin is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceTypeDeclaration {
    /// `Device`
    pub name: String,
    /// `/Devices`
    pub endpoint: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// Its core schema.
    pub schema: Schema,
    /// Its extensions.
    #[serde(default)]
    pub extensions: Vec<SchemaExtension>,
}

/// An extension of a declared resource type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaExtension {
    /// Whether a resource without it is refused.
    #[serde(default)]
    pub required: bool,
    /// The attributes.
    pub schema: Schema,
}

impl Declarations {
    /// Whether nothing is declared.
    pub const fn is_empty(&self) -> bool {
        self.extensions.is_empty() && self.resource_types.is_empty()
    }

    /// Every extension with the name of the type that it is for.
    fn all_extensions(&self) -> impl Iterator<Item = (&str, bool, &Schema)> {
        let own = self.extensions.iter().map(|one| (one.resource_type.as_str(), one.required, &one.schema));
        let of_types = self.resource_types.iter().flat_map(|declared| {
            declared.extensions.iter().map(|one| (declared.name.as_str(), one.required, &one.schema))
        });
        own.chain(of_types)
    }

    fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.resource_types.iter().map(|one| &one.schema).chain(self.all_extensions().map(|(_, _, schema)| schema))
    }

    fn check_counts(&self) -> Result<(), String> {
        if self.resource_types.len() > MAX_DECLARED_TYPES {
            return Err(format!("more than {MAX_DECLARED_TYPES} resource types are declared"));
        }
        if self.all_extensions().count() > MAX_DECLARED_EXTENSIONS {
            return Err(format!("more than {MAX_DECLARED_EXTENSIONS} extensions are declared"));
        }
        let of = |attribute: &Attribute| 1 + attribute.sub_attributes.len();
        if self.schemas().flat_map(|schema| &schema.attributes).map(of).sum::<usize>() > MAX_DECLARED_ATTRIBUTES {
            return Err(format!("more than {MAX_DECLARED_ATTRIBUTES} attributes are declared in all"));
        }
        Ok(())
    }
}

impl Registry {
    /// This registry with what is declared added to it, or a sentence for whoever declared it, which names what is wrong and where.
    ///
    /// An extension for `User` or `Group` where the tenant does not serve that type is checked and left out.
    pub fn with(&self, declared: &Declarations) -> Result<Self, String> {
        declared.check_counts()?;
        let places = self.check_types(declared)?;
        let names: Vec<&str> = places.iter().map(|(name, _)| *name).collect();
        for schema in declared.schemas() {
            check_schema(schema, &names)?;
        }
        self.check_urns(declared)?;

        let mut types: Vec<ResourceTypeDef> = self.types.iter().map(|def| ResourceTypeDef::clone(def)).collect();
        for one in &declared.resource_types {
            check_core(&one.schema)?;
            types.push(ResourceTypeDef {
                name: one.name.clone(),
                endpoint: one.endpoint.clone(),
                description: one.description.clone(),
                schema: Arc::new(settled(&one.schema, &places)),
                extensions: Vec::new(),
                required_extensions: Vec::new(),
                unheeded: BTreeSet::new(),
            });
        }
        for (of, required, schema) in declared.all_extensions() {
            if !names.contains(&of) {
                return Err(format!("{}: `{of}` is not a resource type", schema.id));
            }
            let Some(def) = types.iter_mut().find(|def| def.name == of) else { continue };
            if def.extensions.iter().any(|other| other.id.eq_ignore_ascii_case(&schema.id)) {
                return Err(format!("{}: {of} has this extension already", schema.id));
            }
            def.extensions.push(Arc::new(settled(schema, &places)));
            if required {
                def.required_extensions.push(schema.id.clone());
            }
        }
        Ok(Self { types: types.into_iter().map(Arc::new).collect() })
    }

    /// Checks what types are called and where they are; answers both of all of them.
    fn check_types<'a>(&'a self, declared: &'a Declarations) -> Result<Vec<(&'a str, &'a str)>, String> {
        let known = CORE.types.iter().chain(&self.types);
        let mut places: Vec<(&str, &str)> = known.map(|def| (def.name.as_str(), def.endpoint.as_str())).collect();
        for one in &declared.resource_types {
            check_type_name(&one.name)?;
            if places.iter().any(|(name, _)| name.eq_ignore_ascii_case(&one.name)) {
                return Err(format!("the resource type `{}` is there already", one.name));
            }
            check_endpoint(&one.name, &one.endpoint)?;
            if places.iter().any(|(_, endpoint)| endpoint.eq_ignore_ascii_case(&one.endpoint)) {
                return Err(format!("the resource type `{}`: its endpoint is taken by another type", one.name));
            }
            check_text(&format!("the resource type `{}`: its description", one.name), &one.description)?;
            places.push((&one.name, &one.endpoint));
        }
        Ok(places)
    }

    /// Every URN means one schema, and no path could mean two things.
    fn check_urns(&self, declared: &Declarations) -> Result<(), String> {
        let taken: Vec<&Schema> = CORE.schemas().chain(OF_DISCOVERY.iter()).chain(self.schemas()).collect();
        let mut own: HashMap<String, (&Schema, bool)> = HashMap::new();
        let cores = declared.resource_types.iter().map(|one| (&one.schema, true));
        let extensions = declared.all_extensions().map(|(_, _, schema)| (schema, false));
        for (schema, is_core) in cores.chain(extensions) {
            let urn = schema.id.to_ascii_lowercase();
            let legacy = LEGACY_ENTERPRISE.iter().any(|name| name.eq_ignore_ascii_case(&urn));
            if legacy || taken.iter().any(|other| other.id.eq_ignore_ascii_case(&urn)) {
                return Err(format!("{}: this schema is there already", schema.id));
            }
            if let Some((other, was_core)) = own.insert(urn, (schema, is_core)) {
                if was_core || is_core {
                    return Err(format!("{}: the core schema of a type can be declared once only", schema.id));
                }
                if other != schema {
                    return Err(format!("{}: it is declared twice, and not in the same way", schema.id));
                }
            }
        }
        let all = || taken.iter().copied().chain(own.values().map(|(schema, _)| *schema));
        for schema in own.values().map(|(schema, _)| *schema) {
            let clash = all().find_map(|other| ambiguous(schema, other).or_else(|| ambiguous(other, schema)));
            if let Some((longer, path)) = clash {
                return Err(format!("{longer}: this URN is also the path of the attribute `{path}` of another schema"));
            }
        }
        Ok(())
    }
}

/// Whether the URN of `longer` reads as the path of an attribute of `shorter`: then both, in a sentence's order.
fn ambiguous<'a>(longer: &'a Schema, shorter: &Schema) -> Option<(&'a str, &'a str)> {
    let rest = longer.id.get(shorter.id.len()..)?;
    let path = rest.strip_prefix([':', '.'])?;
    let same = longer.id.get(..shorter.id.len())?.eq_ignore_ascii_case(&shorter.id);
    let name = path.split_once('.').map_or(path, |(name, _)| name);
    (same && shorter.attribute(name).is_some()).then_some((longer.id.as_str(), path))
}

/// A schema as it is announced: with a name, and with case counting where RFC 7643 lets nobody choose (§2.3.6, §2.3.7).
/// `endpoints` tells where each resource type is.
pub(super) fn settled(schema: &Schema, endpoints: &[(&str, &str)]) -> Schema {
    let mut schema = schema.clone();
    if schema.name.is_empty() {
        schema.name = schema.id.rsplit(':').next().unwrap_or_default().to_owned();
    }
    for attribute in &mut schema.attributes {
        settle(attribute, endpoints);
    }
    schema
}

fn settle(attribute: &mut Attribute, endpoints: &[(&str, &str)]) {
    if matches!(attribute.kind, AttributeType::Binary | AttributeType::Reference) {
        attribute.case_exact = true;
    }
    let endpoint =
        |name: &String| endpoints.iter().find(|(of, _)| of == name).map(|(_, endpoint)| (*endpoint).to_owned());
    attribute.reference_endpoints = attribute.reference_types.iter().filter_map(endpoint).collect();
    for sub in &mut attribute.sub_attributes {
        settle(sub, endpoints);
    }
}

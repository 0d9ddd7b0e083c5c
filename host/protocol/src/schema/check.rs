//! What a declared schema must be like. Each refusal is a sentence that begins with the URN of the schema and names the attribute.

use super::{Attribute, AttributeType, CORE, Mutability, Returned, Schema, Uniqueness};
use crate::path::is_name;

/// Bytes of the URN of a declared schema.
pub const MAX_URN_BYTES: usize = 256;
/// Bytes of the name of an attribute, a schema or a resource type.
pub const MAX_NAME_BYTES: usize = 64;
/// Bytes of a description.
pub const MAX_DESCRIPTION_BYTES: usize = 1_024;
/// Attributes of one declared schema.
pub const MAX_ATTRIBUTES: usize = 256;
/// Sub-attributes of one declared attribute.
pub const MAX_SUB_ATTRIBUTES: usize = 64;
/// Canonical values of one declared attribute.
pub const MAX_CANONICAL_VALUES: usize = 100;
/// Bytes of one canonical value.
pub const MAX_CANONICAL_VALUE_BYTES: usize = 256;
/// Reference types of one declared attribute.
pub const MAX_REFERENCE_TYPES: usize = 16;

/// What every resource has, or what the server makes of rows, or keeps from being stored: not for schemas to define.
const RESERVED: [&str; 7] = ["schemas", "id", "externalId", "meta", "members", "groups", "password"];

/// Names of types that RFC 7643 gives a meaning of their own.
const RESERVED_TYPES: [&str; 4] = ["ServiceProviderConfig", "ResourceType", "Schema", "Me"];

/// The kind of the accounts that are made by hand, which no client of SCIM sees as such (decision record 26).
const MANUAL_TYPE: &str = "ManualUser";

/// Where something else than resources is.
const RESERVED_ENDPOINTS: [&str; 5] = ["Bulk", "Me", "Schemas", "ResourceTypes", "ServiceProviderConfig"];

/// What the host reads in any resource that has it: then it must be what it is in a user.
const KNOWN: [&str; 5] = ["active", "displayName", "userName", "name", "emails"];

pub(super) fn check_type_name(name: &str) -> Result<(), String> {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME_BYTES).collect();
    if !is_word(name) {
        return Err(format!(
            "the resource type `{shown}`: a name is a letter, followed by letters, digits, `-` and `_`, at most {MAX_NAME_BYTES} bytes"
        ));
    }
    if RESERVED_TYPES.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Err(format!("the resource type `{shown}`: this name has a meaning of its own (RFC 7643 §5 to §7)"));
    }
    if name.eq_ignore_ascii_case(MANUAL_TYPE) {
        return Err(format!(
            "the resource type `{shown}`: this name is the host's, for accounts that are made by hand"
        ));
    }
    Ok(())
}

pub(super) fn check_endpoint(of: &str, endpoint: &str) -> Result<(), String> {
    match endpoint.strip_prefix('/') {
        Some(segment) if RESERVED_ENDPOINTS.iter().any(|other| other.eq_ignore_ascii_case(segment)) => {
            Err(format!("the resource type `{of}`: its endpoint has a meaning of its own (RFC 7644 table 1)"))
        }
        Some(segment) if is_word(segment) => Ok(()),
        Some(_) | None => Err(format!(
            "the resource type `{of}`: its endpoint is `/` and a letter, followed by letters, digits, `-` and `_`, at most {MAX_NAME_BYTES} bytes"
        )),
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

pub(super) fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.len() > MAX_DESCRIPTION_BYTES {
        return Err(format!("{what} is longer than {MAX_DESCRIPTION_BYTES} bytes"));
    }
    crate::text::check(what, text).map_err(|invalid| invalid.detail)
}

/// RFC 8141 §2, without the characters that mean something in paths, filters and URLs.
fn is_urn(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let (Some(scheme), Some(namespace), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    scheme.eq_ignore_ascii_case("urn")
        && (2..=32).contains(&namespace.len())
        && namespace.bytes().all(|byte| plain(byte) || byte == b'-')
        && namespace.starts_with(|c: char| c.is_ascii_alphanumeric())
        && namespace.ends_with(|c: char| c.is_ascii_alphanumeric())
        && rest.bytes().all(|byte| plain(byte) || b"-._~:+=@".contains(&byte))
        && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
        && rest.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Everything about a schema that can be told without knowing the others. `types` are the names of all resource types.
pub(super) fn check_schema(schema: &Schema, types: &[&str]) -> Result<(), String> {
    if schema.id.len() > MAX_URN_BYTES || !is_urn(&schema.id) {
        let shown: String = schema.id.chars().filter(|c| !c.is_control()).take(MAX_NAME_BYTES).collect();
        return Err(format!(
            "`{shown}` is not the URN of a schema: `urn:`, a namespace and a name, of letters, digits and `-._~:+=@`, at most {MAX_URN_BYTES} bytes"
        ));
    }
    let whole = |result: Result<(), String>| result.map_err(|why| format!("{}: {why}", schema.id));
    if schema.name.len() > MAX_NAME_BYTES {
        return whole(Err(format!("its name is longer than {MAX_NAME_BYTES} bytes")));
    }
    whole(check_text("its name", &schema.name))?;
    whole(check_text("its description", &schema.description))?;
    if schema.attributes.is_empty() {
        return whole(Err("it has no attributes".into()));
    }
    if schema.attributes.len() > MAX_ATTRIBUTES {
        return whole(Err(format!("it has more than {MAX_ATTRIBUTES} attributes")));
    }
    whole(check_list(&schema.attributes, None, types))
}

/// What the core schema of a type must be like besides: the host knows some attributes by name.
pub(super) fn check_core(schema: &Schema) -> Result<(), String> {
    let user = CORE.get("User").map(|def| def.schema.as_ref());
    for attribute in &schema.attributes {
        let Some(known) = user.and_then(|user| user.attribute(&attribute.name)) else { continue };
        // Where `name` is one text, as that of a role or a device is, the host has nothing to read in its parts.
        let is_one_text = attribute.kind == AttributeType::String && !attribute.multi_valued;
        if !KNOWN.contains(&known.name.as_str()) || (known.name == "name" && is_one_text) {
            continue;
        }
        let differs =
            |one: &Attribute, other: &Attribute| one.kind != other.kind || one.multi_valued != other.multi_valued;
        let part = |sub: &Attribute| known.sub(&sub.name).is_some_and(|other| differs(sub, other));
        if attribute.name != known.name || differs(attribute, known) || attribute.sub_attributes.iter().any(part) {
            return Err(format!(
                "{}: the attribute `{}` must have the type that it has in a user",
                schema.id, known.name
            ));
        }
    }
    Ok(())
}

fn check_list(attributes: &[Attribute], parent: Option<&Attribute>, types: &[&str]) -> Result<(), String> {
    for (index, attribute) in attributes.iter().enumerate() {
        let place = Place { attribute, parent };
        place.check(types).map_err(|rule| format!("{} {rule}", place.shown()))?;
        let earlier = attributes.get(..index).unwrap_or_default();
        if earlier.iter().any(|other| other.name.eq_ignore_ascii_case(&attribute.name)) {
            return Err(format!("{} is there twice (names compare without case)", place.shown()));
        }
        check_list(&attribute.sub_attributes, Some(attribute), types)?;
    }
    Ok(())
}

/// An attribute where it stands.
struct Place<'a> {
    attribute: &'a Attribute,
    parent: Option<&'a Attribute>,
}

impl Place<'_> {
    fn shown(&self) -> String {
        let name: String = self.attribute.name.chars().filter(|c| !c.is_control()).take(MAX_NAME_BYTES).collect();
        match self.parent {
            Some(parent) => format!("the attribute `{}.{name}`", parent.name),
            None => format!("the attribute `{name}`"),
        }
    }

    /// The rule that is broken, as the end of a sentence.
    fn check(&self, types: &[&str]) -> Result<(), String> {
        self.check_name()?;
        check_text("has a description that", &self.attribute.description)?;
        self.check_parts()?;
        self.check_values(types)?;
        self.check_characteristics()
    }

    fn check_name(&self) -> Result<(), String> {
        let name = &self.attribute.name;
        if name.len() > MAX_NAME_BYTES {
            return Err(format!("has a name longer than {MAX_NAME_BYTES} bytes"));
        }
        if !is_name(name) || (name.starts_with('$') && !(name == "$ref" && self.parent.is_some())) {
            return Err("has no name that begins with a letter and goes on with letters, digits, `-`, `_` and `$` (RFC 7643 §2.1)".into());
        }
        if self.parent.is_none() && RESERVED.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err("has a name that the server itself gives a meaning".into());
        }
        Ok(())
    }

    /// RFC 7643 §2.3.8: what is complex has parts, none of which is complex.
    fn check_parts(&self) -> Result<(), String> {
        let (attribute, parts) = (self.attribute, &self.attribute.sub_attributes);
        match (attribute.kind == AttributeType::Complex, self.parent, parts.len()) {
            (true, Some(_), _) => Err("is complex inside a complex attribute (RFC 7643 §2.3.8)".into()),
            (true, None, 0) => Err("is complex and has no sub-attributes".into()),
            (true, None, count) if count > MAX_SUB_ATTRIBUTES => {
                Err(format!("has more than {MAX_SUB_ATTRIBUTES} sub-attributes"))
            }
            (false, _, 1..) => Err("has sub-attributes and is not complex".into()),
            (true, None, _) | (false, _, _) => Ok(()),
        }
    }

    fn check_values(&self, types: &[&str]) -> Result<(), String> {
        let Attribute { kind, canonical_values: values, reference_types: references, .. } = self.attribute;
        if !values.is_empty() && *kind != AttributeType::String {
            return Err("has canonical values and is not a string".into());
        }
        if values.len() > MAX_CANONICAL_VALUES {
            return Err(format!("has more than {MAX_CANONICAL_VALUES} canonical values"));
        }
        for (index, value) in values.iter().enumerate() {
            if value.is_empty() || value.len() > MAX_CANONICAL_VALUE_BYTES {
                return Err(format!(
                    "has a canonical value that is empty or longer than {MAX_CANONICAL_VALUE_BYTES} bytes"
                ));
            }
            check_text("has a canonical value that", value)?;
            let same = |other: &String| {
                if self.attribute.case_exact { other == value } else { crate::text::same(other, value) }
            };
            if values.get(..index).unwrap_or_default().iter().any(same) {
                return Err("has a canonical value twice".into());
            }
        }
        if !references.is_empty() && *kind != AttributeType::Reference {
            return Err("has reference types and is not a reference".into());
        }
        if references.len() > MAX_REFERENCE_TYPES {
            return Err(format!("has more than {MAX_REFERENCE_TYPES} reference types"));
        }
        let known = |name: &&String| ["external", "uri"].contains(&name.as_str()) || types.contains(&name.as_str());
        if !references.iter().all(|name| known(&name)) {
            return Err("has a reference type that is neither `external` nor `uri` nor a resource type".into());
        }
        Ok(())
    }

    /// Characteristics that contradict one another could not be kept, so they are not announced.
    fn check_characteristics(&self) -> Result<(), String> {
        let attribute = self.attribute;
        let read_only = attribute.mutability == Mutability::ReadOnly;
        if read_only && attribute.required {
            return Err("is readOnly and required: nobody could provide it".into());
        }
        if attribute.mutability == Mutability::WriteOnly && attribute.returned != Returned::Never {
            return Err("is writeOnly and must be returned `never`".into());
        }
        if self.parent.is_some_and(|parent| parent.mutability == Mutability::ReadOnly) && !read_only {
            return Err("can be written and is part of a readOnly attribute".into());
        }
        if self.parent.is_some_and(|parent| parent.returned == Returned::Never) && attribute.returned != Returned::Never
        {
            return Err("is returned and is part of an attribute that never is".into());
        }
        if attribute.uniqueness == Uniqueness::None {
            return Ok(());
        }
        if attribute.multi_valued || self.parent.is_some_and(|parent| parent.multi_valued) {
            return Err("is unique and multi-valued: keys are of single values".into());
        }
        match attribute.kind {
            AttributeType::String | AttributeType::Integer | AttributeType::Reference => {}
            AttributeType::Boolean
            | AttributeType::Decimal
            | AttributeType::DateTime
            | AttributeType::Binary
            | AttributeType::Complex => {
                return Err("is unique and neither a string nor an integer nor a reference".into());
            }
        }
        if attribute.returned == Returned::Never {
            return Err("is unique and never returned: a 409 would tell its value".into());
        }
        Ok(())
    }
}

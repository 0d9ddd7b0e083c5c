mod declared;
mod refused;

use serde_json::Value;

use super::*;
use crate::{ENTERPRISE_USER, GROUP, USER, path::AttrPath};

fn path(text: &str) -> AttrPath {
    let core = Registry::core();
    AttrPath::parse(text, &|urn| core.types.iter().any(|def| def.is_schema(urn))).unwrap()
}

fn narrowed(kinds: &[(&str, &[&str])]) -> Result<Registry, String> {
    let kinds = kinds.iter().map(|(name, paths)| ((*name).to_owned(), paths.iter().map(|text| path(text)).collect()));
    Registry::core().narrowed(&kinds.collect::<Vec<_>>())
}

fn names(attributes: &[Attribute]) -> Vec<&str> {
    attributes.iter().map(|attribute| attribute.name.as_str()).collect()
}

/// The canonical path that `text` resolves to in the core registry's user.
fn resolved(text: &str) -> Option<String> {
    let core = Registry::core();
    let resolved = core.get("User").unwrap().resolve(&path(text))?;
    let mut canonical = resolved.extension.map_or(String::new(), |schema| format!("{}:", schema.id));
    canonical += &resolved.attribute.map_or(String::new(), |attribute| attribute.name.clone());
    canonical += &resolved.sub.map_or(String::new(), |sub| format!(".{}", sub.name));
    Some(canonical)
}

#[test]
fn every_definition_is_read_and_names_no_attribute_twice() {
    let core = Registry::core();
    let user = core.get("User").unwrap();
    assert_eq!(user.schema.id, USER);
    assert_eq!(user.schema.attributes.len(), 21);
    assert_eq!(user.extensions[0].id, ENTERPRISE_USER);
    assert_eq!(core.get("Group").unwrap().schema.id, GROUP);
    for def in &core.types {
        for schema in std::iter::once(&def.schema).chain(&def.extensions) {
            for attribute in &schema.attributes {
                assert_eq!(attribute.kind == AttributeType::Complex, !attribute.sub_attributes.is_empty());
                assert!(std::ptr::eq(schema.attribute(&attribute.name.to_uppercase()).unwrap(), attribute));
            }
        }
    }
}

#[test]
fn user_name_is_unique_required_and_compares_without_case_but_external_id_with_it() {
    let core = Registry::core();
    let user = core.get("User").unwrap();
    let user_name = user.resolve(&path("userName")).unwrap().attribute.unwrap();
    assert!(user_name.required && !user_name.case_exact && user_name.uniqueness == Uniqueness::Server);
    let external_id = user.resolve(&path("externalId")).unwrap().attribute.unwrap();
    assert!(external_id.case_exact && external_id.mutability == Mutability::ReadWrite);
}

#[test]
fn a_type_is_found_by_name_and_by_the_segment_of_its_endpoint() {
    let core = Registry::core();
    assert_eq!(core.by_endpoint("users").unwrap().name, "User");
    assert_eq!(core.by_endpoint("Groups").unwrap().name, "Group");
    assert!(core.by_endpoint("User").is_none() && core.get("Users").is_none());
}

#[test]
fn paths_resolve_in_any_case_with_and_without_the_core_urn() {
    assert_eq!(resolved("USERNAME").as_deref(), Some("userName"));
    assert_eq!(resolved("name.FamilyName").as_deref(), Some("name.familyName"));
    assert_eq!(resolved(&format!("{}:emails.VALUE", USER.to_uppercase())).as_deref(), Some("emails.value"));
    assert_eq!(resolved("meta.lastmodified").as_deref(), Some("meta.lastModified"));
    assert_eq!(resolved("schemas").as_deref(), Some("schemas"));
    assert_eq!(resolved("id").as_deref(), Some("id"));
    for unknown in ["nick", "userName.value", "name.nick", USER, "urn:x:2.0:User:userName"] {
        assert_eq!(resolved(unknown), None, "{unknown}");
    }
}

#[test]
fn extension_paths_resolve_by_urn_by_its_legacy_name_and_without_one() {
    let department = Some(format!("{ENTERPRISE_USER}:department"));
    assert_eq!(resolved(&format!("{ENTERPRISE_USER}:Department")), department);
    assert_eq!(resolved(&format!("{ENTERPRISE_USER}.department")), department);
    assert_eq!(resolved("urn:scim:schemas:extension:enterprise:2.0:department"), department);
    assert_eq!(resolved(ENTERPRISE_USER), Some(format!("{ENTERPRISE_USER}:")));
    assert_eq!(resolved("manager.value"), Some(format!("{ENTERPRISE_USER}:manager.value")));
}

#[test]
fn the_legacy_name_of_an_extension_is_a_schema_only_where_the_extension_is() {
    let core = Registry::core();
    let legacy = "URN:scim:schemas:extension:enterprise:2.0";
    assert!(core.get("User").unwrap().is_schema(legacy) && !core.get("Group").unwrap().is_schema(legacy));
}

#[test]
fn a_narrowed_registry_keeps_what_is_retained_and_what_scim_needs() {
    let registry =
        narrowed(&[("User", &["emails.value", "name.givenName", "department"]), ("Group", &["displayName"])]).unwrap();
    let user = registry.get("User").unwrap();
    assert_eq!(names(&user.schema.attributes), ["userName", "name", "active", "emails", "groups"]);
    assert_eq!(names(&user.schema.attribute("name").unwrap().sub_attributes), ["givenName"]);
    assert_eq!(names(&user.extensions[0].attributes), ["department"]);
    assert_eq!(names(&registry.get("Group").unwrap().schema.attributes), ["displayName", "members"]);
    assert!(user.resolve(&path("externalId")).is_some());
    assert!(user.resolve(&path("name.familyName")).is_none());
}

#[test]
fn a_narrowed_list_keeps_what_value_paths_select_by() {
    let registry = narrowed(&[("User", &["emails.value"])]).unwrap();
    let emails = registry.get("User").unwrap().schema.attribute("emails").unwrap().clone();
    assert_eq!(names(&emails.sub_attributes), ["value", "type", "primary"]);
}

#[test]
fn a_tenant_without_groups_has_users_without_groups() {
    let registry = narrowed(&[("User", &["userName"])]).unwrap();
    let user = registry.get("User").unwrap();
    assert_eq!(names(&user.schema.attributes), ["userName", "active"]);
    assert!(user.extensions.is_empty() && registry.get("Group").is_none());
    let everything = narrowed(&[("User", &[])]).unwrap();
    assert!(everything.get("User").unwrap().schema.attribute("groups").is_none());
}

#[test]
fn naming_nothing_keeps_everything_but_the_password() {
    let registry = narrowed(&[("User", &[]), ("Group", &[])]).unwrap();
    assert_eq!(registry.get("User").unwrap().schema.attributes.len(), 20);
    assert!(registry.get("User").unwrap().schema.attribute("password").is_none());
    assert_eq!(registry.get("User").unwrap().extensions, Registry::core().get("User").unwrap().extensions);
    assert_eq!(registry.get("Group"), Registry::core().get("Group"));
}

#[test]
fn what_does_not_exist_cannot_be_retained() {
    assert_eq!(narrowed(&[("User", &["nick"])]).unwrap_err(), "`nick` is not an attribute of User");
    assert_eq!(narrowed(&[("Robot", &[])]).unwrap_err(), "`Robot` is not a resource type");
}

/// A server that can do all there is.
fn everything() -> Capabilities {
    Capabilities {
        documentation_uri: Some("https://docs.example.test/".into()),
        bulk: Some(BulkLimits { max_operations: 1000, max_payload_bytes: 1 << 20 }),
        max_results: 1000,
        change_password: true,
        sort: true,
        etag: true,
        pagination: Pagination { cursor_timeout_seconds: Some(600), default_page_size: 100, max_page_size: 1000 },
    }
}

#[test]
fn discovery_has_no_nulls_and_a_location_everywhere() {
    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(values) => values.iter().any(has_null),
            Value::Object(parts) => parts.values().any(has_null),
            _ => false,
        }
    }
    let registry = narrowed(&[("User", &[]), ("Group", &[])]).unwrap();
    let base = "https://scim.example.test/t/acme/scim/v2";
    let mut answers = registry.schemas_json(base);
    assert_eq!(answers.len(), 3, "users, groups, the enterprise extension, and nothing that PATCH cannot write");
    answers.extend(registry.resource_types_json(base));
    answers.push(service_provider_config_json(base, &everything()));
    for answer in &answers {
        assert!(!has_null(answer), "{answer}");
        assert!(answer["meta"]["location"].as_str().unwrap().starts_with(base));
        assert!(answer["schemas"][0].as_str().unwrap().ends_with(answer["meta"]["resourceType"].as_str().unwrap()));
    }
}

#[test]
fn discovery_answers_are_what_their_own_schemas_say() {
    let registry = Registry::core();
    let mut answers = registry.resource_types_json("");
    answers.extend(registry.schemas_json(""));
    answers.push(service_provider_config_json("", &everything()));
    for answer in answers {
        let urn = answer["schemas"][0].as_str().unwrap();
        let schema = definition(&registry.schema_json(urn, "").unwrap().to_string());
        for (key, value) in answer.as_object().unwrap() {
            if !["schemas", "id", "meta"].contains(&key.as_str()) {
                fits(schema.attribute(key).unwrap_or_else(|| panic!("{urn} lacks {key}")), value);
            }
        }
    }
}

fn fits(attribute: &Attribute, value: &Value) {
    match value {
        Value::Array(values) => {
            assert!(attribute.multi_valued, "{}", attribute.name);
            for value in values {
                fits(attribute, value);
            }
        }
        Value::Object(parts) => {
            for (key, value) in parts {
                fits(attribute.sub(key).unwrap_or_else(|| panic!("{} lacks {key}", attribute.name)), value);
            }
        }
        Value::Bool(_) => assert_eq!(attribute.kind, AttributeType::Boolean, "{}", attribute.name),
        Value::Number(_) => assert_eq!(attribute.kind, AttributeType::Integer, "{}", attribute.name),
        _ => assert!(matches!(attribute.kind, AttributeType::String | AttributeType::Reference), "{}", attribute.name),
    }
}

#[test]
fn one_schema_and_one_resource_type_can_be_asked_for() {
    let registry = Registry::core();
    assert_eq!(
        registry.schema_json(USER, "https://x").unwrap()["meta"]["location"],
        format!("https://x/Schemas/{USER}")
    );
    assert_eq!(registry.resource_type_json("Group", "https://x").unwrap()["endpoint"], "/Groups");
    assert!(registry.schema_json("urn:x", "").is_none() && registry.resource_type_json("Robot", "").is_none());
}

#[test]
fn an_announced_attribute_reads_as_rfc_7643_writes_it() {
    let user = Registry::core().schemas_json("").remove(0);
    insta::assert_json_snapshot!(user["attributes"][0], @r#"
    {
      "name": "userName",
      "type": "string",
      "multiValued": false,
      "description": "The unique name by which the user signs in; compares without case.",
      "required": true,
      "caseExact": false,
      "mutability": "readWrite",
      "returned": "default",
      "uniqueness": "server"
    }
    "#);
}

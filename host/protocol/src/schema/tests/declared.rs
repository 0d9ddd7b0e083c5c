//! What a tenant adds to its schemas: how it is read, and what becomes of it.

use serde_json::{Value, json};

use super::*;

pub(super) const BADGES: &str = "urn:acme:scim:schemas:Badges:2.0:User";
pub(super) const DEVICE: &str = "urn:ietf:params:scim:schemas:core:2.0:Device";

pub(super) fn declarations(json: Value) -> Declarations {
    serde_json::from_value(json).unwrap()
}

pub(super) fn declared(json: Value) -> Result<Registry, String> {
    Registry::core().with(&declarations(json))
}

/// An extension of users that has these attributes.
pub(super) fn extension(attributes: Value) -> Value {
    let mut schema = json!({ "id": BADGES });
    schema["attributes"] = attributes;
    json!({ "extensions": [{ "resourceType": "User", "schema": schema }] })
}

/// A type that has these attributes.
pub(super) fn device(attributes: Value) -> Value {
    let mut schema = json!({ "id": DEVICE });
    schema["attributes"] = attributes;
    json!({ "resourceTypes": [{ "name": "Device", "endpoint": "/Devices", "schema": schema }] })
}

pub(super) fn refusal(json: Value) -> String {
    declared(json).unwrap_err()
}

/// The sentence about one attribute of an extension, without the URN before it.
pub(super) fn about(attribute: Value) -> String {
    let refused = refusal(extension(Value::Array(vec![attribute])));
    refused.strip_prefix(&format!("{BADGES}: ")).unwrap_or_else(|| panic!("{refused}")).to_owned()
}

#[test]
fn what_a_definition_leaves_out_has_the_defaults_of_rfc_7643() {
    let registry = declared(extension(json!([{ "name": "floor" }]))).unwrap();
    let schema = registry.get("User").unwrap().extensions[1].clone();
    assert_eq!((schema.id.as_str(), schema.name.as_str()), (BADGES, "User"));
    insta::assert_json_snapshot!(schema.attributes[0], @r#"
    {
      "name": "floor",
      "type": "string",
      "multiValued": false,
      "required": false,
      "caseExact": false,
      "mutability": "readWrite",
      "returned": "default",
      "uniqueness": "none"
    }
    "#);
}

#[test]
fn declarations_are_written_as_they_are_read() {
    let read = declarations(json!({
        "extensions": [{
            "resourceType": "User",
            "required": true,
            "schema": { "id": BADGES, "name": "Badges", "description": "Badges of people", "attributes": [
                { "name": "badge", "type": "complex", "subAttributes": [{ "name": "number", "type": "integer" }] },
            ] },
        }],
        "resourceTypes": [{
            "name": "Device", "endpoint": "/Devices", "description": "Things", "schema": { "id": DEVICE, "attributes": [{ "name": "model" }] },
            "extensions": [{ "schema": { "id": "urn:acme:x", "attributes": [{ "name": "y" }] } }],
        }],
    }));
    assert_eq!(serde_json::from_value::<Declarations>(serde_json::to_value(&read).unwrap()).unwrap(), read);
    assert!(!read.is_empty() && Declarations::default().is_empty() && declarations(json!({})).is_empty());
}

#[test]
fn a_misspelt_characteristic_is_not_a_default() {
    let misspelt = json!({ "id": BADGES, "attributes": [{ "name": "floor", "mutabilty": "readOnly" }] });
    let error = serde_json::from_value::<Schema>(misspelt).unwrap_err().to_string();
    assert!(error.contains("mutabilty"), "{error}");
    assert!(serde_json::from_value::<Declarations>(json!({ "extension": [] })).is_err());
}

/// What `/Schemas` answers can be declared elsewhere as it stands.
#[test]
fn an_announced_schema_can_be_declared() {
    let announced = Registry::core().schema_json(ENTERPRISE_USER, "https://x").unwrap();
    let schema: Schema = serde_json::from_value(announced).unwrap();
    assert_eq!(schema.attributes.len(), Registry::core().get("User").unwrap().extensions[0].attributes.len());
}

#[test]
fn a_declared_extension_is_one_like_those_of_the_rfc() {
    let mut json = extension(json!([{ "name": "floor", "type": "integer" }]));
    json["extensions"][0]["required"] = json!(true);
    let registry = declared(json).unwrap();

    let user = registry.get("User").unwrap();
    let path = AttrPath::parse(&format!("{BADGES}:Floor"), &|urn| user.is_schema(urn)).unwrap();
    let resolved = user.resolve(&path).unwrap();
    assert_eq!(resolved.extension.unwrap().id, BADGES);
    assert_eq!(resolved.attribute.unwrap().kind, AttributeType::Integer);
    assert_eq!(
        registry.resource_type_json("User", "").unwrap()["schemaExtensions"],
        json!([{ "schema": ENTERPRISE_USER, "required": false }, { "schema": BADGES, "required": true }])
    );
    assert_eq!(registry.schema_json(BADGES, "").unwrap()["attributes"][0]["type"], "integer");
}

#[test]
fn a_declared_type_is_found_by_name_and_endpoint_and_announced() {
    let mut json = device(json!([{ "name": "model" }]));
    json["resourceTypes"][0]["extensions"] =
        json!([{ "required": true, "schema": { "id": BADGES, "attributes": [{ "name": "floor" }] } }]);
    let registry = declared(json).unwrap();

    let def = registry.by_endpoint("devices").unwrap();
    assert_eq!(def, registry.get("Device").unwrap());
    assert!(def.requires(&def.extensions[0]) && def.is_core(DEVICE));
    assert!(def.core_attribute("externalId").is_some() && def.core_attribute("active").is_none());
    let announced = registry.resource_types_json("https://x");
    assert_eq!(announced.len(), 3);
    assert_eq!(announced[2]["endpoint"], "/Devices");
    let urns: Vec<_> = registry.schemas_json("").iter().map(|schema| schema["id"].clone()).collect();
    assert_eq!(urns, [USER, ENTERPRISE_USER, GROUP, DEVICE, BADGES]);
}

#[test]
fn one_extension_can_be_declared_for_several_types_if_it_is_the_same() {
    let schema = json!({ "id": BADGES, "attributes": [{ "name": "floor" }] });
    let mut json = json!({
        "extensions": [
            { "resourceType": "User", "required": true, "schema": schema },
            { "resourceType": "Group", "schema": schema },
        ],
    });
    let registry = declared(json.clone()).unwrap();
    let requires = |name: &str| {
        let def = registry.get(name).unwrap();
        def.requires(def.extension(BADGES).unwrap())
    };
    assert!(requires("User") && !requires("Group"));
    assert_eq!(registry.schemas_json("").iter().filter(|schema| schema["id"] == BADGES).count(), 1);

    json["extensions"][1]["schema"]["attributes"][0]["type"] = json!("integer");
    assert_eq!(refusal(json.clone()), format!("{BADGES}: it is declared twice, and not in the same way"));
    json["extensions"][1] = json["extensions"][0].clone();
    assert_eq!(refusal(json), format!("{BADGES}: User has this extension already"));
}

#[test]
fn an_extension_of_a_type_that_is_not_served_is_left_out() {
    let users_only = narrowed(&[("User", &[])]).unwrap();
    let mut json = extension(json!([{ "name": "floor" }]));
    json["extensions"][0]["resourceType"] = json!("Group");
    let registry = users_only.with(&declarations(json.clone())).unwrap();
    assert_eq!(registry, users_only);
    json["extensions"][0]["resourceType"] = json!("Robot");
    assert_eq!(users_only.with(&declarations(json)).unwrap_err(), format!("{BADGES}: `Robot` is not a resource type"));
}

#[test]
fn what_an_operator_declares_is_kept_whole_whatever_the_plugin_retains() {
    let of_plugin = declared(extension(json!([{ "name": "floor" }, { "name": "desk" }]))).unwrap();
    let retained = vec![AttrPath::parse(&format!("{BADGES}:desk"), &|urn| urn == BADGES).unwrap()];
    let narrow = of_plugin.narrowed(&[("User".into(), retained)]).unwrap();
    assert_eq!(names(&narrow.get("User").unwrap().extension(BADGES).unwrap().attributes), ["desk"]);

    let mut json = device(json!([{ "name": "model" }]));
    json["extensions"] = json!([{ "resourceType": "User", "schema": { "id": "urn:acme:x", "attributes": [{ "name": "a" }, { "name": "b" }] } }]);
    let both = narrow.with(&declarations(json)).unwrap();
    assert_eq!(names(&both.get("User").unwrap().extension("urn:acme:x").unwrap().attributes), ["a", "b"]);
    assert!(both.get("Device").is_some());
}

#[test]
fn types_and_required_extensions_of_a_plugin_are_kept_whole_by_narrowing() {
    let mut json = device(json!([{ "name": "model" }]));
    json["extensions"] = json!([{ "resourceType": "User", "required": true, "schema": { "id": BADGES, "attributes": [{ "name": "floor" }] } }]);
    let registry = declared(json).unwrap().narrowed(&[("User".into(), vec![path("title")])]).unwrap();
    let user = registry.get("User").unwrap();
    assert_eq!(names(&user.extension(BADGES).unwrap().attributes), ["floor"]);
    assert!(user.extension(ENTERPRISE_USER).is_none() && registry.get("Device").is_some());
    assert!(registry.get("Group").is_none());
}

#[test]
fn the_password_can_be_put_back() {
    let registry = narrowed(&[("User", &["title"])]).unwrap().with_password().with_password();
    let user = registry.get("User").unwrap();
    assert_eq!(user.schema.attributes.iter().filter(|attribute| attribute.name == "password").count(), 1);
}

#[test]
fn unique_attributes_are_single_values_wherever_they_are() {
    let core = Registry::core();
    let unique = |def: &ResourceTypeDef| -> Vec<String> {
        def.unique_attributes()
            .map(|found| {
                let (attribute, sub) = (found.attribute.unwrap(), found.sub.map(|sub| format!(".{}", sub.name)));
                format!("{}{}", attribute.name, sub.unwrap_or_default())
            })
            .collect()
    };
    assert_eq!(unique(core.get("User").unwrap()), ["userName"]);
    assert_eq!(unique(core.get("Group").unwrap()), [] as [&str; 0]);
    let registry = declared(extension(json!([
        { "name": "serial", "type": "integer", "uniqueness": "global" },
        { "name": "badge", "type": "complex", "subAttributes": [{ "name": "number", "uniqueness": "server" }, { "name": "color" }] },
    ])));
    assert_eq!(unique(registry.unwrap().get("User").unwrap()), ["userName", "serial", "badge.number"]);
}

#[test]
fn references_and_binary_values_are_case_exact_whoever_says_otherwise() {
    let registry = declared(extension(json!([
        { "name": "home", "type": "reference", "referenceTypes": ["external"] },
        { "name": "keys", "type": "complex", "multiValued": true, "subAttributes": [{ "name": "value", "type": "binary" }] },
    ])));
    let registry = registry.unwrap();
    let schema = registry.get("User").unwrap().extension(BADGES).unwrap();
    assert!(schema.attribute("home").unwrap().case_exact);
    assert!(schema.attribute("keys").unwrap().sub("value").unwrap().case_exact);
}

//! What of a declaration is refused and in which words, and where each limit is.

use serde_json::json;

use super::declared::{BADGES, DEVICE, about, declarations, declared, device, extension, refusal};
use super::*;

#[test]
fn attributes_that_contradict_themselves_are_refused_in_a_sentence_that_names_them() {
    let parts = json!([{ "name": "a" }]);
    for (attribute, sentence) in [
        (
            json!({ "name": "1st" }),
            "`1st` has no name that begins with a letter and goes on with letters, digits, `-`, `_` and `$` (RFC 7643 §2.1)",
        ),
        (
            json!({ "name": "$ref" }),
            "`$ref` has no name that begins with a letter and goes on with letters, digits, `-`, `_` and `$` (RFC 7643 §2.1)",
        ),
        (
            json!({ "name": "a.b" }),
            "`a.b` has no name that begins with a letter and goes on with letters, digits, `-`, `_` and `$` (RFC 7643 §2.1)",
        ),
        (json!({ "name": "ID" }), "`ID` has a name that the server itself gives a meaning"),
        (json!({ "name": "members" }), "`members` has a name that the server itself gives a meaning"),
        (json!({ "name": "password" }), "`password` has a name that the server itself gives a meaning"),
        (json!({ "name": "x", "type": "complex" }), "`x` is complex and has no sub-attributes"),
        (json!({ "name": "x", "subAttributes": parts }), "`x` has sub-attributes and is not complex"),
        (
            json!({ "name": "x", "type": "complex", "subAttributes": [{ "name": "y", "type": "complex", "subAttributes": parts }] }),
            "`x.y` is complex inside a complex attribute (RFC 7643 §2.3.8)",
        ),
        (
            json!({ "name": "x", "type": "complex", "subAttributes": [{ "name": "y", "subAttributes": parts }] }),
            "`x.y` has sub-attributes and is not complex",
        ),
        (
            json!({ "name": "x", "type": "complex", "subAttributes": [{ "name": "y" }, { "name": "Y" }] }),
            "`x.Y` is there twice (names compare without case)",
        ),
        (
            json!({ "name": "x", "required": true, "mutability": "readOnly" }),
            "`x` is readOnly and required: nobody could provide it",
        ),
        (json!({ "name": "x", "mutability": "writeOnly" }), "`x` is writeOnly and must be returned `never`"),
        (
            json!({ "name": "x", "type": "complex", "mutability": "readOnly", "subAttributes": parts }),
            "`x.a` can be written and is part of a readOnly attribute",
        ),
        (
            json!({ "name": "x", "type": "complex", "returned": "never", "subAttributes": parts }),
            "`x.a` is returned and is part of an attribute that never is",
        ),
        (
            json!({ "name": "x", "multiValued": true, "uniqueness": "server" }),
            "`x` is unique and multi-valued: keys are of single values",
        ),
        (
            json!({ "name": "x", "type": "complex", "multiValued": true, "subAttributes": [{ "name": "a", "uniqueness": "global" }] }),
            "`x.a` is unique and multi-valued: keys are of single values",
        ),
        (
            json!({ "name": "x", "type": "boolean", "uniqueness": "server" }),
            "`x` is unique and neither a string nor an integer nor a reference",
        ),
        (
            json!({ "name": "x", "type": "complex", "uniqueness": "server", "subAttributes": parts }),
            "`x` is unique and neither a string nor an integer nor a reference",
        ),
        (
            json!({ "name": "x", "uniqueness": "server", "returned": "never" }),
            "`x` is unique and never returned: a 409 would tell its value",
        ),
        (
            json!({ "name": "x", "type": "integer", "canonicalValues": ["1"] }),
            "`x` has canonical values and is not a string",
        ),
        (json!({ "name": "x", "canonicalValues": ["a", "A"] }), "`x` has a canonical value twice"),
        (
            json!({ "name": "x", "canonicalValues": [""] }),
            "`x` has a canonical value that is empty or longer than 256 bytes",
        ),
        (json!({ "name": "x", "referenceTypes": ["uri"] }), "`x` has reference types and is not a reference"),
        (
            json!({ "name": "x", "type": "reference", "referenceTypes": ["Robot"] }),
            "`x` has a reference type that is neither `external` nor `uri` nor a resource type",
        ),
        (
            json!({ "name": "x", "description": "a\u{202E}b" }),
            "`x` has a description that contains the control or invisible character U+202E, which is not allowed",
        ),
    ] {
        assert_eq!(about(attribute), format!("the attribute {sentence}"));
    }
    let exact = extension(json!([{ "name": "x", "caseExact": true, "canonicalValues": ["a", "A"] }]));
    assert!(declared(exact).is_ok(), "where case counts these are two values");
    let twice = refusal(extension(json!([{ "name": "x" }, { "name": "X" }])));
    assert_eq!(twice, format!("{BADGES}: the attribute `X` is there twice (names compare without case)"));
}

#[test]
fn urns_are_urns_and_mean_one_schema() {
    let with_urn = |urn: &str| {
        let mut json = extension(json!([{ "name": "floor" }]));
        json["extensions"][0]["schema"]["id"] = json!(urn);
        declared(json)
    };
    for urn in ["urn:acme:a", "URN:acme:a:2.0:User", "urn:x-1:a_b~c+d=e@f", DEVICE] {
        assert!(with_urn(urn).is_ok(), "{urn}");
    }
    for urn in [
        "",
        "acme",
        "urn:acme",
        "urn:acme:",
        "urn:a:b",
        "urn:-a:b",
        "http://x/y",
        "urn:acme:a/b",
        "urn:acme:a[b",
        "urn:acme:a b",
        "urn:acme:ä",
        "urn:acme:a:",
    ] {
        let refused = with_urn(urn).unwrap_err();
        assert!(refused.starts_with(&format!("`{urn}` is not the URN of a schema")), "{refused}");
    }
    for urn in [
        USER,
        GROUP,
        ENTERPRISE_USER,
        "urn:ietf:params:scim:schemas:core:2.0:Schema",
        "URN:scim:schemas:extension:enterprise:1.0",
    ] {
        assert_eq!(with_urn(urn).unwrap_err(), format!("{urn}: this schema is there already"));
    }
    let taken = with_urn("urn:acme:a").unwrap().with(&declarations(extension(json!([{ "name": "x" }])))).unwrap();
    let again = taken.with(&declarations(extension(json!([{ "name": "x" }])))).unwrap_err();
    assert_eq!(again, format!("{BADGES}: this schema is there already"));
}

/// `urn:...:User:title` would be the attribute as well as the schema.
#[test]
fn a_urn_that_is_the_path_of_an_attribute_is_refused() {
    for urn in [format!("{USER}:title"), format!("{USER}.Title"), format!("{USER}:name.givenName")] {
        let mut json = extension(json!([{ "name": "floor" }]));
        json["extensions"][0]["schema"]["id"] = json!(urn);
        let refused = refusal(json);
        assert!(refused.starts_with(&format!("{urn}: this URN is also the path of the attribute")), "{refused}");
    }
    let mut json = extension(json!([{ "name": "floor" }]));
    json["extensions"][0]["schema"]["id"] = json!(format!("{USER}:acme"));
    assert!(declared(json).is_ok());
}

#[test]
fn types_have_names_and_endpoints_of_their_own() {
    let with = |name: &str, endpoint: &str| {
        let mut json = device(json!([{ "name": "model" }]));
        json["resourceTypes"][0]["name"] = json!(name);
        json["resourceTypes"][0]["endpoint"] = json!(endpoint);
        declared(json)
    };
    assert!(with("Robot-2", "/robots_2").is_ok());
    for name in ["", "2", "a b", "a.b", "ä", &"x".repeat(MAX_NAME_BYTES + 1)] {
        let refused = with(name, "/Devices").unwrap_err();
        assert!(refused.contains("a name is a letter, followed by letters, digits, `-` and `_`"), "{refused}");
    }
    for name in ["User", "GROUP"] {
        assert_eq!(with(name, "/Devices").unwrap_err(), format!("the resource type `{name}` is there already"));
    }
    for name in ["Schema", "resourcetype", "Me", "ServiceProviderConfig"] {
        let refused = with(name, "/Devices").unwrap_err();
        assert_eq!(
            refused,
            format!("the resource type `{name}`: this name has a meaning of its own (RFC 7643 §5 to §7)")
        );
    }
    for endpoint in ["Devices", "/", "/a/b", "/.search", "/a b", "//x", "/%41"] {
        let refused = with("Device", endpoint).unwrap_err();
        assert!(refused.starts_with("the resource type `Device`: its endpoint is `/` and a letter"), "{refused}");
    }
    for endpoint in ["/Bulk", "/me", "/Schemas", "/ResourceTypes", "/serviceproviderconfig"] {
        let refused = with("Device", endpoint).unwrap_err();
        assert_eq!(refused, "the resource type `Device`: its endpoint has a meaning of its own (RFC 7644 table 1)");
    }
    for endpoint in ["/Users", "/groups"] {
        assert_eq!(
            with("Device", endpoint).unwrap_err(),
            "the resource type `Device`: its endpoint is taken by another type"
        );
    }
    let mut twice = device(json!([{ "name": "model" }]));
    let one = twice["resourceTypes"][0].clone();
    twice["resourceTypes"].as_array_mut().unwrap().push(one);
    assert_eq!(refusal(twice.clone()), "the resource type `Device` is there already");
    twice["resourceTypes"][1]["name"] = json!("Robot");
    twice["resourceTypes"][1]["endpoint"] = json!("/Robots");
    assert_eq!(refusal(twice), format!("{DEVICE}: the core schema of a type can be declared once only"));
}

#[test]
fn attributes_that_the_host_knows_are_in_any_type_what_they_are_in_a_user() {
    for attribute in [
        json!({ "name": "active" }),
        json!({ "name": "Active", "type": "boolean" }),
        json!({ "name": "active", "type": "boolean", "multiValued": true }),
        json!({ "name": "displayName", "type": "integer" }),
        json!({ "name": "emails", "multiValued": true }),
        json!({ "name": "name", "type": "complex", "subAttributes": [{ "name": "formatted", "type": "boolean" }] }),
    ] {
        let refused = refusal(device(json!([attribute])));
        assert!(
            refused.starts_with(DEVICE) && refused.ends_with("must have the type that it has in a user"),
            "{refused}"
        );
    }
    assert!(
        declared(device(json!([{ "name": "active", "type": "boolean" }, { "name": "title", "type": "integer" }])))
            .is_ok()
    );
    assert!(declared(device(json!([{ "name": "name" }]))).is_ok(), "one text has no parts");
    assert!(declared(extension(json!([{ "name": "active" }]))).is_ok(), "an extension's attributes are its own");
}

#[test]
fn an_attribute_has_at_most_so_many_parts_values_and_bytes() {
    let list = |count: usize| (0..count).map(|index| json!({ "name": format!("a{index}") })).collect::<Vec<_>>();
    let values = |count: usize| (0..count).map(|index| index.to_string()).collect::<Vec<_>>();
    let reaches = |at: &dyn Fn(usize) -> Value, limit: usize, sentence: &str| {
        declared(extension(at(limit))).unwrap();
        let refused = refusal(extension(at(limit + 1)));
        assert!(refused.ends_with(sentence), "{refused}");
    };
    reaches(&|count| json!(list(count)), MAX_ATTRIBUTES, "it has more than 256 attributes");
    let complex = |count| json!([{ "name": "x", "type": "complex", "subAttributes": list(count) }]);
    reaches(&complex, MAX_SUB_ATTRIBUTES, "the attribute `x` has more than 64 sub-attributes");
    let canonical = |count| json!([{ "name": "x", "canonicalValues": values(count) }]);
    reaches(&canonical, MAX_CANONICAL_VALUES, "the attribute `x` has more than 100 canonical values");
    let long = |count: usize| json!([{ "name": "x", "canonicalValues": ["v".repeat(count)] }]);
    reaches(&long, MAX_CANONICAL_VALUE_BYTES, "has a canonical value that is empty or longer than 256 bytes");
    let references = |count| json!([{ "name": "x", "type": "reference", "referenceTypes": vec!["uri"; count] }]);
    reaches(&references, MAX_REFERENCE_TYPES, "the attribute `x` has more than 16 reference types");
    reaches(&|count| json!([{ "name": "x".repeat(count) }]), MAX_NAME_BYTES, "has a name longer than 64 bytes");
    let described = |count| json!([{ "name": "x", "description": "d".repeat(count) }]);
    reaches(&described, MAX_DESCRIPTION_BYTES, "has a description that is longer than 1024 bytes");
    assert_eq!(refusal(extension(json!([]))), format!("{BADGES}: it has no attributes"));
}

#[test]
fn a_schema_has_at_most_so_long_a_urn_and_texts() {
    let with = |key: &str, text: String| {
        let mut json = extension(json!([{ "name": "floor" }]));
        json["extensions"][0]["schema"][key] = json!(text);
        declared(json)
    };
    let urn = |length: usize| format!("urn:acme:{}", "x".repeat(length - 9));
    assert!(with("id", urn(MAX_URN_BYTES)).is_ok());
    assert!(with("id", urn(MAX_URN_BYTES + 1)).unwrap_err().contains("at most 256 bytes"));
    for (key, limit) in [("name", MAX_NAME_BYTES), ("description", MAX_DESCRIPTION_BYTES)] {
        assert!(with(key, "x".repeat(limit)).is_ok());
        let refused = with(key, "x".repeat(limit + 1)).unwrap_err();
        assert_eq!(refused, format!("{BADGES}: its {key} is longer than {limit} bytes"));
    }
}

#[test]
fn a_tenant_has_at_most_so_many_types_extensions_and_attributes() {
    let attributes = |count: usize| (0..count).map(|index| json!({ "name": format!("a{index}") })).collect::<Vec<_>>();
    let extensions = |count: usize, each: usize| {
        let one = |index| json!({ "resourceType": "User", "schema": { "id": format!("urn:acme:{index}"), "attributes": attributes(each) } });
        json!({ "extensions": (0..count).map(one).collect::<Vec<_>>() })
    };
    let types = |count: usize| {
        let one = |index| {
            json!({
                "name": format!("T{index}"), "endpoint": format!("/T{index}"),
                "schema": { "id": format!("urn:acme:{index}"), "attributes": attributes(1) },
            })
        };
        json!({ "resourceTypes": (0..count).map(one).collect::<Vec<_>>() })
    };
    declared(extensions(MAX_DECLARED_EXTENSIONS, 1)).unwrap();
    assert_eq!(refusal(extensions(MAX_DECLARED_EXTENSIONS + 1, 1)), "more than 32 extensions are declared");
    declared(types(MAX_DECLARED_TYPES)).unwrap();
    assert_eq!(refusal(types(MAX_DECLARED_TYPES + 1)), "more than 16 resource types are declared");
    declared(extensions(MAX_DECLARED_ATTRIBUTES / 200, 200)).unwrap();
    assert_eq!(
        refusal(extensions(MAX_DECLARED_ATTRIBUTES / 200 + 1, 200)),
        "more than 2000 attributes are declared in all"
    );
}

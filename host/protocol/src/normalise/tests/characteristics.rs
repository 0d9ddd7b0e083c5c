//! Every characteristic of RFC 7643 §2.2 and §7, on the attributes of a declared extension and of a declared type.

use super::*;
use crate::{patch, schema::ResourceTypeDef};

const BADGE: &str = "urn:acme:scim:schemas:Badge:2.0:User";

/// Users with an attribute of every type and characteristic, in an extension that is `required` or not.
fn with_badge(required: bool) -> Registry {
    let declared = json!({ "extensions": [{
        "resourceType": "User",
        "required": required,
        "schema": { "id": BADGE, "attributes": [
            { "name": "text" },
            { "name": "flag", "type": "boolean" },
            { "name": "share", "type": "decimal" },
            { "name": "floor", "type": "integer" },
            { "name": "hired", "type": "dateTime" },
            { "name": "key", "type": "binary" },
            { "name": "home", "type": "reference", "referenceTypes": ["external"] },
            { "name": "boss", "type": "reference", "referenceTypes": ["User"] },
            { "name": "words", "multiValued": true },
            { "name": "color", "canonicalValues": ["Red", "Green"] },
            { "name": "code", "caseExact": true, "canonicalValues": ["a", "A"] },
            { "name": "serial", "uniqueness": "server" },
            { "name": "made", "mutability": "immutable" },
            { "name": "seen", "mutability": "readOnly" },
            { "name": "pin", "mutability": "writeOnly", "returned": "never" },
            { "name": "desk", "type": "complex", "subAttributes": [
                { "name": "room", "required": true },
                { "name": "plate", "mutability": "immutable" },
                { "name": "sensor", "mutability": "readOnly" },
            ] },
            { "name": "cards", "type": "complex", "multiValued": true, "subAttributes": [
                { "name": "value", "required": true }, { "name": "type", "canonicalValues": ["door", "car"] },
            ] },
        ] },
    }] });
    Registry::core().with(&serde_json::from_value(declared).unwrap()).unwrap()
}

fn body(badge: Value) -> Value {
    let mut body = json!({ "userName": "ada" });
    body[BADGE] = badge;
    body
}

fn sent(profile: &Profile, badge: Value) -> Result<Normalised, Invalid> {
    let mut body = body(badge);
    body["schemas"] = json!([USER, BADGE]);
    create(with_badge(false).get("User").unwrap(), profile, body)
}

/// What is stored of the extension.
fn kept(badge: Value) -> Value {
    sent(&Profile::default(), badge).unwrap().document.get(BADGE).cloned().unwrap_or_default()
}

fn refused_badge(badge: Value) -> (ScimType, String) {
    let invalid = sent(&Profile::default(), badge).unwrap_err();
    (invalid.scim_type, invalid.detail.replace(BADGE, "badge"))
}

/// The leniencies that a badge needs, and what the strict profile says of it.
fn tolerated(badge: Value) -> (Vec<String>, Option<String>) {
    let lenient = sent(&Profile::default(), badge.clone()).unwrap();
    let names = lenient.rewrites.iter().map(|rewrite| rewrite.rule.name().to_owned()).collect();
    let strict = sent(&Profile::strict(), badge).err();
    (names, strict.map(|invalid| invalid.detail.replace(BADGE, "badge")))
}

#[test]
fn every_type_takes_its_values_and_nothing_else() {
    let good = json!({
        "text": "x", "flag": true, "share": 0.5, "floor": 3, "hired": "2026-10-01T08:00:00Z", "key": "AQIDBA==",
        "home": "https://example.test/", "words": ["a", "b"], "desk": { "room": "1" }, "cards": [{ "value": "7" }],
    });
    assert_eq!(kept(good.clone()), good);
    for (name, bad, expected) in [
        ("text", json!(true), "a string"),
        ("text", json!({}), "a string"),
        ("flag", json!("yes"), "a boolean"),
        ("flag", json!(2), "a boolean"),
        ("share", json!(true), "a number"),
        ("floor", json!(1.5), "an integer"),
        ("floor", json!("three"), "an integer"),
        ("hired", json!("2026-10-01"), "an RFC 3339 date and time"),
        ("key", json!("AQI*"), "base64"),
        ("home", json!(true), "a string"),
        ("words", json!([true]), "a string"),
        ("desk", json!("1"), "an object"),
        ("cards", json!([true]), "an object"),
    ] {
        let refused = refused_badge(json!({ name: bad }));
        assert_eq!(refused, (ScimType::InvalidValue, format!("badge:{name} must be {expected}")));
    }
    let several = refused_badge(json!({ "text": ["a", "b"] }));
    assert_eq!(several, (ScimType::InvalidValue, "badge:text takes one value, not a list".into()));
}

#[test]
fn base64_is_whole_with_or_without_its_padding_and_in_either_alphabet() {
    for key in ["AQIDBA==", "AQIDBA", "AQID", "-_-_", "+/+/", "AQ==", "AQI=", "AQID\r\nBA==", ""] {
        let expected = if key.is_empty() { Value::Null } else { json!({ "key": key }) };
        assert_eq!(kept(json!({ "key": key })), expected, "{key}");
    }
    for key in ["A", "A===", "AQ=", "AQI==", "AQID====", "=", "AQ==AQ==", "A Q I D", "AQIDBA=\r\n", "é"] {
        assert_eq!(refused_badge(json!({ "key": key })).1, "badge:key must be base64", "{key}");
    }
}

#[test]
fn a_canonical_value_in_another_case_is_that_value_unless_case_counts() {
    assert_eq!(kept(json!({ "color": "rEd" })), json!({ "color": "Red" }));
    assert_eq!(tolerated(json!({ "color": "GREEN" })), (vec!["canonical-case".into()], None));
    assert_eq!(kept(json!({ "code": "A" })), json!({ "code": "A" }));
    assert_eq!(tolerated(json!({ "color": "Red", "code": "a" })), (vec![], None));
}

#[test]
fn another_value_than_the_canonical_ones_is_kept_and_told_or_refused() {
    assert_eq!(kept(json!({ "color": "blue" })), json!({ "color": "blue" }));
    let strict = Some("badge:color must be one of its canonical values".to_owned());
    assert_eq!(tolerated(json!({ "color": "blue" })), (vec!["not-canonical".into()], strict));
    let strict = Some("badge:cards.type must be one of its canonical values".to_owned());
    assert_eq!(
        tolerated(json!({ "cards": [{ "value": "7", "type": "bus" }] })),
        (vec!["not-canonical".into()], strict)
    );
}

#[test]
fn a_reference_is_a_uri_that_leads_where_the_schema_says_or_that_is_told_or_refused() {
    assert_eq!(tolerated(json!({ "home": "https://example.test/a?b#c", "boss": "../Users/7b2e" })), (vec![], None));
    let strict = Some("badge:home must be a URI".to_owned());
    assert_eq!(tolerated(json!({ "home": "see intranet" })), (vec!["not-a-uri".into()], strict));
    let strict = Some("badge:boss must lead to a resource of a type that the schema names".to_owned());
    assert_eq!(tolerated(json!({ "boss": "/Groups/7b2e" })), (vec!["reference-elsewhere".into()], strict));
    assert_eq!(kept(json!({ "home": "see intranet" })), json!({ "home": "see intranet" }));
}

#[test]
fn what_is_unique_is_a_name_and_as_long_as_one() {
    assert_eq!(kept(json!({ "serial": "x".repeat(1024) }))["serial"].as_str().unwrap().len(), 1024);
    assert_eq!(refused_badge(json!({ "serial": "x".repeat(1025) })).1, "badge:serial is longer than 1024 bytes");
    assert!(refused_badge(json!({ "serial": "a\u{AD}b" })).1.contains("U+00AD"));
    assert_eq!(kept(json!({ "text": "a\u{AD}b" })), json!({ "text": "a\u{AD}b" }));
}

#[test]
fn what_only_the_server_writes_is_ignored_at_both_levels() {
    assert_eq!(kept(json!({ "seen": "x", "text": "y" })), json!({ "text": "y" }));
    assert_eq!(kept(json!({ "desk": { "room": "1", "sensor": "x" } })), json!({ "desk": { "room": "1" } }));
}

#[test]
fn what_is_only_written_is_stored_but_for_a_password() {
    let document = sent(&Profile::default(), json!({ "pin": "1815" })).unwrap().document;
    let registry = with_badge(false);
    let def = registry.get("User").unwrap();
    assert_eq!(retain(def, &document).get(BADGE), Some(&json!({ "pin": "1815" })));
    let with_password = create(def, &Profile::default(), json!({ "userName": "ada", "password": "k3Vqz8Rt" })).unwrap();
    assert_eq!(retain(def, &with_password.document).get("password"), None);
}

#[test]
fn a_part_that_is_required_is_required_where_its_attribute_is() {
    assert_eq!(kept(json!({})), Value::Null);
    assert_eq!(
        refused_badge(json!({ "desk": { "plate": "x" } })),
        (ScimType::InvalidValue, "badge:desk.room is required".into())
    );
    assert_eq!(
        refused_badge(json!({ "cards": [{ "value": "7" }, { "type": "door" }] })),
        (ScimType::InvalidValue, "badge:cards.value is required".into())
    );
}

#[test]
fn a_required_extension_is_required_and_so_are_its_required_attributes_where_it_is() {
    let registry = with_badge(true);
    let def = registry.get("User").unwrap();
    for body in [
        json!({ "userName": "ada" }),
        json!({ "userName": "ada", BADGE: {} }),
        json!({ "userName": "ada", BADGE: null }),
    ] {
        let invalid = create(def, &Profile::default(), body).unwrap_err();
        assert_eq!((invalid.scim_type, invalid.detail), (ScimType::InvalidValue, format!("{BADGE} is required")));
    }
    create(def, &Profile::default(), body(json!({ "text": "x" }))).unwrap();

    let mut declared: crate::schema::Declarations = serde_json::from_value(json!({ "extensions": [{
        "resourceType": "User", "schema": { "id": BADGE, "attributes": [{ "name": "number", "required": true }, { "name": "text" }] },
    }] }))
    .unwrap();
    let of = |declared: &_, badge| {
        create(Registry::core().with(declared).unwrap().get("User").unwrap(), &Profile::default(), badge)
    };
    of(&declared, json!({ "userName": "ada" })).unwrap();
    assert_eq!(of(&declared, body(json!({ "text": "x" }))).unwrap_err().detail, format!("{BADGE}:number is required"));
    let patched = |path: &str| {
        let registry = Registry::core().with(&declared).unwrap();
        let current: Document = serde_json::from_value(body(json!({ "number": "7" }))).unwrap();
        let operations = json!({ "Operations": [{ "op": "replace", "path": path, "value": "" }] });
        let request = patch::parse(operations).unwrap();
        patch::apply(registry.get("User").unwrap(), &Profile::default(), &current, &request)
    };
    let emptied = patched(&format!("{BADGE}:number")).unwrap_err().detail;
    assert_eq!(emptied, format!("Operations[0]: {BADGE}:number is required"));
    assert_eq!(patched(BADGE).unwrap().document.get(BADGE), None, "the whole of it may go");
    declared.extensions[0].required = true;
    assert_eq!(of(&declared, json!({ "userName": "ada" })).unwrap_err().detail, format!("{BADGE} is required"));
}

fn put_badge(current: Value, badge: Value) -> Result<Value, (ScimType, String)> {
    let registry = with_badge(false);
    let current: Document = serde_json::from_value(body(current)).unwrap();
    let replaced = replace(registry.get("User").unwrap(), &Profile::default(), &current, body(badge));
    let stored = |normalised: Normalised| normalised.document.get(BADGE).cloned().unwrap_or_default();
    replaced.map(stored).map_err(|invalid| (invalid.scim_type, invalid.detail.replace(BADGE, "badge")))
}

/// RFC 7644 §3.5.1: "if one or more values are already set for the attribute, the input value(s) MUST match".
#[test]
fn what_is_written_once_stays_in_a_put_and_refuses_another_value() {
    let before = json!({ "made": "Paris", "text": "x" });
    assert_eq!(put_badge(json!({ "text": "x" }), before.clone()), Ok(before.clone()));
    assert_eq!(put_badge(before.clone(), json!({ "made": "PARIS" })), Ok(json!({ "made": "Paris" })));
    assert_eq!(put_badge(before.clone(), json!({ "text": "y" })), Ok(json!({ "made": "Paris", "text": "y" })));
    assert_eq!(put_badge(before.clone(), Value::Null), Ok(json!({ "made": "Paris" })));
    assert_eq!(
        put_badge(before, json!({ "made": "London" })),
        Err((ScimType::Mutability, "badge:made is immutable and has a value already".into()))
    );
}

#[test]
fn an_immutable_part_is_written_once_while_its_attribute_lives() {
    let before = json!({ "desk": { "room": "1", "plate": "P1" } });
    assert_eq!(
        put_badge(before.clone(), json!({ "desk": { "room": "2" } })),
        Ok(json!({ "desk": { "room": "2", "plate": "P1" } }))
    );
    assert_eq!(
        put_badge(before.clone(), json!({ "desk": { "room": "2", "plate": "P2" } })),
        Err((ScimType::Mutability, "badge:desk.plate is immutable and has a value already".into()))
    );
    assert_eq!(put_badge(before, json!({ "text": "x" })), Ok(json!({ "text": "x" })));
}

#[test]
fn an_immutable_list_is_the_same_list_in_any_order() {
    let declared = json!({ "extensions": [{ "resourceType": "User", "schema": { "id": BADGE, "attributes": [
        { "name": "words", "multiValued": true, "mutability": "immutable" },
    ] } }] });
    let registry = Registry::core().with(&serde_json::from_value(declared).unwrap()).unwrap();
    let current: Document = serde_json::from_value(body(json!({ "words": ["a", "b"] }))).unwrap();
    let put =
        |words| replace(registry.get("User").unwrap(), &Profile::default(), &current, body(json!({ "words": words })));
    assert_eq!(put(json!(["B", "a"])).unwrap().document, current);
    for words in [json!(["a"]), json!(["a", "c"]), json!(["a", "b", "c"])] {
        assert_eq!(put(words).unwrap_err().scim_type, ScimType::Mutability);
    }
}

fn device() -> Registry {
    let declared = json!({ "resourceTypes": [{
        "name": "Device", "endpoint": "/Devices",
        "schema": { "id": "urn:ietf:params:scim:schemas:core:2.0:Device", "attributes": [
            { "name": "model", "required": true },
            { "name": "owner", "type": "reference", "referenceTypes": ["User"] },
        ] },
    }] });
    Registry::core().with(&serde_json::from_value(declared).unwrap()).unwrap()
}

/// Neither a `userName` nor an `active` is asked for, made up, or taken for known.
#[test]
fn a_resource_of_a_declared_type_is_what_its_schema_says() {
    let registry = device();
    let def: &ResourceTypeDef = registry.get("Device").unwrap();
    let made = create(
        def,
        &Profile::default(),
        json!({ "schemas": [def.schema.id], "model": "X1", "externalId": "e-1", "active": false, "userName": "ada" }),
    )
    .unwrap();
    assert_eq!(json_of(&made.document), json!({ "externalId": "e-1", "model": "X1" }));
    assert_eq!(rules(&made), [("unknown-attribute-dropped", "active"), ("unknown-attribute-dropped", "userName")]);
    assert_eq!(retain(def, &made.document), made.document);
    assert_eq!(create(def, &Profile::default(), json!({})).unwrap_err().detail, "model is required");
    let replaced = replace(def, &Profile::default(), &made.document, json!({ "model": "X2" })).unwrap();
    assert_eq!(json_of(&replaced.document), json!({ "model": "X2" }));

    let request =
        patch::parse(json!({ "Operations": [{ "op": "add", "path": "owner", "value": "../Users/7b2e" }] })).unwrap();
    let patched = patch::apply(def, &Profile::default(), &replaced.document, &request).unwrap();
    assert_eq!(json_of(&patched.document), json!({ "model": "X2", "owner": "../Users/7b2e" }));
}

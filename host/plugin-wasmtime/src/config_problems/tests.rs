use serde_json::json;

use super::*;

/// Of a plugin that asks for a bit of everything.
fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["region"],
        "additionalProperties": false,
        "dependentRequired": { "contact": ["seats"] },
        "properties": {
            "region": { "enum": ["eu", "us"] },
            "seats": { "type": "number", "maximum": 12 },
            "days": { "type": "integer", "minimum": 1, "maximum": 31 },
            "share": { "type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5 },
            "name": { "type": "string", "minLength": 3, "maxLength": 20 },
            "title": { "type": "string", "minLength": 1 },
            "code": { "type": "string", "pattern": "^[A-Z]{2}$" },
            "contact": { "type": "string", "format": "email" },
            "url": { "format": "uri" },
            "since": { "type": "string", "format": "date" },
            "groups": { "type": "boolean" },
            "mode": { "const": "fixed" },
            "either": { "type": ["string", "null"] },
            "forms": { "oneOf": [{ "type": "boolean" }, { "type": "integer", "minimum": 1 }] },
            "never": false,
            "states": { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 3, "uniqueItems": true },
            "teams": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "properties": { "id": { "$ref": "#/$defs/id" }, "tags": { "type": "array", "items": { "type": "string" } } },
                    "additionalProperties": false
                }
            },
            "labels": { "type": "object", "maxProperties": 2, "propertyNames": { "maxLength": 3 }, "additionalProperties": { "type": "string" } },
            "other": { "not": { "const": "root" } },
            "api": {
                "type": "object",
                "writeOnly": true,
                "properties": { "key": { "type": "string" }, "port": { "type": "integer" } },
                "additionalProperties": false
            }
        },
        "$defs": { "id": { "type": "integer", "minimum": 1 } }
    })
}

fn said(config: &Value) -> Vec<String> {
    let schema = schema();
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).should_validate_formats(true);
    let validator = options.build(&schema).unwrap();
    of(&validator, &schema, config).into_iter().map(|it| format!("{}: {}", it.pointer, it.message)).collect()
}

/// What is said of one member beside what is right.
fn said_of(name: &str, value: &Value) -> Vec<String> {
    said(&json!({ "region": "eu", name: value }))
}

#[test]
fn every_kind_of_mistake_is_a_place_and_a_sentence() {
    let long = "x".repeat(21);
    for (name, value, expected) in [
        ("region", json!("mars"), r#"/region: must be one of "eu", "us""#),
        ("seats", json!(13), "/seats: must be a number, 12 or less"),
        ("seats", json!("many"), "/seats: must be a number, 12 or less"),
        ("days", json!(0), "/days: must be a whole number from 1 to 31"),
        ("days", json!(1.5), "/days: must be a whole number from 1 to 31"),
        ("share", json!(0), "/share: must be a number, more than 0, a multiple of 0.5"),
        ("share", json!(0.7), "/share: must be a number, more than 0, a multiple of 0.5"),
        ("name", json!("ab"), "/name: must be a text of 3 to 20 characters"),
        ("name", json!(long), "/name: must be a text of 3 to 20 characters"),
        ("title", json!(""), "/title: must be a text that is not empty"),
        ("code", json!("xyz"), "/code: must be a text that matches ^[A-Z]{2}$"),
        ("url", json!("not one"), "/url: must be a URL such as https://example.com/"),
        ("since", json!("yesterday"), "/since: must be a date such as 2026-01-31"),
        ("groups", json!("yes"), "/groups: must be true or false"),
        ("mode", json!("free"), r#"/mode: must be "fixed""#),
        ("either", json!(1), "/either: must be a text or null"),
        ("forms", json!("x"), "/forms: must be true or false or a whole number, 1 or more"),
        ("never", json!(1), "/never: must not be there"),
        ("states", json!([]), "/states: must be a list of 1 to 3 entries, none of them twice"),
        ("states", json!(["a", "a"]), "/states: must be a list of 1 to 3 entries, none of them twice"),
        ("states", json!("a"), "/states: must be a list of 1 to 3 entries, none of them twice"),
        ("states", json!(["a", 2]), "/states/1: must be a text"),
        ("teams", json!([{ "id": 1 }, {}]), "/teams/1/id: is missing; it must be a whole number, 1 or more"),
        ("teams", json!([{ "id": 0 }]), "/teams/0/id: must be a whole number, 1 or more"),
        ("teams", json!([{ "id": 1, "tags": ["a", 1] }]), "/teams/0/tags/1: must be a text"),
        ("teams", json!([{ "id": 1, "x~/y": 1 }]), "/teams/0/x~0~1y: is not known here; known are id, tags"),
        ("teams", json!([[]]), "/teams/0: must be an object with id"),
        ("labels", json!({ "a": 1 }), "/labels/a: must be a text"),
        ("labels", json!({ "a": "", "b": "", "c": "" }), "/labels: must be an object with at most 2 members"),
        (
            "labels",
            json!({ "long": "" }),
            "/labels: must be an object in which the name of each member is a text of at most 3 characters",
        ),
        ("other", json!("root"), r#"/other: must not be "root""#),
    ] {
        assert_eq!(said_of(name, &value), [expected], "{name} {value}");
    }
}

#[test]
fn what_one_field_asks_of_another_is_told_of_the_other() {
    let told = said_of("contact", &json!("ada@example.com"));
    assert_eq!(told, ["/seats: is missing; it must be a number, 12 or less"]);
    let both = said(&json!({ "region": "eu", "seats": 1, "contact": "nobody" }));
    assert_eq!(both, ["/contact: must be an e-mail address"]);
}

#[test]
fn what_is_missing_and_what_is_too_much_is_told_with_what_there_can_be() {
    assert_eq!(said(&json!({})), [r#"/region: is missing; it must be one of "eu", "us""#]);
    let told = said_of("colour", &json!("red"));
    assert!(told[0].starts_with("/colour: is not known here; known are "), "{told:?}");
    assert!(told[0].contains("region") && !told[0].contains("red"), "{told:?}");
}

#[test]
fn several_mistakes_are_several_problems_and_one_field_is_one() {
    let told = said(&json!({ "seats": "many", "days": -0.5, "groups": 1 }));
    assert_eq!(told.len(), 4, "{told:?}");
    for place in ["/region: ", "/seats: ", "/days: ", "/groups: "] {
        assert_eq!(told.iter().filter(|problem| problem.starts_with(place)).count(), 1, "{place} {told:?}");
    }
}

#[test]
fn problems_are_told_up_to_a_number() {
    let many: serde_json::Map<_, _> = (0..=MAX_PROBLEMS).map(|n| (format!("x{n}"), json!(1))).collect();
    assert_eq!(said(&Value::Object(many)).len(), MAX_PROBLEMS);
}

#[test]
fn what_is_only_written_is_not_told() {
    assert_eq!(said_of("api", &json!({ "key": 12345 })), ["/api/key: must be a text"]);
    assert_eq!(said_of("api", &json!({ "port": "hunter2" })), ["/api/port: must be a whole number"]);
    let unknown = said_of("api", &json!({ "hunter2": "hunter3" }));
    assert_eq!(unknown, ["/api: has a member that is not known here; known are key, port"], "a name can be the secret");

    let config = json!({ "region": "eu", "api": { "key": "hunter2", "port": 443 } });
    let said = |pointer: &str, message: &str| Problem { pointer: pointer.to_owned(), message: message.to_owned() };
    let own = said("/api/key", "hunter2 is not a key of region eu, port 443");
    let told = masked(own.clone(), Some(&schema()), &config);
    assert_eq!(told, said("/api/key", "(hidden) is not a key of region eu, port 443"), "short ones are parts of words");
    assert_eq!(masked(own.clone(), None, &config), own);
}

#[test]
fn what_is_only_written_is_found_wherever_a_schema_says_it() {
    let secret = json!({ "writeOnly": true });
    let below = json!({ "properties": { "key": secret } });
    let object = json!({ "key": "hunter2" });
    let cases = [
        (json!({ "$ref": "#/$defs/any", "properties": { "key": secret } }), object.clone()),
        (json!({ "properties": { "key": { "$ref": "#/$defs/any", "writeOnly": true } } }), object.clone()),
        (json!({ "$ref": "#/$defs/o" }), object.clone()),
        (json!({ "allOf": [below] }), object.clone()),
        (json!({ "anyOf": [true, below] }), object.clone()),
        (json!({ "oneOf": [true, below] }), object.clone()),
        (json!({ "not": below }), object.clone()),
        (json!({ "if": below, "then": true }), object.clone()),
        (json!({ "if": true, "then": below }), object.clone()),
        (json!({ "if": true, "else": below }), object.clone()),
        (json!({ "dependentSchemas": { "key": below } }), object.clone()),
        (json!({ "additionalProperties": secret }), object.clone()),
        (json!({ "unevaluatedProperties": secret }), object.clone()),
        (json!({ "patternProperties": { "^k": secret } }), object),
        (json!({ "propertyNames": secret }), json!({ "hunter2": 1 })),
        (json!({ "items": secret }), json!(["hunter2"])),
        (json!({ "contains": secret }), json!(["hunter2"])),
        (json!({ "prefixItems": [secret] }), json!(["hunter2"])),
        (json!({ "unevaluatedItems": secret }), json!(["hunter2"])),
    ];
    for (part, config) in cases {
        let schema = json!({ "allOf": [part], "$defs": { "any": {}, "o": below } });
        let problem = Problem { pointer: "/a".to_owned(), message: "hunter2 is weak".to_owned() };
        assert_eq!(masked(problem, Some(&schema), &config).message, "(hidden) is weak", "{schema}");
    }

    let beside = json!({
        "properties": { "api": { "$ref": "#/$defs/o", "writeOnly": true } },
        "$defs": { "o": { "properties": { "key": { "type": "string" } }, "additionalProperties": false } }
    });
    let told = said_by(&beside, &json!({ "api": { "hunter2": 1 } }));
    assert_eq!(told, "has a member that is not known here; known are key");

    let deep = (0..=MAX_DEPTH).fold(json!({}), |inner, _| json!({ "allOf": [inner] }));
    let problem = Problem { pointer: String::new(), message: "hunter2".to_owned() };
    assert_eq!(masked(problem, Some(&deep), &json!("hunter2")).message, "(hidden)", "what is not looked at is hidden");
}

/// What is said of one value by a schema alone.
fn said_by(schema: &Value, value: &Value) -> String {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    let mut problems = of(&validator, schema, value);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0).message
}

#[test]
fn of_what_can_be_there_as_much_is_told_as_can_be_read() {
    let numbers = |last: u64| (1..=last).collect::<Vec<_>>();
    let told = said_by(&json!({ "enum": numbers(20) }), &json!(0));
    assert!(told.ends_with("18, 19, 20"), "{told}");
    let told = said_by(&json!({ "enum": numbers(21) }), &json!(0));
    assert!(told.ends_with("19, 20, ..."), "{told}");

    let forms: Vec<Value> = (1..=9).map(|n| json!({ "const": n })).collect();
    let told = said_by(&json!({ "anyOf": forms }), &json!(0));
    assert_eq!(told, "must be 1 or 2 or 3 or 4 or 5 or 6 or 7 or 8 or another form");

    let named: serde_json::Map<_, _> = (10..31).map(|n| (format!("m{n}"), json!(true))).collect();
    let told = said_by(&json!({ "properties": named, "additionalProperties": false }), &json!({ "x": 1 }));
    assert!(told.starts_with("is not known here; known are m10, ") && told.ends_with("m29, ..."), "{told}");

    let told = said_by(&json!({ "pattern": format!("^{}$", "a".repeat(200)) }), &json!("b"));
    assert_eq!(told, format!("must be a text that matches ^{}...", "a".repeat(127)));
}

#[test]
fn of_forms_beside_a_type_it_is_told_what_tells_them_apart() {
    let asked = json!({ "type": "object", "anyOf": [{ "required": ["a"] }, { "required": ["b", "c"] }] });
    assert_eq!(said_by(&asked, &json!({})), "must have a, or must have b and c");
    let others = json!({
        "type": "object",
        "oneOf": [{ "required": ["a"] }, { "properties": { "b": { "const": 1 } }, "required": ["b"] }]
    });
    assert_eq!(said_by(&others, &json!({})), "fits none of the 2 forms that the schema allows");
}

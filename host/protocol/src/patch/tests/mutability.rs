//! The characteristics of attributes that only declared schemas have: immutable, required below the top, lists of simple values.

use std::sync::Arc;

use super::*;
use crate::schema::Schema;

const BADGE: &str = "urn:example:2.0:Badge";

/// A user with an extension of every kind of characteristic.
fn def() -> ResourceTypeDef {
    let schema: Schema = serde_json::from_value(json!({"id":BADGE,"name":"Badge","attributes":[
        {"name":"number","mutability":"immutable"},
        {"name":"floor","type":"integer","required":true},
        {"name":"printed","mutability":"readOnly"},
        {"name":"doors","multiValued":true},
        {"name":"seals","multiValued":true,"mutability":"immutable"},
        {"name":"issuer","type":"complex","subAttributes":[
            {"name":"code","mutability":"immutable"},{"name":"name","required":true},{"name":"serial","mutability":"readOnly"}]},
        {"name":"keys","type":"complex","multiValued":true,"subAttributes":[
            {"name":"value","mutability":"immutable","required":true},{"name":"type"},{"name":"display"},{"name":"primary","type":"boolean"}]}]}))
    .unwrap();
    let core = Registry::core();
    let mut def = core.get("User").unwrap().as_ref().clone();
    def.extensions.push(Arc::new(schema));
    def
}

fn badge() -> Value {
    json!({"number":"B-12","floor":3,"doors":["north","south"],"seals":["red"],"issuer":{"code":"X","name":"Works"},
        "keys":[{"value":"k1","type":"front"},{"value":"k2","type":"back"}]})
}

/// What the operations make of the badge; each path and key is one of the extension's.
fn of(current: Value, operations: Value) -> Result<Value, (ScimType, String)> {
    let mut operations = operations;
    for operation in operations.as_array_mut().unwrap() {
        if let Some(path) = operation.get("path").and_then(Value::as_str).map(|path| format!("{BADGE}:{path}")) {
            operation["path"] = json!(path);
        }
    }
    let current: Document = serde_json::from_value(json!({"userName":"ada",BADGE:current})).unwrap();
    let request = parse(json!({"schemas":[PATCH_OP],"Operations":operations})).unwrap();
    match apply(&def(), &Profile::default(), &current, &request) {
        Ok(patched) => Ok(patched.document.get(BADGE).cloned().unwrap_or_default()),
        Err(invalid) => {
            let detail = invalid.detail.replace(&format!("{BADGE}:"), "").replace("Operations[0]: ", "");
            Err((invalid.scim_type, detail))
        }
    }
}

fn after(operation: Value) -> Value {
    of(badge(), json!([operation])).unwrap()
}

fn mutability(operation: Value) -> String {
    let (scim_type, detail) = of(badge(), json!([operation])).unwrap_err();
    assert_eq!(scim_type, ScimType::Mutability, "{detail}");
    detail
}

#[test]
fn what_is_immutable_is_added_once_and_stays() {
    let fresh = of(json!({"floor":3}), json!([{"op":"add","path":"number","value":"B-13"}])).unwrap();
    assert_eq!(fresh, json!({"number":"B-13","floor":3}));
    for op in ["add", "replace"] {
        assert_eq!(after(json!({"op":op,"path":"number","value":"B-12"})), badge(), "it is there already");
        assert_eq!(after(json!({"op":op,"path":"number","value":"b-12"})), badge(), "in another case it is the same");
        let told = mutability(json!({"op":op,"path":"number","value":"B-13"}));
        assert_eq!(told, "number is immutable and has a value already");
    }
    for operation in [json!({"op":"remove","path":"number"}), json!({"op":"replace","path":"number","value":null})] {
        assert_eq!(mutability(operation), "number is immutable and has a value already");
    }
    let twice = json!([{"op":"add","path":"number","value":"a"},{"op":"add","path":"number","value":"b"}]);
    let (scim_type, detail) = of(json!({"floor":3}), twice).unwrap_err();
    assert_eq!(scim_type, ScimType::Mutability);
    assert_eq!(detail, "Operations[1]: number is immutable and has a value already", "each sees what came before it");
}

#[test]
fn an_immutable_list_takes_nothing_and_loses_nothing() {
    assert_eq!(after(json!({"op":"add","path":"seals","value":["red"]})), badge());
    assert_eq!(after(json!({"op":"replace","path":"seals","value":["RED"]})), badge());
    for operation in [
        json!({"op":"add","path":"seals","value":["blue"]}),
        json!({"op":"replace","path":"seals","value":[]}),
        json!({"op":"remove","path":"seals"}),
        json!({"op":"remove","path":"seals[value eq \"red\"]"}),
    ] {
        assert_eq!(mutability(operation), "seals is immutable and has a value already");
    }
}

#[test]
fn an_immutable_part_stays_while_the_parts_beside_it_change() {
    let renamed = after(json!({"op":"replace","path":"issuer","value":{"code":"X","name":"Mint","serial":"9"}}));
    assert_eq!(renamed["issuer"], json!({"code":"X","name":"Mint"}));
    for operation in [
        json!({"op":"replace","path":"issuer.code","value":"Y"}),
        json!({"op":"remove","path":"issuer.code"}),
        json!({"op":"add","path":"issuer","value":{"code":"Y"}}),
    ] {
        assert_eq!(mutability(operation), "issuer.code is immutable and has a value already");
    }
    for operation in [
        json!({"op":"replace","path":"keys[type eq \"front\"].value","value":"k9"}),
        json!({"op":"replace","path":"keys.value","value":"k9"}),
        json!({"op":"add","path":"keys[type eq \"front\"]","value":{"value":"k9"}}),
    ] {
        assert_eq!(mutability(operation), "keys.value is immutable and has a value already");
    }
    let replaced = after(json!({"op":"replace","path":"keys[type eq \"front\"]","value":{"value":"k9"}}));
    assert_eq!(replaced["keys"][0], json!({"type":"front","value":"k9"}), "a replaced element is another one");
    let fewer = after(json!({"op":"remove","path":"keys[type eq \"front\"]"}));
    assert_eq!(fewer["keys"], json!([{"value":"k2","type":"back"}]));
}

#[test]
fn what_is_required_below_the_top_cannot_be_removed_or_left_out() {
    assert_eq!(mutability(json!({"op":"remove","path":"floor"})), "floor is required and cannot be removed");
    assert_eq!(
        mutability(json!({"op":"remove","path":"issuer.name"})),
        "issuer.name is required and cannot be removed"
    );
    let display = json!([{"op":"add","path":"keys[type eq \"front\"].display","value":"F"},{"op":"remove","path":"keys[type eq \"front\"].value"}]);
    assert_eq!(of(badge(), display).unwrap_err().0, ScimType::Mutability);
    let lacks = |current, operation| of(current, json!([operation])).unwrap_err();
    let needs = |path: &str| (ScimType::InvalidValue, format!("{path} is required"));
    assert_eq!(lacks(badge(), json!({"op":"add","path":"keys","value":[{"type":"side"}]})), needs("keys.value"));
    assert_eq!(lacks(badge(), json!({"op":"replace","path":"floor","value":null})), needs("floor"));
    assert_eq!(lacks(Value::Null, json!({"op":"add","path":"number","value":"x"})), needs("floor"));
    let disabled = of(json!({"doors":["north"]}), json!([{"op":"add","path":"doors","value":["east"]}]));
    assert_eq!(disabled.unwrap()["doors"], json!(["north", "east"]), "what was missing before does not stop it");
}

#[test]
fn what_only_the_server_writes_in_an_extension_outlives_the_extension() {
    let stored = json!({"floor":3,"printed":"2026-10-01"});
    let remove = |current| {
        let document: Document = serde_json::from_value(json!({"userName":"ada",BADGE:current})).unwrap();
        let request = parse(json!({"Operations":[{"op":"remove","path":BADGE}]})).unwrap();
        apply(&def(), &Profile::default(), &document, &request)
    };
    assert_eq!(remove(json!({"floor":3})).unwrap().document.get(BADGE), None);
    let invalid = remove(stored).unwrap_err();
    assert_eq!(invalid.detail, format!("{BADGE}:floor is required"), "it is there still");
    let invalid = remove(json!({"floor":3,"number":"B-12"})).unwrap_err();
    assert_eq!(invalid.scim_type, ScimType::Mutability);
}

#[test]
fn a_required_extension_cannot_be_removed() {
    let mut def = def();
    def.required_extensions = vec![BADGE.to_owned()];
    let document: Document = serde_json::from_value(json!({"userName":"ada",BADGE:{"floor":3}})).unwrap();
    let request = parse(json!({"Operations":[{"op":"remove","path":BADGE}]})).unwrap();
    let invalid = apply(&def, &Profile::default(), &document, &request).unwrap_err();
    assert_eq!(invalid.scim_type, ScimType::Mutability);
    assert_eq!(invalid.detail, format!("Operations[0]: {BADGE} is required and cannot be removed"));
    let made = crate::normalise::create(&def, &Profile::default(), json!({"userName":"ada"})).unwrap_err();
    assert_eq!(made.detail, format!("{BADGE} is required"));
}

#[test]
fn a_list_of_simple_values_takes_every_operation() {
    let doors = |operation: Value| after(operation).get("doors").cloned().unwrap_or_default();
    assert_eq!(doors(json!({"op":"add","path":"doors","value":["east","North"]})), json!(["North", "south", "east"]));
    assert_eq!(doors(json!({"op":"add","path":"doors","value":"east"})), json!(["north", "south", "east"]));
    assert_eq!(doors(json!({"op":"replace","path":"doors","value":["east"]})), json!(["east"]));
    assert_eq!(
        doors(json!({"op":"replace","path":"doors[value eq \"south\"]","value":"east"})),
        json!(["north", "east"])
    );
    assert_eq!(
        doors(json!({"op":"replace","path":"doors[value sw \"n\" or value sw \"s\"]","value":"east"})),
        json!(["east"])
    );
    assert_eq!(
        doors(json!({"op":"add","path":"doors[value eq \"west\"]","value":"west"})),
        json!(["north", "south", "west"])
    );
    assert_eq!(doors(json!({"op":"remove","path":"doors[value eq \"south\"]"})), json!(["north"]));
    assert_eq!(doors(json!({"op":"remove","path":"doors","value":["SOUTH"]})), json!(["north"]));
    assert_eq!(doors(json!({"op":"remove","path":"doors"})), Value::Null);
}

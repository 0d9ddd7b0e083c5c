//! What a tenant that wants the RFCs to the letter answers instead.

use super::*;

fn told(kind: &str, body: Value) -> Result<Patched, (ScimType, String)> {
    let current: Document = serde_json::from_value(match kind {
        "Group" => json!({"displayName":"g"}),
        _ => json!({"userName":"ada","active":true,"emails":[{"value":"w","type":"work"}]}),
    })
    .unwrap();
    let request = parse(body).unwrap();
    let core = Registry::core();
    apply(core.get(kind).unwrap(), &Profile::strict(), &current, &request)
        .map_err(|invalid| (invalid.scim_type, invalid.detail))
}

fn operation(operation: Value) -> (ScimType, String) {
    told("User", json!({"schemas":[PATCH_OP],"Operations":[operation]})).unwrap_err()
}

#[test]
fn a_value_path_without_a_match_has_no_target() {
    for op in ["add", "replace"] {
        let (scim_type, detail) = operation(json!({"op":op,"path":"emails[type eq \"home\"].value","value":"x"}));
        assert_eq!(
            (scim_type, detail.as_str()),
            (ScimType::NoTarget, "Operations[0]: emails.value has no such element")
        );
    }
    let removed = json!({"op":"remove","path":"emails[type eq \"home\"]"});
    assert!(told("User", json!({"schemas":[PATCH_OP],"Operations":[removed]})).is_ok(), "§3.5.2.2 has no such error");
}

#[test]
fn what_is_read_only_is_told_as_mutability() {
    for op in [
        json!({"op":"replace","path":"id","value":"x"}),
        json!({"op":"replace","value":{"id":"x"}}),
        json!({"op":"add","path":"groups","value":[{"value":"g"}]}),
        json!({"op":"remove","path":"groups[value eq \"g\"]"}),
        json!({"op":"remove","path":"meta.created"}),
        json!({"op":"add","path":format!("{ENTERPRISE_USER}:manager.displayName"),"value":"x"}),
    ] {
        let (scim_type, detail) = operation(op.clone());
        assert_eq!(scim_type, ScimType::Mutability, "{op}");
        assert!(detail.ends_with("is read-only"), "{detail}");
    }
    let display = json!({"op":"replace","path":"members[value eq \"a\"].display","value":"x"});
    let told_of = told("Group", json!({"schemas":[PATCH_OP],"Operations":[display]})).unwrap_err();
    assert_eq!(told_of, (ScimType::Mutability, "Operations[0]: members.display is read-only".into()));
}

#[test]
fn schemas_may_be_named_by_an_operation() {
    for op in [
        json!({"op":"add","path":"schemas","value":[ENTERPRISE_USER]}),
        json!({"op":"replace","value":{"schemas":[USER]}}),
        json!({"op":"remove","path":"schemas"}),
    ] {
        let patched = told("User", json!({"schemas":[PATCH_OP],"Operations":[op]})).unwrap();
        assert_eq!(patched.document.text("userName"), Some("ada"));
    }
}

#[test]
fn the_message_must_be_as_the_rfc_has_it() {
    let add = json!({"op":"add","path":"title","value":"x"});
    let refusals = [
        (json!({"Operations":[add]}), "schemas must name the schema of the message"),
        (json!({"schemas":[PATCH_OP],"id":"x","Operations":[add]}), "id is not a member of this message"),
        (
            json!({"schemas":[PATCH_OP],"Operations":[{"op":"add","name":"addMember","path":"title","value":"x"}]}),
            "Operations.name is not a member of this message",
        ),
        (
            json!({"schemas":[PATCH_OP],"Operations":[{"op":"Add","path":"title","value":"x"}]}),
            "Operations.op must be written in lower case",
        ),
    ];
    for (body, sentence) in refusals {
        assert_eq!(told("User", body).unwrap_err(), (ScimType::InvalidSyntax, sentence.to_owned()));
    }
    assert!(told("User", json!({"schemas":[PATCH_OP],"Operations":[add]})).is_ok());
}

#[test]
fn what_the_default_bends_is_refused() {
    let urn = format!("{ENTERPRISE_USER}.department");
    for (op, scim_type) in [
        (json!({"op":"replace","path":"colour","value":"x"}), ScimType::InvalidSyntax),
        (json!({"op":"remove","path":"emails[colour eq \"red\"]"}), ScimType::InvalidSyntax),
        (json!({"op":"replace","path":"active","value":"True"}), ScimType::InvalidValue),
        (json!({"op":"replace","path":"department","value":"x"}), ScimType::InvalidPath),
        (json!({"op":"replace","path":urn,"value":"x"}), ScimType::InvalidPath),
        (json!({"op":"replace","value":{"name.givenName":"x"}}), ScimType::InvalidSyntax),
        (json!({"op":"remove","path":"emails","value":[{"value":"w"}]}), ScimType::InvalidValue),
        (json!({"op":"remove","path":"emails.value","value":"w"}), ScimType::InvalidValue),
        (json!({"op":"replace","path":"title"}), ScimType::InvalidValue),
        (json!({"op":"replace","value":[{"title":"x"}]}), ScimType::InvalidValue),
    ] {
        assert_eq!(operation(op.clone()).0, scim_type, "{op}");
    }
    let members = json!({"schemas":[PATCH_OP],"Operations":[{"op":"remove","path":"members","value":[{"value":"a"}]}]});
    assert_eq!(told("Group", members).unwrap_err().0, ScimType::InvalidValue);
}

#[test]
fn one_profile_wants_a_path_in_every_operation() {
    let interop = Profile::named("strict-interop").unwrap();
    let core = Registry::core();
    let request = parse(json!({"schemas":[PATCH_OP],"Operations":[{"op":"replace","value":{"title":"x"}}]})).unwrap();
    let current: Document = serde_json::from_value(json!({"userName":"ada"})).unwrap();
    let invalid = apply(core.get("User").unwrap(), interop, &current, &request).unwrap_err();
    assert_eq!(
        (invalid.scim_type, invalid.detail.as_str()),
        (ScimType::InvalidPath, "Operations[0]: path is required")
    );
}

//! The PATCH fixtures of the identity providers, by their numbers.

#![expect(clippy::needless_pass_by_value, reason = "`json!` in a call reads better without `&`")]

mod limits;
mod mutability;
mod property;
mod reference;
mod rules;
mod strict;

use serde_json::json;

use super::*;
use crate::{ENTERPRISE_USER, PATCH_OP, USER, schema::Registry};

fn patched(kind: &str, current: &Value, operations: &Value) -> Result<Patched, Invalid> {
    let current: Document = serde_json::from_value(current.clone()).unwrap();
    let request = parse(json!({"schemas":[PATCH_OP],"Operations":operations}))?;
    apply(Registry::core().get(kind).unwrap(), &Profile::default(), &current, &request)
}

/// What these operations make of a user.
fn user(current: Value, operations: Value) -> Value {
    Value::Object(patched("User", &current, &operations).unwrap().document.0)
}

/// What is told of the first operation, or of the whole.
fn refused(kind: &str, current: Value, operations: Value) -> (ScimType, String) {
    let invalid = patched(kind, &current, &operations).unwrap_err();
    let detail = invalid.detail.strip_prefix("Operations[0]: ").unwrap_or(&invalid.detail);
    (invalid.scim_type, detail.to_owned())
}

/// What these operations do to the members of a group, which stays as it is otherwise.
fn members(operations: Value) -> Vec<MemberEdit> {
    let group = json!({"displayName":"Engineering"});
    let patched = patched("Group", &group, &operations).unwrap();
    assert_eq!(serde_json::to_value(&patched.document).unwrap(), group);
    patched.members
}

fn refs(ids: &[&str]) -> Vec<MemberRef> {
    ids.iter().map(|id| MemberRef { value: (*id).to_owned() }).collect()
}

fn rules_of(kind: &str, current: Value, operations: Value) -> Vec<(&'static str, String)> {
    let patched = patched(kind, &current, &operations).unwrap();
    patched.rewrites.into_iter().map(|rewrite| (rewrite.rule.name(), rewrite.path)).collect()
}

fn ada() -> Value {
    json!({"userName":"ada@example.com","name":{"formatted":"Ada Byron","familyName":"Byron","givenName":"Ada"},"active":true})
}

#[test]
fn ok_04_a_path_less_replace_merges_the_name() {
    let current = json!({"userName":"ada","displayName":"Ada Byron","name":{"givenName":"Ada","familyName":"Byron","middleName":"A."}});
    let after = user(
        current,
        json!([{"op":"replace","value":{"displayName":"Ada Lovelace","name":{"givenName":"Ada","familyName":"Lovelace"}}}]),
    );
    assert_eq!(
        after,
        json!({"userName":"ada","displayName":"Ada Lovelace","name":{"givenName":"Ada","familyName":"Lovelace","middleName":"A."}})
    );
}

#[test]
fn ok_05_a_user_is_deactivated_and_reactivated_without_a_path() {
    let inactive = user(ada(), json!([{"op":"replace","value":{"active":false}}]));
    assert_eq!(inactive["active"], false);
    assert_eq!(user(inactive, json!([{"op":"replace","value":{"active":true}}])), ada());
}

#[test]
fn ok_06_a_password_is_dropped_unless_the_type_has_one_and_never_stored() {
    let core = Registry::core();
    let asks = core.get("User").unwrap();
    let drops = core.narrowed(&[("User".into(), vec![])]).unwrap();
    let drops = drops.get("User").unwrap();
    let current: Document = serde_json::from_value(ada()).unwrap();
    for operation in [
        json!({"op":"replace","value":{"password":"k3Vqz8Rt"}}),
        json!({"op":"replace","path":"password","value":"k3Vqz8Rt"}),
        json!({"op":"add","path":format!("{USER}:Password"),"value":"k3Vqz8Rt"}),
    ] {
        let request = parse(json!({"schemas":[PATCH_OP],"Operations":[operation]})).unwrap();
        for profile in [Profile::default(), Profile::strict()] {
            let dropped = apply(drops, &profile, &current, &request).unwrap();
            assert_eq!(dropped.document, current);
            let rules: Vec<Rule> = dropped.rewrites.iter().map(|rewrite| rewrite.rule).collect();
            assert!(
                rules.contains(&Rule::PasswordDropped) && !rules.contains(&Rule::UnknownAttributeDropped),
                "{rules:?}"
            );
            assert!(!serde_json::to_string(&dropped.rewrites).unwrap().contains("k3Vqz8Rt"));

            let passed = apply(asks, &profile, &current, &request).unwrap();
            assert_eq!(passed.document.text("password"), Some("k3Vqz8Rt"), "the mapping may ask for it");
            assert_eq!(crate::normalise::retain(asks, &passed.document), current, "the store never gets it");
        }
    }
}

#[test]
fn ok_08_a_rename_ignores_the_id_beside_it() {
    let operations = json!([{"op":"replace","value":{"id":"4d1c","displayName":"Engineering EMEA"}}]);
    let patched = patched("Group", &json!({"displayName":"Engineering"}), &operations).unwrap();
    assert_eq!(patched.document.text("displayName"), Some("Engineering EMEA"));
    assert_eq!(patched.members, []);
}

#[test]
fn ok_08_members_are_removed_by_filter_and_added_in_one_request() {
    let edits = members(json!([
        {"op":"remove","path":"members[value eq \"51aa\"]"},
        {"op":"add","path":"members","value":[{"value":"7b2e","display":"ada@example.com"}]}]));
    assert_eq!(edits, [MemberEdit::Remove(vec!["51aa".into()]), MemberEdit::Add(refs(&["7b2e"]))]);
}

#[test]
fn ok_08_push_now_replaces_all_members_also_by_nobody() {
    let edits =
        members(json!([{"op":"replace","path":"members","value":[{"value":"7b2e","display":"ada@example.com"}]}]));
    assert_eq!(edits, [MemberEdit::Set(refs(&["7b2e"]))]);
    assert_eq!(members(json!([{"op":"replace","path":"members","value":[]}])), [MemberEdit::Set(vec![])]);
}

#[test]
fn en_04_the_default_dialect_changes_a_user_attribute_by_attribute() {
    let current = json!({"externalId":"ada","userName":"ada@example.com","name":{"familyName":"Byron"},
        "emails":[{"value":"ada@example.com","type":"work","primary":true}],
        ENTERPRISE_USER:{"employeeNumber":"1815"}});
    let after = user(
        current,
        json!([
            {"op":"Replace","path":"userName","value":"ada.l@example.com"},
            {"op":"Replace","path":"name.familyName","value":"Lovelace"},
            {"op":"Add","path":"name.givenName","value":"Ada"},
            {"op":"Replace","path":"emails[type eq \"work\"].value","value":"ada.l@example.com"},
            {"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+44 20 7946 0000"},
            {"op":"Add","path":"addresses[type eq \"work\"].formatted","value":"1 Analytical Way"},
            {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Analysis"},
            {"op":"Remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"},
            {"op":"Replace","path":"externalId","value":"ada.l"}]),
    );
    insta::assert_json_snapshot!(after, @r#"
    {
      "externalId": "ada.l",
      "userName": "ada.l@example.com",
      "name": {
        "familyName": "Lovelace",
        "givenName": "Ada"
      },
      "emails": [
        {
          "value": "ada.l@example.com",
          "type": "work",
          "primary": true
        }
      ],
      "phoneNumbers": [
        {
          "value": "+44 20 7946 0000",
          "type": "mobile"
        }
      ],
      "addresses": [
        {
          "formatted": "1 Analytical Way",
          "type": "work"
        }
      ],
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
        "department": "Analysis"
      }
    }
    "#);
}

#[test]
fn en_04_and_q1_and_q2_booleans_as_text_switch_the_user_off_and_on() {
    assert_eq!(user(ada(), json!([{"op":"Replace","path":"active","value":"False"}]))["active"], false);
    let inactive = json!({"userName":"ada","active":false});
    assert_eq!(user(inactive, json!([{"op":"Add","path":"active","value":"True"}]))["active"], true);
    assert_eq!(
        rules_of("User", ada(), json!([{"op":"Replace","path":"active","value":"False"}])),
        [("op-case", "Operations.op".into()), ("boolean-as-text", "active".into())]
    );
}

#[test]
fn en_04_a_role_as_json_text_stays_text() {
    let value = "{\"id\":\"06b07648\",\"value\":\"Admin\",\"displayName\":\"Administrator\"}";
    let after = user(ada(), json!([{"op":"Add","path":"roles","value":[{"value":value}]}]));
    assert_eq!(after["roles"], json!([{"value":value}]));
}

#[test]
fn en_04_operations_of_one_request_fill_the_same_primary_element() {
    let after = user(
        ada(),
        json!([
            {"op":"Replace","path":"roles[primary eq \"True\"].value","value":"Editor"},
            {"op":"Add","path":"roles[primary eq \"True\"].display","value":"Editor"},
            {"op":"Add","path":"roles[primary eq \"True\"].type","value":"WindowsAzureActiveDirectoryRole"},
            {"op":"Replace","path":"addresses[primary EQ \"True\"].locality","value":"London"}]),
    );
    assert_eq!(
        after["roles"],
        json!([{"primary":true,"value":"Editor","display":"Editor","type":"WindowsAzureActiveDirectoryRole"}])
    );
    assert_eq!(after["addresses"], json!([{"primary":true,"locality":"London"}]));
}

#[test]
fn en_05_dotted_and_urn_keys_of_a_path_less_map_are_paths() {
    let current = json!({"userName":"ada","active":true,"emails":[{"value":"old","type":"work"},{"value":"home","type":"home","primary":true}]});
    let after = user(
        current,
        json!([
            {"op":"replace","path":"emails[type eq \"work\"].value","value":"ada.l@example.com"},
            {"op":"replace","path":"emails[type eq \"work\"].primary","value":true},
            {"op":"replace","value":{
                "active":false,
                "displayName":"Ada Lovelace",
                "name.givenName":"Ada",
                "name.familyName":"Lovelace",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"1815"}}]),
    );
    assert_eq!(
        after,
        json!({"userName":"ada","active":false,"displayName":"Ada Lovelace","name":{"givenName":"Ada","familyName":"Lovelace"},
            "emails":[{"value":"ada.l@example.com","type":"work","primary":true},{"value":"home","type":"home","primary":false}],
            ENTERPRISE_USER:{"employeeNumber":"1815"}})
    );
}

#[test]
fn en_05_old_jobs_put_a_dot_after_the_urn() {
    let operations = json!([{"op":"replace","path":format!("{ENTERPRISE_USER}.department"),"value":"Analysis"}]);
    assert_eq!(user(ada(), operations.clone())[ENTERPRISE_USER], json!({"department":"Analysis"}));
    assert_eq!(rules_of("User", ada(), operations), [("legacy-dot", format!("{ENTERPRISE_USER}:department"))]);
}

#[test]
fn en_06_and_q8_manager_is_set_replaced_and_cleared_in_every_form() {
    let path = format!("{ENTERPRISE_USER}:manager");
    let set = user(ada(), json!([{"op":"Add","path":path,"value":"51aa"}]));
    assert_eq!(set[ENTERPRISE_USER], json!({"manager":{"value":"51aa"}}));
    let replaced = user(set.clone(), json!([{"op":"Replace","path":path,"value":"52bb"}]));
    assert_eq!(replaced[ENTERPRISE_USER], json!({"manager":{"value":"52bb"}}));
    let sample = user(set.clone(), json!([{"op":"Replace","path":"manager","value":[{"$ref":null,"value":"53cc"}]}]));
    assert_eq!(sample[ENTERPRISE_USER], json!({"manager":{"value":"53cc"}}));
    for clear in [
        json!({"op":"Replace","path":path,"value":""}),
        json!({"op":"Replace","path":path,"value":null}),
        json!({"op":"Replace","path":path}),
        json!({"op":"Replace","path":path,"value":[]}),
        json!({"op":"Replace","path":path,"value":{"value":""}}),
        json!({"op":"Remove","path":path}),
        json!({"op":"Remove","path":format!("{path}.value")}),
        json!({"op":"replace","value":{ENTERPRISE_USER:{"manager":null}}}),
        json!({"op":"remove","path":ENTERPRISE_USER}),
    ] {
        assert_eq!(user(set.clone(), json!([clear])), ada(), "{clear}");
    }
}

#[test]
fn a_new_manager_makes_the_old_reference_stale() {
    let current = json!({"userName":"a",ENTERPRISE_USER:{"manager":{"value":"51aa","$ref":"../Users/51aa"}}});
    let path = format!("{ENTERPRISE_USER}:manager");
    let bare = user(current.clone(), json!([{"op":"replace","path":path,"value":"52bb"}]));
    assert_eq!(bare[ENTERPRISE_USER]["manager"], json!({"value":"52bb"}));
    let whole = user(current, json!([{"op":"replace","path":path,"value":{"$ref":"../Users/52bb","value":"52bb"}}]));
    assert_eq!(whole[ENTERPRISE_USER]["manager"], json!({"value":"52bb","$ref":"../Users/52bb"}));
}

#[test]
fn en_08_members_are_added_in_batches_and_removed_by_value() {
    let added = members(
        json!([{"op":"Add","path":"members","value":[{"$ref":null,"value":"7b2e"},{"$ref":null,"value":"51aa"}]}]),
    );
    assert_eq!(added, [MemberEdit::Add(refs(&["7b2e", "51aa"]))]);
    let removed = members(json!([{"op":"Remove","path":"members","value":[{"$ref":null,"value":"51aa"}]}]));
    assert_eq!(removed, [MemberEdit::Remove(vec!["51aa".into()])]);
}

#[test]
fn en_08_a_rename_touches_no_member_in_either_dialect() {
    for operation in [
        json!({"op":"Replace","path":"displayName","value":"Engineering EMEA"}),
        json!({"op":"replace","value":{"displayName":"Engineering EMEA"}}),
    ] {
        let patched = patched("Group", &json!({"displayName":"Engineering"}), &json!([operation])).unwrap();
        assert_eq!(patched.document.text("displayName"), Some("Engineering EMEA"));
        assert_eq!(patched.members, []);
    }
}

#[test]
fn the_scim_validator_of_2_11_makes_elements_of_any_type() {
    let after = user(
        ada(),
        json!([
            {"op":"add","path":"emails[type eq \"untyped\"].value","value":"x@example.com"},
            {"op":"add","path":"emails[type eq \"untyped\"].display","value":"X"},
            {"op":"add","path":"emails[type eq \"untyped\"].primary","value":"True"},
            {"op":"add","path":"emails[type eq \"other\"].value","value":"y@example.com"}]),
    );
    assert_eq!(
        after["emails"],
        json!([{"type":"untyped","value":"x@example.com","display":"X","primary":true},{"type":"other","value":"y@example.com"}])
    );
}

#[test]
fn scim_null_update_of_2_11_clears_every_optional_path() {
    let paths = [
        "displayName",
        "name.givenName",
        "emails[type eq \"work\"].value",
        "roles[primary eq \"True\"].value",
        "title",
    ];
    for path in paths {
        let set = user(json!({"userName":"ada"}), json!([{"op":"add","path":path,"value":"x"}]));
        assert_ne!(set, json!({"userName":"ada"}));
        for nothing in [json!(""), json!(null)] {
            let cleared = user(set.clone(), json!([{"op":"replace","path":path,"value":nothing}]));
            assert_eq!(cleared, json!({"userName":"ada"}), "{path}");
            assert_eq!(user(cleared.clone(), json!([{"op":"replace","path":path,"value":nothing}])), cleared);
        }
    }
}

#[test]
fn the_postman_garbage_of_2_11_is_survived() {
    let group: Document = serde_json::from_value(json!({"displayName":"g"})).unwrap();
    let def = Registry::core();
    let def = def.get("Group").unwrap();
    let edits = |body| apply(def, &Profile::default(), &group, &parse(body).unwrap()).unwrap().members;
    let named = json!({"schemas":[PATCH_OP],"id":"x","Operations":[{"name":"addMember","op":"add","path":"members","value":"id1"}]});
    assert_eq!(edits(named), [MemberEdit::Add(refs(&["id1"]))]);
    assert_eq!(
        edits(json!({"Operations":[{"op":"add","path":"members","value":["id1","id2"]}]})),
        [MemberEdit::Add(refs(&["id1", "id2"]))]
    );
    assert_eq!(edits(json!({"operations":[{"Op":"remove","Path":"members"}]})), [MemberEdit::Clear]);
}

#[test]
fn authentik_sends_a_null_path_and_the_whole_group() {
    let operations = json!([
        {"op":"replace","path":null,"value":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"4d1c","externalId":"ak-9","displayName":"Engineering"}},
        {"op":"add","path":"members","value":[{"value":"7b2e"}]},
        {"op":"remove","path":"members","value":[{"value":"51aa"}]}]);
    let patched = patched("Group", &json!({"displayName":"old"}), &operations).unwrap();
    assert_eq!(Value::Object(patched.document.0), json!({"externalId":"ak-9","displayName":"Engineering"}));
    assert_eq!(patched.members, [MemberEdit::Add(refs(&["7b2e"])), MemberEdit::Remove(vec!["51aa".into()])]);
}

#[test]
fn keycloak_empties_a_group_with_a_null_value() {
    assert_eq!(members(json!([{"op":"remove","path":"members","value":null}])), [MemberEdit::Clear]);
}

#[test]
fn q3_each_key_of_a_path_less_map_is_its_own_path() {
    let after = user(
        ada(),
        json!([{"op":"replace","value":{"active":false,"name.givenName":"Augusta","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Analysis"}}]),
    );
    assert_eq!(
        after,
        json!({"userName":"ada@example.com","active":false,"name":{"formatted":"Augusta Byron","givenName":"Augusta","familyName":"Byron"},
            ENTERPRISE_USER:{"department":"Analysis"}})
    );
}

#[test]
fn q4_id_and_schemas_inside_the_value_are_ignored() {
    let operations = json!([{"op":"replace","value":{"id":"4d1c","schemas":["x"],"displayName":"Engineering"}}]);
    let rules = rules_of("Group", json!({"displayName":"Engineering"}), operations);
    let expected = [("pathless-patch", "path"), ("read-only-patched", "id"), ("unknown-schema-dropped", "schemas")];
    assert_eq!(rules, expected.map(|(rule, path)| (rule, path.to_owned())));
}

#[test]
fn q5_removing_nobody_by_value_is_a_no_op_and_removing_without_a_value_empties() {
    assert_eq!(members(json!([{"op":"Remove","path":"members","value":[]}])), []);
    assert_eq!(members(json!([{"op":"Remove","path":"members"}])), [MemberEdit::Clear]);
    assert_eq!(
        members(json!([{"op":"remove","path":"members[value eq \"51aa\"]"}])),
        [MemberEdit::Remove(vec!["51aa".into()])]
    );
}

#[test]
fn q6_a_replace_of_something_else_leaves_the_members() {
    let operations = json!([{"op":"Replace","path":"externalId","value":"8aa1a0c0"}]);
    let patched = patched("Group", &json!({"displayName":"g"}), &operations).unwrap();
    assert_eq!(patched.members, []);
    assert_eq!(Value::Object(patched.document.0), json!({"externalId":"8aa1a0c0","displayName":"g"}));
}

#[test]
fn q7_a_value_path_without_a_match_makes_the_element_and_its_removal_does_nothing() {
    let operations = json!([{"op":"Replace","path":"emails[type eq \"work\"].value","value":"ada@example.com"}]);
    assert_eq!(user(ada(), operations.clone())["emails"], json!([{"type":"work","value":"ada@example.com"}]));
    let told = rules_of("User", ada(), operations);
    assert!(told.contains(&("element-created", "emails.value".into())), "{told:?}");
    for path in ["emails[type eq \"work\"].value", "emails[type eq \"work\"]", "emails"] {
        assert_eq!(user(ada(), json!([{"op":"remove","path":path}])), ada());
    }
}

#[test]
fn q9_two_operations_make_one_primary_role() {
    let operations = json!([
        {"op":"Add","path":"roles[primary eq \"True\"].display","value":"Editor"},
        {"op":"Add","path":"roles[primary eq \"True\"].value","value":"editor"}]);
    assert_eq!(user(ada(), operations)["roles"], json!([{"primary":true,"display":"Editor","value":"editor"}]));
}

#[test]
fn q17_and_q18_members_may_be_nobody_sparse_repeated_or_unknown() {
    assert_eq!(members(json!([{"op":"replace","path":"members","value":[]}])), [MemberEdit::Set(vec![])]);
    let edits = members(
        json!([{"op":"add","path":"members","value":[{"value":"7b2e"},{"value":"7b2e"},{"value":"does-not-exist"}]}]),
    );
    assert_eq!(edits, [MemberEdit::Add(refs(&["7b2e", "does-not-exist"]))]);
}

#[test]
fn q19_unknown_paths_and_extra_keys_have_no_effect() {
    for path in [
        "favouriteColour",
        "name.nick",
        "emails[colour eq \"red\"].value",
        "urn:ietf:params:scim:schemas:extension:acme:2.0:User:badge.no",
        "urn:x y",
    ] {
        for op in ["add", "replace", "remove"] {
            assert_eq!(user(ada(), json!([{"op":op,"path":path,"value":"blue","comment":"x"}])), ada(), "{op} {path}");
        }
    }
    let bare = parse(json!({"Operations":[{"op":"replace","value":{"favouriteColour":"blue","a b":1}}]})).unwrap();
    assert_eq!(bare.operations.len(), 1);
}

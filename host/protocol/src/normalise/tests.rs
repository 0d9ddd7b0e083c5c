//! The POST and PUT fixtures of the identity providers, by their numbers.

mod characteristics;
mod rules;

use serde_json::json;

use super::*;
use crate::{
    ENTERPRISE_USER, GROUP, ScimType, USER,
    schema::{Mutability, Registry},
};

fn normalised(kind: &str, body: Value) -> Normalised {
    create(Registry::core().get(kind).unwrap(), &Profile::default(), body).unwrap()
}

fn refused(kind: &str, body: Value) -> (ScimType, String) {
    let invalid = create(Registry::core().get(kind).unwrap(), &Profile::default(), body).unwrap_err();
    (invalid.scim_type, invalid.detail)
}

/// The document of a user with these attributes besides a `userName`, as JSON without it.
fn user_with(extra: Value) -> Value {
    let mut body = extra;
    body["userName"] = "ada".into();
    let Document(mut document) = normalised("User", body).document;
    document.remove("userName");
    Value::Object(document)
}

fn refused_with(extra: Value) -> String {
    let mut body = extra;
    body["userName"] = "ada".into();
    let (scim_type, detail) = refused("User", body);
    assert_eq!(scim_type, ScimType::InvalidValue);
    detail
}

fn put(kind: &str, current: Value, body: Value) -> Result<Normalised, Invalid> {
    let current: Document = serde_json::from_value(current).unwrap();
    replace(Registry::core().get(kind).unwrap(), &Profile::default(), &current, body)
}

fn json_of(document: &Document) -> Value {
    Value::Object(document.0.clone())
}

fn rules(normalised: &Normalised) -> Vec<(&str, &str)> {
    normalised.rewrites.iter().map(|rewrite| (rewrite.rule.name(), rewrite.path.as_str())).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what may be `None`")]
fn members(ids: &[&str]) -> Option<Vec<MemberRef>> {
    Some(ids.iter().map(|id| MemberRef { value: (*id).to_owned() }).collect())
}

#[test]
fn ok_03_an_okta_create_loses_its_password_and_its_groups() {
    let normalised = normalised(
        "User",
        json!({"schemas":[USER],
            "userName":"ada@example.com",
            "name":{"givenName":"Ada","familyName":"Byron"},
            "emails":[{"primary":true,"value":"ada@example.com","type":"work"}],
            "displayName":"Ada Byron",
            "locale":"en-US",
            "externalId":"00u1abcdEFGH2345j5d7",
            "groups":[],
            "password":"k3Vqz8Rt",
            "active":true}),
    );
    assert_eq!(rules(&normalised), [("read-only-ignored", "groups")]);
    assert_eq!(normalised.document.text("password"), Some("k3Vqz8Rt"), "the plugin may want it");
    insta::assert_json_snapshot!(retain(Registry::core().get("User").unwrap(), &normalised.document), @r#"
    {
      "externalId": "00u1abcdEFGH2345j5d7",
      "userName": "ada@example.com",
      "name": {
        "familyName": "Byron",
        "givenName": "Ada"
      },
      "displayName": "Ada Byron",
      "locale": "en-US",
      "active": true,
      "emails": [
        {
          "value": "ada@example.com",
          "type": "work",
          "primary": true
        }
      ]
    }
    "#);
}

#[test]
fn ok_03b_an_extension_counts_when_its_key_is_there_listed_or_not() {
    for schemas in
        [json!([USER]), json!([USER, ENTERPRISE_USER, "urn:ietf:params:scim:schemas:extension:acme:2.0:User"])]
    {
        let normalised = normalised(
            "User",
            json!({"schemas":schemas,
                "userName":"ada@example.com","active":true,
                ENTERPRISE_USER:{"employeeNumber":"1815","department":"Analysis","manager":{"value":"00u9boss","displayName":"C. Babbage"}},
                "urn:ietf:params:scim:schemas:extension:acme:2.0:User":{"badge":"B-12"}}),
        );
        assert_eq!(
            json_of(&normalised.document),
            json!({"userName":"ada@example.com","active":true,
                ENTERPRISE_USER:{"employeeNumber":"1815","department":"Analysis","manager":{"value":"00u9boss"}}})
        );
    }
}

#[test]
fn ok_04_a_put_that_echoes_the_stale_formatted_name_has_it_made_anew() {
    let stored = json!({"userName":"ada@example.com","active":true,
        "name":{"givenName":"Ada","familyName":"Byron","formatted":"Ada Byron"}});
    let normalised = put(
        "User",
        stored.clone(),
        json!({"schemas":[USER],
            "id":"7b2e",
            "meta":{"resourceType":"User","created":"2026-10-01T08:00:00Z","lastModified":"2026-10-01T08:00:00Z","location":"https://scim.example.test/t/acme/scim/v2/Users/7b2e"},
            "userName":"ada@example.com","externalId":"00u1abcdEFGH2345j5d7",
            "name":{"givenName":"Ada","familyName":"Lovelace","formatted":"Ada Byron"},
            "displayName":"Ada Lovelace","locale":"en-US","active":true,
            "emails":[{"primary":true,"value":"ada@example.com","type":"work"}],
            "groups":[]}),
    )
    .unwrap();
    assert_eq!(normalised.document.get("name").unwrap()["formatted"], "Ada Lovelace");
    assert!(rules(&normalised).contains(&("formatted-recomputed", "name.formatted")));
    assert!(rules(&normalised).contains(&("read-only-ignored", "meta")));

    let without_names = put("User", stored, json!({"userName":"ada","name":{"formatted":"Ada Byron"}})).unwrap();
    assert_eq!(without_names.document.get("name"), None, "neither name is left to make it of");
}

#[test]
fn ok_05_a_put_without_optional_attributes_clears_them_and_deactivates() {
    let stored = json!({"userName":"ada","title":"Countess","active":true});
    let normalised = put("User", stored, json!({"userName":"ada","active":false})).unwrap();
    assert_eq!(json_of(&normalised.document), json!({"userName":"ada","active":false}));
}

#[test]
fn ok_08_groups_are_made_with_and_without_members() {
    let empty = normalised("Group", json!({"schemas":[GROUP],"displayName":"Engineering","members":[]}));
    assert_eq!(empty.members, members(&[]));
    let full = normalised(
        "Group",
        json!({"schemas":[GROUP],"displayName":"Engineering",
            "members":[{"value":"7b2e","display":"ada@example.com"},{"value":"51aa","display":null}]}),
    );
    assert_eq!(full.members, members(&["7b2e", "51aa"]));
    assert_eq!(json_of(&full.document), json!({"displayName":"Engineering"}));
    let put = put("Group", json!({"displayName":"Engineering"}), json!({"schemas":[GROUP],"id":"4d1c","displayName":"Engineering","members":[{"value":"7b2e","display":"ada@example.com"}]})).unwrap();
    assert_eq!(put.members, members(&["7b2e"]));
}

#[test]
fn ok_09_entitlements_and_roles_are_kept() {
    let value = json!({"entitlements":[{"value":"ent-7","display":"Reports","type":"License"}],"roles":[{"value":"role-2","display":"Editor"}]});
    assert_eq!(user_with(value.clone()), value);
}

#[test]
fn en_03_an_entra_create_with_an_echo_of_meta_and_no_roles_is_accepted() {
    let normalised = normalised(
        "User",
        json!({"schemas":[USER,ENTERPRISE_USER],
            "externalId":"ada",
            "userName":"ada@example.com",
            "active":true,
            "displayName":"Ada Byron",
            "emails":[{"primary":true,"type":"work","value":"ada@example.com"}],
            "meta":{"resourceType":"User"},
            "name":{"formatted":"Ada Byron","familyName":"Byron","givenName":"Ada"},
            "roles":[]}),
    );
    assert_eq!(
        json_of(&normalised.document),
        json!({"externalId":"ada","userName":"ada@example.com","active":true,"displayName":"Ada Byron",
            "emails":[{"primary":true,"type":"work","value":"ada@example.com"}],
            "name":{"formatted":"Ada Byron","familyName":"Byron","givenName":"Ada"}})
    );
}

#[test]
fn en_03b_nulls_a_malformed_urn_and_booleans_as_text_are_survived() {
    let normalised = normalised(
        "User",
        json!({"schemas":[USER,"urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
            "externalId":"ada","userName":"ada@example.com","active":"True","addresses":null,"displayName":null,
            "emails":[{"Primary":true,"type":"work","value":"ada@example.com"}],
            "meta":{"resourceType":"User"},"name":{"familyName":"Byron","givenName":"Ada"},"phoneNumbers":null,"preferredLanguage":null,"title":null,"department":null,"manager":null}),
    );
    assert_eq!(
        json_of(&normalised.document),
        json!({"externalId":"ada","userName":"ada@example.com","active":true,
            "emails":[{"primary":true,"type":"work","value":"ada@example.com"}],
            "name":{"familyName":"Byron","givenName":"Ada"}})
    );
    for rule in [
        ("boolean-as-text", "active"),
        ("attribute-name-case", "emails.primary"),
        ("unknown-schema-dropped", "schemas"),
        ("null-dropped", "title"),
    ] {
        assert!(rules(&normalised).contains(&rule), "{rule:?}");
    }
}

#[test]
fn en_03c_an_unlisted_custom_extension_is_dropped_and_a_bare_manager_is_an_object() {
    let value = user_with(json!({"schemas":[USER,ENTERPRISE_USER],"active":true,
        "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User":{"tag":"701984"},
        ENTERPRISE_USER:{"department":"Analysis","manager":"51aa"}}));
    assert_eq!(value, json!({"active":true,ENTERPRISE_USER:{"department":"Analysis","manager":{"value":"51aa"}}}));
}

#[test]
fn en_03d_role_mappings_are_kept() {
    let roles = json!({"roles":[{"primary":true,"type":"WindowsAzureActiveDirectoryRole","value":"Admin"}]});
    assert_eq!(user_with(roles.clone()), roles);
    let several = json!({"roles":[{"primary":false,"displayName":"A","value":"a"},{"primary":false,"displayName":"B","value":"b"}]});
    assert_eq!(user_with(several), json!({"roles":[{"primary":false,"value":"a"},{"primary":false,"value":"b"}]}));
}

#[test]
fn en_08_a_foreign_group_schema_is_ignored() {
    let normalised = normalised(
        "Group",
        json!({"schemas":[GROUP,"http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","displayName":"Engineering","meta":{"resourceType":"Group"}}),
    );
    assert_eq!(normalised.members, None);
    assert_eq!(rules(&normalised), [("unknown-schema-dropped", "schemas"), ("read-only-ignored", "meta")]);
}

#[test]
fn the_garbage_of_2_11_is_survived() {
    assert_eq!(user_with(json!({"emails":[{"Primary":true}]})), json!({"emails":[{"primary":true}]}));
    assert_eq!(user_with(json!({"dispalyName":"x"})), json!({}));
    let (scim_type, detail) = refused("User", json!({"schemas":[USER]}));
    assert_eq!((scim_type, detail.as_str()), (ScimType::InvalidValue, "userName is required"));
    let bare = normalised("Group", json!({"displayName":"x","members":["id1"]}));
    assert_eq!(bare.members, members(&["id1"]));
}

#[test]
fn one_login_names_the_enterprise_extension_by_its_old_urn() {
    let normalised = put(
        "User",
        json!({"userName":"ada"}),
        json!({"schemas":["urn:scim:schemas:core:2.0","urn:scim:schemas:extension:enterprise:2.0"],
            "userName":"ada","name":{"familyName":" Byron","givenName":"Ada"},
            "emails":[{"value":"ada@example.com","type":"work","primary":true}],
            "urn:scim:schemas:extension:enterprise:2.0":{"department":"Analysis"}}),
    )
    .unwrap();
    assert_eq!(normalised.document.get(ENTERPRISE_USER), Some(&json!({"department":"Analysis"})));
    assert!(rules(&normalised).contains(&("legacy-enterprise-urn", ENTERPRISE_USER)));
}

#[test]
fn keycloak_and_ssosync_bodies_are_accepted() {
    let keycloak = json!({"schemas":[USER],"externalId":"kc-1","displayName":"Ada Byron",
        "name":{"givenName":"Ada","familyName":"Byron"},"emails":[{"value":"ada@example.com"}],"active":true,"roles":[{"value":"editor"}]});
    assert_eq!(user_with(keycloak)["roles"], json!([{"value":"editor"}]));
    assert_eq!(user_with(json!({"addresses":[{"type":"work"}]})), json!({"addresses":[{"type":"work"}]}));
    let group = put(
        "Group",
        json!({"displayName":"g"}),
        json!({"displayName":"g","members":[{"value":"7b2e","$ref":"Users/7b2e"}]}),
    );
    assert_eq!(group.unwrap().members, members(&["7b2e"]), "a relative reference is no reason to refuse");
}

#[test]
fn q1_booleans_are_read_from_text_and_numbers() {
    for (sent, meant) in [(json!("True"), true), (json!("false"), false), (json!(1), true), (json!(0), false)] {
        assert_eq!(user_with(json!({"active":sent})), json!({"active":meant}));
    }
    assert_eq!(refused_with(json!({"active":"no"})), "active must be a boolean");
    assert_eq!(refused_with(json!({"active":2})), "active must be a boolean");
}

#[test]
fn q8_manager_takes_every_form_and_is_stored_as_an_object() {
    for manager in [
        json!("51aa"),
        json!({"value":"51aa"}),
        json!([{"$ref":null,"value":"51aa"}]),
        json!({"Value":"51aa","displayName":"x"}),
    ] {
        assert_eq!(
            user_with(json!({ENTERPRISE_USER:{"manager":manager}})),
            json!({ENTERPRISE_USER:{"manager":{"value":"51aa"}}})
        );
    }
    assert_eq!(user_with(json!({ENTERPRISE_USER:{"manager":""}})), json!({}));
    let with_reference = json!({ENTERPRISE_USER:{"manager":{"value":"51aa","$ref":"../Users/51aa"}}});
    assert_eq!(user_with(with_reference.clone()), with_reference);
}

#[test]
fn q15_a_user_name_keeps_the_case_it_was_sent_in() {
    let normalised = normalised("User", json!({"schemas":[USER],"USERNAME":"ADA@Example.com"}));
    assert_eq!(normalised.document.text("userName"), Some("ADA@Example.com"));
}

#[test]
fn q16_a_put_without_active_leaves_a_disabled_user_disabled() {
    let stored = json!({"userName":"ada@example.com","active":false});
    let body = json!({"schemas":[USER],"id":"7b2e","meta":{"resourceType":"User","version":"W/\"3\""},"userName":"ada@example.com","groups":[{"value":"4d1c"}]});
    assert_eq!(json_of(&put("User", stored.clone(), body).unwrap().document), stored);
    let with_null = json!({"userName":"ada@example.com","active":null});
    assert_eq!(json_of(&put("User", stored.clone(), with_null).unwrap().document), stored);
}

#[test]
fn q16_members_absent_or_null_in_a_put_are_told_apart_from_none() {
    let current = json!({"displayName":"g"});
    assert_eq!(put("Group", current.clone(), json!({"displayName":"g"})).unwrap().members, None);
    assert_eq!(put("Group", current.clone(), json!({"displayName":"g","members":null})).unwrap().members, None);
    assert_eq!(put("Group", current, json!({"displayName":"g","members":[]})).unwrap().members, members(&[]));
}

#[test]
fn q17_and_q18_sparse_and_repeated_members_are_taken() {
    let body = json!({"schemas":[GROUP],"displayName":"Engineering","members":[{"value":"7b2e","display":null},{"value":"51aa","$ref":null},{"value":"7b2e"}]});
    assert_eq!(normalised("Group", body).members, members(&["7b2e", "51aa"]));
    for bad in [json!([{"display":"x"}]), json!([{"value":""}]), json!([{"value":null}]), json!([null]), json!([" "])] {
        let (scim_type, detail) = refused("Group", json!({"displayName":"g","members":bad}));
        assert_eq!((scim_type, detail.as_str()), (ScimType::InvalidValue, "members.value is required"));
    }
}

#[test]
fn q19_unknown_attributes_and_schemas_are_dropped_and_the_core_urn_is_unwrapped() {
    let normalised = normalised(
        "User",
        json!({"schemas":[USER,"urn:scim:schemas:extension:enterprise:2.0","urn:ietf:params:scim:schemas:extension:acme:2.0:User"],
            "userName":"ada@example.com","nickName":null,"favouriteColour":"blue","urn:ietf:params:scim:schemas:extension:acme:2.0:User":{"badge":"B-12"},
            USER:{"title":"Countess"}}),
    );
    assert_eq!(json_of(&normalised.document), json!({"userName":"ada@example.com","title":"Countess"}));
    let expected = [
        ("legacy-enterprise-urn", "schemas"),
        ("unknown-schema-dropped", "schemas"),
        ("null-dropped", "nickName"),
        ("unknown-attribute-dropped", "favouriteColour"),
        ("unknown-attribute-dropped", "urn:ietf:params:scim:schemas:extension:acme:2.0:User"),
        ("core-urn-unwrapped", USER),
    ];
    assert_eq!(rules(&normalised), expected);
}

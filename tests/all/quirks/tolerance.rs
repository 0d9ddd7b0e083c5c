//! 0.2: what every tenant tolerates, rule by rule.

use muster_test_harness::{ENTERPRISE, GROUP, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ada, created, id, ids, start};

#[tokio::test]
async fn rule_1_names_operations_operators_and_urns_are_read_in_any_case() {
    let (_app, acme) = start().await;
    let body = json!({
        "Schemas": [USER.to_uppercase()],
        "USERNAME": "ada@example.com",
        "Name": { "GivenName": "Ada", "FAMILYNAME": "Byron" },
        "Emails": [{ "Value": "ada@example.com", "TYPE": "work", "Primary": true }],
        ENTERPRISE.to_uppercase(): { "Department": "Analysis" },
    });
    let made = acme.post("/Users", body).await.expect(201);
    assert_eq!(made["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(made["name"], json!({ "givenName": "Ada", "familyName": "Byron" }));
    assert_eq!(made["emails"], json!([{ "value": "ada@example.com", "type": "work", "primary": true }]));
    assert_eq!(made[ENTERPRISE], json!({ "department": "Analysis" }));

    let operations = json!([
        { "OP": "REPLACE", "Path": "NAME.familyname", "Value": "Lovelace" },
        { "op": "add", "path": "EMAILS[TYPE EQ \"work\"].DISPLAY", "value": "Work" },
        { "op": "add", "path": format!("{}:Division", ENTERPRISE.to_uppercase()), "value": "Engines" },
    ]);
    let patched = acme.patch(&format!("/Users/{}", id(&made)), json!({ "operations": operations })).await.expect(200);
    assert_eq!(patched["name"]["familyName"], "Lovelace");
    assert_eq!(patched["emails"][0]["display"], "Work");
    assert_eq!(patched[ENTERPRISE], json!({ "department": "Analysis", "division": "Engines" }));

    for filter in [
        "USERNAME EQ \"ada@example.com\" AND ACTIVE eq TRUE",
        "Emails[Type Eq \"work\" And Value Co \"EXAMPLE\"]",
        "Name.FamilyName Sw \"love\" Or title PR",
        "Not (userName NE \"ada@example.com\")",
    ] {
        assert_eq!(acme.ids("/Users", filter).await, [id(&made)], "{filter}");
    }
    let query = "?Filter=userName eq \"ada@example.com\"&STARTINDEX=1&Count=1&Attributes=USERNAME";
    let list = acme.get(&format!("/users{query}")).await.expect(200);
    assert_eq!(
        list["Resources"],
        json!([{ "schemas": [USER, ENTERPRISE], "id": id(&made), "userName": "ada@example.com" }])
    );
}

#[tokio::test]
async fn rule_2_booleans_are_read_from_texts_and_numbers_in_every_write_and_filter() {
    let (_app, acme) = start().await;
    for (number, (sent, read)) in [
        (json!("True"), true),
        (json!("False"), false),
        (json!("true"), true),
        (json!("false"), false),
        (json!(1), true),
        (json!(0), false),
    ]
    .into_iter()
    .enumerate()
    {
        let body = |active: &Value| json!({ "schemas": [USER], "userName": format!("user{number}"), "active": active });
        let made = acme.post("/Users", body(&sent)).await.expect(201);
        let path = format!("/Users/{}", id(&made));
        assert_eq!(made["active"], json!(read), "POST {sent}");
        acme.put(&path, body(&json!(!read))).await.expect(200);
        assert_eq!(acme.put(&path, body(&sent)).await.expect(200)["active"], json!(read), "PUT {sent}");
        for operation in [
            json!({ "op": "replace", "path": "active", "value": sent }),
            json!({ "op": "add", "value": { "active": sent } }),
        ] {
            acme.put(&path, body(&json!(!read))).await.expect(200);
            let patched = acme.operations(&path, json!([operation])).await.expect(200);
            assert_eq!(patched["active"], json!(read), "PATCH {sent}");
        }
        for literal in [sent.to_string(), sent.to_string().trim_matches('"').to_owned()] {
            let found = acme.ids("/Users", &format!("active eq {literal}")).await;
            assert!(found.contains(&id(&made).to_owned()), "active eq {literal}");
            let found = acme.ids("/Users", &format!("active ne {literal}")).await;
            assert!(!found.contains(&id(&made).to_owned()), "active ne {literal}");
        }
    }
    let primary = json!({ "schemas": [USER], "userName": "p", "emails": [{ "value": "p@example.com", "primary": 1 }] });
    let made = acme.post("/Users", primary).await.expect(201);
    for literal in ["\"True\"", "true", "1"] {
        assert_eq!(acme.ids("/Users", &format!("emails[primary eq {literal}]")).await, [id(&made)], "{literal}");
    }
}

#[tokio::test]
async fn rule_3_what_no_schema_knows_is_dropped() {
    let (_app, acme) = start().await;
    let mut body = ada();
    body["schemas"] = json!([USER, "urn:example:unknown"]);
    body["shoeSize"] = json!(38);
    body["name"]["patronymic"] = json!("Georgovna");
    body["emails"][0]["verified"] = json!(true);

    let made = acme.post("/Users", body).await.expect(201);

    assert_eq!((&made["schemas"], made.get("shoeSize")), (&json!([USER]), None));
    assert_eq!((&made["name"], &made["emails"]), (&ada()["name"], &ada()["emails"]));
}

#[tokio::test]
async fn rule_4_read_only_attributes_of_a_write_are_ignored() {
    let (_app, acme) = start().await;
    let group = acme.group("Engineering", &[]).await;
    let mut body = ada();
    body["id"] = json!("7b2e");
    body["meta"] = json!({ "created": "1815-12-10T00:00:00Z", "location": "https://elsewhere.example" });
    body["groups"] = json!([{ "value": group }]);
    body["schemas"] = json!([ENTERPRISE, USER]);
    body[ENTERPRISE] = json!({ "manager": { "value": "51aa", "displayName": "C. Babbage" } });

    let made = acme.post("/Users", body).await.expect(201);
    assert_eq!(made["meta"]["created"], "2026-11-03T14:03:00.000Z");
    assert_eq!(made["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(made[ENTERPRISE], json!({ "manager": { "value": "51aa" } }));
    assert_eq!(acme.members(&group).await, [] as [&str; 0]);
    acme.get("/Users/7b2e").await.expect(404);

    let members = json!([{ "value": id(&made), "display": "Ada", "type": "Robot", "$ref": "x" }]);
    let put = json!({ "schemas": [GROUP], "displayName": "Engineering", "members": members });
    let put = acme.put(&format!("/Groups/{group}"), put).await.expect(200);
    let reference = format!("{}/Users/{}", acme.base, id(&made));
    let expected = json!({ "value": id(&made), "$ref": reference, "type": "User", "display": "Ada Byron" });
    assert_eq!(put["members"], json!([expected]));
}

#[tokio::test]
async fn rule_5_null_and_an_empty_list_are_no_value() {
    let (_app, acme) = start().await;
    let mut body = ada();
    for empty in ["title", "phoneNumbers", "addresses", ENTERPRISE] {
        body[empty] = json!(null);
    }
    body["roles"] = json!([]);
    let made = acme.post("/Users", body.clone()).await.expect(201);
    for empty in ["title", "phoneNumbers", "addresses", "roles", ENTERPRISE] {
        assert_eq!(made.get(empty), None, "{empty}");
    }

    let path = format!("/Users/{}", id(&made));
    let clear = json!([
        { "op": "replace", "path": "emails", "value": [] },
        { "op": "replace", "path": "name.familyName", "value": null },
        { "op": "add", "path": "title", "value": null },
    ]);
    let patched = acme.operations(&path, clear).await.expect(200);
    assert_eq!((patched.get("emails"), &patched["name"]), (None, &json!({ "givenName": "Ada" })));

    body["emails"] = json!(null);
    body["name"] = json!({});
    let put = acme.put(&path, body).await.expect(200);
    assert_eq!((put.get("emails"), put.get("name")), (None, None));
}

#[tokio::test]
async fn rule_6_any_json_content_type_will_do_and_so_will_none() {
    let (_app, acme) = start().await;
    let types = [
        Some("application/scim+json"),
        Some("application/scim+json; charset=utf-8"),
        Some("application/scim+json;charset=UTF-8"),
        Some("application/json"),
        Some("Application/JSON; charset=\"utf-8\""),
        None,
    ];
    for (number, content_type) in types.into_iter().enumerate() {
        let body = json!({ "schemas": [USER], "userName": format!("user{number}") });
        for (method, accept) in [(Method::POST, "application/xml"), (Method::GET, "image/png")] {
            let request = acme.request(method.clone(), "/Users").bearer_auth(&acme.token).header("accept", accept);
            let request =
                content_type.into_iter().fold(request, |request, value| request.header("content-type", value));
            let request = if method == Method::POST { request.body(body.to_string()) } else { request };
            let answer = acme.send(request).await;
            assert!([200, 201].contains(&answer.status), "{method} {content_type:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn rule_7_stray_slashes_and_query_ends_and_unknown_parameters_change_nothing() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    let own = user.trim_start_matches("/Users/");
    let base = acme.base.trim_start_matches(&app.scim).to_owned();
    for path in [
        "/Users?filter=userName+eq+%22ada%40example.com%22&",
        "/Users?filter=userName+eq+%22ada%40example.com%22?",
        "/Users?&filter=userName%20eq%20%22ada@example.com%22",
        "/Users??filter=userName%20eq%20%22ada@example.com%22",
        "/Users/?filter=userName%20eq%20%22ada@example.com%22",
        "//Users//?filter=userName%20eq%20%22ada@example.com%22&&",
        "/Users?debug=1&filter=userName%20eq%20%22ada@example.com%22&sortBy=userName&_=7",
        "/Users?",
    ] {
        assert_eq!(ids(&acme.get(path).await.expect(200)), [own], "{path}");
    }
    for path in [format!("{user}/"), format!("/{user}"), format!("{user}?"), format!("{user}?x")] {
        assert_eq!(id(&acme.get(&path).await.expect(200)), own, "{path}");
    }
    let named = acme.at(&format!("{}//t/acme{base}", app.scim));
    assert_eq!(id(&named.get(&user).await.expect(200)), own);
}

//! What the server fills in where one resource refers to another: `$ref`, `display`, `type`; of a manager `$ref` and `displayName`.

use std::time::Instant;

use muster_test_harness::{ENTERPRISE, GROUP, TenantClient, TestApp, USER};
use serde_json::{Value, json};

async fn start() -> (TestApp, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    (app, acme)
}

/// A new user; the id.
async fn user(acme: &TenantClient, body: Value) -> String {
    let mut whole = json!({ "schemas": [USER, ENTERPRISE] });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    acme.post("/Users", whole).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// A user who is called what they sign in with.
async fn called(acme: &TenantClient, name: &str) -> String {
    user(acme, json!({ "userName": name, "displayName": name })).await
}

async fn with_manager(acme: &TenantClient, name: &str, manager: Value) -> Value {
    let body = json!({ "schemas": [USER, ENTERPRISE], "userName": name, ENTERPRISE: { "manager": manager } });
    acme.post("/Users", body).await.expect(201)
}

fn manager_of(user: &Value) -> &Value {
    &user[ENTERPRISE]["manager"]
}

#[tokio::test]
async fn members_are_shown_with_their_url_their_kind_and_the_best_name_that_they_have() {
    let (_app, acme) = start().await;
    let named = [
        (json!({ "userName": "ada", "displayName": "Ada B.", "name": { "formatted": "Ada Byron" } }), Some("Ada B.")),
        (
            json!({ "userName": "grace", "name": { "formatted": "Grace Hopper", "familyName": "H" } }),
            Some("Grace Hopper"),
        ),
        (json!({ "userName": "hedy", "name": { "givenName": "Hedy", "familyName": "Lamarr" } }), Some("Hedy Lamarr")),
        // What somebody signs in with is not shown to others.
        (json!({ "userName": "emmy" }), None),
    ];
    let (mut ids, mut expected) = (Vec::new(), Vec::new());
    for (body, name) in named {
        let id = user(&acme, body).await;
        let mut shown = json!({ "value": id, "$ref": format!("{}/Users/{id}", acme.base), "type": "User" });
        if let Some(name) = name {
            shown["display"] = json!(name);
        }
        expected.push(shown);
        ids.push(id);
    }
    let inner = acme.group("Inner", &[]).await;
    expected.push(
        json!({ "value": inner, "$ref": format!("{}/Groups/{inner}", acme.base), "type": "Group", "display": "Inner" }),
    );
    ids.push(inner);

    // What a client says of them is not believed.
    let members: Vec<Value> =
        ids.iter().map(|id| json!({ "value": id, "display": "?", "$ref": "?", "type": "?" })).collect();
    let body = json!({ "schemas": [GROUP], "displayName": "Outer", "members": members });
    let made = acme.post("/Groups", body.clone()).await.expect(201);

    assert_eq!(made["members"], json!(expected));
    let path = format!("/Groups/{}", made["id"].as_str().unwrap());
    assert_eq!(acme.get(&path).await.expect(200), made);
    assert_eq!(acme.find("/Groups", "displayName eq \"Outer\"").await.expect(200)["Resources"], json!([made]));
    assert_eq!(acme.put(&path, body).await.expect(200)["members"], json!(expected));
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Outside" }]);
    assert_eq!(acme.operations(&path, rename).await.expect(200)["members"], json!(expected));
}

#[tokio::test]
async fn a_users_groups_are_shown_with_their_url_and_name_and_are_the_direct_ones() {
    let (_app, acme) = start().await;
    let ada = acme.user("ada").await;
    let inner = acme.group("Inner", &[&ada]).await;
    let outer = acme.group("Outer", &[&inner]).await;
    let sales = acme.group("Sales", &[&ada]).await;
    let group = |id: &str, name: &str| json!({ "value": id, "$ref": format!("{}/Groups/{id}", acme.base), "display": name, "type": "direct" });

    let read = acme.get(&format!("/Users/{ada}")).await.expect(200);
    assert_eq!(read["groups"], json!([group(&inner, "Inner"), group(&sales, "Sales")]), "{outer} is not walked");
    assert_eq!(acme.get("/Users").await.expect(200)["Resources"], json!([read]));

    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Marketing" }]);
    acme.operations(&format!("/Groups/{sales}"), rename).await.expect(200);
    acme.delete(&format!("/Groups/{inner}")).await.expect(204);
    let read = acme.get(&format!("/Users/{ada}")).await.expect(200);
    assert_eq!(read["groups"], json!([group(&sales, "Marketing")]));
}

#[tokio::test]
async fn the_urls_are_those_under_which_the_client_came_in() {
    let (app, acme) = start().await;
    let ada = acme.user("ada").await;
    let group = acme.group("Engineering", &[&ada]).await;
    let named = acme.at(&format!("{}/t/acme/scim/v2", app.scim));

    let read = named.get(&format!("/Groups/{group}")).await.expect(200);

    assert_eq!(read["members"][0]["$ref"], format!("{}/Users/{ada}", named.base));
    assert_eq!(read["meta"]["location"], format!("{}/Groups/{group}", named.base));
}

#[tokio::test]
async fn a_member_that_is_renamed_or_removed_is_shown_as_it_is_now() {
    let (_app, acme) = start().await;
    let (ada, grace) = (called(&acme, "ada").await, called(&acme, "grace").await);
    let path = format!("/Groups/{}", acme.group("Engineering", &[&ada, &grace]).await);
    let names = |group: &Value| {
        let members = group["members"].as_array().unwrap().iter();
        members.map(|member| member["display"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&acme.get(&path).await.expect(200)), ["ada", "grace"]);

    let rename = json!([{ "op": "add", "path": "displayName", "value": "Ada Byron" }]);
    acme.operations(&format!("/Users/{ada}"), rename).await.expect(200);
    assert_eq!(names(&acme.get(&path).await.expect(200)), ["Ada Byron", "grace"]);
    acme.delete(&format!("/Users/{grace}")).await.expect(204);
    assert_eq!(names(&acme.get(&path).await.expect(200)), ["Ada Byron"]);
}

#[tokio::test]
async fn a_manager_who_is_a_user_of_the_tenant_gets_a_url_and_a_name_that_clients_cannot_set() {
    let (_app, acme) = start().await;
    let boss = user(&acme, json!({ "userName": "boss", "displayName": "C. Babbage" })).await;
    let expected = json!({ "value": boss, "$ref": format!("{}/Users/{boss}", acme.base), "displayName": "C. Babbage" });

    for (n, manager) in [
        json!({ "value": boss }),
        json!(boss),
        json!({ "value": boss, "displayName": "somebody else", "$ref": "Users/7b2e" }),
    ]
    .into_iter()
    .enumerate()
    {
        let made = with_manager(&acme, &format!("user{n}"), manager).await;
        assert_eq!(*manager_of(&made), expected);
        let path = format!("/Users/{}", made["id"].as_str().unwrap());
        assert_eq!(*manager_of(&acme.get(&path).await.expect(200)), expected);
    }
    let listed = acme.find("/Users", "userName eq \"user2\"").await.expect(200);
    assert_eq!(*manager_of(&listed["Resources"][0]), expected);

    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Charles" }]);
    acme.operations(&format!("/Users/{boss}"), rename).await.expect(200);
    let path = format!("/Users/{}", listed["Resources"][0]["id"].as_str().unwrap());
    assert_eq!(manager_of(&acme.get(&path).await.expect(200))["displayName"], "Charles");
}

#[tokio::test]
async fn a_manager_whom_only_the_identity_provider_knows_stays_as_given() {
    let (app, acme) = start().await;
    let theirs = app.tenant("globex").await.user("grace").await;
    let group = acme.group("Engineering", &[]).await;
    let gone = acme.user("gone").await;
    acme.delete(&format!("/Users/{gone}")).await.expect(204);

    for (n, id) in ["00u9boss", "boss@example.com", &theirs, &group, &gone].into_iter().enumerate() {
        let manager = json!({ "value": id, "displayName": "C. Babbage" });
        let made = with_manager(&acme, &format!("user{n}"), manager).await;
        assert_eq!(*manager_of(&made), json!({ "value": id }));
    }
}

#[tokio::test]
async fn a_manager_who_leaves_is_no_error() {
    let (_app, acme) = start().await;
    let boss = called(&acme, "boss").await;
    let made = with_manager(&acme, "ada", json!(boss)).await;
    assert_eq!(manager_of(&made)["displayName"], "boss");

    acme.delete(&format!("/Users/{boss}")).await.expect(204);

    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    assert_eq!(*manager_of(&acme.get(&path).await.expect(200)), json!({ "value": boss }));
    let own = json!([{ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": made["id"] }]);
    let own = acme.operations(&path, own).await.expect(200);
    let reference = format!("{}{path}", acme.base);
    assert_eq!(manager_of(&own)["$ref"], reference, "even one's own manager");
}

#[tokio::test]
async fn only_what_is_asked_for_is_shown_of_a_reference() {
    let (_app, acme) = start().await;
    let boss = called(&acme, "boss").await;
    let made = with_manager(&acme, "ada", json!(boss)).await;
    let ada = made["id"].as_str().unwrap();
    let name = json!([{ "op": "add", "path": "displayName", "value": "ada" }]);
    acme.operations(&format!("/Users/{ada}"), name).await.expect(200);
    let group = acme.group("Engineering", &[ada]).await;
    let asked = async |path: String, attributes: &str| {
        let mut read = acme.get(&format!("{path}?{attributes}")).await.expect(200);
        let parts = read.as_object_mut().unwrap();
        assert!(parts.remove("schemas").is_some() && parts.remove("id").is_some());
        read
    };
    let of_group = async |attributes: &str| asked(format!("/Groups/{group}"), attributes).await;
    let of_user = async |attributes: &str| asked(format!("/Users/{ada}"), attributes).await;

    assert_eq!(of_group("attributes=members.value").await, json!({ "members": [{ "value": ada }] }));
    assert_eq!(of_group("attributes=members.display").await, json!({ "members": [{ "display": "ada" }] }));
    let rest = of_group("excludedAttributes=members.display,meta,displayName").await;
    let reference = format!("{}/Users/{ada}", acme.base);
    assert_eq!(rest, json!({ "members": [{ "value": ada, "$ref": reference, "type": "User" }] }));
    assert_eq!(of_user("attributes=groups.display").await, json!({ "groups": [{ "display": "Engineering" }] }));
    assert_eq!(of_user("attributes=groups.value").await, json!({ "groups": [{ "value": group }] }));
    let manager = |of: Value| json!({ ENTERPRISE: { "manager": of } });
    let path = |sub: &str| format!("attributes={ENTERPRISE}:manager.{sub}");
    assert_eq!(of_user(&path("displayName")).await, manager(json!({ "displayName": "boss" })));
    assert_eq!(of_user(&path("value")).await, manager(json!({ "value": boss })));
}

#[tokio::test]
async fn a_second_group_of_the_same_name_is_409_by_every_way_there_is_to_name_one() {
    let (app, acme) = start().await;
    let engineering = acme.group("Engineering", &[]).await;
    let sales = acme.group("Sales", &[]).await;
    let path = format!("/Groups/{sales}");
    let before = app.log("acme").await.len();
    let taken = muster_test_harness::messages::error(409, Some("uniqueness"), "displayName is already in use");

    for name in ["Engineering", "ENGINEERING", "engineering", "Ｅｎｇｉｎｅｅｒｉｎｇ"] {
        let body = json!({ "schemas": [GROUP], "displayName": name });
        let rename = |operation: Value| acme.operations(&path, json!([operation]));
        assert_eq!(acme.post("/Groups", body.clone()).await.expect(409), taken, "{name}");
        assert_eq!(acme.put(&path, body).await.expect(409), taken, "{name}");
        let by_path = rename(json!({ "op": "replace", "path": "displayName", "value": name })).await;
        assert_eq!(by_path.expect(409), taken, "{name}");
        let by_value = rename(json!({ "op": "Add", "value": { "displayName": name } })).await;
        assert_eq!(by_value.expect(409), taken, "{name}");
        let operations = json!([
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": { "schemas": [GROUP], "displayName": name } },
            { "method": "PUT", "path": path, "data": { "schemas": [GROUP], "displayName": name } },
        ]);
        let bulk =
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
        let done = acme.post("/Bulk", bulk).await.expect(200);
        for operation in done["Operations"].as_array().unwrap() {
            assert_eq!((&operation["status"], &operation["response"]), (&json!("409"), &taken), "{name}");
        }
    }
    assert_eq!(app.log("acme").await.len(), before, "nothing was written");

    let own = json!([{ "op": "replace", "path": "displayName", "value": "SALES" }]);
    assert_eq!(acme.operations(&path, own).await.expect(200)["displayName"], "SALES", "its own name is not taken");
    acme.delete(&format!("/Groups/{engineering}")).await.expect(204);
    let freed = json!([{ "op": "replace", "path": "displayName", "value": "engineering" }]);
    acme.operations(&path, freed).await.expect(200);
    acme.group("Sales", &[]).await;
    app.tenant("globex").await.group("Sales", &[]).await;
}

#[tokio::test]
async fn groups_of_one_name_are_side_by_side_where_the_tenant_allows_it() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "standard", json!({ "groups_duplicate_names": true })).await;
    let ada = acme.user("ada").await;
    let groups = [acme.group("Sales", &[&ada]).await, acme.group("sales", &[&ada]).await];

    assert_eq!(acme.ids("/Groups", "displayName eq \"SALES\"").await, groups);
    let read = acme.get(&format!("/Users/{ada}")).await.expect(200);
    let names: Vec<&Value> = read["groups"].as_array().unwrap().iter().map(|group| &group["display"]).collect();
    assert_eq!(names, ["Sales", "sales"]);
}

/// Prints what the names cost; only that they are there is asserted.
#[tokio::test]
async fn a_group_of_a_thousand_members_shows_a_thousand_names() {
    const MEMBERS: usize = 1000;
    const READS: u32 = 20;
    let (_app, acme) = start().await;
    let mut ids = Vec::new();
    for n in 0..MEMBERS {
        ids.push(called(&acme, &format!("user{n:04}")).await);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let path = format!("/Groups/{}", acme.group("Everybody", &ids).await);
    let mut shown = Value::Null;
    for query in ["", "?attributes=members.value", "?excludedAttributes=members.display"] {
        let began = Instant::now();
        for _ in 0..READS {
            let read = acme.get(&format!("{path}{query}")).await.expect(200);
            assert_eq!(read["members"].as_array().unwrap().len(), MEMBERS);
            if query.is_empty() {
                shown = read;
            }
        }
        println!("GET of {MEMBERS} members{query}: {:?}", began.elapsed() / READS);
    }
    let members = shown["members"].as_array().unwrap();
    assert!(members.iter().enumerate().all(|(n, member)| member["display"] == format!("user{n:04}")));
}

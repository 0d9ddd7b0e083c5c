use muster_idp::okta;
use muster_test_harness::{ENTERPRISE, PATCH_OP, TestApp, USER, field};
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, id_of, okta_of};

/// What a task says of a user of the workspace W1.
fn arguments(id: &str) -> Value {
    json!([{ "name": "user", "value": { "text": id } }, { "name": "workspace", "value": { "text": "W1" } }])
}

#[tokio::test]
async fn poggio_08_a_new_user_is_in_the_default_workspace_whatever_the_payload_says() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let mut user = okta::create_user(&ada()).body.unwrap();
    user["workspace"] = json!("W2");
    user["workspaces"] = json!([{ "value": "W2" }]);
    user["urn:ietf:params:scim:schemas:extension:poggio:2.0:User"] = json!({ "workspace": "W2" });

    let made = acme.post("/Users", user.clone()).await.expect(201);

    let expected = json!({
        "state": "active",
        "listed": true,
        "fields": [
            { "name": "email", "value": { "text": "ada@example.com" } },
            { "name": "full_name", "value": { "text": "Ada Byron" } },
            { "name": "workspace", "value": { "text": "W1" } },
        ],
    });
    let path = format!("/Users/{}", id_of(&made));
    assert_eq!(app.account("acme", id_of(&made)).await, expected);
    assert_eq!(acme.put(&path, user).await.expect(200), made);
    let moved = json!([
        { "op": "replace", "value": { "workspace": "W2", "default_workspace": "W2" } },
        { "op": "add", "path": "workspace", "value": "W2" },
    ]);
    assert_eq!(acme.operations(&path, moved).await.expect(200), made);
    assert_eq!(app.account("acme", id_of(&made)).await, expected);
    assert_eq!(app.log("acme").await.len(), 1, "neither a PUT nor a PATCH moves anybody");
}

#[tokio::test]
async fn poggio_08_until_the_default_workspace_is_named_it_is_called_default() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({})).await;

    let made = acme.user("ada@example.com").await;

    assert_eq!(field(&app.account("acme", &made).await, "workspace"), "default");
}

#[tokio::test]
async fn poggio_15_an_ill_formed_value_of_what_is_ignored_refuses_nothing_least_of_all_a_deactivation() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let marked = "\u{202a}+44 20 7946 0000\u{202c}";
    let long = "x".repeat(40_000);
    for (number, (name, value)) in [
        ("phoneNumbers", json!([{ "value": marked, "type": "mobile" }])),
        ("title", json!(marked)),
        ("title", json!({})),
        ("title", json!(long)),
        ("timezone", json!(true)),
        ("addresses", json!("Foo Street 1")),
        ("addresses", json!([{ "formatted": marked }])),
        ("roles", Value::Array((0..600).map(|number| json!({ "value": number.to_string() })).collect())),
        ("x509Certificates", json!([{ "value": "no base64!" }])),
        ("photos", json!([{ "value": long.repeat(3) }])),
        ("name", json!({ "formatted": "Ada Byron", "middleName": marked })),
        (ENTERPRISE, json!("Analysis")),
        (ENTERPRISE, json!({ "department": marked, "manager": 7 })),
    ]
    .into_iter()
    .enumerate()
    {
        let mut user = json!({ "schemas": [USER], "userName": format!("ada{number}@example.com"), "active": true });
        user[name] = value.clone();
        let made = acme.post("/Users", user.clone()).await.expect(201);
        if name != "name" {
            assert_eq!(made[name], Value::Null, "{name}");
        }
        let path = format!("/Users/{}", id_of(&made));

        user["active"] = json!(false);
        assert_eq!(acme.put(&path, user).await.expect(200)["active"], false, "{name}: {value}");
        let operations = json!([
            { "op": "Replace", "path": "active", "value": "True" },
            { "op": "Add", "path": name, "value": value },
        ]);
        let patched = acme.patch(&path, json!({ "schemas": [PATCH_OP], "Operations": operations })).await;
        assert_eq!(patched.expect(200)["active"], true, "{name}: {value}");
        let entries = app.log("acme").await;
        let told = entries.last().unwrap()["rewrites"].as_array().unwrap().iter();
        let left_out: Vec<&Value> = told.filter(|told| told["rule"] == "not-retained").collect();
        assert!(!left_out.is_empty(), "{name}: {entries:?}");
    }
    let operations = json!([
        { "op": "Replace", "path": "active", "value": "False" },
        { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": marked },
    ]);
    let ada = acme.ids("/Users", "userName eq \"ada0@example.com\"").await.remove(0);
    let patch = json!({ "schemas": [PATCH_OP], "Operations": operations });
    assert_eq!(acme.patch(&format!("/Users/{ada}"), patch).await.expect(200)["active"], false);
    let name = json!({ "schemas": [USER], "userName": "eda@example.com", "displayName": marked });
    acme.post("/Users", name).await.expect(400);
}

#[tokio::test]
async fn poggio_15_every_other_attribute_is_accepted_and_forgotten() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let extension = "urn:ietf:params:scim:schemas:extension:acme:2.0:User";
    let user = json!({
        "schemas": [USER, ENTERPRISE, extension],
        "userName": "ada@example.com",
        "displayName": "Ada Byron",
        "title": "Countess",
        "locale": "en-GB",
        "phoneNumbers": [{ "value": "+44 1815", "type": "work" }],
        "roles": [{ "value": "admin" }],
        "emails": [{ "value": "ada@example.com", "type": "work" }],
        "groups": [{ "value": "4d1c" }],
        "favouriteColour": "blue",
        ENTERPRISE: { "department": "Analysis", "manager": { "value": "51aa" } },
        extension: { "badge": "B-12" },
        "active": true,
    });

    let made = acme.post("/Users", user.clone()).await.expect(201);

    let path = format!("/Users/{}", id_of(&made));
    let expected = json!({
        "schemas": [USER],
        "id": made["id"],
        "userName": "ada@example.com",
        "displayName": "Ada Byron",
        "active": true,
        "meta": {
            "resourceType": "User",
            "created": "2026-11-03T14:03:00.000Z",
            "lastModified": "2026-11-03T14:03:00.000Z",
            "location": format!("{}{path}", acme.base),
            "version": "W/\"1\"",
        },
    });
    assert_eq!(made, expected);
    assert_eq!(acme.get(&path).await.expect(200), expected);
    assert_eq!(acme.put(&path, user).await.expect(200), expected);
    let title =
        json!([{ "op": "replace", "path": "title", "value": "Lady" }, { "op": "add", "path": "no.such", "value": 1 }]);
    assert_eq!(acme.operations(&path, title).await.expect(200), expected);
    let kept = format!("{:?}", app.log("acme").await);
    for forgotten in ["Countess", "+44 1815", "Analysis", "B-12", "blue"] {
        assert!(!kept.contains(forgotten), "{forgotten} is nowhere, not even in the log");
    }
}

#[tokio::test]
async fn poggio_16_a_password_is_accepted_and_kept_nowhere() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let pushed = okta::create_user(&ada());
    assert_eq!(pushed.body.as_ref().unwrap()["password"], "k3Vqz8Rt", "Okta sends one");

    let made = okta_of(&acme).expect(&pushed, &[201]).await.unwrap().body;

    let path = format!("/Users/{}", id_of(&made));
    let mut put = pushed.body.unwrap();
    put["password"] = json!("Wb7-another-Xp");
    acme.put(&path, put).await.expect(200);
    let patch = json!([{ "op": "replace", "value": { "password": "Lm2-a-third-Qz" } }]);
    acme.operations(&path, patch).await.expect(200);
    let read = acme.get(&format!("{path}?attributes=password,userName")).await.expect(200);
    assert_eq!((&made["password"], &read["password"]), (&Value::Null, &Value::Null));
    let account = app.account("acme", id_of(&made)).await;
    let seen = format!("{account:?} {:?} {:?}", app.log("acme").await, app.tasks("acme").await);
    for password in ["k3Vqz8Rt", "Wb7-another-Xp", "Lm2-a-third-Qz"] {
        assert!(!seen.contains(password), "{seen}");
    }
    assert_eq!(app.log("acme").await.len(), 1, "another password changes nothing");
}

#[tokio::test]
async fn poggio_17_a_pushed_profile_changes_the_name() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let married = muster_idp::Person { family: "Lovelace".to_owned(), ..ada() };

    let updated = okta_of(&acme).expect(&okta::update_user(&stored, &married), &[200]).await.unwrap().body;

    assert_eq!((&updated["id"], &updated["displayName"]), (&stored["id"], &json!("Ada Lovelace")));
    assert_eq!(acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200), updated);
    assert_eq!(field(&app.account("acme", id_of(&stored)).await, "full_name"), "Ada Lovelace");
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new(), "nothing follows from a new name");
}

#[tokio::test]
async fn poggio_18_a_forced_sync_of_the_same_data_changes_nothing() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    app.advance(std::time::Duration::from_secs(3600));

    let again = okta_of(&acme).expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap().body;

    assert_eq!(again, stored, "also its version and the time of its last change");
    assert_eq!(app.log("acme").await.len(), 1);
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
}

#[tokio::test]
async fn poggio_19_active_false_ends_the_sessions_once_and_is_seen_by_id() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let grace = acme.user("grace@example.com").await;
    let gone = muster_idp::Person { active: false, ..ada() };
    let put = okta::update_user(&stored, &gone);
    let patch = json!([{ "op": "replace", "value": { "active": false } }]);

    let by_put = okta_of(&acme).expect(&put, &[200]).await.unwrap().body;
    let by_patch = acme.operations(&format!("/Users/{grace}"), patch.clone()).await.expect(200);
    okta_of(&acme).expect(&put, &[200]).await.unwrap();
    acme.operations(&format!("/Users/{grace}"), patch).await.expect(200);

    assert_eq!((&by_put["active"], &by_patch["active"]), (&json!(false), &json!(false)));
    let tasks = app.tasks("acme").await;
    assert_eq!(tasks.len(), 2, "one for each, however often it is said: {tasks:?}");
    for (task, id) in tasks.iter().zip([id_of(&stored), &grace]) {
        assert_eq!(acme.get(&format!("/Users/{id}")).await.expect(200)["active"], false);
        assert_eq!(app.account("acme", id).await["state"], "disabled");
        assert_eq!((&task["action"], &task["id"]), (&json!("end-sessions"), &json!(id)));
        assert_eq!(task["arguments"], arguments(id));
        assert_eq!(task["destructive"], true, "the brake may hold it");
    }
}

#[tokio::test]
async fn poggio_20_active_true_restores_the_same_id_in_the_same_workspace() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let path = format!("/Users/{}", id_of(&stored));
    let active = |active: bool| json!([{ "op": "replace", "value": { "active": active } }]);
    acme.operations(&path, active(false)).await.expect(200);
    app.bind("acme", "poggio", json!({ "default_workspace": "W9" })).await.expect(200);

    let found = okta_of(&acme).expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body;
    let back = acme.operations(&path, active(true)).await.expect(200);

    assert_eq!(found["Resources"][0]["id"], stored["id"], "the lookup before it finds her");
    assert_eq!((&back["id"], &back["active"]), (&stored["id"], &json!(true)));
    let account = app.account("acme", id_of(&stored)).await;
    assert_eq!((&account["state"], field(&account, "workspace")), (&json!("active"), json!("W1")));
    let restored = app.tasks("acme").await.pop().unwrap();
    assert_eq!((&restored["action"], &restored["destructive"]), (&json!("restore"), &json!(false)));
    assert_eq!(restored["arguments"], arguments(id_of(&stored)));
    let new = acme.user("grace@example.com").await;
    assert_eq!(field(&app.account("acme", &new).await, "workspace"), "W9", "a new one is in the new default");
}

#[tokio::test]
async fn a_deleted_user_is_logged_out_and_the_user_name_is_free_again() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ada = acme.user("ada@example.com").await;

    acme.delete(&format!("/Users/{ada}")).await.expect(204);

    acme.get(&format!("/Users/{ada}")).await.expect(404);
    let tasks = app.tasks("acme").await;
    assert_eq!(tasks.len(), 1);
    assert_eq!((&tasks[0]["action"], &tasks[0]["destructive"]), (&json!("remove"), &json!(true)));
    assert_eq!(tasks[0]["arguments"], arguments(&ada));
    assert_ne!(acme.user("ada@example.com").await, ada);
}

//! Where SCIM meets an account that was made by hand: what the plugin's manifest says of it.

use std::time::Duration;

use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{Answer, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::manual::by_hand;
use super::{all, read};
use crate::command::on;

const BY_HAND: &str = "an account that is managed by hand has one of these names; SCIM does not take it over";
const NOT_MANAGED: &str = "this account is managed by hand; SCIM does not manage it";

fn user(name: &str) -> Value {
    json!({ "schemas": [USER], "userName": name })
}

/// The policy is `link`.
async fn linking(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "secoda", json!({})).await
}

/// The policy is `refuse`.
async fn refusing(app: &TestApp) -> TenantClient {
    app.tenant_with_guest("acme", "obeys").await
}

async fn sign_in(app: &TestApp, id: &str) {
    let path = format!("/tenants/acme/accounts/{id}/signals");
    app.directory_send(Method::POST, &path, json!({ "name": "signed-in" })).await.expect(200);
}

#[tokio::test]
async fn a_user_of_scim_takes_the_account_over_under_its_id_with_all_that_the_product_keeps_of_it() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let ada = by_hand(&app, "ada@example.com").await;
    sign_in(&app, &ada).await;
    let local = format!("/tenants/acme/accounts/{ada}/local");
    app.directory_send(Method::PUT, &local, json!({ "groups": ["editors"] })).await.expect(200);
    assert_eq!(acme.ids("/Users", "userName eq \"ADA@example.com\"").await, [ada.as_str()]);

    let made = acme.post("/Users", user("ada@example.com")).await;

    let version = made.header("etag").to_owned();
    assert_eq!((&made.expect(201)["id"], version.as_str()), (&json!(ada), "W/\"3\""));
    let account = read(&app, &format!("accounts/{ada}")).await;
    assert_eq!((&account["managed_by"], &account["state"]), (&json!("scim"), &json!("active")));
    assert_eq!(account["local"], json!({ "groups": ["editors"] }));
    assert_eq!(read(&app, "accounts?managed_by=manual").await["accounts"], json!([]));
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new(), "who has signed in is not invited");
    let changes = read(&app, "changes?after=2").await["changes"].clone();
    assert_eq!(all(&changes, "event"), ["adopted", "created"]);
    assert_eq!(all(&changes, "managed_by"), ["manual", "scim"]);
    assert_eq!(all(&changes, "id"), [ada.clone(), ada.clone()]);
    let history = on(&app, &["history", "acme", &ada]).await.text();
    let events: Vec<_> = history.lines().map(|line| line.split_whitespace().nth(3).unwrap()).collect();
    assert_eq!(events, ["created", "adopted", "signalled", "created"], "{history}");
    // From here on it is as any other.
    acme.post("/Users", user("ada@example.com")).await.expect(409);
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
}

#[tokio::test]
async fn a_lookup_by_the_address_of_work_finds_it_too() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let path = "/tenants/acme/accounts";
    let emails =
        json!([{ "value": "ada@example.com", "type": "work" }, { "value": "ada@home.example", "type": "home" }]);
    let ada = app.directory_send(Method::POST, path, json!({ "userName": "ada", "emails": emails })).await.expect(201);
    let eve = by_hand(&app, "eve@example.com").await;
    let ids = async |filter: &str| acme.ids("/Users", filter).await;

    for filter in [
        "emails[type eq \"work\"].value eq \"ADA@example.com\"",
        "emails[value eq \"ada@example.com\" and type eq \"work\"]",
    ] {
        assert_eq!(ids(filter).await, [ada["id"].as_str().unwrap()], "{filter}");
    }
    assert_eq!(
        ids("emails[type eq \"work\"].value eq \"eve@example.com\"").await,
        [eve],
        "who has none beside the name"
    );
    for filter in [
        "emails[type eq \"home\"].value eq \"ada@example.com\"",
        "emails[type eq \"home\"].value eq \"eve@example.com\"",
        "emails[type eq \"work\"].value eq \"nobody@example.com\"",
    ] {
        assert_eq!(ids(filter).await, Vec::<String>::new(), "{filter}");
    }
}

#[tokio::test]
async fn who_is_taken_over_and_active_again_in_one_write_is_let_in_again() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let ada = by_hand(&app, "ada@example.com").await;
    sign_in(&app, &ada).await;
    let path = format!("/tenants/acme/accounts/{ada}");
    app.directory_send(Method::PATCH, &path, json!({ "active": false })).await.expect(200);

    let mut body = user("ada@example.com");
    body["active"] = json!(true);
    acme.post("/Users", body).await.expect(201);

    let tasks = app.tasks("acme").await;
    assert_eq!(all(&json!(tasks), "action"), ["enable"], "and not invited once more");
    let changes = read(&app, "changes").await["changes"].clone();
    assert_eq!(all(&changes, "event").split_off(3), ["adopted", "created"]);
}

#[tokio::test]
async fn a_put_or_a_patch_to_what_a_lookup_found_takes_it_over_and_a_delete_does_not() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let (ada, eve) = (by_hand(&app, "ada@example.com").await, by_hand(&app, "eve@example.com").await);
    let (ada, eve) = (format!("/Users/{ada}"), format!("/Users/{eve}"));
    assert_eq!(acme.get(&ada).await.expect(200)["userName"], "ada@example.com");

    let refused = acme.delete(&ada).await;
    assert_eq!(refused.expect(409), error(409, None, NOT_MANAGED), "no scimType of the RFC says that");
    let stale = acme.request(Method::PUT, &ada).bearer_auth(&acme.token).header("if-match", "W/\"9\"");
    Answer::of(stale.body(user("ada@example.com").to_string())).await.expect(412);
    assert_eq!(read(&app, "accounts?managed_by=scim").await["accounts"], json!([]));
    let put = json!({ "schemas": [USER], "userName": "ada@example.com", "displayName": "Ada Byron" });
    assert_eq!(acme.put(&ada, put).await.expect(200)["displayName"], "Ada Byron");
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert_eq!(acme.operations(&eve, off).await.expect(200)["active"], false);

    assert_eq!(all(&read(&app, "accounts").await["accounts"], "managed_by"), ["scim", "scim"]);
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 2);
}

#[tokio::test]
async fn where_it_is_refused_a_lookup_shows_it_and_no_write_takes_it() {
    let app = TestApp::start().await;
    let acme = refusing(&app).await;
    let ada = by_hand(&app, "ada").await;
    let path = format!("/Users/{ada}");
    let refused = || error(409, Some("uniqueness"), NOT_MANAGED);
    let before = app.log("acme").await;

    assert_eq!(acme.ids("/Users", "userName eq \"ada\"").await, [ada.as_str()]);
    assert_eq!(acme.get(&path).await.expect(200)["id"], json!(ada));
    assert_eq!(acme.get("/Users").await.expect(200), nothing_found(), "an import has none of them");
    let by_name = error(409, Some("uniqueness"), BY_HAND);
    assert_eq!(acme.post("/Users", user("ADA")).await.expect(409), by_name);
    assert_eq!(acme.put(&path, user("ada")).await.expect(409), refused());
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert_eq!(acme.operations(&path, off).await.expect(409), refused());
    assert_eq!(acme.delete(&path).await.expect(409), error(409, None, NOT_MANAGED));

    assert_eq!(app.log("acme").await, before);
    assert_eq!(read(&app, &format!("accounts/{ada}")).await["active"], true);
}

#[tokio::test]
async fn a_user_who_would_come_to_have_its_name_is_refused_whatever_the_policy() {
    for policy in ["link", "refuse"] {
        let app = TestApp::start().await;
        let acme = if policy == "link" { linking(&app).await } else { refusing(&app).await };
        by_hand(&app, "ada@example.com").await;
        let eve = format!("/Users/{}", acme.user("eve@example.com").await);
        let rename = json!([{ "op": "replace", "path": "userName", "value": "ada@example.com" }]);

        let patched = acme.operations(&eve, rename).await;
        let put = acme.put(&eve, user("ada@example.com")).await;

        let refused = error(409, Some("uniqueness"), BY_HAND);
        assert_eq!((patched.expect(409), put.expect(409)), (refused.clone(), refused), "{policy}");
        assert_eq!(acme.get(&eve).await.expect(200)["userName"], "eve@example.com");
    }
}

#[tokio::test]
async fn of_the_product_and_scim_that_make_the_same_at_once_one_does() {
    let app = TestApp::start().await;
    let acme = refusing(&app).await;
    for round in 0..10 {
        let name = format!("user{round}");
        let mut makers = JoinSet::new();
        let by_hand = app.directory_request(Method::POST, "/tenants/acme/accounts");
        makers.spawn(Answer::of(by_hand.body(json!({ "userName": name }).to_string())));
        let by_scim = acme.request(Method::POST, "/Users").bearer_auth(&acme.token);
        makers.spawn(Answer::of(by_scim.body(user(&name).to_string())));

        let mut statuses: Vec<u16> = makers.join_all().await.iter().map(|answer| answer.status).collect();

        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
    assert_eq!(read(&app, "accounts?limit=100").await["accounts"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn webhooks_are_fed_users_and_not_what_was_made_by_hand() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let new = json!({ "name": "crm", "url": "https://crm.example/hooks" });
    app.admin_post("/tenants/acme/webhooks", new).await.expect(201);
    let ada = by_hand(&app, "ada@example.com").await;
    by_hand(&app, "eve@example.com").await;
    sign_in(&app, &ada).await;
    acme.post("/Users", user("ada@example.com")).await.expect(201);

    let fed = async {
        loop {
            let tasks = app.tasks("acme").await;
            if !tasks.is_empty() {
                return tasks;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let tasks = tokio::time::timeout(Duration::from_mins(1), fed).await.expect("it is fed");

    let told: Vec<_> = tasks.iter().map(|task| (&task["action"], &task["change"])).collect();
    assert_eq!(told, [(&json!("user.created"), &json!(5))]);
}

#[tokio::test]
async fn whoever_is_taken_over_and_deactivated_in_one_write_is_deactivated_for_all_who_follow() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let off = || json!([{ "op": "replace", "path": "active", "value": false }]);
    let body = |name: &str| json!({ "schemas": [USER], "userName": name, "active": false });
    let mut seen = 0;
    for way in ["POST", "PUT", "PATCH"] {
        let name = format!("{}@example.com", way.to_lowercase());
        let id = by_hand(&app, &name).await;
        sign_in(&app, &id).await;
        let path = format!("/Users/{id}");

        match way {
            "POST" => acme.post("/Users", body(&name)).await.expect(201),
            "PUT" => acme.put(&path, body(&name)).await.expect(200),
            _ => acme.operations(&path, off()).await.expect(200),
        };

        let log = app.log("acme").await;
        let entry = log.iter().find(|entry| entry["event"] == "deactivated" && entry["id"] == json!(id));
        assert!(entry.is_some(), "{way}: {log:?}");
        seen += 4;
        let changes = read(&app, &format!("changes?after={}", seen - 2)).await["changes"].clone();
        assert_eq!(all(&changes, "event"), ["adopted", "deactivated"], "{way}");
        assert_eq!(changes[1]["state"], json!({ "before": "active", "after": "disabled" }), "{way}");
        let shown = app.admin_get(&format!("/tenants/acme/deprovisions/{id}")).await;
        shown.expect(200);
    }
    assert_eq!(all(&json!(app.tasks("acme").await), "action"), ["disable", "disable", "disable"]);

    let last = app.log("acme").await.iter().filter_map(|entry| entry["seq"].as_u64()).max();
    let undone = app.admin_post("/tenants/acme/undo", json!({ "change": last })).await.expect(200);
    assert_eq!(undone["undone"], 1, "{undone}");
    assert_eq!(read(&app, "accounts/states").await["states"]["active"]["scim"], 1, "access is back");
}

#[tokio::test]
async fn an_undo_of_a_takeover_is_a_conflict_and_removes_nothing() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let ada = by_hand(&app, "ada@example.com").await;
    let local = format!("/tenants/acme/accounts/{ada}/local");
    app.directory_send(Method::PUT, &local, json!({ "seats": 3 })).await.expect(200);
    acme.post("/Users", user("ada@example.com")).await.expect(201);

    for force in [false, true] {
        let undone = app.admin_post("/tenants/acme/undo", json!({ "change": 3, "force": force })).await.expect(200);

        assert_eq!((&undone["conflicts"], &undone["undone"]), (&json!(1), &json!(0)), "{undone}");
        let says =
            "it took over an account that was made by hand, which would be gone; delete the user if that is meant";
        assert_eq!(undone["outcomes"][0]["says"], says);
    }
    assert_eq!(read(&app, &format!("accounts/{ada}")).await["local"], json!({ "seats": 3 }));
}

#[tokio::test]
async fn a_group_that_names_an_account_that_can_be_taken_over_is_told_so_and_takes_it_once_it_is_a_user() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let ada = by_hand(&app, "ada@example.com").await;
    let group = acme.group("Engines", &[]).await;
    let add = || json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);

    let refused = acme.operations(&format!("/Groups/{group}"), add()).await;

    let says =
        format!("members: {ada} is an account that is managed by hand; update the user first, which takes it over");
    assert_eq!(refused.expect(400), error(400, Some("invalidValue"), &says));
    acme.put(&format!("/Users/{ada}"), user("ada@example.com")).await.expect(200);
    acme.operations(&format!("/Groups/{group}"), add()).await.expect(200);
    assert_eq!(acme.members(&group).await, [ada]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_product_writes_meanwhile_keeps_nobody_from_being_taken_over() {
    let app = TestApp::start().await;
    let acme = linking(&app).await;
    let ask = |method: Method, path: String, body: Value| {
        Answer::of(app.directory_request(method, &format!("/tenants/acme/{path}")).body(body.to_string()))
    };
    for round in 0..24 {
        let name = format!("user{round}@example.com");
        let path = if round % 3 == 2 { String::new() } else { by_hand(&app, &name).await };
        let path = format!("accounts/{path}");
        let by_product = match round % 3 {
            0 => ask(Method::PATCH, path, json!({ "displayName": "Ada" })),
            1 => ask(Method::POST, format!("{path}/signals"), json!({ "name": "signed-in" })),
            _ => ask(Method::POST, "accounts".to_owned(), json!({ "userName": name })),
        };
        let by_scim = acme.request(Method::POST, "/Users").bearer_auth(&acme.token);

        let (by_product, by_scim) = tokio::join!(by_product, Answer::of(by_scim.body(user(&name).to_string())));

        assert_eq!(by_scim.status, 201, "{round}: {}", by_scim.text);
        // Whoever comes second finds an account that is SCIM's, which signals may be of.
        let expected: &[u16] = [&[200, 409][..], &[200], &[201, 409]][round % 3];
        assert!(expected.contains(&by_product.status), "{round}: {} {}", by_product.status, by_product.text);
        let key = read(&app, &format!("accounts?key=userName:{name}")).await;
        assert_eq!(all(&key["accounts"], "managed_by"), ["scim"], "{round}");
    }
}

#[tokio::test]
async fn a_put_to_an_id_that_is_nobodys_takes_nobody_over() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({ "put_upsert": true })).await;
    let ada = by_hand(&app, "ada@example.com").await;
    let before = app.log("acme").await;

    let put = acme.put("/Users/019a4a5e-0000-7000-8000-000000000000", user("ada@example.com")).await;

    assert_eq!(put.expect(404), error(404, None, "User not found"));
    assert_eq!(app.log("acme").await, before);
    assert_eq!(read(&app, &format!("accounts/{ada}")).await["managed_by"], "manual");
}

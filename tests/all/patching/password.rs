//! A password is accepted, given to a plugin that asks for it, and kept nowhere.

use std::path::Path;

use muster_test_harness::messages::error;
use muster_test_harness::{TenantClient, TestApp, USER, field};
use serde_json::{Value, json};

const SECRET: &str = "k3Vqz8Rt-correct-horse";
const SECOND: &str = "n3w-Passw0rd-battery-staple-1";

/// Sends passwords in every way there is; the id of the user.
async fn send_passwords(acme: &TenantClient) -> String {
    let body = json!({ "schemas": [USER], "userName": "ada", "displayName": "Ada", "password": SECRET });
    let made = acme.post("/Users", body.clone()).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let user = format!("/Users/{id}");
    let put = acme.put(&user, body).await.expect(200);
    let patched =
        acme.operations(&user, json!([{ "op": "replace", "path": "password", "value": SECRET }])).await.expect(200);
    let pathless = json!([{ "op": "add", "value": { format!("{USER}:password"): SECOND } }]);
    let patched_again = acme.operations(&user, pathless).await.expect(200);
    // Refused requests are kept for the operator to look at; what was wrong with them is told without what they held.
    let refused = json!([{ "op": "replace", "path": "password", "value": { "old": SECRET } }, { "op": "remove" }]);
    let refused = acme.operations(&user, refused).await.expect(400);
    for answer in [made, put, patched, patched_again, refused] {
        assert!(!answer.to_string().contains("password\":"), "{answer}");
        assert!(!answer.to_string().contains(SECRET) && !answer.to_string().contains(SECOND), "{answer}");
    }
    let read = acme.get(&format!("{user}?attributes=userName,password")).await.expect(200);
    assert_eq!(read.get("password"), None);
    id
}

/// The files below a folder that contain one of the secrets.
fn files_with_secrets(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with_secrets(&path));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let holds = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        if holds(SECRET) || holds(SECOND) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Nothing that an operator can read has a secret in it, and no file of the store.
async fn is_kept_nowhere(app: &mut TestApp) {
    let log = Value::from(app.log("acme").await).to_string();
    let tasks = Value::from(app.tasks("acme").await).to_string();
    let requests = app.admin_get("/tenants/acme/requests").await.expect(200).to_string();
    assert!(requests.contains("/Users"), "the last requests are told: {requests}");
    for told in [&log, &tasks, &requests] {
        assert!(!told.contains(SECRET) && !told.contains(SECOND), "{told}");
    }
    app.stop().await;
    let folder = app.data();
    assert!(folder.is_dir());
    assert_eq!(files_with_secrets(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn where_no_plugin_asks_for_it_a_password_is_dropped() {
    let mut app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    send_passwords(&acme).await;

    assert_eq!(app.log("acme").await.len(), 1, "only the user itself was written");
    let requests = app.admin_get("/tenants/acme/requests").await.expect(200);
    assert!(requests.to_string().contains("password-dropped"), "and it is told that it was: {requests}");
    is_kept_nowhere(&mut app).await;
}

#[tokio::test]
async fn a_plugin_that_asks_for_it_is_told_and_nobody_else() {
    let mut app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "reads-password").await;

    let id = send_passwords(&acme).await;

    let length = |secret: &str| json!(secret.len());
    assert_eq!(field(&app.account("acme", &id).await, "password_characters"), length(SECOND), "the last one");
    let title = json!([{ "op": "replace", "path": "displayName", "value": "Ada Byron" }]);
    acme.operations(&format!("/Users/{id}"), title).await.expect(200);
    assert_eq!(field(&app.account("acme", &id).await, "password_characters"), length(SECOND), "it is not taken away");
    is_kept_nowhere(&mut app).await;
}

#[tokio::test]
async fn a_password_is_announced_where_it_goes_somewhere() {
    let app = TestApp::start().await;
    let (asks, drops) = (app.tenant_with_guest("asks", "reads-password").await, app.tenant("drops").await);
    for (client, is_asked) in [(&asks, true), (&drops, false)] {
        let config = client.get("/ServiceProviderConfig").await.expect(200);
        assert_eq!(config["changePassword"], json!({ "supported": is_asked }));
        let schema = client.get(&format!("/Schemas/{USER}")).await.expect(200);
        let attributes = schema["attributes"].as_array().unwrap();
        let password = attributes.iter().find(|attribute| attribute["name"] == "password");
        assert_eq!(password.is_some(), is_asked);
        if let Some(password) = password {
            assert_eq!((&password["mutability"], &password["returned"]), (&json!("writeOnly"), &json!("never")));
        }
    }
}

#[tokio::test]
async fn nobody_finds_out_a_password_by_asking_for_it() {
    let app = TestApp::start().await;
    let (asks, drops) = (app.tenant_with_guest("asks", "reads-password").await, app.tenant("drops").await);
    for client in [&asks, &drops] {
        client.post("/Users", json!({ "schemas": [USER], "userName": "ada", "password": SECRET })).await.expect(201);
        for filter in
            [format!("password eq \"{SECRET}\""), "password pr".to_owned(), "not (Password sw \"k\")".to_owned()]
        {
            let refused = client.find("/Users", &filter).await.expect(400);
            assert_eq!(refused["scimType"], "invalidFilter");
            assert!(!refused.to_string().contains(SECRET), "{refused}");
        }
        let refused = client.find("/Users", "password eq \"x\"").await.expect(400);
        let detail = "password cannot be used in a filter: it is never returned";
        assert_eq!(refused, error(400, Some("invalidFilter"), detail));
    }
    let sorted = asks.get("/Users?sortBy=password").await.expect(400);
    assert_eq!(sorted, error(400, Some("invalidValue"), "password cannot be sorted by: it is never returned"));
}

//! Accounts that the product made by hand, and one that SCIM took over.

use muster_test_harness::{TestApp, USER};
use reqwest::Method;
use serde_json::json;

use super::{Server, export, items};

#[tokio::test(flavor = "multi_thread")]
async fn accounts_made_by_hand_are_exported_and_imported_with_their_log() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({})).await;
    for name in ["ada@example.com", "eve@example.com", "bob@example.com"] {
        let new = json!({ "userName": name, "displayName": name });
        let made = app.directory_send(Method::POST, "/tenants/acme/accounts", new).await.expect(201);
        if name.starts_with("bob") {
            let path = format!("/tenants/acme/accounts/{}", made["id"].as_str().unwrap());
            assert_eq!(app.directory_send(Method::DELETE, &path, json!({})).await.status, 204);
        }
    }
    acme.post("/Users", json!({ "schemas": [USER], "userName": "eve@example.com" })).await.expect(201);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");

    let exported = export(&app, &file, &[]).await;
    let target = Server::start(Some(&app.data()));
    let imported = target.muster(&["import", file.to_str().unwrap()]).await;

    assert_eq!(imported.code, 0, "{imported:?}");
    let again = target.export(&folder.path().join("again.ndjson"), &[]).await;
    assert_eq!(items(&again), items(&exported));
    let there = target.client(&acme, "/scim/v2");
    assert_eq!(there.get("/Users").await.expect(200)["totalResults"], 1);
    assert_eq!(there.ids("/Users", "userName eq \"ada@example.com\"").await.len(), 1, "a lookup finds it there too");
}

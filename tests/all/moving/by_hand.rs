//! Accounts that the product made by hand, and one that SCIM took over.

use muster_test_harness::{TestApp, USER};
use reqwest::Method;
use serde_json::json;

use super::{Server, export, items, write_sealed};

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

#[tokio::test(flavor = "multi_thread")]
async fn who_was_taken_over_and_deactivated_in_one_write_is_imported_and_a_forged_past_is_not() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let off = || json!([{ "op": "replace", "path": "active", "value": false }]);
    for way in ["POST", "PUT", "PATCH"] {
        let name = format!("{}@example.com", way.to_lowercase());
        let new = json!({ "userName": name, "displayName": name });
        let made = app.directory_send(Method::POST, "/tenants/acme/accounts", new).await.expect(201);
        let path = format!("/Users/{}", made["id"].as_str().unwrap());
        let body = json!({ "schemas": [USER], "userName": name, "active": false });
        match way {
            "POST" => acme.post("/Users", body).await.expect(201),
            "PUT" => acme.put(&path, body).await.expect(200),
            _ => acme.operations(&path, off()).await.expect(200),
        };
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");

    let exported = export(&app, &file, &[]).await;
    let target = Server::start(Some(&app.data()));
    let imported = target.muster(&["import", file.to_str().unwrap()]).await;

    assert_eq!(imported.code, 0, "{imported:?}");
    let again = target.export(&folder.path().join("again.ndjson"), &[]).await;
    assert_eq!(items(&again), items(&exported));
    // The same, but whoever was deactivated had another name before: the seal is made anew, and the log contradicts itself.
    let mut forged = items(&exported).to_vec();
    let is_told = |line: &&mut String| line.starts_with("{\"entry\":") && line.contains("\"deactivated\"");
    let told = forged.iter_mut().find(is_told).unwrap();
    assert!(told.contains("post@example.com"));
    *told = told.replacen("\"userName\":\"post@example.com\"", "\"userName\":\"eve@example.com\"", 1);
    let copy = folder.path().join("forged.ndjson");
    write_sealed(&copy, &exported[0], &forged);
    let other = Server::start(Some(&app.data()));
    let refused = other.muster(&["import", copy.to_str().unwrap()]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("does not follow from what it told of User"), "{}", refused.err);
    assert!(other.is_empty().await);
}

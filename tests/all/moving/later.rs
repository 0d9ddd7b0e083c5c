//! Requests that were carried out later, whose answers are kept.

use std::time::Duration;

use muster_test_harness::{TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Server, export, items};

/// An answer far longer than any sentence.
const OPERATIONS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_with_a_long_answer_is_exported_and_imported_with_it() {
    let mut builder = TestApp::builder();
    builder.config.delivery.concurrency = 64;
    builder.config.delivery.hosts.insert("told.example".to_owned(), "127.0.0.1:9".to_owned());
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    let new = json!({ "name": "told", "url": "https://told.example/hooks", "events": ["async.response"] });
    app.admin_post("/tenants/acme/webhooks", new).await.expect(201);
    let operation = |number: usize| {
        let user = json!({ "schemas": [USER], "userName": format!("user{number}@example.com") });
        json!({ "method": "POST", "path": "/Users", "bulkId": format!("u{number}"), "data": user })
    };
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": (0..OPERATIONS).map(operation).collect::<Vec<_>>(),
    });
    let request = acme.request(Method::POST, "/Bulk").bearer_auth(&acme.token).header("prefer", "respond-async");
    let taken = acme.send(request.header("content-type", "application/scim+json").body(bulk.to_string())).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    let path = taken.header("location").strip_prefix(&acme.base).unwrap().to_owned();
    let answered = async {
        loop {
            let answer = acme.get(&path).await;
            if answer.status == 200 {
                return answer.body;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_mins(1), answered).await.expect("it is answered");
    assert_eq!(answer["Operations"].as_array().unwrap().len(), OPERATIONS);
    // What tells of it changes with each attempt; what is exported must stand still.
    let app = app.restart_with(|config| config.delivery.concurrency = 0).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");

    let exported = export(&app, &file, &[]).await;
    let target = Server::start(Some(&app.data()));
    let imported = target.muster(&["import", file.to_str().unwrap()]).await;

    assert_eq!(imported.code, 0, "{imported:?}");
    let again = target.export(&folder.path().join("again.ndjson"), &[]).await;
    assert_eq!(items(&again), items(&exported));
    let came = target.client(&acme, "/scim/v2").get(&path).await.expect(200);
    let ids = |answer: &Value| {
        let operations = answer["Operations"].as_array().unwrap().iter();
        let id = |told: &Value| told["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        operations.map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&came), ids(&answer));
}

//! The receiver of `examples/`, which a vendor's own begins with.

use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;
use webhook_receiver::{Came, Certificate, Receiver};

use super::{START_S, unmarked};
use muster_test_harness::TestApp;

#[tokio::test]
async fn the_example_receiver_believes_the_server_and_knows_an_event_that_comes_again() {
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let certificate = Certificate::make("receiver.example").unwrap();
    let (sender, mut came) = unbounded_channel();
    let receiver = Receiver::start_at(0, key, &certificate, sender, Box::new(|| START_S)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &certificate.authority).unwrap();
    let mut builder = TestApp::builder().delivering();
    builder.config.delivery.ca_file = ca_file;
    builder.config.delivery.hosts.insert("receiver.example".to_owned(), receiver.address.to_string());
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    let new = json!({ "name": "own", "url": "https://receiver.example/", "key": key });
    app.admin_post("/tenants/acme/webhooks", new).await.expect(201);

    let id = acme.user("ada@example.com").await;
    let Some(Came::Event(event)) = came.recv().await else { panic!("an event") };
    assert_eq!((&event["type"], &event["data"]["resource"]["id"]), (&json!("user.created"), &json!(id)));

    let batched = json!({ "batch": 5 });
    app.admin_put("/tenants/acme/webhooks/own", batched).await.expect(200);
    acme.delete(&format!("/Users/{id}")).await;
    let Some(Came::Event(event)) = came.recv().await else { panic!("another event") };
    assert_eq!((&event["type"], unmarked(event["id"].as_str().unwrap())), (&json!("user.deleted"), "acme_own_event-2"));

    app.admin_post("/tenants/acme/webhooks/own/rotate", json!({ "overlap_h": 0 })).await.expect(200);
    acme.user("grace@example.com").await;
    assert_eq!(came.recv().await, Some(Came::Refused), "it has not learnt the new key");
}

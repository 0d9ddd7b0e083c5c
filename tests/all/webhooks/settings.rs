//! What can be said of a webhook, and what cannot.

use std::collections::HashSet;
use std::time::Duration;

use muster_model::MAX_WEBHOOKS_A_TENANT;
use muster_service::{MAX_WEBHOOK_BATCH, MAX_WEBHOOK_EVENTS};
use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{BROKEN, Bench, OK, heard, heard_so_many, one_after_the_other, unmarked};
use crate::perform::endpoint::{Endpoint, says};

#[tokio::test]
async fn what_no_webhook_can_be_is_refused_in_one_sentence() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let add = async |change: Value| {
        let mut new = json!({ "name": "crm", "url": "https://crm.example/hooks" });
        new.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        app.admin_post("/tenants/acme/webhooks", new).await
    };
    for (change, detail) in [
        (
            json!({ "name": "-crm" }),
            "a name is 1 to 40 lower-case letters, digits and '-', and begins and ends with a letter or digit",
        ),
        (
            json!({ "url": "http://crm.example/" }),
            "a webhook goes nowhere: the URL cannot be called: it does not begin with https://",
        ),
        (
            json!({ "url": "https://169.254.169.254/" }),
            "a webhook goes nowhere: the URL cannot be called: a host is named, and not given as an address",
        ),
        (
            json!({ "url": "https://[::1]/" }),
            "a webhook goes nowhere: the URL cannot be called: an origin is https://, a host's name, and nothing behind it but a port",
        ),
        (
            json!({ "url": "https://user:pw@crm.example/" }),
            "a webhook goes nowhere: the URL cannot be called: a user or a password has no place in it",
        ),
        (
            json!({ "url": "https://a.localhost/" }),
            "the URL of a webhook cannot be called: localhost is this machine, whoever asks",
        ),
        (json!({ "batch": 0 }), "batch is 1 to 100, not 0"),
        (json!({ "batch": MAX_WEBHOOK_BATCH + 1 }), "batch is 1 to 100, not 101"),
        (
            json!({ "events": vec!["user.created"; MAX_WEBHOOK_EVENTS + 1] }),
            "a webhook is told at most 64 kinds of events",
        ),
        (json!({ "key": "x" }), "a webhook's key is whsec_ and base64, and this is not"),
        (json!({ "payload": "fat" }), "payload: unknown variant `fat`, expected `thin` or `full`"),
    ] {
        let refused = add(change).await;
        assert_eq!(refused.expect(400)["detail"], detail);
    }
    let unknown = add(json!({ "events": ["user.married"] })).await.expect(400);
    let detail = unknown["detail"].as_str().unwrap();
    assert!(detail.starts_with("user.married is the name of no event; there are: user.created, "), "{detail}");
    assert!(detail.contains("group.member-added") && detail.contains("brake.engaged"), "{detail}");

    add(json!({ "events": vec!["user.created"; MAX_WEBHOOK_EVENTS] })).await.expect(201);
    let shown = app.admin_get("/tenants/acme/webhooks/crm").await.expect(200);
    assert_eq!(shown["events"], json!(["user.created"]));
    let taken = add(json!({})).await.expect(409);
    assert_eq!(taken["detail"], "there is a webhook crm of tenant acme already");
    for number in 1..MAX_WEBHOOKS_A_TENANT {
        add(json!({ "name": format!("crm-{number}") })).await.expect(201);
    }
    let detail = "tenant acme has 16 webhooks, and there can be no more";
    assert_eq!(add(json!({ "name": "one-more" })).await.expect(400)["detail"], detail);

    for path in ["/tenants/acme/webhooks/other", "/tenants/acme/webhooks/other/deliveries"] {
        assert_eq!(app.admin_get(path).await.expect(404)["detail"], "there is no webhook other of tenant acme");
    }
    assert_eq!(app.admin_get("/tenants/globex/webhooks").await.expect(404)["detail"], "there is no tenant globex");
    let path = "/admin/v1/tenants/acme/webhooks";
    let unauthorised = app.admin_request(reqwest::Method::GET, path).send().await.unwrap();
    assert_eq!(unauthorised.status(), 401);
}

#[tokio::test]
async fn a_change_counts_from_the_next_attempt_on_and_survives_a_restart() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({ "events": ["user.deleted"] })).await;
    bench.acme.user("a@example.com").await;
    let change = json!({ "url": "https://crm.example/other?a=b", "events": ["user.created"], "payload": "full", "batch": 2, "is_braked": false });
    let path = "/tenants/acme/webhooks/crm";
    let set = bench.app.admin_put(path, change).await.expect(200);
    assert!(set["key"].is_null());
    assert_eq!((&set["batch"], &set["is_braked"], &set["payload"]), (&json!(2), &json!(false), &json!("full")));
    // An entry that was passed over before does not come back.
    let ada = bench.acme.user("ada@example.com").await;
    heard_so_many(&crm, 1).await;
    assert!(crm.heard().last().unwrap().starts_with("POST /other?a=b HTTP/1.1\r\n"));

    let token = bench.acme.token.clone();
    let app = bench.app.restart().await;
    let bench = Bench { acme: app.client("/scim/v2", &token), app, _folder: bench._folder };
    let kept = bench.show("crm").await;
    assert_eq!((&kept["url"], &kept["batch"]), (&set["url"], &set["batch"]));
    let all = json!({ "events": [], "batch": 1 });
    bench.app.admin_put(path, all).await.expect(200);
    bench.title(&ada, "Countess").await;
    let last = heard_so_many(&crm, 2).await.pop().unwrap();
    assert_eq!(last.kind(), "user.updated");
}

#[tokio::test]
async fn a_webhook_that_is_removed_is_told_nothing_more_and_another_of_its_name_begins_anew() {
    let crm = Endpoint::start("crm.example", one_after_the_other(&[BROKEN, OK])).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let old = bench.add("crm", json!({})).await;
    let ada = bench.acme.user("ada@example.com").await;
    bench.failure("crm", 1).await;
    bench.title(&ada, "Countess").await;
    bench.until("crm", |all| all.len() == 2).await;

    let removed = bench.app.admin_delete("/tenants/acme/webhooks/crm").await.expect(200);
    assert_eq!(removed, json!({ "tenant": "acme", "removed": "crm" }));
    let standings: Vec<Value> =
        bench.app.tasks("acme").await.into_iter().map(|task| task["standing"].clone()).collect();
    assert_eq!(standings, ["skipped", "cancelled"], "what waited is given up");
    bench.title(&ada, "Duchess").await;
    bench.app.advance(Duration::from_hours(1));

    let new = bench.add("crm", json!({})).await;
    bench.title(&ada, "Queen").await;
    heard_so_many(&crm, 2).await;
    bench.app.advance(Duration::from_hours(1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let all = heard(&crm);
    let ids: Vec<&str> = all.iter().map(|one| unmarked(&one.id)).collect();
    assert_eq!(ids, ["acme_crm_event-1", "acme_crm_event-4"]);
    assert!(all[1].is_believed(&new) && !all[1].is_believed(&old));
}

#[tokio::test]
async fn several_webhooks_are_told_each_under_ids_of_its_own() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let mut keys = Vec::new();
    for name in ["crm", "crm-2"] {
        let new = json!({ "name": name, "url": "https://crm.example/hooks" });
        let added = bench.app.admin_post("/tenants/acme/webhooks", new).await.expect(201);
        keys.push(added["key"].as_str().unwrap().to_owned());
    }
    bench.acme.user("ada@example.com").await;
    let all = heard_so_many(&crm, 2).await;
    let ids: HashSet<&str> = all.iter().map(|one| unmarked(&one.id)).collect();
    assert_eq!(ids, HashSet::from(["acme_crm_event-1", "acme_crm-2_event-1"]));
    for one in &all {
        let own = usize::from(one.id.starts_with("acme_crm-2_"));
        assert!(one.is_believed(&keys[own]) && !one.is_believed(&keys[1 - own]));
    }
}

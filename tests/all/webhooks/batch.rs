//! Several events in one request.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{BROKEN, Bench, OK, heard, one_after_the_other, unmarked};
use crate::perform::endpoint::{Answers, Endpoint, says};

/// The ids of the events in each request.
pub(super) fn ids(request: &Value) -> Vec<String> {
    assert_eq!(request["type"], "batch");
    request["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_waits_goes_out_together_and_each_event_once() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let key = bench.add("crm", json!({ "batch": 10 })).await;
    bench.turn("crm", "off").await;
    let mut users = Vec::new();
    for number in 0..25 {
        users.push(bench.acme.user(&format!("u{number}@example.com")).await);
    }
    bench.title(&users[0], "Countess").await;
    bench.turn("crm", "on").await;
    bench.until_done("crm", 26).await;

    let requests = heard(&crm);
    assert!(requests.iter().all(|one| one.is_believed(&key)));
    let batches: Vec<Vec<String>> = requests.iter().map(|one| ids(&one.json())).collect();
    assert!(batches.iter().all(|batch| (1..=10).contains(&batch.len())), "{batches:?}");
    assert!(batches.len() <= 13, "they went together: {batches:?}");
    let all: Vec<&String> = batches.iter().flatten().collect();
    assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (26, 26), "{batches:?}");
    // Of one user one after the other, and never in one batch.
    let place = |id: &str| batches.iter().position(|batch| batch.iter().any(|it| unmarked(it) == id)).unwrap();
    assert!(place("acme_crm_event-1") < place("acme_crm_event-26"), "{batches:?}");
    for (request, batch) in requests.iter().zip(&batches) {
        let own = &batch[0];
        let is_named =
            if batch.len() == 1 { request.id == *own } else { request.id.starts_with(&format!("{own}_batch-")) };
        assert!(is_named, "{} {own}", request.id);
        assert_eq!(request.json()["id"], json!(request.id));
    }
}

#[tokio::test]
async fn a_batch_that_fails_has_tried_only_the_one_whose_turn_it_was_which_then_goes_alone() {
    let crm = Endpoint::start("crm.example", one_after_the_other(&[BROKEN, OK])).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({ "batch": 10 })).await;
    bench.turn("crm", "off").await;
    for number in 0..5 {
        bench.acme.user(&format!("u{number}@example.com")).await;
    }
    bench.turn("crm", "on").await;
    let so = |all: &[Value]| all.len() == 5 && all.iter().filter(|task| task["standing"] == "done").count() >= 4;
    bench.until("crm", so).await;
    bench.app.advance(Duration::from_secs(2));
    let done = bench.until_done("crm", 5).await;

    let attempts: Vec<u64> = done.iter().map(|task| task["attempts"].as_u64().unwrap()).collect();
    assert_eq!(attempts.iter().sum::<u64>(), 6, "one was tried twice: {attempts:?}");
    let batches: Vec<Vec<String>> = heard(&crm).iter().map(|one| ids(&one.json())).collect();
    let (failed, last) = (&batches[0], batches.last().unwrap());
    assert_eq!(last, &failed[..1], "alone, under its own id: {batches:?}");
}

#[tokio::test]
async fn an_event_that_the_receiver_refuses_spoils_no_others() {
    // It refuses whatever has the third entry of the log in it.
    let picky: Answers = Arc::new(|request| {
        let answer = if request.contains("_event-3-") { BROKEN } else { OK };
        (answer.as_bytes().to_vec(), false)
    });
    let crm = Endpoint::start("crm.example", picky).await;
    let bench = Bench::start_with(&[("crm.example", &crm)], |builder| builder.config.delivery.attempts = 3).await;
    bench.add("crm", json!({ "batch": 10 })).await;
    bench.turn("crm", "off").await;
    for number in 0..6 {
        bench.acme.user(&format!("u{number}@example.com")).await;
    }
    bench.turn("crm", "on").await;
    let settled = async {
        while bench.deliveries("crm").await.iter().filter(|task| task["standing"] == "done").count() < 5 {
            // A lease lasts for two minutes: the clock gives no attempt up that is under way.
            bench.app.advance(Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, settled).await.unwrap();
    let others = bench.deliveries("crm").await;
    let refused = others.iter().find(|task| task["standing"] != "done").unwrap();
    assert_eq!(refused["change"], 3);
}

#[tokio::test]
async fn what_the_brake_holds_does_not_go_along() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let brake = json!({ "count": 1, "share_percent": 1 });
    bench.app.admin_put("/tenants/acme/brake", brake).await.expect(200);
    let mut users = Vec::new();
    for number in 0..6 {
        users.push(bench.acme.user(&format!("u{number}@example.com")).await);
    }
    bench.add("crm", json!({ "batch": 10, "events": ["user.updated", "user.deactivated"] })).await;
    bench.turn("crm", "off").await;
    for user in &users[..4] {
        bench.active(user, false).await;
    }
    for user in &users[4..] {
        bench.title(user, "Countess").await;
    }
    bench.turn("crm", "on").await;
    let standing = |all: &[Value], standing: &str| all.iter().filter(|task| task["standing"] == standing).count();
    bench.until("crm", |all| standing(all, "held") == 4 && standing(all, "done") == 2).await;
    let told: Vec<String> = heard(&crm).iter().flat_map(|one| kinds(&one.json())).collect();
    assert_eq!(told, ["user.updated"; 2]);

    bench.app.admin_post("/tenants/acme/brake/release", json!({ "all": true })).await.expect(200);
    bench.until_done("crm", 6).await;
    let told: Vec<String> = heard(&crm).iter().flat_map(|one| kinds(&one.json())).collect();
    assert_eq!(told[2..], ["user.deactivated"; 4]);
}

/// The names of the events in a request.
fn kinds(request: &Value) -> Vec<String> {
    request["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

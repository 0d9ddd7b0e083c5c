//! Each event once, whatever is released or given up meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::batch::ids;
use super::{Bench, Heard, OK, heard};
use crate::perform::endpoint::{Answers, Endpoint, says};

fn standing(all: &[Value], standing: &str) -> usize {
    all.iter().filter(|task| task["standing"] == standing).count()
}

/// Which events came, in any number of requests.
fn events(endpoint: &Endpoint) -> Vec<String> {
    let of = |request: &Heard| match request.kind().as_str() {
        "batch" => ids(&request.json()),
        _ => vec![request.id.clone()],
    };
    heard(endpoint).iter().flat_map(of).collect()
}

#[tokio::test]
async fn what_many_have_waited_for_behind_the_brake_arrives_once_when_it_is_released() {
    const USERS: usize = 60;
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let siem = Endpoint::start("siem.example", says(OK)).await;
    // What is released is seen before it is durable.
    let slow = Duration::from_millis(3);
    let receivers = [("crm.example", &crm), ("siem.example", &siem)];
    let bench = Bench::built(&receivers, |builder| builder.on_a_disk_that_takes(slow)).await;
    let brake = json!({ "count": 1, "share_percent": 1 });
    bench.app.admin_put("/tenants/acme/brake", brake).await.expect(200);
    bench.add("crm", json!({ "events": ["user.deactivated"] })).await;
    bench.add("siem", json!({ "events": ["user.deactivated"], "batch": 10 })).await;
    let mut users = Vec::new();
    for number in 0..USERS {
        users.push(bench.acme.user(&format!("u{number}@example.com")).await);
    }
    for user in &users {
        bench.active(user, false).await;
    }
    let mut held = 0;
    for name in ["crm", "siem"] {
        let all = bench.until(name, |all| standing(all, "held") + standing(all, "done") == USERS).await;
        assert!(standing(&all, "held") >= USERS - 1, "the second of them was too many");
        held += standing(&all, "held");
    }

    // It is due behind everything that was looked at before.
    bench.app.advance(Duration::from_secs(1));
    let released = bench.app.admin_post("/tenants/acme/brake/release", json!({ "all": true })).await.expect(200);
    assert_eq!(released["decided"], json!(held));

    for (name, endpoint) in [("crm", &crm), ("siem", &siem)] {
        let done = bench.until_done(name, USERS).await;
        assert!(done.iter().all(|task| task["attempts"] == 1), "{done:?}");
        let events = events(endpoint);
        assert_eq!((events.len(), events.iter().collect::<HashSet<_>>().len()), (USERS, USERS), "{name}: {events:?}");
    }
}

#[tokio::test]
async fn who_went_along_with_a_batch_that_took_too_long_goes_out_without_delay() {
    // The first request is never answered.
    let is_first = AtomicBool::new(true);
    let answers: Answers = Arc::new(move |_| match is_first.swap(false, Ordering::SeqCst) {
        true => (Vec::new(), true),
        false => (OK.as_bytes().to_vec(), false),
    });
    let crm = Endpoint::start("crm.example", answers).await;
    let bench = Bench::start_with(&[("crm.example", &crm)], |builder| {
        builder.config.delivery.attempt_timeout_s = 1;
    })
    .await;
    bench.add("crm", json!({ "batch": 10 })).await;
    bench.turn("crm", "off").await;
    for number in 0..5 {
        bench.acme.user(&format!("u{number}@example.com")).await;
    }
    bench.turn("crm", "on").await;

    // The clock stands still, so no lease runs out.
    let all = bench.until("crm", |all| all.len() == 5 && standing(all, "done") == 4).await;
    let late = all.iter().find(|task| task["standing"] == "waiting").unwrap();
    assert_eq!(
        (&late["attempts"], &late["failure"]),
        (&json!(1), &json!("the attempt took longer than 1 s and was given up"))
    );
    let batches: Vec<usize> = heard(&crm).iter().map(|one| one.json()["data"].as_array().unwrap().len()).collect();
    assert_eq!(batches[0], 5, "all of them were in the one that took too long: {batches:?}");
    assert_eq!(batches[1..].iter().sum::<usize>(), 4, "{batches:?}");
}

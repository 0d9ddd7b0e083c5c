//! Many writers, many events, and receivers that come and go or do not answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_delivery::MAX_FED_WAITING;
use muster_test_harness::{GROUP, TenantClient, USER};
use serde_json::{Value, json};

use super::{Heard, count, eventually, hook, last_entry, listening, retitle, turn};
/// Changes its users again and again.
async fn write(acme: TenantClient, writer: u64, users: u64, changes: u64) {
    for user in 0..users {
        let id = acme.user(&format!("w{writer}-{user}@example.com")).await;
        for _ in 0..changes {
            retitle(&acme, &id).await;
        }
    }
}

/// As long as it is wanted.
async fn go_on_writing(acme: TenantClient, writer: u64, is_wanted: Arc<AtomicBool>) {
    let mut round = 0;
    while is_wanted.load(Ordering::SeqCst) {
        write(acme.clone(), 100 * writer + round, 1, 12).await;
        round += 1;
    }
}

/// Of each resource in the order of the log, and nothing twice.
fn is_in_order(heard: &[Heard]) {
    let mut latest = BTreeMap::new();
    for heard in heard.iter().filter(|heard| heard.change > 0) {
        let before = latest.insert(heard.id.clone(), heard.change);
        assert!(before.is_none_or(|before| before < heard.change), "{heard:?} after {before:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_writers_write_receivers_come_and_go_and_each_is_told_what_is_its_own_once() {
    let (app, ears) = listening().await;
    let acme = app.tenant("acme").await;
    let quiet = app.tenant_with("quiet", "standard", json!({}));
    hook(&app, "acme", "steady", &[]).await;
    hook(&app, "acme", "moody", &[]).await;
    hook(&app, "acme", "fickle", &[]).await;
    let quiet = quiet.await;
    let is_wanted = Arc::new(AtomicBool::new(true));
    let writers: Vec<_> =
        (0..4).map(|writer| tokio::spawn(go_on_writing(acme.clone(), writer, is_wanted.clone()))).collect();

    let mut late = 0;
    for round in 0..12 {
        turn(&app, "acme", "moody", "off").await;
        app.admin_delete("/tenants/acme/webhooks/fickle").await.expect(200);
        tokio::time::sleep(Duration::from_millis(30)).await;
        hook(&app, "acme", "fickle", &[]).await;
        turn(&app, "acme", "moody", "on").await;
        if round == 5 {
            eventually("something is written", async || last_entry(&app, "acme").await > 0).await;
            late = hook(&app, "acme", "late", &[]).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    is_wanted.store(false, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    let last_since = app.admin_get("/tenants/acme/webhooks/fickle").await.expect(200)["since"].as_u64().unwrap();
    let last = last_entry(&app, "acme").await;
    assert!(last >= 4 * 13, "{last}");
    let all: Vec<u64> = (1..=last).collect();
    let sorted = |queue: &str| {
        let mut changes = ears.changes(queue);
        changes.sort_unstable();
        changes
    };
    for (queue, since) in [("webhook:steady", 0), ("webhook:moody", 0), ("webhook:late", late)] {
        let own: Vec<u64> = all.iter().copied().filter(|change| *change > since).collect();
        eventually(queue, async || ears.of(queue).len() >= own.len()).await;
        assert_eq!(sorted(queue), own, "{queue}");
        is_in_order(&ears.of(queue));
    }
    // Each time that it was added it was told of what came after, and never of anything twice.
    let of_the_last = || sorted("webhook:fickle").into_iter().filter(|change| *change > last_since).collect::<Vec<_>>();
    let own: Vec<u64> = (last_since + 1..=last).collect();
    eventually("fickle", async || of_the_last().len() >= own.len()).await;
    assert_eq!(of_the_last(), own);
    is_in_order(&ears.of("webhook:fickle"));
    assert!(late > 0 && late < last && !ears.of("webhook:fickle").is_empty());
    // The other tenant has no receiver, and no tasks.
    write(quiet, 9, 1, 2).await;
    assert_eq!(app.tasks("quiet").await.len(), 0);
}

#[tokio::test]
async fn no_more_than_so_many_events_wait_for_a_receiver_and_the_rest_follows_when_it_answers() {
    let (app, ears) = listening().await;
    let (acme, other) = (app.tenant("acme").await, app.create_tenant("other", "standard", json!({})).await);
    hook(&app, "acme", "crm", &[]).await;
    hook(&app, "other", "elsewhere", &[]).await;
    ears.is_deaf.store(true, Ordering::SeqCst);
    let beyond = 60;
    let writers: Vec<_> =
        (0..4).map(|writer| tokio::spawn(write(acme.clone(), writer, 5, MAX_FED_WAITING / 20 + 2))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let last = last_entry(&app, "acme").await;
    assert_eq!(last, MAX_FED_WAITING + beyond);

    eventually("it is full", async || count(&app, "acme", "webhook:crm", "waiting").await >= MAX_FED_WAITING).await;
    other.user("ada@example.com").await;
    eventually("another's is not", async || count(&app, "other", "webhook:elsewhere", "waiting").await == 1).await;
    eventually("that it is behind is told", async || {
        let numbers = app.admin_request(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        numbers.contains(&format!("\nmuster_feed_behind {beyond}\n"))
    })
    .await;
    assert_eq!(count(&app, "acme", "webhook:crm", "waiting").await, MAX_FED_WAITING);

    ears.is_deaf.store(false, Ordering::SeqCst);
    // What was under way has failed by now. The clock leaps while nothing is: a lease ends with it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    app.advance(Duration::from_hours(2));
    eventually("all is told", async || ears.of("webhook:crm").len() as u64 >= last).await;
    let mut changes = ears.changes("webhook:crm");
    changes.sort_unstable();
    assert_eq!(changes, (1..=last).collect::<Vec<_>>());
    is_in_order(&ears.of("webhook:crm"));
}

#[tokio::test]
async fn everybody_who_is_told_is_told_of_a_whole_bulk() {
    let (app, ears) = listening().await;
    let acme = app.tenant("acme").await;
    for name in ["one", "two", "three"] {
        hook(&app, "acme", name, &[]).await;
    }
    let user = |n: u64| json!({ "method": "POST", "path": "/Users", "bulkId": format!("u{n}"), "data": { "schemas": [USER], "userName": format!("u{n}@example.com") } });
    let group = json!({ "method": "POST", "path": "/Groups", "bulkId": "g", "data": { "schemas": [GROUP], "displayName": "staff", "members": [{ "value": "bulkId:u1" }] } });
    let operations: Vec<Value> = (0..50).map(user).chain([group]).collect();
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    acme.post("/Bulk", bulk).await.expect(200);
    let last = last_entry(&app, "acme").await;
    assert!(last >= 51, "{last}");
    for queue in ["webhook:one", "webhook:two", "webhook:three"] {
        let mut changes: Vec<u64> =
            ears.until(queue, usize::try_from(last).unwrap()).await.iter().map(|heard| heard.change).collect();
        changes.sort_unstable();
        assert_eq!(changes, (1..=last).collect::<Vec<_>>());
    }
}

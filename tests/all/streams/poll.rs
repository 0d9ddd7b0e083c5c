use std::time::Instant;

use muster_service::{MAX_POLLED_BYTES, MAX_POLLS_WAITING_A_STREAM, MAX_SETS_A_POLL, POLL_LEASE};
use muster_test_harness::TestApp;
use serde_json::json;
use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn what_is_not_acknowledged_comes_again_and_what_is_never_does_whatever_the_server_does() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    for name in ["ada", "bob", "eve"] {
        acme.user(name).await;
    }
    settled(&app, "audit", "waiting", 3).await;
    let first = audit.sets(json!({ "returnImmediately": true })).await;
    assert_eq!(first.len(), 3);
    assert!(audit.sets(json!({ "returnImmediately": true })).await.is_empty(), "nobody else gets them meanwhile");
    let kept: Vec<&String> = first.keys().collect();
    assert!(audit.sets(json!({ "ack": [kept[0]], "returnImmediately": true })).await.is_empty());

    app.advance(POLL_LEASE);
    let again = audit.sets(json!({ "returnImmediately": true })).await;
    assert_eq!(again.keys().collect::<Vec<_>>(), kept[1..], "under the same names");
    let jwks = jwks(&app).await;
    for name in &kept[1..] {
        let claims = |sets: &Map<String, Value>| verified(sets[*name].as_str().unwrap(), &jwks).unwrap();
        assert_eq!(claims(&first), claims(&again), "and they say the same");
    }
    let acknowledged = audit.ask(json!({ "ack": [kept[1]], "maxEvents": 0 })).await.expect(200);
    assert_eq!(acknowledged, json!({ "sets": {} }));

    let (stream, token) = (audit.stream.clone(), audit.client.token.clone());
    let app = app.restart().await;
    let audit = Poller::of(&app, &stream, &token);
    let after = audit.sets(json!({ "returnImmediately": true })).await;
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        [kept[2]],
        "what was acknowledged is, and a lease ends with its server"
    );
    let all: Vec<&String> = kept.iter().copied().chain([kept[0]]).collect();
    audit.ask(json!({ "ack": all, "maxEvents": 0 })).await.expect(200);
    settled(&app, "audit", "done", 3).await;
}

#[tokio::test]
async fn an_answer_has_as_many_tokens_as_are_wanted_and_says_whether_there_are_more() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    let count = MAX_SETS_A_POLL + 1;
    for number in 0..count {
        acme.user(&format!("user-{number}")).await;
    }
    settled(&app, "audit", "waiting", u64::try_from(count).unwrap()).await;
    let only_asked = audit.ask(json!({ "maxEvents": 0 })).await.expect(200);
    assert_eq!(only_asked, json!({ "sets": {}, "moreAvailable": true }));
    let two = audit.ask(json!({ "maxEvents": 2 })).await.expect(200);
    assert_eq!((two["sets"].as_object().unwrap().len(), &two["moreAvailable"]), (2, &json!(true)));
    app.advance(POLL_LEASE);
    let most = audit.ask(json!({ "maxEvents": 1_000_000 })).await.expect(200);
    assert_eq!((most["sets"].as_object().unwrap().len(), &most["moreAvailable"]), (MAX_SETS_A_POLL, &json!(true)));
    let last = audit.ask(json!({})).await.expect(200);
    assert_eq!((last["sets"].as_object().unwrap().len(), last.get("moreAvailable")), (1, None));
}

#[tokio::test]
async fn an_answer_ends_before_it_is_too_large() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({ "events": ["prov:create:full"] })).await;
    let photos: Vec<Value> =
        (0..2).map(|number| json!({ "value": format!("{number}-{}", "x".repeat(30_000)) })).collect();
    for number in 0..15 {
        let new = json!({ "schemas": [USER], "userName": format!("user-{number}"), "photos": photos });
        acme.post("/Users", new).await.expect(201);
    }
    settled(&app, "audit", "waiting", 15).await;
    let first = audit.ask(json!({})).await.expect(200);
    let sets = first["sets"].as_object().unwrap();
    let bytes: usize = sets.values().map(|token| token.as_str().unwrap().len()).sum();
    assert!(bytes <= MAX_POLLED_BYTES && bytes + bytes / sets.len() > MAX_POLLED_BYTES, "{bytes}");
    assert_eq!(first["moreAvailable"], true);
    let rest = audit.sets(json!({})).await;
    assert_eq!(sets.len() + rest.len(), 15, "what had no room was not kept from anybody");
}

#[tokio::test]
async fn two_who_poll_one_stream_get_no_token_twice_and_a_user_in_order() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({ "is_braked": false })).await;
    let mut users = Vec::new();
    for number in 0..10 {
        let id =
            acme.post("/Users", person(&format!("user-{number}"))).await.expect(201)["id"].as_str().unwrap().to_owned();
        acme.operations(&format!("/Users/{id}"), set_active(false)).await.expect(200);
        users.push(id);
    }
    settled(&app, "audit", "waiting", 20).await;
    let one = async || {
        let (mut told, mut names) = (Vec::new(), Vec::<String>::new());
        loop {
            let sets = audit.sets(json!({ "ack": names, "maxEvents": 3, "returnImmediately": true })).await;
            if sets.is_empty() {
                return told;
            }
            names = sets.keys().cloned().collect();
            for token in sets.values() {
                told.push(verified(token.as_str().unwrap(), &jwks(&app).await).unwrap());
            }
        }
    };
    let (mut told, others) = tokio::join!(one(), one());
    told.extend(others);
    // One may have ended while the other had the only tokens that were left: then those behind them are still there.
    told.extend(one().await);
    assert_eq!(told.len(), 20);
    for id in users {
        let of = told.iter().filter(|claims| claims["sub_id"]["id"] == id.as_str()).collect::<Vec<_>>();
        let count = |event: &str| of.iter().filter(|claims| events(claims)[0] == event).count();
        assert_eq!((count("prov:create:notice"), count("prov:deactivate")), (1, 1), "{of:?}");
    }
}

#[tokio::test]
async fn nothing_of_a_user_is_handed_out_before_what_happened_earlier_is_acknowledged() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    let id = acme.user("ada").await;
    acme.delete(&format!("/Users/{id}")).await.expect(204);
    settled(&app, "audit", "waiting", 2).await;
    let first = audit.sets(json!({})).await;
    assert_eq!(first.len(), 1);
    let name = first.keys().next().unwrap();
    assert!(audit.sets(json!({ "returnImmediately": true })).await.is_empty());
    let second = audit.sets(json!({ "ack": [name], "returnImmediately": true })).await;
    let claims = verified(second.values().next().unwrap().as_str().unwrap(), &jwks(&app).await).unwrap();
    assert_eq!((second.len(), events(&claims)), (1, vec!["prov:delete".to_owned()]));
}

#[tokio::test]
async fn who_waits_hears_of_what_happens_and_who_does_not_want_to_is_answered_at_once() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    let began = Instant::now();
    assert!(audit.sets(json!({ "returnImmediately": true })).await.is_empty());
    assert!(began.elapsed() < Duration::from_secs(5));

    let waiting = tokio::spawn({
        let audit = audit.clone();
        async move { audit.sets(json!({})).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished());
    acme.user("ada").await;
    assert_eq!(waiting.await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_who_waits_too_many_is_answered_at_once_and_a_server_that_stops_lets_all_go() {
    let mut app = TestApp::start().await;
    app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    let began = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..=MAX_POLLS_WAITING_A_STREAM {
        let audit = audit.clone();
        asking.spawn(async move { audit.sets(json!({})).await });
    }
    // Whichever came last: then all others wait.
    assert!(asking.join_next().await.unwrap().unwrap().is_empty());
    assert!(asking.try_join_next().is_none());
    app.stop().await;
    assert!(asking.join_all().await.iter().all(Map::is_empty));
    assert!(began.elapsed() < muster_service::LONG_POLL, "nobody waited to the end");
}

#[tokio::test]
async fn a_token_that_its_receiver_refuses_is_parked_with_what_it_said() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    acme.user("ada").await;
    let sets = audit.sets(json!({})).await;
    let name = sets.keys().next().unwrap();
    let refusal = json!({ name: { "err": "invalid_audience", "description": "not\nfor \u{1b}[2Jme" } });
    audit.ask(json!({ "setErrs": refusal, "maxEvents": 0 })).await.expect(200);

    let deliveries = app.admin_get("/tenants/acme/streams/audit/deliveries").await.expect(200);
    let task = &deliveries["tasks"][0];
    assert_eq!((&task["standing"], &task["action"]), (&json!("parked"), &json!("user.created")));
    assert_eq!(task["failure"], "the receiver refused it, invalid_audience: not for [2Jme");
    app.advance(POLL_LEASE);
    assert!(audit.has_nothing().await);
    let seq = &task["seq"];
    app.admin_post(&format!("/tenants/acme/tasks/{seq}/replay"), json!({})).await.expect(200);
    assert_eq!(audit.sets(json!({})).await.keys().collect::<Vec<_>>(), [name], "again, under its name");
}

#[tokio::test]
async fn the_names_of_tokens_that_never_were_or_are_anothers_change_nothing() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (audit, other) = (Poller::add(&app, "audit", json!({})).await, Poller::add(&app, "other", json!({})).await);
    acme.user("ada").await;
    let sets = audit.sets(json!({})).await;
    let name = sets.keys().next().unwrap().clone();
    let (seq, hash) = name.split_once('-').unwrap();
    let forged = [
        format!("{seq}-{}", "0".repeat(hash.len())),
        format!("ffff-{hash}"),
        "x".to_owned(),
        String::new(),
        name.clone(),
    ];
    let errors: Map<String, Value> = forged.iter().map(|name| (name.clone(), json!({ "err": "x" }))).collect();
    other.ask(json!({ "ack": forged, "maxEvents": 0 })).await.expect(200);
    other.ask(json!({ "setErrs": errors, "maxEvents": 0 })).await.expect(200);
    audit.ask(json!({ "ack": forged[..4], "maxEvents": 0 })).await.expect(200);
    app.advance(POLL_LEASE);
    assert_eq!(audit.sets(json!({})).await.keys().collect::<Vec<_>>(), [&name], "it is still there");
    assert_eq!(other.sets(json!({})).await.len(), 1);
}

#[tokio::test]
async fn a_stream_that_is_off_hands_nothing_out_and_tells_it_all_when_it_is_on_again() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    acme.user("ada").await;
    let first = audit.sets(json!({})).await;
    app.admin_post("/tenants/acme/streams/audit/off", json!({})).await.expect(200);
    app.advance(POLL_LEASE);
    acme.user("bob").await;
    let name = first.keys().next().unwrap();
    let off = audit.sets(json!({ "ack": [name], "returnImmediately": true })).await;
    assert!(off.is_empty(), "what it has it may say");
    app.admin_post("/tenants/acme/streams/audit/on", json!({})).await.expect(200);
    let told = audit.take(&app, 1).await;
    assert_eq!(events(&told[0]), ["prov:create:notice"]);
}

#[tokio::test]
async fn a_stream_that_is_removed_opens_no_more_and_one_of_its_name_begins_anew() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    acme.user("ada").await;
    settled(&app, "audit", "waiting", 1).await;
    audit.sets(json!({})).await;
    let waiting = tokio::spawn({
        let audit = audit.clone();
        async move { audit.ask(json!({})).await.status }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let removed = app.admin_delete("/tenants/acme/streams/audit").await.expect(200);
    assert_eq!(removed["streams"], json!([]));
    assert_eq!(waiting.await.unwrap(), 401, "nor to who waits at it");
    audit.ask(json!({})).await.expect(401);
    let tasks = app.tasks("acme").await;
    assert_eq!(tasks.iter().map(|task| &task["standing"]).collect::<Vec<_>>(), ["cancelled"]);
    acme.user("bob").await;

    let anew = Poller::add(&app, "audit", json!({})).await;
    audit.ask(json!({})).await.expect(401);
    assert!(anew.has_nothing().await, "what was before is not told");
    acme.user("eve").await;
    anew.take(&app, 1).await;
}

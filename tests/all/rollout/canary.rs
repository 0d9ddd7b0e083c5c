use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use muster_test_harness::{Answer, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::watch::trapped;
use super::{counts, obeying, path, person, push, settled, states, step, tried};

const TIME: Duration = Duration::from_secs(600);
/// The load of a whole rollout: each of them writes twice, one request after the other, and at most so often.
const WRITERS: usize = 4;
const WRITE_EVERY: Duration = Duration::from_millis(40);

/// Each user of the log, and which plugins have decided about him.
async fn deciders(app: &TestApp) -> BTreeMap<String, BTreeSet<String>> {
    let (mut deciders, mut after) = (BTreeMap::<String, BTreeSet<String>>::new(), 0);
    loop {
        let page = app.admin_get(&format!("/tenants/acme/log?limit=1000&after={after}")).await.expect(200);
        let entries = page["entries"].as_array().unwrap().clone();
        let Some(last) = entries.last() else { return deciders };
        after = last["seq"].as_u64().unwrap();
        for entry in entries.iter().filter(|entry| entry["resource_type"] == "User") {
            let id = entry["id"].as_str().unwrap().to_owned();
            deciders.entry(id).or_default().insert(entry["plugin"].as_str().unwrap().to_owned());
        }
    }
}

/// A tenant with `swap-a`, the candidate `swap-b`, and a canary of it that is under way; the digests of both.
async fn canary(app: &TestApp, percent: u8) -> (TenantClient, Value, [String; 2]) {
    let acme = app.tenant_with_guest("acme", "swap-a").await;
    let a = app.admin_get("/tenants/acme").await.expect(200)["plugin"]["digest"].as_str().unwrap().to_owned();
    let b = push(app, "swap-b").await.as_str().unwrap().to_owned();
    let new = json!({ "plugin": b, "canary": { "percent": percent, "for_s": TIME.as_secs() } });
    let waits = super::start(app, "acme", new).await;
    let says = "it waits before the canary, because one attribute that it reads was not kept until now";
    assert_eq!((&waits["state"], &waits["says"]), (&json!("waiting"), &json!(says)));
    app.admin_post(&format!("{}/continue", path("acme", &waits)), json!({})).await.expect(202);
    let begun = tried(app, "acme", &waits, "canary").await;
    (acme, begun, [a, b])
}

async fn users(acme: &TenantClient, numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(person(acme, &format!("p{number}"), json!({ "title": "Dr" })).await);
    }
    ids
}

fn title(title: &str) -> Value {
    json!([{ "op": "replace", "path": "title", "value": title }, { "op": "replace", "path": "displayName", "value": title }])
}

async fn cancel(app: &TestApp, rollout: &Value) -> Value {
    app.admin_post(&format!("{}/cancel", path("acme", rollout)), json!({})).await.expect(200)
}

#[tokio::test]
async fn a_canary_of_twenty_percent_decides_for_its_users_in_every_way_and_for_nobody_else() {
    let app = TestApp::start().await;
    let (acme, begun, [a, b]) = canary(&app, 20).await;

    let ids = users(&acme, 0..500).await;
    for (number, id) in ids.iter().enumerate() {
        let at = format!("/Users/{id}");
        match number % 4 {
            0 => drop(acme.operations(&at, title("Lady")).await.expect(200)),
            1 => {
                let put =
                    json!({ "schemas": [USER], "userName": format!("p{number}"), "title": "Sir", "displayName": "S" });
                acme.put(&at, put).await.expect(200);
            }
            2 => {
                let operations = json!([{ "method": "PATCH", "path": at, "data": { "Operations": title("Bulk") } }]);
                let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
                acme.post("/Bulk", bulk).await.expect(200);
            }
            _ => acme.delete(&at).await.expect(204).as_null().unwrap(),
        }
    }

    let deciders = deciders(&app).await;
    assert_eq!(deciders.len(), 500);
    assert!(deciders.values().all(|by| by.len() == 1), "each user is decided by one of them: {deciders:?}");
    let by_b: BTreeSet<&String> = deciders.iter().filter(|(_, by)| by.contains(&b)).map(|(id, _)| id).collect();
    println!("a canary of 20 % decided for {} of 500", by_b.len());
    assert!((70..130).contains(&by_b.len()), "{}", by_b.len());
    for (number, id) in ids.iter().enumerate().filter(|(number, _)| number % 4 != 3) {
        let state = if by_b.contains(id) { "b" } else { "a" };
        assert_eq!(app.account("acme", id).await["state"], state, "{number}");
        // A read shows what was stored: what the one that decided has retained.
        let read = acme.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!(
            (read["title"].is_string(), read["displayName"].is_string()),
            (state == "b", state == "a"),
            "{read}"
        );
    }
    let one = by_b.iter().next().unwrap();
    let requests = app.admin_get(&format!("/tenants/acme/requests?resource={one}")).await.expect(200);
    let write = requests["requests"].as_array().unwrap().iter().find(|request| request["method"] == "POST").unwrap();
    let request = write["request"].as_str().unwrap();
    let told = app.admin_get(&format!("/tenants/acme/requests/{request}")).await.expect(200);
    assert!(told.to_string().contains(&b) && !told.to_string().contains(&a), "{told}");

    let cancelled = cancel(&app, &begun).await;
    let found = &step(&cancelled, "canary")["findings"];
    assert_eq!(
        (&cancelled["state"], &found["percent"], &found["failed"]),
        (&json!("cancelled"), &json!(20), &json!(0))
    );
    assert_eq!(found["written"]["resources"], by_b.len());
    let back = by_b.iter().find(|id| ids.iter().position(|known| known == **id).unwrap() % 4 != 3).unwrap();
    acme.operations(&format!("/Users/{back}"), title("back")).await.expect(200);
    assert_eq!(app.account("acme", back).await["state"], "a");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["revision"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_is_activated_is_never_taken_back_in_between() {
    let app = Arc::new(TestApp::start().await);
    let (acme, begun, [a, b]) = canary(&app, 50).await;
    let ids = users(&acme, 0..40).await;
    let chosen: Vec<String> =
        deciders(&app).await.into_iter().filter(|(_, by)| by.contains(&b)).map(|(id, _)| id).collect();
    assert!((8..32).contains(&chosen.len()), "{}", chosen.len());
    let writing = Arc::new(AtomicBool::new(true));
    let writer = tokio::spawn({
        let (writing, acme, chosen) = (writing.clone(), acme.clone(), chosen.clone());
        async move {
            let mut number = 0;
            while writing.load(Ordering::Relaxed) {
                let id = &chosen[number % chosen.len()];
                acme.operations(&format!("/Users/{id}"), title(&format!("t{number}"))).await.expect(200);
                number += 1;
            }
            number
        }
    });

    let at = path("acme", &begun);
    let active = app.admin_post(&format!("{at}/activate"), json!({ "anyway": true })).await.expect(200);
    writing.store(false, Ordering::Relaxed);
    let written = writer.await.unwrap();

    assert!(written > 5, "it was written meanwhile: {written}");
    assert_eq!(active["activated_revision"], 2);
    let canary = step(&active, "canary");
    assert_eq!((&canary["state"], &canary["says"]), (&json!("done"), &json!("it was ended by the activation")));
    let deciders = deciders(&app).await;
    for id in &chosen {
        assert_eq!(deciders[id], BTreeSet::from([b.clone()]), "the candidate has decided for {id} all the time");
    }
    let other = ids.iter().find(|id| !chosen.contains(id)).unwrap();
    assert_eq!(deciders[other], BTreeSet::from([a]));
    acme.operations(&format!("/Users/{other}"), title("later")).await.expect(200);
    assert_eq!(app.account("acme", other).await["state"], "b");
}

#[tokio::test]
async fn a_canary_over_its_budget_gives_way_by_itself_and_says_whom_it_has_written() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let plugin = push(&app, "obeys").await;
    let config = json!({ "state": "a", "traps": "bad" });
    let new = json!({ "plugin": plugin, "config": config, "canary": { "percent": 50, "for_s": 600 } });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    tried(&app, "acme", &begun, "canary").await;
    let mut chosen = Vec::new();
    for number in 0..20 {
        let id = person(&acme, &format!("p{number}"), json!({})).await;
        if app.account("acme", &id).await["state"] == "a" {
            chosen.push(id);
        }
    }
    assert!(!chosen.is_empty());

    let bad = |number: usize| json!({ "schemas": [USER], "userName": format!("bad{number}"), "displayName": "bad" });
    let (mut number, mut refused) = (0, 0);
    let ended = loop {
        number += 1;
        let answer = acme.post("/Users", bad(number)).await;
        assert!([201, 503].contains(&answer.status), "{answer:?}");
        refused += u32::from(answer.status == 503);
        let now = app.admin_get(&path("acme", &begun)).await.expect(200);
        if now["state"] != "running" {
            break now;
        }
    };

    assert_eq!((&ended["state"], &step(&ended, "canary")["state"]), (&json!("failed"), &json!("failed")));
    let (says, found) = (ended["says"].as_str().unwrap(), &step(&ended, "canary")["findings"]);
    assert!(
        says.starts_with("the candidate decides for nobody any more: ") && says.contains(" calls failed"),
        "{says}"
    );
    let again = "written by it; they are mapped again by muster rollout start acme --until remap";
    assert!(says.ends_with(again) && says.contains(&format!("; {} user", chosen.len())), "{says}");
    assert_eq!(found["written"]["resources"], chosen.len());
    assert!(refused > 0 && found["failed"].as_u64() >= Some(2), "{refused}: {found}");
    for more in 0..20 {
        acme.post("/Users", bad(1_000 + more)).await.expect(201);
    }
    let health = app.admin_get("/tenants/acme/plugin/health").await;
    let remapped = super::start(&app, "acme", json!({ "until": "remap" })).await;
    let remap = &step(&remapped, "remap")["findings"];
    assert_eq!(remap["changed"], chosen.len(), "{remap} {health:?}");
}

/// A canary of a candidate that is to be activated by itself, over when so many of its few calls have failed; how it has ended.
async fn ended_with_failures(app: &TestApp, failures: usize) -> Value {
    let acme = obeying(app, "acme").await;
    let config = json!({ "state": "a", "traps": "bad" });
    let new = json!({ "config": config, "canary": { "percent": 50, "for_s": 600 }, "until": "activate" });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    tried(app, "acme", &begun, "canary").await;
    let (mut number, mut failed) = (0, 0);
    while failed < failures {
        number += 1;
        let bad = json!({ "schemas": [USER], "userName": format!("bad{number}"), "displayName": "bad" });
        failed += usize::from(acme.post("/Users", bad).await.status == 503);
    }
    app.advance(TIME);
    settled(app, "acme", &begun).await
}

#[tokio::test]
async fn a_canary_whose_few_calls_all_failed_has_not_passed() {
    let app = TestApp::start().await;

    let ended = ended_with_failures(&app, 3).await;

    let says = trapped("the candidate decides for nobody any more: 3 of 3 calls failed (100 %), and 5 % may", 3);
    assert!(ended["state"] == "failed" && ended["says"].as_str().unwrap().starts_with(&says), "{ended}");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["revision"], 1);
}

#[tokio::test]
async fn a_canary_that_was_not_judged_does_not_go_on_by_itself() {
    let app = TestApp::start().await;

    let waits = ended_with_failures(&app, 1).await;

    let judged = "not judged by one call, which failed";
    assert_eq!((&waits["state"], &step(&waits, "canary")["says"]), (&json!("waiting"), &json!(judged)));
    assert_eq!(waits["says"], format!("it waits to be activated, because the canary was {judged}"));
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["revision"], 1);
    app.admin_post(&format!("{}/activate", path("acme", &waits)), json!({})).await.expect(409);
    app.admin_post(&format!("{}/activate", path("acme", &waits)), json!({ "anyway": true })).await.expect(200);
}

#[tokio::test]
async fn a_canary_goes_on_after_a_restart_with_the_same_users_from_the_first_request_on() {
    let app = TestApp::start().await;
    let (acme, begun, [_, b]) = canary(&app, 50).await;
    let ids = users(&acme, 0..60).await;
    app.advance(TIME / 2);

    let app = app.restart().await;
    let acme = app.client("/t/acme/scim/v2", &acme.token);
    for id in &ids {
        acme.operations(&format!("/Users/{id}"), title("later")).await.expect(200);
    }
    let met = tried(&app, "acme", &begun, "canary").await;
    app.advance(TIME / 2);
    let done = settled(&app, "acme", &begun).await;

    let deciders = deciders(&app).await;
    assert!(deciders.values().all(|by| by.len() == 1), "{deciders:?}");
    let by_b = deciders.values().filter(|by| by.contains(&b)).count();
    assert!((15..45).contains(&by_b), "{by_b}");
    assert_eq!(met["state"], "running");
    assert_eq!((&done["state"], &step(&done, "canary")["state"]), (&json!("waiting"), &json!("done")));
    assert_eq!(step(&done, "canary")["findings"]["written"]["resources"], by_b);
    // Nobody has activated it: all are decided by the one that is bound.
    for id in &ids {
        acme.operations(&format!("/Users/{id}"), title("last")).await.expect(200);
        assert_eq!(app.account("acme", id).await["state"], "a");
    }
}

#[tokio::test]
async fn me_and_an_undo_are_decided_as_their_user_is() {
    let app = TestApp::start().await;
    let (acme, begun, [a, b]) = canary(&app, 50).await;
    let ids = users(&acme, 0..20).await;
    for id in &ids {
        let issued = app.admin_post("/tenants/acme/tokens", json!({ "user": id, "write": true })).await.expect(201);
        let me = acme.with_token(issued["token"].as_str().unwrap());
        me.operations("/Me", title("mine")).await.expect(200);
    }
    let changes = app.log("acme").await;
    for change in changes.iter().filter(|change| change["event"] == "updated") {
        app.admin_post("/tenants/acme/undo", json!({ "change": change["seq"] })).await.expect(200);
    }

    assert_eq!(app.log("acme").await.len(), 60, "created, changed, taken back");
    let deciders = deciders(&app).await;
    assert!(deciders.values().all(|by| by.len() == 1), "{deciders:?}");
    let [by_a, by_b] = [a, b].map(|plugin| deciders.values().filter(|by| by.contains(&plugin)).count());
    assert!(by_a > 0 && by_b > 0 && by_a + by_b == 20, "{by_a} {by_b}");
    cancel(&app, &begun).await;
}

#[tokio::test]
async fn groups_are_decided_by_the_one_that_is_bound() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let config = json!({ "state": "a" });
    let new = json!({ "config": config, "canary": { "percent": 50, "for_s": 600 } });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    tried(&app, "acme", &begun, "canary").await;

    for number in 0..20 {
        let id = acme.group(&format!("Group {number}"), &[]).await;
        assert_eq!(app.account("acme", &id).await["state"], "active");
    }
    let cancelled = cancel(&app, &begun).await;
    assert_eq!(step(&cancelled, "canary")["findings"]["calls"], 0);
}

#[tokio::test]
async fn a_canary_does_not_begin_over_what_speaks_against_it_until_somebody_says_so() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    person(&acme, "bob", json!({})).await;
    let config = json!({ "state": "a", "rejects": "bob" });
    let new = json!({ "config": config, "canary": { "percent": 50, "for_s": 600 }, "until": "activate" });

    let waits = super::start(&app, "acme", new).await;
    let says = "it waits before the canary, because 1 of 1 would be rejected";
    assert_eq!((&waits["state"], &waits["says"]), (&json!("waiting"), &json!(says)));
    app.admin_post(&format!("{}/continue", path("acme", &waits)), json!({})).await.expect(202);
    tried(&app, "acme", &waits, "canary").await;
    app.advance(TIME);
    let tried = settled(&app, "acme", &waits).await;
    assert_eq!(
        (&tried["state"], &step(&tried, "canary")["says"]),
        (&json!("waiting"), &json!("not judged: nobody called it"))
    );

    let id = waits["id"].as_str().unwrap();
    let refused = app.admin_post(&format!("{}/continue", path("acme", &waits)), json!({})).await.expect(409);
    assert_eq!(refused["detail"], format!("rollout {id} is waiting, and waits for no trial"));
    let other =
        super::start(&app, "acme", json!({ "config": { "rejects": "bob" }, "canary": { "percent": 1, "for_s": 1 } }))
            .await;
    let active =
        app.admin_post(&format!("{}/activate", path("acme", &other)), json!({ "anyway": true })).await.expect(200);
    let skipped = step(&active, "canary");
    let says = json!("the candidate was activated without it");
    assert_eq!((&skipped["state"], &skipped["says"]), (&json!("skipped"), &says));
}

#[tokio::test]
async fn another_binding_ends_a_canary() {
    let app = TestApp::start().await;
    let (acme, begun, [_, b]) = canary(&app, 50).await;
    app.admin_put("/tenants/acme/scim", json!({ "profile": "okta-oin" })).await.expect(200);
    users(&acme, 0..10).await;
    let ended = settled(&app, "acme", &begun).await;
    let says = ended["says"].as_str().unwrap();
    assert!(ended["state"] == "replaced" && says.starts_with("the binding has changed since rollout"), "{ended}");
    assert!(deciders(&app).await.values().all(|by| !by.contains(&b)), "nobody is decided by the candidate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_through_all_its_trials_under_load_and_no_request_fails() {
    let app = Arc::new(TestApp::start().await);
    let acme = obeying(&app, "acme").await;
    let writing = Arc::new(AtomicBool::new(true));
    let created = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (writing, created, acme) = (writing.clone(), created.clone(), acme.clone());
            tokio::spawn(async move {
                let mut beat = tokio::time::interval(WRITE_EVERY);
                while writing.load(Ordering::Relaxed) {
                    beat.tick().await;
                    let number = created.fetch_add(1, Ordering::Relaxed);
                    let id = person(&acme, &format!("p{writer}-{number}"), json!({ "title": "Dr" })).await;
                    acme.operations(&format!("/Users/{id}"), title("Lady")).await.expect(200);
                }
            })
        })
        .collect();
    while created.load(Ordering::Relaxed) < 20 {
        tokio::time::sleep(WRITE_EVERY).await;
    }
    let new = json!({
        "config": { "state": "a" }, "replay_s": 3_600, "shadow": { "for_s": 600, "writes": 40 },
        "canary": { "percent": 20, "for_s": 600 }, "until": "activate", "watch": { "seconds": 0 },
    });

    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    loop {
        let now = app.admin_get(&path("acme", &begun)).await.expect(200);
        assert_eq!(now["state"], "running", "{now}");
        if step(&now, "canary")["findings"]["calls"].as_u64() >= Some(20) {
            break;
        }
        tokio::time::sleep(WRITE_EVERY).await;
    }
    app.advance(TIME);
    let active = settled(&app, "acme", &begun).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    writing.store(false, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("no request fails");
    }
    let sent = created.load(Ordering::Relaxed);

    let done: Vec<&str> = states(&active)[3..8].iter().map(|(_, state)| *state).collect();
    assert_eq!(done, ["done"; 5], "{active}");
    assert_eq!(active["state"], "active");
    let [replayed, seen] = ["replay", "shadow"].map(|name| counts(&step(&active, name)["findings"]));
    assert!(replayed[0] > 0 && replayed[0] == replayed[1] && replayed[4] == 0, "{replayed:?}");
    assert_eq!(seen, [40, 40, 0, 0, 0]);
    let tried = &step(&active, "canary")["findings"];
    println!("replayed {}, compared 40, canary calls {}, users created {sent}, failed 0", replayed[0], tried["calls"]);
    assert_eq!(tried["failed"], 0);
}

#[tokio::test]
async fn what_a_canary_has_failed_at_before_a_restart_counts_after_it() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let budget = json!({ "failures": 3, "least_calls": 1_000 });
    let config = json!({ "state": "a", "traps": "bad" });
    let canary = json!({ "percent": 50, "for_s": TIME.as_secs() });
    let new = json!({ "config": config, "watch": budget, "canary": canary, "until": "activate" });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    tried(&app, "acme", &begun, "canary").await;
    fail(&acme, 0, 2).await;

    let app = app.restart().await;
    let acme = app.client("/t/acme/scim/v2", &acme.token);
    let meanwhile = tried(&app, "acme", &begun, "canary").await;
    fail(&acme, 1, 1).await;
    let failed = settled(&app, "acme", &begun).await;

    assert_eq!(step(&meanwhile, "canary")["findings"].get("seen"), None, "what the next process needs is not shown");
    let says = failed["says"].as_str().unwrap();
    assert!(says.starts_with("the candidate decides for nobody any more: 3 of "), "{says}");
    assert!(says.contains(" calls failed, and 3 are enough: 3 trapped; the first of them: "), "{says}");
    assert_eq!((&failed["state"], &step(&failed, "canary")["findings"]["failed"]), (&json!("failed"), &json!(3)));
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
    let counted = "muster_rollouts_over_budget_total{reason=\"failed\",went_back=\"true\"} 1";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
}

#[tokio::test]
async fn a_watch_after_a_restart_in_the_canary_compares_with_what_was_seen_before_it() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    users(&acme, 0..30).await;
    let canary = json!({ "percent": 50, "for_s": TIME.as_secs() });
    let new = json!({ "config": { "state": "a" }, "canary": canary, "until": "activate" });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    let seen = tried(&app, "acme", &begun, "canary").await;
    super::kept(&app, "acme", &begun, "canary", |found| found["before"]["calls"].as_u64() >= Some(30)).await;

    let app = app.restart().await;
    tried(&app, "acme", &begun, "canary").await;
    let active = app.admin_post(&format!("{}/activate", path("acme", &begun)), json!({ "anyway": true })).await;
    let watched = settled(&app, "acme", &active.expect(200)).await;

    assert_eq!((&seen["state"], &watched["state"]), (&json!("running"), &json!("watching")));
    let before = &step(&watched, "watch")["findings"]["before"];
    assert!(before["calls"].as_u64() >= Some(30) && before["median_us"].is_u64(), "{watched}");
}

/// Users whom the candidate has no answer for, until it was asked about so many of them.
async fn fail(acme: &TenantClient, round: usize, times: usize) {
    let (mut failed, mut number) = (0, 0);
    while failed < times {
        let user = json!({ "schemas": [USER], "userName": format!("bad{round}-{number}"), "displayName": "bad" });
        failed += usize::from(acme.post("/Users", user).await.status == 503);
        number += 1;
    }
}

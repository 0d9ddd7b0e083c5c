//! Clocks that are set: an hour and ten years, forth and back, while requests are served. Ids stay unique, lists complete, the log in
//! order; what is told of times is what the clock said.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use muster_service::{LEAP_PAUSE, Upkeep};
use muster_test_harness::{TenantClient, TestApp, USER};
use serde_json::{Value, json};

use crate::command::on;

const HOUR_MS: i64 = 3_600_000;
const YEARS_MS: i64 = 10 * 365 * 24 * HOUR_MS;
/// Where the clock is set to, one after the other.
const JUMPS: [i64; 8] = [HOUR_MS, 0, -HOUR_MS, YEARS_MS, 0, -YEARS_MS, -YEARS_MS + HOUR_MS, 0];
const WORKERS: usize = 4;
/// Requests of each worker between two jumps, at least.
const BETWEEN: u64 = 3;

#[derive(Debug, Default)]
struct Load {
    made: AtomicU64,
    stop: AtomicBool,
}

/// Creates a user, changes it, reads it, finds it; every answer is the expected one. The ids.
async fn work(acme: TenantClient, load: Arc<Load>, worker: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0.. {
        if load.stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("w{worker}-{number}@example.com");
        let body = json!({ "schemas": [USER], "userName": name, "title": "new" });
        let made = acme.post("/Users", body).await;
        let (etag, made) = (made.header("etag").to_owned(), made.expect(201));
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(made["meta"]["created"], made["meta"]["lastModified"]);
        let path = format!("/Users/{id}");
        let change = json!([{ "op": "replace", "path": "title", "value": "changed" }]);
        let changed = acme.operations(&path, change).await;
        let (next, changed) = (changed.header("etag").to_owned(), changed.expect(200));
        assert_ne!(next, etag, "whatever the clock says, what is different has another version");
        assert_eq!(changed["meta"]["created"], made["meta"]["created"]);
        let stale = acme.request(reqwest::Method::DELETE, &path).bearer_auth(&acme.token).header("if-match", &etag);
        acme.send(stale).await.expect(412);
        assert_eq!(acme.get(&path).await.expect(200)["meta"], changed["meta"]);
        let when = changed["meta"]["lastModified"].as_str().unwrap();
        let filter =
            format!("userName eq \"{name}\" and meta.lastModified ge \"{when}\" and meta.lastModified le \"{when}\"");
        assert_eq!(acme.ids("/Users", &filter).await, [id.clone()]);
        ids.push(id);
        load.made.fetch_add(1, Ordering::Relaxed);
    }
    ids
}

async fn all_by_cursor(acme: &TenantClient) -> Vec<Value> {
    let (mut users, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = acme.get(&format!("/Users?count=7&cursor={cursor}")).await.expect(200);
        users.extend(page["Resources"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return users,
        }
    }
}

fn ids(users: &[Value]) -> Vec<&str> {
    users.iter().map(|user| user["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_under_load_takes_nothing_away() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let load = Arc::new(Load::default());
    let workers: Vec<_> = (0..WORKERS).map(|worker| tokio::spawn(work(acme.clone(), load.clone(), worker))).collect();
    for to in JUMPS {
        app.set_clock(to);
        let enough = load.made.load(Ordering::Relaxed) + BETWEEN * WORKERS as u64;
        while load.made.load(Ordering::Relaxed) < enough && workers.iter().all(|worker| !worker.is_finished()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // A list that was begun before a jump of an hour goes on behind it.
        let seen = all_by_cursor(&acme).await;
        assert_eq!(ids(&seen).into_iter().collect::<BTreeSet<_>>().len(), seen.len(), "nobody twice");
    }
    load.stop.store(true, Ordering::Relaxed);
    let mut made = BTreeSet::new();
    for worker in workers {
        for id in worker.await.unwrap() {
            assert!(made.insert(id), "an id was given twice");
        }
    }

    let listed = all_by_cursor(&acme).await;
    assert_eq!(ids(&listed).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), made);
    let by_index = acme.get("/Users?count=1000").await.expect(200);
    assert_eq!(by_index["totalResults"], made.len());
    assert_eq!(ids(by_index["Resources"].as_array().unwrap()), ids(&listed), "both ways in the same order");

    // By time: each user once, on the side where its own time is.
    let times: Vec<&str> = listed.iter().map(|user| user["meta"]["lastModified"].as_str().unwrap()).collect();
    let (earliest, latest) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(earliest.starts_with("2016") && latest.starts_with("2036"), "{earliest} {latest}");
    for cut in ["2020-01-01T00:00:00Z", "2026-11-03T14:03:00Z", "2030-01-01T00:00:00Z", *earliest, *latest] {
        let later = acme.ids("/Users?count=1000", &format!("meta.lastModified gt \"{cut}\"")).await;
        let earlier = acme.ids("/Users?count=1000", &format!("meta.lastModified le \"{cut}\"")).await;
        assert_eq!(later.len() + earlier.len(), made.len(), "{cut}");
        let millis = |text: &str| text.trim_end_matches('Z').trim_end_matches(".000").to_owned();
        assert_eq!(later.len(), times.iter().filter(|time| millis(time) > millis(cut)).count(), "{cut}");
    }

    let log = app.log("acme").await;
    for (seq, entry) in (1_u64..).zip(&log) {
        assert_eq!(entry["seq"], seq);
    }
    assert_eq!(log.len(), 2 * made.len());
    let verified = app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    let head = json!({ "seq": verified["seq"], "hash": verified["hash"] });
    let verified = app.admin_post("/tenants/acme/log/verify", json!({ "head": head })).await.expect(200);
    assert_eq!((&verified["ok"], &verified["unsealed"]), (&json!(true), &json!(0)));
    println!("jumps {}, users {}, log entries {}, lost 0, twice 0", JUMPS.len(), made.len(), log.len());
}

#[tokio::test]
async fn a_token_and_a_cursor_are_what_the_clock_says_and_no_longer() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    for n in 0..5 {
        acme.person(&format!("user{n}@example.com")).await;
    }
    let expires_in_s = 2 * 24 * 3600;
    let issued =
        app.admin_post("/tenants/acme/tokens", json!({ "label": "for two days", "expires_in_s": expires_in_s })).await;
    let limited = acme.with_token(issued.expect(201)["token"].as_str().unwrap());
    let cursor = limited.get("/Users?count=2&cursor").await.expect(200)["nextCursor"].as_str().unwrap().to_owned();
    let next = format!("/Users?count=2&cursor={cursor}");

    for (to, status, cursor_status) in [
        (HOUR_MS, 200, 200),
        (24 * HOUR_MS, 200, 400),
        (YEARS_MS, 401, 401),
        (0, 200, 200),
        (-HOUR_MS, 200, 200),
        (-YEARS_MS, 200, 200),
        (0, 200, 200),
    ] {
        app.set_clock(to);
        assert_eq!(limited.get("/Users").await.status, status, "at {to}");
        assert_eq!(limited.get(&next).await.status, cursor_status, "at {to}");
        assert_eq!(acme.get("/Users").await.status, 200, "a token without an end has none, at {to}");
    }
}

#[tokio::test]
async fn what_is_kept_for_thirty_days_outlives_a_clock_that_was_set_back() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 30, "requests_days": 7, "requests_mib": 16 }))
        .await
        .expect(200);
    for (n, to) in [0, -YEARS_MS, -HOUR_MS, HOUR_MS, 0].into_iter().enumerate() {
        app.set_clock(to);
        acme.person(&format!("user{n}@example.com")).await;
    }
    app.set_clock(24 * HOUR_MS);
    acme.person("late@example.com").await;
    app.set_clock(25 * HOUR_MS);

    // The upkeep goes on: within a few rounds all is sealed.
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let verified = app.admin_post("/tenants/acme/log/verify", json!({})).await.expect(200);
        assert_eq!(verified["ok"], true);
        if verified["unsealed"] == 0 {
            break;
        }
        assert!(Instant::now() < until, "nothing is sealed: {verified}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let log = app.log("acme").await;
    assert_eq!(log.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let years: Vec<&str> = log.iter().map(|entry| &entry["at"].as_str().unwrap()[..4]).collect();
    assert_eq!(years, ["2026", "2016", "2026", "2026", "2026", "2026"], "times as they were");
}

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A tenant that keeps its log and its requests for a day, with three users in a sealed log, and the time kept for the next start.
async fn kept_for_a_day() -> TestApp {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 1, "requests_days": 1 })).await.expect(200);
    for n in 0..3 {
        acme.person(&format!("user{n}@example.com")).await;
    }
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    app.service.keep_logs_once(&mut Upkeep::default()).await;
    assert_eq!(kept(&app).await, (3, 3));
    app
}

/// How many entries of the log, and how many requests there are.
async fn kept(app: &TestApp) -> (usize, usize) {
    let requests = app.admin_get("/tenants/acme/requests").await.expect(200);
    (app.log("acme").await.len(), requests["requests"].as_array().unwrap().len())
}

fn request_files(app: &TestApp) -> usize {
    std::fs::read_dir(app.data().join("requests/acme")).unwrap().count()
}

#[tokio::test]
async fn a_start_with_a_clock_far_ahead_removes_nothing_before_its_pause_is_over() {
    let mut app = kept_for_a_day().await;
    app.stop().await;
    app.set_clock(YEARS_MS);
    let app = app.restart().await;
    let mut upkeep = Upkeep::default();

    app.service.keep_logs_once(&mut upkeep).await;
    let at_first = kept(&app).await;
    // It does not begin anew with the next start.
    app.advance(LEAP_PAUSE / 2);
    app.service.keep_logs_once(&mut upkeep).await;
    let app = app.restart().await;
    app.advance(LEAP_PAUSE / 2 - Duration::from_secs(60));
    app.service.keep_logs_once(&mut upkeep).await;
    let until_then = (kept(&app).await, request_files(&app));
    app.advance(Duration::from_secs(60));
    app.service.keep_logs_once(&mut upkeep).await;

    assert_eq!((at_first, until_then), ((3, 3), ((3, 3), 1)));
    assert_eq!(kept(&app).await, (0, 0), "nobody has set it right for a day");
    let until = Instant::now() + Duration::from_secs(20);
    while request_files(&app) > 0 {
        assert!(Instant::now() < until, "the file of the requests is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_an_operator_sets_while_the_clock_is_not_believed_waits_and_says_so() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    for n in 0..3 {
        acme.person(&format!("user{n}@example.com")).await;
    }
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    app.set_clock(YEARS_MS);

    let set = json!({ "log_days": 1, "requests_days": 1 });
    let set = app.admin_put("/tenants/acme/retention", set).await.expect(200);
    let shown = on(&app, &["tenant", "retention", "acme"]).await.text();
    let while_paused = kept(&app).await;
    app.advance(LEAP_PAUSE);
    let later = app.admin_put("/tenants/acme/retention", json!({})).await.expect(200);

    let says = "the clock has leapt ahead: nothing is removed because of its age for another 24 h 00 min, \
                or until the clock was set right and the server started again";
    assert_eq!(
        (&set["log_days"], &set["log"], &set["paused"]),
        (&json!(1), &json!({ "first": 1, "last": 3, "removed": 0 }), &json!(says))
    );
    assert!(shown.ends_with(&format!("\npaused     {says}\n")), "{shown}");
    assert_eq!(while_paused, (3, 3));
    assert_eq!(
        (&later["log"], &later["paused"]),
        (&json!({ "first": 4, "last": 3, "removed": 3 }), &Value::Null),
        "now it is done"
    );
    assert_eq!(kept(&app).await, (0, 0));
}

#[tokio::test]
async fn a_start_after_half_a_day_off_and_one_after_the_clock_was_set_right_remove_what_is_old() {
    let mut app = kept_for_a_day().await;
    app.advance(A_DAY / 2);
    app.service.keep_logs_once(&mut Upkeep::default()).await;
    app.stop().await;
    app.advance(A_DAY / 2 + Duration::from_secs(1));
    let mut app = app.restart().await;
    app.service.keep_logs_once(&mut Upkeep::default()).await;
    assert_eq!(kept(&app).await, (0, 0));

    // A leap, told to the store, and then put right while the server was off.
    app.set_clock(YEARS_MS);
    app.service.keep_logs_once(&mut Upkeep::default()).await;
    let doubted = app.admin_get("/tenants/acme/retention").await.expect(200);
    app.stop().await;
    app.set_clock(2 * 24 * HOUR_MS);
    let app = app.restart().await;
    let right = app.admin_get("/tenants/acme/retention").await.expect(200);
    assert!(doubted["paused"].is_string() && right["paused"].is_null(), "{doubted} {right}");
}

#[tokio::test]
async fn what_was_written_while_the_clock_was_ahead_can_be_moved_after_its_entries_are_gone() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 1 })).await.expect(200);
    app.set_clock(HOUR_MS / 2);
    acme.person("ada@example.com").await;
    app.set_clock(0);
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    app.advance(A_DAY + Duration::from_secs(45 * 60));
    app.service.keep_logs_once(&mut Upkeep::default()).await;
    assert!(app.log("acme").await.is_empty());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.muster");
    let exported = on(&app, &["export", "--to", file.to_str().unwrap(), "--tenant", "acme"]).await;
    assert_eq!(exported.code, 0, "{exported:?}");
    let checked = on(&app, &["import", file.to_str().unwrap(), "--check"]).await;
    assert_eq!(checked.code, 0, "{checked:?}");
}

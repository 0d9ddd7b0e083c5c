//! How much of it.

use muster_model::TenantId;
use muster_service::{MAX_ASYNC_BODY_BYTES, MAX_ASYNC_KEPT_BYTES, MAX_ASYNC_WAITING, MAX_TASKS_LOOKED_AT};
use muster_store::Store as _;
use muster_store_sled::{Options, SledStore};
use muster_test_harness::{TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{BULK, Taken, builder, later, person, sent, switch_on, until};

/// How many there is room for when many ask at once, and how many ask at once before: one that is being accepted can count twice for a moment,
/// as waiting and as on its way.
const LAST: u64 = 8;

#[tokio::test]
async fn so_many_requests_wait_and_one_more_is_to_come_again() {
    let app = builder().start().await;
    let (acme, globex) = (app.tenant("acme").await, app.create_tenant("globex", "standard", json!({})).await);
    for tenant in ["acme", "globex"] {
        switch_on(&app, tenant).await;
    }
    let mut sending = JoinSet::new();
    for number in 0..MAX_ASYNC_WAITING - LAST {
        let acme = acme.clone();
        sending.spawn(async move {
            later(&acme, Method::POST, "/Users", person(&format!("user{number}@example.com"))).await.expect(202);
        });
        if sending.len() as u64 >= LAST {
            sending.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
    // However many ask at once, no more are accepted than there is room for.
    let mut asking = JoinSet::new();
    for number in 0..4 * LAST {
        let acme = acme.clone();
        asking.spawn(async move {
            later(&acme, Method::POST, "/Users", person(&format!("last{number}@example.com"))).await.status
        });
    }
    let statuses = asking.join_all().await;
    let mut accepted = u64::try_from(statuses.iter().filter(|status| **status == 202).count()).unwrap();
    assert!(accepted <= LAST && statuses.iter().all(|status| [202, 503].contains(status)), "{statuses:?}");
    while accepted < LAST {
        accepted += 1;
        later(&acme, Method::POST, "/Users", person(&format!("then{accepted}@example.com"))).await.expect(202);
    }

    let over = later(&acme, Method::POST, "/Users", person("over@example.com")).await;
    assert_eq!((over.status, over.header("retry-after")), (503, "5"), "{}", over.text);
    Taken::of(&globex, &later(&globex, Method::POST, "/Users", person("other@example.com")).await);
    let counts = app.admin_get("/tenants/acme/tasks/counts").await.expect(200);
    assert_eq!(counts["queues"]["async"]["waiting"], 2 * MAX_ASYNC_WAITING);

    // Among so many, those of another queue are looked for in parts.
    let none = app.admin_get("/tenants/acme/tasks?queue=plugin").await.expect(200);
    assert_eq!(none, json!({ "tasks": [], "next": MAX_TASKS_LOOKED_AT }));
    let decided =
        app.admin_post("/tenants/acme/tasks/cancel", json!({ "standing": "waiting", "queue": "plugin" })).await;
    let none = json!({ "decided": 0, "refused": 0, "refusals": [], "next": MAX_TASKS_LOOKED_AT });
    assert_eq!(decided.expect(200), none);
    let none = app.admin_get(&format!("/tenants/acme/tasks?queue=plugin&after={MAX_TASKS_LOOKED_AT}")).await;
    assert_eq!(none.expect(200), json!({ "tasks": [], "next": null }));
}

#[tokio::test]
async fn all_bulk_requests_that_can_wait_are_of_one_lane_and_each_is_found_in_it() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;
    let bulk = |number: u64| {
        let data = person(&format!("user{number}@example.com"));
        json!({ "schemas": [BULK], "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "a", "data": data }] })
    };
    for number in 0..MAX_ASYNC_WAITING {
        Taken::of(&acme, &later(&acme, Method::POST, "/Bulk", bulk(number)).await);
    }
    later(&acme, Method::POST, "/Bulk", bulk(MAX_ASYNC_WAITING)).await.expect(503);
}

#[tokio::test]
async fn so_many_bytes_wait_and_what_is_over_is_to_come_again_and_leaves_nothing_behind() {
    let mut builder = builder();
    builder.config.limits.body_bytes = 2 * MAX_ASYNC_BODY_BYTES;
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;
    let large = |number: usize| {
        let filler = "x".repeat(MAX_ASYNC_BODY_BYTES - 1024);
        json!({ "schemas": [USER], "userName": format!("user{number}@example.com"), "urn:filler": filler })
    };
    let mut taken = Vec::new();
    let over = loop {
        let answer = later(&acme, Method::POST, "/Users", large(taken.len())).await;
        if answer.status != 202 {
            break answer;
        }
        taken.push(Taken::of(&acme, &answer));
        let sent = u64::try_from(taken.len() * MAX_ASYNC_BODY_BYTES).unwrap();
        assert!(sent <= MAX_ASYNC_KEPT_BYTES, "{} were accepted", taken.len());
    };
    assert_eq!((over.status, over.header("retry-after")), (503, "5"), "{}", over.text);

    let app = app.restart_with(|config| config.delivery.concurrency = 256).await;
    let acme = app.client("/scim/v2", &acme.token);
    for taken in &taken {
        assert_eq!(taken.came_to(&acme).await["status"], "201");
    }
    assert_eq!(sent(&acme, Method::POST, "/Users", large(taken.len())).await["status"], "201", "there is room again");
    let users = acme.get("/Users?count=0").await.expect(200)["totalResults"].as_u64().unwrap();
    assert_eq!(users, u64::try_from(taken.len()).unwrap() + 1, "what was refused was not done");
}

#[tokio::test]
async fn the_longest_body_is_accepted_and_a_longer_one_is_carried_out_at_once() {
    let mut builder = builder();
    (builder.config.delivery.concurrency, builder.config.limits.body_bytes) = (256, 2 * MAX_ASYNC_BODY_BYTES);
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;
    let of = |bytes: usize| {
        let with = |filler: usize| json!({ "schemas": [USER], "userName": format!("u{bytes}@example.com"), "urn:filler": "x".repeat(filler) });
        let body = with(bytes - with(0).to_string().len());
        assert_eq!(body.to_string().len(), bytes);
        body
    };

    let longest = sent(&acme, Method::POST, "/Users", of(MAX_ASYNC_BODY_BYTES)).await;
    assert_eq!(longest["status"], "201", "{longest}");
    let longer = later(&acme, Method::POST, "/Users", of(MAX_ASYNC_BODY_BYTES + 1)).await;
    assert_eq!((longer.status, longer.header("preference-applied")), (201, ""));
}

#[tokio::test]
async fn a_password_that_waits_is_in_no_file_and_no_task_and_its_body_is_gone_when_it_is_answered() {
    const PASSWORD: &str = "k3Vqz8Rt-that-waits";
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;
    let ada = json!({ "schemas": [USER], "userName": "ada.waits@example.com", "password": PASSWORD });
    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Users", ada).await);
    let tasks = Value::Array(app.tasks("acme").await).to_string();
    assert!(tasks.contains(&taken.txn) && !tasks.contains(PASSWORD) && !tasks.contains("ada.waits"), "{tasks}");

    let mut app = app.restart().await;
    app.stop().await;
    let holds = |what: &str| super::command::files(&app.data().join("store")).iter().any(|bytes| contains(bytes, what));
    assert!(holds("acme") && !holds(PASSWORD) && !holds("ada.waits"), "what waits is sealed");
    assert_ne!(bytes_kept(&app).await, 0);

    let mut app = app.restart_with(|config| config.delivery.concurrency = 256).await;
    let acme = app.client("/scim/v2", &acme.token);
    assert_eq!(taken.came_to(&acme).await["status"], "201");
    until(&app, 2, |task| task["standing"] == "done").await;
    app.stop().await;
    assert_eq!(bytes_kept(&app).await, 0, "its body is gone");
}

/// How much is kept of requests that wait, on a server that was stopped.
async fn bytes_kept(app: &TestApp) -> u64 {
    let store = SledStore::open(&app.data().join("store"), Options::default()).unwrap();
    let bytes = store.plugin_state(&TenantId::parse("acme").unwrap(), "async requests").bytes().await.unwrap();
    store.close().await;
    bytes
}

fn contains(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|window| window == what.as_bytes())
}

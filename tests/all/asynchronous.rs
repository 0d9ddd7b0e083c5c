//! `Prefer: respond-async` (RFC 9967 §2.5.1): a write is answered at once, carried out afterwards as ever, once, and what came of it is told.

mod bounds;
mod command;
mod kill;
mod ordinary;
mod telling;

use std::time::Duration;

use muster_test_harness::{Answer, PATCH_OP, TenantClient, TestApp, TestAppBuilder, USER};
use reqwest::Method;
use serde_json::{Value, json};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A server whose receivers are there, and never answer.
fn builder() -> TestAppBuilder {
    let mut builder = TestApp::builder();
    builder.config.delivery.hosts.insert("told.example".to_owned(), "127.0.0.1:9".to_owned());
    builder
}

/// From now on somebody is told what comes of such requests, so they are accepted.
async fn switch_on(app: &TestApp, tenant: &str) {
    let new = json!({ "name": "told", "url": "https://told.example/hooks", "events": ["async.response"] });
    app.admin_post(&format!("/tenants/{tenant}/webhooks"), new).await.expect(201);
}

/// A request whose client does not wait for what comes of it.
async fn later(tenant: &TenantClient, method: Method, path: &str, body: Value) -> Answer {
    later_with(tenant, method, path, body, &[]).await
}

async fn later_with(
    tenant: &TenantClient,
    method: Method,
    path: &str,
    body: Value,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = tenant.request(method, path).bearer_auth(&tenant.token).header("prefer", "respond-async");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_null() {
        request = request.header("content-type", "application/scim+json").body(body.to_string());
    }
    tenant.send(request).await
}

fn person(name: &str) -> Value {
    json!({ "schemas": [USER], "userName": name })
}

fn titled(title: &str) -> Value {
    json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "path": "title", "value": title }] })
}

/// An accepted request: where it is told how it stands, and what it is known by.
struct Taken {
    path: String,
    txn: String,
}

impl Taken {
    #[track_caller]
    fn of(tenant: &TenantClient, answer: &Answer) -> Self {
        assert_eq!((answer.status, answer.text.as_str()), (202, ""), "{answer:?}");
        assert_eq!(answer.header("preference-applied"), "respond-async");
        let path = answer.header("location").strip_prefix(&tenant.base).expect("it is the tenant's").to_owned();
        let txn = answer.header("set-txn").to_owned();
        assert!(path.ends_with(&txn), "{path}");
        Self { path, txn }
    }

    /// What came of it.
    async fn came(&self, tenant: &TenantClient) -> Vec<Value> {
        let answered = async {
            loop {
                let answer = tenant.get(&self.path).await;
                if answer.status == 200 {
                    return answer.body["Operations"].as_array().unwrap().clone();
                }
                assert_eq!((answer.status, answer.text.as_str()), (202, ""), "{answer:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.expect("it is answered")
    }

    /// The one operation that it was.
    async fn came_to(&self, tenant: &TenantClient) -> Value {
        let [came] = self.came(tenant).await.try_into().expect("it is one");
        came
    }
}

/// Sends one and waits for what comes of it.
async fn sent(tenant: &TenantClient, method: Method, path: &str, body: Value) -> Value {
    let answer = later(tenant, method, path, body).await;
    Taken::of(tenant, &answer).came_to(tenant).await
}

/// What the receiver `told` is told of requests that were answered, once there are so many.
async fn told(app: &TestApp, tenant: &str, count: usize) -> Vec<Value> {
    let all = async {
        loop {
            let path = format!("/tenants/{tenant}/tasks?queue=webhook:told&limit=1000");
            let page = app.admin_get(&path).await.expect(200);
            let tasks = page["tasks"].as_array().unwrap().clone();
            if tasks.len() >= count {
                return tasks;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let tasks = tokio::time::timeout(PATIENCE, all).await.expect("they are announced");
    assert_eq!(tasks.len(), count, "{tasks:?}");
    tasks.iter().map(said).collect()
}

/// Waits until a task is so.
async fn until(app: &TestApp, seq: u64, is_so: impl Fn(&Value) -> bool) {
    let so = async {
        while !is_so(&app.admin_get(&format!("/tenants/acme/tasks/{seq}")).await.expect(200)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, so).await.expect("it comes to this");
}

/// The arguments of a task.
fn said(task: &Value) -> Value {
    let fields = task["arguments"].as_array().unwrap().iter();
    let field = |field: &Value| {
        let (kind, value) = field["value"].as_object().unwrap().iter().next().unwrap();
        let value = if kind == "json" { serde_json::from_str(value.as_str().unwrap()).unwrap() } else { value.clone() };
        (field["name"].as_str().unwrap().to_owned(), value)
    };
    let mut said: serde_json::Map<String, Value> = fields.map(field).collect();
    said.insert("event".to_owned(), task["action"].clone());
    Value::Object(said)
}

#[tokio::test]
async fn a_request_is_answered_at_once_and_carried_out_after_a_restart_and_told_to_who_asked_for_it() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;

    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Users", person("ada@example.com")).await);
    let waits = acme.get(&taken.path).await;
    assert_eq!((waits.status, waits.header("set-txn"), waits.header("retry-after")), (202, taken.txn.as_str(), "1"));
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
    assert_eq!(app.log("acme").await, Vec::<Value>::new());

    let app = app.restart_with(|config| config.delivery.concurrency = 256).await;
    let acme = app.client("/scim/v2", &acme.token);
    let came = taken.came_to(&acme).await;
    let url = came["location"].as_str().unwrap().to_owned();
    let id = url.rsplit('/').next().unwrap();
    assert_eq!(came, json!({ "method": "POST", "location": url, "version": "W/\"1\"", "status": "201" }));
    let ada = acme.get(url.strip_prefix(&acme.base).unwrap()).await.expect(200);
    assert_eq!((&ada["userName"], &ada["id"]), (&json!("ada@example.com"), &json!(id)));

    let log = app.log("acme").await;
    assert_eq!((log.len(), &log[0]["request"], &log[0]["id"]), (1, &json!(taken.txn), &json!(id)));
    assert!(log[0]["actor"]["token"].is_string(), "{}", log[0]);
    let expected = json!({
        "event": "async.response", "txn": taken.txn, "method": "POST", "uri": format!("/Users/{id}"),
        "version": "W/\"1\"", "status": "201",
    });
    assert_eq!(told(&app, "acme", 1).await, [expected]);
    let kept = app.admin_get(&format!("/tenants/acme/requests/{}", taken.txn)).await.expect(200);
    assert_eq!((&kept["method"], &kept["status"], &kept["changes"]), (&json!("POST"), &json!(201), &json!([1])));
    assert!(kept["sent"]["body"]["json"].is_object(), "{kept}");
}

#[tokio::test]
async fn each_verb_comes_to_what_it_would_have_come_to() {
    let mut builder = builder();
    builder.config.delivery.concurrency = 256;
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;

    let made = sent(&acme, Method::POST, "/Users", person("ada@example.com")).await;
    let url = made["location"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&acme.base).unwrap();
    let put = json!({ "schemas": [USER], "userName": "ada@example.com", "title": "Countess" });
    assert_eq!(
        sent(&acme, Method::PUT, path, put).await,
        json!({ "method": "PUT", "location": url, "version": "W/\"2\"", "status": "200" })
    );
    assert_eq!(acme.get(path).await.expect(200)["title"], "Countess");
    assert_eq!(
        sent(&acme, Method::PATCH, path, titled("Analyst")).await,
        json!({ "method": "PATCH", "location": url, "version": "W/\"3\"", "status": "200" })
    );
    assert_eq!(acme.get(path).await.expect(200)["title"], "Analyst");
    assert_eq!(
        sent(&acme, Method::DELETE, path, Value::Null).await,
        json!({ "method": "DELETE", "location": url, "status": "204" })
    );
    acme.get(path).await.expect(404);
    let statuses: Vec<Value> = told(&app, "acme", 4).await.iter().map(|told| told["status"].clone()).collect();
    assert_eq!(statuses, [json!("201"), json!("200"), json!("200"), json!("204")]);
}

#[tokio::test]
async fn of_a_bulk_request_each_operation_is_told_with_its_place() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;
    let bulk = json!({ "schemas": [BULK], "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "ada", "data": person("ada@example.com") },
        { "method": "POST", "path": "/Users", "bulkId": "twin", "data": person("ADA@example.com") },
        { "method": "POST", "path": "/Groups", "bulkId": "team", "data": {
            "schemas": [muster_test_harness::GROUP], "displayName": "Team", "members": [{ "value": "bulkId:ada" }] } },
    ] });
    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Bulk", bulk).await);

    let app = app.restart_with(|config| config.delivery.concurrency = 256).await;
    let acme = app.client("/scim/v2", &acme.token);
    let came = taken.came(&acme).await;

    let statuses: Vec<&Value> = came.iter().map(|came| &came["status"]).collect();
    assert_eq!(statuses, ["201", "409", "201"]);
    assert_eq!((&came[1]["bulkId"], &came[1]["response"]["scimType"]), (&json!("twin"), &json!("uniqueness")));
    let told = told(&app, "acme", 3).await;
    let txns: Vec<&Value> = told.iter().map(|told| &told["txn"]).collect();
    assert_eq!(txns, [0, 1, 2].map(|place| json!(format!("{}:{place}", taken.txn))).iter().collect::<Vec<_>>());
    let team = came[2]["location"].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(acme.members(team).await.len(), 1);
    assert!(app.log("acme").await.iter().all(|entry| entry["request"] == taken.txn), "one request has done it all");
}

#[tokio::test]
async fn requests_about_one_user_keep_their_order() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.user("ada@example.com").await, acme.user("grace@example.com").await);
    switch_on(&app, "acme").await;
    let mut taken = Vec::new();
    for number in 0..20 {
        for id in [&ada, &grace] {
            let answer = later(&acme, Method::PATCH, &format!("/Users/{id}"), titled(&format!("title {number}"))).await;
            taken.push(Taken::of(&acme, &answer));
        }
    }

    let app = app.restart_with(|config| config.delivery.concurrency = 256).await;
    let acme = app.client("/scim/v2", &acme.token);
    for taken in &taken {
        assert_eq!(taken.came_to(&acme).await["status"], "200");
    }
    for id in [&ada, &grace] {
        let log = app.log("acme").await;
        let titles = log
            .iter()
            .filter(|entry| entry["id"] == **id)
            .filter_map(|entry| entry["after"]["document"]["title"].as_str().map(str::to_owned));
        let expected: Vec<String> = (0..20).map(|number| format!("title {number}")).collect();
        assert_eq!(titles.collect::<Vec<_>>(), expected);
    }
    let tasks = app.tasks("acme").await;
    let own: Vec<&Value> = tasks.iter().filter(|task| task["queue"] == "async").collect();
    assert_eq!(own.len(), 80);
    let is_held = |task: &&&Value| task["destructive"] == true || task["standing"] == "held";
    assert_eq!(own.iter().filter(is_held).count(), 0, "the brake has nothing to do with them");
}

//! Signed webhooks: each event once, to whom it is for, believed by who verifies it, whatever the receiver does meanwhile.

mod batch;
mod command;
mod keys;
mod leases;
mod receiver;
mod settings;
mod snippets;
mod trouble;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use muster_test_harness::{TenantClient, TestApp, TestAppBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use webhook_receiver::is_believed;

use crate::perform::endpoint::{Answers, Endpoint, says};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the clock of a test says at first, in seconds since 1970.
const START_S: i64 = 1_793_714_580;

const OK: &str = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nnot today";

/// One request, as it came.
#[derive(Debug, Clone)]
struct Heard {
    id: String,
    timestamp: String,
    signatures: String,
    body: String,
}

impl Heard {
    fn of(request: &str) -> Self {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
        };
        assert_eq!(header("content-type"), "application/json");
        Self {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signatures: header("webhook-signature"),
            body: body.to_owned(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    fn is_believed(&self, key: &str) -> bool {
        let now_s = self.timestamp.parse().unwrap();
        is_believed(key, &self.id, &self.timestamp, &self.signatures, self.body.as_bytes(), now_s)
    }
}

fn heard(endpoint: &Endpoint) -> Vec<Heard> {
    endpoint.heard().iter().map(|request| Heard::of(request)).collect()
}

/// The id of an event without what tells its entry from another one that would have the same number.
fn unmarked(id: &str) -> &str {
    let (id, mark) = id.rsplit_once('-').unwrap();
    assert!(mark.len() == 8 && mark.bytes().all(|byte| byte.is_ascii_hexdigit()), "{mark}");
    id
}

/// Waits until so many requests have come.
async fn heard_so_many(endpoint: &Endpoint, count: usize) -> Vec<Heard> {
    let so = async {
        while endpoint.heard().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, so).await.is_err() {
        panic!("only {} of {count} requests came: {:?}", endpoint.heard().len(), heard(endpoint));
    }
    heard(endpoint)
}

/// A server that delivers, to receivers that it finds by name and whose certificates it trusts.
struct Bench {
    app: TestApp,
    acme: TenantClient,
    _folder: TempDir,
}

/// Receivers by the names of their hosts.
fn to(receivers: &[(&str, &Endpoint)]) -> (TestAppBuilder, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let authorities: Vec<String> =
        receivers.iter().map(|(_, endpoint)| std::fs::read_to_string(&endpoint.ca_file).unwrap()).collect();
    let ca_file = folder.path().join("authorities.pem");
    std::fs::write(&ca_file, authorities.concat()).unwrap();
    let mut builder = TestApp::builder().delivering();
    let delivery = &mut builder.config.delivery;
    delivery.ca_file = ca_file;
    for (host, endpoint) in receivers {
        delivery.hosts.insert((*host).to_owned(), endpoint.address.to_string());
    }
    (builder, folder)
}

impl Bench {
    async fn start(receivers: &[(&str, &Endpoint)]) -> Self {
        Self::start_with(receivers, |_| {}).await
    }

    async fn start_with(receivers: &[(&str, &Endpoint)], change: impl FnOnce(&mut TestAppBuilder)) -> Self {
        Self::built(receivers, |mut builder| {
            change(&mut builder);
            builder
        })
        .await
    }

    async fn built(receivers: &[(&str, &Endpoint)], build: impl FnOnce(TestAppBuilder) -> TestAppBuilder) -> Self {
        let (builder, folder) = to(receivers);
        let app = build(builder).start().await;
        let acme = app.tenant("acme").await;
        Self { app, acme, _folder: folder }
    }

    /// Adds a webhook at `https://NAME.example/hooks`; its key.
    async fn add(&self, name: &str, settings: Value) -> String {
        let mut new = json!({ "name": name, "url": format!("https://{name}.example/hooks") });
        new.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let added = self.app.admin_post("/tenants/acme/webhooks", new).await.expect(201);
        added["key"].as_str().unwrap().to_owned()
    }

    async fn show(&self, name: &str) -> Value {
        self.app.admin_get(&format!("/tenants/acme/webhooks/{name}")).await.expect(200)
    }

    async fn turn(&self, name: &str, word: &str) {
        self.app.admin_post(&format!("/tenants/acme/webhooks/{name}/{word}"), json!({})).await.expect(200);
    }

    async fn deliveries(&self, name: &str) -> Vec<Value> {
        let told = self.app.admin_get(&format!("/tenants/acme/webhooks/{name}/deliveries")).await.expect(200);
        told["tasks"].as_array().unwrap().clone()
    }

    /// Waits until the deliveries of a webhook are so.
    async fn until(&self, name: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let so = async {
            loop {
                let deliveries = self.deliveries(name).await;
                if is_so(&deliveries) {
                    return deliveries;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, so).await {
            Ok(deliveries) => deliveries,
            Err(_) => panic!("it never came to this: {:?}", self.deliveries(name).await),
        }
    }

    /// Waits until all of so many are done.
    async fn until_done(&self, name: &str, count: usize) -> Vec<Value> {
        self.until(name, |all| all.len() == count && all.iter().all(|task| task["standing"] == "done")).await
    }

    /// Waits until the first delivery has failed so often; how.
    async fn failure(&self, name: &str, attempts: u64) -> String {
        let all = self.until(name, |all| all.first().is_some_and(|task| task["attempts"] == attempts)).await;
        all[0]["failure"].as_str().unwrap().to_owned()
    }

    async fn active(&self, user: &str, is_active: bool) {
        let replace = json!([{ "op": "replace", "path": "active", "value": is_active }]);
        self.acme.operations(&format!("/Users/{user}"), replace).await.expect(200);
    }

    async fn title(&self, user: &str, title: &str) {
        let replace = json!([{ "op": "replace", "path": "title", "value": title }]);
        self.acme.operations(&format!("/Users/{user}"), replace).await.expect(200);
    }
}

/// Answers the requests one after the other, the last of these again and again.
fn one_after_the_other(answers: &[&str]) -> Answers {
    let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.as_bytes().to_vec()).collect();
    let count = AtomicUsize::new(0);
    Arc::new(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        (answers[number.min(answers.len() - 1)].clone(), false)
    })
}

/// Answers with an error until it is told that all is well.
fn broken_until_told() -> (Answers, Arc<AtomicBool>) {
    let is_well = Arc::new(AtomicBool::new(false));
    let told = is_well.clone();
    let answers: Answers = Arc::new(move |_| {
        let answer = if told.load(Ordering::SeqCst) { OK } else { BROKEN };
        (answer.as_bytes().to_vec(), false)
    });
    (answers, is_well)
}

#[tokio::test]
async fn each_event_arrives_once_and_signed_and_those_of_one_user_in_their_order() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let before = bench.acme.user("before@example.com").await;
    let key = bench.add("crm", json!({})).await;

    let ada = bench.acme.user("ada@example.com").await;
    bench.title(&ada, "Countess").await;
    bench.active(&ada, false).await;
    bench.active(&ada, true).await;
    let group = bench.acme.group("Engines", &[]).await;
    let member = |op: &str| match op {
        "add" => json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]),
        _ => json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]),
    };
    bench.acme.operations(&format!("/Groups/{group}"), member("add")).await.expect(200);
    bench.acme.operations(&format!("/Groups/{group}"), member("remove")).await.expect(200);
    let renamed = json!([{ "op": "replace", "path": "displayName", "value": "Machines" }]);
    bench.acme.operations(&format!("/Groups/{group}"), renamed).await.expect(200);
    bench.acme.delete(&format!("/Groups/{group}")).await;
    bench.acme.delete(&format!("/Users/{ada}")).await;
    bench.until_done("crm", 10).await;

    let all = heard(&crm);
    assert_eq!(all.len(), 10, "each once: {all:#?}");
    let mut kinds = BTreeMap::<String, Vec<String>>::new();
    for one in &all {
        assert!(one.is_believed(&key), "{one:?}");
        assert_eq!(one.timestamp, START_S.to_string());
        let about = one.json()["data"]["resource"].clone();
        assert_ne!(about["id"], json!(before), "what was before is not told");
        assert!(!one.body.contains("ada@example.com"), "{}", one.body);
        kinds.entry(about["id"].as_str().unwrap().to_owned()).or_default().push(one.kind());
    }
    assert_eq!(kinds[&ada], ["user.created", "user.updated", "user.deactivated", "user.reactivated", "user.deleted"]);
    assert_eq!(
        kinds[&group],
        ["group.created", "group.member-added", "group.member-removed", "group.updated", "group.deleted"]
    );
    let ids: HashSet<&String> = all.iter().map(|one| &one.id).collect();
    assert_eq!(ids.len(), 10);
    let added = all.iter().find(|one| one.kind() == "group.member-added").unwrap().json();
    assert_eq!(added["data"]["members_added"], json!({ "count": 1, "ids": [ada] }));
}

#[tokio::test]
async fn a_webhook_is_told_what_it_lists_and_as_much_as_it_wants() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let siem = Endpoint::start("siem.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm), ("siem.example", &siem)]).await;
    bench.add("crm", json!({ "events": ["user.deactivated", "user.deleted"] })).await;
    bench.add("siem", json!({ "payload": "full" })).await;

    let ada = bench.acme.person("ada@example.com").await;
    bench.active(&ada, false).await;
    bench.acme.delete(&format!("/Users/{ada}")).await;
    bench.until_done("crm", 2).await;
    bench.until_done("siem", 3).await;

    let thin = heard(&crm)[0].json();
    let log = bench.app.log("acme").await;
    assert_eq!(
        thin,
        json!({
            "id": thin["id"],
            "type": "user.deactivated",
            "timestamp": "2026-11-03T14:03:00.000Z",
            "data": {
                "tenant": "acme",
                "seq": 2,
                "request": log[1]["request"],
                "event": "deactivated",
                "resource": { "type": "User", "id": ada, "location": format!("{}/t/acme/scim/v2/Users/{ada}", bench.app.scim) },
            },
        })
    );
    assert_eq!(unmarked(thin["id"].as_str().unwrap()), "acme_crm_event-2");
    assert_eq!(heard(&crm)[1].kind(), "user.deleted");

    let full: Vec<Value> = heard(&siem).iter().map(Heard::json).collect();
    let (created, deactivated, deleted) = (&full[0]["data"], &full[1]["data"], &full[2]["data"]);
    assert_eq!(created["after"]["resource"]["userName"], "ada@example.com");
    assert_eq!(created["after"]["resource"]["id"], json!(ada));
    assert_eq!(created["after"]["account"]["state"], "active");
    assert_eq!((&deactivated["after"]["resource"]["active"], &deactivated["before"]), (&json!(false), &Value::Null));
    assert_eq!(
        (&deleted["before"]["resource"]["userName"], &deleted["after"]),
        (&json!("ada@example.com"), &Value::Null)
    );
    assert!(full.iter().all(|one| one["data"]["thin_because"].is_null()), "{full:#?}");
}

#[tokio::test]
async fn a_webhook_that_is_dead_delays_no_other() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let silent: Answers = Arc::new(|_| (Vec::new(), true));
    let dead = Endpoint::start("dead.example", silent).await;
    let bench = Bench::start(&[("crm.example", &crm), ("dead.example", &dead)]).await;
    bench.add("dead", json!({})).await;
    bench.add("crm", json!({})).await;

    for number in 0..20 {
        bench.acme.user(&format!("u{number}@example.com")).await;
    }

    bench.until_done("crm", 20).await;
    assert!(bench.deliveries("dead").await.iter().all(|task| task["standing"] == "waiting"));
    let ids: HashSet<String> = heard(&crm).into_iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn an_event_whose_entry_is_not_kept_any_more_is_told_as_far_as_it_is_known() {
    let (answers, is_well) = broken_until_told();
    let crm = Endpoint::start("crm.example", answers).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    bench.add("crm", json!({ "payload": "full" })).await;
    let ada = bench.acme.user("ada@example.com").await;
    bench.failure("crm", 1).await;

    bench.turn("crm", "off").await;
    bench.app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    bench.app.admin_put("/tenants/acme/retention", json!({ "log_days": 1 })).await.expect(200);
    bench.app.advance(Duration::from_hours(48));
    let pruned = bench.app.admin_put("/tenants/acme/retention", json!({})).await.expect(200);
    assert_eq!(pruned["log"]["removed"], 1);
    is_well.store(true, Ordering::SeqCst);
    bench.turn("crm", "on").await;
    bench.until_done("crm", 1).await;

    let told = heard(&crm).pop().unwrap().json();
    let expected = json!({
        "id": heard(&crm)[0].id,
        "type": "user.created",
        "timestamp": told["timestamp"],
        "data": {
            "tenant": "acme",
            "seq": 1,
            "event": "created",
            "resource": { "type": "User", "id": ada, "location": format!("{}/t/acme/scim/v2/Users/{ada}", bench.app.scim) },
            "thin_because": "pruned",
        },
    });
    assert_eq!(told, expected);
}

//! Receivers are told of what happened: each of every entry that it takes, once, in the order of each resource, whoever comes, goes, or is killed
//! meanwhile.

mod absent;
mod kill;
mod many;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use muster_delivery::Carrier;
use muster_model::{Field, FieldValue, Receiver, ReceiverKind, ReceiverName, Task, TenantId};
use muster_plugin::Outcome;
use muster_service::{Announcement, BRAKE_ENGAGED};
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a receiver was told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    queue: String,
    change: u64,
    name: String,
    key: String,
    id: String,
    is_destructive: bool,
}

/// Everybody's receiver: it hears whatever is carried out.
#[derive(Debug, Default)]
struct Ears {
    heard: Mutex<Vec<Heard>>,
    is_deaf: AtomicBool,
}

#[async_trait]
impl Carrier for Ears {
    async fn carry(&self, _: &TenantId, task: &Task, _: u32) -> Outcome {
        if self.is_deaf.load(Ordering::SeqCst) {
            return Outcome::Again { reason: "nobody is there".to_owned(), after: Some(Duration::from_secs(1)) };
        }
        self.heard.lock().unwrap().push(Heard {
            queue: task.task.queue.to_string(),
            change: task.change,
            name: task.task.action.clone(),
            key: task.task.idempotency_key.clone(),
            id: task.task.id.to_string(),
            is_destructive: task.task.destructive,
        });
        Outcome::Done
    }
}

impl Ears {
    fn all(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    fn of(&self, queue: &str) -> Vec<Heard> {
        self.all().into_iter().filter(|heard| heard.queue == queue).collect()
    }

    fn changes(&self, queue: &str) -> Vec<u64> {
        self.of(queue).iter().map(|heard| heard.change).collect()
    }

    fn names(&self, queue: &str) -> Vec<String> {
        self.of(queue).into_iter().map(|heard| heard.name).collect()
    }

    /// Waits until a queue was told so much.
    async fn until(&self, queue: &str, count: usize) -> Vec<Heard> {
        eventually(&format!("{count} of {queue}"), async || self.of(queue).len() >= count).await;
        self.of(queue)
    }
}

async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let so = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, so).await.is_ok(), "it never came to this: {what}");
}

async fn listening() -> (TestApp, Arc<Ears>) {
    let ears = Arc::<Ears>::default();
    (TestApp::builder().delivering_by(ears.clone()).start().await, ears)
}

async fn hook(app: &TestApp, tenant: &str, name: &str, events: &[&str]) -> u64 {
    let new = json!({ "name": name, "url": format!("https://{name}.example/events"), "events": events });
    app.admin_post(&format!("/tenants/{tenant}/webhooks"), new).await.expect(201)["since"].as_u64().unwrap()
}

async fn turn(app: &TestApp, tenant: &str, name: &str, to: &str) {
    app.admin_post(&format!("/tenants/{tenant}/webhooks/{name}/{to}"), json!({})).await.expect(200);
}

/// How many tasks of a queue stand so.
async fn count(app: &TestApp, tenant: &str, queue: &str, standing: &str) -> u64 {
    let counts = app.admin_get(&format!("/tenants/{tenant}/tasks/counts")).await.expect(200);
    counts["queues"][queue][standing].as_u64().unwrap_or(0)
}

async fn last_entry(app: &TestApp, tenant: &str) -> u64 {
    app.admin_get(&format!("/tenants/{tenant}/log?after=0&limit=1")).await.expect(200)["last"].as_u64().unwrap()
}

async fn retitle(tenant: &TenantClient, id: &str) {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let title = format!("title {}", CALLS.fetch_add(1, Ordering::Relaxed));
    tenant
        .operations(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "title", "value": title }]))
        .await
        .expect(200);
}

async fn activate(tenant: &TenantClient, id: &str, active: bool) {
    let operation = json!([{ "op": "replace", "path": "active", "value": active }]);
    tenant.operations(&format!("/Users/{id}"), operation).await.expect(200);
}

#[tokio::test]
async fn each_change_is_told_by_its_name_to_whoever_takes_it_and_to_nobody_else() {
    let (app, ears) = listening().await;
    let acme = app.tenant("acme").await;
    acme.user("before@example.com").await;
    let since = hook(&app, "acme", "all", &[]).await;
    hook(&app, "acme", "leavers", &["user.deactivated", "user.deleted"]).await;
    assert_eq!(since, 1, "what was before is not told");

    let ada = acme.user("ada@example.com").await;
    retitle(&acme, &ada).await;
    activate(&acme, &ada, false).await;
    activate(&acme, &ada, true).await;
    let staff = acme.group("staff", &[]).await;
    let member = |op: &str| json!([{ "op": op, "path": "members", "value": [{ "value": ada }] }]);
    acme.operations(&format!("/Groups/{staff}"), member("add")).await.expect(200);
    acme.operations(&format!("/Groups/{staff}"), member("remove")).await.expect(200);
    acme.delete(&format!("/Groups/{staff}")).await.expect(204);
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    let heard = ears.until("webhook:all", 9).await;
    ears.until("webhook:leavers", 2).await;

    let mut names: Vec<(u64, String)> = heard.iter().map(|heard| (heard.change, heard.name.clone())).collect();
    names.sort();
    let expected = [
        "user.created",
        "user.updated",
        "user.deactivated",
        "user.reactivated",
        "group.created",
        "group.member-added",
        "group.member-removed",
        "group.deleted",
        "user.deleted",
    ];
    assert_eq!(names, (2..).zip(expected.map(str::to_owned)).collect::<Vec<_>>());
    assert_eq!(ears.names("webhook:leavers"), ["user.deactivated", "user.deleted"]);
    let mut braked: Vec<u64> = heard.iter().filter(|heard| heard.is_destructive).map(|heard| heard.change).collect();
    // Those of a user and those of a group have no order among them.
    braked.sort_unstable();
    assert_eq!(braked, [4, 8, 9, 10], "what ends an access, or takes members from a group, can be held");
    assert!(heard.iter().all(|heard| heard.key.starts_with(&format!("event-{}-", heard.change))), "{heard:?}");
    // Whoever asks what followed from a change finds what its receivers were told.
    let of = app.admin_get("/tenants/acme/tasks?change=4").await.expect(200);
    let queues: BTreeSet<&str> =
        of["tasks"].as_array().unwrap().iter().map(|task| task["queue"].as_str().unwrap()).collect();
    assert_eq!(queues, BTreeSet::from(["webhook:all", "webhook:leavers"]));
    // Nothing more comes, and nothing comes twice.
    let before = ears.all().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ears.all().len(), before);
    assert_eq!(before, 11);
}

#[tokio::test]
async fn ten_thousand_members_are_one_event() {
    let (app, ears) = listening().await;
    let acme = app.tenant("acme").await;
    let mut users = Vec::new();
    for number in 0..40 {
        users.push(acme.user(&format!("u{number}@example.com")).await);
    }
    hook(&app, "acme", "all", &[]).await;
    let staff = acme.group("staff", &[]).await;
    let members: Vec<Value> = users.iter().map(|id| json!({ "value": id })).collect();
    let add = json!([{ "op": "add", "path": "members", "value": members }]);
    acme.operations(&format!("/Groups/{staff}"), add).await.expect(200);
    ears.until("webhook:all", 2).await;
    assert_eq!(ears.names("webhook:all"), ["group.created", "group.member-added"]);
    let told = app.tasks("acme").await;
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn what_is_no_change_is_announced_to_whoever_takes_it_and_waits_for_nothing() {
    let (app, ears) = listening().await;
    app.tenant("acme").await;
    hook(&app, "acme", "all", &[]).await;
    hook(&app, "acme", "alerts", &[BRAKE_ENGAGED]).await;
    hook(&app, "acme", "leavers", &["user.deleted"]).await;
    hook(&app, "acme", "off", &[]).await;
    turn(&app, "acme", "off", "off").await;
    let id = TenantId::parse("acme").unwrap();
    let data = vec![Field { name: "count".to_owned(), value: FieldValue::Integer(30) }];
    let to = |name: &str| Receiver { kind: ReceiverKind::Webhook, name: ReceiverName::parse(name).unwrap() };
    let announced = |key: &str, to| Announcement { name: BRAKE_ENGAGED, key: key.to_owned(), data: data.clone(), to };

    app.service.announce(&id, announced("brake-1", None)).await.unwrap();
    app.service.announce(&id, announced("brake-2", Some(to("leavers")))).await.unwrap();
    app.service.announce(&id, announced("brake-3", Some(to("off")))).await.unwrap();
    app.service.announce(&TenantId::parse("nobody").unwrap(), announced("brake-4", None)).await.unwrap();
    ears.until("webhook:leavers", 1).await;
    ears.until("webhook:alerts", 1).await;
    ears.until("webhook:all", 1).await;

    let keys = |queue: &str| ears.of(queue).into_iter().map(|heard| heard.key).collect::<Vec<_>>();
    assert_eq!(keys("webhook:all"), ["brake-1"]);
    assert_eq!(keys("webhook:alerts"), ["brake-1"]);
    assert_eq!(keys("webhook:leavers"), ["brake-2"], "who is named is told, whatever it takes");
    assert_eq!(keys("webhook:off"), [""; 0]);
    let tasks = app.tasks("acme").await;
    assert_eq!(tasks.len(), 3);
    assert!(tasks.iter().all(|task| task["change"] == 0 && task["action"] == "brake.engaged"), "{tasks:?}");
}

//! An identity provider's accident does not wipe a product: where more people lose their access than can be meant, the writes succeed, and what
//! destroys is held until somebody has looked.

mod affected;
mod carrier;
mod command;
mod decisions;
mod guards;
mod kept;
mod kill;
mod promise;
mod receivers;
mod settings;
mod unfed;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use carrier::Noting;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(3);

/// A server whose tasks are carried out as fast as it can.
async fn delivering() -> (TestApp, Arc<Noting>) {
    let carrier = Arc::new(Noting::default());
    (TestApp::builder().delivering_by(carrier.clone()).start().await, carrier)
}

/// A tenant of a product that ends access by tasks, with so many users.
async fn tenant(app: &TestApp, name: &str, users: usize) -> (TenantClient, Vec<String>) {
    let tenant = app.tenants_of_secoda(name).await;
    let ids = users_of(&tenant, users).await;
    (tenant, ids)
}

async fn users_of(tenant: &TenantClient, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        ids.push(tenant.user(&format!("u{number}@example.com")).await);
    }
    ids
}

/// Others than those of [`users_of`].
async fn users_of_more(tenant: &TenantClient, count: usize) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        ids.push(tenant.user(&format!("more{number}@example.com")).await);
    }
    ids
}

/// What the tests of this module do with an app.
trait Braked {
    async fn tenants_of_secoda(&self, name: &str) -> TenantClient;
    async fn set_brake(&self, tenant: &str, settings: Value) -> Value;
    async fn brake(&self, tenant: &str) -> Value;
    async fn relieve(&self, tenant: &str, word: &str, body: Value) -> Value;
    async fn counts(&self, tenant: &str) -> Value;
    async fn at_rest(&self, tenant: &str) -> Value;
    async fn engaged(&self, tenant: &str) -> Value;
}

impl Braked for TestApp {
    async fn tenants_of_secoda(&self, name: &str) -> TenantClient {
        let pushed = self.push(muster_test_harness::wasm::plugin("secoda")).await;
        assert!([200, 201].contains(&pushed.status), "{}", pushed.text);
        self.create_tenant(name, "secoda", json!({})).await
    }

    async fn set_brake(&self, tenant: &str, settings: Value) -> Value {
        self.admin_put(&format!("/tenants/{tenant}/brake"), settings).await.expect(200)
    }

    async fn brake(&self, tenant: &str) -> Value {
        self.admin_get(&format!("/tenants/{tenant}/brake")).await.expect(200)
    }

    async fn relieve(&self, tenant: &str, word: &str, body: Value) -> Value {
        self.admin_post(&format!("/tenants/{tenant}/brake/{word}"), body).await.expect(200)
    }

    async fn counts(&self, tenant: &str) -> Value {
        let counts = self.admin_get(&format!("/tenants/{tenant}/tasks/counts")).await.expect(200);
        counts["queues"]["plugin"].clone()
    }

    /// Waits until nothing waits that could be carried out or held: what is left waits behind what is held. The counts.
    async fn at_rest(&self, tenant: &str) -> Value {
        let rest = async {
            while !is_blocked(self, tenant).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.counts(tenant).await
        };
        tokio::time::timeout(PATIENCE, rest).await.expect("it comes to rest")
    }

    /// Waits until the brake is engaged; why.
    async fn engaged(&self, tenant: &str) -> Value {
        let engaged = async {
            loop {
                let shown = self.brake(tenant).await;
                if !shown["engaged"].is_null() {
                    return shown["engaged"].clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, engaged).await.expect("it engages")
    }
}

/// Gives up all that is held.
async fn cancel_all(app: &TestApp, tenant: &str) {
    let mut body = json!({ "all": true });
    loop {
        let answer = app.relieve(tenant, "cancel", body.clone()).await;
        assert_eq!(answer["refused"], 0, "{answer}");
        if answer["next"].is_null() {
            return;
        }
        body["from"] = answer["next"].clone();
    }
}

/// Whether whatever waits waits behind another task.
async fn is_blocked(app: &TestApp, tenant: &str) -> bool {
    let path = format!("/tenants/{tenant}/tasks?standing=waiting&queue=plugin&limit=1000");
    let waiting = app.admin_get(&path).await.expect(200);
    for task in waiting["tasks"].as_array().unwrap() {
        let task = app.admin_get(&format!("/tenants/{tenant}/tasks/{}", task["seq"])).await.expect(200);
        if task["standing"] == "waiting" && task["waits_for"].is_null() {
            return false;
        }
    }
    true
}

/// Lets time pass until so many are held: an attempt that was under way when the brake engaged has failed, and is made again later.
async fn held_in_time(app: &TestApp, tenant: &str, count: u64) {
    let held = async {
        while app.counts(tenant).await["held"] != count {
            app.advance(Duration::from_mins(1));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.expect("they are held");
}

/// Takes somebody's access away.
async fn deactivate(tenant: &TenantClient, id: &str) {
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    let answer = tenant.operations(&format!("/Users/{id}"), off).await.expect(200);
    assert_eq!(answer["active"], false, "whatever is held, the write is made and told");
}

async fn activate(tenant: &TenantClient, id: &str) {
    let on = json!([{ "op": "replace", "path": "active", "value": true }]);
    tenant.operations(&format!("/Users/{id}"), on).await.expect(200);
}

/// No share, and no half: the count alone.
fn only_count(count: u32) -> Value {
    json!({ "count": count, "share_percent": 1, "half_from": 0 })
}

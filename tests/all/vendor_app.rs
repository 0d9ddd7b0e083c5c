//! The five products, with the example product (`examples/vendor-app`) beside the server: what provisioning did is what the product has.

mod applivery;
mod audiences;
mod demo;
mod keys;
mod kill;
mod last_admin;
mod later;
mod level_access;
mod others;
mod poggio;
mod popl;
mod secoda;
mod thin;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use muster_idp::Person;
use muster_test_harness::{ADMIN_KEY, DIRECTORY_KEY, TenantClient, TestApp, TestAppBuilder, wasm};
use serde_json::{Value, json};
use tempfile::TempDir;
use vendor_app::{HOSTS, Product, Settings, VendorApp};

use crate::ada::{ada, id_of, okta_of, person, pushed};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the clock of a test says at first, in seconds since 1970.
const START_S: i64 = 1_793_714_580;

/// A server with a product beside it, both by the same clock.
struct Place {
    app: TestApp,
    product: VendorApp,
    passed_s: Arc<AtomicI64>,
    _folder: TempDir,
}

impl Place {
    async fn start() -> Self {
        Self::that_loses(0).await
    }

    /// Where each so many answers of the product are lost.
    async fn that_loses(each: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let passed_s = Arc::new(AtomicI64::new(0));
        let passed = passed_s.clone();
        let clock = Arc::new(move || START_S + passed.load(Ordering::SeqCst));
        let settings = Settings { loses_each: each, clock, ..Settings::new(folder.path()) };
        let product = VendorApp::start(settings).await.unwrap();
        let mut builder: TestAppBuilder = TestApp::builder().delivering();
        let delivery = &mut builder.config.delivery;
        delivery.ca_file.clone_from(&product.ca_file);
        delivery.drain_s = 0;
        for host in HOSTS {
            delivery.hosts.insert(host.to_owned(), product.api.to_string());
        }
        let app = builder.start().await;
        let tenants: Value = Product::ALL.iter().map(|product| (product.name().to_owned(), json!("acme"))).collect();
        let admin_key_file = folder.path().join("admin.key");
        std::fs::write(&admin_key_file, ADMIN_KEY).unwrap();
        let muster = json!({
            "directory": format!("{}/directory/v1", app.admin), "key": DIRECTORY_KEY, "tenants": tenants,
            "admin": format!("{}/admin/v1", app.admin), "admin_key_file": admin_key_file, "scim": app.scim,
        });
        std::fs::write(folder.path().join("muster.json"), muster.to_string()).unwrap();
        Self { app, product, passed_s, _folder: folder }
    }

    /// The product's tenant `acme`, connected with it.
    async fn acme(&self, product: Product, config: Value) -> TenantClient {
        self.acme_telling("full", product, config).await
    }

    /// The same, whose webhook says so much.
    async fn acme_telling(&self, payload: &str, product: Product, config: Value) -> TenantClient {
        self.app.push(wasm::plugin(product.name())).await.expect(201);
        let acme = self.app.create_tenant("acme", product.name(), config).await;
        let secret = match product {
            Product::Secoda => Some("api-key"),
            Product::Applivery => Some("applivery-api-key"),
            Product::Poggio => Some("poggio-api-key"),
            Product::Popl | Product::LevelAccess => None,
        };
        if let Some(name) = secret {
            let secret = json!({ "name": name, "value": self.product.keys.api[&product] });
            self.app.admin_post("/tenants/acme/secrets", secret).await.expect(200);
        }
        let webhook = json!({
            "name": "product", "url": format!("https://product.example/webhooks/{}", product.name()),
            "payload": payload, "key": self.product.keys.webhooks[&product],
        });
        self.app.admin_post("/tenants/acme/webhooks", webhook).await.expect(201);
        acme
    }

    /// Somebody is deleted and the deletion undone while the product's API cannot be reached, and its webhooks are; at the end all was heard.
    async fn away_while_deleted_and_back(&self, acme: &TenantClient, product: Product, stored: &Value) {
        self.at_rest().await;
        let name = if product == Product::Secoda { "api-key" } else { "poggio-api-key" };
        self.app.admin_post("/tenants/acme/secrets/remove", json!({ "name": name })).await.expect(200);
        acme.delete(&format!("/Users/{}", stored["id"].as_str().unwrap())).await.expect(204);
        let deletion = self.app.log("acme").await.pop().unwrap();
        let undo = json!({ "request": deletion["request"] });
        self.app.admin_post("/tenants/acme/undo", undo).await.expect(200);
        let webhooks = async {
            let of_webhooks = |task: &Value| task["queue"] != "plugin";
            while self.app.tasks("acme").await.iter().any(|task| of_webhooks(task) && task["standing"] != "done") {
                self.passes().await;
            }
        };
        tokio::time::timeout(PATIENCE, webhooks).await.expect("the webhooks are heard");
        let waits = self
            .app
            .tasks("acme")
            .await
            .into_iter()
            .any(|task| task["action"] == "remove" && task["standing"] != "done");
        assert!(waits, "the removal was not heard");
        let secret = json!({ "name": name, "value": self.product.keys.api[&product] });
        self.app.admin_post("/tenants/acme/secrets", secret).await.expect(200);
        let tasks = self.at_rest().await;
        assert!(tasks.iter().all(|task| task["standing"] == "done"), "{tasks:?}");
    }

    fn rows(&self, question: &str) -> Vec<Vec<String>> {
        self.product.rows(question).unwrap()
    }

    /// Lets time pass until the product has come to this.
    async fn until(&self, question: &str, expected: &[&[&str]]) {
        let so = async {
            while self.rows(question) != expected {
                self.passes().await;
            }
        };
        if tokio::time::timeout(PATIENCE, so).await.is_err() {
            panic!("{question}: {:?} and not {expected:?}; {:?}", self.rows(question), self.app.tasks("acme").await);
        }
    }

    /// Lets time pass until nothing waits any more; all tasks.
    async fn at_rest(&self) -> Vec<Value> {
        let rest = async {
            loop {
                let tasks = self.app.tasks("acme").await;
                if tasks.iter().all(|task| ["done", "parked"].contains(&task["standing"].as_str().unwrap())) {
                    return tasks;
                }
                self.passes().await;
            }
        };
        tokio::time::timeout(PATIENCE, rest).await.expect("everything comes to an end")
    }

    async fn passes(&self) {
        self.passed_s.fetch_add(20, Ordering::SeqCst);
        // A lease lasts for two minutes: the clock gives no attempt up that is under way.
        self.app.advance(Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// The page, as a browser gets it.
    async fn page(&self, query: &str) -> String {
        let url = format!("http://{}/{query}", self.product.page);
        let answer = reqwest::get(url).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    /// Somebody clicks.
    async fn click(&self, path: &str) {
        let url = format!("http://{}{path}", self.product.page);
        let answer = reqwest::Client::new().post(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "and sees the page again");
    }
}

/// The same person with another profile, or deactivated, as Okta tells it.
async fn updated(acme: &TenantClient, stored: &Value, who: &Person) {
    okta_of(acme).expect(&muster_idp::okta::update_user(stored, who), &[200]).await.unwrap();
}

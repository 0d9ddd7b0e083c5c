//! What Applivery's guide promises its customers, one test a statement, driven by what Okta sends: the tasks that the plugin plans are carried
//! out at a product that listens over TLS.
//!
//! What Muster does not decide is tested with the product that does:
//!
//! - 1: to whom the dashboard shows base URL and token: `vendor_app::audiences`. Here: which audiences a token is for.
//! - 4: which role a member has, and of several groups: `vendor_app`. Here: what the product is told, with the order.
//! - 6 to 22, and 24 to 26: that an employee, a collaborator or a device is there, and how each stands: `vendor_app::applivery` and
//!   `vendor_app::audiences`. Here: what the product is asked, once.
//! - 15: that the identity provider gets 409, once the product has told who its last Admin is: `vendor_app::last_admin`. Here the product's
//!   own refusal, which parks the task with that sentence.
//! - 23: SIGKILL; see `delivery::kill`. Here the server is stopped while the product does not answer.

mod audiences;
mod connection;
mod devices;
mod independence;
mod product;
mod roles;

use std::time::Duration;

use muster_idp::{Person, okta};
use muster_test_harness::{TenantClient, TestApp, TestAppBuilder, wasm};
use serde_json::{Value, json};

use crate::ada::{ada, ada_is_pushed, id_of, okta_of};
use product::{HOST, Product};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that carries tasks out at this product.
fn delivering_to(product: &Product) -> TestAppBuilder {
    let mut builder = TestApp::builder().delivering();
    let delivery = &mut builder.config.delivery;
    delivery.ca_file = product.endpoint.ca_file.clone();
    delivery.hosts.insert(HOST.to_owned(), product.endpoint.address.to_string());
    builder
}

/// The customer `acme`, with this configuration, whose product takes whatever it is asked.
async fn acme_of(product: &Product, config: Value) -> (TestApp, TenantClient) {
    let app = delivering_to(product).start().await;
    let acme = tenant(&app, "acme", config).await;
    (app, acme)
}

/// A tenant of a server that is there, with all that the plugin wants.
async fn tenant(app: &TestApp, name: &str, config: Value) -> TenantClient {
    let pushed = app.push(wasm::plugin("applivery")).await;
    assert!([200, 201].contains(&pushed.status), "{}", pushed.text);
    let new = json!({ "name": name, "plugin": "applivery", "config": config, "grants": "all" });
    let made = app.admin_post("/tenants", new).await.expect(201);
    let secret = json!({ "name": "applivery-api-key", "value": format!("the-key-of-{name}") });
    app.admin_post(&format!("/tenants/{name}/secrets"), secret).await.expect(200);
    app.client("/scim/v2", made["token"].as_str().unwrap())
}

/// She is deactivated, as Okta does it.
async fn ada_is_gone(acme: &TenantClient, stored: &Value) -> Value {
    let gone = okta::update_user(stored, &Person { active: false, ..ada() });
    okta_of(acme).expect(&gone, &[200]).await.unwrap().body
}

/// And activated again.
async fn ada_is_back(acme: &TenantClient, stored: &Value) -> Value {
    okta_of(acme).expect(&okta::update_user(stored, &ada()), &[200]).await.unwrap().body
}

/// What every audience is told of Ada.
fn details() -> Value {
    json!({ "email": "ada@example.com", "name": "Ada Byron", "given_name": "Ada", "family_name": "Byron" })
}

/// Lets time pass until nothing waits any more; all tasks.
async fn at_rest(app: &TestApp) -> Vec<Value> {
    let rest = async {
        loop {
            let tasks = app.tasks("acme").await;
            if tasks.iter().all(|task| ["done", "parked"].contains(&task["standing"].as_str().unwrap())) {
                return tasks;
            }
            // A lease lasts for two minutes: the clock gives no attempt up that is under way.
            app.advance(Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, rest).await.expect("everything comes to an end")
}

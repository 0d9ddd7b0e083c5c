//! What Secoda's guide promises its customers, one test a statement, driven by what Okta sends.
//!
//! What Muster does not decide is tested with the product that does:
//!
//! - 1: the plan and SAML. Here: a workspace whose tenant has another plugin gets 404, and one that is not enabled 403.
//! - 2: that the key opens the public API too, and that one of a non-admin does not open SCIM: keys are made by the product.
//! - 7: the mail itself: `vendor_app`. Here: the task that asks for it is in the outbox, once.
//! - 9, 20: the members page and the product's groups. Here: the account says whether the product lists the user.
//! - 11: the sign-in itself. Here: the product tells it as a signal, and a push does not count as one.

mod connection;
mod groups;
mod put;
mod sign_in;
mod users;

use muster_idp::{Client, Person, okta};
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

/// The workspace `acme`.
async fn acme(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "secoda", json!({})).await
}

/// The tenant's connection in Okta.
fn okta_of(tenant: &TenantClient) -> Client {
    Client::okta(&tenant.base, &tenant.token)
}

fn ada() -> Person {
    Person {
        key: "00u1abcdEFGH2345j5d7".to_owned(),
        given: "Ada".to_owned(),
        family: "Byron".to_owned(),
        email: "ada@example.com".to_owned(),
        department: "Analysis".to_owned(),
        active: true,
    }
}

/// Ada, as Okta provisions her; the server's answer.
async fn ada_is_pushed(acme: &TenantClient) -> Value {
    okta_of(acme).expect(&okta::create_user(&ada()), &[201]).await.unwrap().body
}

fn id_of(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

/// What is in the outbox, as (action, id).
async fn planned(app: &TestApp) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    app.tasks("acme").await.iter().map(|task| (text(&task["action"]), text(&task["id"]))).collect()
}

/// An entry of [`planned`].
fn task(action: &str, id: &str) -> (String, String) {
    (action.to_owned(), id.to_owned())
}

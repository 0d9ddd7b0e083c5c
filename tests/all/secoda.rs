//! What Secoda's guide promises its customers, one test a statement, driven by what Okta sends.
//!
//! What Muster does not decide is tested with the product that does:
//!
//! - 1: the plan, SAML and the vendor's switch: `vendor_app`. Here: a workspace that is not enabled gets 403, whatever is called.
//! - 2: that the key opens the public API too, and that one of a non-admin does not open SCIM: keys are made by the product.
//! - 7: the mail itself: `vendor_app`. Here: the task that asks for it is in the outbox, once.
//! - 9, 20, 22: the members page and the product's groups. Here: the account says whether the product lists the user.
//! - 18: the Groups tab: `vendor_app`. Here: the group's account.
//! - 11: the sign-in itself. Here: the product tells it as a signal, and a push does not count as one.

mod connection;
mod groups;
mod invited_members;
mod put;
mod sign_in;
mod users;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use crate::ada::{ada, ada_is_pushed, id_of, okta_of};

/// The workspace `acme`.
async fn acme(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "secoda", json!({})).await
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

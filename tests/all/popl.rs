//! What Popl's guide promises its customers, one test a statement, driven by what Okta and Entra send.
//!
//! What Muster does not decide is tested with the product that does:
//!
//! - 2: that support hands the token out. Here: whoever has no admin key gets none.
//! - 7, 8, 11, 12, 15: the profile itself, and the product's groups: `vendor_app`. Here: the account that the product reads says in which team
//!   it is, and whether it has left.

mod connection;
mod groups;
mod profiles;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use crate::ada::{ada, ada_is_pushed, entra_of, id_of, okta_of};

/// The team T1 of the customer `acme`.
async fn acme(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "popl", json!({ "team": "T1" })).await
}

/// Where the profile of a user stands, and whether the product lists it.
async fn standing(app: &TestApp, id: &str) -> (Value, Value) {
    let account = app.account("acme", id).await;
    (account["state"].clone(), account["listed"].clone())
}

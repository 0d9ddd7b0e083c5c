//! What Level Access's guide promises its customers, one test a statement, driven by what Okta and Entra send.
//!
//! What cannot be shown without the vendor's product and what it tells the host:
//!
//! - 9 to 15: the dashboard itself. What it asks and tells goes through the directory API here, as it would there.
//! - 16: the user groups that a deactivated user keeps.

mod activation;
mod by_hand;
mod groups;
mod users;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use crate::ada::{ada, ada_is_pushed, entra_of, id_of, okta_of};

/// The organization `acme`, which has activated SCIM.
async fn acme(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "level-access", activated()).await
}

fn activated() -> Value {
    json!({ "activated": true, "sso": "saml" })
}

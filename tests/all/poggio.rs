//! What Poggio's guide promises its customers, one test a statement, driven by what Okta sends.
//!
//! What Muster does not decide is tested with the product that does:
//!
//! - 2: who may see the enterprise settings page, and the 403 for another role. Here: whoever has no admin key gets no SCIM key.
//! - 4: the product's other APIs. Here: the SCIM key does not open Muster's.
//! - 6: whether there is a SAML configuration, and of which workspace: `vendor_app::poggio` and `vendor_app::keys` alone.
//! - 8: that somebody is in one workspace and in no other (`vendor_app::poggio`). Here: which one the account names, whatever is sent.
//! - 9, 12 to 14: the address and the name of the product's user (`vendor_app::poggio`). Here: those of the account.
//! - 16: that no file has a password and none logs anybody in (`vendor_app::poggio`). Here: neither answers, log nor tasks have one.
//! - 18: that a push overwrites a name which was changed in the product by hand (`vendor_app`). Here: a push of the same data changes nothing.
//! - 19: that log-in and sessions end (`vendor_app`). Here: the task that ends them is in the outbox, once.

mod connection;
mod groups;
mod names;
mod users;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::json;

use crate::ada::{ada, ada_is_pushed, id_of, okta_of};

/// The enterprise `acme`, whose SAML configuration has the default workspace W1.
async fn acme(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1" })).await
}

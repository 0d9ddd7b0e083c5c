//! What Level Access's guide promises its customers, one test a statement, driven by what Okta and Entra send.
//!
//! What the product does, and what its page shows, is in `vendor_app/level_access.rs`; the directory API stands for it here.

mod activation;
mod by_hand;
mod groups;
mod users;

use muster_idp::sync::{self, Progress};
use muster_idp::{Client, Person, SendError};
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

/// A cycle of Okta's, which goes on with the next person after a refusal: who was refused, and by which status.
pub(crate) async fn cycle_of_okta(okta: &Client, people: &[Person]) -> Vec<(String, u16)> {
    let mut refused = Vec::new();
    for person in people {
        refused.extend(refusal(person, sync::okta(okta, std::slice::from_ref(person), &[], |_| {}).await));
    }
    refused
}

/// The same, of Entra's.
pub(crate) async fn cycle_of_entra(entra: &Client, people: &[Person]) -> Vec<(String, u16)> {
    let mut refused = Vec::new();
    for person in people {
        refused.extend(refusal(person, sync::entra(entra, std::slice::from_ref(person), &[], |_| {}).await));
    }
    refused
}

fn refusal(person: &Person, of: Result<Progress, SendError>) -> Option<(String, u16)> {
    match of {
        Ok(_) => None,
        Err(SendError::Unexpected { status, .. }) => Some((person.email.clone(), status)),
        Err(error @ SendError::Transport { .. }) => panic!("{error}"),
    }
}

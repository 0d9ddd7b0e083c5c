//! What Popl's guide promises its customers, one test a statement, driven by what Okta and Entra send.
//!
//! What Muster does not decide is tested with the product that does:
//!
//! - 2: that support hands the token out. Here: whoever has no admin key gets none.
//! - 7, 11: the profile itself. Here: the account that the product reads says in which team it is, and whether it has left.

mod connection;
mod groups;
mod profiles;

use muster_idp::{Client, Person, okta};
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

/// The team T1 of the customer `acme`.
async fn acme(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "popl", json!({ "team": "T1" })).await
}

/// The tenant's connection in Okta.
fn okta_of(tenant: &TenantClient) -> Client {
    Client::okta(&tenant.base, &tenant.token)
}

/// The tenant's connection in Entra.
fn entra_of(tenant: &TenantClient) -> Client {
    Client::entra(&tenant.base, &tenant.token)
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

/// Where the profile of a user stands, and whether the product lists it.
async fn standing(app: &TestApp, id: &str) -> (Value, Value) {
    let account = app.account("acme", id).await;
    (account["state"].clone(), account["listed"].clone())
}

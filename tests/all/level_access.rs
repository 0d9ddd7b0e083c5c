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

use muster_idp::{Client, Person, okta};
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

/// The organization `acme`, which has activated SCIM.
async fn acme(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "level-access", activated()).await
}

fn activated() -> Value {
    json!({ "activated": true, "sso": "saml" })
}

fn okta_of(tenant: &TenantClient) -> Client {
    Client::okta(&tenant.base, &tenant.token)
}

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

//! Ada Byron, of whom the vendors' stories tell, and the identity providers that push her.

use muster_idp::{Client, Person, okta};
use muster_test_harness::TenantClient;
use serde_json::Value;

/// The tenant's connection in Okta.
pub(crate) fn okta_of(tenant: &TenantClient) -> Client {
    Client::okta(&tenant.base, &tenant.token)
}

/// The tenant's connection in Entra.
pub(crate) fn entra_of(tenant: &TenantClient) -> Client {
    Client::entra(&tenant.base, &tenant.token)
}

pub(crate) fn ada() -> Person {
    Person { key: "00u1abcdEFGH2345j5d7".to_owned(), ..person("Ada", "Byron") }
}

/// Ada or another.
pub(crate) fn person(given: &str, family: &str) -> Person {
    Person {
        key: format!("00u-{given}"),
        given: given.to_owned(),
        family: family.to_owned(),
        email: format!("{}@example.com", given.to_lowercase()),
        department: "Analysis".to_owned(),
        active: true,
    }
}

/// Somebody, as Okta provisions them; the server's answer.
pub(crate) async fn pushed(tenant: &TenantClient, who: &Person) -> Value {
    okta_of(tenant).expect(&okta::create_user(who), &[201]).await.unwrap().body
}

/// Ada, as Okta provisions her; the server's answer.
pub(crate) async fn ada_is_pushed(tenant: &TenantClient) -> Value {
    pushed(tenant, &ada()).await
}

pub(crate) fn id_of(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

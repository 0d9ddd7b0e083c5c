//! PATCH by the letter of RFC 7644 §3.5.2: its own examples, every operation with every form of path, and what is refused; and with
//! it what an answer shows (§3.9), and what becomes of a password.

mod examples;
mod forms;
mod password;
mod projection;
mod refusals;

use muster_test_harness::{ENTERPRISE, TenantClient, TestApp, USER};
use serde_json::{Value, json};

async fn start() -> (TestApp, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    (app, acme)
}

/// A tenant whose requests are read by the RFCs alone.
async fn strict() -> (TestApp, TenantClient) {
    let (app, acme) = start().await;
    app.admin_put("/tenants/acme/scim", json!({ "profile": "strict-rfc" })).await.expect(200);
    (app, acme)
}

/// A user with something of every kind; its path.
async fn babs(acme: &TenantClient) -> String {
    let made = acme
        .post(
            "/Users",
            json!({
                "schemas": [USER, ENTERPRISE],
                "userName": "bjensen",
                "title": "Guide",
                "name": { "givenName": "Barbara", "familyName": "Jensen" },
                "emails": [
                    { "value": "bjensen@example.com", "type": "work", "primary": true },
                    { "value": "babs@jensen.org", "type": "home" },
                ],
                "addresses": [
                    { "type": "work", "streetAddress": "100 Universal City Plaza", "locality": "Hollywood", "primary": true },
                ],
                ENTERPRISE: { "department": "Tour Operations", "manager": { "value": "26118915" } },
            }),
        )
        .await
        .expect(201);
    format!("/Users/{}", made["id"].as_str().unwrap())
}

/// A resource without what the server alone says of it.
fn own(mut resource: Value) -> Value {
    for name in ["id", "meta", "schemas", "groups", "active"] {
        resource.as_object_mut().unwrap().remove(name);
    }
    resource
}

/// What one operation makes of the user.
async fn after(acme: &TenantClient, user: &str, operation: Value) -> Value {
    own(acme.operations(user, json!([operation])).await.expect(200))
}

//! What Okta sends, in its own shapes and with its own headers, and what it must be told: fixtures OK-01 to OK-10.

mod groups;
mod import;
mod suite;
mod transport;
mod users;

use muster_test_harness::{Answer, PATCH_OP, TenantClient, TestApp, USER};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// When the clock of a test starts, as answers tell it.
const START: &str = "2026-11-03T14:03:00.000Z";

/// A tenant as Okta's client speaks to it: every header that was captured.
#[derive(Debug)]
struct Okta {
    tenant: TenantClient,
}

impl Okta {
    async fn start() -> (TestApp, Self) {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        (app, Self { tenant })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.tenant
            .request(method, path)
            .header("user-agent", "Okta SCIM Client 1.0.0")
            .header("accept", "application/scim+json")
            .header("accept-charset", "utf-8")
            .header("accept-encoding", "gzip,deflate")
            .header("connection", "close")
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        self.tenant.send(request.header("authorization", format!("Bearer {}", self.tenant.token))).await
    }

    async fn with_body(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header("content-type", "application/scim+json; charset=utf-8");
        self.send(request.body(body.to_string())).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.with_body(Method::POST, path, body).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.with_body(Method::PUT, path, body).await
    }

    async fn operations(&self, path: &str, operations: Value) -> Answer {
        let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
        self.with_body(Method::PATCH, path, &body).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// OK-02, encoded as Okta does.
    async fn find_user(&self, user_name: &str) -> Value {
        let user_name = user_name.replace('@', "%40");
        self.get(&format!("/Users?filter=userName%20eq%20%22{user_name}%22&startIndex=1&count=100")).await.expect(200)
    }
}

/// OK-03: a new user as Okta posts it.
fn ada() -> Value {
    json!({
        "schemas": [USER],
        "userName": "ada@example.com",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "primary": true, "value": "ada@example.com", "type": "work" }],
        "displayName": "Ada Byron",
        "locale": "en-US",
        "externalId": "00u1abcdEFGH2345j5d7",
        "groups": [],
        "password": "k3Vqz8Rt",
        "active": true,
    })
}

/// Another user of the same shape.
fn person(login: &str) -> Value {
    let mut person = ada();
    person["userName"] = json!(login);
    person["emails"][0]["value"] = json!(login);
    person["externalId"] = json!(format!("00u-{login}"));
    person
}

/// `totalResults`, `startIndex` and `itemsPerPage`; they must be numbers.
fn counters(list: &Value) -> [u64; 3] {
    ["totalResults", "startIndex", "itemsPerPage"].map(|counter| list[counter].as_u64().expect("a number"))
}

/// One attribute of each resource of a list.
fn each<'a>(list: &'a Value, attribute: &str) -> Vec<&'a str> {
    let resources = list["Resources"].as_array().expect("Resources is always there");
    resources.iter().map(|resource| resource[attribute].as_str().expect("a text")).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).expect("a text")
}

//! Dialects as data: every rule of the table with a request that needs it, every profile with its identity provider's own requests, and
//! what an administrator reads of both.

mod profiles;
mod rules;
mod trail;

use muster_test_harness::{Answer, ENTERPRISE, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

/// An extension with attributes of types that RFC 7643's own do not have.
const OFFICE: &str = "urn:example:params:scim:schemas:extension:office:2.0:User";

/// Who a request of these tests is about.
#[derive(Debug)]
struct People {
    ada: String,
    boss: String,
    group: String,
}

/// One request, with `{ada}`, `{boss}` and `{group}` where their ids stand.
#[derive(Debug, Clone)]
struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    content_type: &'static str,
    /// What stands before the token.
    scheme: &'static str,
}

impl Request {
    fn new(method: Method, path: &str, body: Option<Value>) -> Self {
        let path = path.to_owned();
        Self { method, path, query: Vec::new(), body, content_type: "application/scim+json", scheme: "Bearer " }
    }

    /// As one identity provider after the other would send it.
    async fn send(&self, tenant: &TenantClient, people: &People) -> Answer {
        let filled = |text: &str| {
            let with_users = text.replace("{ada}", &people.ada).replace("{boss}", &people.boss);
            with_users.replace("{group}", &people.group)
        };
        let mut request = tenant.request(self.method.clone(), &filled(&self.path));
        request = request.header("authorization", format!("{}{}", self.scheme, tenant.token));
        if !self.query.is_empty() {
            let query: Vec<(&str, String)> = self.query.iter().map(|(name, value)| (*name, filled(value))).collect();
            request = request.query(&query);
        }
        if let Some(body) = &self.body {
            request = request.header("content-type", self.content_type).body(filled(&body.to_string()));
        }
        tenant.send(request).await
    }
}

fn get(path: &str) -> Request {
    Request::new(Method::GET, path, None)
}

fn find(path: &str, filter: &str) -> Request {
    Request { query: vec![("filter", filter.to_owned())], ..get(path) }
}

fn post(path: &str, body: Value) -> Request {
    Request::new(Method::POST, path, Some(body))
}

fn put(path: &str, body: Value) -> Request {
    Request::new(Method::PUT, path, Some(body))
}

fn patch(path: &str, operations: Value) -> Request {
    let body = json!({ "schemas": [muster_test_harness::PATCH_OP], "Operations": operations });
    Request::new(Method::PATCH, path, Some(body))
}

/// A tenant that is met by this profile.
async fn tenant(app: &TestApp, profile: &str) -> TenantClient {
    let tenant = app.tenant(profile).await;
    let floor = json!({ "name": "floor", "type": "integer", "multiValued": false, "description": "Where." });
    let office = json!({ "id": OFFICE, "name": "Office", "description": "Where people sit", "attributes": [floor] });
    let extensions = json!([{ "resourceType": "User", "required": false, "schema": office }]);
    let settings = json!({ "profile": profile, "extensions": extensions });
    app.admin_put(&format!("/tenants/{profile}/scim"), settings).await.expect(200);
    tenant
}

/// A user, a boss, and a group of which the boss is a member; `number` makes their names differ.
async fn people(tenant: &TenantClient, number: usize) -> People {
    let boss = tenant.user(&format!("boss{number}@example.com")).await;
    let ada = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": format!("ada{number}@example.com"),
        "externalId": format!("ext-{number}"),
        "name": { "givenName": "Ada", "familyName": "Byron", "formatted": "Ada Byron" },
        "title": "Countess",
        "emails": [{ "value": format!("ada{number}@example.com"), "type": "work", "primary": true }],
        ENTERPRISE: { "department": "Analysis", "manager": { "value": boss } },
    });
    let ada = tenant.post("/Users", ada).await.expect(201)["id"].as_str().unwrap().to_owned();
    let group = tenant.group(&format!("Engineering {number}"), &[&boss]).await;
    People { ada, boss, group }
}

/// What the trail has of the request that was answered so.
async fn trailed(app: &TestApp, tenant: &str, answer: &Answer) -> Value {
    let requests = app.admin_get(&format!("/tenants/{tenant}/requests")).await.expect(200);
    let id = answer.header("x-request-id");
    let found = requests["requests"].as_array().unwrap().iter().find(|request| request["request"] == id);
    found.unwrap_or_else(|| panic!("no request {id} in {requests}")).clone()
}

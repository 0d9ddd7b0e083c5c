//! Security event tokens: what happened is told in the words of RFC 9967, believed by who verifies it, to who sends for it and to who comes
//! for it.

mod access;
mod full;
mod held;
mod oracle;
mod poll;
mod push;
mod receiver;
pub(crate) mod restored;
mod scope;
mod settings;
mod snippets;
mod told;

use std::time::Duration;

use muster_test_harness::{Answer, TenantClient, TestApp, USER};
use oracle::verified;
use reqwest::Method;
use serde_json::{Map, Value, json};

const SCIM: &str = "urn:ietf:params:scim:event:";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// What the clock of a test says at first, in seconds since 1970.
const START_S: i64 = 1_793_714_580;

/// Somebody who comes for the tokens of a stream.
#[derive(Debug, Clone)]
struct Poller {
    client: TenantClient,
    stream: String,
}

impl Poller {
    /// Of a stream that is added now.
    async fn add(app: &TestApp, stream: &str, more: Value) -> Self {
        let mut new = json!({ "name": stream });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let added = app.admin_post("/tenants/acme/streams", new).await.expect(201);
        Self::of(app, stream, added["token"].as_str().unwrap())
    }

    fn of(app: &TestApp, stream: &str, token: &str) -> Self {
        Self { client: app.client("/t/acme", token), stream: stream.to_owned() }
    }

    async fn ask(&self, body: Value) -> Answer {
        let path = format!("/events/{}", self.stream);
        let request = self.client.request(Method::POST, &path).bearer_auth(&self.client.token);
        Answer::of(request.header("content-type", "application/json").body(body.to_string())).await
    }

    /// The tokens of one answer, by name.
    async fn sets(&self, body: Value) -> Map<String, Value> {
        self.ask(body).await.expect(200)["sets"].as_object().unwrap().clone()
    }

    /// So many tokens, each acknowledged: the verified claims, in the order of what they tell of.
    async fn take(&self, app: &TestApp, count: usize) -> Vec<Value> {
        let (mut all, mut names) = (Vec::new(), Vec::<String>::new());
        for _ in 0..100 {
            let sets = self.sets(json!({ "ack": names, "returnImmediately": all.len() >= count })).await;
            names = sets.keys().cloned().collect();
            for (name, token) in &sets {
                let claims = verified(token.as_str().unwrap(), &jwks(app).await).unwrap();
                assert_eq!(claims["jti"], json!(name));
                all.push(claims);
            }
            if all.len() >= count && sets.is_empty() {
                assert_eq!(all.len(), count, "{all:?}");
                return all;
            }
        }
        panic!("{all:?}");
    }

    /// Nothing is there, nor comes soon.
    async fn has_nothing(&self) -> bool {
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.sets(json!({ "returnImmediately": true })).await.is_empty()
    }
}

async fn jwks(app: &TestApp) -> Value {
    let keys = app.client("/t/acme", "").request(Method::GET, "/.well-known/jwks.json");
    let keys = Answer::of(keys).await;
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    keys.expect(200)
}

/// The short names of what a token tells.
fn events(claims: &Value) -> Vec<String> {
    let names = claims["events"].as_object().unwrap().keys();
    names.map(|uri| uri.strip_prefix(SCIM).unwrap_or(uri).to_owned()).collect()
}

/// What it says of one of them.
fn payload<'c>(claims: &'c Value, event: &str) -> &'c Value {
    &claims["events"][format!("{SCIM}{event}")]
}

fn set_active(active: bool) -> Value {
    json!([{ "op": "replace", "path": "active", "value": active }])
}

fn person(name: &str) -> Value {
    json!({ "schemas": [USER], "userName": name, "active": true })
}

/// Waits until so many tasks of a stream stand so.
async fn settled(app: &TestApp, stream: &str, standing: &str, count: u64) {
    for _ in 0..600 {
        let shown = app.admin_get("/tenants/acme/streams").await.expect(200);
        let found = shown["streams"].as_array().unwrap().iter().find(|it| it["name"] == stream).unwrap().clone();
        if found["tasks"][standing].as_u64().unwrap_or_default() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", app.admin_get("/tenants/acme/streams").await.text);
}

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::PATCH_OP;

/// An answer of the server.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; `null` where there is none.
    pub body: Value,
    /// Its body as it came.
    pub text: String,
}

impl Answer {
    /// The answer to a request that the test has completed.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.expect("the server answers");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("the answer is whole");
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// The body, if the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The text of a header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A field of an account, as `app.account()` shows it; `null` if it has none of that name.
pub fn field(account: &Value, name: &str) -> Value {
    let fields = account["fields"].as_array().map_or(&[][..], Vec::as_slice);
    let found = fields.iter().find(|field| field["name"] == name);
    // `{"text": "..."}`: the name of the value's type stands around it.
    let value = found.and_then(|field| field["value"].as_object()?.values().next());
    value.cloned().unwrap_or_default()
}

/// A tenant, as its identity provider sees it.
#[derive(Debug, Clone)]
pub struct TenantClient {
    http: reqwest::Client,
    /// The tenant's base URL.
    pub base: String,
    /// The tenant's token.
    pub token: String,
}

impl TenantClient {
    /// A tenant at a base URL, by its token.
    pub fn new(http: reqwest::Client, base: &str, token: &str) -> Self {
        Self { http, base: base.to_owned(), token: token.to_owned() }
    }

    /// The same tenant under another base URL.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same tenant with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// A request that the test completes; the path is relative to the base URL and goes out as it is.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request that the test has completed.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::of(request).await
    }

    async fn with_body(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).bearer_auth(&self.token);
        Answer::of(request.header("content-type", "application/scim+json").body(body.to_string())).await
    }

    /// GET
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).bearer_auth(&self.token)).await
    }

    /// GET with a filter, encoded as identity providers do: `find("/Users", "userName eq \"ada\"")`.
    pub async fn find(&self, path: &str, filter: &str) -> Answer {
        let filter = utf8_percent_encode(filter, NON_ALPHANUMERIC);
        let joint = if path.contains('?') { '&' } else { '?' };
        self.get(&format!("{path}{joint}filter={filter}")).await
    }

    /// The ids that a filter finds.
    pub async fn ids(&self, path: &str, filter: &str) -> Vec<String> {
        let list = self.find(path, filter).await.expect(200);
        let resources = list["Resources"].as_array().expect("Resources is always there");
        resources.iter().map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
    }

    /// POST
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.with_body(Method::POST, path, &body).await
    }

    /// PUT
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.with_body(Method::PUT, path, &body).await
    }

    /// PATCH with a whole body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.with_body(Method::PATCH, path, &body).await
    }

    /// PATCH with these operations.
    pub async fn operations(&self, path: &str, operations: Value) -> Answer {
        self.patch(path, json!({ "schemas": [PATCH_OP], "Operations": operations })).await
    }

    /// DELETE
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path).bearer_auth(&self.token)).await
    }

    /// Creates a user who is shown by the name that they sign in with; the id.
    pub async fn person(&self, name: &str) -> String {
        let body = json!({ "schemas": [crate::USER], "userName": name, "displayName": name });
        self.post("/Users", body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// A new user with nothing but a name; its id.
    pub async fn user(&self, user_name: &str) -> String {
        let made = self.post("/Users", json!({ "schemas": [crate::USER], "userName": user_name })).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// A new group with these members; its id.
    pub async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        let body = json!({ "schemas": [crate::GROUP], "displayName": name, "members": members });
        self.post("/Groups", body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// The ids of a group's members, in order.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let group = self.get(&format!("/Groups/{group}")).await.expect(200);
        let members = group["members"].as_array().cloned().unwrap_or_default();
        members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
    }
}

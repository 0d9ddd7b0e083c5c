use reqwest::Method;
use serde_json::Value;

/// A request as an identity provider makes it; the path is relative to the tenant's base URL.
#[derive(Debug, Clone)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// Path and query, percent-encoded: `/Users?startIndex=1&count=2`.
    pub path: String,
    /// The body.
    pub body: Option<Value>,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    pub(crate) fn with_body(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self { method, path: path.into(), body: Some(body) }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body; `null` where there is none.
    pub body: Value,
}

/// Why there is no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The server was not reached, or broke off.
    #[error("{method} {path}: {source}")]
    Transport {
        /// The verb.
        method: Method,
        /// The path.
        path: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server answered something that the identity provider cannot go on from.
    #[error("{method} {path} was answered {status}: {detail}")]
    Unexpected {
        /// The verb.
        method: Method,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// What the server said.
        detail: String,
    },
}

/// An identity provider's connection to one tenant.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    authorization: String,
    user_agent: &'static str,
    content_type: &'static str,
}

impl Client {
    /// As Okta's SCIM client presents itself (1.1).
    pub fn okta(base: &str, token: &str) -> Self {
        Self::new(base, token, "Okta SCIM Client 1.0.0", "application/scim+json; charset=utf-8")
    }

    /// As Entra's provisioning service presents itself (2.1).
    pub fn entra(base: &str, token: &str) -> Self {
        Self::new(base, token, "Microsoft Azure AD SCIM provisioning", "application/scim+json")
    }

    fn new(base: &str, token: &str, user_agent: &'static str, content_type: &'static str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.trim_end_matches('/').to_owned(),
            authorization: format!("Bearer {token}"),
            user_agent,
            content_type,
        }
    }

    /// Sends one request, whatever the answer.
    pub async fn send(&self, request: &Request) -> Result<Reply, SendError> {
        let failed =
            |source| SendError::Transport { method: request.method.clone(), path: request.path.clone(), source };
        let mut sent = self
            .http
            .request(request.method.clone(), format!("{}{}", self.base, request.path))
            .header("authorization", &self.authorization)
            .header("user-agent", self.user_agent)
            .header("accept", "application/scim+json");
        if let Some(body) = &request.body {
            sent = sent.header("content-type", self.content_type).body(body.to_string());
        }
        let answer = sent.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.map_err(failed)?;
        Ok(Reply { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    /// Sends one request that must be answered with one of these statuses.
    pub async fn expect(&self, request: &Request, statuses: &[u16]) -> Result<Reply, SendError> {
        let reply = self.send(request).await?;
        if statuses.contains(&reply.status) {
            return Ok(reply);
        }
        let detail = reply.body["detail"].as_str().unwrap_or("no detail").to_owned();
        let (method, path) = (request.method.clone(), request.path.clone());
        Err(SendError::Unexpected { method, path, status: reply.status, detail })
    }
}

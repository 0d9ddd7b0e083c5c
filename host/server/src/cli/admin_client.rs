use anyhow::{Context, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

use super::Remote;

/// A running server's admin API.
#[derive(Debug)]
pub(super) struct AdminClient {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl AdminClient {
    pub(super) fn new(remote: &Remote) -> anyhow::Result<Self> {
        let server = remote.server.trim_end_matches('/');
        if !server.starts_with("http://") {
            bail!(
                "--server must begin with http://: the admin listener speaks plain HTTP, so reach it on loopback or through a tunnel"
            );
        }
        let base = if server.ends_with("/admin/v1") { server.to_owned() } else { format!("{server}/admin/v1") };
        Ok(Self { http: reqwest::Client::new(), base, key: remote.admin_key.clone() })
    }

    pub(super) async fn get(&self, path: &[&str]) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// As [`AdminClient::get`], with a query.
    pub(super) async fn find(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, query, None).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> anyhow::Result<Value> {
        self.send(Method::DELETE, path, None).await
    }

    pub(super) async fn post(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(body.to_string().into_bytes())).await
    }

    pub(super) async fn put(&self, path: &[&str], body: &Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, path, Some(body.to_string().into_bytes())).await
    }

    pub(super) async fn push(&self, path: &[&str], bytes: Vec<u8>) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(bytes)).await
    }

    /// Sends lines of an import, which begin with item `from`.
    pub(super) async fn load(&self, path: &[&str], from: u64, lines: Vec<u8>) -> anyhow::Result<Value> {
        self.ask(Method::PUT, path, &[("from", from.to_string())], Some(lines)).await
    }

    /// What there is from byte `from` on, to be read piece by piece.
    pub(super) async fn fetch(&self, path: &[&str], from: u64) -> anyhow::Result<reqwest::Response> {
        let url = format!("{}/{}", self.base, path.join("/"));
        let request = self.http.get(&url).bearer_auth(&self.key).header("range", format!("bytes={from}-"));
        let answer = request.send().await.with_context(|| format!("no answer from {}", self.base))?;
        match answer.status() {
            reqwest::StatusCode::PARTIAL_CONTENT => Ok(answer),
            status => bail!("{url} was answered {status}"),
        }
    }

    async fn send(&self, method: Method, path: &[&str], body: Option<Vec<u8>>) -> anyhow::Result<Value> {
        self.ask(method, path, &[], body).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Value> {
        // Whatever somebody types as a name stays one segment of the path.
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let segments = path.iter().map(|segment| encoded(segment));
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let joint = if query.is_empty() { "" } else { "?" };
        let url = format!("{}/{}{joint}{}", self.base, segments.collect::<Vec<_>>().join("/"), query.join("&"));
        let mut request = self.http.request(method, &url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.with_context(|| format!("no answer from {}", self.base))?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        match value["detail"].as_str() {
            Some(detail) => bail!("{detail} ({status})"),
            None => bail!("{url} was answered {status}; is this the admin listener?"),
        }
    }
}

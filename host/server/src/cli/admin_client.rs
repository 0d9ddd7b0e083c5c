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

    async fn send(&self, method: Method, path: &[&str], body: Option<Vec<u8>>) -> anyhow::Result<Value> {
        // Whatever somebody types as a name stays one segment of the path.
        let segments = path.iter().map(|segment| utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string());
        let url = format!("{}/{}", self.base, segments.collect::<Vec<_>>().join("/"));
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

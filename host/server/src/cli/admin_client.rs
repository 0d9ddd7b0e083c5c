use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_service::NewPlugin;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

use super::{Remote, printable};

/// What is encoded in a path: what a route is called may have a `-`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-');

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
        if remote.admin_key.trim().is_empty() {
            bail!("there is no admin key: --admin-key or MUSTER_ADMIN_KEY gives it; {WHERE_IT_IS}");
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

    /// Pushes a component, and says what is to be said of it.
    pub(super) async fn push_plugin(&self, bytes: Vec<u8>, new: &NewPlugin) -> anyhow::Result<Value> {
        let about = STANDARD.encode(serde_json::to_vec(new)?);
        let request = self.http.post(format!("{}/plugins", self.base)).header("muster-plugin", about);
        self.answer(request.body(bytes), None).await
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
        let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        let segments = path.iter().map(|segment| encoded(segment));
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let joint = if query.is_empty() { "" } else { "?" };
        let url = format!("{}/{}{joint}{}", self.base, segments.collect::<Vec<_>>().join("/"), query.join("&"));
        let mut request = self.http.request(method, &url);
        if let Some(body) = body {
            request = request.body(body);
        }
        let tenant = path.strip_prefix(&["tenants"]).and_then(|rest| rest.first().copied());
        self.answer(request, tenant).await
    }

    /// `tenant`: the one that is asked about, if it is there.
    async fn answer(&self, request: reqwest::RequestBuilder, tenant: Option<&str>) -> anyhow::Result<Value> {
        let answer =
            request.bearer_auth(&self.key).send().await.with_context(|| format!("no answer from {}", self.base))?;
        let url = answer.url().clone();
        let status = answer.status();
        let bytes = answer.bytes().await?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        match value["detail"].as_str() {
            Some(detail) if status == reqwest::StatusCode::UNAUTHORIZED => {
                bail!("{}; {WHERE_IT_IS}", told(detail, &value["errors"], status, tenant))
            }
            Some(detail) => bail!("{}", told(detail, &value["errors"], status, tenant)),
            None => bail!("{url} was answered {status}; is this the admin listener?"),
        }
    }
}

/// One sentence; where it says several things in one, a line for each of them, and below what is wanted how it is granted.
fn told(detail: &str, value: &Value, status: reqwest::StatusCode, tenant: Option<&str>) -> String {
    let one = |error: &Value| match (error["pointer"].as_str(), error["detail"].as_str().unwrap_or_default()) {
        (None, says) => printable(says),
        (Some(""), says) => format!("the configuration: {}", printable(says)),
        (Some(place), says) => format!("{}: {}", printable(place), printable(says)),
    };
    let errors: Vec<String> = errors_of(value).map(one).collect();
    let detail = printable(detail);
    let is_want = |error: &Value| error["kind"].is_string();
    let wants = errors_of(value).filter(|error| is_want(error)).map(flag).collect::<Vec<_>>();
    match detail.strip_suffix(&errors.join("; ")).and_then(|what| what.strip_suffix(": ")) {
        Some(what) if !wants.is_empty() && wants.len() == errors.len() => {
            let each = errors.iter().zip(&wants).map(|(says, flag)| format!("\n  {says}\n    {flag}"));
            let each = each.collect::<String>();
            format!("{what} ({status}){each}\n  {}", how_to_grant(what, tenant))
        }
        Some(what) if errors.len() > 1 => format!("{what} ({status})\n  {}", errors.join("\n  ")),
        Some(_) | None => format!("{detail} ({status})"),
    }
}

fn errors_of(errors: &Value) -> impl Iterator<Item = &Value> {
    errors.as_array().into_iter().flatten()
}

/// What grants a want.
fn flag(want: &Value) -> String {
    let kind = printable(want["kind"].as_str().unwrap_or_default());
    match want["name"].as_str() {
        Some(name) => format!("--grant {kind}={}", printable(name)),
        None => format!("--grant {kind}"),
    }
}

/// Where whoever has no admin key, or a wrong one, finds it.
const WHERE_IT_IS: &str =
    "it is what the server was started with as MUSTER_ADMIN_KEY, or stands in keys/admin.key of its data folder";

/// Behind wants that nobody has granted; `what` begins with the plugin: `plugin acme 1.0.0 wants ...`. A tenant that is only made now has
/// nobody to grant it anything beforehand.
fn how_to_grant(what: &str, tenant: Option<&str>) -> String {
    const OPTIONS: &str = "grant what you agree to with these options, or all of it with --grant-all";
    let Some(tenant) = tenant else { return format!("{OPTIONS}, when the tenant is created") };
    let mut words = what.strip_prefix("plugin ").unwrap_or_default().split(' ');
    let plugin = match (words.next(), words.next()) {
        (Some(name), Some(version)) => format!("{name}@{version}"),
        _ => "NAME".to_owned(),
    };
    format!(
        "{OPTIONS}, where it is bound; or beforehand: muster tenant grant {} WANT... --plugin {plugin}",
        printable(tenant)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_in_several_places_is_told_line_by_line() {
        let bad = reqwest::StatusCode::BAD_REQUEST;
        let seats = json!({ "pointer": "/seats", "detail": "must be a number" });
        let whole = json!({ "pointer": "", "detail": "must be smaller" });
        let one = told("it does not fit: /seats: must be a number", &json!([seats]), bad, None);
        assert_eq!(one, "it does not fit: /seats: must be a number (400 Bad Request)");
        let both = "it does not fit: /seats: must be a number; the configuration: must be smaller";
        let expected =
            "it does not fit (400 Bad Request)\n  /seats: must be a number\n  the configuration: must be smaller";
        assert_eq!(told(both, &json!([seats, whole]), bad, None), expected);
        let name = json!({ "pointer": "/a\u{1b}[2J\nb", "detail": "is not known here" });
        let escaped = told("it does not fit: /a\u{1b}[2J\nb: is not known here", &json!([name]), bad, None);
        assert_eq!(escaped, r"it does not fit: /a\u{1b}[2J\nb: is not known here (400 Bad Request)");
        let twice = "it does not fit: /a\u{1b}[2J\nb: is not known here; /a\u{1b}[2J\nb: is not known here";
        let line = r"  /a\u{1b}[2J\nb: is not known here";
        let expected = format!("it does not fit (400 Bad Request)\n{line}\n{line}");
        assert_eq!(told(twice, &json!([name, name]), bad, None), expected);
        assert_eq!(told("it is not there", &Value::Null, bad, None), "it is not there (400 Bad Request)");
    }

    #[test]
    fn what_is_wanted_is_told_with_what_grants_it() {
        let conflict = reqwest::StatusCode::CONFLICT;
        let want = json!([{ "kind": "state", "detail": "it wants to remember" }]);
        let says = "plugin p 1.0.0 wants what tenant t has not granted: it wants to remember";
        let expected = "plugin p 1.0.0 wants what tenant t has not granted (409 Conflict)\n  it wants to remember\n    --grant state\n  \
            grant what you agree to with these options, or all of it with --grant-all, ";
        let bound = told(says, &want, conflict, Some("t"));
        let beforehand = "where it is bound; or beforehand: muster tenant grant t WANT... --plugin p@1.0.0";
        assert_eq!(bound, format!("{expected}{beforehand}"));
        assert_eq!(told(says, &want, conflict, None), format!("{expected}when the tenant is created"));
    }
}

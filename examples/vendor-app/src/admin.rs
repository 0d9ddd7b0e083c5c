//! What the product asks of Muster's admin API. The vendor runs Muster, so its backend has an operator's key; the customers' people have none,
//! and what they may do is decided by the product before anything is asked here.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Product, Shared};

/// How long Muster may take: it answers in milliseconds, or it is not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// The part of `muster.json` that is about the admin API. It is read each time, because Muster writes it when it is started.
#[derive(Deserialize)]
struct Written {
    /// `http://127.0.0.1:7601/admin/v1`
    admin: Option<String>,
    /// Its first line is the admin key.
    admin_key_file: Option<PathBuf>,
    /// Where identity providers are served: `http://127.0.0.1:7600`
    scim: Option<String>,
    /// The tenants, by product.
    tenants: std::collections::BTreeMap<Product, String>,
}

/// One product's tenant at Muster, as its operator has it.
pub(crate) struct Tenant<'a> {
    http: &'a reqwest::Client,
    key: String,
    url: String,
    scim: String,
    name: String,
}

/// What became of a question.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Muster does not answer, or does not know the product.
    Unavailable(String),
    /// Muster says no, and why.
    Refused(String),
}

/// A tenant as it is now.
#[derive(Debug, Deserialize)]
pub(crate) struct View {
    pub(crate) config: Value,
    base_path: String,
    revision: u64,
}

/// A key that was made just now: the only time that it can be read.
#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// A key without its secret.
#[derive(Debug, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) created: String,
    pub(crate) live: bool,
}

#[derive(Deserialize)]
struct Keys {
    tokens: Vec<Key>,
}

impl<'a> Tenant<'a> {
    /// The tenant that `muster.json` names for a product.
    pub(crate) fn of(shared: &'a Shared, product: Product) -> Result<Self, Failed> {
        Self::written(shared, product).map_err(Failed::Unavailable)
    }

    fn written(shared: &'a Shared, product: Product) -> Result<Self, String> {
        let file = shared.data.join("muster.json");
        let text = std::fs::read(&file).map_err(|_| format!("there is no {}", file.display()))?;
        let written: Written = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let (Some(admin), Some(key_file), Some(scim)) = (written.admin, written.admin_key_file, written.scim) else {
            return Err(format!("{} does not say where Muster's admin API is", file.display()));
        };
        let name = written.tenants.get(&product).ok_or("the product has no tenant there")?.clone();
        let keys = std::fs::read_to_string(&key_file).map_err(|error| format!("{}: {error}", key_file.display()))?;
        let key = keys.lines().next().unwrap_or_default().trim().to_owned();
        Ok(Self { http: &shared.http, key, url: format!("{admin}/tenants/{name}"), scim, name })
    }

    pub(crate) async fn view(&self) -> Result<View, Failed> {
        self.read(self.ask(Method::GET, "")).await
    }

    /// Where an identity provider is to go, which the token of the tenant makes its own.
    pub(crate) fn base_url(&self, view: &View) -> String {
        format!("{}{}", self.scim, view.base_path)
    }

    /// The same, for one customer alone.
    pub(crate) fn own_url(&self) -> String {
        format!("{}/t/{}/scim/v2", self.scim, self.name)
    }

    /// Sets some of the plugin's settings and leaves the others, unless somebody has set them since they were looked at.
    pub(crate) async fn configure(&self, view: View, settings: &Value) -> Result<(), Failed> {
        let View { mut config, revision, .. } = view;
        for (name, value) in settings.as_object().into_iter().flatten() {
            config[name] = value.clone();
        }
        let binding = json!({ "config": config, "expected_revision": revision });
        self.read::<Value>(self.ask(Method::PUT, "/binding").json(&binding)).await.map(drop)
    }

    pub(crate) async fn keys(&self) -> Result<Vec<Key>, Failed> {
        self.read::<Keys>(self.ask(Method::GET, "/tokens")).await.map(|keys| keys.tokens)
    }

    /// Makes a key: the tenant's, or that of one of its users.
    pub(crate) async fn make_key(&self, label: &str, user: Option<&str>) -> Result<Made, Failed> {
        self.read(self.ask(Method::POST, "/tokens").json(&json!({ "label": label, "user": user }))).await
    }

    pub(crate) async fn revoke_key(&self, id: &str) -> Result<(), Failed> {
        self.answer(self.ask(Method::DELETE, &format!("/tokens/{id}"))).await.map(drop)
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key).timeout(PATIENCE)
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failed> {
        let answer = self.answer(request).await?;
        answer.json().await.map_err(|error| Failed::Unavailable(error.without_url().to_string()))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<reqwest::Response, Failed> {
        let answer = request.send().await.map_err(|error| Failed::Unavailable(error.without_url().to_string()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        // Its own key, or its trouble: nothing that whoever clicks can mend.
        if status.is_server_error() || [401, 403, 429].contains(&status.as_u16()) {
            return Err(Failed::Unavailable(format!("it answered {status}")));
        }
        let why: Value = answer.json().await.unwrap_or_default();
        Err(Failed::Refused(why["detail"].as_str().map_or_else(|| format!("it answered {status}"), str::to_owned)))
    }
}

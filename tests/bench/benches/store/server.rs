//! The released server on a data set.

use std::time::Duration;

use anyhow::{Context, bail};
use muster_bench::server::Server as Process;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::json;

use crate::args::Args;
use crate::data;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Api {
    /// The tenant's identity provider.
    Scim,
    /// An operator.
    Admin,
}

/// The process, and how its tenant is reached.
pub(crate) struct Server {
    process: Process,
    /// The tenant's SCIM endpoint.
    base: String,
    /// The tenant's token.
    token: String,
}

impl Server {
    /// Makes a data set that was built one that can be served (its tenant has a plugin, and its log is sealed), and serves it.
    pub(crate) async fn start(args: &Args, users: u64) -> anyhow::Result<Self> {
        let run = || Process::start(&args.muster, &data::deployment(args, users), args.cache_mib);
        let mut first = run()?;
        // A data set is built without a plugin.
        let binding = json!({ "plugin": first.push(&args.plugin).await?, "config": {} }).to_string();
        first.admin(Method::PUT, &format!("/tenants/{}/binding", data::tenant()), binding).await?;
        // What the upkeep would do later, in the middle of a round.
        seal(&first).await?;
        first.end()?;
        let process = run()?;
        let path = format!("/tenants/{}/tokens", data::tenant());
        let issued = process.admin(Method::POST, &path, json!({ "label": "benchmark" }).to_string()).await?;
        let token = issued["token"].as_str().context("the token is told once")?.to_owned();
        let base = format!("{}/t/{}/scim/v2", process.scim, data::tenant());
        Ok(Self { process, base, token })
    }

    pub(crate) fn request(&self, client: &Client, api: Api, method: Method, path: &str) -> RequestBuilder {
        match api {
            Api::Scim => client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token),
            Api::Admin => self.process.operator(client, method, path),
        }
    }

    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        self.process.cpu_time()
    }

    pub(crate) fn end(&mut self) -> anyhow::Result<()> {
        self.process.end()
    }
}

/// Seals the whole log. One request may end before that is done; the next goes on.
async fn seal(process: &Process) -> anyhow::Result<()> {
    let path = format!("/tenants/{}/log/head", data::tenant());
    loop {
        let answer = process.operator(&Client::new(), Method::POST, &path).send().await?;
        match answer.status() {
            StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(Duration::from_secs(1)).await,
            status if status.is_success() => return Ok(()),
            status => bail!("the log is not sealed: {status}"),
        }
    }
}

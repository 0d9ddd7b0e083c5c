//! The released server on a data set, in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::args::Args;
use crate::data;

/// It reaches loopback only, for as long as the measurement takes.
const ADMIN_KEY: &str = "the key of a measurement on loopback";

/// What the kernel counts processor time of a process in; it is the same on every Linux.
const TICKS_A_SECOND: u64 = 100;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Api {
    /// The tenant's identity provider.
    Scim,
    /// An operator.
    Admin,
}

/// The process, and how it is reached.
pub(crate) struct Server {
    child: Child,
    admin: String,
    /// The tenant's SCIM endpoint.
    base: String,
    /// The tenant's token.
    token: String,
}

impl Server {
    /// Makes a data set that was built one that can be served (its tenant has a plugin, and its log is sealed), and serves it.
    pub(crate) async fn start(args: &Args, users: u64) -> anyhow::Result<Self> {
        let mut first = Self::run(args, users)?;
        first.bind(&args.plugin).await?;
        // What the upkeep would do later, in the middle of a round.
        first.seal().await?;
        first.end()?;
        let mut server = Self::run(args, users)?;
        let path = format!("/tenants/{}/tokens", data::tenant());
        let issued = server.admin(Method::POST, &path, json!({ "label": "benchmark" }).to_string()).await?;
        issued["token"].as_str().context("the token is told once")?.clone_into(&mut server.token);
        Ok(server)
    }

    fn run(args: &Args, users: u64) -> anyhow::Result<Self> {
        let mut child = Command::new(&args.muster)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"])
            .arg(data::deployment(args, users))
            .env("MUSTER_ADMIN_KEY", ADMIN_KEY)
            .env("MUSTER_LOG_FORMAT", "json")
            .env("MUSTER_STORE_CACHE_MIB", args.cache_mib.to_string())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!("{} cannot be started; `cargo xtask build --release` builds it", args.muster.display())
            })?;
        let mut lines = BufReader::new(child.stderr.take().context("its log can be read")?).lines();
        let mut told = String::new();
        let addresses = loop {
            let Some(line) = lines.next().transpose()? else { bail!("the server ended: {told}") };
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if let (Some(scim), Some(admin)) = (said["scim"].as_str(), said["admin"].as_str()) {
                break [scim, admin].map(|address| format!("http://{address}"));
            }
            told = line;
        };
        // It would wait if nobody read what it logs.
        std::thread::spawn(move || lines.for_each(drop));
        let [scim, admin] = addresses;
        let base = format!("{scim}/t/{}/scim/v2", data::tenant());
        Ok(Self { child, admin: format!("{admin}/admin/v1"), base, token: String::new() })
    }

    /// Gives the tenant the plugin that decides its requests: a data set is built without one.
    async fn bind(&self, plugin: &Path) -> anyhow::Result<()> {
        let component = fs::read(plugin).with_context(|| plugin.display().to_string())?;
        let pushed = self.admin(Method::POST, "/plugins", component).await?;
        let binding = json!({ "plugin": pushed["digest"], "config": {} }).to_string();
        self.admin(Method::PUT, &format!("/tenants/{}/binding", data::tenant()), binding).await.map(drop)
    }

    /// Seals the whole log. One request may end before that is done; the next goes on.
    async fn seal(&self) -> anyhow::Result<()> {
        let path = format!("/tenants/{}/log/head", data::tenant());
        loop {
            let answer = self.request(&Client::new(), Api::Admin, Method::POST, &path).send().await?;
            match answer.status() {
                StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(Duration::from_secs(1)).await,
                status if status.is_success() => return Ok(()),
                status => bail!("the log is not sealed: {status}"),
            }
        }
    }

    async fn admin(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> anyhow::Result<Value> {
        let answer = self.request(&Client::new(), Api::Admin, method.clone(), path).body(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{method} {path} was answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) fn request(&self, client: &Client, api: Api, method: Method, path: &str) -> RequestBuilder {
        let (base, token) = match api {
            Api::Scim => (&self.base, self.token.as_str()),
            Api::Admin => (&self.admin, ADMIN_KEY),
        };
        client.request(method, format!("{base}{path}")).bearer_auth(token)
    }

    /// Processor time of all its threads, those that have ended included.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program, in brackets, may hold anything; user and system time are the 12th and 13th behind it.
        let (_, fields) = stat.rsplit_once(')').context("the kernel tells it")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS_A_SECOND))
    }

    /// As an operator stops it.
    pub(crate) fn end(&mut self) -> anyhow::Result<()> {
        let stopped = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(stopped.success() && self.child.wait()?.success(), "the server did not end well");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever went wrong, it does not outlive the measurement.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

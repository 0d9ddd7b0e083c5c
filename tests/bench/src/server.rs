//! The released server, in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::measure;

/// It reaches loopback only, for as long as the measurement takes.
const ADMIN_KEY: &str = "the key of a measurement on loopback";

/// What the kernel counts processor time of a process in; it is the same on every Linux.
const TICKS_A_SECOND: u64 = 100;

/// The process, and how it is reached.
#[derive(Debug)]
pub struct Server {
    child: Child,
    admin: Client,
    /// `http://` and the address of its operators' listener.
    operators: String,
    /// `http://` and the address of its SCIM listener.
    pub scim: String,
    /// How long it took until it could be reached.
    pub started_in: Duration,
}

impl Server {
    /// Starts `muster` on a data folder, with this much memory for the store's pages (0: as it decides).
    pub fn start(muster: &Path, data: &Path, cache_mib: u64) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut child = Command::new(muster)
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("MUSTER_ADMIN_KEY", ADMIN_KEY)
            .env("MUSTER_LOG_FORMAT", "json")
            .env("MUSTER_STORE_CACHE_MIB", cache_mib.to_string())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| {
                format!("{} cannot be started; `cargo xtask build --release` builds it", muster.display())
            })?;
        let mut lines = BufReader::new(child.stderr.take().context("its log can be read")?).lines();
        let mut told = String::new();
        let [scim, admin] = loop {
            let Some(line) = lines.next().transpose()? else { bail!("the server ended: {told}") };
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if let (Some(scim), Some(admin)) = (said["scim"].as_str(), said["admin"].as_str()) {
                break [scim, admin].map(|address| format!("http://{address}"));
            }
            told = line;
        };
        let started_in = began.elapsed();
        // It would wait if nobody read what it logs.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, admin: Client::new(), operators: admin, scim, started_in })
    }

    /// A request of an operator: `/tenants`.
    pub fn operator(&self, client: &Client, method: Method, path: &str) -> RequestBuilder {
        client.request(method, format!("{}/admin/v1{path}", self.operators)).bearer_auth(ADMIN_KEY)
    }

    /// What an operator is answered; an error if it is a refusal.
    pub async fn admin(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> anyhow::Result<Value> {
        let answer = self.operator(&self.admin, method.clone(), path).body(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{method} {path} was answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Pushes a component, and gives its digest.
    pub async fn push(&self, plugin: &Path) -> anyhow::Result<String> {
        let component = fs::read(plugin).with_context(|| plugin.display().to_string())?;
        let pushed = self.admin(Method::POST, "/plugins", component).await?;
        Ok(pushed["digest"].as_str().context("a plugin has a digest")?.to_owned())
    }

    /// What `/metrics` says.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let answer = self.admin.get(format!("{}/metrics", self.operators)).bearer_auth(ADMIN_KEY).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// Processor time of all its threads, those that have ended included.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program, in brackets, may hold anything; user and system time are the 12th and 13th behind it.
        let (_, fields) = stat.rsplit_once(')').context("the kernel tells it")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS_A_SECOND))
    }

    /// What it has in memory, in bytes.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        Ok(measure::resident_bytes_of(&self.child.id().to_string())?)
    }

    /// As an operator stops it.
    pub fn end(&mut self) -> anyhow::Result<()> {
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

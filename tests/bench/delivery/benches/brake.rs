//! What a write pays for the brake: deactivations of a tenant that counts them, beside those of one whose brake is off, over HTTP, at the same server.
//! The count itself is made in the background, and is in the processor time. Nothing here fails on a time.
//!
//! `cargo xtask bench brake`

#![allow(clippy::print_stdout, reason = "a benchmark, which prints what it measured")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use muster_bench::server::Server;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How long the last deactivations of a round are given to be counted: the count waits 50 ms for others.
const COUNTED: Duration = Duration::from_millis(500);

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What can be chosen.
#[derive(Debug, Parser)]
struct Args {
    /// The server
    #[arg(long)]
    muster: PathBuf,
    /// The component that both tenants have
    #[arg(long)]
    plugin: PathBuf,
    /// How many users each of them has
    #[arg(long, default_value_t = 500)]
    users: usize,
    /// How often all of them are deactivated, in turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// What cargo says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// A tenant, and what its deactivations took.
struct Tenant {
    name: &'static str,
    base: String,
    token: String,
    users: Vec<String>,
    /// Of each round: the middle of the times that were waited, and processor time of the server for each.
    took: Vec<(Duration, Duration)>,
}

impl Tenant {
    async fn make(server: &Server, client: &Client, name: &'static str, args: &Args) -> anyhow::Result<Self> {
        let digest = server.push(&args.plugin).await?;
        let new = json!({ "name": name, "plugin": digest, "config": {}, "grants": "all" });
        let made = server.admin(Method::POST, "/tenants", new.to_string()).await?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).context("a tenant has a base and a token");
        let mut tenant =
            Self { name, base: text("scim_base")?, token: text("token")?, users: Vec::new(), took: Vec::new() };
        for number in 0..args.users {
            let user = json!({ "schemas": [SCHEMA], "userName": format!("u{number}@example.com") });
            let made = tenant.send(client, Method::POST, "/Users", &user).await?;
            tenant.users.push(made["id"].as_str().context("a user has an id")?.to_owned());
        }
        Ok(tenant)
    }

    async fn send(&self, client: &Client, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        let answer = request.header("content-type", "application/scim+json").body(body.to_string()).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path} was answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Each user, one after the other; how long each request took.
    async fn set_active(&self, client: &Client, active: bool) -> anyhow::Result<Vec<Duration>> {
        let operation = json!({ "op": "replace", "path": "active", "value": active });
        let body = json!({ "schemas": [PATCH], "Operations": [operation] });
        let mut took = Vec::with_capacity(self.users.len());
        for id in &self.users {
            let began = Instant::now();
            self.send(client, Method::PATCH, &format!("/Users/{id}"), &body).await?;
            took.push(began.elapsed());
        }
        Ok(took)
    }

    async fn round(&mut self, server: &Server, client: &Client) -> anyhow::Result<()> {
        let before = server.cpu_time()?;
        let mut took = self.set_active(client, false).await?;
        tokio::time::sleep(COUNTED).await;
        let cpu = server.cpu_time()?.saturating_sub(before);
        took.sort_unstable();
        let middle = took.get(took.len() / 2).copied().context("there are users")?;
        self.took.push((middle, cpu / u32::try_from(took.len())?));
        self.set_active(client, true).await?;
        Ok(())
    }

    /// The middle of the rounds.
    fn say(&self) -> anyhow::Result<()> {
        let middle = |mut of: Vec<Duration>| {
            of.sort_unstable();
            of.get(of.len() / 2).copied().context("there are rounds")
        };
        let waited = middle(self.took.iter().map(|(waited, _)| *waited).collect())?;
        let cpu = middle(self.took.iter().map(|(_, cpu)| *cpu).collect())?;
        println!("| {} | {} µs | {} µs |", self.name, waited.as_micros(), cpu.as_micros());
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(&args.muster, &folder.path().join("data"), 0)?;
    let client = Client::new();
    let mut counted = Tenant::make(&server, &client, "counted", &args).await?;
    let mut off = Tenant::make(&server, &client, "off", &args).await?;
    // It counts, and never engages.
    let never = json!({ "count": 100_000, "half_from": 0 }).to_string();
    server.admin(Method::PUT, "/tenants/counted/brake", never).await?;
    server.admin(Method::PUT, "/tenants/off/brake", json!({ "is_on": false }).to_string()).await?;
    for round in 0..args.rounds {
        // In turns, so that neither always comes first.
        let turn = if round % 2 == 0 { [&mut counted, &mut off] } else { [&mut off, &mut counted] };
        for tenant in turn {
            tenant.round(&server, &client).await?;
        }
    }
    let shown = server.admin(Method::GET, "/tenants/counted/brake", "").await?;
    ensure!(shown["counted"]["users"] == args.users, "all of them are counted: {shown}");
    println!("PATCH active=false, {} users, one client, the middle of {} rounds", args.users, args.rounds);
    println!("| the brake | until the answer | processor time of the server |\n| --- | --- | --- |");
    counted.say()?;
    off.say()?;
    server.end()
}

//! What of a durable create's processor time is the plugin's, at the released server: by what the server says of its calls, and by what a
//! tenant costs whose plugin does nothing.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use muster_bench::measure::{Cost, median};
use muster_bench::okta_user;
use muster_bench::server::Server;
use reqwest::{Client, Method};
use serde_json::json;
use std::time::Instant;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::subjects::{self, IDLE, PYTHON, Subject};

/// The most of a create's processor time that a plugin may take, in percent.
const AIM_PERCENT: f64 = 15.0;

/// A tenant of one plugin.
struct Tenant {
    subject: Subject,
    url: String,
    token: String,
    /// How many users it has been sent.
    sent: usize,
    rounds: Vec<Round>,
}

/// What the creates of one round took, and what the server counted of the plugin's calls meanwhile.
struct Round {
    clients: usize,
    cost: Cost,
    calls: f64,
    called_us: f64,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    println!(
        "\nshare: a durable create as Okta sends it, processor time of the server in µs, the middle of {} rounds",
        args.post_rounds
    );
    println!(
        "    {:12} {:>8} {:>10} {:>10} {:>10} {:>10} {:>8}",
        "", "clients", "create", "over idle", "calls", "in calls", "share"
    );
    measure(args, &subjects::without(args, PYTHON)).await?;
    if PYTHON.file(args).exists() {
        measure(args, &[IDLE, PYTHON]).await?;
    }
    Ok(())
}

/// One server with these plugins, which take turns.
async fn measure(args: &Args, subjects: &[Subject]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(&args.muster, &folder.path().join("data"), args.cache_mib)?;
    let mut tenants = Vec::new();
    for subject in subjects {
        tenants.push(Tenant::make(args, &server, *subject).await?);
    }
    // The first round warms.
    for round in 0..=args.post_rounds {
        for clients in &args.clients {
            for tenant in &mut tenants {
                let measured = tenant.measure(&server, args.posts, *clients).await?;
                if round > 0 {
                    tenant.rounds.push(measured);
                }
            }
        }
    }
    for clients in &args.clients {
        // The first is the one that does nothing.
        let mut idle = None;
        for tenant in &tenants {
            let create = tenant.middle(*clients, |round| round.cost.cpu_us());
            let over = create - *idle.get_or_insert(create);
            let calls = tenant.middle(*clients, |round| round.calls / round.cost.operations as f64);
            let in_calls = tenant.middle(*clients, |round| round.called_us / round.cost.operations as f64);
            let share = 100.0 * in_calls / create;
            let missed = if share > AIM_PERCENT { ", missed" } else { "" };
            println!(
                "    {:12} {clients:8} {create:10.0} {over:10.0} {calls:10.2} {in_calls:10.1} {share:7.1}%   (aim: at most {AIM_PERCENT}%{missed})",
                tenant.subject.name
            );
        }
    }
    server.end()
}

impl Tenant {
    async fn make(args: &Args, server: &Server, subject: Subject) -> anyhow::Result<Self> {
        let digest = server.push(&subject.file(args)).await?;
        let made =
            json!({ "name": subject.name, "plugin": digest, "config": subject.config(), "grants": "all" }).to_string();
        let made = server.admin(Method::POST, "/tenants", made).await?;
        let token = made["token"].as_str().context("the token is told once")?.to_owned();
        let url = format!("{}/t/{}/scim/v2/Users", server.scim, subject.name);
        Ok(Self { subject, url, token, sent: 0, rounds: Vec::new() })
    }

    async fn measure(&mut self, server: &Server, posts: usize, clients: usize) -> anyhow::Result<Round> {
        let bodies = (self.sent..self.sent + posts).map(|number| okta_user(number).to_string());
        self.sent += posts;
        let bodies: Arc<[String]> = bodies.collect();
        let before = self.counted(server).await?;
        let mut sending = JoinSet::new();
        let (began, cpu) = (Instant::now(), server.cpu_time()?);
        for first in 0..clients {
            let (bodies, url, token) = (bodies.clone(), self.url.clone(), self.token.clone());
            sending.spawn(async move {
                let client = Client::new();
                for body in bodies.iter().skip(first).step_by(clients) {
                    let request = client.post(&url).bearer_auth(&token).header("content-type", "application/scim+json");
                    let answer = request.body(body.clone()).send().await?;
                    let status = answer.status();
                    let text = answer.text().await?;
                    ensure!(status == 201, "{url} was answered {status}: {text}");
                }
                anyhow::Ok(())
            });
        }
        while let Some(client) = sending.join_next().await {
            client??;
        }
        let cost =
            Cost { operations: posts as u64, wall: began.elapsed(), cpu: server.cpu_time()?.saturating_sub(cpu) };
        let after = self.counted(server).await?;
        Ok(Round { clients, cost, calls: after.0 - before.0, called_us: (after.1 - before.1) * 1e6 })
    }

    /// How often this plugin has been called, and for how many seconds in all.
    async fn counted(&self, server: &Server) -> anyhow::Result<(f64, f64)> {
        // In the metrics a plugin has the name that it gives itself.
        let own = match self.subject.name {
            "javascript" | "python" => "loft",
            name => name,
        };
        let metrics = server.metrics().await?;
        let read = |what: &str| {
            let begins = format!("muster_plugin_call_duration_seconds_{what}{{plugin=\"{own}\"}} ");
            metrics
                .lines()
                .find_map(|line| line.strip_prefix(&begins))
                .and_then(|value| value.parse().ok())
                .unwrap_or(0.0)
        };
        Ok((read("count"), read("sum")))
    }

    fn middle(&self, clients: usize, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().filter(|round| round.clients == clients).map(of).collect())
    }
}

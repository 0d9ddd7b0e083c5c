//! Memory and start of the released server with many tenants that are bound to few plugins.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use muster_bench::okta_user;
use muster_bench::server::Server;
use reqwest::{Client, Method};
use serde_json::json;

use crate::args::Args;
use crate::subjects::{self, JAVASCRIPT, PYTHON};

/// What the server may have in memory, in MiB.
const AIM_MIB: f64 = 1_024.0;

/// How long whoever has just started settles.
const PAUSE: Duration = Duration::from_secs(2);

/// The server on a folder, and what it has had in memory.
struct Watched {
    server: Server,
    /// Without any tenant, in bytes.
    alone: Option<u64>,
    tenants: usize,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let start = || Server::start(&args.muster, &data, args.cache_mib);
    let mut watched = Watched { server: start()?, alone: None, tenants: args.tenants };
    // Of the two that keep instances the one with the larger ones.
    let plugins = subjects::without(args, if PYTHON.file(args).exists() { JAVASCRIPT } else { PYTHON });
    println!(
        "\ntenants: {} of {} plugins; the store may use {} MiB for pages",
        args.tenants,
        plugins.len(),
        args.cache_mib
    );
    watched.tell("just started, empty")?;
    let mut digests = Vec::new();
    for subject in &plugins {
        digests.push((watched.server.push(&subject.file(args)).await?, subject.config()));
    }
    watched.server.end()?;
    watched.server = start()?;
    watched.alone = Some(watched.server.resident_bytes()?);

    let (began, mut tokens) = (Instant::now(), Vec::with_capacity(args.tenants));
    for (number, (digest, config)) in (0..args.tenants).zip(digests.iter().cycle()) {
        let made = json!({ "name": name(number), "plugin": digest, "config": config, "grants": "all" }).to_string();
        let made = watched.server.admin(Method::POST, "/tenants", made).await?;
        tokens.push(made["token"].as_str().context("the token is told once")?.to_owned());
    }
    println!("    made in {:.1} s, {:.2} ms each", seconds(began), seconds(began) * 1e3 / args.tenants as f64);
    watched.tell("when all were made")?;
    watched.server.end()?;

    watched.server = start()?;
    let (took, cpu) = (watched.server.started_in.as_secs_f64(), watched.server.cpu_time()?.as_secs_f64());
    println!("    started in {took:.2} s ({cpu:.2} s of processor time)");
    tokio::time::sleep(PAUSE).await;
    watched.tell("started again")?;
    for round in ["first", "second"] {
        let began = Instant::now();
        watched.use_each(&tokens, round).await?;
        println!("    {} requests of the {round} round in {:.1} s", args.tenants, seconds(began));
        watched.tell(&format!("after the {round} round"))?;
    }
    watched.server.end()
}

impl Watched {
    /// A new user for each tenant: an instance that is kept is kept for this one, and goes when others need its place.
    async fn use_each(&self, tokens: &[String], round: &str) -> anyhow::Result<()> {
        let client = Client::new();
        let number = usize::from(round == "second");
        let body = okta_user(number).to_string();
        for (tenant, token) in tokens.iter().enumerate() {
            let url = format!("{}/t/{}/scim/v2/Users", self.server.scim, name(tenant));
            let request = client.post(&url).bearer_auth(token).header("content-type", "application/scim+json");
            let answer = request.body(body.clone()).send().await?;
            let status = answer.status();
            let text = answer.text().await?;
            ensure!(status == 201, "{url} was answered {status}: {text}");
        }
        Ok(())
    }

    fn tell(&self, when: &str) -> anyhow::Result<()> {
        let bytes = self.server.resident_bytes()?;
        let mib = bytes as f64 / f64::from(1 << 20);
        let each = self.alone.map_or_else(String::new, |alone| {
            let each = bytes.saturating_sub(alone) as f64 / 1024.0 / self.tenants as f64;
            let missed = if mib > AIM_MIB { ", missed" } else { "" };
            format!(", {each:.1} KiB a tenant   (aim: at most {AIM_MIB} MiB{missed})")
        });
        println!("    {when:28} {mib:8.0} MiB{each}");
        Ok(())
    }
}

fn name(number: usize) -> String {
    format!("tenant-{number}")
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, say};
use crate::app::store_engine::{self, Options, Report};
use crate::config::Config;

/// What is done with the store as a whole.
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Copies the store of a running server, as it is at one moment, into a folder beside it
    Backup {
        /// What the copy is called; without it, the time
        #[arg(long = "to")]
        name: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists the backups of a running server
    Backups {
        #[command(flatten)]
        remote: Remote,
    },
    /// Makes the store of a data folder out of a backup; no server may use it
    Restore {
        /// The folder of the backup
        #[arg(long)]
        from: PathBuf,
        #[command(flatten)]
        local: Local,
    },
    /// Reads everything in a copy of a store, made beside it for the while, and holds it against itself; no server may use the store
    Check {
        #[command(flatten)]
        local: Local,
    },
    /// Makes again what follows from records, memberships and log: indexes, counters, histories; no server may use the store
    RebuildIndex {
        #[command(flatten)]
        local: Local,
    },
}

/// Which store, without a server.
#[derive(Debug, Args)]
pub(super) struct Local {
    /// The data folder; instead of `data` of the configuration
    #[arg(long)]
    data: Option<PathBuf>,
    /// The configuration file (TOML) of the server, for the folder and for `store.reserve_mib`; without one, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// How often a backup is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// How often it is told on the terminal how far something is, in rows.
const TOLD_EVERY: u64 = 1 << 17;

impl Store {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Backup { name, remote } => backup(name, &remote).await,
            Self::Backups { remote } => backups(&remote).await,
            Self::Restore { from, local } => aside(move || restore(&from, &local)).await,
            Self::Check { local } => aside(move || check(&local)).await,
            Self::RebuildIndex { local } => aside(move || rebuild_index(&local)).await,
        }
    }
}

impl Local {
    /// The data folder, and how its store is opened: with the server's reserve of free room.
    fn opened(&self) -> anyhow::Result<(PathBuf, Options)> {
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let config = Config::load(self.config.as_deref(), environment)?;
        let options = Options { reserve_bytes: config.store.reserve_mib << 20, ..Options::default() };
        Ok((self.data.clone().unwrap_or(config.data), options))
    }
}

async fn aside(work: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(work).await?
}

async fn backup(name: Option<String>, remote: &Remote) -> anyhow::Result<()> {
    let client = AdminClient::new(remote)?;
    let mut job = client.post(&["backups"], &json!({ "name": name })).await?;
    let id = plain(&job["id"]).to_owned();
    let mut shown = 0;
    loop {
        match plain(&job["state"]) {
            "running" => {
                let rows = job["done"].as_u64().unwrap_or_default();
                if rows != shown {
                    progress(format_args!("{rows} rows copied"));
                    shown = rows;
                }
                tokio::time::sleep(ASK_EVERY).await;
                job = client.get(&["jobs", &id]).await?;
            }
            "done" => break,
            _ => bail!("{}", job["error"].as_str().context("the job ended without a result")?),
        }
    }
    let made = &job["result"];
    if remote.json {
        return say(made);
    }
    say(format_args!("{} rows, {} bytes in {}", made["rows"], made["bytes"], plain(&made["folder"])))?;
    say("keys/ of the data folder is not in it: keep a copy of that apart")
}

async fn backups(remote: &Remote) -> anyhow::Result<()> {
    let answer = AdminClient::new(remote)?.get(&["backups"]).await?;
    if remote.json {
        return say(answer);
    }
    let backups = answer["backups"].as_array().map_or(&[][..], Vec::as_slice);
    if backups.is_empty() {
        return say("none");
    }
    for backup in backups {
        let state = if backup["finished"] == true { "" } else { "   not finished" };
        let (name, folder) = (plain(&backup["backup"]), plain(&backup["folder"]));
        say(format_args!("{name:<32} {}   {:>14} bytes   {folder}{state}", plain(&backup["at"]), backup["bytes"]))?;
    }
    Ok(())
}

fn restore(from: &Path, local: &Local) -> anyhow::Result<()> {
    let (data, options) = local.opened()?;
    let store = store_of(&data);
    let restored = store_engine::restore(from, &store, &options, &mut |_| {})?;
    let keys = data.join("keys");
    let has_keys = keys.join("token.key").exists();
    if local.json {
        return say(json!({
            "store": store, "backup_made": restored.at.to_string(), "rows": restored.rows,
            "report": report_json(&restored.report), "has_keys": has_keys,
        }));
    }
    say(format_args!("{} rows as of {} are in {}", restored.rows, restored.at, store.display()))?;
    findings(&restored.report)?;
    if has_keys {
        say(format_args!("the tokens in it work if {} is from the same deployment", keys.display()))
    } else {
        say(format_args!(
            "before the server is started, put keys/ of the same deployment into {}: without it no token works",
            data.display()
        ))
    }
}

fn check(local: &Local) -> anyhow::Result<()> {
    let (data, options) = local.opened()?;
    let report = store_engine::check_copy(&store_of(&data), &options, &mut looked_at())?;
    if local.json {
        say(report_json(&report))?;
    } else {
        shown(&report)?;
    }
    verdict(&report)
}

fn rebuild_index(local: &Local) -> anyhow::Result<()> {
    let (data, options) = local.opened()?;
    let rebuilt = store_engine::rebuild_index(&store_of(&data), &options, &mut looked_at())?;
    if local.json {
        say(json!({ "changed": rebuilt.changed, "report": report_json(&rebuilt.report) }))?;
    } else {
        say(format_args!("{} rows were written or removed", rebuilt.changed))?;
        shown(&rebuilt.report)?;
    }
    verdict(&rebuilt.report)
}

fn store_of(data: &Path) -> PathBuf {
    data.join("store")
}

fn looked_at() -> impl FnMut(u64) {
    let mut told = 0;
    move |rows| {
        if rows / TOLD_EVERY != told {
            told = rows / TOLD_EVERY;
            progress(format_args!("{rows} rows looked at"));
        }
    }
}

#[expect(clippy::print_stderr, reason = "how far it is goes to the terminal, and not into the answer")]
fn progress(what: std::fmt::Arguments<'_>) {
    eprintln!("{what}");
}

fn shown(report: &Report) -> anyhow::Result<()> {
    for (what, count) in &report.counts {
        say(format_args!("{count:>10} {what}"))?;
    }
    if report.is_sound() {
        return say("sound: nothing is missing, and nothing contradicts anything else");
    }
    findings(report)
}

fn findings(report: &Report) -> anyhow::Result<()> {
    for finding in &report.findings {
        say(finding)?;
    }
    let told = report.findings.len() as u64;
    if report.found > told {
        say(format_args!("and {} more", report.found - told))?;
    }
    Ok(())
}

fn report_json(report: &Report) -> Value {
    let finding = |finding: &store_engine::Finding| json!({ "tenant": finding.tenant, "what": finding.what, "mendable": finding.mendable });
    json!({
        "sound": report.is_sound(), "found": report.found, "mendable": report.mendable, "counts": report.counts,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn verdict(report: &Report) -> anyhow::Result<()> {
    let (found, lost) = (report.found, report.found - report.mendable);
    ensure!(lost == 0, "{found} findings, and {lost} of them cannot be mended; restore the latest backup");
    ensure!(found == 0, "{found} findings; `muster store rebuild-index` mends them");
    Ok(())
}

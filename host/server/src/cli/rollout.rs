//! `muster rollout`: another plugin for a tenant, step by step.

mod counted;
pub(super) mod shown;
mod trials;
mod watching;

use std::time::Duration;

use anyhow::{anyhow, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::grant::Grants;
use super::moving::meter::Meter;
use super::tenant::plain;
use super::{Remote, config, say};
use trials::Trials;
use watching::Watching;

#[derive(Debug, Subcommand)]
pub(super) enum Rollout {
    /// Looks at what another plugin or configuration would make of a tenant's directory; writes nothing, unless --until or --canary says so
    Start(Start),
    /// Shows a rollout and what its steps found
    Show(Which),
    /// Lists a tenant's rollouts, the latest first
    List {
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lets the candidate decide, if the binding is still the one that was looked at, and has it watched
    Activate(Activate),
    /// Goes on with the trials that were asked for, whatever speaks against the candidate
    Continue(Which),
    /// Maps what is stored by the candidate that decides, once it was watched; goes on where it was interrupted
    Remap(Remap),
    /// Waits until nothing is under way any more, the watch included; fails if the candidate did
    Wait(Which),
    /// Ends what is under way, or the watch, or a rollout that waits to be activated
    Cancel(Which),
}

#[derive(Debug, Args)]
pub(super) struct Start {
    tenant: String,
    /// A plugin that was pushed: its name (the newest), name@version, or digest; without it, the present one
    #[arg(long)]
    plugin: Option<String>,
    /// The plugin's configuration: JSON, or @file; without it, the present one
    #[arg(long)]
    config: Option<String>,
    #[command(flatten)]
    grants: Grants,
    /// How far it goes by itself
    ///
    /// It waits after the preview, for `muster rollout activate`, if anything would be rejected, would get no answer, is of a kind that the
    /// candidate does not serve, would have a name that another one has, or would lose what is kept of it; if the candidate reads an attribute
    /// that was not kept until now, because nobody can say what it would make of that; and if an identity provider would no longer find what
    /// it is set up for: the URL, groups, /Bulk. It maps nothing again if calls failed while it was watched.
    #[arg(long, value_enum, default_value_t = Until::Preview)]
    until: Until,
    /// Of how many resources in a hundred the preview is: always the same ones
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = percent)]
    sample: u32,
    /// Do not wait for what comes of it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
    // Each of these has a heading of its own, which whatever comes after it would stand under as well.
    #[command(flatten)]
    trials: Trials,
    #[command(flatten)]
    watching: Watching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    /// What it would do is told
    Preview,
    /// The candidate decides; the command does not wait for the end of the watch
    Activate,
    /// And what is stored is mapped by it, when the watch was without a failure
    Remap,
}

#[derive(Debug, Args)]
pub(super) struct Which {
    tenant: String,
    /// The id of the rollout; without it, the latest
    rollout: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Activate {
    #[command(flatten)]
    which: Which,
    /// Whatever speaks against the candidate
    #[arg(long)]
    anyway: bool,
}

#[derive(Debug, Args)]
pub(super) struct Remap {
    #[command(flatten)]
    which: Which,
    /// Do not wait for its end
    #[arg(long)]
    no_wait: bool,
}

/// How often a rollout is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

impl Rollout {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Start(start) => start.run().await,
            Self::Show(which) => {
                let (client, id) = which.open().await?;
                let rollout = client.get(&["tenants", &which.tenant, "rollouts", &id]).await?;
                told(&which.remote, &rollout)
            }
            Self::List { tenant, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &tenant, "rollouts"]).await?;
                if remote.json {
                    return say(answer);
                }
                match answer["rollouts"].as_array().map(Vec::as_slice).unwrap_or_default() {
                    [] => say(NoRollout(tenant)),
                    rollouts => rollouts.iter().map(shown::line).try_for_each(say),
                }
            }
            Self::Activate(Activate { which, anyway }) => which.turn("activate", &json!({ "anyway": anyway })).await,
            Self::Continue(which) => {
                let begun = which.post("continue").await?;
                let rollout = ended(&which.remote, &begun, Until::Activate).await?;
                told(&which.remote, &rollout)?;
                failed(&which.remote, &begun, &rollout)
            }
            Self::Remap(Remap { which, no_wait }) => {
                let start = format!("to map what is stored: muster rollout start {} --until remap", which.tenant);
                let begun = which
                    .post("remap")
                    .await
                    .map_err(|error| if error.is::<NoRollout>() { anyhow!("{error}; {start}") } else { error })?;
                let rollout = if no_wait { begun.clone() } else { ended(&which.remote, &begun, Until::Remap).await? };
                if which.remote.json {
                    say(&rollout)?;
                } else {
                    shown::remapped(&rollout)?;
                }
                came_to(&which.remote, &begun, &rollout, "remap")
            }
            Self::Wait(which) => {
                let (client, id) = which.open().await?;
                let found = client.get(&["tenants", &which.tenant, "rollouts", &id]).await?;
                let rollout = ended(&which.remote, &found, Until::Remap).await?;
                told(&which.remote, &rollout)?;
                failed(&which.remote, &found, &rollout)?;
                ensure!(rollout["state"] != "cancelled", "it was cancelled");
                Ok(())
            }
            Self::Cancel(which) => which.turn("cancel", &json!({})).await,
        }
    }
}

impl Start {
    async fn run(self) -> anyhow::Result<()> {
        let Self { tenant, plugin, config: text, grants, until, sample, no_wait, trials, watching, remote } = self;
        let mut body = json!({ "until": until.as_str(), "sample": sample, "watch": watching.asked() });
        if let Some(plugin) = plugin {
            body["plugin"] = json!(plugin);
        }
        if let Some(text) = text {
            body["config"] = config(&text)?;
        }
        grants.put_into(&mut body);
        trials.ask(&mut body);
        let begun = AdminClient::new(&remote)?.post(&["tenants", &tenant, "rollouts"], &body).await?;
        let rollout = if no_wait { begun.clone() } else { ended(&remote, &begun, until).await? };
        told(&remote, &rollout)?;
        came_to(&remote, &begun, &rollout, trials.last().filter(|_| until == Until::Preview).unwrap_or(until.as_str()))
    }
}

impl Until {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Activate => "activate",
            Self::Remap => "remap",
        }
    }
}

impl Which {
    /// The client, and the id of the rollout that is meant.
    async fn open(&self) -> anyhow::Result<(AdminClient, String)> {
        let client = AdminClient::new(&self.remote)?;
        if let Some(id) = &self.rollout {
            return Ok((client, id.clone()));
        }
        let answer = client.get(&["tenants", &self.tenant, "rollouts"]).await?;
        let latest = answer["rollouts"][0]["id"].as_str().map(str::to_owned);
        Ok((client, latest.ok_or_else(|| NoRollout(self.tenant.clone()))?))
    }

    async fn post(&self, what: &str) -> anyhow::Result<Value> {
        let (client, id) = self.open().await?;
        client.post(&["tenants", &self.tenant, "rollouts", &id, what], &json!({})).await
    }

    /// Does what one request does, and tells what it has changed.
    async fn turn(&self, what: &str, body: &Value) -> anyhow::Result<()> {
        let (client, id) = self.open().await?;
        let before = client.get(&["tenants", &self.tenant, "rollouts", &id]).await?;
        let rollout = client.post(&["tenants", &self.tenant, "rollouts", &id, what], body).await?;
        if self.remote.json { say(&rollout) } else { shown::turned(&before, &rollout) }
    }
}

/// `10%`, or `10`.
fn percent(text: &str) -> Result<u32, String> {
    text.strip_suffix('%').unwrap_or(text).parse().map_err(|_| "a share in percent, as in 10%".to_owned())
}

/// There is none that could be meant.
#[derive(Debug, thiserror::Error)]
#[error("tenant {0} has had no rollout yet")]
struct NoRollout(String);

/// The rollout, as soon as nothing is under way any more; the watch is waited for if something is to follow it.
async fn ended(remote: &Remote, rollout: &Value, until: Until) -> anyhow::Result<Value> {
    let client = AdminClient::new(remote)?;
    let path = ["tenants", plain(&rollout["tenant"]), "rollouts", plain(&rollout["id"])];
    let mut meter = Meter::new();
    loop {
        let now = client.get(&path).await?;
        let is_waited_for = match plain(&now["state"]) {
            "running" => true,
            "watching" => until == Until::Remap,
            _ => false,
        };
        if !is_waited_for {
            meter.clear();
            return Ok(now);
        }
        let steps = now["steps"].as_array().into_iter().flatten();
        for step in steps.filter(|step| step["state"] == "running") {
            let count = |name: &str| step[name].as_u64().unwrap_or_default();
            let name = plain(&step["name"]);
            meter.tell_in(shown::unit(name), name, count("done"), count("total"));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn told(remote: &Remote, rollout: &Value) -> anyhow::Result<()> {
    if remote.json { say(rollout) } else { shown::shown(rollout) }
}

/// Fails if a step of the rollout did, or was cancelled since it `begun`: a watch that was cancelled before is no failure of what came after
/// it. People have been told why; in JSON it may not be looked for.
fn failed(remote: &Remote, begun: &Value, rollout: &Value) -> anyhow::Result<()> {
    let was_cancelled = |step: &Value| {
        let mut before = begun["steps"].as_array().into_iter().flatten();
        before.any(|was| was["name"] == step["name"] && was["state"] == "cancelled")
    };
    let has_failed = |step: &&Value| match plain(&step["state"]) {
        "failed" => true,
        "cancelled" => !was_cancelled(step),
        _ => false,
    };
    match rollout["steps"].as_array().into_iter().flatten().find(has_failed) {
        Some(step) => {
            let says = match step["says"].as_str() {
                Some(says) if remote.json => format!(": {says}"),
                Some(_) => "; why stands above".to_owned(),
                None => String::new(),
            };
            bail!("{} {}{says}", plain(&step["name"]), plain(&step["state"]))
        }
        None => Ok(()),
    }
}

/// Fails if the rollout did not come as far as it was to go.
fn came_to(remote: &Remote, begun: &Value, rollout: &Value, wanted: &str) -> anyhow::Result<()> {
    failed(remote, begun, rollout)?;
    let mut steps = rollout["steps"].as_array().into_iter().flatten();
    let is_done = steps.any(|step| step["name"] == wanted && step["state"] == "done");
    if is_done || rollout["state"] == "running" || rollout["state"] == "watching" {
        return Ok(());
    }
    match rollout["says"].as_str() {
        Some(says) if remote.json => bail!("{says}"),
        Some(_) => bail!("it did not come as far as {wanted}; why stands above"),
        None => bail!("it did not come as far as {wanted}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_with_its_sign_or_without() {
        assert_eq!((percent("10%"), percent("10")), (Ok(10), Ok(10)));
        for text in ["", "%", "ten", "10 %", "-1%"] {
            assert_eq!(percent(text), Err("a share in percent, as in 10%".to_owned()), "{text}");
        }
    }
}

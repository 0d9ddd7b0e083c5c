mod shown;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, printable, say};
use shown::{are, counted, line, shown_lines};

#[derive(Debug, Subcommand)]
pub(super) enum Brake {
    /// Shows whether the brake of a tenant is engaged, why, what is held, and how it is set
    Show {
        /// Whose
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists who is affected: each task that is held, or waits and is held when its turn comes, with whom it is about and what it follows from
    List(List),
    /// Carries out what is held: of some users or tasks, or everything, and then the brake is disengaged
    Release(Relieve),
    /// Never carries out what is held: of some users or tasks, or everything, and then the brake is disengaged
    ///
    /// What the identity provider has written stays; `muster undo` takes that back.
    Cancel(Relieve),
    /// Sets when the brake of a tenant engages; what is not given stays as it is
    Set(Set),
    /// Turns the brake of a tenant on: what was done before is not counted
    On {
        /// Whose
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Turns the brake of a tenant off: nothing is held, whatever happens
    Off {
        /// Whose
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Which tasks are listed.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Whose
    tenant: String,
    /// Tasks behind this one
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// How many at most
    #[arg(long, default_value_t = 200)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// Whose tasks are decided over.
#[derive(Debug, Args)]
#[group(id = "whose", required = true, multiple = false, args = ["users", "tasks", "all"])]
pub(super) struct Relieve {
    /// Whose brake
    tenant: String,
    /// All destructive tasks of the user with this id or userName, or of the group with this id; can be given several times
    #[arg(long = "user", value_name = "USER")]
    users: Vec<String>,
    /// The task of this number; can be given several times
    #[arg(long = "task", value_name = "NUMBER")]
    tasks: Vec<u64>,
    /// Everything that is held; the brake is disengaged, and counts from now on
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    remote: Remote,
}

/// When it engages.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// Whose
    tenant: String,
    /// How many seconds are looked at together
    #[arg(long, value_name = "SECONDS")]
    window_s: Option<u32>,
    /// More users than this who are deactivated or deleted in the window engage it, if they are more than the share too
    #[arg(long, value_name = "USERS")]
    count: Option<u32>,
    /// That share: of a hundred users that were active, or groups that there were, within the window; 100: only --half-from counts
    #[arg(long, value_name = "PERCENT")]
    share_percent: Option<u32>,
    /// So many users who are deactivated or deleted, or have another userName, or groups that are deleted, engage it also if they are half or more
    /// of all; 0: they do not
    #[arg(long, value_name = "USERS")]
    half_from: Option<u32>,
    /// Of a hundred members of a group: more that are gone engage it, if they are more than the count; 100: lost members and deleted groups never do
    #[arg(long, value_name = "PERCENT")]
    group_share_percent: Option<u32>,
    /// So many groups that lost more than that share engage it also if they lost more members than the count together; 0: they do not
    #[arg(long, value_name = "GROUPS")]
    groups_from: Option<u32>,
    /// Of a hundred users: more with another userName engage it, if they are more than the count; 100: other userNames never do
    #[arg(long, value_name = "PERCENT")]
    user_names_percent: Option<u32>,
    /// Refuses if the binding is at another revision
    #[arg(long, value_name = "REVISION")]
    expected_revision: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

/// How many held tasks one request asks for.
const HELD_A_REQUEST: usize = 200;

impl Brake {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show { tenant, remote } => {
                let shown = AdminClient::new(&remote)?.get(&["tenants", &tenant, "brake"]).await?;
                told(&remote, &shown)
            }
            Self::List(list) => list.run().await,
            Self::Release(relieve) => relieve.run("release", "released").await,
            Self::Cancel(relieve) => relieve.run("cancel", "cancelled").await,
            Self::Set(set) => set.run().await,
            Self::On { tenant, remote } => put(&tenant, &remote, &json!({ "is_on": true })).await,
            Self::Off { tenant, remote } => put(&tenant, &remote, &json!({ "is_on": false })).await,
        }
    }
}

async fn put(tenant: &str, remote: &Remote, body: &Value) -> anyhow::Result<()> {
    let shown = AdminClient::new(remote)?.put(&["tenants", tenant, "brake"], body).await?;
    told(remote, &shown)
}

impl Set {
    async fn run(self) -> anyhow::Result<()> {
        let mut body = Map::new();
        let given = [
            ("window_s", self.window_s),
            ("count", self.count),
            ("share_percent", self.share_percent),
            ("half_from", self.half_from),
            ("group_share_percent", self.group_share_percent),
            ("groups_from", self.groups_from),
            ("user_names_percent", self.user_names_percent),
        ];
        for (name, value) in given {
            body.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        if body.is_empty() {
            bail!("nothing is to be set; --help tells what can be");
        }
        body.extend(self.expected_revision.map(|expected| ("expected_revision".to_owned(), json!(expected))));
        put(&self.tenant, &self.remote, &Value::Object(body)).await
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let (mut after, mut left, mut all) = (self.after, self.limit, Vec::new());
        let mut is_empty = true;
        loop {
            let query = [("limit", left.min(HELD_A_REQUEST).to_string()), ("after", after.to_string())];
            let mut answer = client.find(&["tenants", &self.tenant, "brake", "held"], &query).await?;
            let Value::Array(held) = answer["held"].take() else { bail!("the server's answer has no held tasks") };
            left = left.saturating_sub(held.len());
            is_empty &= held.is_empty();
            let next = answer["next"].as_u64();
            if self.remote.json {
                all.extend(held);
            } else {
                held.iter().try_for_each(|task| say(line(task)))?;
            }
            match next {
                // A page may have none: what waits there destroys nothing.
                Some(next) if left > 0 => after = next,
                next if self.remote.json => return say(json!({ "held": all, "next": next })),
                Some(next) => return say(format!("more: --after {next}")),
                None if is_empty => return say(format!("nothing of tenant {} is held", self.tenant)),
                None => return Ok(()),
            }
        }
    }
}

impl Relieve {
    async fn run(self, word: &str, done: &str) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let path = ["tenants", &self.tenant, "brake", word];
        let mut body =
            if self.all { json!({ "all": true }) } else { json!({ "users": self.users, "tasks": self.tasks }) };
        let (mut decided, mut released, mut refused, mut refusals) = (0, 0, 0, Vec::new());
        let held = loop {
            let mut answer = client.post(&path, &body).await?;
            decided += answer["decided"].as_u64().unwrap_or_default();
            released += answer["released"].as_u64().unwrap_or_default();
            refused += answer["refused"].as_u64().unwrap_or_default();
            if let Value::Array(told) = answer["refusals"].take() {
                refusals.extend(told);
            }
            if answer["next"].is_null() {
                break answer["held"].as_u64().unwrap_or_default();
            }
            body["from"] = answer["next"].take();
        };
        if self.remote.json {
            say(json!({
                "decided": decided, "released": released, "refused": refused, "refusals": refusals, "held": held,
            }))?;
        } else {
            let disengaged = if self.all { "; the brake is disengaged, and counts from now on" } else { "" };
            let before =
                if released > 0 { format!(", {} from before released", counted(released)) } else { String::new() };
            say(format!("{} {done}{before}{disengaged}", counted(decided)))?;
            refusals.iter().try_for_each(|refusal| say(format!("  {}", printable(plain(&refusal["detail"])))))?;
            if self.all && held > 0 {
                let tenant = &self.tenant;
                say(format!("{} still held: `muster brake show {tenant}` says what to do", are(held)))?;
            }
        }
        if refused > 0 {
            bail!("{} refused", counted(refused));
        }
        Ok(())
    }
}

fn told(remote: &Remote, shown: &Value) -> anyhow::Result<()> {
    if remote.json { say(shown) } else { shown_lines(shown).into_iter().try_for_each(say) }
}

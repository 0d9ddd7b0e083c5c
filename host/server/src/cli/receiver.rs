//! What webhooks and streams have in common: both are receivers of what happens in a tenant, by name.

mod deliveries;

use clap::Args;
use serde_json::{Map, Value, json};

use super::admin_client::AdminClient;
use super::{Remote, printable, say};

pub(super) use deliveries::Deliveries;

/// What kind of receiver is spoken of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Webhook,
    Stream,
}

impl Kind {
    /// What one is called.
    fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Stream => "stream",
        }
    }

    /// Where they stand in the admin API.
    fn folder(self) -> &'static str {
        match self {
            Self::Webhook => "webhooks",
            Self::Stream => "streams",
        }
    }
}

/// Which one.
#[derive(Debug, Args)]
pub(super) struct One {
    /// Whose
    pub(super) tenant: String,
    /// Its name
    pub(super) name: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl One {
    /// Where it stands in the admin API.
    pub(super) fn path<'a>(&'a self, kind: Kind, behind: &[&'a str]) -> Vec<&'a str> {
        [&["tenants", &self.tenant, kind.folder(), &self.name][..], behind].concat()
    }

    /// Says what was done to it.
    pub(super) fn done(&self, kind: Kind, answer: &Value, what: &str) -> anyhow::Result<()> {
        if self.remote.json {
            return say(answer);
        }
        say(format!("{} {} of tenant {} {what}", kind.word(), self.name, self.tenant))
    }

    pub(super) async fn turn(&self, kind: Kind, word: &str) -> anyhow::Result<()> {
        let answer = AdminClient::new(&self.remote)?.post(&self.path(kind, &[word]), &json!({})).await?;
        self.done(kind, &answer, &format!("is {word}"))
    }

    pub(super) async fn remove(&self, kind: Kind) -> anyhow::Result<()> {
        let answer = AdminClient::new(&self.remote)?.delete(&self.path(kind, &[])).await?;
        self.done(kind, &answer, "is removed; what waited for it is given up")
    }
}

/// All of one tenant, as `shown` has them.
pub(super) async fn list(
    kind: Kind,
    tenant: &str,
    remote: &Remote,
    shown: fn(&Value) -> Vec<String>,
) -> anyhow::Result<()> {
    let answer = AdminClient::new(remote)?.get(&["tenants", tenant, kind.folder()]).await?;
    if remote.json { say(answer) } else { shown(&answer).into_iter().try_for_each(say) }
}

/// What is said of a receiver: only what is given.
pub(super) fn body<const N: usize>(given: [(&str, Option<Value>); N]) -> Map<String, Value> {
    given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// `   3 waiting, 1 parked`
pub(super) fn standings(receiver: &Value) -> String {
    let told = ["waiting", "held", "parked"].iter().filter_map(|standing| {
        let count = receiver["tasks"][standing].as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {standing}"))
    });
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { told } else { format!("   {told}") }
}

/// How its tasks stand, a line a standing.
pub(super) fn tasks(receiver: &Value) -> impl Iterator<Item = String> {
    let counts = receiver["tasks"].as_object().into_iter().flatten();
    counts.map(|(standing, count)| format!("tasks     {count} {standing}"))
}

/// Whether anything goes there, and if not, why.
pub(super) fn is_on(receiver: &Value) -> String {
    match (receiver["is_on"] == true, receiver["off_because"].as_str()) {
        (true, _) => "on".to_owned(),
        (false, None) => "off".to_owned(),
        (false, Some(why)) => format!("off: {}", printable(why)),
    }
}

/// Whether the brake holds what tells of an access that ended.
pub(super) fn braked(receiver: &Value) -> &'static str {
    if receiver["is_braked"] == true { "held by the brake" } else { "not held by the brake" }
}

/// What stands behind a key that this deployment cannot open.
pub(super) fn opens(key: &Value) -> &'static str {
    if key["opens"] == true { "" } else { "   SEALED WITH ANOTHER KEY: rotate" }
}

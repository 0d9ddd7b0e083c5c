//! Where a tenant's events are told by signed webhooks: `muster webhook add|list|show|set|on|off|remove|test|rotate|deliveries`.

mod shown;

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::admin_client::AdminClient;
use super::receiver::{self, Deliveries, Kind, One};
use super::tenant::plain;
use super::{Remote, printable, say};
use crate::files::Told as _;

const WEBHOOK: Kind = Kind::Webhook;

#[derive(Debug, Subcommand)]
pub(super) enum Webhook {
    /// Adds a webhook, and shows its key, once: what happens from now on goes there
    Add(Add),
    /// Lists a tenant's webhooks
    List {
        /// Whose
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows one webhook: where it goes, what it is told, its keys without their values, and how its tasks stand
    Show(One),
    /// Changes a webhook; what is not given stays
    Set(Set),
    /// Turns a webhook on: what it missed goes out
    On(One),
    /// Turns a webhook off: what happens meanwhile waits
    Off(One),
    /// Removes a webhook, and gives up what waits for it
    Remove(One),
    /// Sends a `test.ping` to a webhook, now, and tells what is answered; ends with an error if it did not arrive
    Test(One),
    /// Gives a webhook another key, and shows it, once; those before it go on signing for a while
    Rotate(Rotate),
    /// Lists what goes or went to a webhook, by number
    Deliveries(Deliveries),
}

/// How much an event says.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Payload {
    /// What happened to which user or group
    Thin,
    /// Also how it is now, or how it was before it was deleted
    Full,
}

/// What is said of a webhook.
#[derive(Debug, Args)]
struct Settings {
    /// The events that it is told, such as user.deactivated; may be given several times; without it a new webhook is told all, and one that is changed keeps its own
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,
    /// How much an event says
    #[arg(long)]
    payload: Option<Payload>,
    /// How many events one request has at most
    #[arg(long, value_name = "COUNT")]
    batch: Option<u32>,
    /// Whether the brake holds what tells of an access that ended
    #[arg(long, value_name = "true|false")]
    braked: Option<bool>,
}

impl Settings {
    fn body(&self, url: Option<&str>) -> Map<String, Value> {
        let payload = self.payload.map(|payload| match payload {
            Payload::Thin => "thin",
            Payload::Full => "full",
        });
        receiver::body([
            ("url", url.map(|url| json!(url))),
            ("events", (!self.events.is_empty()).then(|| json!(self.events))),
            ("payload", payload.map(|payload| json!(payload))),
            ("batch", self.batch.map(|batch| json!(batch))),
            ("is_braked", self.braked.map(|braked| json!(braked))),
        ])
    }
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Whose
    tenant: String,
    /// Its name: lower-case letters, digits and `-`
    name: String,
    /// Where it goes: https
    #[arg(long)]
    url: String,
    #[command(flatten)]
    settings: Settings,
    /// The file with a key to sign with, `whsec_` and base64; `-` is standard input; without it one is made
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Whose
    tenant: String,
    /// The webhook's name
    name: String,
    /// Where it goes: https
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    settings: Settings,
    /// It is told all events
    #[arg(long, conflicts_with = "events")]
    all_events: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    one: One,
    /// For how many hours the keys before it go on signing; 0: not at all
    #[arg(long, default_value_t = 24)]
    overlap_h: u32,
    /// The file with the key, `whsec_` and base64; `-` is standard input; without it one is made
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// How long the file with a key can be, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 1024;

impl Webhook {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => add.run().await,
            Self::List { tenant, remote } => receiver::list(WEBHOOK, &tenant, &remote, shown::list).await,
            Self::Show(one) => {
                let answer = AdminClient::new(&one.remote)?.get(&one.path(WEBHOOK, &[])).await?;
                if one.remote.json { say(answer) } else { shown::one(&answer).into_iter().try_for_each(say) }
            }
            Self::Set(set) => set.run().await,
            Self::On(one) => one.turn(WEBHOOK, "on").await,
            Self::Off(one) => one.turn(WEBHOOK, "off").await,
            Self::Remove(one) => one.remove(WEBHOOK).await,
            Self::Test(one) => test(&one).await,
            Self::Rotate(rotate) => rotate.run().await,
            Self::Deliveries(deliveries) => deliveries.run(WEBHOOK).await,
        }
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let key = self.key_file.as_deref().map(key_in).transpose()?;
        let mut body = self.settings.body(Some(&self.url));
        body.insert("name".to_owned(), json!(self.name));
        body.extend(key.as_ref().map(|key| ("key".to_owned(), json!(key))));
        let client = AdminClient::new(&self.remote)?;
        let answer = client.post(&["tenants", &self.tenant, "webhooks"], &Value::Object(body)).await?;
        if self.remote.json {
            return say(answer);
        }
        say(format!("webhook {} of tenant {} is added; it is told what happens from now on", self.name, self.tenant))?;
        shown::key(&answer, key.is_some()).into_iter().try_for_each(say)
    }
}

impl Set {
    async fn run(self) -> anyhow::Result<()> {
        let mut body = self.settings.body(self.url.as_deref());
        if self.all_events {
            body.insert("events".to_owned(), json!([]));
        }
        if body.is_empty() {
            bail!("nothing is to be changed: --url, --event, --all-events, --payload, --batch or --braked says what");
        }
        let path = ["tenants", &self.tenant, "webhooks", &self.name];
        let answer = AdminClient::new(&self.remote)?.put(&path, &Value::Object(body)).await?;
        if self.remote.json { say(answer) } else { shown::one(&answer).into_iter().try_for_each(say) }
    }
}

impl Rotate {
    async fn run(self) -> anyhow::Result<()> {
        let key = self.key_file.as_deref().map(key_in).transpose()?;
        let mut body = json!({ "overlap_h": self.overlap_h });
        if let Some(key) = &key {
            body["key"] = json!(key);
        }
        let one = &self.one;
        let answer = AdminClient::new(&one.remote)?.post(&one.path(WEBHOOK, &["rotate"]), &body).await?;
        one.done(WEBHOOK, &answer, "has another key")?;
        if one.remote.json {
            return Ok(());
        }
        shown::rotated(&answer, key.is_some()).into_iter().try_for_each(say)
    }
}

/// Sends a `test.ping`, and tells what is answered.
async fn test(one: &One) -> anyhow::Result<()> {
    let answer = AdminClient::new(&one.remote)?.post(&one.path(WEBHOOK, &["test"]), &json!({})).await?;
    let took_ms = &answer["took_ms"];
    if one.remote.json {
        say(&answer)?;
    }
    if let Some(failure) = answer["failure"].as_str() {
        bail!("the test.ping did not arrive: {} (after {took_ms} ms)", printable(failure));
    }
    if one.remote.json {
        return Ok(());
    }
    say(format!("{} answered {} after {took_ms} ms", one.name, answer["status"]))?;
    let said = plain(&answer["answer"]);
    if said.is_empty() { Ok(()) } else { say(format!("    {}", printable(said))) }
}

/// A key, which is never an argument: those are seen by whoever lists the machine's processes.
fn key_in(file: &std::path::Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(MAX_KEY_FILE_BYTES).read_to_end(&mut bytes).context("standard input")?;
    } else {
        std::fs::File::open(file)
            .and_then(|opened| opened.take(MAX_KEY_FILE_BYTES).read_to_end(&mut bytes))
            .of(file, "the key of a webhook")?;
    }
    let key = String::from_utf8(bytes).ok().context("the key of a webhook is text, and this is none")?;
    Ok(key.trim().to_owned())
}

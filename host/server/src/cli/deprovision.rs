//! Whether access has ended everywhere: `muster deprovision list|show|export|verify|target`.

mod shown;

use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args, Subcommand};
use muster_service::{Evidence, ExportedHead, MAX_EVIDENCE_BYTES, Proven};
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::history::time;
use super::log::read_head;
use super::requests::{Since, since};
use super::tenant::plain;
use super::{Remote, say};
use crate::files::Told as _;
use shown::{how_long, lines, story};

#[derive(Debug, Subcommand)]
pub(super) enum Deprovision {
    /// Lists deactivations and deletions of users: all, the latest first; or those that are not over, the oldest first
    List(List),
    /// Shows what became of one, step by step
    Show {
        /// Whose user
        tenant: String,
        /// The user's id, or userName
        user: String,
        /// That of this entry of the log; without it, the latest
        #[arg(long)]
        entry: Option<u64>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Writes one into a file, with what proves its part of the log
    Export {
        /// Whose user
        tenant: String,
        /// The user's id, or userName
        user: String,
        /// That of this entry of the log; without it, the latest
        #[arg(long)]
        entry: Option<u64>,
        /// The file, which is made; with `-`, standard output
        #[arg(long, short)]
        output: PathBuf,
        #[command(flatten)]
        remote: Remote,
    },
    /// Verifies such a file, without a server
    Verify {
        /// The file; with `-`, standard input
        file: PathBuf,
        /// A head of the log that was kept elsewhere: the line, a file with it, or SEQ:HASH
        #[arg(long)]
        head: Option<String>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Sets within how many seconds after the change everything must be done; without a number, shows it
    Target {
        /// Whose
        tenant: String,
        /// The seconds
        seconds: Option<u32>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Which ones are listed.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command")]
#[command(group(ArgGroup::new("which").args(["open", "overdue", "failed", "held", "done", "given_up", "superseded", "forgotten"])))]
pub(super) struct List {
    /// Whose
    tenant: String,
    /// Those that are not over
    #[arg(long)]
    open: bool,
    /// Of these, those that have no time left
    #[arg(long)]
    overdue: bool,
    /// Of these, those of which a task is parked
    #[arg(long)]
    failed: bool,
    /// Of these, those that the brake holds
    #[arg(long)]
    held: bool,
    /// Those of which every step is confirmed
    #[arg(long)]
    done: bool,
    /// Those of which somebody has skipped or cancelled a step
    #[arg(long)]
    given_up: bool,
    /// Those of which not all was done when the user was given access again
    #[arg(long)]
    superseded: bool,
    /// Those of which it is not known any more what was done
    #[arg(long)]
    forgotten: bool,
    /// Only those since then: 30m, 1h, 2d, or a time such as 2026-11-03T14:03:00Z
    #[arg(long, value_parser = since)]
    since: Option<Since>,
    /// Where an earlier list has ended
    #[arg(long)]
    from: Option<u64>,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// How many one request asks for.
const A_REQUEST: usize = 1000;

impl Deprovision {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run().await,
            Self::Show { tenant, user, entry, remote } => {
                let query: Vec<_> = entry.iter().map(|entry| ("entry", entry.to_string())).collect();
                let path = ["tenants", &tenant, "deprovisions", &user];
                let answer = AdminClient::new(&remote)?.find(&path, &query).await?;
                if remote.json { say(answer) } else { story(&answer) }
            }
            Self::Export { tenant, user, entry, output, remote } => {
                let path = ["tenants", &tenant, "deprovisions", &user, "evidence"];
                let body = entry.map_or_else(|| json!({}), |entry| json!({ "entry": entry }));
                let answer = AdminClient::new(&remote)?.post(&path, &body).await?;
                export(&answer, &output, &remote)
            }
            Self::Verify { file, head, json } => verify(&file, head.as_deref(), json),
            Self::Target { tenant, seconds, remote } => {
                let client = AdminClient::new(&remote)?;
                let path = ["tenants", &tenant, "deprovision"];
                let answer = match seconds {
                    Some(seconds) => client.put(&path, &json!({ "target_s": seconds })).await?,
                    None => client.get(&path).await?,
                };
                if remote.json {
                    return say(answer);
                }
                say(format!("tenant {tenant}: everything must be done {} s after the change", answer["target_s"]))
            }
        }
    }
}

impl List {
    fn which(&self) -> Option<&'static str> {
        let asked = [
            (self.open, "open"),
            (self.overdue, "overdue"),
            (self.failed, "failed"),
            (self.held, "held"),
            (self.done, "done"),
            (self.given_up, "given-up"),
            (self.superseded, "superseded"),
            (self.forgotten, "forgotten"),
        ];
        asked.into_iter().find(|(is_asked, _)| *is_asked).map(|(_, word)| word)
    }

    async fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let (mut from, mut left, mut all) = (self.from, self.limit, Vec::new());
        let since = self.since.map(|since| since.time().to_string());
        let mut is_empty = true;
        loop {
            let mut query = vec![("limit", left.min(A_REQUEST).to_string())];
            query.extend(self.which().map(|which| ("which", which.to_owned())));
            query.extend(since.clone().map(|since| ("since", since)));
            query.extend(from.map(|from| ("from", from.to_string())));
            let mut answer = client.find(&["tenants", &self.tenant, "deprovisions"], &query).await?;
            let Value::Array(told) = answer["deprovisions"].take() else {
                bail!("the server's answer has no deprovisions")
            };
            left = left.saturating_sub(told.len());
            is_empty &= told.is_empty();
            let next = answer["next"].as_u64();
            if self.remote.json {
                all.extend(told);
            } else {
                told.iter().flat_map(lines).try_for_each(say)?;
            }
            // A server says where to go on also where a part of its log had none.
            match next.filter(|next| Some(*next) != from) {
                Some(next) if left > 0 => from = Some(next),
                next if self.remote.json => return say(json!({ "deprovisions": all, "next": next })),
                Some(next) => return say(format!("more: --from {next}")),
                None if is_empty => return say(format!("tenant {} has no such deprovision", self.tenant)),
                None => return Ok(()),
            }
        }
    }
}

/// Writes the evidence where nothing stands yet.
fn export(answer: &Value, output: &Path, remote: &Remote) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(answer)?;
    if output.as_os_str() == "-" {
        return say(text);
    }
    let mut file = std::fs::File::create_new(output).written(output)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).written(output)?;
    let (entry, head) = (&answer["deprovision"]["entry"], &answer["chain"]["head"]);
    if remote.json {
        return say(json!({ "file": output, "entry": entry, "head": head }));
    }
    say(format!("{}: entry {entry}, proved up to the seal at entry {}", output.display(), head["seq"]))
}

fn verify(file: &Path, head: Option<&str>, is_json: bool) -> anyhow::Result<()> {
    let head: Option<ExportedHead> = head.map(read_head).transpose()?;
    let mut bytes = Vec::new();
    let name = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(MAX_EVIDENCE_BYTES + 1).read_to_end(&mut bytes).context("standard input")?;
        "standard input".to_owned()
    } else {
        let opened = std::fs::File::open(file);
        opened
            .and_then(|opened| opened.take(MAX_EVIDENCE_BYTES + 1).read_to_end(&mut bytes))
            .of(file, "the evidence of a deprovision")?;
        file.display().to_string()
    };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_EVIDENCE_BYTES {
        bail!("{name}: evidence has at most {MAX_EVIDENCE_BYTES} bytes");
    }
    let evidence = Evidence::parse(&bytes).with_context(|| name.clone())?;
    let Proven { entry, at, head: seal, is_compared } = evidence.verify(head.as_ref()).with_context(|| name.clone())?;
    let story = &evidence.deprovision;
    if is_json {
        return say(json!({
            "ok": true, "tenant": evidence.tenant, "entry": entry, "user": story["user"], "event": story["event"],
            "at": at.to_string(), "state": story["state"], "head": seal, "compared": is_compared,
        }));
    }
    say(format!(
        "{name} is as it was made {}: user {} of {}, {} by entry {entry} of the log, {}: {}{}",
        time(&evidence.made),
        plain(&story["user"]),
        evidence.tenant,
        plain(&story["event"]),
        time(&at.to_string()),
        plain(&story["state"]),
        how_long(story)
    ))?;
    if is_compared {
        return say(format!(
            "the entry is in the log of the head that was given, which is sealed at entry {}",
            seal.seq
        ));
    }
    if let Some(head) = head {
        say(format!(
            "the head that was given is of entry {}, and cannot be compared: the seal is of entry {}",
            head.seq, seal.seq
        ))?;
    }
    say(
        "whether this is the server's log is shown by the server, or by a head of that entry which was kept elsewhere:",
    )?;
    say(format!("  muster log verify {} --head '{seal}'", evidence.tenant))
}

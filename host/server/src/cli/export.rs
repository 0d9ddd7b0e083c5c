use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use muster_model::{TenantId, Timestamp};
use muster_store::moving::file::{self, Manifest};
use serde_json::{Value, json};

use super::moving::Place;
use super::moving::meter::Meter;
use super::moving::source::{Lines, Source};
use super::moving::target::Target;
use super::say;
use super::tenant::plain;

/// Takes everything out, or some tenants: users, groups, logs, tasks, tokens, plugins, as they are at one moment. The log of requests is not part of it.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// The file that is made; FILE.part beside it is what a download that broke off goes on with
    #[arg(long, value_name = "FILE", required_unless_present_any = ["list", "delete"])]
    to: Option<PathBuf>,
    /// Only this tenant; can be given several times
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    /// Leave the export on the server after it was fetched
    #[arg(long)]
    keep: bool,
    /// List the exports that stand on the server
    #[arg(long, conflicts_with_all = ["to", "delete"])]
    list: bool,
    /// Delete an export that stands on the server
    #[arg(long, value_name = "EXPORT", conflicts_with = "to")]
    delete: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if let Some(to) = &self.to {
            ensure!(!to.exists(), "{} is there already", to.display());
        }
        let target = self.place.open().await?;
        let done = self.run_on(&target).await;
        target.close().await;
        done
    }

    async fn run_on(&self, target: &Target) -> anyhow::Result<()> {
        if self.list {
            return self.listed(&target.exports().await?);
        }
        if let Some(id) = &self.delete {
            target.delete_export(id).await?;
            return if self.place.json { say(json!({ "deleted": id })) } else { say(format!("deleted {id}")) };
        }
        let to = self.to.as_deref().context("--to is missing")?;
        let mut meter = Meter::new();
        let part = part(to);
        let begun = self.begun(target, &part).await?;
        let went_on = begun.is_some();
        let (id, bytes) = if let Some(begun) = begun {
            meter.say(&format!("going on with {}", part.display()));
            begun
        } else {
            if part.metadata().is_ok_and(|part| part.len() > 0) {
                meter.say(&format!("{} is of no export that is still there: beginning again", part.display()));
            }
            make(&part)?;
            let made = target.export(&self.tenants, &mut meter).await;
            let made = made.inspect_err(|_| discard(&part))?;
            (plain(&made["export"]).to_owned(), made["bytes"].as_u64().unwrap_or(0))
        };
        target.fetch(&id, bytes, &part, &mut meter).await?;
        let source = match Source::verify(&part, &mut meter) {
            Ok(source) => source,
            // What was there before may be anything: it is fetched once more, and then from its beginning.
            Err(error) if went_on => {
                meter.say(&format!("{error}: fetching it again"));
                make(&part)?;
                target.fetch(&id, bytes, &part, &mut meter).await?;
                Source::verify(&part, &mut meter).inspect_err(|_| discard(&part))?
            }
            Err(error) => {
                discard(&part);
                return Err(error);
            }
        };
        meter.clear();
        if !self.tenants.is_empty() {
            let wanted: BTreeSet<&str> = self.tenants.iter().map(String::as_str).collect();
            let has: BTreeSet<&str> = source.end.counts.tenants.keys().map(TenantId::as_str).collect();
            if wanted != has || source.manifest.whole {
                std::fs::remove_file(&part).with_context(|| part.display().to_string())?;
                bail!("{} was of other tenants, and is deleted; run the command again", part.display());
            }
        }
        std::fs::rename(&part, to).with_context(|| to.display().to_string())?;
        if !self.keep {
            target.delete_export(&id).await?;
        }
        self.told(to, &source)
    }

    /// The export that a part of a file is of, if the server still has it.
    async fn begun(&self, target: &Target, part: &Path) -> anyhow::Result<Option<(String, u64)>> {
        let Some(Manifest { id, whole, .. }) = manifest_of(part) else { return Ok(None) };
        if whole != self.tenants.is_empty() {
            return Ok(None);
        }
        let exports = target.exports().await?;
        let mut listed = exports.as_array().into_iter().flatten();
        let found = listed.find(|export| export["id"] == *id);
        Ok(found.map(|export| (id, export["bytes"].as_u64().unwrap_or(0))))
    }

    fn told(&self, to: &Path, source: &Source) -> anyhow::Result<()> {
        let end = &source.end;
        if self.place.json {
            return say(json!({
                "file": to, "bytes": source.bytes, "items": end.items, "digest": end.digest, "counts": end.counts,
            }));
        }
        for (tenant, counts) in &end.counts.tenants {
            say(format!(
                "{tenant:<24} {} resources   {} memberships   {} log entries   {} tasks   {} tokens",
                counts.records, counts.members, counts.entries, counts.tasks, counts.tokens
            ))?;
        }
        say(format!("{}   {} items, {} bytes, verified", to.display(), end.items, source.bytes))?;
        say(format!("digest     {}", end.digest))
    }

    fn listed(&self, exports: &Value) -> anyhow::Result<()> {
        if self.place.json {
            return say(json!({ "exports": exports }));
        }
        let exports = exports.as_array().map_or(&[][..], Vec::as_slice);
        if exports.is_empty() {
            return say("none");
        }
        for export in exports {
            let at = Timestamp::from_millis(export["at"].as_i64().unwrap_or_default());
            let of = if export["whole"] == true { "everything" } else { "some tenants" };
            say(format!("{}   {at}   {} bytes   {of}", plain(&export["id"]), export["bytes"]))?;
        }
        Ok(())
    }
}

fn part(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Empty, and nobody else's to read.
fn make(part: &Path) -> anyhow::Result<File> {
    let made = File::options().write(true).create(true).truncate(true).mode(0o600).open(part);
    made.with_context(|| part.display().to_string())
}

/// What is of no use is not left lying about; if it cannot be deleted, the next run overwrites it.
fn discard(part: &Path) {
    let _ = std::fs::remove_file(part);
}

/// What the first line says, if it is there.
fn manifest_of(part: &Path) -> Option<Manifest> {
    let mut lines = Lines::open(part).ok()?;
    file::read_manifest(lines.next().ok()??).ok()
}

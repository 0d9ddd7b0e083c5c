use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use muster_model::TenantId;
use muster_service::NewImport;
use serde_json::{Value, json};

use super::moving::Place;
use super::moving::meter::Meter;
use super::moving::source::{Selection, Source};
use super::moving::target::Target;
use super::say;
use super::tenant::plain;

/// How many bytes of lines are sent at once; one line is sent however long.
const MAX_SENT_BYTES: usize = 512 << 10;
/// How many lines.
const MAX_SENT_LINES: usize = 1_000;

/// Brings in what `muster export` took out: all of it into a deployment without tenants, or some tenants into any. Run again, it goes on where it was.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file
    #[arg(value_name = "FILE", required_unless_present_any = ["list", "abandon"])]
    file: Option<PathBuf>,
    /// Only this tenant; can be given several times
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    /// Read the file and say whether it is whole, and bring in nothing
    #[arg(long)]
    check: bool,
    /// List the imports that are not finished
    #[arg(long, conflicts_with_all = ["file", "abandon"])]
    list: bool,
    /// Take back an import that is not finished
    #[arg(long, value_name = "IMPORT", conflicts_with = "file")]
    abandon: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Import {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut meter = Meter::new();
        let Some(file) = &self.file else {
            let target = self.place.open().await?;
            let done = match &self.abandon {
                Some(id) => self.abandon(&target, id, &mut meter).await,
                None => self.listed(&target.imports().await?),
            };
            target.close().await;
            return done;
        };
        // Nothing is touched before the whole file is known to be what it was.
        let source = Source::verify(file, &mut meter)?;
        source.replay(&mut meter)?;
        let parse = |name: &String| TenantId::parse(name).with_context(|| format!("--tenant {name}"));
        let tenants = self.tenants.iter().map(parse).collect::<anyhow::Result<Vec<_>>>()?;
        let selection = source.select(&tenants)?;
        if self.check {
            meter.clear();
            return self.told(&source, &json!({ "items": selection.items, "digest": selection.digest }));
        }
        let target = self.place.open_or_make().await?;
        let done = self.run_on(&target, &source, &selection, &mut meter).await;
        target.close().await;
        self.told(&source, &done?)
    }

    async fn run_on(
        &self,
        target: &Target,
        source: &Source,
        selection: &Selection,
        meter: &mut Meter,
    ) -> anyhow::Result<Value> {
        let all = source.end.counts.tenants.keys().map(ToString::to_string);
        let new = NewImport {
            manifest: String::from_utf8(source.manifest_line.clone())?,
            tenants: if self.tenants.is_empty() { all.collect() } else { self.tenants.clone() },
            whole: self.tenants.is_empty() && source.manifest.whole,
            items: selection.items,
            digest: selection.digest,
        };
        let begun = target.import(&new).await?;
        let (id, there) = (plain(&begun["id"]).to_owned(), begun["items"].as_u64().unwrap_or(0));
        if begun["abandoned"] == true {
            bail!("this import is being taken back: `muster import --abandon {id}` goes on with that");
        }
        if begun["finished"] == true {
            meter.say(&format!("import {id} was finished before, and is served"));
            return target.finish(&id, meter).await;
        }
        if there > 0 {
            meter.say(&format!("going on with import {id} at item {there} of {}", selection.items));
        }
        let (tokens, others) = selection.tokens(plain(&begun["token_key"]));
        if others > 0 {
            let which = if others == tokens { "the".to_owned() } else { format!("{others} of the {tokens}") };
            meter.say(&format!("{which} {TOKENS_DO_NOT_WORK}"));
        }
        send(target, &id, there, source, selection, meter).await.with_context(|| {
            format!("import {id} is not finished: run the same command again, or `muster import --abandon {id}`")
        })?;
        let done = target.finish(&id, meter).await;
        meter.clear();
        done.with_context(|| format!("import {id} is not finished, and nothing of it is served"))
    }

    fn told(&self, source: &Source, done: &Value) -> anyhow::Result<()> {
        if self.place.json {
            return say(done);
        }
        let only = |name: &TenantId| self.tenants.is_empty() || self.tenants.iter().any(|only| only == name.as_str());
        let mut tasks = 0;
        for (tenant, counts) in source.end.counts.tenants.iter().filter(|(name, _)| only(name)) {
            tasks += counts.tasks;
            say(format!(
                "{:<24} {} resources   {} memberships   {} log entries   {} tasks   {} tokens",
                tenant.as_str(),
                counts.records,
                counts.members,
                counts.entries,
                counts.tasks,
                counts.tokens
            ))?;
        }
        say(format!("{} items, verified   digest {}", done["items"], plain(&done["digest"])))?;
        say_grants(&done["grants"])?;
        if tasks > 0 && !self.check {
            say(TASKS_ARE_CARRIED_OUT)?;
        }
        match done["unproved"].as_u64() {
            None | Some(0) => Ok(()),
            Some(unproved) => say(format!(
                "{unproved} resources and memberships were last changed before the oldest entry of the log that is kept: it proves nothing of them"
            )),
        }
    }

    async fn abandon(&self, target: &Target, id: &str, meter: &mut Meter) -> anyhow::Result<()> {
        target.abandon(id, meter).await?;
        meter.clear();
        if self.place.json { say(json!({ "abandoned": id })) } else { say(format!("import {id} is taken back")) }
    }

    fn listed(&self, imports: &Value) -> anyhow::Result<()> {
        if self.place.json {
            return say(json!({ "imports": imports }));
        }
        let imports = imports.as_array().map_or(&[][..], Vec::as_slice);
        if imports.is_empty() {
            return say("none");
        }
        for import in imports {
            let (id, items, total) = (plain(&import["id"]), &import["items"], &import["total"]);
            let state = if import["abandoned"] == true { "   is being taken back" } else { "" };
            say(format!(
                "{id}   {items} of {total} items   {} tenants{state}",
                import["tenants"].as_array().map_or(0, Vec::len)
            ))?;
        }
        Ok(())
    }
}

/// What came with the tenants and nobody here was asked for, and what their plugins would be asked for.
fn say_grants(grants: &Value) -> anyhow::Result<()> {
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let told = list(&grants["told"]);
    for of_tenant in &told {
        let tenant = plain(&of_tenant["tenant"]);
        for grant in list(&of_tenant["granted"]) {
            say(format!("{tenant:<24} plugin {} is granted to {}", plain(&grant["plugin"]), plain(&grant["means"])))?;
        }
        for want in list(&of_tenant["not_granted"]) {
            let plugin = plain(&of_tenant["plugin"]);
            say(format!("{tenant:<24} {plugin} wants to {}, which is not granted", plain(&want["means"])))?;
        }
    }
    if told.is_empty() {
        return Ok(());
    }
    let more = grants["tenants"].as_u64().unwrap_or_default().saturating_sub(told.len() as u64);
    let others = if more > 0 { format!("; also of the {more} that are not told here") } else { String::new() };
    say(format!("what is granted, and since when: muster tenant wants TENANT{others}"))
}

const TASKS_ARE_CARRIED_OUT: &str = "those of the tasks that wait are carried out by this deployment from now on, and by the one that they come from as well, as long as it runs: `delivery.concurrency = 0` holds either still";

const TOKENS_DO_NOT_WORK: &str = "tokens in this export were made with another key, and will not work here: issue new ones, or give this deployment the keys/token.key of the one that they come from before it is first served";

async fn send(
    target: &Target,
    id: &str,
    there: u64,
    source: &Source,
    selection: &Selection,
    meter: &mut Meter,
) -> anyhow::Result<()> {
    let mut lines = source.lines()?;
    let (mut number, mut sent) = (0, there);
    let mut batch = Vec::with_capacity(MAX_SENT_BYTES);
    let mut in_batch = 0;
    while number < selection.items {
        let line = lines.next()?.context("the file has changed while it was read")?;
        if !selection.has_line(line)? {
            continue;
        }
        number += 1;
        if number <= there {
            continue;
        }
        if in_batch > 0 && (in_batch == MAX_SENT_LINES || batch.len() + line.len() > MAX_SENT_BYTES) {
            target.load(id, (sent, number - 1), std::mem::take(&mut batch)).await?;
            (sent, in_batch) = (number - 1, 0);
            meter.tell("items sent", sent, selection.items);
        }
        batch.extend_from_slice(line);
        batch.push(b'\n');
        in_batch += 1;
    }
    if in_batch > 0 {
        target.load(id, (sent, number), batch).await?;
    }
    Ok(())
}

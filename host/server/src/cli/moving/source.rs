use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use muster_model::{PluginDigest, TenantId};
use muster_store::moving::file::{self, Counts, End, LineError, MAX_LINE_BYTES, Manifest};
use muster_store::moving::{Chain, Check, Item, MAX_HELD, Parts, Replay, Unfit};

use super::meter::Meter;
use crate::files::Told as _;

/// An export in a file, read from its first line to its last, and found to be whole.
#[derive(Debug)]
pub(in crate::cli) struct Source {
    path: PathBuf,
    /// The first line.
    pub(in crate::cli) manifest_line: Vec<u8>,
    /// What it says.
    pub(in crate::cli) manifest: Manifest,
    /// What the last line says.
    pub(in crate::cli) end: End,
    /// How many tokens there are by the fingerprint of the key that they were made with.
    tokens: Tokens,
    /// How large it is.
    pub(in crate::cli) bytes: u64,
}

/// Tokens, by the fingerprints of their keys.
type Tokens = BTreeMap<String, u64>;

/// The part of an export that is imported.
#[derive(Debug)]
pub(in crate::cli) struct Selection {
    /// Which tenants; `None`: everything.
    tenants: Option<BTreeSet<TenantId>>,
    plugins: BTreeSet<PluginDigest>,
    /// How many items there are.
    pub(in crate::cli) items: u64,
    /// The digest over the first line and them.
    pub(in crate::cli) digest: Chain,
    tokens: Tokens,
}

impl Source {
    /// Reads all of it: order, references, the chain of each log, counts and digest.
    pub(in crate::cli) fn verify(path: &Path, meter: &mut Meter) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut lines = Lines::open(path)?;
        let total = lines.length;
        let first = lines.next()?.with_context(|| format!("{shown} is empty"))?;
        let manifest = file::read_manifest(first).with_context(|| format!("{shown} cannot be read: its first line"));
        let manifest = manifest.map_err(|error| in_one_sentence(&error))?;
        let manifest_line = first.to_vec();
        let (mut check, mut counts, mut tokens) = (Check::default(), Counts::default(), Tokens::new());
        let (mut chain, mut items) = (Chain::START.link(&manifest_line), 0);
        loop {
            let (number, read) = (lines.number + 1, lines.read);
            let Some(line) = lines.next()? else { bail!("{shown} ends before its end: it was cut off") };
            meter.tell("bytes verified", read, total);
            let wrong = |why: &dyn std::fmt::Display| anyhow::anyhow!("{shown} was changed: line {number} {why}");
            if let Some(end) = file::read_end(line).map_err(|error| wrong(&error))? {
                ensure!(
                    end.items == items && end.digest == chain && end.counts == counts,
                    "{shown} was changed: it is not what its last line says"
                );
                check.end().map_err(|why| wrong(&why))?;
                ensure!(lines.next()?.is_none(), "{shown} was changed: there is something behind its last line");
                return Ok(Self { path: path.to_owned(), manifest_line, manifest, end, tokens, bytes: total });
            }
            let item = file::read_item(line).map_err(|error| wrong(&error))?;
            check.take(&item).map_err(|why| wrong(&why))?;
            chain = chain.link(line);
            counts.add(&item);
            add_token(&mut tokens, &item, &manifest);
            items += 1;
        }
    }

    /// Holds what it says that there is against what its logs say.
    pub(in crate::cli) fn replay(&self, meter: &mut Meter) -> anyhow::Result<()> {
        let mut parts = Parts::new(MAX_HELD);
        loop {
            let mut replay = parts.replay();
            let replayed = self.replay_part(&mut replay, meter)?.map(|()| &replay);
            match parts.heard(replayed) {
                Ok(false) => {}
                Ok(true) => return Ok(()),
                Err(why) => bail!("{} was changed: {why}", self.path.display()),
            }
        }
    }

    fn replay_part(&self, replay: &mut Replay, meter: &mut Meter) -> anyhow::Result<Result<(), Unfit>> {
        let mut lines = self.lines()?;
        while let Some(line) = lines.next()? {
            if file::read_end(line)?.is_some() {
                break;
            }
            if let Err(unfit) = replay.take(&file::read_item(line)?) {
                return Ok(Err(unfit));
            }
            meter.tell("bytes replayed", lines.read, lines.length);
        }
        Ok(replay.end())
    }

    /// Everything, or these tenants with the plugins that they need.
    pub(in crate::cli) fn select(&self, tenants: &[TenantId]) -> anyhow::Result<Selection> {
        if tenants.is_empty() {
            let (items, digest) = (self.end.items, self.end.digest);
            let tokens = self.tokens.clone();
            return Ok(Selection { tenants: None, plugins: BTreeSet::new(), items, digest, tokens });
        }
        let known = &self.end.counts.tenants;
        if let Some(missing) = tenants.iter().find(|tenant| !known.contains_key(tenant)) {
            bail!("{} has no tenant {missing}", self.path.display());
        }
        let tenants: BTreeSet<TenantId> = tenants.iter().cloned().collect();
        let digest = Chain::START.link(&self.manifest_line);
        let (tenants, plugins) = (Some(tenants), BTreeSet::new());
        let mut selection = Selection { tenants, plugins, items: 0, digest, tokens: Tokens::new() };
        let mut lines = self.lines()?;
        while let Some(line) = lines.next()? {
            if file::read_end(line)?.is_some() {
                break;
            }
            let item = file::read_item(line)?;
            if selection.has(&item) {
                // Plugins come last: what needs them has been seen.
                selection.plugins.extend(item.plugins());
                add_token(&mut selection.tokens, &item, &self.manifest);
                selection.items += 1;
                selection.digest = selection.digest.link(line);
            }
        }
        Ok(selection)
    }

    /// The lines of the items, from the first on.
    pub(in crate::cli) fn lines(&self) -> anyhow::Result<Lines> {
        let mut lines = Lines::open(&self.path)?;
        lines.next()?;
        Ok(lines)
    }
}

impl Selection {
    /// Whether a line, which is not the last of the file, is of it.
    pub(in crate::cli) fn has_line(&self, line: &[u8]) -> anyhow::Result<bool> {
        if self.tenants.is_none() { Ok(true) } else { Ok(self.has(&file::read_item(line)?)) }
    }

    /// How many tokens there are, and how many of them were made with another key than this.
    pub(in crate::cli) fn tokens(&self, key: &str) -> (u64, u64) {
        let others = self.tokens.iter().filter(|(other, _)| *other != key).map(|(_, count)| count);
        (self.tokens.values().sum(), others.sum())
    }

    fn has(&self, item: &Item) -> bool {
        let Some(tenants) = &self.tenants else { return true };
        match item {
            Item::Plugin { row } => self.plugins.contains(&row.digest),
            Item::PluginBytes { digest, .. } => self.plugins.contains(digest),
            // Whom to trust is for the deployment to say that the tenants go to.
            Item::Trust { .. } => false,
            Item::Tenant { .. }
            | Item::Token { .. }
            | Item::Record { .. }
            | Item::Member { .. }
            | Item::Entry { .. }
            | Item::Seal { .. }
            | Item::Task { .. }
            | Item::State { .. }
            | Item::StateEntry { .. }
            | Item::Fed { .. } => item.tenant().is_some_and(|tenant| tenants.contains(tenant)),
        }
    }
}

fn add_token(tokens: &mut Tokens, item: &Item, manifest: &Manifest) {
    if let Item::Token { row } = item {
        let key = row.0.key.as_ref().unwrap_or(&manifest.token_key);
        *tokens.entry(key.clone()).or_default() += 1;
    }
}

/// The lines of a file, none longer than it can be.
#[derive(Debug)]
pub(in crate::cli) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    read: u64,
    length: u64,
}

impl Lines {
    pub(in crate::cli) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).of(path, "an export")?;
        let metadata = file.metadata().of(path, "an export")?;
        ensure!(metadata.is_file(), "{} is no file", path.display());
        let reader = BufReader::with_capacity(1 << 20, file);
        Ok(Self { path: path.to_owned(), reader, line: Vec::new(), number: 0, read: 0, length: metadata.len() })
    }

    /// The next line, without its line feed; `None`: that was all.
    pub(in crate::cli) fn next(&mut self) -> anyhow::Result<Option<&[u8]>> {
        self.line.clear();
        let limit = u64::try_from(MAX_LINE_BYTES + 1).unwrap_or(u64::MAX);
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut self.line);
        let read = read.with_context(|| self.path.display().to_string())?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.read += u64::try_from(read).unwrap_or(u64::MAX);
        if self.line.pop_if(|byte| *byte == b'\n').is_none() {
            let (shown, number) = (self.path.display(), self.number);
            ensure!(read <= MAX_LINE_BYTES, "{shown}: line {number} is longer than {MAX_LINE_BYTES} bytes");
            bail!("{shown} ends in the middle of line {number}: it was cut off");
        }
        Ok(Some(&self.line))
    }
}

fn in_one_sentence(error: &anyhow::Error) -> anyhow::Error {
    let why = error.downcast_ref::<LineError>().map(ToString::to_string).unwrap_or_default();
    anyhow::anyhow!("{error} {why}")
}

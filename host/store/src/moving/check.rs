use std::cmp::Ordering;

use muster_model::{
    Event, Grant, LogEntry, LogHash, MAX_ATTEMPTS_TOLD, MAX_GRANTS_A_TENANT, MAX_OWNED_NAMES, MAX_SEALED_BYTES,
    MAX_SECRETS_A_TENANT, MAX_TRUSTED_KEYS, PluginDigest, PluginRow, Progress, Queue, Record, ResourceId, ResourceType,
    Seal, Task, TenantId, TenantRow, TokenId, TokenRow, Trust,
};
use serde::{Deserialize, Serialize};

use super::fits::fits;
use super::{Item, PLUGIN_PART_BYTES, by_length};
use crate::{MAX_DECISION_BYTES, MAX_STATE_KEY_BYTES, MAX_STATE_VALUE_BYTES};

/// How long the name of a kind can be, in bytes: that of every kind which can be declared.
pub const MAX_KIND_BYTES: usize = 64;
/// How many kinds of resources a tenant can have.
const MAX_KINDS: usize = 1_000;
/// How long the name of a token can be, in bytes.
const MAX_TOKEN_ID_BYTES: usize = 64;
/// How long the fingerprint of a token's key can be, in bytes.
const MAX_TOKEN_KEY_BYTES: usize = 64;
/// How long the label of a token can be, in bytes.
const MAX_TOKEN_LABEL_BYTES: usize = 200;
/// How long the name of a request can be, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 1024;
/// How far an import may say that anything was counted: far beyond what was ever counted, and far below where counting ends.
const MAX_COUNT: u64 = 1 << 53;
/// How long the name and the version of a plugin can be, in bytes.
const MAX_PLUGIN_NAME_BYTES: usize = 1024;
/// How large a plugin can be, in bytes: what the runtime takes.
const MAX_PLUGIN_BYTES: u64 = 32 << 20;
/// How many decisions over one task can be told.
const MAX_DECISIONS_TOLD: usize = 10_000;
/// How long a sentence about an attempt can be, in bytes.
const MAX_SENTENCE_BYTES: usize = 8 * 1024;
/// How many plugins can remember something of one tenant.
const MAX_STATES: usize = 10_000;
/// How many queues of one tenant can be fed from its log.
const MAX_FEEDS: usize = 1_000;

/// Holds a list of items to its order, its references and its log's chain, one item after the other. It remembers the last of each, not
/// all of them, so that it can be kept with how far an import has come.
///
/// What it cannot know is the store's to find out: whether the ends of a membership are there, and whether two resources have one key. Whether
/// the log gives what there is, [`super::Replay`] finds out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Check {
    tenants: usize,
    tenant: Option<Tenant>,
    plugin: Option<Plugin>,
    /// Whether it was said whom to trust: then nothing more comes.
    #[serde(default)]
    trust: bool,
}

/// The tenant whose items come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tenant {
    id: TenantId,
    last_entry: u64,
    last_task: u64,
    at: Section,
    token: Option<TokenId>,
    kinds: Vec<ResourceType>,
    record: Option<ResourceId>,
    member: Option<(ResourceId, ResourceId)>,
    entry: u64,
    hash: LogHash,
    sealed: u64,
    task: u64,
    #[serde(default)]
    state: Option<State>,
    #[serde(default)]
    fed: Option<Queue>,
    /// How many queues there were that are fed.
    #[serde(default)]
    feeds: usize,
}

/// In this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Section {
    Tokens,
    Records,
    Members,
    Log,
    Tasks,
    States,
    Feeds,
}

/// The plugin of which it comes what it remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    plugin: String,
    last: u64,
    key: Option<String>,
    /// How many plugins there were.
    number: usize,
}

/// The plugin whose bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Plugin {
    digest: PluginDigest,
    size: u64,
    have: u64,
}

/// What is wrong, behind "the item".
type Wrong = &'static str;

impl Check {
    /// Takes the next item, or says in what it does not follow from those before it.
    pub fn take(&mut self, item: &Item) -> Result<(), Wrong> {
        if self.trust {
            return Err("stands behind what must be the last one");
        }
        match item {
            Item::Tenant { row, anchor, last_entry, last_task } => self.tenant(row, anchor, *last_entry, *last_task),
            Item::Token { row } => self.of(&row.0.tenant, Section::Tokens)?.token(&row.0),
            Item::Record { tenant, record } => self.of(tenant, Section::Records)?.record(record),
            Item::Member { tenant, group, member, resource_type } => {
                self.of(tenant, Section::Members)?.member(*group, *member, resource_type)
            }
            Item::Entry { tenant, entry } => self.of(tenant, Section::Log)?.entry(entry),
            Item::Seal { tenant, seal } => self.of(tenant, Section::Log)?.seal(seal),
            Item::Task { tenant, task, progress } => self.of(tenant, Section::Tasks)?.task(task, progress.as_deref()),
            Item::State { tenant, plugin, last } => self.of(tenant, Section::States)?.state(plugin, *last),
            Item::StateEntry { tenant, plugin, key, version, value } => {
                self.of(tenant, Section::States)?.state_entry(plugin, key, *version, &value.0)
            }
            Item::Fed { tenant, queue, through } => self.of(tenant, Section::Feeds)?.fed(queue, *through),
            Item::Plugin { row } => self.plugin(row),
            Item::PluginBytes { digest, at, bytes } => self.plugin_bytes(*digest, *at, &bytes.0),
            Item::Trust { row } => self.trust(row),
        }
    }

    /// Says whether the list can end here.
    pub fn end(&self) -> Result<(), Wrong> {
        self.tenant.as_ref().map_or(Ok(()), Tenant::end)?;
        self.plugin.map_or(Ok(()), Plugin::end)
    }

    fn tenant(&mut self, row: &TenantRow, anchor: &Seal, last_entry: u64, last_task: u64) -> Result<(), Wrong> {
        self.tenant.as_ref().map_or(Ok(()), Tenant::end)?;
        if self.plugin.is_some() {
            return Err("is a tenant behind the plugins");
        }
        let before = self.tenant.as_ref().map(|before| by_length(before.id.as_str(), row.id.as_str()));
        if before.is_some_and(Ordering::is_ge) {
            return Err("is a tenant out of order, or there twice");
        }
        self.tenants += 1;
        if self.tenants > super::file::MAX_TENANTS {
            return Err("is one tenant too many for a file");
        }
        if last_entry.max(last_task).max(row.binding.revision) > MAX_COUNT {
            return Err("is a tenant with a number that nothing was counted to");
        }
        if anchor.seq > last_entry || (anchor.seq == 0 && *anchor != Seal::START) || row.binding.revision == 0 {
            return Err("is a tenant whose numbers do not fit together");
        }
        let is_long = |grant: &Grant| grant.plugin.len() > MAX_PLUGIN_NAME_BYTES;
        if row.grants.len() > MAX_GRANTS_A_TENANT || row.grants.iter().any(is_long) {
            return Err("is a tenant that has granted more than one can");
        }
        let is_large = row.secrets.iter().any(|secret| secret.sealed.len() > MAX_SEALED_BYTES);
        if row.secrets.len() > MAX_SECRETS_A_TENANT || is_large {
            return Err("is a tenant with more secrets than one can have");
        }
        if !row.secrets.is_sorted_by(|one, other| one.name < other.name) {
            return Err("is a tenant with a secret out of order, or there twice");
        }
        self.tenant = Some(Tenant {
            id: row.id.clone(),
            last_entry,
            last_task,
            at: Section::Tokens,
            token: None,
            kinds: Vec::new(),
            record: None,
            member: None,
            entry: anchor.seq,
            hash: anchor.hash,
            sealed: anchor.seq,
            task: 0,
            state: None,
            fed: None,
            feeds: 0,
        });
        Ok(())
    }

    /// The tenant that has come last, if this is it and the section is not over.
    fn of(&mut self, tenant: &TenantId, section: Section) -> Result<&mut Tenant, Wrong> {
        if self.plugin.is_some() {
            return Err("is a tenant's, behind the plugins");
        }
        let current = self.tenant.as_mut().filter(|current| current.id == *tenant);
        let current = current.ok_or("is of a tenant that it does not stand behind")?;
        if section < current.at {
            return Err("is not where its kind stands");
        }
        current.at = section;
        Ok(current)
    }

    fn plugin(&mut self, row: &PluginRow) -> Result<(), Wrong> {
        self.end()?;
        if self.plugin.is_some_and(|before| before.digest >= row.digest) {
            return Err("is a plugin out of order, or there twice");
        }
        if row.size == 0 || row.size > MAX_PLUGIN_BYTES {
            return Err("is a plugin of a size that none has");
        }
        if row.name.len().max(row.version.len()) > MAX_PLUGIN_NAME_BYTES {
            return Err("has a name that is too long");
        }
        let claims = [row.by.as_ref(), row.origin.as_ref().map(|origin| &origin.reference)];
        if claims.into_iter().flatten().any(|claim| claim.len() > MAX_PLUGIN_NAME_BYTES) {
            return Err("is a plugin of which too much is said");
        }
        self.plugin = Some(Plugin { digest: row.digest, size: row.size, have: 0 });
        Ok(())
    }

    fn trust(&mut self, row: &Trust) -> Result<(), Wrong> {
        self.end()?;
        if row.keys.len() > MAX_TRUSTED_KEYS || row.names.len() > MAX_OWNED_NAMES {
            return Err("trusts more than a deployment can");
        }
        let mut names = row.keys.iter().map(|key| &key.name).chain(row.names.iter().map(|owned| &owned.name));
        if names.any(|name| name.len() > MAX_PLUGIN_NAME_BYTES) {
            return Err("has a name that is too long");
        }
        let (keys, owned) = (row.keys.iter().map(|key| &key.name), row.names.iter().map(|owned| &owned.name));
        if !keys.is_sorted_by(|one, other| one < other) || !owned.is_sorted_by(|one, other| one < other) {
            return Err("trusts a key or a name out of order, or twice");
        }
        if row.version == 0 || row.version > MAX_COUNT {
            return Err("is trust with a number that nothing was counted to");
        }
        self.trust = true;
        Ok(())
    }

    fn plugin_bytes(&mut self, digest: PluginDigest, at: u64, bytes: &[u8]) -> Result<(), Wrong> {
        let plugin = self.plugin.as_mut().filter(|plugin| plugin.digest == digest && plugin.have == at);
        let plugin = plugin.ok_or("is a part of a plugin that it does not follow from")?;
        let have = plugin.have + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let is_last = have == plugin.size;
        if bytes.is_empty() || have > plugin.size || (bytes.len() != PLUGIN_PART_BYTES && !is_last) {
            return Err("is a part of a plugin of the wrong size");
        }
        if bytes.len() > PLUGIN_PART_BYTES {
            return Err("is a part of a plugin of the wrong size");
        }
        plugin.have = have;
        Ok(())
    }
}

impl Tenant {
    fn token(&mut self, row: &TokenRow) -> Result<(), Wrong> {
        if self.token.as_ref().is_some_and(|before| *before >= row.id) {
            return Err("is a token out of order, or there twice");
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=MAX_TOKEN_ID_BYTES).contains(&row.id.0.len()) || !row.id.0.bytes().all(is_plain) {
            return Err("is a token with a name that none has");
        }
        if row.label.len() > MAX_TOKEN_LABEL_BYTES
            || row.key.as_ref().is_some_and(|key| key.len() > MAX_TOKEN_KEY_BYTES)
        {
            return Err("has a name that is too long");
        }
        if row.write && row.user.is_none() {
            return Err("is a token that may write for nobody");
        }
        self.token = Some(row.id.clone());
        Ok(())
    }

    fn record(&mut self, record: &Record) -> Result<(), Wrong> {
        if !is_kind(&record.resource_type) {
            return Err("is a resource of a kind that cannot be");
        }
        if record.version.0 > MAX_COUNT {
            return Err("is a resource with a number that nothing was counted to");
        }
        if record.version.0 == 0 {
            return Err("is a resource that was never written");
        }
        fits(record)?;
        match self.kinds.last().map(|kind| by_length(kind.as_str(), record.resource_type.as_str())) {
            Some(Ordering::Equal) => {
                if self.record.is_some_and(|before| before >= record.id) {
                    return Err("is a resource out of order, or there twice");
                }
            }
            Some(Ordering::Greater) => return Err("is a resource out of order, or there twice"),
            Some(Ordering::Less) | None => {
                self.kinds.push(record.resource_type.clone());
                if self.kinds.len() > MAX_KINDS {
                    return Err("is of one kind too many");
                }
            }
        }
        self.record = Some(record.id);
        Ok(())
    }

    fn member(&mut self, group: ResourceId, member: ResourceId, kind: &ResourceType) -> Result<(), Wrong> {
        if self.member.is_some_and(|before| before >= (group, member)) {
            return Err("is a membership out of order, or there twice");
        }
        if !is_kind(kind) {
            return Err("is a membership of a kind that cannot be");
        }
        if group == member && *kind == ResourceType::GROUP {
            return Err("is a group that is its own member");
        }
        self.member = Some((group, member));
        Ok(())
    }

    fn entry(&mut self, entry: &LogEntry) -> Result<(), Wrong> {
        let LogEntry { seq, version, change } = entry;
        if *seq != self.entry + 1 || *seq > self.last_entry {
            return Err("leaves a gap in a log, or does not belong to it");
        }
        if change.request.0.len() > MAX_REQUEST_ID_BYTES || !is_kind(&change.resource_type) {
            return Err("has a name that is too long");
        }
        if !(1..=MAX_COUNT).contains(&version.0) {
            return Err("is an entry with a number that nothing was counted to");
        }
        let fits = match (&change.before, &change.after) {
            (None, Some(_)) => change.event == Event::Created,
            (Some(_), None) => change.event == Event::Deleted,
            (Some(_), Some(_)) | (None, None) => !matches!(change.event, Event::Created | Event::Deleted),
        };
        if !fits {
            return Err("is an entry that says one thing and shows another");
        }
        (self.entry, self.hash) = (*seq, self.hash.link(entry));
        Ok(())
    }

    fn seal(&mut self, seal: &Seal) -> Result<(), Wrong> {
        if seal.seq <= self.sealed || seal.seq != self.entry {
            return Err("is a seal that does not stand behind what it covers");
        }
        if seal.hash != self.hash {
            return Err("is a seal that the log before it does not have: the log was changed");
        }
        self.sealed = seal.seq;
        Ok(())
    }

    fn task(&mut self, task: &Task, progress: Option<&Progress>) -> Result<(), Wrong> {
        if task.seq <= self.task || task.seq > self.last_task {
            return Err("is a task out of order, or there twice, or behind the last one");
        }
        progress.map_or(Ok(()), becomes)?;
        // What is announced to a receiver follows from no change.
        let first = u64::from(task.task.queue.is_of_the_plugin());
        if !(first..=self.last_entry).contains(&task.change) {
            return Err("is a task of a change that never was");
        }
        self.task = task.seq;
        Ok(())
    }

    fn state(&mut self, plugin: &str, last: u64) -> Result<(), Wrong> {
        if self.state.as_ref().is_some_and(|before| by_length(&before.plugin, plugin).is_ge()) {
            return Err("is what a plugin remembers, out of order, or there twice");
        }
        if plugin.is_empty() || plugin.len() > MAX_STATE_KEY_BYTES {
            return Err("has a name that is too long, or none");
        }
        if !(1..=MAX_COUNT).contains(&last) {
            return Err("is what a plugin remembers, with a number that nothing was counted to");
        }
        let number = self.state.as_ref().map_or(0, |before| before.number) + 1;
        if number > MAX_STATES {
            return Err("is what one plugin too many remembers");
        }
        self.state = Some(State { plugin: plugin.to_owned(), last, key: None, number });
        Ok(())
    }

    fn state_entry(&mut self, plugin: &str, key: &str, version: u64, value: &[u8]) -> Result<(), Wrong> {
        let state = self.state.as_mut().filter(|state| state.plugin == plugin);
        let state = state.ok_or("is what a plugin remembers that it does not stand behind")?;
        if state.key.as_ref().is_some_and(|before| by_length(before, key).is_ge()) {
            return Err("is what a plugin remembers, out of order, or there twice");
        }
        if key.len() > MAX_STATE_KEY_BYTES || value.len() > MAX_STATE_VALUE_BYTES {
            return Err("is larger than what a plugin can remember");
        }
        if !(1..=state.last).contains(&version) {
            return Err("is what a plugin remembers, with a number that nothing was counted to");
        }
        state.key = Some(key.to_owned());
        Ok(())
    }

    fn fed(&mut self, queue: &Queue, through: u64) -> Result<(), Wrong> {
        if self.fed.as_ref().is_some_and(|before| by_length(before.as_str(), queue.as_str()).is_ge()) {
            return Err("is how far a queue was fed, out of order, or there twice");
        }
        if queue.is_of_the_plugin() || through > self.last_entry {
            return Err("is how far a queue was fed that cannot be, or further than the log reaches");
        }
        self.feeds += 1;
        if self.feeds > MAX_FEEDS {
            return Err("is of one queue too many that is fed");
        }
        self.fed = Some(queue.clone());
        Ok(())
    }

    fn end(&self) -> Result<(), Wrong> {
        if self.entry != self.last_entry {
            return Err("stands where a log is not at its end");
        }
        Ok(())
    }
}

impl Plugin {
    fn end(self) -> Result<(), Wrong> {
        if self.have == self.size { Ok(()) } else { Err("stands where a plugin is not at its end") }
    }
}

/// What can have become of a task of which anything has.
fn becomes(progress: &Progress) -> Result<(), Wrong> {
    let Progress { revision, attempts, told, decisions, .. } = progress;
    if !(1..=MAX_COUNT).contains(revision) {
        return Err("is a task with a number that nothing was counted to");
    }
    if told.len() > MAX_ATTEMPTS_TOLD || usize::try_from(*attempts).is_ok_and(|attempts| attempts < told.len()) {
        return Err("is a task that tells of more attempts than there were");
    }
    let mut sentences = told.iter().filter_map(|attempt| attempt.failure.as_ref());
    if decisions.len() > MAX_DECISIONS_TOLD
        || sentences.any(|sentence| sentence.len() > MAX_SENTENCE_BYTES)
        || decisions.iter().any(|decision| decision.what.len() > MAX_DECISION_BYTES)
    {
        return Err("is a task of which too much is told");
    }
    Ok(())
}

fn is_kind(kind: &ResourceType) -> bool {
    let name = kind.as_str();
    name.len() <= MAX_KIND_BYTES
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use muster_model::{Actor, Attempt, Decision, Timestamp};

    use super::*;

    #[test]
    fn a_decision_can_say_more_than_an_attempt_and_each_only_so_much() {
        let at = Timestamp::from_millis(0);
        let judged = |said: usize, failed: usize| {
            let decision = Decision { at, by: Actor::Job("async".to_owned()), what: "x".repeat(said) };
            let attempt = Attempt { at, took_ms: 0, failure: Some("x".repeat(failed)) };
            let (told, decisions) = (vec![attempt], vec![decision]);
            becomes(&Progress { revision: 1, attempts: 1, told, decisions, ..Progress::new(at) })
        };
        let too_much = Err("is a task of which too much is told");
        assert_eq!(judged(MAX_DECISION_BYTES, MAX_SENTENCE_BYTES), Ok(()));
        assert_eq!(judged(MAX_DECISION_BYTES + 1, 1), too_much);
        assert_eq!(judged(1, MAX_SENTENCE_BYTES + 1), too_much);
    }
}

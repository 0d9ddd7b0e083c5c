//! The carrying out of one task by the plugin of its tenant, outside of any request.
//!
//! Which plugin, and with which configuration: those that planned it, as long as the tenant has them; else the present ones, if they go by the
//! same name. What it may touch is read anew for each attempt, so what was withdrawn meanwhile is withdrawn here as well.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use muster_model::{Binding, NewTask, PluginDigest, RequestId, Task, TenantId, TenantRow};
use muster_plugin::{
    Call, Errand, EventSet, Granted, HIDDEN, Manifest, Memory, MemoryError, Outcome, Performed, Plugin, Remembered,
    Role, Secret,
};
use muster_store::{Entry, MAX_STATE_KEY_BYTES, MAX_STATE_VALUE_BYTES, PluginState, StoreError};
use sha2::{Digest as _, Sha256};

use crate::binding::failure_class;
use crate::secrets::opened;
use crate::{AdminError, Service};

/// How much a plugin can remember of a tenant, in bytes: keys and values together.
pub const STATE_QUOTA_BYTES: u64 = 1 << 20;

/// The longest that a plugin puts the next attempt off.
pub const MAX_PUT_OFF: Duration = Duration::from_hours(1);

/// How many of the host's own sentences stand beside what the plugin says of an attempt.
pub const MAX_NOTES_TOLD: usize = 3;

/// How much of a hash tells a task from another one that has its number.
const TASK_HASH_BYTES: usize = 8;

/// A secret that is shorter than this is not looked for in what a plugin says: it could be part of any word.
const MIN_HIDDEN_BYTES: usize = 8;

/// What is said beforehand of a plugin that plans tasks and does not carry them out: nobody else does.
pub fn nobody_carries_out(plugin: &dyn Plugin) -> Option<String> {
    let (roles, manifest) = (plugin.roles(), plugin.manifest());
    let plans = roles.has(Role::Lifecycle) && manifest.resources.iter().any(|it| it.plans_on != EventSet::default());
    let Manifest { name, version, .. } = manifest;
    (plans && !roles.has(Role::Delivery)).then(|| {
        format!(
            "{name} {version} exports lifecycle and not delivery: what it plans is parked, for nobody carries it out"
        )
    })
}

/// By what a task is known to whom its plugin asks, in each attempt and after each restart: its number, and the beginning of a hash of what
/// makes it this one. A store that is restored from an older copy gives its numbers again, to other tasks.
fn request_of(task: &Task) -> RequestId {
    let Task { seq, change, at, task: NewTask { resource_type, id, action, idempotency_key, .. } } = task;
    let what = format!("muster task 1 {} {change} {resource_type} {id} {action} {idempotency_key}", at.as_millis());
    let hash = Sha256::digest(what);
    RequestId(format!("task-{seq}-{}", hex::encode(hash.get(..TASK_HASH_BYTES).unwrap_or_default())).into())
}

/// Who carries a task out.
struct Performer {
    plugin: Arc<dyn Plugin>,
    config: Arc<serde_json::Value>,
    row: TenantRow,
}

impl Service {
    /// Lets a tenant's plugin carry a task out, once. `attempt` counts from 1. However it ends, it ends as an [`Outcome`]: a plugin that
    /// traps, takes too long or answers nonsense is tried again, and says why in one sentence.
    pub async fn perform(&self, tenant: &TenantId, task: &Task, attempt: u32) -> Outcome {
        let Performer { plugin, config, row } = match self.performer(tenant, task).await {
            Ok(performer) => performer,
            Err(outcome) => return outcome,
        };
        let manifest = plugin.manifest();
        let granted = Granted::of(manifest, &row.grants);
        let (secrets, unopened) = opened(&row, &granted, &self.parts.secrets_key);
        let hidden: Vec<Secret> = secrets.values().cloned().collect();
        let memory = Arc::new(Kept(self.parts.store.plugin_state(tenant, &manifest.name)));
        let request = request_of(task);
        let call = Call { tenant, request: &request, now: self.parts.clock.now(), config: &config };
        let errand = Errand { task: &task.task, attempt, granted, secrets, memory };
        let Performed { outcome, mut notes } = plugin.perform(&call, errand).await;
        notes.extend(unopened);
        for note in &notes {
            tracing::warn!(
                tenant.id = %tenant, plugin.name = %manifest.name, task.seq = task.seq, attempt, note = %note,
                "a plugin was not let do what it wanted, or it failed underneath"
            );
        }
        let outcome = outcome.unwrap_or_else(|error| {
            let (reason, name) = (failure_class(&error), manifest.name.clone());
            metrics::counter!("muster_plugin_failures_total", "plugin" => name, "reason" => reason).increment(1);
            Outcome::Again { reason: error.to_string(), after: None }
        });
        told(outcome, &notes, &hidden)
    }

    async fn performer(&self, tenant: &TenantId, task: &Task) -> Result<Performer, Outcome> {
        let failed = |reason: String| Outcome::Failed { reason };
        let again = |reason: String| Outcome::Again { reason, after: None };
        let (row, bound) = {
            let view = self.tenants.view();
            (view.row(tenant).cloned(), view.tenant(tenant).and_then(|tenant| tenant.bound.load_full()))
        };
        let row = row.ok_or_else(|| failed("there is no such tenant any more".to_owned()))?;
        let planned = &task.task.plugin;
        let own = [Some(&row.binding), row.previous.as_ref()].into_iter().flatten().find(|it| it.plugin == *planned);
        let Binding { plugin: digest, config, .. } = own.unwrap_or(&row.binding);
        let plugin = self.plugin(digest).await.map_err(|error| match error {
            AdminError::NotFound(_) => {
                failed(format!("the plugin {digest} that is to carry it out is not kept any more"))
            }
            error => again(format!("the plugin that is to carry it out cannot be loaded: {error}")),
        })?;
        let manifest = plugin.manifest();
        if own.is_none() {
            let name = self.name_of(planned).await.map_err(|error| again(error.to_string()))?;
            if name.as_ref() != Some(&manifest.name) {
                let (author, present) = (name.unwrap_or_else(|| planned.to_string()), &manifest.name);
                return Err(failed(format!("{author} has planned it, and {present} decides for the tenant now")));
            }
        }
        if !plugin.roles().has(Role::Delivery) {
            let (name, version) = (&manifest.name, &manifest.version);
            return Err(failed(format!(
                "{name} {version} does not export delivery, so nobody carries out what it plans"
            )));
        }
        let config = match bound {
            // The very one, so that it is not copied for each task.
            Some(bound) if bound.plugin.digest() == *digest && *bound.config == *config => bound.config.clone(),
            Some(_) | None => Arc::new(config.clone()),
        };
        Ok(Performer { plugin, config, row })
    }

    /// What a plugin is called, whether it is loaded or not.
    async fn name_of(&self, digest: &PluginDigest) -> Result<Option<String>, StoreError> {
        let loaded = self.loaded().get(digest).map(|plugin| plugin.manifest().name.clone());
        if loaded.is_some() {
            return Ok(loaded);
        }
        let rows = self.parts.store.plugins().await?;
        Ok(rows.into_iter().find(|row| row.digest == *digest).map(|row| row.name))
    }
}

/// What is told of an attempt: the plugin's sentence, with the host's own behind it, and without any secret.
fn told(outcome: Outcome, notes: &[String], hidden: &[Secret]) -> Outcome {
    let tell = |mut reason: String| {
        for value in hidden.iter().map(Secret::expose).filter(|value| value.len() >= MIN_HIDDEN_BYTES) {
            reason = reason.replace(value, HIDDEN);
        }
        if notes.is_empty() {
            return reason;
        }
        let first: Vec<&str> = notes.iter().take(MAX_NOTES_TOLD).map(String::as_str).collect();
        let more = notes.len().saturating_sub(MAX_NOTES_TOLD);
        let rest = if more == 0 { String::new() } else { format!("; and {more} more of the kind") };
        format!("{reason} ({}{rest})", first.join("; "))
    };
    match outcome {
        Outcome::Done => Outcome::Done,
        Outcome::Again { reason, after } => {
            Outcome::Again { reason: tell(reason), after: after.map(|after| after.min(MAX_PUT_OFF)) }
        }
        Outcome::Failed { reason } => Outcome::Failed { reason: tell(reason) },
    }
}

/// The store's memory as the plugin's: with a bound on all of it.
struct Kept(Arc<dyn PluginState>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

#[async_trait]
impl Memory for Kept {
    async fn get(&self, key: &str) -> Result<Option<Remembered>, MemoryError> {
        // Nothing stands under a key that cannot be put.
        if key.len() > MAX_STATE_KEY_BYTES {
            return Ok(None);
        }
        let entry = self.0.get(key).await.map_err(|error| refused(&error))?;
        Ok(entry.map(|Entry { value, version }| Remembered { value, version }))
    }

    async fn put(&self, key: &str, value: Vec<u8>, expected: Option<u64>) -> Result<u64, MemoryError> {
        if key.len() > MAX_STATE_KEY_BYTES || value.len() > MAX_STATE_VALUE_BYTES {
            return Err(MemoryError::Quota);
        }
        self.0.put(key, &value, expected, STATE_QUOTA_BYTES).await.map_err(|error| refused(&error))
    }

    async fn delete(&self, key: &str, expected: Option<u64>) -> Result<(), MemoryError> {
        if key.len() > MAX_STATE_KEY_BYTES {
            return if expected.unwrap_or(0) == 0 { Ok(()) } else { Err(MemoryError::Conflict) };
        }
        self.0.delete(key, expected).await.map_err(|error| refused(&error))
    }
}

fn refused(error: &StoreError) -> MemoryError {
    match error {
        StoreError::Stale => MemoryError::Conflict,
        StoreError::Full => MemoryError::Quota,
        StoreError::Taken { .. } | StoreError::TooMany { .. } | StoreError::Unavailable(_) | StoreError::Damaged(_) => {
            MemoryError::Unavailable
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Queue, ResourceId, ResourceType, Timestamp};

    use super::*;

    #[test]
    fn a_sentence_has_the_hosts_own_behind_it_and_no_secret_in_it() {
        let hidden = [Secret::new("hunter22-long".to_owned()), Secret::new("abc".to_owned())];
        let notes: Vec<String> = (1..=5).map(|number| format!("note {number}")).collect();
        let again = |reason: &str| Outcome::Again { reason: reason.to_owned(), after: Some(Duration::from_hours(9)) };
        assert_eq!(
            told(again("it answered hunter22-long, abc"), &notes, &hidden),
            Outcome::Again {
                reason: "it answered (hidden), abc (note 1; note 2; note 3; and 2 more of the kind)".to_owned(),
                after: Some(MAX_PUT_OFF)
            }
        );
        assert_eq!(
            told(Outcome::Failed { reason: "no".to_owned() }, &notes[..1], &[]),
            Outcome::Failed { reason: "no (note 1)".to_owned() }
        );
        assert_eq!(told(Outcome::Done, &notes, &hidden), Outcome::Done);
    }

    #[test]
    fn a_task_that_has_the_number_of_another_one_in_a_restored_store_is_known_by_another_name() {
        let task = |id: u8, at| Task {
            seq: 126,
            change: 7,
            at: Timestamp::from_millis(at),
            task: NewTask {
                resource_type: ResourceType::USER,
                id: ResourceId::from_bytes([id; 16]),
                idempotency_key: "remove:1".to_owned(),
                action: "remove".to_owned(),
                arguments: Vec::new(),
                destructive: true,
                plugin: PluginDigest::of(b""),
                queue: Queue::plugin(),
            },
        };
        let first = request_of(&task(10, 1_000));
        assert_eq!(first, request_of(&task(10, 1_000)));
        assert!(first.0.starts_with("task-126-") && first.0.len() == "task-126-".len() + 2 * TASK_HASH_BYTES);
        for other in [task(11, 1_000), task(10, 1_001)] {
            assert_ne!(first, request_of(&other), "{other:?}");
        }
    }
}

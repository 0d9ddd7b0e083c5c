//! Rollouts: another plugin for a tenant, step by step, each with what it found (decision record 18).
//!
//! A rollout is a row of the store. `rollout/frame.rs` takes it from step to step, `rollout/preview.rs` looks at what the candidate would
//! make of the directory, `rollout/{replay,shadow,canary}.rs` try it on requests, `rollout/activate.rs` binds it, `rollout/watch.rs` watches
//! it, `rollout/remap.rs` maps what is stored. What works on it in this process is in [`Workers`]; when the server stops, the row says where
//! to go on.

mod activate;
mod again;
mod back;
mod budget;
mod canary;
mod cancel;
mod collisions;
mod frame;
mod live;
mod pace;
mod past;
mod preview;
mod refusals;
mod remap;
mod replay;
mod seen;
mod shadow;
mod tally;
mod trials;
mod view;
mod walk;
mod watch;
mod weigh;
mod work;
mod written;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use muster_model::{
    Actor, CanaryTrial, RequestId, Rollout, RolloutId, RolloutState, ShadowTrial, StepName, StepState, TenantId,
    TenantRow, WatchBudget,
};
use muster_plugin::Problem;
use muster_store::StoreError;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch as channel;

pub use budget::MAX_WATCH_S;
pub use collisions::MAX_NEW_KEYS_COMPARED;
pub use pace::WORK_SHARE_PERCENT;
pub use preview::MAX_FAILURES;
pub use remap::{MAX_TAKEN, REMAPPED_AT_ONCE};
pub use tally::{MAX_COUNTED, MAX_TOLD_OF_A_ROLLOUT, MAX_VALUE_TOLD_BYTES};
pub use trials::{MAX_CANARY_PERCENT, MAX_REPLAY_S, MAX_SHADOW_WRITES, MAX_TRIAL_S};
pub use written::MAX_WRITTEN_WALKED;

pub(crate) use past::{Came, Past, record_of_new};
pub(crate) use walk::is_in_sample;

use crate::binding::Bound;
use crate::grants::NewGrants;
use crate::jobs::Progress;
use crate::{AdminError, Service};

/// How many rollouts of a tenant are kept; with one more the oldest that is over goes.
pub const MAX_ROLLOUTS_KEPT: usize = 20;

/// How long whoever cancels a rollout waits until its work has stopped.
const CANCEL_WAIT: Duration = Duration::from_secs(10);

/// How long a rollout that was interrupted waits for its turn among the jobs.
const TURN_WAIT: Duration = Duration::from_secs(1);

/// The steps of a rollout; of the trials those that are asked for.
const STEPS: [StepName; 10] = [
    StepName::Check,
    StepName::Compile,
    StepName::Try,
    StepName::Preview,
    StepName::Replay,
    StepName::Shadow,
    StepName::Canary,
    StepName::Activate,
    StepName::Watch,
    StepName::Remap,
];

/// What is to be tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRollout {
    /// Which plugin: a name (the newest), `name@version`, or a digest; without it, the present one.
    #[serde(default)]
    pub plugin: Option<String>,
    /// Its configuration; without it, the present one.
    #[serde(default)]
    pub config: Option<Value>,
    /// What of its wants is granted at the moment at which it decides.
    #[serde(default)]
    pub grants: NewGrants,
    /// With which step it ends by itself.
    #[serde(default)]
    pub until: Until,
    /// Of how many resources in a hundred the preview is: always the same ones.
    #[serde(default = "all")]
    pub sample: u32,
    /// The recorded requests of so many seconds are put to it.
    #[serde(default)]
    pub replay_s: Option<u64>,
    /// It runs beside the plugin that decides.
    #[serde(default)]
    pub shadow: Option<ShadowTrial>,
    /// It decides for a share of the users.
    #[serde(default)]
    pub canary: Option<CanaryTrial>,
    /// How it is watched once it decides.
    #[serde(default)]
    pub watch: Option<WatchBudget>,
}

/// How far a rollout goes by itself. What speaks against going further stops it at the preview.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// What it would do is told, and nothing is done.
    #[default]
    Preview,
    /// The candidate decides.
    Activate,
    /// And what is stored is mapped by it.
    Remap,
}

const fn all() -> u32 {
    100
}

impl Until {
    const fn step(self) -> StepName {
        match self {
            Self::Preview => StepName::Preview,
            Self::Activate => StepName::Activate,
            Self::Remap => StepName::Remap,
        }
    }
}

/// What works on rollouts in this process.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    workers: Mutex<HashMap<RolloutId, Worker>>,
    /// What decided before, for as long as a request holds on to it.
    before: Mutex<HashMap<TenantId, Vec<Weak<Bound>>>>,
}

#[derive(Debug, Clone)]
struct Worker {
    progress: Progress,
    cancelled: Arc<AtomicBool>,
    /// Closed when the work is over.
    working: channel::Receiver<()>,
}

/// One rollout that is being worked on.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    tenant: TenantId,
    id: RolloutId,
    progress: Progress,
    cancelled: Arc<AtomicBool>,
}

impl Work {
    /// What the log knows by what is done.
    fn request(&self) -> RequestId {
        request_of(self.id)
    }
}

fn request_of(id: RolloutId) -> RequestId {
    RequestId(format!("rollout-{id}").into())
}

impl Workers {
    fn lock(&self) -> MutexGuard<'_, HashMap<RolloutId, Worker>> {
        // A map that a panicking thread held is still a map.
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, id: RolloutId) -> Option<Worker> {
        self.lock().get(&id).cloned()
    }

    fn before(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Weak<Bound>>>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another binding has taken the place of this one; requests in flight may still hold on to it.
    pub(crate) fn replaced(&self, tenant: &TenantId, bound: &Arc<Bound>) {
        let mut before = self.before();
        // Whoever replaces one binding after the other without a re-mapping keeps only what is still held.
        before.retain(|_, held| {
            held.retain(|bound| bound.strong_count() > 0);
            !held.is_empty()
        });
        before.entry(tenant.clone()).or_default().push(Arc::downgrade(bound));
    }

    /// Whether a request holds on to a binding that decides no more.
    fn is_any_held(&self, tenant: &TenantId) -> bool {
        self.before().get(tenant).is_some_and(|held| held.iter().any(|bound| bound.strong_count() > 0))
    }
}

/// Is among the [`Workers`] for as long as it lives.
struct Registered(Arc<Service>, RolloutId, Arc<AtomicBool>);

impl Drop for Registered {
    fn drop(&mut self) {
        let mut workers = self.0.rollouts.lock();
        // What comes next may be at work already.
        if workers.get(&self.1).is_some_and(|worker| Arc::ptr_eq(&worker.cancelled, &self.2)) {
            workers.remove(&self.1);
        }
    }
}

impl Service {
    /// Begins a rollout, and does not wait for it.
    pub async fn start_rollout(self: &Arc<Self>, tenant: &str, new: NewRollout) -> Result<Value, AdminError> {
        let sample = u8::try_from(new.sample).ok().filter(|sample| (1..=100).contains(sample));
        let sample = sample.ok_or_else(|| AdminError::Wrong("sample is 1 to 100, in percent".to_owned()))?;
        let trials = trials::asked(&new)?;
        let watch = budget::asked(new.watch.clone())?;
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let plugin = match &new.plugin {
            Some(reference) => self.plugin_named(reference).await?,
            None => row.binding.plugin,
        };
        let config = match new.config {
            Some(written) => self.meant(&plugin, written, Some(&row.binding)).await?,
            None => self.carried_over(&plugin, &row.binding).await?,
        };
        if !config.is_object() {
            let message = "must be a JSON object".to_owned();
            return Err(AdminError::Config(vec![Problem { pointer: String::new(), message }]));
        }
        let others = self.parts.store.rollouts(&row.id).await?;
        if let Some(other) = others.iter().find(|other| is_under_way(other)) {
            return Err(running(other));
        }
        let grants = self.wants_to_grant(&row, plugin, &new.grants).await?;
        let rollout = Rollout {
            id: RolloutId(self.parts.ids.next()),
            tenant: row.id.clone(),
            version: 1,
            plugin,
            config,
            grants,
            revision: row.binding.revision,
            from: row.binding.plugin,
            until: trials::last(&trials).map_or(new.until.step(), |last| last.max(new.until.step())),
            sample,
            trials,
            accepted: false,
            watch,
            state: RolloutState::Running,
            says: None,
            steps: trials::steps(&STEPS, &trials),
            not_kept: Vec::new(),
            cursor: None,
            activated: None,
            started_by: Actor::Operator,
            at: self.parts.clock.now(),
        };
        let too_many = (others.len() + 1).saturating_sub(MAX_ROLLOUTS_KEPT);
        let over: Vec<&Rollout> = others.iter().filter(|other| is_over(other)).take(too_many).collect();
        if over.len() < too_many {
            return Err(no_room(&row.id, &others));
        }
        for old in over {
            self.parts.store.remove_rollout(&row.id, old.id).await?;
        }
        self.parts.store.put_rollout(&rollout, None).await?;
        if let Err(error) = self.set_to_work(&rollout) {
            self.parts.store.remove_rollout(&row.id, rollout.id).await?;
            return Err(error);
        }
        tracing::info!(tenant.id = %row.id, rollout.id = %rollout.id, plugin.digest = %plugin, "rollout began");
        self.rollout_view(&rollout).await
    }

    /// All that are kept of a tenant, the latest first, without what they found.
    pub async fn list_rollouts(&self, tenant: &str) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let rollouts = self.parts.store.rollouts(&row.id).await?;
        self.rollouts_view(rollouts).await
    }

    /// One of them.
    pub async fn show_rollout(&self, tenant: &str, id: &str) -> Result<Value, AdminError> {
        let rollout = self.rollout_named(&self.row(tenant)?, id).await?;
        self.rollout_view(&rollout).await
    }

    async fn rollout_named(&self, row: &TenantRow, id: &str) -> Result<Rollout, AdminError> {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
        let missing = || AdminError::NotFound(format!("rollout {shown} of tenant {}", row.id));
        let id = RolloutId::parse(id).ok_or_else(missing)?;
        self.parts.store.rollout(&row.id, id).await?.ok_or_else(missing)
    }

    /// Changes a row as it is at this moment: whoever else changes it loses nothing.
    async fn change_rollout(
        &self,
        tenant: &TenantId,
        id: RolloutId,
        change: impl Fn(&mut Rollout) -> Result<(), AdminError>,
    ) -> Result<Rollout, AdminError> {
        for _ in 0..self.parts.limits.attempts {
            let missing = || AdminError::NotFound(format!("rollout {id} of tenant {tenant}"));
            let mut rollout = self.parts.store.rollout(tenant, id).await?.ok_or_else(missing)?;
            let expected = rollout.version;
            change(&mut rollout)?;
            rollout.version += 1;
            match self.parts.store.put_rollout(&rollout, Some(expected)).await {
                Err(StoreError::Stale) => {}
                other => return other.map(|()| rollout).map_err(AdminError::from),
            }
        }
        Err(AdminError::InUse(format!("rollout {id} is being changed by others; try again")))
    }

    /// Ends the step that is under way, and the rollout with it: as far as it came, if the candidate decides already.
    fn end_step(&self, rollout: &mut Rollout, state: StepState, says: Option<&str>) {
        if let Some(step) = rollout.steps.iter_mut().find(|step| step.state == StepState::Running) {
            step.state = state;
            step.ended = Some(self.parts.clock.now());
            step.says = says.map(str::to_owned);
        }
        rollout.state = match state {
            _ if rollout.activated.is_some() => RolloutState::Active,
            StepState::Failed => RolloutState::Failed,
            StepState::Cancelled | StepState::Pending | StepState::Running | StepState::Done | StepState::Skipped => {
                RolloutState::Cancelled
            }
        };
        rollout.says = says.map(str::to_owned);
    }
}

/// Whether it will go on by itself.
fn is_under_way(rollout: &Rollout) -> bool {
    matches!(rollout.state, RolloutState::Running | RolloutState::Watching)
}

/// Whether nothing follows any more, and it need not be kept.
const fn is_over(rollout: &Rollout) -> bool {
    match rollout.state {
        RolloutState::Done
        | RolloutState::Failed
        | RolloutState::Cancelled
        | RolloutState::RolledBack
        | RolloutState::Replaced => true,
        RolloutState::Running | RolloutState::Waiting | RolloutState::Watching | RolloutState::Active => false,
    }
}

/// `others`, the oldest first.
fn no_room(tenant: &TenantId, others: &[Rollout]) -> AdminError {
    let oldest = |state| others.iter().find(|other| other.state == state).map(|other| other.id);
    let mut end = String::new();
    if let Some(id) = oldest(RolloutState::Waiting) {
        end = format!("; end the oldest that waits: muster rollout cancel {tenant} {id}");
    } else if let Some(id) = oldest(RolloutState::Active) {
        end = format!("; bring the oldest that decides to its end: muster rollout remap {tenant} {id}");
    }
    AdminError::InUse(format!("tenant {tenant} has {MAX_ROLLOUTS_KEPT} rollouts, and none of them is over{end}"))
}

fn running(other: &Rollout) -> AdminError {
    let (id, tenant) = (other.id, &other.tenant);
    AdminError::InUse(if other.state == RolloutState::Watching {
        format!(
            "the candidate of rollout {id} is watched; wait for the end of it, or end it: muster rollout cancel {tenant} {id}"
        )
    } else {
        format!("rollout {id} of this tenant is running; cancel it, or wait for its end")
    })
}

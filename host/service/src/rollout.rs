//! Rollouts: another plugin for a tenant, step by step, each with what it found (decision record 18).
//!
//! A rollout is a row of the store. `rollout/frame.rs` takes it from step to step, `rollout/preview.rs` looks at what the candidate would
//! make of the directory, `rollout/activate.rs` binds it, `rollout/remap.rs` maps what is stored. What works on it in this process is in
//! [`Workers`]; when the server stops, the row says where to go on.

mod activate;
mod collisions;
mod frame;
mod pace;
mod preview;
mod remap;
mod tally;
mod view;
mod walk;
mod weigh;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use muster_model::{
    Actor, RequestId, Rollout, RolloutId, RolloutState, Step, StepName, StepState, TenantId, TenantRow,
};
use muster_plugin::Problem;
use muster_store::StoreError;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

pub use collisions::MAX_NEW_KEYS_COMPARED;
pub use pace::WORK_SHARE_PERCENT;
pub use preview::MAX_FAILURES;
pub use remap::{MAX_TAKEN, REMAPPED_AT_ONCE};
pub use tally::{MAX_COUNTED, MAX_TOLD_OF_A_ROLLOUT, MAX_VALUE_TOLD_BYTES};

use crate::binding::Bound;
use crate::jobs::Progress;
use crate::{AdminError, Service};

/// How many rollouts of a tenant are kept; with one more the oldest that is over goes.
pub const MAX_ROLLOUTS_KEPT: usize = 20;

/// How long whoever cancels a rollout waits until its work has stopped.
const CANCEL_WAIT: Duration = Duration::from_secs(10);

/// How long the end of the server waits until the work on rollouts has stopped.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// How long a rollout that was interrupted waits for its turn among the jobs.
const TURN_WAIT: Duration = Duration::from_secs(1);

/// The steps of a rollout. Watching the candidate has its place between the last two.
const STEPS: [StepName; 6] =
    [StepName::Check, StepName::Compile, StepName::Try, StepName::Preview, StepName::Activate, StepName::Remap];

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
    /// With which step it ends by itself.
    #[serde(default)]
    pub until: Until,
    /// Of how many resources in a hundred the preview is: always the same ones.
    #[serde(default = "all")]
    pub sample: u32,
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
    /// What decided before the latest activation, for as long as a request holds on to it.
    before: Mutex<HashMap<TenantId, Weak<Bound>>>,
}

#[derive(Debug, Clone)]
struct Worker {
    progress: Progress,
    cancelled: Arc<AtomicBool>,
    /// Closed when the work is over.
    working: watch::Receiver<()>,
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

    fn before(&self) -> MutexGuard<'_, HashMap<TenantId, Weak<Bound>>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Is among the [`Workers`] for as long as it lives.
struct Registered(Arc<Service>, RolloutId);

impl Drop for Registered {
    fn drop(&mut self) {
        self.0.rollouts.lock().remove(&self.1);
    }
}

impl Service {
    /// Begins a rollout, and does not wait for it.
    pub async fn start_rollout(self: &Arc<Self>, tenant: &str, new: NewRollout) -> Result<Value, AdminError> {
        let sample = u8::try_from(new.sample).ok().filter(|sample| (1..=100).contains(sample));
        let sample = sample.ok_or_else(|| AdminError::Invalid("sample is 1 to 100, in percent".to_owned()))?;
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let plugin = match &new.plugin {
            Some(reference) => self.plugin_named(reference).await?,
            None => row.binding.plugin,
        };
        let config = new.config.unwrap_or_else(|| row.binding.config.clone());
        if !config.is_object() {
            let message = "must be a JSON object".to_owned();
            return Err(AdminError::Config(vec![Problem { pointer: String::new(), message }]));
        }
        let others = self.parts.store.rollouts(&row.id).await?;
        if let Some(other) = others.iter().find(|other| other.state == RolloutState::Running) {
            return Err(running(other));
        }
        let rollout = Rollout {
            id: RolloutId(self.parts.ids.next()),
            tenant: row.id.clone(),
            version: 1,
            plugin,
            config,
            revision: row.binding.revision,
            from: row.binding.plugin,
            until: new.until.step(),
            sample,
            state: RolloutState::Running,
            says: None,
            steps: STEPS.map(Step::pending).to_vec(),
            not_kept: Vec::new(),
            cursor: None,
            activated: None,
            started_by: Actor::Operator,
            at: self.parts.clock.now(),
        };
        let over = others.iter().filter(|other| other.state != RolloutState::Active);
        for old in over.take((others.len() + 1).saturating_sub(MAX_ROLLOUTS_KEPT)) {
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

    /// Ends what is under way, or what waits. A candidate that decides already goes on deciding; what was mapped again stays so.
    pub async fn cancel_rollout(&self, tenant: &str, id: &str) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let rollout = self.rollout_named(&row, id).await?;
        match rollout.state {
            RolloutState::Running | RolloutState::Waiting => {}
            RolloutState::Active
            | RolloutState::Done
            | RolloutState::Failed
            | RolloutState::Cancelled
            | RolloutState::RolledBack
            | RolloutState::Replaced => {
                let state = rollout.state.as_str();
                return Err(AdminError::InUse(format!("rollout {id} is {state}: there is nothing to cancel")));
            }
        }
        if let Some(mut worker) = self.rollouts.of(rollout.id) {
            worker.cancelled.store(true, Ordering::Relaxed);
            // The sender goes with the work: there is never anything to be told but its end.
            if tokio::time::timeout(CANCEL_WAIT, worker.working.changed()).await.is_err() {
                return Err(AdminError::InUse(format!("rollout {id} is being cancelled; ask again in a moment")));
            }
        }
        // Who activates it at this moment does so to the end.
        let _one_at_a_time = self.administration.lock().await;
        let is_under_way = self.rollouts.of(rollout.id).is_some();
        let cancelled = self.change_rollout(&row.id, rollout.id, |rollout| {
            if matches!(rollout.state, RolloutState::Running | RolloutState::Waiting) && !is_under_way {
                self.end_step(rollout, StepState::Cancelled, None);
            }
            Ok(())
        });
        self.rollout_view(&cancelled.await?).await
    }

    /// Goes on with what was interrupted when the server ended, and waits until it ends again.
    pub async fn carry_rollouts(self: &Arc<Self>) {
        if let Err(error) = self.resume_rollouts().await {
            tracing::error!(%error, "interrupted rollouts were not gone on with");
        }
        self.told_to_stop().await;
        let working: Vec<Worker> = self.rollouts.lock().values().cloned().collect();
        for mut worker in working {
            let _ = tokio::time::timeout(STOP_WAIT, worker.working.changed()).await;
        }
    }

    async fn resume_rollouts(self: &Arc<Self>) -> Result<(), AdminError> {
        let tenants: Vec<TenantId> = self.tenants.view().rows().map(|row| row.id.clone()).collect();
        for tenant in tenants {
            let interrupted = self.parts.store.rollouts(&tenant).await?;
            for rollout in interrupted.iter().filter(|rollout| rollout.state == RolloutState::Running) {
                while self.rollouts.of(rollout.id).is_none() && self.set_to_work(rollout).is_err() {
                    tokio::select! {
                        () = tokio::time::sleep(TURN_WAIT) => {}
                        () = self.told_to_stop() => return Ok(()),
                    }
                }
                tracing::info!(tenant.id = %tenant, rollout.id = %rollout.id, "rollout goes on");
            }
        }
        Ok(())
    }

    /// Works on a rollout from where it stands, as a job.
    fn set_to_work(self: &Arc<Self>, rollout: &Rollout) -> Result<(), AdminError> {
        let (tenant, id, service) = (rollout.tenant.clone(), rollout.id, self.clone());
        let work = |progress: Progress| {
            let (until_dropped, working) = watch::channel(());
            let cancelled = Arc::new(AtomicBool::new(false));
            let worker = Worker { progress: progress.clone(), cancelled: cancelled.clone(), working };
            service.rollouts.lock().insert(id, worker);
            let registered = Registered(service.clone(), id);
            async move {
                let work = Work { tenant, id, progress, cancelled };
                let done = service.carry(&work).await;
                if let Err(error) = &done {
                    service.give_up(&work, error).await;
                }
                drop(registered);
                drop(until_dropped);
                done
            }
        };
        self.jobs.start_as(&request_of(id), "rollout", "resources", work).map(drop)
    }

    /// What cannot be gone on with is not left as if it were under way; unless the server stops, for then it is.
    async fn give_up(&self, work: &Work, error: &AdminError) {
        if *self.stopping.borrow() {
            return;
        }
        let given_up = self.change_rollout(&work.tenant, work.id, |rollout| {
            if rollout.state == RolloutState::Running {
                self.end_step(rollout, StepState::Failed, Some(&error.to_string()));
            }
            Ok(())
        });
        if let Err(error) = given_up.await {
            tracing::warn!(tenant.id = %work.tenant, rollout.id = %work.id, %error, "a rollout ended early, and says that it runs");
        }
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

fn running(other: &Rollout) -> AdminError {
    AdminError::InUse(format!("rollout {} of this tenant is running; cancel it, or wait for its end", other.id))
}

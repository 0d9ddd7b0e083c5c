//! From step to step: each begins when the one before it is done, and what it found is kept before the next one begins.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use muster_model::{Binding, PluginDigest, Rollout, RolloutState, StepName, StepState};
use muster_plugin::Plugin;
use muster_store::StoreError;
use serde_json::{Value, json};

use super::activate::is_overtaken;
use super::trials::decides_in;
use super::weigh::not_kept;
use super::{MAX_TOLD_OF_A_ROLLOUT, Work};
use crate::admin::role_names;
use crate::cases::{self, Outcome};
use crate::retry::Attempt;
use crate::{AdminError, ScimError, Service};

/// What a step came to.
#[derive(Debug)]
pub(super) struct Found {
    pub state: StepState,
    pub says: Option<String>,
    pub findings: Value,
}

impl Found {
    pub(super) const fn done(findings: Value) -> Self {
        Self { state: StepState::Done, says: None, findings }
    }

    pub(super) fn skipped(says: &str) -> Self {
        Self { state: StepState::Skipped, says: Some(says.to_owned()), findings: Value::Null }
    }
}

/// Why a step did not come to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// The server stops: it goes on after the next start.
    Stopped,
    /// It goes on beside the jobs.
    Watched,
    /// Nobody wants it any more.
    Cancelled,
    /// It is not possible.
    Failed(String),
}

impl From<AdminError> for Ended {
    fn from(error: AdminError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        AdminError::from(error).into()
    }
}

impl From<ScimError> for Ended {
    fn from(error: ScimError) -> Self {
        error.log();
        Self::Failed(error.to_string())
    }
}

impl From<Attempt> for Ended {
    fn from(attempt: Attempt) -> Self {
        match attempt {
            Attempt::Failed(error) => error.into(),
            Attempt::Stale => ScimError::Contended.into(),
        }
    }
}

impl Service {
    /// Whether the work is still wanted; to be asked between two resources.
    pub(super) fn go_on(&self, work: &Work) -> Result<(), Ended> {
        if *self.stopping.borrow() {
            return Err(Ended::Stopped);
        }
        if work.cancelled.load(Ordering::Relaxed) { Err(Ended::Cancelled) } else { Ok(()) }
    }

    /// Works until the rollout waits for somebody, or is over.
    pub(super) async fn carry(self: &Arc<Self>, work: &Work) -> Result<Value, AdminError> {
        loop {
            let rollout = self.rollout_of(work).await?;
            if rollout.state != RolloutState::Running {
                return Ok(json!({ "rollout": rollout.id, "state": rollout.state }));
            }
            let Some(name) = next(&rollout) else {
                let binding = self.row(work.tenant.as_str())?.binding;
                let settled = self.change_rollout(&work.tenant, work.id, |rollout| {
                    settle(rollout, &binding);
                    Ok(())
                });
                return Ok(json!({ "rollout": work.id, "state": settled.await?.state }));
            };
            let is_begun = rollout.step(name).is_some_and(|step| step.state == StepState::Running);
            if decides_in(name)
                && !rollout.accepted
                && !is_begun
                && let Some(against) = speaks_against(&rollout, name)
            {
                self.change_rollout(&work.tenant, work.id, |rollout| {
                    if rollout.state == RolloutState::Running {
                        rollout.until = StepName::Preview;
                        rollout.says = Some(against.clone());
                    }
                    Ok(())
                })
                .await?;
                continue;
            }
            let rollout = self.begin_step(work, name).await?;
            if rollout.state != RolloutState::Running {
                continue;
            }
            let came = match name {
                StepName::Check => self.check_candidate(&rollout).await,
                StepName::Compile => self.compile_candidate(&rollout).await,
                StepName::Try => self.try_candidate(work, &rollout).await,
                StepName::Preview => self.preview(work, &rollout).await,
                StepName::Replay => self.replay(work, &rollout).await,
                StepName::Shadow => self.shadow(work, &rollout).await,
                StepName::Canary => self.canary(work, &rollout).await,
                StepName::Activate => self.activate_by_itself(&rollout).await,
                StepName::Watch => self.put_on_probation(&rollout).await,
                StepName::Remap => self.remap(work, &rollout).await,
            };
            self.finish_step(work, name, came).await?;
            if *self.stopping.borrow() {
                return Ok(json!({ "rollout": work.id, "state": RolloutState::Running }));
            }
        }
    }

    pub(super) async fn rollout_of(&self, work: &Work) -> Result<Rollout, AdminError> {
        let rollout = self.parts.store.rollout(&work.tenant, work.id).await?;
        rollout.ok_or_else(|| AdminError::NotFound(format!("rollout {} of tenant {}", work.id, work.tenant)))
    }

    async fn begin_step(&self, work: &Work, name: StepName) -> Result<Rollout, AdminError> {
        work.progress.set_done(0);
        work.progress.set_total(0);
        let now = self.parts.clock.now();
        let begun = self.change_rollout(&work.tenant, work.id, |rollout| {
            // Whoever has ended it in between has ended this step as well.
            if rollout.state == RolloutState::Running
                && let Some(step) = rollout.step_mut(name)
            {
                step.state = StepState::Running;
                step.began = step.began.or(Some(now));
            }
            Ok(())
        });
        begun.await
    }

    async fn finish_step(&self, work: &Work, name: StepName, came: Result<Found, Ended>) -> Result<(), AdminError> {
        let (now, binding) = (self.parts.clock.now(), self.row(work.tenant.as_str())?.binding);
        let finished = self.change_rollout(&work.tenant, work.id, |rollout| {
            // Whoever went back to another binding has ended it already.
            if rollout.state != RolloutState::Running {
                return Ok(());
            }
            match &came {
                Ok(found) => {
                    if let Some(step) = rollout.step_mut(name) {
                        step.state = found.state;
                        step.ended = Some(now);
                        step.says.clone_from(&found.says);
                        if !found.findings.is_null() {
                            step.findings.clone_from(&found.findings);
                        }
                    }
                }
                Err(Ended::Stopped | Ended::Watched) => {}
                // It was met before whoever has bound something else has told it.
                Err(ended @ (Ended::Cancelled | Ended::Failed(_))) if is_overtaken(rollout, &binding) => {
                    self.end_overtaken(rollout, &binding);
                    if let (Ended::Failed(says), Some(why)) = (ended, &mut rollout.says)
                        && says.starts_with(why.as_str())
                    {
                        why.clone_from(says);
                    }
                }
                Err(Ended::Cancelled) => self.end_step(rollout, StepState::Cancelled, None),
                Err(Ended::Failed(says)) => self.end_step(rollout, StepState::Failed, Some(says)),
            }
            Ok(())
        });
        let finished = finished.await?;
        let says = finished.says.as_deref().unwrap_or_default();
        let failed = finished.step(name).and_then(|step| step.findings["failed"].as_u64());
        tracing::info!(
            tenant.id = %work.tenant, rollout.id = %work.id, rollout.step = name.as_str(), rollout.state = finished.state.as_str(), failed, says,
            "step of a rollout ended"
        );
        Ok(())
    }

    /// Keeps what a step has found so far; whether the rollout is still to go on.
    pub(super) async fn keep_findings(
        &self,
        work: &Work,
        name: StepName,
        keep: impl Fn(&mut Rollout) + Send,
        findings: Value,
    ) -> Result<(), Ended> {
        let kept = self.change_rollout(&work.tenant, work.id, |rollout| {
            let goes_on = rollout.state == RolloutState::Running;
            if goes_on {
                keep(rollout);
            }
            // What was found until somebody ended the step was found.
            if let Some(step) = rollout.step_mut(name).filter(|step| goes_on || step.state == StepState::Cancelled) {
                step.findings.clone_from(&findings);
            }
            Ok(())
        });
        if kept.await?.state == RolloutState::Running { Ok(()) } else { Err(Ended::Cancelled) }
    }

    /// It is there, and whole.
    async fn check_candidate(&self, rollout: &Rollout) -> Result<Found, Ended> {
        let row = self.row(rollout.tenant.as_str())?;
        if row.binding.revision != rollout.revision {
            return Err(changed(&row.binding, rollout).into());
        }
        let bytes = self.parts.store.plugin(&rollout.plugin).await?;
        let bytes = bytes.ok_or_else(|| AdminError::NotFound(format!("plugin {}", rollout.plugin)))?;
        if PluginDigest::of(&bytes) != rollout.plugin {
            return Err(Ended::Failed(format!("what is stored as plugin {} is another one", rollout.plugin)));
        }
        self.check_wants(&row, rollout.plugin, &rollout.grants).await?;
        Ok(Found::done(json!({ "bytes": bytes.len() })))
    }

    /// It fits the contract, is compiled, and has described itself.
    async fn compile_candidate(&self, rollout: &Rollout) -> Result<Found, Ended> {
        let began = Instant::now();
        let plugin = self.plugin(&rollout.plugin).await?;
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let manifest = plugin.manifest();
        Ok(Found::done(json!({
            "name": manifest.name, "version": manifest.version, "roles": role_names(plugin.roles()), "states": manifest.states,
            "ms": took,
        })))
    }

    /// It accepts the configuration, what the tenant holds and declares, and its own cases.
    async fn try_candidate(&self, work: &Work, rollout: &Rollout) -> Result<Found, Ended> {
        let row = self.row(rollout.tenant.as_str())?;
        let bound = self.candidate(&row, rollout.plugin, rollout.config.clone()).await?;
        let present = self.tenants.view().tenant(&work.tenant).and_then(|tenant| tenant.bound.load_full());
        let lost = present.map_or_else(Vec::new, |present| not_kept(&present, &bound));
        self.keep_findings(work, StepName::Try, |rollout| rollout.not_kept.clone_from(&lost), Value::Null).await?;
        self.run_cases(work, &bound.plugin).await
    }

    /// Runs the cases that a plugin brings along, each in an empty store of its own.
    async fn run_cases(&self, work: &Work, plugin: &Arc<dyn Plugin>) -> Result<Found, Ended> {
        let bytes = self.parts.store.plugin(&plugin.digest()).await?.unwrap_or_default();
        let cases = cases::embedded(&bytes)
            .map_err(|error| Ended::Failed(format!("the cases of the plugin cannot be read: {error}")))?;
        if cases.is_empty() {
            return Ok(Found::skipped("the plugin has no cases"));
        }
        let Some(scratch) = &self.parts.scratch else {
            return Ok(Found::skipped("there is no room to run the plugin's cases in"));
        };
        let outcomes = cases::run(plugin, &cases, scratch, cases::MAX_RUN).await?;
        let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.passed()).collect();
        let findings = json!({
            "cases": outcomes.len(),
            "failed": failed.len(),
            "told": failed.iter().take(MAX_TOLD_OF_A_ROLLOUT).collect::<Vec<_>>(),
        });
        let Some(first) = failed.first() else { return Ok(Found::done(findings)) };
        self.keep_findings(work, StepName::Try, |_| {}, findings).await?;
        let says = format!("{} of {} cases failed, the first of them {}", failed.len(), outcomes.len(), first.file);
        Err(Ended::Failed(says))
    }
}

/// The step that comes next, if the rollout is to go so far.
fn next(rollout: &Rollout) -> Option<StepName> {
    let is_next = |state| matches!(state, StepState::Pending | StepState::Running);
    let step = rollout.steps.iter().find(|step| is_next(step.state))?;
    // Whoever lets a candidate decide has it watched.
    let until = if rollout.until == StepName::Activate { StepName::Watch } else { rollout.until };
    (step.name <= until).then_some(step.name)
}

/// What a rollout is when nothing is left to be done by itself.
fn settle(rollout: &mut Rollout, binding: &Binding) {
    let is_done = |name| rollout.step(name).is_some_and(|step| step.state == StepState::Done);
    rollout.state = if is_done(StepName::Remap) {
        RolloutState::Done
    } else if rollout.activated.is_some() {
        RolloutState::Active
    } else {
        RolloutState::Waiting
    };
    outdate(rollout, binding);
}

/// Whoever waits to be activated over a binding that is not there any more waits in vain.
pub(super) fn outdate(rollout: &mut Rollout, binding: &Binding) {
    if rollout.state == RolloutState::Waiting && rollout.revision != binding.revision {
        rollout.state = RolloutState::Replaced;
        rollout.says = Some(since(binding, rollout));
    }
}

/// Why a candidate does not come to decide before somebody has looked at what was found.
fn speaks_against(rollout: &Rollout, next: StepName) -> Option<String> {
    let against = against(rollout);
    let waits = if next == StepName::Canary { "before the canary" } else { "to be activated" };
    (!against.is_empty()).then(|| format!("it waits {waits}, because {}", against.join(", and ")))
}

/// What the steps have found that speaks against the candidate: a sentence each.
fn against(rollout: &Rollout) -> Vec<&str> {
    let looked = [StepName::Preview, StepName::Replay, StepName::Shadow, StepName::Canary];
    let looked = looked.into_iter().filter_map(|name| rollout.step(name));
    let said = looked.filter_map(|step| step.findings.get("against")?.as_array());
    said.flatten().filter_map(Value::as_str).collect()
}

/// Whoever lets a candidate decide against which something speaks says that he knows it.
pub(super) fn check_against(rollout: &Rollout) -> Result<(), AdminError> {
    let against = against(rollout);
    if against.is_empty() {
        return Ok(());
    }
    let (id, tenant) = (rollout.id, &rollout.tenant);
    Err(AdminError::InUse(format!(
        "rollout {id} is not activated, because {}; to let its candidate decide all the same: muster rollout activate {tenant} {id} --anyway",
        against.join(", and ")
    )))
}

/// The binding is another one than the rollout has looked at.
pub(super) fn changed(binding: &Binding, rollout: &Rollout) -> AdminError {
    AdminError::InUse(since(binding, rollout))
}

/// The same as a sentence.
pub(super) fn since(binding: &Binding, rollout: &Rollout) -> String {
    let (is, was, id) = (binding.revision, rollout.revision, rollout.id);
    format!(
        "the binding has changed since rollout {id} began (it is at revision {is}, not at {was}); start another rollout"
    )
}

//! Rollouts as operators see them.

use std::collections::HashMap;

use muster_model::{PluginDigest, ResourceType, Rollout, RolloutState, Step, StepName, StepState};
use serde_json::{Value, json};

use crate::{AdminError, Service};

/// What plugins are called, by digest.
type Names = HashMap<PluginDigest, (String, String)>;

/// What of a step's findings is there for the next process, and for nobody who reads them.
const KEPT_ONLY: [&str; 2] = ["left", "seen"];

impl Service {
    pub(super) async fn rollout_view(&self, rollout: &Rollout) -> Result<Value, AdminError> {
        let names = self.plugin_names().await?;
        let mut shown = self.summary(rollout, &names);
        let steps = rollout.steps.iter().map(|step| self.step(rollout, step)).collect();
        shown["steps"] = Value::Array(steps);
        let by_hand = self.parts.store.directory(&rollout.tenant).states(&ResourceType::MANUAL_USER).await?;
        let by_hand: u64 = by_hand.iter().map(|(_, count)| count).sum();
        // Neither a preview nor a re-mapping meets them.
        if by_hand > 0 {
            shown["manual_accounts"] = json!(by_hand);
        }
        Ok(shown)
    }

    pub(super) async fn rollouts_view(&self, rollouts: Vec<Rollout>) -> Result<Value, AdminError> {
        let names = self.plugin_names().await?;
        let shown: Vec<Value> = rollouts.iter().rev().map(|rollout| self.summary(rollout, &names)).collect();
        Ok(json!({ "rollouts": shown }))
    }

    async fn plugin_names(&self) -> Result<Names, AdminError> {
        let plugins = self.parts.store.plugins().await?;
        Ok(plugins.into_iter().map(|row| (row.digest, (row.name, row.version))).collect())
    }

    fn step(&self, rollout: &Rollout, step: &Step) -> Value {
        let mut shown = json!({ "name": step.name, "state": step.state });
        for (name, at) in [("began", step.began), ("ended", step.ended)] {
            if let Some(at) = at {
                shown[name] = json!(at.to_string());
            }
        }
        if let Some(says) = &step.says {
            shown["says"] = json!(says);
        }
        let so_far = (rollout.state == RolloutState::Watching && step.name == StepName::Watch)
            .then(|| self.watched_so_far(rollout))
            .flatten();
        let mut findings = so_far.unwrap_or_else(|| step.findings.clone());
        if let Some(found) = findings.as_object_mut() {
            found.retain(|name, _| !KEPT_ONLY.contains(&name.as_str()));
        }
        if !findings.is_null() {
            shown["findings"] = findings;
        }
        if step.state == StepState::Running
            && let Some(worker) = self.rollouts.of(rollout.id)
        {
            let (done, total) = worker.progress.told();
            shown["done"] = json!(done);
            shown["total"] = json!(total);
        }
        shown
    }

    fn summary(&self, rollout: &Rollout, names: &Names) -> Value {
        let plugin = |digest: PluginDigest| {
            let called = names.get(&digest);
            json!({
                "digest": digest,
                "name": called.map(|(name, _)| name),
                "version": called.map(|(_, version)| version),
            })
        };
        let under_way = rollout.steps.iter().find(|step| step.state == StepState::Running).map(|step| step.name);
        let mut shown = json!({
            "id": rollout.id,
            "tenant": rollout.tenant,
            "plugin": plugin(rollout.plugin),
            "config": self.shown_config(&rollout.plugin, &rollout.config),
            "grants": rollout.grants,
            "from": { "revision": rollout.revision, "plugin": plugin(rollout.from) },
            "state": rollout.state,
            "until": rollout.until,
            "sample": rollout.sample,
            "watch": rollout.watch,
            "not_kept": rollout.not_kept,
            "started_by": rollout.started_by,
            "at": rollout.at.to_string(),
        });
        if let Some(step) = under_way {
            shown["step"] = json!(step);
        }
        if let Some(says) = &rollout.says {
            shown["says"] = json!(says);
        }
        if let Some(revision) = rollout.activated {
            shown["activated_revision"] = json!(revision);
        }
        shown
    }
}

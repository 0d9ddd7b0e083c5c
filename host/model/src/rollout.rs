use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Actor, PluginDigest, ResourceId, ResourceType, TenantId, Timestamp, Want};

/// Names a rollout. Rollouts in order of their ids are rollouts in order of their beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RolloutId(pub ResourceId);

impl RolloutId {
    /// `None` if no rollout was ever called so.
    pub fn parse(text: &str) -> Option<Self> {
        ResourceId::parse(text).map(Self)
    }
}

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One attempt at giving a tenant another plugin or another configuration, step by step. It is kept, so that it goes on after a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Its name.
    pub id: RolloutId,
    /// Whose plugin is to be replaced.
    pub tenant: TenantId,
    /// Counts the writes of this row, from 1.
    pub version: u64,
    /// The plugin that shall decide.
    pub plugin: PluginDigest,
    /// Its configuration.
    pub config: Value,
    /// What is granted to the candidate at the moment at which it decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Want>,
    /// The binding's revision when it began: what it finds is true of this one only.
    pub revision: u64,
    /// The plugin that decided then.
    pub from: PluginDigest,
    /// With which step it ends by itself, if nothing speaks against it.
    pub until: StepName,
    /// Of how many resources in a hundred the preview is.
    pub sample: u8,
    /// What the candidate goes through before it decides.
    #[serde(default)]
    pub trials: Trials,
    /// Somebody has seen what speaks against the candidate, and goes on all the same.
    #[serde(default)]
    pub accepted: bool,
    /// How it is watched once it decides; one of before there was such a thing is not.
    #[serde(default = "WatchBudget::none")]
    pub watch: WatchBudget,
    /// Where it stands.
    pub state: RolloutState,
    /// Why it stands there, if that is not plain: one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// What the candidate reads and the plugin before it did not keep (`User: title`): of these nothing is known.
    #[serde(default)]
    pub not_kept: Vec<String>,
    /// Up to which resource the directory is mapped again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The binding's revision that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated: Option<u64>,
    /// Who began it.
    pub started_by: Actor,
    /// When.
    pub at: Timestamp,
}

impl Rollout {
    /// One of its steps; `None` if it does not have that.
    pub fn step(&self, name: StepName) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The same, to be changed.
    pub fn step_mut(&mut self, name: StepName) -> Option<&mut Step> {
        self.steps.iter_mut().find(|step| step.name == name)
    }
}

/// What a candidate goes through between the preview and the activation, as far as it was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trials {
    /// The recorded requests of so many seconds are put to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_s: Option<u64>,
    /// It runs beside the plugin that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowTrial>,
    /// It decides for a share of the users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryTrial>,
}

/// How long a candidate runs beside the plugin that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowTrial {
    /// For so many seconds,
    pub for_s: u64,
    /// or until so many writes were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<u64>,
}

/// For whom, and how long, a candidate decides before it decides for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryTrial {
    /// For so many users in a hundred: always the same ones.
    pub percent: u8,
    /// For so many seconds.
    pub for_s: u64,
}

/// How long a candidate is watched after it was activated, and what may go wrong meanwhile before it gives way to the binding before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchBudget {
    /// For how many seconds; 0: not at all.
    pub seconds: u32,
    /// How many calls there must have been before it is judged by shares of them.
    pub least_calls: u32,
    /// How many calls in a hundred may get no usable answer.
    pub failed_percent: u32,
    /// How many calls without a usable answer are enough, however many others there were.
    pub failures: u32,
    /// How many more calls in a hundred it may reject than the binding before.
    pub rejected_percent: u32,
    /// How many times as long as those of the binding before half of its calls may take.
    pub slow_times: u32,
    /// How long half of its calls may take, in microseconds, whatever the binding before took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_us: Option<u64>,
}

impl Default for WatchBudget {
    fn default() -> Self {
        Self {
            seconds: 300,
            least_calls: 20,
            failed_percent: 5,
            failures: 20,
            rejected_percent: 20,
            slow_times: 10,
            slow_us: None,
        }
    }
}

impl WatchBudget {
    /// It is not watched.
    pub fn none() -> Self {
        Self { seconds: 0, ..Self::default() }
    }
}

/// A step of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// The candidate is a plugin, and accepts the tenant's configuration.
    Check,
    /// It is compiled.
    Compile,
    /// Its own cases give what it says they give.
    Try,
    /// What it would make of the directory.
    Preview,
    /// What it would have made of recorded requests.
    Replay,
    /// What it makes of requests that the plugin before it decides.
    Shadow,
    /// It decides for a share of the users.
    Canary,
    /// It decides.
    Activate,
    /// It is watched, and gives way if it fails.
    Watch,
    /// What is stored is mapped by it.
    Remap,
}

impl StepName {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Compile => "compile",
            Self::Try => "try",
            Self::Preview => "preview",
            Self::Replay => "replay",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::Activate => "activate",
            Self::Watch => "watch",
            Self::Remap => "remap",
        }
    }
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutState {
    /// A step is under way.
    Running,
    /// The operator decides whether the candidate is activated.
    Waiting,
    /// The candidate decides, and is watched.
    Watching,
    /// The candidate decides; what was stored before is as it was, or in part.
    Active,
    /// The candidate decides, and what is stored is mapped by it.
    Done,
    /// A step before the activation failed.
    Failed,
    /// The operator did not want it.
    Cancelled,
    /// The tenant has gone back to the binding before.
    RolledBack,
    /// Another binding has taken its place.
    Replaced,
}

impl RolloutState {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Watching => "watching",
            Self::Active => "active",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::RolledBack => "rolled-back",
            Self::Replaced => "replaced",
        }
    }
}

/// One step, and what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which one.
    pub name: StepName,
    /// Where it stands.
    pub state: StepState,
    /// When it began, for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Why it ended so, if it is not done: one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// What it found.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub findings: Value,
}

impl Step {
    /// One that is still to come.
    pub const fn pending(name: StepName) -> Self {
        Self { name, state: StepState::Pending, began: None, ended: None, says: None, findings: Value::Null }
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// It is still to come.
    Pending,
    /// It is under way.
    Running,
    /// It is done.
    Done,
    /// It was not possible.
    Failed,
    /// The operator has ended it.
    Cancelled,
    /// There was nothing to do.
    Skipped,
}

/// How far something went through a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The kind of the last resource that was looked at.
    pub resource_type: ResourceType,
    /// Its id.
    pub id: ResourceId,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_and_what_is_shown_are_the_same_words() {
        use RolloutState as State;
        use StepName as Name;
        let before = [Name::Check, Name::Compile, Name::Try, Name::Preview, Name::Replay, Name::Shadow, Name::Canary];
        for name in before.into_iter().chain([Name::Activate, Name::Watch, Name::Remap]) {
            assert_eq!(json!(name), json!(name.as_str()));
        }
        for state in [
            State::Running,
            State::Waiting,
            State::Watching,
            State::Active,
            State::Done,
            State::Failed,
            State::Cancelled,
            State::RolledBack,
            State::Replaced,
        ] {
            assert_eq!(json!(state), json!(state.as_str()));
        }
    }
}

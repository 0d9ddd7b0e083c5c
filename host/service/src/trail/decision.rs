use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use muster_model::{Account, NewTask};
use muster_plugin::PluginError;
use muster_store::request_log::{Decision, OperationLine, Outcome};
use serde_json::Value;

use super::body::is_a_verb;
use super::entry::{own_words, shown_path};
use super::{Notes, micros};
use crate::binding::{Bound, failure_class};

/// How many kinds of task are told of one decision.
const MAX_ACTIONS_KEPT: usize = 8;

/// How many operations of a bulk request are told whatever became of them, and how many that failed besides.
const MAX_OPERATIONS_KEPT: usize = 25;

/// What the plugin has decided so far, of one request or of one operation of a bulk request.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    outcome: Option<Outcome>,
    /// Who decided it in place of the plugin that is bound.
    by: Option<Arc<Bound>>,
    tasks: u64,
    actions: Vec<String>,
    /// A commit followed.
    pub(super) has_changed: bool,
}

impl Decided {
    /// As it is kept of what went well or not; `None`: the plugin was not asked.
    pub(super) fn told(self, bound: Option<&Bound>, went_well: bool) -> Option<Decision> {
        let (mut outcome, bound) = (self.outcome?, self.by.as_deref().or(bound)?);
        if let Outcome::Mapped { unchanged, .. } = &mut outcome {
            *unchanged = went_well && !self.has_changed;
        }
        let manifest = bound.plugin.manifest();
        Some(Decision {
            plugin: bound.plugin.digest(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            outcome,
            tasks: self.tasks,
            actions: self.actions,
        })
    }

    /// What the plugin said in its own words.
    pub(super) fn words(&self) -> Option<&str> {
        self.outcome.as_ref().and_then(own_words)
    }

    fn fail(&mut self, error: &PluginError, no: impl FnOnce(u16, String) -> Outcome) {
        self.outcome = Some(match error {
            PluginError::Rejected(rejection) => no(rejection.status, rejection.detail.clone()),
            PluginError::Trapped { .. }
            | PluginError::Deadline { .. }
            | PluginError::Limit { .. }
            | PluginError::Invalid { .. }
            | PluginError::Busy => Outcome::Failed { class: failure_class(error).to_owned() },
        });
    }
}

/// What became of one operation of a bulk request.
#[derive(Debug)]
pub(crate) struct Operation<'a> {
    /// Its place in the request, from 0.
    pub index: usize,
    /// It went well once already, and was completed since, or not.
    pub was_told: bool,
    /// Its verb.
    pub method: Option<&'a str>,
    /// What is behind the tenant's base path.
    pub path: &'a str,
    /// How it was answered.
    pub status: StatusCode,
    /// The body of its error.
    pub error: Option<&'a Value>,
}

impl Notes {
    /// What is decided from here on is decided by this candidate.
    pub(crate) fn decided_by(&self, candidate: &Arc<Bound>) {
        self.noted().decided.by = Some(candidate.clone());
    }

    /// The plugin was at work for so long.
    pub(crate) fn plugin_worked(&self, took: Duration) {
        self.noted().took.plugin_us += micros(took);
    }

    /// The plugin said what a resource becomes.
    pub(crate) fn mapped(&self, answer: &Result<Account, PluginError>) {
        let decided = &mut self.noted().decided;
        match answer {
            Ok(account) => {
                let keys = account.keys.iter().map(|key| key.attribute.clone()).collect();
                let (state, listed) = (account.state.clone(), account.listed);
                decided.outcome = Some(Outcome::Mapped { state, listed, keys, unchanged: false });
            }
            Err(error) => decided.fail(error, |status, detail| Outcome::Rejected { status, detail }),
        }
    }

    /// The plugin said what is to follow.
    pub(crate) fn planned(&self, answer: Result<&[NewTask], &PluginError>) {
        let decided = &mut self.noted().decided;
        match answer {
            Ok(tasks) => {
                decided.outcome.get_or_insert(Outcome::Planned);
                decided.tasks += tasks.len() as u64;
                for task in tasks {
                    if decided.actions.len() < MAX_ACTIONS_KEPT && !decided.actions.contains(&task.action) {
                        decided.actions.push(task.action.clone());
                    }
                }
            }
            Err(error) => decided.fail(error, |status, detail| Outcome::Vetoed { status, detail }),
        }
    }

    /// An operation of a bulk request is over; what is decided from here on is about the next. An operation that is told twice is told
    /// with what came last.
    pub(crate) fn operation(&self, done: &Operation<'_>) {
        let mut noted = self.noted();
        let decided = std::mem::take(&mut noted.decided);
        let (operations, index) = (&mut noted.operations, done.index as u64);
        let failed = u64::from(done.error.is_some());
        operations.attempted += u64::from(!done.was_told);
        operations.failed += failed;
        operations.shown.retain(|line| line.index != index);
        let shown_well = operations.shown.iter().filter(|line| line.status < 400).count();
        let shown_failed = operations.shown.len() - shown_well;
        let is_shown = if failed > 0 { shown_failed } else { shown_well } < MAX_OPERATIONS_KEPT;
        if !is_shown {
            return;
        }
        let text = |name: &str| done.error?.get(name)?.as_str().map(str::to_owned);
        let line = OperationLine {
            index,
            method: done.method.filter(|method| is_a_verb(method)).unwrap_or_default().to_owned(),
            path: shown_path(self.0.bound.get().map(AsRef::as_ref), done.path),
            status: done.status.as_u16(),
            scim_type: text("scimType"),
            detail: text("detail"),
            decision: decided.told(self.0.bound.get().map(AsRef::as_ref), failed == 0),
        };
        noted.operations.shown.push(line);
    }
}

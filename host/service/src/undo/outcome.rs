//! What came of an undo, resource by resource.

use std::collections::BTreeMap;

use http::StatusCode;
use muster_model::{Event, NewTask, ResourceId, ResourceType};
use muster_protocol::Document;
use muster_protocol::project::display_name;
use serde::Serialize;
use serde_json::{Value, json};

use super::net::Conflict;
use super::step::task_shown;
use crate::ScimError;
use crate::difference::{Difference, Place};
use crate::history::brief;

/// How many entries, values or tasks are named of one resource; how many there are is told always.
pub const MAX_TOLD: usize = 20;

/// How it ended for one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Result {
    /// It is as it was.
    Undone,
    /// Some of it is; the rest has changed since.
    Partly,
    /// There was nothing to do.
    Unchanged,
    /// It has changed since, or its name is taken.
    Conflict,
    /// The plugin does not want it.
    Rejected,
    /// It could not be done now.
    Failed,
}

/// What came of it for one resource.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub resource_type: ResourceType,
    pub id: ResourceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(rename = "outcome")]
    pub came: Result,
    /// What the log says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// The entries that were taken back, and how many.
    pub undoes: Vec<u64>,
    pub undoes_count: usize,
    /// The entry of the log that takes them back; of several the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Value>,
    /// The entry that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    pub members_added: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub members_removed: usize,
    /// Members that are not there any more.
    #[serde(skip_serializing_if = "is_zero")]
    pub members_left_out: usize,
    /// Groups that it had joined since, and goes out of.
    #[serde(skip_serializing_if = "is_zero")]
    pub memberships_lost: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Value>,
    #[serde(skip_serializing_if = "is_zero")]
    pub tasks_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Whether somebody else has its name: that may pass when the others are taken back.
    #[serde(skip)]
    pub is_taken: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Outcome {
    pub(super) fn new(resource_type: ResourceType, id: ResourceId, seqs: &[u64]) -> Self {
        Self {
            resource_type,
            id,
            name: None,
            came: Result::Unchanged,
            event: None,
            undoes: seqs.iter().take(MAX_TOLD).copied().collect(),
            undoes_count: seqs.len(),
            seq: None,
            changed: Vec::new(),
            conflicts: Vec::new(),
            by: None,
            members_added: 0,
            members_removed: 0,
            members_left_out: 0,
            memberships_lost: 0,
            tasks: Vec::new(),
            tasks_count: 0,
            says: None,
            is_taken: false,
        }
    }

    pub(super) fn named(&mut self, document: Option<&Document>) {
        self.name = document.and_then(display_name).or(self.name.take());
    }

    /// With this name, if it has none.
    pub(super) fn or_named(self, name: Option<String>) -> Self {
        Self { name: self.name.or(name), ..self }
    }

    pub(super) fn end(&mut self, came: Result, says: &str) {
        self.came = came;
        self.says = Some(says.to_owned());
    }

    pub(super) fn refused(&mut self, error: &ScimError) {
        self.is_taken = matches!(error, ScimError::Uniqueness { .. });
        let status = error.wire().status;
        let came = match status {
            StatusCode::CONFLICT => Result::Conflict,
            _ if status.is_client_error() => Result::Rejected,
            _ => Result::Failed,
        };
        error.log();
        self.end(came, &error.to_string());
    }

    pub(super) fn tell_changed(&mut self, changed: &[Difference]) {
        let one = |one: &Difference| {
            let mut told = json!({ "path": one.place.to_string() });
            sides(&mut told, [("was", &one.was), ("became", &one.became)]);
            told
        };
        self.changed = changed.iter().take(MAX_TOLD).map(one).collect();
    }

    pub(super) fn tell_conflicts(&mut self, conflicts: &[Conflict], by: &BTreeMap<Place, u64>) {
        let one = |conflict: &Conflict| {
            let mut told = json!({ "path": conflict.place.to_string(), "by": by.get(&conflict.place) });
            let Conflict { was, became, is, .. } = conflict;
            sides(&mut told, [("was", was), ("became", became), ("is", is)]);
            told
        };
        self.conflicts = conflicts.iter().take(MAX_TOLD).map(one).collect();
    }

    pub(super) fn tell_tasks(&mut self, tasks: &[NewTask]) {
        self.tasks_count += tasks.len();
        let room = MAX_TOLD.saturating_sub(self.tasks.len());
        self.tasks.extend(tasks.iter().take(room).map(task_shown));
    }
}

fn sides<const N: usize>(told: &mut Value, values: [(&str, &Option<Value>); N]) {
    for (name, value) in values {
        if let Some(value) = value {
            told[name] = brief(value);
        }
    }
}

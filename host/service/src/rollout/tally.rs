//! What was found in a directory: counts of everything, and the first of each kind in full.

use std::collections::BTreeMap;

use muster_model::{Account, Cursor, Event, NewTask, Record, ResourceId, ResourceType};
use muster_protocol::project::display_name;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::past::{Compared, Past};
use crate::ScimError;
use crate::create::Decided;
use crate::difference::{Difference, account, differences, document};

/// How many resources are told of those that would change, of those that would be rejected, and so on; how many there are is told always.
pub const MAX_TOLD_OF_A_ROLLOUT: usize = 50;

/// How many paths, states, actions and reasons are counted by name; what is more is counted together.
pub const MAX_COUNTED: usize = 200;

/// Bytes of a value, as JSON, that is told whole; of a longer one only the length is.
pub const MAX_VALUE_TOLD_BYTES: usize = 256;

/// How many changed values, and how many tasks, are told of one resource.
const MAX_TOLD_OF_ONE: usize = 20;

/// How many attributes are named that resources would lose; of more it is told how many there are.
const MAX_LOST_NAMED: usize = 5;

/// Under which name is counted what is too much to be counted by name.
const OTHERS: &str = "(others)";

/// The counts and the findings of a preview or a re-mapping. They are kept with the rollout, and go on from there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Tally {
    /// How many resources were looked at.
    pub looked_at: u64,
    /// Stay as they are.
    pub unchanged: u64,
    /// Become something else.
    pub changed: u64,
    /// The candidate does not want them.
    pub rejected: u64,
    /// It gave no answer.
    pub failed: u64,
    /// Of kinds that it does not serve.
    pub not_served: u64,
    /// Are not there any more.
    pub gone: u64,
    /// Were mapped by another plugin than the one that decides, or decided, before the candidate.
    pub earlier: u64,
    /// What their change is called in the log.
    pub events: BTreeMap<String, u64>,
    /// In how many resources each attribute changes.
    pub resource: BTreeMap<String, u64>,
    /// How many resources would have something no longer that is kept of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub losing: u64,
    /// From how many resources each attribute would be gone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: BTreeMap<String, u64>,
    /// In how many accounts each value changes.
    pub account: BTreeMap<String, u64>,
    /// From which state to which other one.
    pub states: BTreeMap<String, BTreeMap<String, u64>>,
    /// What would have to be done.
    pub tasks: BTreeMap<String, Tasks>,
    /// Why how many were rejected, or failed.
    pub reasons: BTreeMap<String, u64>,
    /// Writes that were refused, and that it would accept.
    #[serde(skip_serializing_if = "is_zero")]
    pub accepted: u64,
    /// Of those that change: what was to be done instead.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks_were: BTreeMap<String, Tasks>,
    /// The first of those that change.
    pub differences: Vec<Value>,
    /// The first of those that are rejected.
    pub rejections: Vec<Value>,
    /// The first of those that failed.
    pub failures: Vec<Value>,
    /// The first of those that were refused and would be accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acceptances: Vec<Value>,
    /// Those whose names others still have: they are tried again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Cursor>,
}

/// Tasks of one name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Tasks {
    count: u64,
    /// How many of them take something away.
    destructive: u64,
}

/// What changes of one resource, remembered while it is committed.
#[derive(Debug)]
pub(super) struct Seen {
    event: Event,
    states: Option<(String, String)>,
    resource: Vec<String>,
    /// Those of them that are not there any more.
    lost: Vec<String>,
    account: Vec<String>,
    tasks: Vec<(String, bool)>,
    /// What another plugin wanted to be done instead.
    tasks_were: Vec<(String, bool)>,
    shown: Value,
}

impl Seen {
    /// From what is stored to what was decided.
    pub(super) fn of(current: &Record, decided: &Decided) -> Self {
        let Decided { record, change, tasks, .. } = decided;
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        let resource = differences(document(before), document(after));
        let mut accounts = differences(account(before).as_ref(), account(after).as_ref());
        if resource.is_empty() && accounts.is_empty() {
            accounts.extend(names(current, record));
        }
        let paths = |found: &[Difference]| found.iter().map(|one| one.place.to_string()).collect();
        let (was, becomes) = (&current.account.state, &record.account.state);
        let shown = json!({
            "resource_type": current.resource_type,
            "id": current.id,
            "name": name(current),
            "event": change.event,
            "resource": shown(&resource),
            "account": shown(&accounts),
            "changed_count": resource.len() + accounts.len(),
            "tasks": tasks.iter().take(MAX_TOLD_OF_ONE).map(task_told).collect::<Vec<_>>(),
            "tasks_count": tasks.len(),
        });
        Self {
            event: change.event,
            states: (was != becomes).then(|| (was.clone(), becomes.clone())),
            resource: paths(&resource),
            lost: resource.iter().filter(|one| one.became.is_none()).map(|one| one.place.to_string()).collect(),
            account: paths(&accounts),
            tasks: actions(tasks),
            tasks_were: Vec::new(),
            shown,
        }
    }

    /// Of a write that another plugin has decided, and wanted this to be done after.
    pub(super) fn instead_of(mut self, past: &Past, tasks: &[NewTask]) -> Self {
        self.tasks_were = actions(tasks);
        self.shown["tasks_were"] = tasks.iter().take(MAX_TOLD_OF_ONE).map(task_told).collect();
        past.name_in(&mut self.shown);
        self
    }
}

impl Tally {
    /// It becomes something else.
    pub(super) fn changes(&mut self, seen: Seen) {
        self.changed += 1;
        count(&mut self.events, json!(seen.event).as_str().unwrap_or_default());
        seen.resource.iter().for_each(|path| count(&mut self.resource, path));
        self.losing += u64::from(!seen.lost.is_empty());
        seen.lost.iter().for_each(|path| count(&mut self.lost, path));
        seen.account.iter().for_each(|path| count(&mut self.account, path));
        if let Some((was, becomes)) = seen.states {
            count(named(&mut self.states, &was), &becomes);
        }
        count_tasks(&mut self.tasks, seen.tasks);
        count_tasks(&mut self.tasks_were, seen.tasks_were);
        tell(&mut self.differences, || seen.shown);
    }

    /// The candidate does not want it.
    pub(super) fn rejects(&mut self, current: &Record, error: &ScimError) {
        self.rejected += 1;
        count(&mut self.reasons, &error.to_string());
        tell(&mut self.rejections, || refused(current, error));
    }

    /// The candidate gave no answer.
    pub(super) fn fails(&mut self, current: &Record, error: &ScimError) {
        self.failed += 1;
        let why = cause(error);
        count(&mut self.reasons, &why);
        tell(&mut self.failures, || told_of(current, &why));
    }

    /// What became of a write that another plugin has decided.
    pub(super) fn compares(&mut self, past: &Past, came: Compared) {
        self.looked_at += 1;
        let told = [self.rejections.len(), self.failures.len()];
        match came {
            Compared::Same => self.unchanged += 1,
            Compared::Different(seen) => self.changes(*seen),
            Compared::Accepted(account) => {
                self.accepted += 1;
                tell(&mut self.acceptances, || accepted(past, account.as_deref()));
            }
            Compared::NotServed => self.not_served += 1,
            Compared::Rejected(error) => self.rejects(&past.record, &error),
            Compared::Failed(error) => self.fails(&past.record, &error),
        }
        let newly = self.rejections.iter_mut().skip(told[0]).chain(self.failures.iter_mut().skip(told[1]));
        newly.for_each(|told| past.name_in(told));
    }

    /// What would be lost, in a sentence, the most frequent first: an undo brings it back, going back to the binding before does not.
    pub(super) fn loses(&self) -> Option<String> {
        let mut lost: Vec<(&String, &u64)> = self.lost.iter().collect();
        lost.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
        let mut named: Vec<String> = lost.iter().take(MAX_LOST_NAMED).map(|(path, _)| (*path).clone()).collect();
        if lost.len() > MAX_LOST_NAMED {
            named.push(format!("{} more", lost.len() - MAX_LOST_NAMED));
        }
        let says =
            || format!("{} of {} would lose what is kept of them: {}", self.losing, self.looked_at, named.join(", "));
        (self.losing > 0).then(says)
    }

    /// What somebody should have looked at before the candidate decides; `of` is what was compared.
    pub(super) fn against(&self, of: &str) -> Vec<String> {
        let counted = [
            (self.rejected, "rejected"),
            (self.failed, "without an answer from the plugin"),
            (self.not_served, "of a kind that it does not serve"),
        ];
        let says = |(count, what): &(u64, &str)| format!("{count} of {} {of} would be {what}", self.looked_at);
        counted.iter().filter(|(count, _)| *count > 0).map(says).collect()
    }
}

fn accepted(past: &Past, account: Option<&Account>) -> Value {
    let mut told = told_of(&past.record, past.refused().unwrap_or_default());
    if let Some(account) = account {
        told["state"] = json!(account.state);
    }
    past.name_in(&mut told);
    told
}

fn task_told(task: &NewTask) -> Value {
    json!({ "action": task.action, "destructive": task.destructive })
}

fn actions(tasks: &[NewTask]) -> Vec<(String, bool)> {
    tasks.iter().map(|task| (task.action.clone(), task.destructive)).collect()
}

fn count_tasks(counts: &mut BTreeMap<String, Tasks>, tasks: Vec<(String, bool)>) {
    for (action, is_destructive) in tasks {
        let tasks = named(counts, &action);
        tasks.count += 1;
        tasks.destructive += u64::from(is_destructive);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Keeps the first ones.
pub(super) fn tell(told: &mut Vec<Value>, one: impl FnOnce() -> Value) {
    if told.len() < MAX_TOLD_OF_A_ROLLOUT {
        told.push(one());
    }
}

fn count(counts: &mut BTreeMap<String, u64>, what: &str) {
    *named(counts, what) += 1;
}

/// The entry of this name, or the one of all others.
fn named<'m, T: Default>(all: &'m mut BTreeMap<String, T>, name: &str) -> &'m mut T {
    let name = if all.len() < MAX_COUNTED || all.contains_key(name) { name } else { OTHERS };
    all.entry(name.to_owned()).or_default()
}

fn refused(current: &Record, error: &ScimError) -> Value {
    let wire = error.wire();
    let mut told = told_of(current, &error.to_string());
    told["status"] = json!(wire.status.as_u16());
    if let Some(scim_type) = wire.scim_type {
        told["scimType"] = json!(scim_type.as_str());
    }
    told
}

fn told_of(current: &Record, says: &str) -> Value {
    json!({ "resource_type": current.resource_type, "id": current.id, "name": name(current), "says": says })
}

/// Why a plugin gave no answer; an identity provider is not told that.
fn cause(error: &ScimError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// What people call it, or what it signs in with: this is for operators.
pub(super) fn name(record: &Record) -> Option<String> {
    display_name(&record.document).or_else(|| record.document.text("userName").map(str::to_owned))
}

/// Where neither resource nor account is another, but the names that the resource holds are.
fn names(current: &Record, next: &Record) -> Option<Difference> {
    let of = |record: &Record| Some(json!(record.keys.iter().map(|key| &key.attribute).collect::<Vec<_>>()));
    let place = crate::difference::Place::named("unique names");
    (current.keys != next.keys).then(|| Difference { place, was: of(current), became: of(next) })
}

fn shown(found: &[Difference]) -> Vec<Value> {
    let one = |one: &Difference| {
        let mut told = json!({ "path": one.place.to_string() });
        for (side, value) in [("was", &one.was), ("became", &one.became)] {
            if let Some(value) = value {
                told[side] = short(value);
            }
        }
        told
    };
    found.iter().take(MAX_TOLD_OF_ONE).map(one).collect()
}

fn short(value: &Value) -> Value {
    let length = value.to_string().len();
    if length <= MAX_VALUE_TOLD_BYTES { value.clone() } else { json!(format!("({length} bytes)")) }
}

/// The resource, as a cursor.
pub(super) fn place(resource_type: &ResourceType, id: ResourceId) -> Cursor {
    Cursor { resource_type: resource_type.clone(), id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_to_be_counted_by_name_is_counted_together() {
        let mut counts = BTreeMap::new();
        for number in 0..MAX_COUNTED + 7 {
            count(&mut counts, &format!("field {number}"));
        }
        count(&mut counts, "field 3");
        assert_eq!((counts.len(), counts["field 3"], counts[OTHERS]), (MAX_COUNTED + 1, 2, 7));
    }

    #[test]
    fn what_would_be_lost_is_named_the_most_frequent_first() {
        assert_eq!(Tally::default().loses(), None);
        let lost = [("title", 1), ("emails", 12), ("a", 2), ("b", 2), ("c", 2), ("d", 2), ("z", 1)];
        let lost = lost.into_iter().map(|(path, count)| (path.to_owned(), count)).collect();
        let tally = Tally { looked_at: 15, losing: 12, lost, ..Tally::default() };
        let says = "12 of 15 would lose what is kept of them: emails, a, b, c, d, 2 more";
        assert_eq!(tally.loses().as_deref(), Some(says));
    }

    #[test]
    fn only_the_first_are_told_and_long_values_by_their_length() {
        let mut told = Vec::new();
        for number in 0..=MAX_TOLD_OF_A_ROLLOUT {
            tell(&mut told, || json!(number));
        }
        assert_eq!((told.len(), told.last()), (MAX_TOLD_OF_A_ROLLOUT, Some(&json!(MAX_TOLD_OF_A_ROLLOUT - 1))));
        let whole = json!("x".repeat(MAX_VALUE_TOLD_BYTES - 2));
        assert_eq!(short(&whole), whole);
        assert_eq!(short(&json!("x".repeat(MAX_VALUE_TOLD_BYTES - 1))), json!("(257 bytes)"));
    }
}

//! How a tenant's plugin fares, in numbers.
//!
//! Each call is counted twice: for the plugin, which keeps its figures however often it is bound again, and for the binding, which begins
//! at nothing: a candidate on probation is judged by that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use muster_model::{PluginDigest, Timestamp};
use muster_plugin::PluginError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::binding::{Bound, failure_class};
use crate::{AdminError, Service};

/// Upper bounds of the times that calls are counted by, in microseconds; what takes longer than all of them stands behind.
const TIMES_US: [u64; 12] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 100_000];

/// What can become of a call besides an answer.
const CLASSES: [&str; 6] = ["rejected", "trapped", "deadline", "limit", "invalid", "busy"];

/// Those of them that are the plugin's fault.
const FAILURES: [&str; 4] = ["trapped", "deadline", "limit", "invalid"];

/// Characters of the first failure that are kept.
const MAX_FAILURE_CHARS: usize = 300;

/// Of how many plugins a tenant's figures are kept; with one more those go that were bound the longest ago.
pub const MAX_FIGURES_A_TENANT: usize = 8;

/// The calls of one plugin for one tenant.
#[derive(Debug)]
pub(crate) struct Figures {
    since: Timestamp,
    from: From,
    calls: AtomicU64,
    /// Calls without an answer whose writes went on all the same.
    passed_through: AtomicU64,
    /// Calls that were not made, because the plugin was left alone, and whose requests were answered so.
    refused: AtomicU64,
    took_us: AtomicU64,
    classes: [AtomicU64; CLASSES.len()],
    times: [AtomicU64; TIMES_US.len() + 1],
    /// The first call without a usable answer, in the host's words.
    first_failure: OnceLock<String>,
    /// Tells whoever watches that there was a call without an account.
    missed: Notify,
}

/// With what it was begun to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum From {
    /// The plugin was bound, or configured.
    Binding,
    /// It was bound already when the server was started.
    Start,
}

/// What was counted up to a moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub calls: u64,
    /// By class, in the order of [`CLASSES`].
    classes: [u64; CLASSES.len()],
    times: [u64; TIMES_US.len() + 1],
}

impl Figures {
    pub(crate) fn new(since: Timestamp) -> Self {
        Self::begun(since, From::Binding)
    }

    fn begun(since: Timestamp, from: From) -> Self {
        Self {
            since,
            from,
            calls: AtomicU64::default(),
            passed_through: AtomicU64::default(),
            refused: AtomicU64::default(),
            took_us: AtomicU64::default(),
            classes: Default::default(),
            times: Default::default(),
            first_failure: OnceLock::new(),
            missed: Notify::new(),
        }
    }

    /// Counts one call.
    pub(crate) fn count(&self, took: Duration, error: Option<&PluginError>) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.took_us.fetch_add(took_us, Ordering::Relaxed);
        let place = TIMES_US.iter().position(|bound| took_us <= *bound).unwrap_or(TIMES_US.len());
        let class = error.and_then(|error| CLASSES.iter().position(|class| *class == failure_class(error)));
        let classes = class.and_then(|class| self.classes.get(class));
        for counter in self.times.get(place).into_iter().chain(classes) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(error) = error {
            if FAILURES.contains(&failure_class(error)) {
                self.first_failure.get_or_init(|| error.to_string().chars().take(MAX_FAILURE_CHARS).collect());
            }
            self.missed.notify_one();
        }
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            calls: read(&self.calls),
            classes: self.classes.each_ref().map(read),
            times: self.times.each_ref().map(read),
        }
    }

    /// Goes on from what another process has counted.
    pub(crate) fn add(&self, before: &Counts) {
        let own = self.classes.iter().chain(&self.times).chain([&self.calls]);
        let counted = before.classes.iter().chain(&before.times).chain([&before.calls]);
        for (counter, count) in own.zip(counted) {
            counter.fetch_add(*count, Ordering::Relaxed);
        }
    }

    /// What the first failure was that this process has met.
    pub(crate) fn first_failure(&self) -> Option<&str> {
        self.first_failure.get().map(String::as_str)
    }

    /// How long all calls took together.
    pub(crate) fn took_us(&self) -> u64 {
        self.took_us.load(Ordering::Relaxed)
    }

    /// Waits until there is a call without an account.
    pub(crate) async fn missed(&self) {
        self.missed.notified().await;
    }

    fn shown(&self) -> Value {
        let counts = self.counts();
        let bounds = TIMES_US.iter().map(|bound| json!(bound)).chain([Value::Null]);
        let times: Vec<Value> =
            bounds.zip(&counts.times).map(|(bound, count)| json!({ "up_to_us": bound, "calls": count })).collect();
        let mut shown = self.told(&counts);
        shown["times"] = Value::Array(times);
        shown
    }

    /// All but the times.
    fn told(&self, counts: &Counts) -> Value {
        json!({
            "since": self.since.to_string(),
            "from": self.from,
            "calls": counts.calls,
            "took_us": self.took_us(),
            "without_an_account": counts.by_class(),
            "passed_through": self.passed_through.load(Ordering::Relaxed),
            "refused": self.refused.load(Ordering::Relaxed),
        })
    }
}

impl Counts {
    /// How many calls were of this class.
    pub(crate) fn of(&self, class: &str) -> u64 {
        let at = CLASSES.iter().position(|known| *known == class);
        at.and_then(|at| self.classes.get(at)).copied().unwrap_or_default()
    }

    /// How many got a considered "no".
    pub(crate) fn rejected(&self) -> u64 {
        self.of("rejected")
    }

    /// How many got no usable answer, as the breaker counts them: that the host was full is not the plugin's fault.
    pub(crate) fn failed(&self) -> u64 {
        FAILURES.iter().map(|class| self.of(class)).sum()
    }

    /// Between which times, in microseconds, half of the calls took less and half more. `None`: there was none.
    pub(crate) fn median_us(&self) -> Option<(u64, u64)> {
        let half = self.times.iter().sum::<u64>().div_ceil(2);
        let mut so_far = 0;
        let at = self.times.iter().position(|calls| {
            so_far += calls;
            so_far >= half.max(1)
        })?;
        let lower = at.checked_sub(1).and_then(|before| TIMES_US.get(before)).copied().unwrap_or_default();
        Some((lower, TIMES_US.get(at).copied().unwrap_or(u64::MAX)))
    }

    /// How many there were of each class, by its name.
    pub(crate) fn by_class(&self) -> Map<String, Value> {
        CLASSES.iter().zip(&self.classes).map(|(class, count)| ((*class).to_owned(), json!(count))).collect()
    }
}

/// The figures of the plugins that a tenant has had lately, for as long as the process lives. The one that was bound last stands last.
#[derive(Debug, Default)]
pub(crate) struct Fared(Mutex<Vec<(PluginDigest, Arc<Figures>)>>);

impl Fared {
    /// Those of a plugin that is bound now; `new`, if there are none yet.
    pub(crate) fn of(&self, plugin: PluginDigest, new: Arc<Figures>) -> Arc<Figures> {
        // A list that a panicking thread held is still a list.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|(digest, _)| *digest == plugin);
        let figures = known.map_or(new, |at| kept.remove(at).1);
        if kept.len() >= MAX_FIGURES_A_TENANT {
            kept.remove(0);
        }
        kept.push((plugin, figures.clone()));
        figures
    }
}

impl Bound {
    /// Counts one call.
    pub(crate) fn count(&self, took: Duration, error: Option<&PluginError>) {
        self.figures.count(took, error);
        self.own.count(took, error);
    }

    /// Counts one call without an answer whose write goes on all the same.
    pub(crate) fn count_passed_through(&self) {
        for figures in [&self.figures, &self.own] {
            figures.passed_through.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one call that was not made, because the plugin is left alone, and whose request is answered so.
    pub(crate) fn count_refused(&self) {
        for figures in [&self.figures, &self.own] {
            figures.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one call that failed and that no identity provider waits for; how many there are by now.
    pub(crate) fn count_aside(&self) -> u64 {
        self.aside.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// It was bound before this process was started.
    pub(crate) fn begun_at_start(self) -> Self {
        let begun = |figures: &Figures| Arc::new(Figures::begun(figures.since, From::Start));
        Self { figures: begun(&self.figures), own: begun(&self.own), ..self }
    }

    fn figures(&self) -> Value {
        let manifest = self.plugin.manifest();
        let mut figures = self.figures.shown();
        figures["plugin"] =
            json!({ "name": manifest.name, "version": manifest.version, "digest": self.plugin.digest() });
        figures["revision"] = json!(self.revision);
        figures["binding"] = self.own.told(&self.own.counts());
        figures["left_alone"] = json!(self.breaker.is_open());
        figures["memory_high_water_bytes"] = json!(self.plugin.memory_high_water());
        figures
    }
}

impl Service {
    /// How the plugin that decides for a tenant has fared since this process was started or since it was first bound, whichever was later:
    /// to be bound again, or to be configured anew, takes nothing from it. `binding` has what was counted since it is configured as it is now.
    /// The memory is that of one instance of it, whichever tenant's.
    pub fn plugin_figures(&self, tenant: &str) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let bound = self.tenants.view().tenant(&id).and_then(|tenant| tenant.bound.load_full());
        let bound = bound.ok_or_else(|| AdminError::NotFound(format!("plugin of tenant {id} that is loaded")))?;
        Ok(bound.figures())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures::new(Timestamp::from_millis(0))
    }

    fn trapped() -> PluginError {
        PluginError::Trapped { function: "mapping.to-account", cause: String::new() }
    }

    #[test]
    fn what_was_counted_is_gone_on_from() {
        let (before, now) = (figures(), figures());
        before.count(Duration::from_micros(5), Some(&trapped()));
        now.count(Duration::from_micros(6), None);
        let kept = serde_json::from_value(json!(before.counts())).unwrap();
        now.add(&kept);
        before.count(Duration::from_micros(6), None);
        assert_eq!(now.counts(), before.counts());
    }

    #[test]
    fn calls_are_counted_by_what_became_of_them_and_by_how_long_they_took() {
        let figures = figures();
        figures.count(Duration::from_micros(5), None);
        figures.count(Duration::from_micros(6), None);
        figures.count(Duration::from_secs(1), Some(&trapped()));

        let shown = figures.shown();
        assert_eq!((&shown["calls"], &shown["took_us"]), (&json!(3), &json!(1_000_011)));
        assert_eq!((&shown["since"], &shown["from"]), (&json!("1970-01-01T00:00:00.000Z"), &json!("binding")));
        assert_eq!(
            (&shown["without_an_account"]["trapped"], &shown["without_an_account"]["busy"]),
            (&json!(1), &json!(0))
        );
        let counted: Vec<u64> =
            shown["times"].as_array().unwrap().iter().map(|time| time["calls"].as_u64().unwrap()).collect();
        assert_eq!(counted, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn a_full_host_is_no_failure_and_a_no_is_a_rejection() {
        let figures = figures();
        let no = muster_plugin::Rejection { status: 409, scim_type: None, detail: "no".to_owned() };
        for error in [PluginError::Busy, PluginError::Rejected(no), trapped()] {
            figures.count(Duration::ZERO, Some(&error));
        }
        let counts = figures.counts();
        assert_eq!((counts.calls, counts.rejected(), counts.failed()), (3, 1, 1));
    }

    #[test]
    fn half_of_the_calls_took_less_and_half_more() {
        let figures = figures();
        assert_eq!(figures.counts().median_us(), None);
        for us in [7, 8, 2_000] {
            figures.count(Duration::from_micros(us), None);
        }
        assert_eq!(figures.counts().median_us(), Some((5, 10)));
        for _ in 0..2 {
            figures.count(Duration::from_secs(2), None);
        }
        assert_eq!(figures.counts().median_us(), Some((1_000, 2_500)));
        figures.count(Duration::from_secs(2), None);
        figures.count(Duration::from_secs(2), None);
        assert_eq!(figures.counts().median_us(), Some((100_000, u64::MAX)));
    }

    #[test]
    fn a_plugin_that_is_bound_again_has_its_figures_and_the_longest_unbound_go() {
        let fared = Fared::default();
        let digest = |n: usize| PluginDigest::of(&n.to_be_bytes());
        let first = fared.of(digest(0), Arc::new(figures()));
        first.count(Duration::ZERO, None);
        for other in 1..MAX_FIGURES_A_TENANT {
            fared.of(digest(other), Arc::new(figures()));
        }
        assert_eq!(fared.of(digest(0), Arc::new(figures())).counts().calls, 1);
        for other in 1..=MAX_FIGURES_A_TENANT {
            fared.of(digest(other), Arc::new(figures()));
        }
        assert_eq!(fared.of(digest(0), Arc::new(figures())).counts().calls, 0);
    }
}

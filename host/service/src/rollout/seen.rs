//! What was counted of a candidate, as it is kept in its rollout's row: the next process goes on from there.

use std::time::Duration;

use muster_model::{Rollout, StepName};
use serde::{Deserialize, Serialize};

use crate::figures::Counts;

/// How often at most it is kept what was counted, if a call has failed since; the first one that fails is kept at once.
const KEPT_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How often, if there was any call.
const KEPT_AFTER_CALLS: Duration = Duration::from_secs(5);

/// How often, whatever there was: for how long the candidate was watched.
const KEPT_EVERY: Duration = Duration::from_mins(1);

/// What is kept of a watch, or a canary, that goes on.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub counts: Counts,
    /// For how long it was watched.
    pub watched_ms: u64,
}

impl Seen {
    /// What an earlier process has kept; `None` also where this version does not understand it.
    pub(super) fn kept(rollout: &Rollout, name: StepName) -> Option<Self> {
        serde_json::from_value(rollout.step(name)?.findings["seen"].clone()).ok()
    }

    /// Whether there is enough news since then to be kept.
    pub(super) fn is_to_be_kept(&self, since: Duration, now: &Counts) -> bool {
        let is_worse = now.failed() > self.counts.failed();
        since >= KEPT_EVERY
            || (since >= KEPT_AFTER_CALLS && *now != self.counts)
            || (is_worse && (since >= KEPT_AFTER_FAILURE || self.counts.failed() == 0))
    }
}

#[cfg(test)]
mod tests {
    use muster_model::Timestamp;
    use muster_plugin::PluginError;

    use super::*;
    use crate::figures::Figures;

    /// So many calls, of which so many have failed.
    fn counts(calls: u64, failed: u64) -> Counts {
        let figures = Figures::new(Timestamp::from_millis(0));
        let trapped = PluginError::Trapped { function: "mapping.to-account", cause: String::new() };
        for number in 0..calls {
            figures.count(Duration::ZERO, (number < failed).then_some(&trapped));
        }
        figures.counts()
    }

    #[test]
    fn the_first_failure_is_kept_at_once_and_later_ones_after_a_second() {
        let seen = |calls, failed| Seen { counts: counts(calls, failed), watched_ms: 0 };
        let at_once = Duration::ZERO;
        assert!(seen(7, 0).is_to_be_kept(at_once, &counts(8, 1)));
        assert!(!seen(8, 1).is_to_be_kept(at_once, &counts(9, 2)));
        assert!(seen(8, 1).is_to_be_kept(KEPT_AFTER_FAILURE, &counts(9, 2)));
        assert!(!seen(8, 1).is_to_be_kept(KEPT_AFTER_FAILURE, &counts(9, 1)));
        assert!(seen(8, 1).is_to_be_kept(KEPT_AFTER_CALLS, &counts(9, 1)));
        assert!(!seen(8, 1).is_to_be_kept(KEPT_AFTER_CALLS, &counts(8, 1)));
        assert!(seen(8, 1).is_to_be_kept(KEPT_EVERY, &counts(8, 1)));
    }
}

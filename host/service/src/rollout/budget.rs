//! What a candidate may cost while it is watched, and whether it has cost more.
//!
//! Times are judged by the half: a machine with much to do makes a few calls slow, and only a slow plugin makes every second one so. They are
//! counted in steps, and of a step the end is taken that speaks for the candidate.

use muster_model::{TenantId, WatchBudget};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::AdminError;
use crate::breaker::Breaker;
use crate::figures::{Counts, Figures};

/// How long a candidate can be watched, in seconds: a day.
pub const MAX_WATCH_S: u32 = 24 * 60 * 60;

/// Below this half of the calls may take as long as they like, in microseconds: a request takes longer than this anyway.
pub const SLOW_FROM_US: u64 = 1_000;

/// How long half of the calls may take where nothing is known of the binding before, in microseconds.
pub const SLOW_UNKNOWN_US: u64 = 5_000;

/// At the end the shares of failures and rejections are judged however few calls there were, if there were at least so many of them.
const LEAST_AT_THE_END: u64 = 3;

/// The budget that is asked for, if it can be had.
pub(super) fn asked(budget: Option<WatchBudget>) -> Result<WatchBudget, AdminError> {
    let budget = budget.unwrap_or_default();
    let is_share = |percent: u32| (1..=100).contains(&percent);
    let problem = if budget.seconds > MAX_WATCH_S {
        format!("watch.seconds is at most {MAX_WATCH_S}")
    } else if !is_share(budget.failed_percent) {
        "watch.failed_percent is 1 to 100".to_owned()
    } else if !is_share(budget.rejected_percent) {
        "watch.rejected_percent is 1 to 100".to_owned()
    } else if budget.least_calls == 0 || budget.failures == 0 || budget.slow_times == 0 || budget.slow_us == Some(0) {
        "watch.least_calls, watch.failures, watch.slow_times and watch.slow_us are at least 1".to_owned()
    } else {
        return Ok(budget);
    };
    Err(AdminError::Wrong(problem))
}

/// How the binding before has fared, as far as that is known.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Before {
    /// How many calls it had.
    pub calls: u64,
    /// How many of them it rejected.
    pub rejected: u64,
    /// How long half of them took at most.
    pub median_us: Option<u64>,
    /// How many resources in a hundred the candidate has rejected when it was tried: whoever activated it has seen that. `None`: there were
    /// none to try it on.
    pub expected_rejected_percent: Option<u64>,
}

pub(super) fn before(left: Option<Counts>, refused_in_preview: Option<(u64, u64)>) -> Before {
    let left = left.unwrap_or_default();
    Before {
        calls: left.calls,
        rejected: left.rejected(),
        median_us: left.median_us().map(|(_, at_most)| at_most),
        expected_rejected_percent: refused_in_preview
            .filter(|(_, of)| *of > 0)
            .map(|(rejected, of)| percent(rejected, of)),
    }
}

/// What was too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Over {
    /// In a word: `failed`, `rejected`, `slow`, `left-alone`.
    pub what: &'static str,
    /// In a sentence, with its numbers.
    pub says: String,
}

impl Over {
    /// With what is known of the failures: of which kinds they were, what the first was, and where to read what the plugin itself has said.
    /// What an earlier process has met is known by its kind only.
    pub(super) fn with_failures(self, figures: &Figures, tenant: &TenantId) -> Self {
        let Self { what, mut says } = self;
        let kinds = kinds(&figures.counts());
        if matches!(what, "failed" | "left-alone") && !kinds.is_empty() {
            says = format!("{says}: {kinds}");
            if let Some(first) = figures.first_failure() {
                says = format!("{says}; the first of them: {first}");
            }
            says = format!("{says}; what the plugin has logged: muster plugin tail --tenant {tenant}");
        }
        Self { what, says }
    }
}

/// `17 trapped, 3 too slow`
fn kinds(counts: &Counts) -> String {
    let named = [("trapped", "trapped"), ("deadline", "too slow"), ("limit", "over a limit"), ("invalid", "not valid")];
    let counted = named.iter().map(|(class, says)| (counts.of(class), says)).filter(|(count, _)| *count > 0);
    counted.map(|(count, says)| format!("{count} {says}")).collect::<Vec<_>>().join(", ")
}

/// What is to be said when the time is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has kept within its budget.
    Clean,
    /// There was too little to judge it by.
    NotJudged {
        /// How little.
        says: String,
        /// Whether that little was without a failure.
        is_clean: bool,
    },
    /// It was too much.
    Over(Over),
}

/// Whether it is too much already.
pub(super) fn judge(budget: &WatchBudget, before: &Before, counts: &Counts) -> Option<Over> {
    let (calls, failed) = (counts.calls, counts.failed());
    if failed >= u64::from(budget.failures) {
        let says = format!("{failed} of {calls} calls failed, and {} are enough", budget.failures);
        return Some(Over { what: "failed", says });
    }
    if calls < u64::from(budget.least_calls) {
        return None;
    }
    too_many_failed(budget, counts)
        .or_else(|| too_many_rejected(budget, before, counts))
        .or_else(|| too_slow(budget, before, counts))
}

/// Whether it was too much, now that no more calls count.
pub(super) fn at_the_end(budget: &WatchBudget, before: &Before, counts: &Counts) -> Verdict {
    let (calls, failed) = (counts.calls, counts.failed());
    if failed >= LEAST_AT_THE_END
        && let Some(over) = too_many_failed(budget, counts)
    {
        return Verdict::Over(over);
    }
    if counts.rejected() >= LEAST_AT_THE_END
        && let Some(over) = too_many_rejected(budget, before, counts)
    {
        return Verdict::Over(over);
    }
    if calls >= u64::from(budget.least_calls) {
        return Verdict::Clean;
    }
    let says = match (calls, failed) {
        (0, _) => "not judged: nobody called it".to_owned(),
        (1, 0) => "not judged by one call, which did not fail".to_owned(),
        (1, _) => "not judged by one call, which failed".to_owned(),
        (_, 0) => format!("not judged by {calls} calls, of which none failed"),
        (_, _) => format!("not judged by {calls} calls, of which {failed} failed"),
    };
    Verdict::NotJudged { says, is_clean: failed == 0 }
}

/// A candidate that is not there answers nobody.
pub(super) fn not_loaded() -> Over {
    Over { what: "failed", says: "the candidate could not be loaded".to_owned() }
}

/// A candidate that nobody is let call any more has failed more than it may, whatever its budget.
pub(super) fn left_alone(breaker: &Breaker, counts: &Counts) -> Option<Over> {
    let (calls, failed) = (counts.calls, counts.failed());
    let says = || format!("{failed} of {calls} calls failed, so many in a short time that it was left alone");
    breaker.is_open().then(|| Over { what: "left-alone", says: says() })
}

fn too_many_failed(budget: &WatchBudget, counts: &Counts) -> Option<Over> {
    let (calls, failed) = (counts.calls, counts.failed());
    let may = u64::from(budget.failed_percent);
    let says = || format!("{failed} of {calls} calls failed ({} %), and {may} % may", percent(failed, calls));
    (failed * 100 > calls * may).then(|| Over { what: "failed", says: says() })
}

fn too_many_rejected(budget: &WatchBudget, before: &Before, counts: &Counts) -> Option<Over> {
    let (calls, rejected) = (counts.calls, counts.rejected());
    let was = expected_percent(budget, before)?;
    let may = was + u64::from(budget.rejected_percent);
    let says = || {
        let share = percent(rejected, calls);
        format!(
            "{rejected} of {calls} calls were rejected ({share} %), where {was} % were to be expected and {may} % may be"
        )
    };
    (rejected * 100 > calls * may).then(|| Over { what: "rejected", says: says() })
}

/// How many calls in a hundred are to be expected to be rejected; `None`: nothing is known that could tell.
fn expected_percent(budget: &WatchBudget, before: &Before) -> Option<u64> {
    let is_known = before.calls >= u64::from(budget.least_calls);
    let was = is_known.then(|| percent(before.rejected, before.calls));
    was.max(before.expected_rejected_percent)
}

fn too_slow(budget: &WatchBudget, before: &Before, counts: &Counts) -> Option<Over> {
    let may_us = budget.slow_us.unwrap_or_else(|| {
        before.median_us.map_or(SLOW_UNKNOWN_US, |us| us.saturating_mul(u64::from(budget.slow_times)).max(SLOW_FROM_US))
    });
    let (more_than_us, _) = counts.median_us()?;
    let was = match before.median_us {
        Some(us) if us < u64::MAX => format!(", and of the binding before {us} µs at most"),
        Some(_) | None => String::new(),
    };
    let says =
        || format!("half of {} calls took more than {more_than_us} µs, where {may_us} µs may be{was}", counts.calls);
    (more_than_us >= may_us).then(|| Over { what: "slow", says: says() })
}

/// How many in a hundred, rounded down; of none, none.
fn percent(some: u64, all: u64) -> u64 {
    some.saturating_mul(100).checked_div(all).unwrap_or_default()
}

/// What a watch has found, or finds so far.
pub(super) fn findings(budget: &WatchBudget, before: &Before, counts: &Counts) -> Value {
    let median_us = counts.median_us();
    let mut found = json!({
        "before": before,
        "calls": counts.calls,
        "failed": counts.failed(),
        "rejected": counts.rejected(),
        "without_an_account": counts.by_class(),
        "half_took_more_than_us": median_us.map(|(lower, _)| lower),
    });
    if expected_percent(budget, before).is_none() {
        found["rejections"] = json!("not judged: nothing tells how many are to be expected");
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use muster_model::Timestamp;
    use muster_plugin::{PluginError, Rejection};

    use super::*;
    use crate::figures::Figures;

    /// So many calls that were answered, failed and were rejected, each in so many microseconds.
    fn calls(answered: u64, failed: u64, rejected: u64, us: u64) -> Counts {
        let figures = Figures::new(Timestamp::from_millis(0));
        let trapped = PluginError::Trapped { function: "mapping.to-account", cause: String::new() };
        let no = PluginError::Rejected(Rejection { status: 409, scim_type: None, detail: "no".to_owned() });
        for (count, error) in [(answered, None), (failed, Some(&trapped)), (rejected, Some(&no))] {
            for _ in 0..count {
                figures.count(Duration::from_micros(us), error);
            }
        }
        figures.counts()
    }

    fn fast(answered: u64, failed: u64, rejected: u64) -> Counts {
        calls(answered, failed, rejected, 20)
    }

    fn says(before: &Before, counts: &Counts) -> Option<String> {
        judge(&WatchBudget::default(), before, counts).map(|over| over.says)
    }

    #[test]
    fn a_share_is_judged_as_soon_as_there_are_enough_calls() {
        let unknown = Before::default();
        assert_eq!(says(&unknown, &fast(0, 19, 0)), None, "too few to be a share of anything");
        assert_eq!(says(&unknown, &fast(19, 1, 0)), None, "five in a hundred may");
        let two = "2 of 20 calls failed (10 %), and 5 % may";
        assert_eq!(says(&unknown, &fast(18, 2, 0)).as_deref(), Some(two));
        assert_eq!(says(&unknown, &fast(361, 19, 0)), None);
    }

    #[test]
    fn so_many_failures_are_enough_however_many_calls_there_were() {
        let over = judge(&WatchBudget::default(), &Before::default(), &fast(100_000, 20, 0)).unwrap();
        assert_eq!((over.what, over.says.as_str()), ("failed", "20 of 100020 calls failed, and 20 are enough"));
    }

    #[test]
    fn failures_are_told_by_their_kind_with_the_first_of_them_and_where_the_plugins_own_lines_are() {
        let figures = Figures::new(Timestamp::from_millis(0));
        let fails = |error: PluginError| figures.count(Duration::ZERO, Some(&error));
        fails(PluginError::Rejected(Rejection { status: 409, scim_type: None, detail: "no".to_owned() }));
        fails(PluginError::Busy);
        fails(PluginError::Deadline { function: "mapping.plan", limit_ms: 10 });
        for cause in ["unreachable", "stack overflow"] {
            fails(PluginError::Trapped { function: "mapping.to-account", cause: cause.to_owned() });
        }
        let tenant = TenantId::parse("acme").unwrap();
        let over = |what| Over { what, says: "3 of 5 calls failed".to_owned() }.with_failures(&figures, &tenant).says;
        let says = "3 of 5 calls failed: 2 trapped, 1 too slow; the first of them: the plugin did not answer mapping.plan within 10 ms; what the plugin has logged: muster plugin tail --tenant acme";
        assert_eq!((over("failed").as_str(), over("left-alone").as_str()), (says, says));
        assert_eq!(over("slow"), "3 of 5 calls failed", "it is about something else");
        let earlier = Figures::new(Timestamp::from_millis(0));
        earlier.add(&figures.counts());
        let told = not_loaded().with_failures(&earlier, &tenant).says;
        let says = "the candidate could not be loaded: 2 trapped, 1 too slow; what the plugin has logged: muster plugin tail --tenant acme";
        assert_eq!(told, says, "what the first was is known to whoever has met it");
    }

    #[test]
    fn what_the_one_before_rejected_and_what_the_preview_has_shown_is_to_be_expected() {
        let some = fast(60, 0, 40);
        let over = "40 of 100 calls were rejected (40 %), where 0 % were to be expected and 20 % may be";
        assert_eq!(says(&before(None, Some((0, 1))), &some).as_deref(), Some(over));
        assert_eq!(says(&before(Some(fast(20, 0, 0)), None), &some).as_deref(), Some(over));
        let alike = Before { calls: 100, rejected: 20, ..Before::default() };
        assert_eq!(says(&alike, &some), None);
        let seen = Before { expected_rejected_percent: Some(20), ..Before::default() };
        assert_eq!(says(&seen, &some), None);
        let more = "41 of 100 calls were rejected (41 %), where 20 % were to be expected and 40 % may be";
        assert_eq!(says(&seen, &fast(59, 0, 41)).as_deref(), Some(more));
    }

    #[test]
    fn where_nothing_tells_how_many_are_to_be_expected_rejections_are_not_judged_and_that_is_said() {
        let few = before(Some(fast(19, 0, 0)), Some((0, 0)));
        assert_eq!((says(&few, &fast(0, 0, 100)), few.expected_rejected_percent), (None, None));
        let found = |before: &Before| findings(&WatchBudget::default(), before, &fast(0, 0, 3));
        assert_eq!(found(&few)["rejections"], "not judged: nothing tells how many are to be expected");
        let known = Before { expected_rejected_percent: Some(100), ..few };
        assert_eq!((says(&known, &fast(0, 0, 100)), found(&known).get("rejections")), (None, None));
    }

    #[test]
    fn it_is_slow_if_half_of_its_calls_are_and_a_busy_machine_is_not() {
        let before = before(Some(fast(30, 0, 0)), None);
        assert_eq!(before.median_us, Some(25));
        let over =
            "half of 20 calls took more than 1000 µs, where 1000 µs may be, and of the binding before 25 µs at most";
        assert_eq!(says(&before, &calls(20, 0, 0, 1_100)).as_deref(), Some(over));
        assert_eq!(says(&before, &calls(20, 0, 0, 900)), None, "less than a millisecond nobody minds");
        let slower = Before { median_us: Some(1_000), ..Before::default() };
        assert_eq!(says(&slower, &calls(20, 0, 0, 9_000)), None, "not ten times as long");

        let figures = Figures::new(Timestamp::from_millis(0));
        for number in 0..100 {
            figures.count(Duration::from_micros(if number < 49 { 200_000 } else { 20 }), None);
        }
        assert_eq!(says(&before, &figures.counts()), None, "half of its calls were as fast as ever");
    }

    #[test]
    fn where_nothing_is_known_of_before_or_a_limit_was_set_that_counts() {
        let unknown = Before::default();
        assert_eq!(says(&unknown, &calls(20, 0, 0, 4_000)), None);
        let over = "half of 20 calls took more than 5000 µs, where 5000 µs may be";
        assert_eq!(says(&unknown, &calls(20, 0, 0, 6_000)).as_deref(), Some(over));
        let budget = WatchBudget { slow_us: Some(50), ..WatchBudget::default() };
        assert_eq!(judge(&budget, &unknown, &calls(20, 0, 0, 60)).unwrap().what, "slow");
        assert_eq!(judge(&budget, &unknown, &calls(20, 0, 0, 50)), None);
    }

    #[test]
    fn at_the_end_few_calls_are_no_judgement_unless_several_of_them_failed() {
        let end = |counts: &Counts| at_the_end(&WatchBudget::default(), &before(None, Some((0, 1))), counts);
        let not = |says: &str, is_clean: bool| Verdict::NotJudged { says: says.to_owned(), is_clean };
        assert_eq!(end(&fast(0, 0, 0)), not("not judged: nobody called it", true));
        assert_eq!(end(&fast(7, 0, 0)), not("not judged by 7 calls, of which none failed", true));
        assert_eq!(end(&fast(0, 2, 0)), not("not judged by 2 calls, of which 2 failed", false));
        assert_eq!(end(&fast(20, 0, 0)), Verdict::Clean);
        let says = "3 of 8 calls failed (37 %), and 5 % may".to_owned();
        assert_eq!(end(&fast(5, 3, 0)), Verdict::Over(Over { what: "failed", says }));
        assert_eq!(end(&fast(0, 0, 2)), not("not judged by 2 calls, of which none failed", true));
        let says = "3 of 8 calls were rejected (37 %), where 0 % were to be expected and 20 % may be".to_owned();
        assert_eq!(end(&fast(5, 0, 3)), Verdict::Over(Over { what: "rejected", says }));
    }

    #[test]
    fn a_budget_that_cannot_be_had_is_refused_by_name() {
        let refused = |budget: WatchBudget| asked(Some(budget)).unwrap_err().to_string();
        let usual = WatchBudget::default;
        assert_eq!(refused(WatchBudget { seconds: MAX_WATCH_S + 1, ..usual() }), "watch.seconds is at most 86400");
        assert_eq!(refused(WatchBudget { failed_percent: 0, ..usual() }), "watch.failed_percent is 1 to 100");
        assert_eq!(refused(WatchBudget { rejected_percent: 101, ..usual() }), "watch.rejected_percent is 1 to 100");
        let least = "watch.least_calls, watch.failures, watch.slow_times and watch.slow_us are at least 1";
        assert_eq!(refused(WatchBudget { slow_us: Some(0), ..usual() }), least);
        assert_eq!(refused(WatchBudget { least_calls: 0, ..usual() }), least);
        assert_eq!(asked(Some(WatchBudget { seconds: MAX_WATCH_S, ..usual() })).unwrap().seconds, MAX_WATCH_S);
        assert_eq!(asked(None).unwrap(), usual());
    }
}

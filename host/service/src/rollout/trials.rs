//! What a candidate can go through between the preview and the activation: only what is asked for is a step of its rollout.

use muster_model::{Rollout, Step, StepName, StepState, Trials};

use super::NewRollout;
use crate::AdminError;

/// How far back requests are replayed, in seconds: 30 days.
pub const MAX_REPLAY_S: u64 = 30 * 24 * 60 * 60;

/// How long a candidate can run beside the plugin that decides, and how long it can be a canary, in seconds: a week.
pub const MAX_TRIAL_S: u64 = 7 * 24 * 60 * 60;

/// How many writes a shadow can be asked to compare.
pub const MAX_SHADOW_WRITES: u64 = 1_000_000;

/// For how many users in a hundred a canary can decide: with more of them it would be the other way round.
pub const MAX_CANARY_PERCENT: u8 = 50;

/// The trials that are asked for, if they can be had.
pub(super) fn asked(new: &NewRollout) -> Result<Trials, AdminError> {
    let invalid = |says: String| Err(AdminError::Wrong(says));
    let is_time = |seconds: u64, most: u64| (1..=most).contains(&seconds);
    if new.replay_s.is_some_and(|seconds| !is_time(seconds, MAX_REPLAY_S)) {
        return invalid(format!("replay_s is 1 to {MAX_REPLAY_S}, in seconds"));
    }
    if let Some(shadow) = &new.shadow {
        if !is_time(shadow.for_s, MAX_TRIAL_S) {
            return invalid(format!("shadow.for_s is 1 to {MAX_TRIAL_S}, in seconds"));
        }
        if shadow.writes.is_some_and(|writes| !is_time(writes, MAX_SHADOW_WRITES)) {
            return invalid(format!("shadow.writes is 1 to {MAX_SHADOW_WRITES}"));
        }
    }
    if let Some(canary) = &new.canary {
        if !(1..=MAX_CANARY_PERCENT).contains(&canary.percent) {
            return invalid(format!("canary.percent is 1 to {MAX_CANARY_PERCENT}"));
        }
        if !is_time(canary.for_s, MAX_TRIAL_S) {
            return invalid(format!("canary.for_s is 1 to {MAX_TRIAL_S}, in seconds"));
        }
    }
    Ok(Trials { replay_s: new.replay_s, shadow: new.shadow, canary: new.canary })
}

/// The last of them: whoever asks for one wants it without being asked again.
pub(super) fn last(trials: &Trials) -> Option<StepName> {
    [StepName::Canary, StepName::Shadow, StepName::Replay].into_iter().find(|name| is_asked_for(*name, trials))
}

/// The steps of a rollout with these trials.
pub(super) fn steps(all: &[StepName], trials: &Trials) -> Vec<Step> {
    all.iter().filter(|name| is_asked_for(**name, trials)).map(|name| Step::pending(*name)).collect()
}

const fn is_asked_for(name: StepName, trials: &Trials) -> bool {
    match name {
        StepName::Replay => trials.replay_s.is_some(),
        StepName::Shadow => trials.shadow.is_some(),
        StepName::Canary => trials.canary.is_some(),
        StepName::Check
        | StepName::Compile
        | StepName::Try
        | StepName::Preview
        | StepName::Activate
        | StepName::Watch
        | StepName::Remap => true,
    }
}

/// Whoever activates the candidate wants no more trials of it.
pub(super) fn skip_pending(rollout: &mut Rollout) {
    for step in rollout.steps.iter_mut().filter(|step| is_pending(step)) {
        step.state = StepState::Skipped;
        step.says = Some("the candidate was activated without it".to_owned());
    }
}

/// Whether a trial that was asked for is still to come.
pub(super) fn is_any_pending(rollout: &Rollout) -> bool {
    rollout.steps.iter().any(is_pending)
}

fn is_pending(step: &Step) -> bool {
    let is_trial = matches!(step.name, StepName::Replay | StepName::Shadow | StepName::Canary);
    is_trial && step.state == StepState::Pending
}

/// Whether the candidate decides for anybody in this step: then it is not begun by itself if something speaks against it.
pub(super) const fn decides_in(name: StepName) -> bool {
    matches!(name, StepName::Canary | StepName::Activate)
}

#[cfg(test)]
mod tests {
    use muster_model::{CanaryTrial, ShadowTrial};
    use serde_json::{Value, json};

    use super::*;

    fn new(more: Value) -> NewRollout {
        serde_json::from_value(more).unwrap()
    }

    #[test]
    fn only_what_is_asked_for_is_a_step() {
        let all = [StepName::Preview, StepName::Replay, StepName::Shadow, StepName::Canary, StepName::Activate];
        let names = |trials: &Trials| steps(&all, trials).iter().map(|step| step.name).collect::<Vec<_>>();
        let none = asked(&new(json!({}))).unwrap();
        assert_eq!((names(&none), last(&none)), (vec![StepName::Preview, StepName::Activate], None));
        let some = asked(&new(json!({ "replay_s": 60, "shadow": { "for_s": 1 } }))).unwrap();
        assert_eq!(names(&some), [StepName::Preview, StepName::Replay, StepName::Shadow, StepName::Activate]);
        assert_eq!(last(&some), Some(StepName::Shadow));
        let canary = Trials { canary: Some(CanaryTrial { percent: 5, for_s: 60 }), ..Trials::default() };
        assert_eq!(last(&canary), Some(StepName::Canary));
        assert_eq!(some.shadow, Some(ShadowTrial { for_s: 1, writes: None }));
    }

    #[test]
    fn what_is_too_much_is_refused_with_what_can_be_had() {
        let refused = |more: Value| asked(&new(more)).unwrap_err().to_string();
        assert_eq!(refused(json!({ "replay_s": 0 })), "replay_s is 1 to 2592000, in seconds");
        assert_eq!(refused(json!({ "replay_s": MAX_REPLAY_S + 1 })), "replay_s is 1 to 2592000, in seconds");
        assert_eq!(refused(json!({ "shadow": { "for_s": 0 } })), "shadow.for_s is 1 to 604800, in seconds");
        let writes = json!({ "shadow": { "for_s": 1, "writes": MAX_SHADOW_WRITES + 1 } });
        assert_eq!(refused(writes), "shadow.writes is 1 to 1000000");
        for percent in [0, MAX_CANARY_PERCENT + 1] {
            let canary = json!({ "canary": { "percent": percent, "for_s": 60 } });
            assert_eq!(refused(canary), "canary.percent is 1 to 50");
        }
        let canary = json!({ "canary": { "percent": 50, "for_s": MAX_TRIAL_S + 1 } });
        assert_eq!(refused(canary), "canary.for_s is 1 to 604800, in seconds");
        let most = json!({ "replay_s": MAX_REPLAY_S, "canary": { "percent": 50, "for_s": MAX_TRIAL_S } });
        assert!(asked(&new(most)).is_ok());
    }
}

use muster_model::{Actor, Decision, Progress, Standing, Timestamp};

/// How many decisions over a task are told: the first and the latest.
pub const MAX_DECISIONS_TOLD: usize = 20;

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried, now.
    Replay,
    /// It was tried and is not to be tried again.
    Skip,
    /// It was never tried and is not to be.
    Cancel,
    /// The brake is not to hold it.
    Release,
}

impl Verdict {
    /// The word for it, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Replay, Self::Skip, Self::Cancel, Self::Release].into_iter().find(|verdict| verdict.word() == word)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Skip => "skip",
            Self::Cancel => "cancel",
            Self::Release => "release",
        }
    }

    /// How the task stands afterwards; or why not, in words that follow `task 7 `.
    pub(in crate::admin) fn over(self, progress: &Progress, now: Timestamp) -> Result<Standing, &'static str> {
        let was_tried = !progress.told.is_empty();
        match (self, progress.standing) {
            (_, Standing::Done) => Err("is done"),
            (_, Standing::Skipped) => Err("was skipped, and nothing becomes of it any more"),
            (_, Standing::Cancelled) => Err("was cancelled, and nothing becomes of it any more"),
            (Self::Replay, Standing::Parked) | (Self::Release, Standing::Held) => Ok(Standing::Waiting),
            (Self::Replay, Standing::Waiting) if progress.due > now => Ok(Standing::Waiting),
            (Self::Replay, Standing::Waiting) => Err("is due already"),
            (Self::Replay, Standing::Held) => Err("is held: release it"),
            (Self::Skip, Standing::Waiting | Standing::Held | Standing::Parked) if was_tried => Ok(Standing::Skipped),
            (Self::Skip, Standing::Waiting | Standing::Held | Standing::Parked) => Err("was never tried: cancel it"),
            (Self::Cancel, Standing::Waiting | Standing::Held | Standing::Parked) if was_tried => {
                Err("was tried, and may have had its effect: skip it")
            }
            (Self::Cancel, Standing::Waiting | Standing::Held | Standing::Parked) => Ok(Standing::Cancelled),
            (Self::Release, Standing::Waiting) => Err("is not held: it waits for its turn"),
            (Self::Release, Standing::Parked) => Err("is not held, it is parked: replay it"),
        }
    }
}

pub(in crate::admin) fn decided(
    mut progress: Progress,
    verdict: Verdict,
    standing: Standing,
    now: Timestamp,
) -> Progress {
    progress.revision += 1;
    progress.standing = standing;
    match verdict {
        Verdict::Replay => {
            // It has all its attempts anew; the story keeps those that it had.
            (progress.due, progress.attempts) = (now, 0);
        }
        Verdict::Release => {
            (progress.due, progress.is_released) = (now, true);
        }
        Verdict::Skip | Verdict::Cancel => {}
    }
    if progress.decisions.len() >= MAX_DECISIONS_TOLD {
        progress.decisions.remove(MAX_DECISIONS_TOLD / 2);
    }
    progress.decisions.push(Decision { at: now, by: Actor::Operator, what: verdict.word().to_owned() });
    progress
}

#[cfg(test)]
mod tests {
    use muster_model::Attempt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn progress(standing: Standing, was_tried: bool) -> Progress {
        let mut progress = Progress::new(NOW);
        if was_tried {
            progress.note(Attempt { at: NOW, took_ms: 1, failure: Some("no".to_owned()) });
        }
        Progress { standing, ..progress }
    }

    #[test]
    fn what_is_over_stays_over_whatever_is_said() {
        for standing in Standing::ALL.into_iter().filter(|standing| standing.is_over()) {
            for verdict in [Verdict::Replay, Verdict::Skip, Verdict::Cancel, Verdict::Release] {
                assert!(verdict.over(&progress(standing, true), NOW).is_err(), "{verdict:?} {standing:?}");
            }
        }
    }

    #[test]
    fn what_was_tried_is_skipped_and_what_was_not_is_cancelled() {
        for standing in [Standing::Waiting, Standing::Held] {
            assert_eq!(Verdict::Skip.over(&progress(standing, true), NOW), Ok(Standing::Skipped));
            assert_eq!(Verdict::Skip.over(&progress(standing, false), NOW), Err("was never tried: cancel it"));
            assert_eq!(Verdict::Cancel.over(&progress(standing, false), NOW), Ok(Standing::Cancelled));
            assert!(Verdict::Cancel.over(&progress(standing, true), NOW).is_err());
        }
    }

    #[test]
    fn a_replay_gives_all_attempts_anew_and_keeps_the_story() {
        let parked = progress(Standing::Parked, true);
        let standing = Verdict::Replay.over(&parked, NOW).unwrap();
        let replayed = decided(parked.clone(), Verdict::Replay, standing, NOW);
        assert_eq!((replayed.standing, replayed.attempts, replayed.revision), (Standing::Waiting, 0, 1));
        assert_eq!((replayed.told.len(), replayed.decisions.len()), (1, 1));
        let later = Progress { due: Timestamp::from_millis(2_000), ..progress(Standing::Waiting, true) };
        assert_eq!(Verdict::Replay.over(&later, NOW), Ok(Standing::Waiting), "it need not wait for its pause");
        assert_eq!(Verdict::Replay.over(&progress(Standing::Waiting, true), NOW), Err("is due already"));
    }

    #[test]
    fn the_first_decisions_and_the_latest_are_told() {
        let mut progress = progress(Standing::Parked, true);
        for number in 0..50 {
            progress = decided(progress, Verdict::Replay, Standing::Parked, Timestamp::from_millis(number));
        }
        let told: Vec<i64> = progress.decisions.iter().map(|decision| decision.at.as_millis()).collect();
        assert_eq!((told.len(), told[0], told[19]), (MAX_DECISIONS_TOLD, 0, 49));
    }

    #[test]
    fn each_verdict_has_a_word() {
        for verdict in [Verdict::Replay, Verdict::Skip, Verdict::Cancel, Verdict::Release] {
            assert_eq!(Verdict::parse(verdict.word()), Some(verdict));
        }
        assert_eq!(Verdict::parse("delete"), None);
    }
}

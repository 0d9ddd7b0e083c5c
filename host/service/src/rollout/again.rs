//! What the store could not do it may be able to do in a moment: it is tried again, first soon and then less and less often.

use std::time::Duration;

use crate::AdminError;

/// How long the longest pause between two attempts is.
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses between attempts: each is twice as long as the one before it.
#[derive(Debug)]
pub(super) struct BackOff(Duration);

impl BackOff {
    pub(super) const fn from(first: Duration) -> Self {
        Self(first)
    }

    /// How long to wait now.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST);
        pause
    }
}

/// Whether it was refused by what may be otherwise in a moment, and not by what was asked for.
pub(super) const fn may_pass(error: &AdminError) -> bool {
    match error {
        AdminError::Full | AdminError::Unavailable(_) | AdminError::Revision { .. } => true,
        AdminError::Invalid(_)
        | AdminError::Wrong(_)
        | AdminError::NotFound(_)
        | AdminError::Gone(_)
        | AdminError::Exists(_)
        | AdminError::InUse(_)
        | AdminError::Untrusted(_)
        | AdminError::Signature(_)
        | AdminError::Load(_)
        | AdminError::Config(_)
        | AdminError::NotGranted { .. }
        | AdminError::Plugin(_)
        | AdminError::Entropy(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use muster_store::StoreError;

    use super::*;

    #[test]
    fn pauses_grow_and_do_not_grow_for_ever() {
        let mut back_off = BackOff::from(Duration::from_secs(1));
        let pauses: Vec<u64> = (0..7).map(|_| back_off.pause().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_store_that_cannot_write_is_asked_again_and_a_plugin_that_is_not_there_is_not() {
        assert!(may_pass(&AdminError::from(StoreError::Full)));
        assert!(may_pass(&AdminError::from(StoreError::Stale)));
        assert!(!may_pass(&AdminError::NotFound("binding before it to go back to".to_owned())));
    }
}

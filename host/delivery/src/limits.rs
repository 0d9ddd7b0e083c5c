use std::time::Duration;

use muster_model::Timestamp;

use crate::Dice;

/// How many characters of a failure are told.
pub const MAX_FAILURE_CHARS: usize = 400;

/// How much longer a lease is valid than an attempt may take: time to settle it, also with a store that is slow.
const LEASE_BEYOND_ATTEMPT: Duration = Duration::from_mins(1);

/// Attempts at once of one tenant that are not divided any further, unless somebody says so.
const FEWEST_PER_TENANT: usize = 8;

/// Limits of the delivery, each with its unit.
#[derive(Debug, Clone)]
pub struct DeliveryLimits {
    /// Attempts at once, of all queues.
    pub concurrency: usize,
    /// Attempts at once of one tenant; 0: a quarter of `concurrency`, and at least 8 and those of one queue.
    pub concurrency_per_tenant: usize,
    /// Attempts at once of one queue.
    pub concurrency_per_queue: usize,
    /// How often a task is tried before it is parked.
    pub attempts: u32,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// The longest pause before a task's second attempt; it doubles with each attempt.
    pub first_pause: Duration,
    /// The longest pause between two attempts, or between two probes of a queue that fails.
    pub max_pause: Duration,
    /// The longest pause that whoever carries a task out can ask for.
    pub max_asked_pause: Duration,
    /// After how many failures in a row a queue is left alone, but for one probe at a time.
    pub failing_after: u32,
    /// How long tasks wait for a queue that fails for several of them, before their attempts count against them.
    pub patience: Duration,
    /// How long attempts may take to end when the server is told to stop.
    pub drain: Duration,
    /// How often the store is asked which queues have tasks that wait: what nobody was woken for is found then.
    pub sweep: Duration,
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        Self {
            concurrency: 256,
            concurrency_per_tenant: 0,
            concurrency_per_queue: 8,
            attempts: 20,
            attempt_timeout: Duration::from_mins(1),
            first_pause: Duration::from_secs(1),
            max_pause: Duration::from_mins(15),
            max_asked_pause: Duration::from_hours(1),
            failing_after: 10,
            patience: Duration::from_hours(72),
            drain: Duration::from_secs(25),
            sweep: Duration::from_secs(30),
        }
    }
}

impl DeliveryLimits {
    /// Attempts at once of one tenant.
    pub(crate) fn per_tenant(&self) -> usize {
        match self.concurrency_per_tenant {
            0 => (self.concurrency / 4).max(FEWEST_PER_TENANT).max(self.concurrency_per_queue),
            most => most,
        }
    }

    /// How long a lease is valid.
    pub(crate) fn lease(&self) -> Duration {
        self.attempt_timeout.saturating_add(LEASE_BEYOND_ATTEMPT)
    }

    /// How long to wait after so many failures in a row: anything up to a bound that doubles (full jitter), so that what failed together
    /// does not come back together. It is never nothing: a clock has to go on before who has failed is asked again.
    pub(crate) fn pause(&self, failures: u32, dice: &dyn Dice) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let bound = self.first_pause.saturating_mul(doubled).min(self.max_pause);
        let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(dice.below(bound_ms.saturating_add(1)).max(1))
    }

    /// When a task that has failed so often is tried again.
    pub(crate) fn due(&self, now: Timestamp, failures: u32, asked: Option<Duration>, dice: &dyn Dice) -> Timestamp {
        let asked = asked.unwrap_or_default().min(self.max_asked_pause);
        later(now, self.pause(failures, dice).max(asked))
    }
}

/// That much later.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The highest or the lowest that there is.
    #[derive(Debug)]
    struct Loaded(bool);

    impl Dice for Loaded {
        fn below(&self, bound: u64) -> u64 {
            if self.0 { bound - 1 } else { 0 }
        }
    }

    #[test]
    fn the_bound_of_a_pause_doubles_up_to_its_limit_and_chance_takes_any_part_of_it() {
        let limits = DeliveryLimits::default();
        let bounds =
            [1, 2, 3, 10, 11, 20, 40, u32::MAX].map(|failures| limits.pause(failures, &Loaded(true)).as_secs());
        assert_eq!(bounds, [1, 2, 4, 512, 900, 900, 900, 900]);
        assert_eq!(limits.pause(20, &Loaded(false)), Duration::from_millis(1));
    }

    #[test]
    fn a_pause_that_was_asked_for_is_the_least_and_is_honoured_up_to_an_hour() {
        let (limits, now) = (DeliveryLimits::default(), Timestamp::from_millis(0));
        let due = |asked| limits.due(now, 1, asked, &Loaded(true)).as_millis();
        assert_eq!(due(None), 1_000);
        assert_eq!(due(Some(Duration::from_millis(10))), 1_000, "the host's own is longer");
        assert_eq!(due(Some(Duration::from_mins(30))), 1_800_000);
        assert_eq!(due(Some(Duration::from_hours(400))), 3_600_000);
    }

    #[test]
    fn a_tenant_has_a_quarter_of_all_attempts_and_never_fewer_than_one_of_its_queues() {
        let of = |concurrency, concurrency_per_queue, concurrency_per_tenant| {
            let limits =
                DeliveryLimits { concurrency, concurrency_per_tenant, concurrency_per_queue, ..Default::default() };
            limits.per_tenant()
        };
        assert_eq!([of(256, 8, 0), of(16, 8, 0), of(16, 2, 0), of(64, 40, 0), of(256, 8, 3)], [64, 8, 8, 40, 3]);
    }

    #[test]
    fn a_lease_is_valid_for_longer_than_an_attempt_may_take() {
        let limits = DeliveryLimits { attempt_timeout: Duration::from_mins(10), ..DeliveryLimits::default() };
        assert!(limits.lease() > limits.attempt_timeout);
    }
}

use std::time::{Duration, Instant};

/// How much of one core a preview or a re-mapping takes at most, in percent: requests have the rest.
pub const WORK_SHARE_PERCENT: u32 = 25;

/// How long it works before it rests.
const WORK_SLICE: Duration = Duration::from_millis(5);

/// Work that leaves room for other work.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    /// Of this time it has only waited for the disk: which others had to wait for as well.
    waited: Duration,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), waited: Duration::ZERO }
    }

    /// So long it has waited for the disk.
    pub(super) fn waited(&mut self, waited: Duration) {
        self.waited += waited;
    }

    /// To be called after each resource: others have their turn, and after a slice of work a long one.
    pub(super) async fn rest(&mut self) {
        let pause = pause(self.began.elapsed(), self.waited);
        if pause.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pause).await;
            *self = Self::new();
        }
    }
}

/// Work that comes now and then: what lies between two pieces of it is no work, and whoever rests can be told of its end meanwhile.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Since the last rest.
    worked: Duration,
    rests_until: Option<Instant>,
}

impl Share {
    /// One piece is done; it took so long.
    pub(super) fn worked(&mut self, took: Duration, now: Instant) {
        self.worked += took;
        let pause = pause(self.worked, Duration::ZERO);
        if !pause.is_zero() {
            *self = Self { worked: Duration::ZERO, rests_until: Some(now + pause) };
        }
    }

    /// How long it is before the next piece may begin.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        self.rests_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

/// How long to rest after so long a time, in which so long was only waited: as long as it waited, and for what it worked until that is its
/// share.
fn pause(passed: Duration, waited: Duration) -> Duration {
    if passed < WORK_SLICE {
        return Duration::ZERO;
    }
    passed.saturating_sub(waited) * (100 - WORK_SHARE_PERCENT) / WORK_SHARE_PERCENT + waited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_works_for_its_share_of_the_time_and_leaves_the_disk_half_of_it() {
        let ms = Duration::from_millis;
        assert_eq!(pause(ms(4), ms(0)), ms(0), "a slice is not over");
        assert_eq!(pause(ms(10), ms(0)), ms(30));
        assert_eq!(pause(ms(10), ms(10)), ms(10));
        assert_eq!(pause(ms(10), ms(6)), ms(18));
    }

    #[test]
    fn what_lies_between_two_pieces_of_work_is_no_work() {
        let (ms, began) = (Duration::from_millis, Instant::now());
        let mut share = Share::default();
        share.worked(ms(2), began);
        share.worked(ms(2), began + ms(60_000));
        assert_eq!(share.rest(began + ms(60_000)), ms(0), "a minute in which nothing came needs no rest");
        share.worked(ms(2), began + ms(60_010));
        assert_eq!(share.rest(began + ms(60_010)), ms(18), "three times as long as it has worked");
        assert_eq!(share.rest(began + ms(60_020)), ms(8));
        assert_eq!(share.rest(began + ms(60_030)), ms(0));
        share.worked(ms(2), began + ms(60_040));
        assert_eq!(share.rest(began + ms(60_040)), ms(0), "after a rest it is counted anew");
    }
}

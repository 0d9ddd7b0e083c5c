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
}

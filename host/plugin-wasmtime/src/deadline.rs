//! How long a call may take: time that its own thread had the processor.
//!
//! The clock on the wall alone would be unjust: on a busy machine a thread may stand still for tens of milliseconds in the middle of a
//! call of ten microseconds, and a plugin without fault would be stopped for it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Store, UpdateDeadline};

use crate::limits::WALL_FACTOR;

/// Stops whatever runs in `store` from now on after so many milliseconds.
///
/// They are counted from the first tick of the engine's clock, which comes within a millisecond: a call that is done before it, as nearly all
/// are, does not pay for a question to the kernel that costs a twentieth of it.
pub(crate) fn set<T: 'static>(store: &mut Store<T>, deadline_ms: u64) {
    let mut started = None;
    let mut ticks_left = deadline_ms.saturating_mul(WALL_FACTOR);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        let now = processor_time();
        let used = now.saturating_sub(*started.get_or_insert(now));
        let left = Duration::from_millis(deadline_ms).saturating_sub(used);
        if left.is_zero() || ticks_left == 0 {
            return Ok(UpdateDeadline::Interrupt);
        }
        let ticks = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).clamp(1, ticks_left);
        ticks_left -= ticks;
        Ok(UpdateDeadline::Continue(ticks))
    });
}

pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

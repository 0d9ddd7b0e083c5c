//! How much of the processor a call takes that moves from thread to thread and waits in between.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use wasmtime::{Store, UpdateDeadline};

use crate::deadline::processor_time;

/// After how many milliseconds without a pause others have their turn on this thread.
const SLICE_MS: u64 = 5;

/// Counts while the call runs, in nanoseconds, and stands still while it waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    before: AtomicU64,
    /// What the clock of this thread showed when the call went on.
    since: AtomicU64,
}

impl Meter {
    /// Stops whatever runs in `store` after this much. Only what runs within [`Meter::measure`] counts.
    pub(super) fn limit<T: 'static>(&self, store: &mut Store<T>, limit: Duration) {
        let counted = self.0.clone();
        let limit = nanoseconds(limit);
        store.set_epoch_deadline(SLICE_MS);
        store.epoch_deadline_callback(move |_| {
            // The callback runs within a poll, on the thread that it began on.
            let now = nanoseconds(processor_time()).saturating_sub(counted.since.load(Ordering::Relaxed));
            let used = counted.before.load(Ordering::Relaxed).saturating_add(now);
            Ok(if used >= limit { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(SLICE_MS) })
        });
    }

    /// The call, counted.
    pub(super) fn measure<F: Future + Send>(&self, call: F) -> Measured<F> {
        Measured { call: Box::pin(call), counted: self.0.clone() }
    }
}

pub(super) struct Measured<F> {
    call: Pin<Box<F>>,
    counted: Arc<Counted>,
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let began = nanoseconds(processor_time());
        self.counted.since.store(began, Ordering::Relaxed);
        let answer = self.call.as_mut().poll(cx);
        let took = nanoseconds(processor_time()).saturating_sub(began);
        self.counted.before.fetch_add(took, Ordering::Relaxed);
        answer
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use muster_model::{ReceiverName, TenantId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{MAX_POLLS_WAITING, MAX_POLLS_WAITING_A_STREAM};

/// The polls that wait.
#[derive(Debug)]
pub(crate) struct Polls {
    all: Arc<Semaphore>,
    streams: Mutex<HashMap<(TenantId, ReceiverName), Arc<Semaphore>>>,
}

impl Default for Polls {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MAX_POLLS_WAITING)), streams: Mutex::default() }
    }
}

impl Polls {
    /// A place to wait in, if there is one.
    pub(super) fn place(
        &self,
        tenant: &TenantId,
        stream: &ReceiverName,
    ) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let of_all = self.all.clone().try_acquire_owned().ok()?;
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody waits for are not remembered: names come and go.
        streams.retain(|_, places| places.available_permits() < MAX_POLLS_WAITING_A_STREAM);
        let places = streams.entry((tenant.clone(), stream.clone()));
        let places = places.or_insert_with(|| Arc::new(Semaphore::new(MAX_POLLS_WAITING_A_STREAM)));
        Some((of_all, places.clone().try_acquire_owned().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_polls_wait_of_one_stream_and_of_all() {
        let polls = Polls::default();
        let acme = TenantId::parse("acme").unwrap();
        let name = |number: usize| ReceiverName::parse(&format!("s{number}")).unwrap();
        let mut places = Vec::new();
        for _ in 0..MAX_POLLS_WAITING_A_STREAM {
            places.push(polls.place(&acme, &name(0)).unwrap());
        }
        assert!(polls.place(&acme, &name(0)).is_none());
        places.pop();
        assert!(polls.place(&acme, &name(0)).is_some());
        for number in 1.. {
            match polls.place(&acme, &name(number)) {
                Some(place) => places.push(place),
                None => break,
            }
        }
        assert_eq!(places.len(), MAX_POLLS_WAITING);
        places.clear();
        assert!(polls.place(&acme, &name(1)).is_some());
        assert_eq!(polls.streams.lock().unwrap().len(), 1, "what nobody waits for is forgotten");
    }
}

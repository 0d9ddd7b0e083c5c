//! How many calls of one request have logged an error: a preview, a shadow or a bulk request calls for each resource, and a plugin that
//! panics at every one of them is not to fill the host's log.

use std::sync::{Mutex, PoisonError};

use muster_model::{RequestId, TenantId};

use crate::limits::MAX_ERRORS_TOLD;

/// Of how many requests it is counted; with one more, the one goes that has logged an error the longest ago.
const MAX_REQUESTS_COUNTED: usize = 64;

/// What is counted of one plugin.
#[derive(Debug, Default)]
pub(crate) struct LoggedErrors(Mutex<Vec<(TenantId, RequestId, u64)>>);

impl LoggedErrors {
    /// One call more has logged an error; how many of its request there are by now.
    pub(crate) fn count(&self, tenant: &TenantId, request: &RequestId) -> u64 {
        // A list that a panicking thread held is still a list.
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counted.iter().position(|(of, known, _)| of == tenant && known == request);
        let calls = known.map_or(0, |at| counted.remove(at).2) + 1;
        if counted.len() >= MAX_REQUESTS_COUNTED {
            counted.remove(0);
        }
        counted.push((tenant.clone(), request.clone(), calls));
        calls
    }
}

/// Whether the errors of this call, counted from 1, are in the host's log: of the first ones, and then each time that they have doubled.
pub(crate) const fn is_told(calls: u64) -> bool {
    calls <= MAX_ERRORS_TOLD || calls.is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_calls_of_a_request_are_told_and_then_each_time_that_they_have_doubled() {
        let told: Vec<u64> = (1..=100).filter(|calls| is_told(*calls)).collect();
        assert_eq!(told, [1, 2, 3, 4, 5, 8, 16, 32, 64]);
    }

    #[test]
    fn each_request_is_counted_for_itself_and_a_busy_one_is_not_forgotten() {
        let errors = LoggedErrors::default();
        let [acme, globex] = ["acme", "globex"].map(|name| TenantId::parse(name).unwrap());
        let long = RequestId("rollout-1".into());
        for number in 0..3 * MAX_REQUESTS_COUNTED {
            assert_eq!(errors.count(&acme, &RequestId(number.to_string().into())), 1);
            assert_eq!(errors.count(&acme, &long), number as u64 + 1);
        }
        assert_eq!(errors.count(&globex, &long), 1);
        assert_eq!(errors.0.lock().unwrap().len(), MAX_REQUESTS_COUNTED);
        assert_eq!(errors.count(&acme, &RequestId("0".into())), 1, "it was forgotten");
    }
}

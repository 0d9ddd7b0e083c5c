use muster_model::{TenantId, Timestamp, WebhookRow};

use super::later;
use crate::admin::receiver_url::check_receiver_url;
use crate::{AdminError, Service};

/// How many names of events a webhook can be told apart by.
pub const MAX_WEBHOOK_EVENTS: usize = 64;

/// How many events one request can have.
pub const MAX_WEBHOOK_BATCH: u32 = 100;

/// How long a key can go on signing beside the one that takes its place, in hours.
pub const MAX_WEBHOOK_OVERLAP_H: u32 = 720;

impl Service {
    /// Refuses what no webhook can be, and puts the names of its events in order.
    pub(super) fn check_webhook(&self, tenant: &TenantId, webhook: &mut WebhookRow) -> Result<(), AdminError> {
        check_row(webhook)?;
        let known = self.event_names(tenant);
        if let Some(unknown) = webhook.events.iter().find(|event| !known.contains(*event)) {
            let shown: String = unknown.chars().filter(|c| !c.is_control()).take(64).collect();
            let told = format!("{shown} is the name of no event; there are: {}", known.join(", "));
            return Err(AdminError::Invalid(told));
        }
        webhook.events.sort();
        webhook.events.dedup();
        Ok(())
    }
}

/// Refuses what no webhook of any tenant can be.
pub(in crate::admin) fn check_row(webhook: &WebhookRow) -> Result<(), AdminError> {
    check_receiver_url("webhook", &webhook.url)?;
    if !(1..=MAX_WEBHOOK_BATCH).contains(&webhook.batch) {
        let told = format!("batch is 1 to {MAX_WEBHOOK_BATCH}, not {}", webhook.batch);
        return Err(AdminError::Wrong(told));
    }
    if webhook.events.len() > MAX_WEBHOOK_EVENTS {
        return Err(AdminError::Wrong(format!("a webhook is told at most {MAX_WEBHOOK_EVENTS} kinds of events")));
    }
    Ok(())
}

/// When a key does not sign any more that goes on for so many hours.
pub(super) fn until(now: Timestamp, overlap_h: u32) -> Result<Timestamp, AdminError> {
    if overlap_h > MAX_WEBHOOK_OVERLAP_H {
        return Err(AdminError::Wrong(format!("overlap_h is 0 to {MAX_WEBHOOK_OVERLAP_H}, not {overlap_h}")));
    }
    Ok(later(now, overlap_h))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_a_month_at_most() {
        let now = Timestamp::from_millis(0);
        assert_eq!(until(now, 0).unwrap(), now);
        assert_eq!(until(now, MAX_WEBHOOK_OVERLAP_H).unwrap().as_millis(), 30 * 24 * 3_600_000);
        assert!(until(now, MAX_WEBHOOK_OVERLAP_H + 1).is_err());
    }
}

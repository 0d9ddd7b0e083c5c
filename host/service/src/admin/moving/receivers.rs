use std::collections::HashSet;

use muster_model::{MAX_STREAM_KEYS, MAX_STREAMS_A_TENANT, MAX_WEBHOOKS_A_TENANT, Receiver, TenantRow};

use crate::admin::{brake, streams, webhooks};
use crate::deprovision::MAX_TARGET_S;
use crate::{AdminError, MAX_WEBHOOK_KEYS};

/// Holds what follows a tenant's changes to the bounds within which it can be set, however it comes.
pub(super) fn check(row: &TenantRow) -> Result<(), AdminError> {
    let delivery = &row.delivery;
    let stream_keys = delivery.events.keys.len();
    let mut counts = vec![
        ("webhooks", delivery.webhooks.len(), MAX_WEBHOOKS_A_TENANT),
        ("streams", delivery.events.streams.len(), MAX_STREAMS_A_TENANT),
        ("keys that sign tokens", stream_keys, MAX_STREAM_KEYS),
    ];
    counts.extend(delivery.webhooks.iter().map(|it| ("keys of a webhook", it.keys.len(), MAX_WEBHOOK_KEYS)));
    if let Some((what, count, most)) = counts.into_iter().find(|(_, count, most)| count > most) {
        return Err(AdminError::Wrong(format!("{what}: {count}, and {most} can be")));
    }
    let mut names = HashSet::<Receiver>::new();
    if let Some(twice) = delivery.receivers().find(|receiver| !names.insert(receiver.clone())) {
        return Err(AdminError::Wrong(format!("{} is there twice", twice.queue())));
    }
    delivery.webhooks.iter().try_for_each(webhooks::check_row)?;
    delivery.events.streams.iter().try_for_each(streams::check_row)?;
    brake::check(&delivery.brake.settings)?;
    if !(1..=MAX_TARGET_S).contains(&delivery.deprovision.target_s) {
        return Err(AdminError::Wrong(format!("target_s is between 1 and {MAX_TARGET_S}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use muster_model::{
        Binding, BrakeSettings, DeliverySettings, DeprovisionSettings, Payload, PluginDigest, ReceiverName, Retention,
        ScimSettings, TenantId, Timestamp, WebhookRow,
    };

    use super::*;

    fn row(delivery: DeliverySettings) -> TenantRow {
        let at = Timestamp::from_millis(0);
        let config = serde_json::json!({});
        TenantRow {
            id: TenantId::parse("acme").unwrap(),
            created: at,
            binding: Binding { plugin: PluginDigest::of(b""), config, revision: 1, at },
            previous: None,
            scim: ScimSettings::default(),
            retention: Retention::default(),
            grants: Vec::new(),
            secrets: Vec::new(),
            delivery,
        }
    }

    fn webhook(name: &str) -> WebhookRow {
        WebhookRow {
            name: ReceiverName::parse(name).unwrap(),
            url: "https://crm.example/hooks".to_owned(),
            events: Vec::new(),
            payload: Payload::Thin,
            batch: 1,
            is_braked: true,
            is_on: true,
            off_because: None,
            since: 0,
            created: Timestamp::from_millis(0),
            keys: Vec::new(),
        }
    }

    fn told(delivery: DeliverySettings) -> String {
        check(&row(delivery)).unwrap_err().to_string()
    }

    #[test]
    fn what_could_be_set_can_be_imported() {
        let webhooks = vec![webhook("crm"), WebhookRow { batch: crate::MAX_WEBHOOK_BATCH, ..webhook("siem") }];
        assert!(check(&row(DeliverySettings { webhooks, ..DeliverySettings::default() })).is_ok());
    }

    #[test]
    fn what_nobody_could_have_set_is_not_imported_either() {
        let of = |webhooks| DeliverySettings { webhooks, ..DeliverySettings::default() };
        let many = (0..=MAX_WEBHOOKS_A_TENANT).map(|number| webhook(&format!("w{number}"))).collect();
        assert_eq!(
            told(of(many)),
            format!("webhooks: {}, and {MAX_WEBHOOKS_A_TENANT} can be", MAX_WEBHOOKS_A_TENANT + 1)
        );
        assert_eq!(told(of(vec![webhook("crm"), webhook("crm")])), "webhook:crm is there twice");
        for batch in [0, crate::MAX_WEBHOOK_BATCH + 1] {
            assert_eq!(
                told(of(vec![WebhookRow { batch, ..webhook("crm") }])),
                format!("batch is 1 to 100, not {batch}")
            );
        }
        let url = "https://127.0.0.1/".to_owned();
        assert!(check(&row(of(vec![WebhookRow { url, ..webhook("crm") }]))).is_err());
        let deprovision = DeprovisionSettings { target_s: 0 };
        assert_eq!(
            told(DeliverySettings { deprovision, ..DeliverySettings::default() }),
            format!("target_s is between 1 and {MAX_TARGET_S}")
        );
        let mut brake = DeliverySettings::default().brake;
        brake.settings = BrakeSettings { share_percent: 0, ..brake.settings };
        assert_eq!(
            told(DeliverySettings { brake, ..DeliverySettings::default() }),
            "share_percent is between 1 and 100"
        );
    }
}

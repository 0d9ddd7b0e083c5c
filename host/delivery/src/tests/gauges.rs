use muster_model::{NewTask, PluginDigest, Queue, ResourceId, ResourceType, Timestamp};
use muster_store::{MAX_TASKS_A_PAGE, Outbox as _};

use super::memory::{Memory, tenant};
use crate::gauges::oldest;

#[tokio::test]
async fn what_somebody_comes_for_is_not_what_waits_longest() {
    let (memory, acme) = (Memory::default(), tenant("acme"));
    let polled = |number: usize| NewTask {
        resource_type: ResourceType::USER,
        id: ResourceId::parse(&format!("00000000-0000-7000-8000-{number:012x}")).unwrap(),
        idempotency_key: format!("event-{number}"),
        action: "user.deleted".to_owned(),
        arguments: Vec::new(),
        destructive: false,
        plugin: PluginDigest::of(b""),
        queue: Queue::parse("poll:siem").unwrap(),
    };
    let tasks = (0..2 * MAX_TASKS_A_PAGE).map(polled).collect();
    memory.of(&acme).announce(Timestamp::from_millis(1_000), tasks).await.unwrap();
    assert_eq!(oldest(&memory, &acme).await.unwrap(), None);

    memory.plan("acme", 7, Timestamp::from_millis(5_000));
    assert_eq!(oldest(&memory, &acme).await.unwrap(), Some(Timestamp::from_millis(5_000)));
}

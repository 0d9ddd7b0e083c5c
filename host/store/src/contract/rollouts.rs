//! Attempts at giving a tenant another plugin.

use muster_model::{
    Actor, Binding, CanaryTrial, Cursor, PluginDigest, Retention, Rollout, RolloutId, RolloutState, ScimSettings,
    ShadowTrial, Step, StepName, StepState, TenantId, TenantRow, Trials, Want, WatchBudget,
};
use serde_json::json;

use super::Fixture;
use super::help::{USER, at, id, is_stale, tenant};
use crate::moving::{Item, Which};

/// What a preview may have found: more than a store may keep in one value.
const LARGE_FINDINGS_BYTES: usize = 300_000;

fn rollout(tenant: &TenantId, n: u64) -> Rollout {
    Rollout {
        id: RolloutId(id(n)),
        tenant: tenant.clone(),
        version: 1,
        plugin: PluginDigest::of(b"two"),
        config: json!({ "a": [1, "ß"] }),
        grants: vec![Want::State],
        revision: 7,
        from: PluginDigest::of(b"one"),
        until: StepName::Preview,
        sample: 100,
        trials: Trials {
            replay_s: Some(86_400),
            shadow: Some(ShadowTrial { for_s: 600, writes: None }),
            canary: Some(CanaryTrial { percent: 5, for_s: 600 }),
        },
        accepted: false,
        watch: WatchBudget::default(),
        state: RolloutState::Running,
        says: None,
        steps: vec![Step::pending(StepName::Check), Step::pending(StepName::Preview)],
        not_kept: vec!["User: title".to_owned()],
        cursor: None,
        activated: None,
        started_by: Actor::Operator,
        at: at(1),
    }
}

pub async fn a_rollout_is_replaced_only_at_the_version_that_was_read(fixture: &mut impl Fixture) {
    let (store, acme) = (fixture.store(), tenant("acme"));
    let first = rollout(&acme, 1);
    assert!(is_stale(&store.put_rollout(&first, Some(1)).await.unwrap_err()), "there is none yet");
    store.put_rollout(&first, None).await.unwrap();
    assert!(is_stale(&store.put_rollout(&first, None).await.unwrap_err()), "there is one");

    let mut second = Rollout { version: 2, state: RolloutState::Active, activated: Some(8), ..first.clone() };
    second.cursor = Some(Cursor { resource_type: USER, id: id(77) });
    let large = Step {
        state: StepState::Done,
        began: Some(at(2)),
        ended: Some(at(3)),
        findings: json!({ "told": "x".repeat(LARGE_FINDINGS_BYTES) }),
        ..Step::pending(StepName::Preview)
    };
    second.steps[1] = large;
    store.put_rollout(&second, Some(1)).await.unwrap();
    assert!(is_stale(&store.put_rollout(&first, Some(1)).await.unwrap_err()));

    drop(store);
    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!(store.rollout(&acme, second.id).await.unwrap(), Some(second.clone()));
    let third = Rollout { version: 3, steps: Vec::new(), ..second.clone() };
    store.put_rollout(&third, Some(2)).await.unwrap();
    assert_eq!(store.rollouts(&acme).await.unwrap(), [third]);
}

pub async fn rollouts_are_listed_in_order_and_seen_by_their_tenant_only(fixture: &mut impl Fixture) {
    let (store, acme, other) = (fixture.store(), tenant("acme"), tenant("acme2"));
    for n in [3, 1, 2] {
        store.put_rollout(&rollout(&acme, n), None).await.unwrap();
    }
    store.put_rollout(&rollout(&other, 1), None).await.unwrap();
    let ids = |rollouts: Vec<Rollout>| rollouts.iter().map(|rollout| rollout.id).collect::<Vec<_>>();

    assert_eq!(ids(store.rollouts(&acme).await.unwrap()), [1, 2, 3].map(|n| RolloutId(id(n))));
    assert_eq!(store.rollout(&other, RolloutId(id(2))).await.unwrap(), None);
    store.remove_rollout(&other, RolloutId(id(2))).await.unwrap();
    store.remove_rollout(&acme, RolloutId(id(2))).await.unwrap();
    assert_eq!(ids(store.rollouts(&acme).await.unwrap()), [1, 3].map(|n| RolloutId(id(n))));
    assert_eq!(ids(store.rollouts(&other).await.unwrap()), [RolloutId(id(1))]);
    store.remove_rollout(&acme, RolloutId(id(1))).await.unwrap();
    store.remove_rollout(&acme, RolloutId(id(3))).await.unwrap();
    assert_eq!(store.rollouts(&acme).await.unwrap(), []);
}

pub async fn rollouts_are_not_exported(fixture: &mut impl Fixture) {
    let (store, acme) = (fixture.store(), tenant("acme"));
    let binding = Binding { plugin: PluginDigest::of(b"one"), config: json!({}), revision: 7, at: at(0) };
    let (scim, retention) = (ScimSettings::default(), Retention::default());
    let row = TenantRow {
        id: acme.clone(),
        created: at(0),
        binding,
        previous: None,
        scim,
        retention,
        grants: Vec::new(),
        secrets: Vec::new(),
        delivery: muster_model::DeliverySettings::default(),
    };
    store.add_tenant(&row).await.unwrap();
    store.put_rollout(&rollout(&acme, 1), None).await.unwrap();

    let mut export = store.mover().export(&Which::Tenants(vec![acme])).await.unwrap();
    let mut items = Vec::new();
    loop {
        let some = export.next().await.unwrap();
        if some.is_empty() {
            break;
        }
        items.extend(some);
    }
    assert!(matches!(items.as_slice(), [Item::Tenant { .. }]), "{items:?}");
}

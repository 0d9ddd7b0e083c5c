//! What plugins remember of a tenant.

use std::sync::Arc;

use super::Fixture;
use super::help::{is_stale, tenant, together};
use crate::{Entry, MAX_STATE_KEY_BYTES, MAX_STATE_VALUE_BYTES, PluginState, Store, StoreError};

const QUOTA: u64 = 1 << 20;

pub fn state(store: &Arc<dyn Store>) -> Arc<dyn PluginState> {
    store.plugin_state(&tenant("acme"), "poggio")
}

fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Full)
}

pub async fn what_a_plugin_remembers_is_its_own_and_survives_a_restart(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let state = state(&store);
    assert_eq!((state.get("a").await.unwrap(), state.bytes().await.unwrap()), (None, 0));
    let large = vec![7; MAX_STATE_VALUE_BYTES];
    let first = state.put("a", b"one", None, QUOTA).await.unwrap();
    let second = state.put("b", &large, Some(0), QUOTA).await.unwrap();
    let other = store.plugin_state(&tenant("acme"), "secoda");
    other.put("a", b"another's", None, QUOTA).await.unwrap();
    let elsewhere = store.plugin_state(&tenant("other"), "poggio");
    assert_eq!(elsewhere.get("a").await.unwrap(), None);
    let bytes = 1 + 3 + 1 + u64::try_from(MAX_STATE_VALUE_BYTES).unwrap();
    assert_eq!((state.bytes().await.unwrap(), other.bytes().await.unwrap()), (bytes, 10));
    drop((store, state, other, elsewhere));

    fixture.reopen().await;

    let state = self::state(&fixture.store());
    assert_eq!(state.get("a").await.unwrap(), Some(Entry { value: b"one".to_vec(), version: first }));
    assert_eq!(state.get("b").await.unwrap(), Some(Entry { value: large, version: second }));
    assert_eq!(state.bytes().await.unwrap(), bytes);
}

pub async fn a_version_of_what_is_remembered_is_given_once(fixture: &mut impl Fixture) {
    let state = state(&fixture.store());
    let mut given = Vec::new();
    for _ in 0..3 {
        given.push(state.put("a", b"x", Some(0), QUOTA).await.unwrap());
        let latest = given.last().copied();
        assert!(is_stale(&state.put("a", b"y", Some(0), QUOTA).await.unwrap_err()), "it is there");
        given.push(state.put("a", b"y", latest, QUOTA).await.unwrap());
        assert!(is_stale(&state.put("a", b"z", latest, QUOTA).await.unwrap_err()));
        assert!(is_stale(&state.delete("a", latest).await.unwrap_err()));
        assert_eq!(state.get("a").await.unwrap().unwrap().value, b"y");
        state.delete("a", given.last().copied()).await.unwrap();
        assert_eq!((state.get("a").await.unwrap(), state.bytes().await.unwrap()), (None, 0));
        assert!(is_stale(&state.delete("a", given.last().copied()).await.unwrap_err()), "it is gone");
        state.delete("a", None).await.unwrap();
        state.delete("a", Some(0)).await.unwrap();
    }
    assert!(given.is_sorted_by(|one, other| one < other), "{given:?}");
}

pub async fn what_would_be_too_much_is_not_remembered(fixture: &mut impl Fixture) {
    let state = state(&fixture.store());
    state.put("key", &[0; 10], None, 20).await.unwrap();
    assert!(is_full(&state.put("key", &[0; 18], None, 20).await.unwrap_err()));
    assert!(is_full(&state.put("more", &[0; 4], None, 20).await.unwrap_err()));
    state.put("more", &[0; 3], None, 20).await.unwrap();
    assert_eq!(state.bytes().await.unwrap(), 20);
    state.put("key", &[], None, 20).await.unwrap();
    assert_eq!((state.bytes().await.unwrap(), state.get("key").await.unwrap().unwrap().value), (10, Vec::new()));
    let (long, large) = ("k".repeat(MAX_STATE_KEY_BYTES + 1), vec![0; MAX_STATE_VALUE_BYTES + 1]);
    assert!(is_full(&state.put(&long, b"", None, QUOTA).await.unwrap_err()));
    assert!(is_full(&state.put("large", &large, None, QUOTA).await.unwrap_err()));
    state.put(&long[1..], b"", None, QUOTA).await.unwrap();
}

pub async fn of_two_who_remember_at_once_one_is_told_that_it_has_changed(fixture: &mut impl Fixture) {
    let state = state(&fixture.store());
    let version = state.put("a", b"0", None, QUOTA).await.unwrap();
    let rivals = [b"1", b"2"];

    let outcomes = together(rivals.iter().map(|value| state.put("a", *value, Some(version), QUOTA)).collect()).await;

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(is_stale));
}

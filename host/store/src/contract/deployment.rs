//! What belongs to the deployment: tenants, tokens, plugins, and the life of the store itself.

use muster_model::{
    Binding, DeliverySettings, HexDigest, MAX_OWNED_NAMES, OwnedName, PluginDigest, PluginOrigin, PluginRow,
    PluginSignature, PublicKey, Retention, ScimSettings, SignatureBytes, TenantRow, Token, TokenId, TokenKey, TokenRow,
    Trust, TrustedKey,
};
use serde_json::json;

use super::Fixture;
use super::help::{USER, acme, at, commit, id, insert, is_stale, tenant, user};
use crate::{ClockSeen, StoreError};

/// Larger than any bound on a single value that a store may have.
const LARGE_PLUGIN_BYTES: usize = 3 * 1024 * 1024;

fn tenant_row(name: &str) -> TenantRow {
    let binding = Binding { plugin: PluginDigest::of(b"one"), config: json!({ "a": 1 }), revision: 1, at: at(0) };
    let (scim, retention) = (ScimSettings::default(), Retention::default());
    TenantRow {
        id: tenant(name),
        created: at(0),
        binding,
        previous: None,
        scim,
        retention,
        grants: Vec::new(),
        secrets: Vec::new(),
        delivery: DeliverySettings::default(),
    }
}

fn rebound(row: &TenantRow) -> TenantRow {
    let binding =
        Binding { plugin: PluginDigest::of(b"two"), revision: row.binding.revision + 1, ..row.binding.clone() };
    TenantRow { binding, previous: Some(row.binding.clone()), ..row.clone() }
}

pub async fn a_name_of_a_tenant_is_taken_once(fixture: &mut impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.tenants().await.unwrap(), []);
    let (acme, zeta, beta) = (tenant_row("acme"), tenant_row("zeta-and-more"), tenant_row("beta"));
    for row in [&zeta, &acme, &beta] {
        store.add_tenant(row).await.unwrap();
    }

    assert!(matches!(store.add_tenant(&rebound(&acme)).await, Err(StoreError::Taken { .. })));
    drop(store);
    fixture.reopen().await;
    assert_eq!(fixture.store().tenants().await.unwrap(), [acme, beta, zeta]);
}

pub async fn a_binding_is_replaced_only_at_the_revision_that_was_read(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let first = tenant_row("acme");
    store.add_tenant(&first).await.unwrap();
    let second = rebound(&first);
    store.replace_tenant(&second, 1).await.unwrap();

    assert!(is_stale(&store.replace_tenant(&rebound(&second), 1).await.unwrap_err()));
    assert!(is_stale(&store.replace_tenant(&tenant_row("unknown"), 1).await.unwrap_err()));
    assert_eq!(store.tenants().await.unwrap(), [second]);
}

pub async fn tokens_are_kept_and_replaced(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let hash = TokenKey::new([7; 32]).hash(&Token::presented("secret"));
    let row = |name: &str| TokenRow {
        id: TokenId(name.to_owned()),
        tenant: tenant("acme"),
        hash,
        label: "Okta".to_owned(),
        created: at(0),
        expires: Some(at(100)),
        revoked: None,
        user: None,
        write: false,
        key: None,
    };
    store.put_token(&row("one")).await.unwrap();
    store.put_token(&row("two")).await.unwrap();
    store.put_token(&TokenRow { revoked: Some(at(3)), ..row("one") }).await.unwrap();

    drop(store);
    fixture.reopen().await;
    let tokens = fixture.store().tokens().await.unwrap();
    let seen: Vec<_> = tokens.iter().map(|token| (token.id.0.as_str(), token.revoked, token.expires)).collect();
    assert_eq!(seen, [("one", Some(at(3)), Some(at(100))), ("two", None, Some(at(100)))]);
    assert!(tokens.iter().all(|token| token.hash.matches(&hash)));
}

pub async fn plugins_are_kept_whole_and_listed_by_name_and_time(fixture: &mut impl Fixture) {
    let store = fixture.store();
    // Not the same byte everywhere, so that an exchanged part would show.
    let large: Vec<u8> = (0..LARGE_PLUGIN_BYTES).map(|n| u8::try_from(n / 1000 % 251).unwrap()).collect();
    let row = |bytes: &[u8], name: &str, second: i64| {
        let size = u64::try_from(bytes.len()).unwrap();
        PluginRow::new(PluginDigest::of(bytes), name.to_owned(), "1.0.0".to_owned(), size, at(second))
    };
    let rows = [row(&large, "large", 9), row(b"new", "small", 5), row(b"old", "small", 1)];
    store.put_plugin(&rows[1], b"new").await.unwrap();
    store.put_plugin(&rows[0], &large).await.unwrap();
    store.put_plugin(&rows[2], b"old").await.unwrap();
    store.put_plugin(&row(b"old", "pushed again", 7), b"old").await.unwrap();

    for round in 0..2 {
        let store = fixture.store();
        let listed = store.plugins().await.unwrap();
        assert_eq!(listed, [rows[0].clone(), rows[2].clone(), rows[1].clone()]);
        assert!(store.plugin(&rows[0].digest).await.unwrap() == Some(large.clone()), "round {round}");
        assert_eq!(store.plugin(&rows[2].digest).await.unwrap().as_deref(), Some(&b"old"[..]));
        assert_eq!(store.plugin(&PluginDigest::of(b"never pushed")).await.unwrap(), None);
        if round == 0 {
            drop(store);
            fixture.reopen().await;
        }
    }
}

pub async fn what_is_said_of_a_plugin_is_replaced_and_a_plugin_can_go(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let large = vec![7; LARGE_PLUGIN_BYTES];
    let name = |name: &str| (name.to_owned(), "1.0.0".to_owned());
    let row = |bytes: &[u8], (name, version)| PluginRow::new(PluginDigest::of(bytes), name, version, 3, at(1));
    let (first, second) = (row(&large, name("first")), row(b"second", name("second")));
    assert!(is_stale(&store.replace_plugin(&first).await.unwrap_err()), "it is not there");
    store.put_plugin(&first, &large).await.unwrap();
    store.put_plugin(&second, b"second").await.unwrap();

    let (key, manifest) = (PublicKey::from_bytes([1; 32]), HexDigest::of(b"manifest"));
    let signed = PluginRow {
        by: Some("ada".to_owned()),
        origin: Some(PluginOrigin { reference: "oci://localhost/a:1".to_owned(), manifest }),
        signature: Some(PluginSignature { key, manifest, signature: SignatureBytes([2; 64]) }),
        ..first.clone()
    };
    store.replace_plugin(&signed).await.unwrap();
    assert_eq!(store.plugins().await.unwrap(), [signed.clone(), second.clone()]);
    assert!(store.plugin(&first.digest).await.unwrap() == Some(large.clone()), "its bytes stay");

    store.remove_plugin(&first.digest).await.unwrap();
    store.remove_plugin(&first.digest).await.unwrap();
    drop(store);
    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!(store.plugins().await.unwrap(), [second]);
    assert_eq!(store.plugin(&first.digest).await.unwrap(), None);
    store.put_plugin(&signed, &large).await.unwrap();
    assert!(store.plugin(&first.digest).await.unwrap() == Some(large), "it can come again");
}

pub async fn whom_to_trust_is_replaced_only_at_the_version_that_was_read(fixture: &mut impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.trust().await.unwrap(), Trust::default());
    let key = PublicKey::from_bytes([9; 32]);
    let owned = |n: usize| OwnedName { name: format!("{n:0>1000}"), key, since: at(2) };
    // As much as there can be: more than a store may keep in one value.
    let first = Trust {
        version: 1,
        keys: vec![TrustedKey { name: "vendor".to_owned(), key, added: at(1) }],
        names: (0..MAX_OWNED_NAMES).map(owned).collect(),
    };
    assert!(is_stale(&store.put_trust(&first, 1).await.unwrap_err()), "there is none yet");
    store.put_trust(&first, 0).await.unwrap();
    assert!(is_stale(&store.put_trust(&first, 0).await.unwrap_err()), "there is one");

    drop(store);
    fixture.reopen().await;
    let store = fixture.store();
    assert_eq!(store.trust().await.unwrap(), first);
    let second = Trust { version: 2, ..Trust::default() };
    store.put_trust(&second, 1).await.unwrap();
    assert_eq!(store.trust().await.unwrap(), second);
}

pub async fn what_the_clock_has_said_is_kept_and_replaced(fixture: &mut impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.clock_seen().await.unwrap(), None);
    let believed = ClockSeen { at: at(9), doubted: None };
    // Also one that is earlier: clocks are set back.
    let doubted = ClockSeen { at: at(5), doubted: Some(at(1_000_000)) };
    store.put_clock_seen(believed).await.unwrap();
    assert_eq!(store.clock_seen().await.unwrap(), Some(believed));
    store.put_clock_seen(doubted).await.unwrap();

    drop(store);
    fixture.reopen().await;
    assert_eq!(fixture.store().clock_seen().await.unwrap(), Some(doubted));
}

pub async fn a_closed_store_refuses(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let directory = acme(&store);
    directory.commit(commit(vec![insert(&user(1, "ada"))])).await.unwrap();
    store.ready().unwrap();
    store.close().await;
    store.close().await;

    assert!(matches!(store.ready(), Err(StoreError::Unavailable(_))));
    assert!(matches!(directory.get(&USER, id(1)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(directory.commit(commit(vec![])).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.tenants().await, Err(StoreError::Unavailable(_))));
    fixture.reopen().await;
    assert!(acme(&fixture.store()).get(&USER, id(1)).await.unwrap().is_some());
}

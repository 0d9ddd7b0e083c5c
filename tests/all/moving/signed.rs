//! Whom a deployment trusts moves with the whole of it, and what is signed is verified where it arrives.

use muster_service::SignaturePolicy;
use muster_service::signing::SigningKey;
use muster_store::moving::Item;
use muster_store::moving::file::{item_line, read_item};
use muster_test_harness::{TestApp, wasm};
use serde_json::json;

use super::{export, items, write_sealed};
use crate::command::on;

/// A deployment with a tenant that is bound to a plugin which a trusted key has signed; the key.
async fn signed(app: &TestApp) -> String {
    let room = tempfile::tempdir().unwrap();
    let (file, private) = (room.path().join("swap.wasm"), room.path().join("key"));
    std::fs::write(&file, wasm::guest("swap-a")).unwrap();
    let (file, private) = (file.to_str().unwrap(), private.to_str().unwrap());
    let key = crate::command::muster(&["plugin", "keygen", private, "--json"], &[]).await.json()["key"].clone();
    let key = key.as_str().unwrap().to_owned();
    crate::command::muster(&["plugin", "sign", file, "--key", private], &[]).await.text();
    on(app, &["plugin", "key", "add", "vendor", &key]).await.text();
    on(app, &["plugin", "push", file]).await.text();
    app.admin_post("/tenants", json!({ "name": "acme", "plugin": "swap" })).await.expect(201);
    key
}

async fn requires() -> TestApp {
    let mut app = TestApp::builder();
    app.config.plugins.signatures = SignaturePolicy::Required;
    app.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_owners_and_signatures_move_with_a_whole_deployment() {
    let (here, there, room) = (TestApp::start().await, requires().await, tempfile::tempdir().unwrap());
    let key = signed(&here).await;
    let file = room.path().join("all.ndjson");
    export(&here, &file, &[]).await;
    let imported = on(&there, &["import", file.to_str().unwrap()]).await;
    assert_eq!(imported.code, 0, "{imported:?}");

    let keys = there.admin_get("/plugin-keys").await.expect(200);
    assert_eq!((&keys["keys"][0]["name"], &keys["keys"][0]["owns"]), (&json!("vendor"), &json!(["swap"])));
    let plugins = there.admin_get("/plugins").await.expect(200);
    assert_eq!(
        (&plugins["plugins"][0]["standing"], &plugins["plugins"][0]["signed_by"]),
        (&json!("trusted"), &json!(key))
    );
    there.admin_post("/tenants", json!({ "name": "beta", "plugin": "swap" })).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_tenants_bring_no_trust_and_are_bound_only_to_what_is_trusted_there() {
    let (here, there, room) = (TestApp::start().await, requires().await, tempfile::tempdir().unwrap());
    let key = signed(&here).await;
    let file = room.path().join("one.ndjson");
    export(&here, &file, &["acme"]).await;
    let import = ["import", file.to_str().unwrap(), "--tenant", "acme"];
    let refused = on(&there, &import).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains(&format!("is signed by {key}, which is no trusted key")), "{refused:?}");
    assert_eq!(there.admin_get("/plugin-keys").await.expect(200), json!({ "keys": [] }));
    on(&there, &["plugin", "key", "add", "vendor", &key]).await.text();
    let imported = on(&there, &import).await;
    assert_eq!(imported.code, 0, "{imported:?}");
}

/// A deployment whose tenant is bound to what a trusted key has signed, and can go back to what nobody has; the key.
async fn signed_since(app: &TestApp) -> String {
    let room = tempfile::tempdir().unwrap();
    let (file, private) = (room.path().join("swap.wasm"), room.path().join("key"));
    std::fs::write(&file, wasm::guest("swap-b")).unwrap();
    let (file, private) = (file.to_str().unwrap(), private.to_str().unwrap());
    let key = crate::command::muster(&["plugin", "keygen", private, "--json"], &[]).await.json()["key"].clone();
    let key = key.as_str().unwrap().to_owned();
    crate::command::muster(&["plugin", "sign", file, "--key", private], &[]).await.text();
    app.tenant_with_guest("acme", "swap-a").await;
    on(app, &["plugin", "key", "add", "vendor", &key]).await.text();
    on(app, &["plugin", "push", file]).await.text();
    app.bind("acme", "swap@2.0.0", json!({})).await.expect(200);
    key
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_could_go_back_to_is_judged_as_what_it_is_bound_to() {
    let (here, there, room) = (TestApp::start().await, requires().await, tempfile::tempdir().unwrap());
    let key = signed_since(&here).await;
    on(&there, &["plugin", "key", "add", "vendor", &key]).await.text();
    let file = room.path().join("one.ndjson");
    export(&here, &file, &["acme"]).await;
    let import = ["import", file.to_str().unwrap(), "--tenant", "acme"];
    let refused = on(&there, &import).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    let why = "tenant acme, which can go back to revision 1: plugin swap@1.0.0 (sha256:";
    assert!(refused.err.contains(why) && refused.err.contains(" is not signed, and this deployment"), "{refused:?}");
    there.admin_get("/tenants/acme").await.expect(404);

    let there = there.restart_with(|config| config.plugins.signatures = SignaturePolicy::Warn).await;
    let imported = on(&there, &import).await;
    assert_eq!(imported.code, 0, "{imported:?}");
    let told = on(&there, &["tenant", "rollback", "acme"]).await.text();
    assert!(told.contains("\n  warning: plugin swap@1.0.0 (sha256:") && told.contains(") is not signed\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_brings_no_plugin_under_a_name_that_is_anothers_here() {
    let (here, there, room) = (TestApp::start().await, TestApp::start().await, tempfile::tempdir().unwrap());
    let key = signed(&here).await;
    let file = room.path().join("one.ndjson");
    export(&here, &file, &["acme"]).await;
    let import = ["import", file.to_str().unwrap(), "--tenant", "acme"];
    let other = SigningKey::new(&[7; 32]).public().to_string();
    there.admin_put("/plugin-owners/swap", json!({ "key": other })).await.expect(200);
    let refused = on(&there, &import).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains(&format!("is signed by {key}, and the name swap belongs to {other}")), "{refused:?}");
    assert_eq!(there.admin_get("/plugins").await.expect(200), json!({ "plugins": [] }));

    there.admin_put("/plugin-owners/swap", json!({ "key": key })).await.expect(200);
    let imported = on(&there, &import).await;
    assert_eq!(imported.code, 0, "{imported:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_brings_no_unsigned_plugin_under_an_owned_name_nor_one_that_calls_itself_otherwise() {
    let (here, room) = (TestApp::start().await, tempfile::tempdir().unwrap());
    let key = signed_since(&here).await;
    let file = room.path().join("one.ndjson");
    let exported = export(&here, &file, &["acme"]).await;
    let import = ["import", file.to_str().unwrap(), "--tenant", "acme"];
    let there = TestApp::start().await;
    there.admin_put("/plugin-owners/swap", json!({ "key": key })).await.expect(200);
    let refused = on(&there, &import).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains(&format!(" is not signed, and the name swap belongs to {key}")), "{refused:?}");

    // It is not loaded to serve: it is the one that could be gone back to.
    let there = TestApp::start().await;
    there.admin_put("/plugin-owners/swap", json!({ "key": key })).await.expect(200);
    let renamed = |line: &String| match read_item(line.as_bytes()).unwrap() {
        Item::Plugin { mut row } if row.signature.is_none() => {
            row.name = "other".to_owned();
            String::from_utf8(item_line(&Item::Plugin { row }).unwrap()).unwrap()
        }
        _ => line.clone(),
    };
    write_sealed(&file, &exported[0], &items(&exported).iter().map(renamed).collect::<Vec<_>>());
    let refused = on(&there, &import).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    let digest = muster_model::PluginDigest::of(&wasm::guest("swap-a"));
    assert!(refused.err.contains(&format!("plugin {digest} calls itself something else")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_was_changed_in_a_file_is_not_imported() {
    let (here, there, room) = (TestApp::start().await, TestApp::start().await, tempfile::tempdir().unwrap());
    signed(&here).await;
    let exported = export(&here, &room.path().join("all.ndjson"), &[]).await;
    let changed = |line: &String| match read_item(line.as_bytes()).unwrap() {
        Item::Plugin { mut row } => {
            let mut signature = row.signature.unwrap();
            signature.key = SigningKey::new(&[7; 32]).public();
            row.signature = Some(signature);
            String::from_utf8(item_line(&Item::Plugin { row }).unwrap()).unwrap()
        }
        _ => line.clone(),
    };
    let file = room.path().join("changed.ndjson");
    write_sealed(&file, &exported[0], &items(&exported).iter().map(changed).collect::<Vec<_>>());
    let refused = on(&there, &["import", file.to_str().unwrap()]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("the signature of swap@1.0.0 was not made by ed25519:"), "{refused:?}");
    assert_eq!(there.admin_get("/plugins").await.expect(200), json!({ "plugins": [] }));
    assert_eq!(there.admin_get("/plugin-keys").await.expect(200), json!({ "keys": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_trusts_otherwise_than_is_trusted_here_is_refused() {
    let (here, there, room) = (TestApp::start().await, TestApp::start().await, tempfile::tempdir().unwrap());
    signed(&here).await;
    let file = room.path().join("all.ndjson");
    export(&here, &file, &[]).await;
    let other = SigningKey::new(&[7; 32]).public().to_string();
    there.admin_put("/plugin-owners/swap", json!({ "key": other })).await.expect(200);
    let refused = on(&there, &["import", file.to_str().unwrap()]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains(&format!("the name swap belongs to {other} here, and to ")), "{refused:?}");
}

#[test]
fn trust_that_no_deployment_has_is_no_item() {
    use muster_model::{
        HexDigest, MAX_OWNED_NAMES, MAX_TRUSTED_KEYS, OwnedName, PluginDigest, PluginOrigin, PluginRow, PublicKey,
        Timestamp, Trust, TrustedKey,
    };
    use muster_store::moving::Check;

    let (key, at) = (PublicKey::from_bytes([1; 32]), Timestamp::from_millis(0));
    let keys = |names: &[String]| -> Vec<TrustedKey> {
        names.iter().map(|name| TrustedKey { name: name.clone(), key, added: at }).collect()
    };
    let owned = |names: &[String]| -> Vec<OwnedName> {
        names.iter().map(|name| OwnedName { name: name.clone(), key, since: at }).collect()
    };
    let numbered = |count: usize| (0..count).map(|n| format!("{n:06}")).collect::<Vec<_>>();
    let take = |row: Trust| Check::default().take(&Item::Trust { row });
    let full = Trust { version: 1, keys: keys(&numbered(MAX_TRUSTED_KEYS)), names: owned(&numbered(MAX_OWNED_NAMES)) };
    take(full.clone()).unwrap();
    let (twice, long) = (["a".to_owned(), "a".to_owned()], ["a".repeat(1025)]);
    for (row, why) in [
        (Trust { version: 0, ..full.clone() }, "a number that nothing was counted to"),
        (Trust { version: u64::MAX, ..full.clone() }, "a number that nothing was counted to"),
        (Trust { keys: keys(&numbered(MAX_TRUSTED_KEYS + 1)), ..full.clone() }, "trusts more than a deployment can"),
        (Trust { names: owned(&numbered(MAX_OWNED_NAMES + 1)), ..full.clone() }, "trusts more than a deployment can"),
        (Trust { keys: keys(&twice), ..full.clone() }, "out of order, or twice"),
        (Trust { names: owned(&twice), ..full.clone() }, "out of order, or twice"),
        (Trust { names: owned(&long), ..full }, "a name that is too long"),
    ] {
        assert!(take(row.clone()).unwrap_err().contains(why), "{why}");
    }

    let plugin = PluginRow::new(PluginDigest::of(b"p"), "p".to_owned(), "1".to_owned(), 1, at);
    let long = "oci://".to_owned() + &"a".repeat(2_000);
    let origin = Some(PluginOrigin { reference: long.clone(), manifest: HexDigest::of(b"m") });
    for row in [PluginRow { by: Some(long), ..plugin.clone() }, PluginRow { origin, ..plugin }] {
        let told = Check::default().take(&Item::Plugin { row }).unwrap_err();
        assert_eq!(told, "is a plugin of which too much is said");
    }
}

use muster_service::SignaturePolicy;
use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

use super::{Desk, detail, listed, push_signed, swap_a, swap_b, trust};
use crate::command::on;

async fn with(policy: SignaturePolicy) -> TestApp {
    let mut app = TestApp::builder();
    app.config.plugins.signatures = policy;
    app.start().await
}

/// What all sentences of the policy say.
const REQUIRED: &str =
    ", and this deployment takes only plugins that a trusted key has signed (plugins.signatures is \"required\")";

/// What is to be done about a plugin that is not signed.
const SIGN: &str = "; sign it with a trusted key, and push it again: muster plugin sign FILE --key KEYFILE";

#[tokio::test]
async fn where_signatures_are_required_only_what_a_trusted_key_has_signed_is_taken() {
    let (app, desk) = (with(SignaturePolicy::Required).await, Desk::new());
    let own = desk.key("own").await;
    let digest = muster_model::PluginDigest::of(&swap_a());
    assert_eq!(
        detail(app.push(swap_a()).await, 403),
        format!("the plugin sha256:{digest} is not signed{REQUIRED}{SIGN}")
    );
    let signature = desk.sign(&swap_a(), "own").await;
    let told = detail(push_signed(&app, &swap_a(), &signature).await, 403);
    let expected = format!(
        "plugin swap@1.0.0 (sha256:{digest}) is signed by {own}, which is no trusted key{REQUIRED}; \
         if its plugins are to be taken: muster plugin key add NAME {own}"
    );
    assert_eq!(told, expected);
    // Not even what is no plugin at all is looked at.
    assert!(detail(app.push(b"nothing".to_vec()).await, 403).contains(" is not signed, and this deployment"));
    assert_eq!(listed(&app).await, Vec::<Value>::new());

    trust(&app, "vendor", &own).await;
    let pushed = push_signed(&app, &swap_a(), &signature).await.expect(201);
    assert_eq!(pushed["warning"], Value::Null);
    app.admin_post("/tenants", json!({ "name": "acme", "plugin": "swap" })).await.expect(201);
    assert_eq!(pushed["new_owner"], json!(own), "the name was nobody's");
    let again = app.push(swap_a()).await.expect(201);
    assert_eq!(
        (&again["signed_by"], &again["new_owner"]),
        (&json!(own), &Value::Null),
        "these bytes are signed here already"
    );
}

#[tokio::test]
async fn what_is_bound_goes_on_when_signatures_become_required_and_is_not_bound_anew() {
    let app = with(SignaturePolicy::Off).await;
    let acme = app.tenant_with_guest("acme", "swap-a").await;
    app.push(swap_b()).await.expect(201);
    let id = acme.user("ada").await;

    let app = app.restart_with(|config| config.plugins.signatures = SignaturePolicy::Required).await;
    let base = app.admin_get("/tenants/acme").await.expect(200)["base_path"].as_str().unwrap().to_owned();
    let acme = app.client(&base, &acme.token);
    acme.get(&format!("/Users/{id}")).await.expect(200);
    acme.user("bob").await;
    let before = app.admin_get("/tenants/acme").await.expect(200);
    for plugin in listed(&app).await {
        let warning = plugin["warning"].as_str().unwrap();
        assert!(warning.starts_with("plugin swap@") && warning.ends_with(" is not signed"), "{warning}");
    }

    let refused = [
        app.bind("acme", "swap@2.0.0", json!({})).await,
        app.admin_post("/tenants", json!({ "name": "beta", "plugin": "swap@1.0.0" })).await,
    ];
    for answer in refused {
        let told = detail(answer, 403);
        assert!(
            told.starts_with("plugin swap@") && told.ends_with(&format!(" is not signed{REQUIRED}{SIGN}")),
            "{told}"
        );
    }
    let begun = app.admin_post("/tenants/acme/rollouts", json!({ "plugin": "swap@2.0.0" })).await;
    match begun.status {
        403 => assert!(begun.text.contains(" is not signed, and this deployment"), "{}", begun.text),
        202 => {
            let id = begun.body["id"].as_str().unwrap().to_owned();
            let mut rollout = begun.body;
            for _ in 0..1_000 {
                rollout = app.admin_get(&format!("/tenants/acme/rollouts/{id}")).await.expect(200);
                if rollout["state"] != "running" {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            assert_eq!(rollout["state"], "failed", "{rollout}");
            assert!(rollout.to_string().contains(" is not signed, and this deployment"), "{rollout}");
        }
        other => panic!("{other}: {}", begun.text),
    }
    let after = app.admin_get("/tenants/acme").await.expect(200);
    assert_eq!((&after["revision"], &after["plugin"]), (&before["revision"], &before["plugin"]));
    let told = acme.get(&format!("/Users/{id}")).await;
    told.expect(200);
    // Its configuration is no other plugin.
    app.admin_put("/tenants/acme/binding", json!({ "config": { "a": 1 } })).await.expect(200);
}

#[tokio::test]
async fn where_it_is_only_warned_of_it_is_taken_and_told() {
    let (app, desk) = (with(SignaturePolicy::Warn).await, Desk::new());
    let own = desk.key("own").await;
    let pushed = app.push(swap_a()).await.expect(201);
    let warning = pushed["warning"].as_str().unwrap();
    assert!(warning.starts_with("plugin swap@1.0.0 (sha256:") && warning.ends_with(" is not signed"), "{warning}");
    let made = app.admin_post("/tenants", json!({ "name": "acme", "plugin": "swap" })).await.expect(201);
    assert_eq!(made["warning"], warning);
    app.push(swap_b()).await.expect(201);
    let bound = app.bind("acme", "swap@2.0.0", json!({})).await.expect(200);
    assert!(bound["warning"].as_str().unwrap().starts_with("plugin swap@2.0.0 (sha256:"), "{bound}");
    let told = on(&app, &["tenant", "bind", "acme", "--plugin", "swap@1.0.0"]).await.text();
    assert!(told.ends_with(&format!("\n  warning: {warning}\n")), "{told}");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["warning"], Value::Null, "it is told once");

    let signature = desk.sign(&swap_a(), "own").await;
    let signed = push_signed(&app, &swap_a(), &signature).await.expect(201);
    let warning = signed["warning"].as_str().unwrap();
    assert!(warning.ends_with(&format!(" is signed by {own}, which is no trusted key")), "{warning}");
    trust(&app, "vendor", &own).await;
    let kept = listed(&app).await;
    let own = kept.iter().find(|plugin| plugin["version"] == "1.0.0").unwrap();
    assert_eq!(own["warning"], Value::Null);
    assert_eq!(push_signed(&app, &swap_a(), &signature).await.expect(201)["warning"], Value::Null);
}

#[tokio::test]
async fn a_key_is_exchanged_without_an_outage() {
    let (app, desk) = (with(SignaturePolicy::Required).await, Desk::new());
    let (old, new) = (desk.key("old").await, desk.key("new").await);
    trust(&app, "old", &old).await;
    let by_old = desk.sign(&swap_a(), "old").await;
    push_signed(&app, &swap_a(), &by_old).await.expect(201);
    let made = app.admin_post("/tenants", json!({ "name": "acme", "plugin": "swap" })).await.expect(201);
    let base = made["scim_base"].as_str().unwrap().strip_prefix(&app.scim).unwrap();
    let acme = app.client(base, made["token"].as_str().unwrap());
    acme.user("ada").await;

    app.admin_delete("/plugin-keys/old").await.expect(200);
    acme.user("bob").await;
    let beta = json!({ "name": "beta", "plugin": "swap" });
    let told = detail(app.admin_post("/tenants", beta.clone()).await, 403);
    assert!(told.contains(&format!("is signed by {old}, which is no trusted key")), "{told}");
    let row = &listed(&app).await[0];
    assert_eq!((&row["standing"], &row["tenants"]), (&json!("untrusted"), &json!(1)));

    trust(&app, "new", &new).await;
    app.admin_put("/plugin-owners/swap", json!({ "key": "new" })).await.expect(200);
    let by_new = desk.sign(&swap_a(), "new").await;
    push_signed(&app, &swap_a(), &by_new).await.expect(201);
    app.admin_post("/tenants", beta).await.expect(201);
    assert_eq!(listed(&app).await[0]["standing"], "trusted");
    acme.user("eve").await;
}

#[tokio::test]
async fn going_back_is_possible_also_to_what_would_not_be_bound_today() {
    let app = with(SignaturePolicy::Off).await;
    app.tenant_with_guest("acme", "swap-a").await;
    app.push(swap_b()).await.expect(201);
    app.bind("acme", "swap@2.0.0", json!({})).await.expect(200);
    let app = app.restart_with(|config| config.plugins.signatures = SignaturePolicy::Required).await;
    let answer = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    let warning = answer["warning"].as_str().unwrap();
    assert!(warning.starts_with("plugin swap@1.0.0 (sha256:") && warning.ends_with(") is not signed"), "{warning}");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["plugin"]["version"], "1.0.0");
}

#[tokio::test]
async fn a_server_starts_without_the_preloaded_plugins_that_it_does_not_take() {
    let mut app = TestApp::builder();
    app.config.plugins.preload = wasm::folder().join("plugins");
    app.config.plugins.signatures = SignaturePolicy::Required;
    let app = app.start().await;
    assert_eq!(listed(&app).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_server_starts_without_the_preloaded_files_that_are_no_plugins() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("broken.wasm"), "no plugin").unwrap();
    std::fs::create_dir(file("folder.wasm")).unwrap();
    std::fs::write(file("signed.wasm"), swap_b()).unwrap();
    std::fs::write(file("signed.wasm.sig"), "{}").unwrap();
    std::fs::write(file("swap.wasm"), swap_a()).unwrap();
    let mut app = TestApp::builder();
    app.config.plugins.preload = folder.path().to_owned();
    let app = app.start().await;
    let versions: Vec<Value> = listed(&app).await.iter().map(|plugin| plugin["version"].clone()).collect();
    assert_eq!(versions, ["1.0.0"]);
}

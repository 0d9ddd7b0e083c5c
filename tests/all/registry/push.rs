use std::time::Duration;

use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{detail, listed, push, push_with_header, swap_a, swap_b, with_note};

#[tokio::test]
async fn a_version_is_pushed_once_and_other_bytes_under_it_are_refused() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "swap-a").await;
    let before = (listed(&app).await, app.admin_get("/tenants/acme").await.expect(200));
    let other = with_note(swap_a(), "built again");
    app.advance(Duration::from_secs(5));

    let told = detail(app.push(other.clone()).await, 409);

    let (here, there) = (before.0[0]["digest"].as_str().unwrap(), muster_model::PluginDigest::of(&other));
    let expected =
        format!("swap@1.0.0 is sha256:{here} here, and these bytes are sha256:{there}: a version never changes");
    assert!(told.starts_with(&expected), "{told}");
    assert!(told.contains("(Cargo.toml, package.json, or its manifest)"), "{told}");
    assert!(told.ends_with(" while nobody uses it: muster plugin remove swap@1.0.0"), "{told}");
    app.push(swap_a()).await.expect(201);
    assert_eq!((listed(&app).await, app.admin_get("/tenants/acme").await.expect(200)), before, "nothing has changed");
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_version_that_nobody_uses_is_removed_and_pushed_again() {
    let app = TestApp::start().await;
    app.push(swap_a()).await.expect(201);
    let removed = app.admin_delete("/plugins/swap@1.0.0").await.expect(200);
    assert_eq!((&removed["name"], &removed["version"]), (&json!("swap"), &json!("1.0.0")));
    assert_eq!(listed(&app).await, Vec::<Value>::new());
    assert_eq!(detail(app.admin_delete("/plugins/swap@1.0.0").await, 404), "there is no plugin swap@1.0.0");

    let again = app.push(with_note(swap_a(), "built again")).await.expect(201);
    assert_ne!(again["digest"], removed["digest"]);
    let app = app.restart().await;
    assert_eq!(listed(&app).await.len(), 1);
    app.admin_post("/tenants", json!({ "name": "acme", "plugin": "swap@1.0.0" })).await.expect(201);
}

#[tokio::test]
async fn a_plugin_that_somebody_uses_is_not_removed_and_who_is_told() {
    let app = TestApp::start().await;
    app.tenant_with_guest("acme", "swap-a").await;
    let told = detail(app.admin_delete("/plugins/swap@1.0.0").await, 409);
    assert!(told.starts_with("plugin swap@1.0.0 (sha256:") && told.contains(" is used by tenant acme; "), "{told}");
    assert!(told.ends_with("; to let another one decide: muster tenant bind acme --plugin NAME"), "{told}");

    app.push(swap_b()).await.expect(201);
    app.bind("acme", "swap@2.0.0", json!({})).await.expect(200);
    let told = detail(app.admin_delete("/plugins/swap@1.0.0").await, 409);
    let back =
        "is used by tenant acme, which can go back to it (revision 1), until it is bound to something else once more";
    assert!(told.ends_with(back), "{told}");

    app.push(muster_test_harness::wasm::guest("smallest")).await.expect(201);
    app.bind("acme", "smallest", json!({})).await.expect(200);
    app.admin_delete("/plugins/swap@1.0.0").await.expect(200);
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["plugin"]["name"], "smallest");
}

#[tokio::test]
async fn a_plugin_of_a_rollout_that_waits_and_of_a_task_is_not_removed() {
    let app = TestApp::start().await;
    app.tenant_with_guest("acme", "swap-a").await;
    app.push(swap_b()).await.expect(201);
    let begun = app.admin_post("/tenants/acme/rollouts", json!({ "plugin": "swap@2.0.0" })).await.expect(202);
    let id = begun["id"].as_str().unwrap().to_owned();
    for _ in 0..1_000 {
        let state = app.admin_get(&format!("/tenants/acme/rollouts/{id}")).await.expect(200)["state"].clone();
        if state != "running" {
            assert_eq!(state, "waiting");
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = detail(app.admin_delete("/plugins/swap@2.0.0").await, 409);
    let end = format!("is used by rollout {id} of tenant acme; to end it: muster rollout cancel acme {id}");
    assert!(told.ends_with(&end), "{told}");
    app.admin_post(&format!("/tenants/acme/rollouts/{id}/cancel"), json!({})).await.expect(200);
    app.admin_delete("/plugins/swap@2.0.0").await.expect(200);

    let secoda = app.tenant_with("secoda-co", "secoda", json!({})).await;
    let emails = json!([{ "value": "ada@example.com", "primary": true }]);
    let ada = json!({
        "schemas": [USER], "userName": "ada@example.com", "active": true, "emails": emails,
        "name": { "givenName": "Ada", "familyName": "Byron" },
    });
    secoda.post("/Users", ada).await.expect(201);
    assert_eq!(app.tasks("secoda-co").await.len(), 1, "an invitation");
    for guest in ["smallest", "swap-a"] {
        let pushed = app.push(muster_test_harness::wasm::guest(guest)).await.expect(201);
        app.bind("secoda-co", pushed["digest"].as_str().unwrap(), json!({})).await.expect(200);
    }
    let told = detail(app.admin_delete("/plugins/secoda").await, 409);
    let end = "is used by task 1 of tenant secoda-co, which waits; to give it up: muster task cancel secoda-co 1";
    assert!(told.ends_with(end), "{told}");
    app.admin_post("/tenants/secoda-co/tasks/1/cancel", json!({})).await.expect(200);
    app.admin_delete("/plugins/secoda").await.expect(200);
}

#[tokio::test]
async fn who_has_pushed_a_plugin_and_where_it_was_found_is_kept() {
    let app = TestApp::start().await;
    let origin = json!({ "reference": "oci://ghcr.io/acme/swap:1.0.0", "manifest": "ab".repeat(32) });
    let pushed = push(&app, &swap_a(), json!({ "by": "ada", "origin": origin })).await.expect(201);
    assert_eq!((&pushed["pushed_by"], &pushed["claimed_by"]), (&json!("operator"), &json!("ada")));
    assert_eq!(pushed["origin"], origin);

    let again = push(&app, &swap_a(), json!({ "by": "bob" })).await.expect(201);
    assert_eq!(again, pushed, "the same bytes again change nothing");
    let app = app.restart().await;
    let kept = &listed(&app).await[0];
    assert_eq!((&kept["claimed_by"], &kept["origin"], &kept["tenants"]), (&json!("ada"), &origin, &json!(0)));
}

#[tokio::test]
async fn what_is_said_of_a_plugin_is_said_as_it_should_be() {
    let app = TestApp::start().await;
    let manifest = "ab".repeat(32);
    for (about, why) in [
        (json!({ "by": "" }), "by: who pushes is told in 1 to 128 bytes"),
        (json!({ "by": "a".repeat(129) }), "by: who pushes is told in 1 to 128 bytes"),
        (json!({ "by": "a\u{7}" }), "by: who pushes is told in 1 to 128 bytes"),
        (json!({ "origin": { "reference": "https://x", "manifest": manifest } }), "it begins with oci://"),
        (
            json!({ "origin": { "reference": format!("oci://{}", "a".repeat(600)), "manifest": manifest } }),
            "at most 512 bytes",
        ),
        (json!({ "author": "ada" }), "unknown field `author`"),
        (json!({ "signature": { "format": "x" } }), "signature: missing field"),
        (json!("ada"), "the header Muster-Plugin is not"),
    ] {
        let told = detail(push(&app, &swap_a(), about.clone()).await, 400);
        assert!(told.contains(why), "{about}: {told}");
    }
    let told = detail(push_with_header(&app, &swap_a(), "not base64!").await, 400);
    assert!(told.starts_with("the header Muster-Plugin is not base64 of JSON"), "{told}");
    let told = detail(push_with_header(&app, &swap_a(), &"A".repeat(13_000)).await, 400);
    assert!(told.ends_with("it has more than 12288 bytes"), "{told}");
    assert_eq!(listed(&app).await, Vec::<Value>::new());
}

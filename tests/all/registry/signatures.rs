use muster_service::signing::SigningKey;
use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{Desk, detail, listed, push_signed, swap_a, swap_b, trust, with_note};

#[tokio::test]
async fn a_signature_that_is_none_of_the_plugin_is_refused_whatever_is_demanded() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let own = desk.key("own").await;
    let other = desk.key("other").await;
    let of_a = desk.sign(&swap_a(), "own").await;
    let of_b = desk.sign(&swap_b(), "own").await;
    let with = |place: &str, value: Value| {
        let mut signature = of_a.clone();
        signature[place] = value;
        signature
    };

    let told = detail(push_signed(&app, &swap_b(), &of_a).await, 400);
    assert!(told.starts_with("the signature is of other bytes: it covers sha256:"), "{told}");
    let told = detail(push_signed(&app, &with_note(swap_a(), "one more section"), &of_a).await, 400);
    assert!(told.starts_with("the signature is of other bytes: it covers sha256:"), "{told}");
    for (place, value) in [
        ("key", json!(other)),
        ("signature", of_b["signature"].clone()),
        ("name", json!("other")),
        ("version", json!("9.9.9")),
        ("manifest", json!("ab".repeat(32))),
    ] {
        let told = detail(push_signed(&app, &swap_a(), &with(place, value)).await, 400);
        let wrong = told.starts_with("the signature of ") && told.ends_with("or what it covers was changed since");
        assert!(wrong, "{place}: {told}");
    }
    // Signed as it should be, but for bytes that are no plugin of this name.
    let told = detail(push_signed(&app, &swap_a(), &with("digest", of_b["digest"].clone())).await, 400);
    assert!(told.starts_with("the signature is of other bytes"), "{told}");
    assert_eq!(listed(&app).await, Vec::<Value>::new(), "nothing is kept");
    assert_eq!(app.admin_get("/plugin-owners").await.expect(200), json!({ "owners": [] }), "and nobody has the name");

    let pushed = push_signed(&app, &swap_a(), &of_a).await.expect(201);
    assert_eq!(pushed["signed_by"], json!(own));
}

#[tokio::test]
async fn a_signature_is_added_to_a_plugin_that_has_none() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let own = desk.key("own").await;
    desk.key("other").await;
    let first = app.push(swap_a()).await.expect(201);
    assert_eq!(first["signed_by"], Value::Null);
    trust(&app, "vendor", &own).await;

    let signature = desk.sign(&swap_a(), "own").await;
    let signed = push_signed(&app, &swap_a(), &signature).await.expect(201);
    assert_eq!((&signed["signed_by"], &signed["pushed"]), (&json!(own), &first["pushed"]));
    assert_eq!(signed["new_owner"], json!(own), "a trusted key takes the name of what is there");
    let by_other = desk.sign(&swap_a(), "other").await;
    let told = detail(push_signed(&app, &swap_a(), &by_other).await, 403);
    assert!(told.contains(&format!("and the name swap belongs to {own} (vendor)")), "{told}");
    let mut signed = signed;
    signed.as_object_mut().unwrap().remove("new_owner");
    assert_eq!(app.push(swap_a()).await.expect(201), signed, "one that counts stays");

    let app = app.restart().await;
    let kept = &listed(&app).await[0];
    assert_eq!((&kept["standing"], &kept["signed_by_name"]), (&json!("trusted"), &json!("vendor")));
}

#[tokio::test]
async fn trusted_keys_are_added_listed_and_removed_by_name() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let (one, two) = (desk.key("one").await, desk.key("two").await);
    trust(&app, "vendor", &one).await;
    trust(&app, "vendor", &one).await;
    let add = async |name: &str, key: &str| app.admin_post("/plugin-keys", json!({ "name": name, "key": key })).await;
    let told = detail(add("vendor", &two).await, 409);
    assert_eq!(told, format!("the name \"vendor\" is that of {one} already; choose another one, or remove that key"));
    let told = detail(add("again", &one).await, 409);
    assert_eq!(told, format!("{one} is trusted as \"vendor\" already"));
    for name in ["", "a b", "a/b", &"a".repeat(65)] {
        assert!(detail(add(name, &two).await, 400).starts_with("the name of a key is 1 to 64 letters"), "{name}");
    }
    for key in ["", "ed25519:", "rsa:00"] {
        assert!(detail(add("two", key).await, 400).contains("is no public key and no trusted key's name"), "{key}");
    }
    trust(&app, "another", &two).await;

    let app = app.restart().await;
    let keys = app.admin_get("/plugin-keys").await.expect(200);
    let names: Vec<&Value> = keys["keys"].as_array().unwrap().iter().map(|key| &key["name"]).collect();
    assert_eq!(names, ["another", "vendor"]);
    app.admin_delete("/plugin-keys/vendor").await.expect(200);
    assert_eq!(detail(app.admin_delete("/plugin-keys/vendor").await, 404), "there is no trusted key vendor");
    app.admin_delete(&format!("/plugin-keys/{two}")).await.expect(200);
    assert_eq!(app.admin_get("/plugin-keys").await.expect(200), json!({ "keys": [] }));
}

#[tokio::test]
async fn no_more_keys_are_trusted_than_there_may_be() {
    let app = TestApp::start().await;
    for n in 0..muster_model::MAX_TRUSTED_KEYS {
        trust(&app, &format!("key-{n}"), &public(n)).await;
    }
    let more = json!({ "name": "more", "key": public(1_000) });
    assert_eq!(detail(app.admin_post("/plugin-keys", more).await, 409), "100 keys are trusted; remove one first");
}

/// The public half of a key, of which there are many.
fn public(n: usize) -> String {
    let mut random = [7; 32];
    random[..8].copy_from_slice(&n.to_be_bytes());
    SigningKey::new(&random).public().to_string()
}

#[tokio::test]
async fn a_key_that_nothing_can_be_signed_with_is_not_trusted_and_owns_nothing() {
    let app = TestApp::start().await;
    let weak = format!("ed25519:01{}", "00".repeat(31));
    let no_point = format!("ed25519:02{}", "00".repeat(31));
    for key in [weak, no_point] {
        let says = format!(
            "{key} is no public key that anything could be signed with: it is no point of the curve, or a weak one"
        );
        assert_eq!(detail(app.admin_post("/plugin-keys", json!({ "name": "own", "key": key })).await, 400), says);
        assert_eq!(detail(app.admin_put("/plugin-owners/swap", json!({ "key": key })).await, 400), says);
    }
    assert_eq!(app.admin_get("/plugin-keys").await.expect(200), json!({ "keys": [] }));
}

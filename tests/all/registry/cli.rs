use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use muster_test_harness::TestApp;
use serde_json::json;

use super::{Desk, swap_a, swap_b, text, with_note};
use crate::command::{muster, on};

#[tokio::test]
async fn a_plugin_is_signed_verified_pushed_trusted_listed_and_removed() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let key = desk.key("key").await;
    let (file, private) = (desk.path("swap.wasm"), desk.path("key"));
    std::fs::write(&file, swap_a()).unwrap();
    let (file, digest) = (text(&file), muster_model::PluginDigest::of(&swap_a()));

    let told = muster(&["plugin", "sign", file, "--key", text(&private)], &[]).await.text();
    assert!(told.starts_with(&format!("swap 1.0.0   sha256:{digest}\n")) && told.contains(&key), "{told}");
    assert!(!told.contains(std::fs::read_to_string(&private).unwrap().trim()), "the private key is not printed");
    let told = muster(&["plugin", "verify", file], &[]).await.text();
    assert!(told.ends_with("whose key that is, was not asked: --key or --trusted\n"), "{told}");
    let told = muster(&["plugin", "verify", file, "--key", text(&desk.path("key.pub"))], &[]).await.text();
    assert!(told.ends_with("the key that was asked for\n"), "{told}");
    let told = on(&app, &["plugin", "verify", file, "--trusted"]).await.failed();
    assert_eq!(told, format!("{file}: it is signed by {key}, which {} does not trust", app.admin));

    let told = on(&app, &["plugin", "key", "add", "vendor", text(&desk.path("key.pub"))]).await.text();
    assert_eq!(told, format!("{key} trusted as vendor\n"));
    let told = on(&app, &["plugin", "verify", file, "--trusted"]).await.text();
    assert!(told.ends_with("trusted as vendor\n"), "{told}");
    let pushed = on(&app, &["plugin", "push", file, "--by", "ada", "--json"]).await.json();
    assert_eq!((&pushed["signed_by"], &pushed["claimed_by"]), (&json!(key), &json!("ada")));
    let told = on(&app, &["plugin", "list"]).await.text();
    assert!(told.ends_with("\n  signed by vendor   bound to no tenant   pushed by ada\n"), "{told}");
    let told = on(&app, &["plugin", "owner"]).await.text();
    assert!(told.starts_with("swap ") && told.contains(&format!("belongs to {key} (vendor)")), "{told}");
    let told = on(&app, &["plugin", "key", "list"]).await.text();
    assert!(told.starts_with("vendor ") && told.ends_with("   owns swap\n"), "{told}");

    let other = desk.key("other").await;
    let told = on(&app, &["plugin", "owner", "swap", text(&desk.path("other.pub"))]).await.text();
    assert!(told.contains(&format!("belongs to {other} (not trusted)")), "{told}");
    assert_eq!(on(&app, &["plugin", "owner", "nobody"]).await.failed(), "the name nobody belongs to nobody yet");
    let told = on(&app, &["plugin", "key", "remove", "vendor"]).await.text();
    assert_eq!(told, format!("{key} not trusted any more: vendor\n"));
    let told = on(&app, &["plugin", "remove", "swap@1.0.0"]).await.text();
    assert!(told.starts_with("removed swap "), "{told}");
    let told = on(&app, &["plugin", "list"]).await.text();
    assert_eq!(told, "no plugin is kept; `muster plugin push` brings one\n");
    let told = on(&app, &["plugin", "remove", "swap@1.0.0"]).await.failed();
    assert_eq!(told, "there is no plugin swap@1.0.0 (404 Not Found)");
}

#[tokio::test]
async fn what_was_changed_after_it_was_signed_is_told_in_a_sentence() {
    let desk = Desk::new();
    let key = desk.key("key").await;
    let other = desk.key("other").await;
    let file = desk.path("swap.wasm");
    std::fs::write(&file, swap_a()).unwrap();
    let name = text(&file);
    let told = muster(&["plugin", "verify", name], &[]).await.failed();
    assert!(told.starts_with(&format!("{name}.sig: ")), "{told}");
    muster(&["plugin", "sign", name, "--key", text(&desk.path("key"))], &[]).await.text();
    let told = muster(&["plugin", "verify", name, "--key", &other], &[]).await.failed();
    assert_eq!(told, format!("{name}: it is signed by {key}, not by {other}"));

    for changed in [with_note(swap_a(), "one more"), swap_b()] {
        std::fs::write(&file, changed).unwrap();
        let told = muster(&["plugin", "verify", name], &[]).await.failed();
        assert!(told.starts_with(&format!("{name}: the signature is of other bytes: it covers sha256:")), "{told}");
    }
    let told = muster(&["plugin", "push", name, "--admin-key", "k", "--signature", "/nowhere.sig"], &[]).await.failed();
    assert!(told.starts_with("/nowhere.sig: "), "{told}");
    std::fs::write(desk.path("swap.wasm.sig"), "{}").unwrap();
    let told = muster(&["plugin", "push", name, "--admin-key", "k"], &[]).await.failed();
    assert!(told.starts_with(&format!("{name}.sig: the signature is not one of a plugin: missing field")), "{told}");
}

#[tokio::test]
async fn a_signature_of_an_earlier_build_is_told_by_its_file_before_anything_is_pushed() {
    let desk = Desk::new();
    desk.key("key").await;
    let file = desk.path("swap.wasm");
    std::fs::write(&file, swap_a()).unwrap();
    muster(&["plugin", "sign", text(&file), "--key", text(&desk.path("key"))], &[]).await.text();
    std::fs::write(&file, swap_b()).unwrap();
    let push = ["plugin", "push", text(&file), "--admin-key", "k", "--server", "http://127.0.0.1:1"];
    let told = muster(&push, &[]).await.failed();
    let name = file.display();
    assert!(told.starts_with(&format!("{name}.sig: the signature is of other bytes: it covers sha256:")), "{told}");
    let mend = format!("sign it again (muster plugin sign {name} --key KEYFILE), or delete the file");
    assert!(told.ends_with(&mend), "{told}");
}

#[tokio::test]
async fn of_several_versions_none_is_removed_by_the_name_alone_and_who_can_go_back_is_told() {
    let app = TestApp::start().await;
    app.tenant_with_guest("acme", "swap-a").await;
    app.advance(Duration::from_secs(1));
    let second = app.push(swap_b()).await.expect(201);
    let told = on(&app, &["plugin", "remove", "swap"]).await.failed();
    let expected = format!(
        "there are 2 plugins of the name swap: {}; say which, by swap@VERSION or by its digest (409 Conflict)",
        ["1.0.0", second["version"].as_str().unwrap()].join(", ")
    );
    assert_eq!(told, expected);
    app.bind("acme", &format!("swap@{}", second["version"].as_str().unwrap()), json!({})).await.expect(200);
    let told = on(&app, &["plugin", "list"]).await.text();
    assert!(told.contains("bound to no tenant; one tenant can go back to it"), "{told}");
    let told = on(&app, &["plugin", "remove", "swap@1.0.0"]).await.failed();
    assert!(told.contains("is used by tenant acme, which can go back to it (revision 1)"), "{told}");
}

#[tokio::test]
async fn a_private_key_is_its_owners_alone_and_is_not_written_over() {
    let desk = Desk::new();
    desk.key("key").await;
    let (file, key) = (desk.path("swap.wasm"), desk.path("key"));
    std::fs::write(&file, swap_a()).unwrap();
    let mode = std::fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let told = muster(&["plugin", "keygen", text(&key)], &[]).await.failed();
    assert!(told.ends_with("it is there already, and a key is not written over"), "{told}");

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = muster(&["plugin", "sign", text(&file), "--key", text(&key)], &[]).await.failed();
    let expected =
        format!("{}: others can read this private key (mode 644); take it from them: chmod 600", key.display());
    assert_eq!(told, expected);
    assert!(!desk.path("swap.wasm.sig").exists());
}

#[tokio::test]
async fn a_version_that_is_there_with_other_bytes_is_told_by_the_command_line() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    app.tenant_with_guest("acme", "swap-a").await;
    let file = desk.path("swap.wasm");
    std::fs::write(&file, with_note(swap_a(), "built again")).unwrap();
    let told = on(&app, &["plugin", "push", text(&file)]).await.failed();
    assert!(told.starts_with("swap@1.0.0 is sha256:") && told.ends_with("(409 Conflict)"), "{told}");
    let told = on(&app, &["plugin", "remove", "swap@1.0.0"]).await.failed();
    assert!(told.contains(" is used by tenant acme; to let another one decide: "), "{told}");
}

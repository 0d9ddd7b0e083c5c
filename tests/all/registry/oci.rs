use muster_service::SignaturePolicy;
use muster_test_harness::TestApp;
use oci_registry::{Access, Fault, Registry};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use super::{Desk, listed, swap_a, swap_b, text, trust};
use crate::command::{muster, on};

/// A registry that has `swap-a` as acme/swap:1.0.0, signed by the key `key` of a desk.
async fn published(desk: &Desk) -> (Registry, String) {
    let registry = Registry::start(0, Access::Open).await.unwrap();
    let file = desk.path("swap.wasm");
    std::fs::write(&file, swap_a()).unwrap();
    let signed = muster(&["plugin", "sign", text(&file), "--key", text(&desk.path("key"))], &[]).await;
    assert_eq!(signed.code, 0, "{signed:?}");
    let reference = format!("oci://{}/acme/swap:1.0.0", registry.host());
    let told = muster(&["plugin", "publish", text(&file), &reference], &[]).await.text();
    assert!(told.starts_with("swap 1.0.0   sha256:") && told.contains(&reference), "{told}");
    (registry, reference)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_published_fetched_verified_pushed_and_bound() {
    let desk = Desk::new();
    let key = desk.key("key").await;
    let (registry, reference) = published(&desk).await;
    let copy = desk.path("copy.wasm");
    let pulled = muster(&["plugin", "pull", &reference, "-o", text(&copy), "--json"], &[]).await.json();
    assert_eq!((&pulled["signed_by"], &pulled["origin"]["reference"]), (&json!(key), &json!(reference)));
    assert_eq!(std::fs::read(&copy).unwrap(), swap_a());
    let told = muster(&["plugin", "verify", text(&copy), "--key", &key], &[]).await.text();
    assert!(told.ends_with("the key that was asked for\n"), "{told}");
    let told = muster(&["plugin", "pull", &reference, "-o", text(&copy)], &[]).await.failed();
    assert!(told.ends_with("it is there already, and is not written over"), "{told}");

    let mut app = TestApp::builder();
    app.config.plugins.signatures = SignaturePolicy::Required;
    let app = app.start().await;
    trust(&app, "vendor", &key).await;
    let by_digest = format!(
        "{}@sha256:{}",
        reference.strip_suffix(":1.0.0").unwrap(),
        pulled["origin"]["manifest"].as_str().unwrap()
    );
    let pushed = on(&app, &["plugin", "push", &by_digest, "--json"]).await.json();
    assert_eq!(pushed["origin"], json!({ "reference": by_digest, "manifest": pulled["origin"]["manifest"] }));
    assert_eq!((&pushed["signed_by"], &pushed["digest"]), (&json!(key), &pulled["digest"]));
    app.admin_post("/tenants", json!({ "name": "acme", "plugin": "swap" })).await.expect(201);
    let manifest: Value = serde_json::from_slice(&registry.manifest("acme/swap", "1.0.0").unwrap()).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1, "as everybody reads it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_lies_or_leads_away_changes_nothing() {
    let desk = Desk::new();
    desk.key("key").await;
    let (registry, reference) = published(&desk).await;
    let app = TestApp::start().await;
    app.tenant_with_guest("acme", "swap-b").await;
    let before = (listed(&app).await, app.admin_get("/tenants/acme").await.expect(200));
    let size = swap_a().len();
    let elsewhere = Registry::start(0, Access::Open).await.unwrap();
    let away = format!("http://{}/x", elsewhere.host());
    for (fault, why) in [
        (Fault::ChangedBlobs, "is not what its digest says".to_owned()),
        (Fault::LongerBlobs, format!("is larger than {size} bytes")),
        (Fault::ShorterBlobs, format!("has {} bytes, and its manifest says {size}", size - 1)),
        (Fault::EndlessBlobs, format!("is larger than {size} bytes")),
        (Fault::EndlessManifests, "is larger than 262144 bytes".to_owned()),
        (Fault::RedirectedBlobs(away), "which is not https".to_owned()),
    ] {
        registry.misbehave(fault.clone());
        let told = on(&app, &["plugin", "push", &reference]).await.failed();
        assert!(told.contains(&why), "{fault:?}: {told}");
        let file = desk.path("never.wasm");
        let told = muster(&["plugin", "pull", &reference, "-o", text(&file)], &[]).await.failed();
        assert!(told.contains(&why) && !file.exists(), "{fault:?}: {told}");
    }
    assert_eq!(elsewhere.asked(), Vec::<String>::new(), "nobody went there");
    assert_eq!((listed(&app).await, app.admin_get("/tenants/acme").await.expect(200)), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_with_the_signature_of_another_plugin_is_not_taken() {
    let desk = Desk::new();
    desk.key("key").await;
    let (registry, reference) = published(&desk).await;
    let other = desk.sign(&swap_b(), "key").await;
    let mut manifest: Value = serde_json::from_slice(&registry.manifest("acme/swap", "1.0.0").unwrap()).unwrap();
    manifest["annotations"]["dev.muster.plugin.signature"] = json!(other.to_string());
    registry.put_manifest("acme/swap", "1.0.0", manifest.to_string().as_bytes());
    let app = TestApp::start().await;
    let told = on(&app, &["plugin", "push", &reference]).await.failed();
    assert!(told.starts_with("the signature is of other bytes: it covers sha256:"), "{told}");
    let file = desk.path("never.wasm");
    let told = muster(&["plugin", "pull", &reference, "-o", text(&file)], &[]).await.failed();
    assert!(told.contains("the signature is of other bytes") && !file.exists(), "{told}");
    assert_eq!(listed(&app).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_a_file_or_the_environment_and_are_never_shown() {
    let desk = Desk::new();
    let registry = Registry::start(0, Access::Token("me:hunter2".to_owned())).await.unwrap();
    let (file, reference) = (desk.path("swap.wasm"), format!("oci://{}/acme/swap:1.0.0", registry.host()));
    std::fs::write(&file, swap_a()).unwrap();
    let publish = ["plugin", "publish", text(&file), &reference];
    let told = muster(&publish, &[]).await.failed();
    assert!(told.contains(" refuses ") && told.contains(": 401"), "{told}");
    let how = "--credentials FILE, as `docker login` writes it, or MUSTER_OCI_CREDENTIALS (USER:PASSWORD) gives some";
    assert!(told.ends_with(&format!("; it was asked without credentials: {how}")), "{told}");
    let told = muster(&publish, &[("MUSTER_OCI_CREDENTIALS", "me:wrong2")]).await.failed();
    assert!(told.contains(": 401") && !told.contains("wrong2"), "{told}");
    assert!(told.ends_with("; it was asked with the credentials of MUSTER_OCI_CREDENTIALS"), "{told}");
    muster(&publish, &[("MUSTER_OCI_CREDENTIALS", "me:hunter2")]).await.text();

    let login = desk.path("config.json");
    let auth = json!({ "auths": { registry.host(): { "auth": "bWU6aHVudGVyMg==" } } });
    std::fs::write(&login, auth.to_string()).unwrap();
    let copy = desk.path("copy.wasm");
    let pull = ["plugin", "pull", &reference, "-o", text(&copy), "--credentials", text(&login)];
    let wrong = json!({ "auths": { registry.host(): { "auth": "bWU6d3JvbmcyCg==" } } });
    std::fs::write(&login, wrong.to_string()).unwrap();
    let told = muster(&pull, &[]).await.failed();
    assert!(told.ends_with(&format!("; it was asked with the credentials of {}", login.display())), "{told}");
    std::fs::write(&login, auth.to_string()).unwrap();
    muster(&pull, &[]).await.text();
    assert_eq!(std::fs::read(&copy).unwrap(), swap_a());
    std::fs::write(&login, " ".repeat((1 << 20) + 1)).unwrap();
    let told =
        muster(&["plugin", "push", &reference, "--admin-key", "k", "--credentials", text(&login)], &[]).await.failed();
    assert!(told.ends_with("it has 1048577 bytes, and such a file has at most 1048576"), "{told}");
    std::fs::write(&login, "{}").unwrap();
    let told = muster(&pull[..5], &[("MUSTER_OCI_CREDENTIALS", "nothing")]).await.failed();
    assert!(told.ends_with("it is there already, and is not written over"), "{told}");
    std::fs::remove_file(&copy).unwrap();
    let told = muster(&pull[..5], &[("MUSTER_OCI_CREDENTIALS", "nothing")]).await.failed();
    assert_eq!(told, "MUSTER_OCI_CREDENTIALS is not USER:PASSWORD");
    let told = muster(&pull, &[]).await.failed();
    assert_eq!(told, format!("{}: it has no credentials for {}", login.display(), registry.host()));
}

#[tokio::test]
async fn a_version_that_was_published_is_not_written_over_unless_that_is_said() {
    let desk = Desk::new();
    desk.key("key").await;
    let (registry, reference) = published(&desk).await;
    let file = desk.path("other.wasm");
    std::fs::write(&file, swap_b()).unwrap();
    let there = registry.manifest("acme/swap", "1.0.0").unwrap();
    let told = muster(&["plugin", "publish", text(&file), &reference], &[]).await.failed();
    assert!(told.starts_with(&format!("{reference} is there already, and names other bytes, sha256:")), "{told}");
    assert!(told.ends_with("; a version does not change, unless --force says so"), "{told}");
    assert_eq!(registry.manifest("acme/swap", "1.0.0").unwrap(), there);
    let forced = ["plugin", "publish", text(&file), &reference, "--force", "--json"];
    let published = muster(&forced, &[]).await.json();
    let copy = desk.path("copy.wasm");
    let pulled = muster(&["plugin", "pull", &reference, "-o", text(&copy), "--json"], &[]).await.json();
    let manifest = &pulled["origin"]["manifest"];
    assert_eq!((&pulled["digest"], manifest), (&published["digest"], &published["manifest"]));
    assert_eq!(std::fs::read(&copy).unwrap(), swap_b());
}

#[tokio::test]
async fn a_private_registry_is_reached_by_https_with_the_certificate_of_its_authority() {
    let desk = Desk::new();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let (chain, key) = (own.pem(), key.serialize_pem());
    let registry = Registry::start_tls(0, Access::Open, chain.as_bytes(), key.as_bytes()).await.unwrap();
    let (file, reference) = (desk.path("swap.wasm"), format!("oci://{}/acme/swap:1.0.0", registry.host()));
    std::fs::write(&file, swap_a()).unwrap();
    let (ca, other, copy) = (desk.path("ca.pem"), desk.path("other.pem"), desk.path("copy.wasm"));
    std::fs::write(&ca, authority.pem()).unwrap();
    std::fs::write(&other, own.pem()).unwrap();

    muster(&["plugin", "publish", text(&file), &reference, "--ca", text(&ca)], &[]).await.text();
    let pull = ["plugin", "pull", &reference, "-o", text(&copy), "--ca", text(&other)];
    let told = muster(&pull, &[]).await.failed();
    assert!(told.starts_with(&format!("{}: its certificate is refused: ", registry.host())), "{told}");
    assert!(told.ends_with("; --ca FILE names the authority of a private registry"), "{told}");
    muster(&[&pull[..6], &[text(&ca)]].concat(), &[]).await.text();
    assert_eq!(std::fs::read(&copy).unwrap(), swap_a());

    let app = TestApp::start().await;
    let pushed = on(&app, &["plugin", "push", &reference, "--ca", text(&ca), "--json"]).await.json();
    assert_eq!(pushed["origin"]["reference"], json!(reference));
    let push = ["plugin", "push", &reference, "--admin-key", "k", "--ca", text(&other)];
    std::fs::write(&other, "nothing").unwrap();
    let told = muster(&push, &[]).await.failed();
    assert_eq!(told, format!("{}: it holds no certificate of an authority in PEM", other.display()));
    std::fs::write(&other, " ".repeat((1 << 20) + 1)).unwrap();
    let told = muster(&push, &[]).await.failed();
    assert!(told.ends_with("it has 1048577 bytes, and such a file has at most 1048576"), "{told}");
}

#[tokio::test]
async fn a_reference_that_is_none_is_told_before_anybody_is_asked() {
    let told = muster(&["plugin", "pull", "oci://ghcr.io/acme", "-o", "/nowhere/x.wasm"], &[]).await.failed();
    assert!(told.starts_with("oci://ghcr.io/acme: it has no tag and no digest"), "{told}");
    let told = muster(&["plugin", "push", "oci://ghcr.io/Acme:1", "--admin-key", "k"], &[]).await.failed();
    assert!(told.starts_with("oci://ghcr.io/Acme:1: its repository is none"), "{told}");
}

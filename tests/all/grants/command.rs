//! The same from the command line, and what is carried from one deployment to another.

use muster_test_harness::TestApp;
use serde_json::json;

use super::{ORIGIN, granted, push, wants};
use crate::command::on;

#[tokio::test]
async fn an_operator_sees_what_is_wanted_grants_it_and_takes_it_back() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let digest = push(&app, "wants").await;
    let twelve = &digest[..12];

    let bound = on(&app, &["tenant", "bind", "acme", "--plugin", "wants"]).await;
    let asked = on(&app, &["tenant", "wants", "acme", "--plugin", "wants"]).await.text();
    let origin = format!("origin={ORIGIN}");
    let some = [
        "tenant",
        "bind",
        "acme",
        "--plugin",
        "wants",
        "--grant",
        &origin,
        "--grant",
        "secret=api-key",
        "--grant",
        "state",
    ];
    let some = on(&app, &some).await.text();
    app.admin_post("/tenants/acme/secrets", json!({ "name": "api-key", "value": "hunter22" })).await.expect(200);
    let set = on(&app, &["tenant", "wants", "acme"]).await.text();
    let kept = on(&app, &["tenant", "withdraw", "acme", "state"]).await.failed();
    let forced = on(&app, &["tenant", "withdraw", "acme", "state", "--force", "--json"]).await.json();
    let again = on(&app, &["tenant", "grant", "acme", "state"]).await.text();

    assert_eq!((bound.code, bound.out.as_str()), (1, ""));
    assert_eq!(
        bound.err,
        "muster: plugin wants 1.0.0 wants what tenant acme has not granted (409 Conflict)\n  \
         it wants to send requests to https://api.example.com; it says: invitations are sent there\n    \
         --grant origin=https://api.example.com\n  \
         it wants to send the secret api-key with them; it says: the product asks for it\n    \
         --grant secret=api-key\n  \
         it wants to remember something of this tenant from one task to the next; it says: the ids that the product gives to users are kept\n    \
         --grant state\n  \
         grant what you agree to with these options, or all of it with --grant-all, where it is bound; \
         or beforehand: muster tenant grant acme WANT... --plugin wants@1.0.0\n"
    );
    let new = on(&app, &["tenant", "create", "globex", "--plugin", "wants"]).await;
    assert!(new.err.ends_with("or all of it with --grant-all, when the tenant is created\n"), "{}", new.err);
    let expected = format!(
        "acme                     wants 1.0.0 ({twelve})   does not decide   revision 1\n  \
         NOT GRANTED  to send requests to https://api.example.com\n               it says: invitations are sent there\n  \
         NOT GRANTED  to send the secret api-key with them\n               it says: the product asks for it\n               \
         NOT SET, so what sends it fails; to set it: muster tenant secret set acme api-key < FILE\n  \
         NOT GRANTED  to remember something of this tenant from one task to the next\n               \
         it says: the ids that the product gives to users are kept\n"
    );
    assert_eq!(asked, expected);
    let since = "   since 2026-11-03T14:03:00.000Z, by operator\n";
    assert!(some.contains(&format!("  granted      to send requests to https://api.example.com{since}")), "{some}");
    assert!(
        some.contains("NOT SET, so what sends it fails; to set it: muster tenant secret set acme api-key")
            && !set.contains("NOT SET"),
        "{some}{set}"
    );
    assert!(kept.ends_with("(409 Conflict)") && kept.contains("wants state; if it is forced (--force)"), "{kept}");
    assert_eq!(granted(&forced), ["origin", "secret"]);
    assert!(again.contains(&format!("from one task to the next{since}")), "{again}");
}

#[tokio::test]
async fn grant_all_is_not_silent() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    push(&app, "wants").await;
    push(&app, "wants-more").await;

    let created = on(&app, &["tenant", "create", "globex", "--plugin", "wants@2.0.0", "--grant-all"]).await.text();
    let rolled = on(&app, &["rollout", "start", "acme", "--plugin", "wants@1.0.0", "--grant-all"]).await;
    on(&app, &["rollout", "activate", "acme", "--json"]).await.json();
    let unwanted = on(&app, &["tenant", "bind", "acme", "--plugin", "wants@2.0.0", "--grant-all"]).await.text();
    let tidied = on(&app, &["tenant", "withdraw", "acme", "--unwanted"]).await.text();

    let all = ["tenant", "create", "initech", "--plugin", "wants@1.0.0", "--grant-all", "--json"];
    let made = on(&app, &all).await.json();
    assert_eq!(granted(&made["wants"]), ["origin", "secret", "state"], "nor is it in JSON");
    let many = "to send requests to every host below files.example.com (https://*.files.example.com:8443)   MANY HOSTS";
    assert!(created.contains("token      mst_") && created.contains(many), "{created}");
    assert_eq!(rolled.code, 0, "{rolled:?}");
    let grants = "grants     origin https://api.example.com, secret api-key, state";
    assert!(rolled.out.contains(grants), "{rolled:?}");
    assert!(
        unwanted.contains("  granted      to send the secret api-key with them   NOT WANTED   since"),
        "{unwanted}"
    );
    assert!(!tidied.contains("NOT WANTED") && tidied.contains(many), "{tidied}");
}

#[tokio::test]
async fn what_is_no_want_is_told_before_anybody_is_asked() {
    let app = TestApp::start().await;
    app.tenant("acme").await;

    let colour = on(&app, &["tenant", "grant", "acme", "colour=red"]).await;
    let http = on(&app, &["tenant", "grant", "acme", "origin=http://api.example.com"]).await;
    let nothing = on(&app, &["tenant", "grant", "acme"]).await;

    let says = ": a want is origin=https://HOST, secret=NAME, or state; --help tells how it is used\n";
    assert!(colour.err.starts_with("muster: invalid value 'colour=red' for '"), "{colour:?}");
    assert!(colour.err.ends_with(says) && colour.err.lines().count() == 1, "{colour:?}");
    assert!(http.err.contains("an origin begins with https://"), "{http:?}");
    assert_eq!((colour.code, http.code, nothing.code), (2, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_go_with_their_tenant_into_another_deployment() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    push(&app, "wants").await;
    on(&app, &["tenant", "bind", "acme", "--plugin", "wants", "--grant-all"]).await.text();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.ndjson");
    let file = file.to_str().unwrap();
    on(&app, &["export", "--to", file, "--tenant", "acme"]).await.text();

    let target = TestApp::start().await;
    let brought = on(&target, &["import", file]).await;

    assert_eq!(brought.code, 0, "{brought:?}");
    assert_eq!(wants(&target, "wants").await["wants"], wants(&app, "wants").await["wants"]);
    assert_eq!(target.admin_get("/tenants/acme").await.expect(200)["loaded"], json!(true));
}

//! Single tenants, into a deployment that serves others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

use super::{export, filled, items, items_elsewhere, person, read};
use crate::command::on;

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_comes_to_others_who_notice_nothing() {
    let app = TestApp::start().await;
    let (acme, globex) = filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let (all, one) = (folder.path().join("all.ndjson"), folder.path().join("one.ndjson"));
    export(&app, &all, &[]).await;
    let exported = export(&app, &one, &["acme"]).await;
    assert!(exported.iter().all(|line| !line.contains("globex")), "nothing of the others");

    let target = TestApp::start().await;
    let initech = target.tenant("initech").await;
    let stop = Arc::new(AtomicBool::new(false));
    let (busy, stopped) = (initech.clone(), Arc::clone(&stop));
    let working = tokio::spawn(async move {
        let mut served = 0;
        while !stopped.load(Ordering::Relaxed) {
            let id = person(&busy, &format!("busy{served}@example.com")).await;
            busy.get(&format!("/Users/{id}")).await.expect(200);
            served += 1;
        }
        served
    });
    // The whole file, of which one is wanted; and then a file of the other.
    let first = on(&target, &["import", all.to_str().unwrap(), "--tenant", "globex"]).await;
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.err.contains("the tokens in this export were made with another key"), "{first:?}");
    assert!(first.out.contains("globex") && !first.out.contains("acme"), "{first:?}");
    let second = on(&target, &["import", one.to_str().unwrap()]).await;
    assert_eq!(second.code, 0, "{second:?}");
    stop.store(true, Ordering::Relaxed);
    let served = working.await.unwrap();
    assert!(served > 0);
    println!("requests served meanwhile, none failed: {}", 2 * served);

    let again = export(&target, &folder.path().join("again.ndjson"), &["acme"]).await;
    assert!(items(&again) == items_elsewhere(&exported));
    acme.get("/Users").await.expect(200);
    for (name, tenant) in [("acme", &acme), ("globex", &globex)] {
        let path: String = format!("/{}", tenant.base.splitn(4, '/').nth(3).unwrap());
        let old = target.client(&path, &tenant.token);
        assert_eq!(old.get("/Users").await.status, 401, "its token was made with another key");
        let issued = target.admin_post(&format!("/tenants/{name}/tokens"), json!({ "label": "new" })).await.expect(201);
        let new = target.client(&path, issued["token"].as_str().unwrap());
        assert_eq!(read(&new).await, read(tenant).await);
    }
    let missing = on(&target, &["import", one.to_str().unwrap(), "--tenant", "globex"]).await.failed();
    assert!(missing.ends_with("one.ndjson has no tenant globex"), "{missing}");
    let unknown = on(&app, &["export", "--to", folder.path().join("x").to_str().unwrap(), "--tenant", "nobody"]).await;
    assert_eq!((unknown.code, unknown.err.trim_end()), (1, "muster: there is no tenant nobody (404 Not Found)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deployment_has_already_is_left_as_it_is() {
    let app = TestApp::start().await;
    let (acme, _) = filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.ndjson");
    export(&app, &file, &["acme"]).await;
    let before = read(&acme).await;

    let refused = on(&app, &["import", file.to_str().unwrap()]).await.failed();
    assert_eq!(refused, "there is a tenant acme already (409 Conflict)");
    assert_eq!(read(&acme).await, before);
    assert_eq!(app.admin_get("/imports").await.expect(200)["imports"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grants_that_come_with_a_tenant_are_told_and_what_its_plugin_wants_besides() {
    let app = TestApp::start().await;
    app.push(wasm::guest("wants")).await.expect(201);
    let new = json!({ "name": "acme", "plugin": "wants", "grants": "all" });
    app.admin_post("/tenants", new).await.expect(201);
    let state = json!({ "grants": [{ "kind": "state" }], "force": true });
    app.admin_post("/tenants/acme/grants/withdraw", state).await.expect(200);
    app.tenant("globex").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    export(&app, &file, &[]).await;

    let [people, machines] = [TestApp::start().await, TestApp::start().await];
    let told = on(&people, &["import", file.to_str().unwrap()]).await;
    let json = on(&machines, &["import", file.to_str().unwrap(), "--json"]).await;

    assert_eq!((told.code, json.code), (0, 0), "{told:?} {json:?}");
    for line in [
        "acme                     plugin wants is granted to send requests to https://api.example.com\n",
        "acme                     plugin wants is granted to send the secret api-key with them\n",
        "acme                     plugin wants 1.0.0 wants to remember something of this tenant from one task to the next, which is not granted\n",
    ] {
        assert!(told.out.contains(line), "{told:?}");
    }
    let done: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(done["grants"]["tenants"], 1, "of globex there is nothing to say");
    let acme = &done["grants"]["told"][0];
    let kinds = |list: &str| -> Vec<&str> {
        acme[list].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect()
    };
    assert_eq!((kinds("granted"), kinds("not_granted")), (vec!["origin", "secret"], vec!["state"]));
    assert_eq!((&acme["tenant"], &acme["plugin"]), (&json!("acme"), &json!("plugin wants 1.0.0")));
}

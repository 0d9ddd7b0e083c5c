//! A whole deployment, into one without tenants.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::replayed::held_and_told;
use super::{Server, TOLD, export, filled, items, items_elsewhere, lines, person, read};
use crate::command::{muster, on};

const WRITERS: usize = 8;

/// Writes until it is stopped; each gives the ids of whom it has created, in order.
fn writers(tenants: &[TenantClient], stop: &Arc<AtomicBool>) -> Vec<JoinHandle<Vec<String>>> {
    (0..WRITERS)
        .map(|writer| {
            let (tenant, stop) = (tenants[writer % tenants.len()].clone(), Arc::clone(stop));
            tokio::spawn(async move {
                let mut created = Vec::new();
                let group = tenant.group(&format!("Group of writer {writer}"), &[]).await;
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = person(&tenant, &format!("w{writer}n{n}@example.com")).await;
                    let title = json!([{ "op": "replace", "path": "title", "value": format!("Number {n}") }]);
                    tenant.operations(&format!("/Users/{id}"), title).await.expect(200);
                    let joins = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
                    let joined = tenant.operations(&format!("/Groups/{group}"), joins).await;
                    assert!(joined.status < 300, "{}", joined.text);
                    if n % 3 == 0 {
                        tenant.delete(&format!("/Users/{id}")).await.expect(204);
                    }
                    created.push(id);
                }
                created
            })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_under_load_is_of_one_moment_and_is_the_same_where_it_is_imported() {
    let app = TestApp::start().await;
    let (acme, globex) = filled(&app).await;
    let before: BTreeSet<String> = read(&acme).await.into_iter().collect();
    let (stop, folder) = (Arc::new(AtomicBool::new(false)), tempfile::tempdir().unwrap());
    let writing = writers(&[acme.clone(), globex.clone()], &stop);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seen = app.admin_get("/tenants/acme/log?limit=1000").await.expect(200)["entries"].as_array().unwrap().len();

    let file = folder.path().join("all.ndjson");
    let exported = export(&app, &file, &[]).await;
    stop.store(true, Ordering::Relaxed);
    let mut created = 0;
    for writer in writing {
        created += writer.await.unwrap().len();
    }
    let entries = exported.iter().filter(|line| line.starts_with("{\"entry\":{\"tenant\":\"acme\"")).count();
    assert!(entries >= seen, "what was acknowledged before is in it: {entries} of {seen}");
    assert!(!before.is_empty());

    let target = Server::start(Some(&app.data()));
    let answer = target.muster(&["import", file.to_str().unwrap(), "--json"]).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    let told: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&told["tokens_work"], &told["items"]), (&json!(true), &json!(exported.len() - 2)));
    let again = target.export(&folder.path().join("again.ndjson"), &[]).await;
    assert_eq!(items(&again), items(&exported));
    assert!(created > 0, "there was no load");
    for tenant in ["acme", "globex"] {
        let (held, told) = held_and_told(items(&exported), tenant);
        println!("{tenant}: resources and memberships {:?}, as its log says", held.counts());
        assert!(held == told, "what {tenant} has is what its log comes to");
    }
    println!("items {}, created meanwhile {created}, entries of one log {entries}", exported.len() - 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_wire_nothing_tells_the_one_from_the_other() {
    let app = TestApp::start().await;
    let (acme, globex) = filled(&app).await;
    // A part of the log goes, as the tenant's retention has it.
    app.advance(Duration::from_secs(3 * 24 * 60 * 60));
    person(&acme, "later@example.com").await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 1 })).await.expect(200);
    let mut first = 1;
    for _ in 0..200 {
        let log = app.admin_get("/tenants/acme/log?limit=1").await.expect(200);
        first = log["entries"][0]["seq"].as_u64().unwrap_or(1);
        if first > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(first > 1, "the log is cut off");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    export(&app, &file, &[]).await;

    let target = Server::start(Some(&app.data()));
    let said = target.muster(&["import", file.to_str().unwrap()]).await.text();
    assert!(said.contains("acme") && said.contains("items, verified   digest "), "{said}");
    assert!(
        said.contains("\nthose of the tasks that wait are carried out by this deployment from now on, and by "),
        "{said}"
    );
    for (name, tenant, base) in [("acme", &acme, "/scim/v2"), ("globex", &globex, "")] {
        let base = if base.is_empty() {
            tenant.base.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap()
        } else {
            base.to_owned()
        };
        let there = target.client(tenant, &base);
        assert_eq!(read(&there).await, read(tenant).await, "with the same token");
        for what in TOLD {
            let here = app.admin_get(&format!("/tenants/{name}/{what}")).await.expect(200);
            assert_eq!(target.get(&format!("/tenants/{name}/{what}")).await, here, "{what}");
        }
        let id = tenant.ids("/Users", "userName eq \"user5@example.com\"").await.remove(0);
        let history = format!("/tenants/{name}/resources/{id}/history");
        assert_eq!(target.get(&history).await, app.admin_get(&history).await.expect(200));
        let account = format!("/tenants/{name}/accounts/{id}");
        assert_eq!(target.get(&account).await, app.admin_get(&account).await.expect(200));
        let verified =
            target.ask(reqwest::Method::POST, &format!("/tenants/{name}/log/verify"), "{}").await.expect(200);
        assert_eq!(verified["ok"], true, "{verified}");

        // And it goes on.
        let new = person(&there, "new@example.com").await;
        there.get(&format!("/Users/{new}")).await.expect(200);
        let taken = there
            .post("/Users", json!({ "schemas": [muster_test_harness::USER], "userName": "USER1@example.com" }))
            .await;
        assert_eq!(taken.status, 409, "names are still taken: {}", taken.text);
    }
    let mut target = target;
    target.kill();
    target.restart();
    let there = target.client(&acme, "/scim/v2");
    assert_eq!(there.ids("/Users", "userName eq \"new@example.com\"").await.len(), 1, "after a crash as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_nobody_serves_is_moved_in_process() {
    let mut app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let online = export(&app, &folder.path().join("online.ndjson"), &[]).await;
    app.stop().await;
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();

    let data = app.data().to_str().unwrap().to_owned();
    let offline = muster(&["export", "--to", &path("offline.ndjson"), "--data", &data, "--json"], &[]).await;
    assert_eq!(offline.code, 0, "{offline:?}");
    assert_eq!(items(&lines(&folder.path().join("offline.ndjson"))), items(&online));
    let told = muster(&["import", &path("offline.ndjson"), "--data", &path("new")], &[]).await;
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.err.contains("will not work here"), "the keys are others: {told:?}");
    let again = muster(&["export", "--to", &path("again.ndjson"), "--data", &path("new")], &[]).await;
    assert_eq!(again.code, 0, "{again:?}");
    assert!(items(&lines(&folder.path().join("again.ndjson"))) == items_elsewhere(&online));

    let nothing = muster(&["export", "--to", &path("nothing.ndjson"), "--data", &path("nowhere")], &[]).await.failed();
    assert!(nothing.ends_with("nowhere holds no deployment of Muster"), "{nothing}");
    assert!(!folder.path().join("nowhere").exists());
    let there = muster(&["import", &path("offline.ndjson"), "--data", &path("new")], &[]).await;
    assert_eq!((there.code, there.err.contains("was finished before, and is served")), (0, true), "{there:?}");
    assert_eq!(there.out, told.out, "it is told as it was the first time");
    let one = muster(&["import", &path("offline.ndjson"), "--data", &path("new"), "--tenant", "acme"], &[]).await;
    assert_eq!((one.code, one.err.contains("there is a tenant acme already")), (1, true), "{one:?}");

    // Somebody else's folder is left as it is.
    let foreign = folder.path().join("foreign");
    std::fs::create_dir_all(foreign.join("store")).unwrap();
    std::fs::write(foreign.join("store/notes.txt"), "mine").unwrap();
    let refused = muster(&["import", &path("offline.ndjson"), "--data", &path("foreign")], &[]).await.failed();
    assert!(!refused.is_empty());
    let left: Vec<_> = std::fs::read_dir(&foreign).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["store"], "{refused}");
    assert_eq!(std::fs::read_to_string(foreign.join("store/notes.txt")).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_deployment_is_not_imported_over_another() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    export(&app, &file, &[]).await;
    let same = on(&app, &["import", file.to_str().unwrap()]).await.failed();
    assert_eq!(same, "there is a tenant acme already (409 Conflict)");

    let other = TestApp::start().await;
    other.tenant("initech").await;
    let refused = on(&other, &["import", file.to_str().unwrap()]).await.failed();
    assert!(
        refused.starts_with("a whole deployment is imported into one without tenants, and this one has 1;"),
        "{refused}"
    );
    assert_eq!(other.admin_get("/imports").await.expect(200)["imports"], json!([]));
    let there = on(&app, &["export", "--to", file.to_str().unwrap()]).await.failed();
    assert!(there.ends_with("all.ndjson is there already"), "{there}");
}

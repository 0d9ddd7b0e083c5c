//! What happens around the end of an import, and what it says of tokens and of room.

use muster_test_harness::{Answer, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::forged::ended;
use super::{Server, export, filled, items};
use crate::command::muster;

/// A disk with so much free is not to be had: whatever asks for room is told that there is none.
const NO_ROOM: &str = "[store]\nreserve_mib = 1048576\n";

/// Announces a whole export and sends all of it; the import's name.
async fn sent(target: &Server, exported: &[String]) -> String {
    let end: Value = serde_json::from_str(exported.last().unwrap()).unwrap();
    let names: Vec<&String> = end["end"]["counts"]["tenants"].as_object().unwrap().keys().collect();
    let new = json!({
        "manifest": exported[0], "tenants": names, "whole": true, "items": exported.len() - 2,
        "digest": digest_of(exported),
    });
    let begun = target.ask(Method::POST, "/imports", new.to_string()).await.expect(200);
    let id = begun["id"].as_str().unwrap().to_owned();
    let lines = items(exported).join("\n");
    target.ask(Method::PUT, &format!("/imports/{id}/lines?from=0"), lines).await.expect(200);
    id
}

fn digest_of(exported: &[String]) -> String {
    let lines = &exported[..exported.len() - 1];
    let start = muster_store::moving::Chain::START;
    lines.iter().fold(start, |chain, line| chain.link(line.as_bytes())).to_string()
}

async fn finish(target: &Server, id: &str) -> Value {
    let job = target.ask(Method::POST, &format!("/imports/{id}/finish"), "").await.expect(202)["job"].clone();
    ended(target, job.as_str().unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_whether_an_import_is_finished_is_answered_as_the_first_time() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    let exported = export(&app, &file, &[]).await;
    let mut target = Server::start(Some(&app.data()));
    let id = sent(&target, &exported).await;
    let first = finish(&target, &id).await;
    assert_eq!((&first["state"], &first["result"]["tokens_work"]), (&json!("done"), &json!(true)), "{first}");
    assert_eq!((&first["result"]["unproved"], &first["result"]["import"]), (&json!(0), &json!(id)));

    assert_eq!(finish(&target, &id).await["result"], first["result"]);
    target.kill();
    target.restart();
    assert_eq!(finish(&target, &id).await["result"], first["result"], "after a crash as well");
    assert_eq!(target.get("/imports").await["imports"], json!([]));

    // Whoever lost the answer runs the command once more.
    let again = target.muster(&["import", file.to_str().unwrap()]).await;
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.err.contains(&format!("import {id} was finished before, and is served")), "{again:?}");
    assert!(again.out.contains("items, verified   digest "), "{again:?}");
    target.ask(Method::POST, "/imports/nothing/finish", "").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_import_is_not_finished_among_tenants_that_came_meanwhile() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let exported = export(&app, &folder.path().join("all.ndjson"), &[]).await;
    let target = Server::start(None);
    let id = sent(&target, &exported).await;
    let plugin = muster_test_harness::wasm::plugin("standard");
    target.ask(Method::POST, "/plugins", plugin).await.expect(201);
    let new = json!({ "name": "initech", "plugin": "standard" }).to_string();
    target.ask(Method::POST, "/tenants", new).await.expect(201);

    let refused = finish(&target, &id).await;
    assert_eq!(refused["state"], "failed", "{refused}");
    let why = refused["error"].as_str().unwrap();
    assert!(why.starts_with("a whole deployment is imported into one without tenants, and this one has 1;"), "{why}");
    let names: Vec<Value> = target.get("/tenants").await["tenants"].as_array().unwrap().clone();
    assert_eq!(names.len(), 1, "nothing of it is served");
    assert_eq!(
        target.muster(&["import", "--abandon", &id]).await.text(),
        format!("import {id} is taken back\n"),
        "it can be abandoned"
    );
    assert_eq!(target.get("/imports").await["imports"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_say_by_which_key_they_are_known_wherever_they_are_moved() {
    let app = TestApp::start().await;
    let (acme, _) = filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (first, second) = (path("first.ndjson"), path("second.ndjson"));
    export(&app, &first, &["acme"]).await;

    // To a deployment with another key, which issues one token of its own; and on from there.
    let foreign = Server::start(None);
    let told = foreign.muster(&["import", first.to_str().unwrap()]).await;
    assert!(told.err.contains("the tokens in this export were made with another key"), "{told:?}");
    foreign.ask(Method::POST, "/tenants/acme/tokens", json!({ "label": "own" }).to_string()).await.expect(201);
    foreign.export(&second, &[]).await;

    let home = Server::start(Some(&app.data()));
    let told = home.muster(&["import", second.to_str().unwrap(), "--json"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.err.contains("1 of the 2 tokens in this export were made with another key"), "{told:?}");
    let result: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&result["tokens_work"], &result["tokens_unknown"]), (&json!(false), &json!(1)));
    home.client(&acme, "/scim/v2").get("/Users").await.expect(200);

    let like_the_second = Server::start(Some(&foreign.data()));
    let told = like_the_second.muster(&["import", second.to_str().unwrap()]).await;
    assert!(told.err.contains("1 of the 2 tokens in this export were made with another key"), "{told:?}");
    assert_eq!(like_the_second.client(&acme, "/scim/v2").get("/Users").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_leaves_the_room_that_is_kept_for_the_store() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    export(&app, &file, &[]).await;
    let mut target = Server::start(None);
    target.muster(&["import", file.to_str().unwrap()]).await;
    target.kill();
    target.more = NO_ROOM;
    target.restart();
    let refused: Answer = target.ask(Method::POST, "/exports", "{}").await;
    assert_eq!(refused.expect(507)["detail"], "there is no room left on the disk of the store; nothing was changed");
    assert_eq!(target.get("/exports").await["exports"], json!([]));

    // A data folder is opened by the configuration that it is served with.
    let config = folder.path().join("muster.toml");
    std::fs::write(&config, NO_ROOM).unwrap();
    let (config, new) = (config.to_str().unwrap(), folder.path().join("new"));
    let import = ["import", file.to_str().unwrap(), "--data", new.to_str().unwrap(), "--config", config];
    let refused = muster(&import, &[]).await.failed();
    assert!(refused.contains("there is no room left on the disk of the store"), "{refused}");
}

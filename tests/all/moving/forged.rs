//! A file whose digest is right, because whoever changed it made the digest anew: what it says is held against itself, here and by the server.

use muster_store::moving::Chain;
use muster_test_harness::{Answer, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Server, export, filled, write_sealed};

/// Sends lines as they are, without looking at them first; the last answer. What is refused is taken back.
pub(super) async fn send(target: &Server, manifest: &str, tenant: &str, items: &[String]) -> Answer {
    let digest = items.iter().fold(Chain::START.link(manifest.as_bytes()), |chain, line| chain.link(line.as_bytes()));
    let new =
        json!({ "manifest": manifest, "tenants": [tenant], "whole": false, "items": items.len(), "digest": digest });
    let begun = target.ask(Method::POST, "/imports", new.to_string()).await.expect(200);
    let id = begun["id"].as_str().unwrap();
    let sent = target.ask(Method::PUT, &format!("/imports/{id}/lines?from=0"), items.join("\n")).await;
    if sent.status != 200 {
        assert_eq!(target.get(&format!("/imports/{id}")).await["items"], 0, "all of it or nothing");
        abandon(target, id).await;
        return sent;
    }
    let job = target.ask(Method::POST, &format!("/imports/{id}/finish"), "").await.expect(202)["job"].clone();
    let ended = ended(target, job.as_str().unwrap()).await;
    if ended["state"] == "failed" {
        abandon(target, id).await;
    }
    Answer { body: ended, ..sent }
}

async fn abandon(target: &Server, id: &str) {
    let job = target.ask(Method::DELETE, &format!("/imports/{id}"), "").await.expect(202)["job"].clone();
    assert_eq!(ended(target, job.as_str().unwrap()).await["state"], "done");
    assert_eq!(target.get("/imports").await["imports"], json!([]), "nothing is left of it");
}

pub(super) async fn ended(target: &Server, job: &str) -> Value {
    loop {
        let view = target.get(&format!("/jobs/{job}")).await;
        if view["state"] != "running" {
            return view;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn nth(items: &[String], kind: &str, n: usize) -> usize {
    let prefix = format!("{{\"{kind}\":");
    let mut found = items.iter().enumerate().filter(|(_, line)| line.starts_with(&prefix));
    found.nth(n).unwrap().0
}

/// A line with something in it replaced by something else.
fn replaced(items: &mut [String], at: usize, from: &str, to: &str) {
    assert!(items[at].contains(from), "{from} is in {}", items[at]);
    items[at] = items[at].replace(from, to);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_refused_though_its_digest_is_right() {
    let app = TestApp::start().await;
    filled(&app).await;
    app.admin_post("/tenants/globex/log/head", json!({})).await.expect(200);
    let folder = tempfile::tempdir().unwrap();
    let exported = export(&app, &folder.path().join("good.ndjson"), &["globex"]).await;
    let (manifest, good) = (exported[0].clone(), exported[1..exported.len() - 1].to_vec());
    let target = Server::start(None);
    let file = folder.path().join("forged.ndjson");
    type Forge = Box<dyn Fn(&mut Vec<String>)>;
    let with = |forge: fn(&mut Vec<String>)| -> Forge { Box::new(forge) };
    // Those that can be found without the store, and those that cannot.
    let cases: Vec<(&str, Forge, &str, bool)> = vec![
        (
            "an entry changed under its seal",
            with(|items| {
                let at = nth(items, "entry", 2);
                replaced(items, at, "Byron", "Baron");
            }),
            "the log was changed",
            true,
        ),
        ("an entry left out", with(|items| drop(items.remove(nth(items, "entry", 2)))), "leaves a gap in a log", true),
        (
            "a log cut off",
            with(|items| {
                let (first, last) = (nth(items, "entry", 5), nth(items, "task", 0));
                items.drain(first..last);
            }),
            "a log is not at its end",
            true,
        ),
        (
            "a record of another tenant",
            with(|items| {
                let at = nth(items, "record", 0);
                replaced(items, at, "\"tenant\":\"globex\"", "\"tenant\":\"other\"");
            }),
            "is of a tenant that it does not stand behind",
            true,
        ),
        (
            "a version that never was",
            with(|items| {
                let at = nth(items, "record", 0);
                replaced(items, at, "\"version\":1,", "\"version\":0,");
            }),
            "was never written",
            true,
        ),
        (
            "a record twice",
            with(|items| {
                let at = nth(items, "record", 1);
                items.insert(at, items[at].clone());
            }),
            "out of order, or there twice",
            true,
        ),
        (
            "a task of no change",
            with(|items| {
                let at = nth(items, "task", 0);
                replaced(items, at, "\"change\":1,", "\"change\":9999,");
            }),
            "a change that never was",
            true,
        ),
        (
            "a task of which nothing has become, and something is told",
            with(|items| {
                let at = nth(items, "task", 0);
                let progress = json!({ "revision": 0, "standing": "waiting", "due": 0, "attempts": 0 });
                let own = items[at].strip_suffix("}}").unwrap();
                items[at] = format!("{own},\"progress\":{progress}}}}}");
            }),
            "a number that nothing was counted to",
            true,
        ),
        (
            "a task with more attempts told than there were",
            with(|items| {
                let at = nth(items, "task", 0);
                let told = vec![json!({ "at": 0, "took_ms": 1 }); 2];
                let progress = json!({ "revision": 1, "standing": "done", "due": 0, "attempts": 1, "told": told });
                let own = items[at].strip_suffix("}}").unwrap();
                items[at] = format!("{own},\"progress\":{progress}}}}}");
            }),
            "tells of more attempts than there were",
            true,
        ),
        (
            "tasks in another order",
            with(|items| {
                let (one, other) = (nth(items, "task", 0), nth(items, "task", 1));
                items.swap(one, other);
            }),
            "is a task out of order",
            true,
        ),
        (
            "what a plugin remembers that remembers nothing",
            with(|items| {
                let at = nth(items, "plugin", 0);
                let entry = json!({ "tenant": "globex", "plugin": "p", "key": "k", "version": 1, "value": "" });
                items.insert(at, json!({ "state-entry": entry }).to_string());
            }),
            "that it does not stand behind",
            true,
        ),
        (
            "what a plugin remembers, later than its latest",
            with(|items| {
                let at = nth(items, "plugin", 0);
                let entry = json!({ "tenant": "globex", "plugin": "p", "key": "k", "version": 3, "value": "" });
                items.insert(at, json!({ "state-entry": entry }).to_string());
                let state = json!({ "tenant": "globex", "plugin": "p", "last": 2 });
                items.insert(at, json!({ "state": state }).to_string());
            }),
            "a number that nothing was counted to",
            true,
        ),
        (
            "more secrets than a tenant can have",
            with(|items| {
                let secret = |n| json!({ "name": format!("s{n:02}"), "sealed": "", "at": 0, "by": "operator" });
                let secrets: Vec<_> = (0..65).map(secret).collect();
                replaced(items, 0, "\"delivery\":", &format!("\"secrets\":{},\"delivery\":", json!(secrets)));
            }),
            "more secrets than one can have",
            true,
        ),
        (
            "more grants than a tenant can have",
            with(|items| {
                let grant = json!({ "plugin": "p", "want": { "kind": "state" }, "at": 0, "by": "operator" });
                let (before, granted) = items[0].split_once("\"grants\":[").unwrap();
                let (_, behind) = granted.split_once(']').unwrap();
                items[0] = format!("{before}\"grants\":{}{behind}", json!(vec![grant; 257]));
            }),
            "is a tenant that has granted more than one can",
            true,
        ),
        (
            "half a plugin",
            with(|items| drop(items.remove(nth(items, "plugin-bytes", 1)))),
            "is a part of a plugin",
            true,
        ),
        (
            "a member who is not there",
            with(|items| {
                let at = nth(items, "member", 0);
                let id =
                    serde_json::from_str::<Value>(&items[at]).unwrap()["member"]["member"].as_str().unwrap().to_owned();
                replaced(items, at, &id, "00000000-0000-7000-8000-000000000000");
            }),
            "refers to what is not there",
            false,
        ),
        (
            "two users of one name",
            with(|items| {
                let at = nth(items, "record", 1);
                replaced(items, at, "user1@example.com", "user0@example.com");
            }),
            "another resource has",
            false,
        ),
        (
            "the bytes of another plugin",
            with(|items| {
                let at = nth(items, "plugin-bytes", 0);
                let byte = &items[at][items[at].len() - 10..items[at].len() - 9].to_owned();
                let other = if byte == "A" { "B" } else { "A" };
                let place = items[at].len() - 10;
                items[at].replace_range(place..=place, other);
            }),
            "are not its own",
            false,
        ),
        (
            "a tenant without its plugin",
            with(|items| items.truncate(nth(items, "plugin", 0))),
            "needs the plugin",
            false,
        ),
        (
            "a target that nobody could have set",
            with(|items| replaced(items, 0, "\"target_s\":300", "\"target_s\":0")),
            "target_s is between 1 and",
            false,
        ),
        (
            "a plugin's configuration that does not fit",
            with(|items| replaced(items, 0, "\"config\":{}", "\"config\":{\"no-such-key\":1}")),
            "the configuration does not fit the plugin",
            false,
        ),
    ];
    for (name, forge, why, client_sees) in cases {
        let mut items = good.clone();
        forge(&mut items);
        if client_sees {
            write_sealed(&file, &manifest, &items);
            let told = target.muster(&["import", file.to_str().unwrap()]).await.failed();
            assert!(told.contains(why), "{name}: {told}");
            assert!(!told.contains("example.com"), "{name}: no user data: {told}");
        }
        // The server believes no client.
        let answer = send(&target, &manifest, "globex", &items).await;
        let detail = answer.body["detail"].as_str().or(answer.body["error"].as_str()).unwrap_or_default();
        assert!(detail.contains(why), "{name}: {} {}", answer.status, answer.body);
        assert!(!detail.contains("example.com"), "{name}: no user data: {detail}");
        assert!(target.is_empty().await, "{name}");
    }
    let sound = send(&target, &manifest, "globex", &good).await;
    assert_eq!(sound.body["state"], "done", "{}", sound.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_tenant_cannot_be_brought_along() {
    let app = TestApp::start().await;
    let (acme, _) = filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let exported = export(&app, &folder.path().join("good.ndjson"), &["globex"]).await;
    let other = export(&app, &folder.path().join("other.ndjson"), &["acme"]).await;
    let hash = |lines: &[String]| {
        let line = lines.iter().find(|line| line.starts_with("{\"token\":")).unwrap();
        serde_json::from_str::<Value>(line).unwrap()["token"]["row"]["hash"].as_str().unwrap().to_owned()
    };
    let (own, stolen) = (hash(&exported), hash(&other));
    let mut items: Vec<String> = exported[1..exported.len() - 1].to_vec();
    for line in &mut items {
        *line = line.replace(&own, &stolen).replace("globex", "mallory");
        *line = line.replace("tok_", "tok_x");
    }
    let file = folder.path().join("forged.ndjson");
    write_sealed(&file, &exported[0], &items);
    let refused = crate::command::on(&app, &["import", file.to_str().unwrap()]).await.failed();
    assert!(refused.contains("a token is there twice, or is another tenant's here"), "{refused}");
    acme.get("/Users").await.expect(200);
    let listed = app.admin_get("/imports").await.expect(200);
    let id = listed["imports"][0]["id"].as_str().unwrap();
    let reserved = app.admin_post("/tenants", json!({ "name": "mallory", "plugin": "standard" })).await.expect(409);
    assert!(
        reserved["detail"].as_str().unwrap().starts_with("an unfinished import brings a tenant mallory"),
        "{reserved}"
    );
    let said = crate::command::on(&app, &["import", "--list"]).await.text();
    assert!(said.contains(id), "{said}");
    crate::command::on(&app, &["import", "--abandon", id]).await.text();
    assert_eq!(app.admin_get("/imports").await.expect(200)["imports"], json!([]));
    app.admin_post("/tenants", json!({ "name": "mallory", "plugin": "standard" })).await.expect(201);
}

//! SIGKILL of a server while requests are accepted and carried out: none that was accepted is lost, none is carried out twice, none is told
//! of a conflict with itself, and what came of it is announced once. `ASYNC_KILLS` says how often; see [`crate::faults`].

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use muster_test_harness::{GROUP, ServeProcess, TenantClient};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{BULK, Taken, person, titled};
use crate::faults::size;
use crate::serve::config;

const KEY: &str = "an-admin-key-for-this-test";
const WRITERS: u64 = 4;
/// How long all of it may take to come to rest after the last kill.
const REST: Duration = Duration::from_mins(3);

/// What was accepted: where it is told what came of it, and what that has to be, one status an entry of the log.
struct Accepted {
    taken: Taken,
    expected: &'static [&'static str],
}

/// Those who send, and where the server is now: another port after each kill.
#[derive(Clone)]
struct Writers {
    place: Arc<RwLock<TenantClient>>,
    accepted: Arc<Mutex<Vec<Accepted>>>,
    is_over: Arc<AtomicBool>,
}

impl Writers {
    /// Sends requests of each kind, about what nobody else is about. Only what was answered counts: of what was not, nobody knows.
    async fn write(self, writer: u64) {
        let mut number = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            number += 1;
            let name = format!("w{writer}-{number}");
            let user = self.send(Method::POST, "/Users", &person(&format!("{name}-sync@example.com")), false).await;
            let Some(user) = user.filter(|answer| answer.status() == 201) else { continue };
            let Ok(user) = user.json::<Value>().await else { continue };
            let path = format!("/Users/{}", user["id"].as_str().unwrap());
            let group = json!({ "schemas": [GROUP], "displayName": format!("group {name}") });
            let bulk = json!({ "schemas": [BULK], "Operations": [
                { "method": "POST", "path": "/Users", "bulkId": "a", "data": person(&format!("{name}-a@example.com")) },
                { "method": "POST", "path": "/Users", "bulkId": "b", "data": person(&format!("{name}-b@example.com")) },
                { "method": "POST", "path": "/Groups", "bulkId": "c", "data": { "schemas": [GROUP],
                    "displayName": format!("bulk {name}"), "members": [{ "value": "bulkId:a" }, { "value": "bulkId:b" }] } },
            ] });
            self.accept(Method::POST, "/Users", &person(&format!("{name}@example.com")), &["201"]).await;
            self.accept(Method::POST, "/Groups", &group, &["201"]).await;
            self.accept(Method::POST, "/Bulk", &bulk, &["201", "201", "201"]).await;
            self.accept(Method::PATCH, &path, &titled(&name), &["200"]).await;
            self.accept(Method::DELETE, &path, &Value::Null, &["204"]).await;
        }
    }

    async fn accept(&self, method: Method, path: &str, body: &Value, expected: &'static [&'static str]) {
        let Some(answer) = self.send(method, path, body, true).await else { return };
        if answer.status() == 503 {
            return;
        }
        assert_eq!(answer.status(), 202);
        let text = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let (location, txn) = (text("location"), text("set-txn"));
        let path = location[location.find("/.async/").expect("it is told where")..].to_owned();
        self.accepted.lock().unwrap().push(Accepted { taken: Taken { path, txn }, expected });
    }

    async fn send(&self, method: Method, path: &str, body: &Value, is_for_later: bool) -> Option<Response> {
        let client = self.place.read().unwrap().clone();
        let mut request = client.request(method, path).bearer_auth(&client.token).timeout(Duration::from_secs(20));
        if is_for_later {
            request = request.header("prefer", "respond-async");
        }
        if !body.is_null() {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let answer = request.send().await.ok();
        if answer.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_carried_out_once_through_kills_and_its_response_is_never_a_conflict_with_itself() {
    let kills = size("ASYNC_KILLS");
    let folder = tempfile::tempdir().unwrap();
    let file = config(
        folder.path(),
        "[delivery]\nfirst_pause_ms = 10\nmax_pause_s = 1\nattempts = 1000\nhosts = { \"told.example\" = \"127.0.0.1:9\" }\n",
    );
    let mut server = ServeProcess::start(&file, KEY);
    let acme = server.create_tenant("acme", "standard").await;
    let told = json!({ "name": "told", "url": "https://told.example/hooks", "events": ["async.response"] });
    let added = server.admin(Method::POST, "/tenants/acme/webhooks").body(told.to_string()).send().await.unwrap();
    assert_eq!(added.status(), 201);

    let writers =
        Writers { place: Arc::new(RwLock::new(acme.clone())), accepted: Arc::default(), is_over: Arc::default() };
    let writing: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(writers.clone().write(writer))).collect();
    for kill in 0..kills {
        // Half of them soon after the start, where they meet what the last kill has left.
        let lives_ms = if kill % 2 == 0 { 50 + kill * 37 % 200 } else { 400 + kill * 91 % 900 };
        tokio::time::sleep(Duration::from_millis(lives_ms)).await;
        tokio::task::block_in_place(|| {
            server.kill();
            server = ServeProcess::start(&file, KEY);
        });
        *writers.place.write().unwrap() = server.tenant("/scim/v2", &acme.token);
    }
    writers.is_over.store(true, Ordering::Relaxed);
    for writing in writing {
        writing.await.unwrap();
    }

    let acme = server.tenant("/scim/v2", &acme.token);
    let accepted = std::mem::take(&mut *writers.accepted.lock().unwrap());
    let until = Instant::now() + REST;
    for Accepted { taken, expected } in &accepted {
        let answer = loop {
            let answer = acme.get(&taken.path).await;
            if answer.status != 202 {
                break answer.expect(200);
            }
            assert!(Instant::now() < until, "{} is not answered", taken.txn);
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let statuses: Vec<&Value> =
            answer["Operations"].as_array().unwrap().iter().map(|told| &told["status"]).collect();
        assert_eq!(statuses, *expected, "{answer}");
    }
    let mut entries: HashMap<String, usize> = HashMap::new();
    let mut after = 0;
    loop {
        let path = format!("/tenants/acme/log?limit=1000&after={after}");
        let page: Value = server.admin(Method::GET, &path).send().await.unwrap().json().await.unwrap();
        let page = page["entries"].as_array().unwrap();
        let Some(last) = page.last() else { break };
        after = last["seq"].as_u64().unwrap();
        for entry in page {
            *entries.entry(entry["request"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    for Accepted { taken, expected } in &accepted {
        assert_eq!(entries.get(&taken.txn), Some(&expected.len()), "{} was done once", taken.txn);
    }
    let (mut told, mut after) = (HashSet::new(), 0);
    loop {
        let path = format!("/tenants/acme/tasks?queue=webhook:told&limit=1000&after={after}");
        let page: Value = server.admin(Method::GET, &path).send().await.unwrap().json().await.unwrap();
        for task in page["tasks"].as_array().unwrap() {
            let key = task["idempotency_key"].as_str().unwrap().to_owned();
            assert!(told.insert(key), "it was told once: {task}");
        }
        let Some(next) = page["next"].as_u64() else { break };
        after = next;
    }
    assert!(told.len() as u64 > kills, "{} were told", told.len());
    println!("{} requests accepted, {kills} kills: each was carried out once", accepted.len());
    assert!(accepted.len() as u64 > kills, "{} were accepted", accepted.len());
}

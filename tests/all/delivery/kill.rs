//! SIGKILL of a server that carries tasks out, at any point, while they are planned; its receiver loses some answers after the effect and
//! refuses some requests. At the end every task had its effect once by its key, in the order of its resource, and is told as done.
//!
//! `DELIVERY_TASKS` and `DELIVERY_KILLS` say how many; see [`crate::faults`].

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use muster_test_harness::{ADMIN_KEY, Answer, PATCH_OP, TestApp, USER, wasm};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::receiver::{Receiver, ToReceiver};
use crate::faults::size;

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const WRITERS: u64 = 12;
/// How many tasks of one user there are, more or less.
const TASKS_A_USER: u64 = 20;
/// How long all of it may take to come to rest after the last kill.
const REST: Duration = Duration::from_mins(5);

/// The server to kill: this program, started anew.
#[test]
#[ignore = "it is started by the test that kills it"]
fn victim() {
    let (data, receiver) = (variable("DELIVERY_VICTIM"), variable("DELIVERY_RECEIVER"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let carrier = Arc::new(ToReceiver::new(&receiver));
    runtime.block_on(TestApp::serve_until_killed(PathBuf::from(data), carrier, |scim, admin| {
        println!("\nready {scim} {admin}");
    }));
}

fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "what the test tells its victim")]
    std::env::var(name).expect("it is set by the test that starts this")
}

struct Victim {
    child: Child,
    /// It says something after a minute, and would end if nobody could hear it.
    _told: BufReader<ChildStdout>,
    scim: String,
    admin: String,
}

impl Victim {
    fn start(data: &Path, receiver: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["delivery::kill::victim", "--exact", "--ignored", "--nocapture"]);
        command.env("DELIVERY_VICTIM", data).env("DELIVERY_RECEIVER", receiver);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut lines = told.by_ref().lines().map_while(Result::ok);
        let ready = lines.find(|line| line.starts_with("ready ")).expect("it is ready");
        let words: Vec<&str> = ready.split(' ').collect();
        Self { child, _told: told, scim: words[1].to_owned(), admin: words[2].to_owned() }
    }

    fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the server is now: another port after each kill.
#[derive(Debug, Clone, Default)]
struct Place(Arc<RwLock<(String, String)>>);

impl Place {
    fn set(&self, victim: &Victim) {
        *self.0.write().unwrap() = (victim.scim.clone(), victim.admin.clone());
    }

    fn scim(&self) -> String {
        self.0.read().unwrap().0.clone()
    }

    fn admin(&self) -> String {
        self.0.read().unwrap().1.clone()
    }

    async fn operator(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let url = format!("{}/admin/v1{path}", self.admin());
        Answer::of(reqwest::Client::new().request(method, url).bearer_auth(ADMIN_KEY).body(body)).await
    }
}

/// Changes its users again and again, until there are enough tasks; what was not answered is sent again.
async fn write(place: Place, base: String, token: String, writer: u64, left: Arc<AtomicU64>) {
    let http = reqwest::Client::new();
    let send = async |method: Method, path: String, body: Value| -> Option<(u16, Value)> {
        let request = http.request(method, format!("{}{base}{path}", place.scim())).bearer_auth(&token);
        let request = request.header("content-type", "application/scim+json").timeout(Duration::from_secs(20));
        let answer = request.body(body.to_string()).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or_default()))
    };
    let mut users = 0;
    while left.load(Ordering::Relaxed) > 0 {
        users += 1;
        let name = format!("w{writer}-{users}@example.com");
        let mut id = None;
        while id.is_none() {
            let made = send(Method::POST, "/Users".to_owned(), json!({ "schemas": [USER], "userName": name })).await;
            id = match made {
                Some((201, user)) => user["id"].as_str().map(str::to_owned),
                // It was made, and the server was killed before it could say so.
                Some((409, _)) => {
                    let found =
                        send(Method::GET, format!("/Users?filter=userName%20eq%20%22{name}%22"), json!({})).await;
                    found.and_then(|(_, list)| list["Resources"][0]["id"].as_str().map(str::to_owned))
                }
                Some(_) | None => None,
            };
            if id.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let path = format!("/Users/{}", id.unwrap());
        for number in 0..TASKS_A_USER {
            let title = json!([{ "op": "replace", "path": "title", "value": format!("title {number}") }]);
            let change = json!({ "schemas": [PATCH_OP], "Operations": title });
            while send(Method::PATCH, path.clone(), change.clone()).await.is_none_or(|(status, _)| status != 200) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_task_has_its_effect_once_and_in_order_through_kills_lost_answers_and_refusals() {
    let (tasks, kills) = (size("DELIVERY_TASKS"), size("DELIVERY_KILLS"));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let receiver = Receiver::start().await;
    let place = Place::default();
    let began = Instant::now();

    let mut victim = Victim::start(&data, &receiver.address);
    place.set(&victim);
    let pushed = place.operator(Method::POST, "/plugins", wasm::guest("obeys")).await.expect(201);
    let left = Arc::new(AtomicU64::new(tasks));
    let mut writers = Vec::new();
    for (number, name) in TENANTS.iter().enumerate() {
        let new = json!({ "name": name, "plugin": pushed["digest"], "config": { "task": "tell" } });
        let made = place.operator(Method::POST, "/tenants", new.to_string()).await.expect(201);
        let base = made["scim_base"].as_str().unwrap().strip_prefix(&place.scim()).unwrap().to_owned();
        let token = made["token"].as_str().unwrap().to_owned();
        for writer in 0..WRITERS / 3 {
            let writer = writer + 100 * number as u64;
            writers.push(tokio::spawn(write(place.clone(), base.clone(), token.clone(), writer, left.clone())));
        }
    }

    for kill in 0..kills {
        // Half of them soon after the start, where they meet what the last kill has left.
        let lives_ms = if kill % 2 == 0 { 20 + kill * 37 % 200 } else { 300 + kill * 91 % 900 };
        tokio::time::sleep(Duration::from_millis(lives_ms)).await;
        tokio::task::block_in_place(|| {
            victim.kill();
            victim = Victim::start(&data, &receiver.address);
        });
        place.set(&victim);
    }
    while !writers.iter().all(JoinHandle::is_finished) {
        assert!(victim.is_alive(), "the server has ended by itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let written = began.elapsed();

    // Nothing waits any more, for any tenant.
    let until = Instant::now() + REST;
    for name in TENANTS {
        loop {
            let counts = place.operator(Method::GET, &format!("/tenants/{name}/tasks/counts"), "").await.expect(200);
            if counts["oldest_waiting"].is_null() {
                break;
            }
            assert!(Instant::now() < until, "{name} has not come to rest: {counts}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let mut planned = BTreeSet::new();
    for name in TENANTS {
        let mut after = 0;
        loop {
            let path = format!("/tenants/{name}/tasks?limit=1000&after={after}");
            let page = place.operator(Method::GET, &path, "").await.expect(200);
            for task in page["tasks"].as_array().unwrap() {
                assert_eq!(task["standing"], "done", "{task}");
                after = task["seq"].as_u64().unwrap();
                let key = task["idempotency_key"].as_str().unwrap().to_owned();
                planned.insert((name.to_owned(), task["change"].as_u64().unwrap(), key));
            }
            if page["next"].is_null() {
                break;
            }
        }
    }
    let journal = receiver.journal.lock().unwrap();
    println!(
        "{} tasks, {kills} kills: {} effects, {} requests ({} answers lost, {} refused, {} repeated); written in {:.0} s, at rest after {:.0} s",
        planned.len(),
        journal.effects.len(),
        journal.requests,
        journal.lost,
        journal.refused,
        journal.repeated,
        written.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
    assert!(planned.len() as u64 >= tasks, "{} tasks", planned.len());
    assert_eq!(journal.out_of_order, Vec::<String>::new());
    let effects: BTreeSet<_> = journal.effects.keys().cloned().collect();
    assert!(effects == planned, "{} effects of {} tasks", effects.len(), planned.len());
    assert!(journal.lost > 0 && journal.refused > 0 && journal.repeated > 0, "the receiver was as bad as it should be");
}

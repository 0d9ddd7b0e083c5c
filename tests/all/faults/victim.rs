//! A server that is there to be killed: this program, started anew, whose tasks are carried out as the test says.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use muster_delivery::Carrier;
use muster_test_harness::{ADMIN_KEY, Answer, PATCH_OP, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// How many tasks of one user there are, more or less.
const TASKS_A_USER: u64 = 20;
/// How long all of it may take to come to rest after the last kill.
pub(crate) const REST: Duration = Duration::from_mins(5);

/// What the test named by [`Victim::start`] does: serves until it is killed. The carrier is told where its receiver is.
pub(crate) fn serve(carrier: impl FnOnce(&str) -> Arc<dyn Carrier>) {
    #[expect(clippy::disallowed_methods, reason = "what the test tells its victim")]
    let told = |name: &str| std::env::var(name).expect("it is set by the test that starts this");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (data, carrier) = (PathBuf::from(told("VICTIM_DATA")), carrier(&told("VICTIM_RECEIVER")));
    runtime.block_on(TestApp::serve_until_killed(data, carrier, |scim, admin| println!("\nready {scim} {admin}")));
}

/// A server that is there to be killed.
pub(crate) struct Victim {
    command: Command,
    child: Child,
    /// It says something after a minute, and would end if nobody could hear it.
    _told: BufReader<ChildStdout>,
    pub(crate) place: Place,
}

impl Victim {
    /// Starts this test.
    pub(crate) fn start(test: &str, data: &Path, receiver: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--ignored", "--nocapture"]);
        command.env("VICTIM_DATA", data).env("VICTIM_RECEIVER", receiver);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let place = Place::default();
        let (child, told) = run(&mut command, &place);
        Self { command, child, _told: told, place }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Another one on what it has left.
    pub(crate) fn start_again(&mut self) {
        (self.child, self._told) = run(&mut self.command, &self.place);
    }

    /// Is killed so often, and lives on.
    pub(crate) async fn die(&mut self, kills: u64) {
        for kill in 0..kills {
            // Half of them soon after the start, where they meet what the last kill has left.
            let lives_ms = if kill % 2 == 0 { 20 + kill * 37 % 200 } else { 300 + kill * 91 % 900 };
            tokio::time::sleep(Duration::from_millis(lives_ms)).await;
            tokio::task::block_in_place(|| {
                self.kill();
                self.start_again();
            });
        }
    }

    /// Lives until all have written what they had to.
    pub(crate) async fn outlive(&mut self, writers: Vec<JoinHandle<()>>) {
        while !writers.iter().all(JoinHandle::is_finished) {
            assert!(self.child.try_wait().unwrap().is_none(), "the server has ended by itself");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
    }
}

fn run(command: &mut Command, place: &Place) -> (Child, BufReader<ChildStdout>) {
    let mut child = command.spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut lines = told.by_ref().lines().map_while(Result::ok);
    let ready = lines.find(|line| line.starts_with("ready ")).expect("it is ready");
    let words: Vec<&str> = ready.split(' ').collect();
    place.moved(words[1], words[2]);
    (child, told)
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the server is now: another port after each kill.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    scim_and_admin: Arc<RwLock<(String, String)>>,
    http: reqwest::Client,
}

impl Place {
    pub(crate) fn scim(&self) -> String {
        self.scim_and_admin.read().unwrap().0.clone()
    }

    /// It serves identity providers and operators here from now on.
    pub(crate) fn moved(&self, scim: &str, admin: &str) {
        *self.scim_and_admin.write().unwrap() = (scim.to_owned(), admin.to_owned());
    }

    pub(crate) async fn operator(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let url = format!("{}/admin/v1{path}", self.scim_and_admin.read().unwrap().1);
        Answer::of(self.http.request(method, url).bearer_auth(ADMIN_KEY).body(body)).await
    }

    /// A new tenant: what its paths begin with, and its token.
    pub(crate) async fn tenant(&self, name: &str, plugin: &Value, config: Value) -> (String, String) {
        let new = json!({ "name": name, "plugin": plugin, "config": config, "grants": "all" });
        let made = self.operator(Method::POST, "/tenants", new.to_string()).await.expect(201);
        let base = made["scim_base"].as_str().unwrap().strip_prefix(&self.scim()).unwrap().to_owned();
        (base, made["token"].as_str().unwrap().to_owned())
    }

    /// All of a list that is read in pages.
    pub(crate) async fn pages(&self, path: &str, list: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.operator(Method::GET, &format!("{path}?limit=1000&after={after}"), "").await.expect(200);
            let part = page[list].as_array().unwrap();
            let Some(last) = part.last() else { return all };
            after = last["seq"].as_u64().unwrap();
            all.extend(part.iter().cloned());
        }
    }

    /// Waits until nothing of a tenant waits.
    pub(crate) async fn at_rest(&self, tenant: &str, until: Instant) {
        loop {
            let counts = self.operator(Method::GET, &format!("/tenants/{tenant}/tasks/counts"), "").await.expect(200);
            // Which task waits longest is looked up; while that one is settled, nothing is found. The counters are written with each.
            let queues = counts["queues"].as_object().unwrap();
            if counts["oldest_waiting"].is_null() && queues.values().all(|queue| queue["waiting"].is_null()) {
                return;
            }
            assert!(Instant::now() < until, "{tenant} has not come to rest: {counts}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// One request of an identity provider; `None`: it was not answered.
    pub(crate) async fn send(
        &self,
        (base, token): &(String, String),
        method: Method,
        path: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let request = self.http.request(method, format!("{}{base}{path}", self.scim()));
        let request = request.bearer_auth(token).header("content-type", "application/scim+json");
        let answer = request.timeout(Duration::from_secs(20)).body(body.to_string()).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or_default()))
    }

    /// A new user of this name, sent until it is there; the id.
    pub(crate) async fn user(&self, tenant: &(String, String), name: &str) -> String {
        let user = json!({ "schemas": [USER], "userName": name });
        loop {
            let id = match self.send(tenant, Method::POST, "/Users", &user).await {
                Some((201, user)) => user["id"].as_str().map(str::to_owned),
                // It was made, and the server was killed before it could say so.
                Some((409, _)) => {
                    let filter = format!("/Users?filter=userName%20eq%20%22{name}%22");
                    let found = self.send(tenant, Method::GET, &filter, &json!({})).await;
                    found.and_then(|(_, list)| list["Resources"][0]["id"].as_str().map(str::to_owned))
                }
                Some(_) | None => None,
            };
            match id {
                Some(id) => return id,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// A PATCH that changes nothing when it comes twice, sent until it is done.
    pub(crate) async fn change(&self, tenant: &(String, String), path: &str, change: &Value) {
        while self.send(tenant, Method::PATCH, path, change).await.is_none_or(|(status, _)| status != 200) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Changes users of a tenant again and again, as long as there are changes left; what was not answered is sent again.
    pub(crate) async fn write(self, tenant: (String, String), writer: u64, left: Arc<AtomicU64>) {
        let mut users = 0;
        while left.load(Ordering::Relaxed) > 0 {
            users += 1;
            let name = format!("w{writer}-{users}@example.com");
            let id = self.user(&tenant, &name).await;
            let path = format!("/Users/{id}");
            for number in 0..TASKS_A_USER {
                let title = json!([{ "op": "replace", "path": "title", "value": format!("title {number}") }]);
                let change = json!({ "schemas": [PATCH_OP], "Operations": title });
                self.change(&tenant, &path, &change).await;
                if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                    return;
                }
            }
        }
    }
}

//! SIGKILL of a server with a receiver that is behind: what it is given afterwards is held all the same.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use muster_delivery::{Carrier, MAX_FED_WAITING};
use muster_model::{Task, TenantId};
use muster_plugin::Outcome;
use muster_test_harness::{TenantClient, wasm};
use reqwest::Method;
use serde_json::{Value, json};

use super::PATIENCE;
use crate::deprovision::many;
use crate::faults::victim::{Victim, serve};

/// How many users are told to a receiver that does not answer: more than may wait for it, so it is not given what comes behind them.
const TOLD: u64 = MAX_FED_WAITING + 50;

/// How many of them lose their access.
const GONE: usize = 20;

/// The server to kill: this program, started anew.
#[test]
#[ignore = "it is started by the test that kills it"]
fn victim() {
    serve(|effects| Arc::new(Receiver(PathBuf::from(effects))));
}

/// While there is a file of its name it answers nothing; who is told to have lost their access stands in another one.
#[derive(Debug)]
struct Receiver(PathBuf);

#[async_trait]
impl Carrier for Receiver {
    async fn carry(&self, _: &TenantId, task: &Task, _: u32) -> Outcome {
        while self.0.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if task.task.destructive {
            let mut file = OpenOptions::new().create(true).append(true).open(self.0.with_extension("told")).unwrap();
            file.write_all(format!("{}\n", task.task.id).as_bytes()).unwrap();
        }
        Outcome::Done
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_receiver_is_given_only_after_a_kill_is_held_then() {
    let room = tempfile::tempdir().unwrap();
    let hangs = room.path().join("hangs");
    std::fs::write(&hangs, "").unwrap();
    let mut victim = Victim::start("brake::unfed::victim", &room.path().join("data"), hangs.to_str().unwrap());
    let place = victim.place.clone();
    let pushed = place.operator(Method::POST, "/plugins", wasm::plugin("standard")).await.expect(201);
    let (base, token) = place.tenant("acme", &pushed["digest"], json!({})).await;
    let acme = TenantClient::new(reqwest::Client::new(), &format!("{}{base}", place.scim()), &token);
    let crm = json!({
        "name": "crm", "url": "https://crm.example/hooks", "events": ["user.created", "user.deactivated"],
    });
    place.operator(Method::POST, "/tenants/acme/webhooks", crm.to_string()).await.expect(201);
    let users = many::users(&acme, usize::try_from(TOLD).unwrap()).await;
    // So few of so many are no accident by the settings of now.
    many::deactivate(&acme, &users[..GONE]).await;
    let until = async |standing: &str, count: u64| {
        let so = async {
            loop {
                let counts = place.operator(Method::GET, "/tenants/acme/tasks/counts", "").await.expect(200);
                if counts["queues"]["webhook:crm"][standing] == count {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, so).await.is_err() {
            let counts = place.operator(Method::GET, "/tenants/acme/tasks/counts", "").await.text;
            panic!("never {count} {standing}: {counts}");
        }
    };
    until("waiting", MAX_FED_WAITING).await;
    let given = place.operator(Method::GET, "/tenants/acme/tasks?queue=webhook:crm&limit=1000", "").await.expect(200);
    let is_created = |task: &Value| task["action"] == "user.created";
    assert!(given["tasks"].as_array().unwrap().iter().all(is_created), "it was not given the others");
    victim.kill();

    victim.start_again();
    let settings = json!({ "count": 3, "share_percent": 1 }).to_string();
    let shown = place.operator(Method::PUT, "/tenants/acme/brake", settings).await.expect(200);
    assert_eq!(shown["engaged"]["count"], 11, "more than 1 % of all: {shown}");
    std::fs::remove_file(&hangs).unwrap();
    until("held", GONE as u64).await;
    assert!(!hangs.with_extension("told").exists(), "and nobody was told of one");
}

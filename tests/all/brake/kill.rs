//! SIGKILL of a server while an accident happens: what was carried out before and after is no more than the count in all.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use muster_delivery::Carrier;
use muster_model::{Task, TenantId};
use muster_plugin::Outcome;
use muster_test_harness::{PATCH_OP, USER, wasm};
use reqwest::Method;
use serde_json::{Value, json};

use crate::faults::size;
use crate::faults::victim::{REST, Victim, serve};

/// No more lose their access than this; the first kills come before it is reached, the others behind it.
const COUNT: usize = 15;
/// How many are deactivated from one kill to the next.
const A_KILL: usize = COUNT / 2;
/// How many are deactivated behind the last kill.
const BEHIND: usize = 38;

/// The server to kill: this program, started anew.
#[test]
#[ignore = "it is started by the test that kills it"]
fn victim() {
    serve(|effects| Arc::new(Writing(PathBuf::from(effects))));
}

/// Its effects are lines of a file, which outlives it.
#[derive(Debug)]
struct Writing(PathBuf);

#[async_trait]
impl Carrier for Writing {
    async fn carry(&self, _: &TenantId, task: &Task, _: u32) -> Outcome {
        if task.task.destructive {
            let mut file = OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
            file.write_all(format!("{}\n", task.task.id).as_bytes()).unwrap();
        }
        Outcome::Done
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_the_middle_of_an_accident_let_no_more_through() {
    let kills = usize::try_from(size("BRAKE_KILLS")).unwrap();
    let room = tempfile::tempdir().unwrap();
    let effects = room.path().join("effects");
    let mut victim = Victim::start("brake::kill::victim", &room.path().join("data"), effects.to_str().unwrap());
    let place = victim.place.clone();
    let pushed = place.operator(Method::POST, "/plugins", wasm::plugin("secoda")).await.expect(201);
    let acme = place.tenant("acme", &pushed["digest"], json!({})).await;
    let settings = json!({ "count": COUNT, "share_percent": 1, "half_from": 0 }).to_string();
    place.operator(Method::PUT, "/tenants/acme/brake", settings).await.expect(200);

    let mut users = Vec::new();
    for number in 0..kills * A_KILL + BEHIND {
        let body = json!({ "schemas": [USER], "userName": format!("u{number}@example.com") });
        let Some((201, user)) = place.send(&acme, Method::POST, "/Users", &body).await else { panic!("it is made") };
        users.push(user["id"].as_str().unwrap().to_owned());
    }
    let off = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "path": "active", "value": false }] });
    for (number, id) in users.iter().enumerate() {
        let path = format!("/Users/{id}");
        let write = || place.send(&acme, Method::PATCH, &path, &off);
        if number % A_KILL == A_KILL - 1 && number / A_KILL < kills {
            // Whatever is written or carried out at this moment is broken off.
            let killing = async {
                tokio::time::sleep(Duration::from_millis(2 * number as u64 % 150)).await;
                victim.kill();
            };
            tokio::join!(write(), killing);
            victim.start_again();
        }
        while !matches!(write().await, Some((200, _))) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    place.at_rest("acme", Instant::now() + REST).await;
    let counts: Value = place.operator(Method::GET, "/tenants/acme/tasks/counts", "").await.expect(200);
    let shown = place.operator(Method::GET, "/tenants/acme/brake", "").await.expect(200);
    assert_eq!(shown["engaged"]["count"], COUNT + 1, "{shown}");
    let effects = std::fs::read_to_string(effects).unwrap_or_default();
    let ended: BTreeSet<&str> = effects.lines().collect();
    println!("{} users, {kills} kills: {} were carried out, of {COUNT}", users.len(), ended.len());
    assert!(ended.len() <= COUNT, "{} were carried out", ended.len());
    assert_eq!(counts["queues"]["plugin"]["held"], users.len() - ended.len(), "and all others are held: {counts}");
}

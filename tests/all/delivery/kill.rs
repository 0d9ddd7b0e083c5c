//! SIGKILL of a server that carries tasks out, at any point, while they are planned; its receiver loses some answers after the effect and
//! refuses some requests. At the end every task had its effect once by its key, in the order of its resource, and is told as done.
//!
//! `DELIVERY_TASKS` and `DELIVERY_KILLS` say how many; see [`crate::faults`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use muster_test_harness::wasm;
use reqwest::Method;
use serde_json::json;

use super::receiver::{Receiver, ToReceiver};
use crate::faults::size;
use crate::faults::victim::{REST, Victim, serve};

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const WRITERS: u64 = 12;

/// The server to kill: this program, started anew.
#[test]
#[ignore = "it is started by the test that kills it"]
fn victim() {
    serve(|receiver| Arc::new(ToReceiver::new(receiver)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_task_has_its_effect_once_and_in_order_through_kills_lost_answers_and_refusals() {
    let (tasks, kills) = (size("DELIVERY_TASKS"), size("DELIVERY_KILLS"));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let receiver = Receiver::start().await;
    let began = Instant::now();

    let mut victim = Victim::start("delivery::kill::victim", &data, &receiver.address);
    let place = victim.place.clone();
    let pushed = place.operator(Method::POST, "/plugins", wasm::guest("obeys")).await.expect(201);
    let left = Arc::new(AtomicU64::new(tasks));
    let mut writers = Vec::new();
    for (number, name) in TENANTS.iter().enumerate() {
        let tenant = place.tenant(name, &pushed["digest"], json!({ "task": "tell" })).await;
        for writer in 0..WRITERS / 3 {
            let writer = writer + 100 * number as u64;
            writers.push(tokio::spawn(place.clone().write(tenant.clone(), writer, left.clone())));
        }
    }

    victim.die(kills).await;
    victim.outlive(writers).await;
    let written = began.elapsed();

    // Nothing waits any more, for any tenant.
    let until = Instant::now() + REST;
    let mut planned = BTreeSet::new();
    for name in TENANTS {
        place.at_rest(name, until).await;
        for task in place.pages(&format!("/tenants/{name}/tasks"), "tasks").await {
            assert_eq!(task["standing"], "done", "{task}");
            let key = task["idempotency_key"].as_str().unwrap().to_owned();
            planned.insert((name.to_owned(), task["change"].as_u64().unwrap(), key));
        }
    }
    let journal = receiver.journal.lock().unwrap();
    println!(
        "{} tasks, {kills} kills: {}; written in {:.0} s, at rest after {:.0} s",
        planned.len(),
        journal.summary(),
        written.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
    assert!(planned.len() as u64 >= tasks, "{} tasks", planned.len());
    assert_eq!(journal.out_of_order, Vec::<String>::new());
    let effects: BTreeSet<_> = journal.effects.keys().cloned().collect();
    assert!(effects == planned, "{} effects of {} tasks", effects.len(), planned.len());
    assert!(journal.lost > 0 && journal.refused > 0 && journal.repeated > 0, "the receiver was as bad as it should be");
}

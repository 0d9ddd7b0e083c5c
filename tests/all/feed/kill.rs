//! SIGKILL of a server that feeds receivers' queues from the log, at any point, while changes are written. At the end each receiver was told of
//! each entry of its tenant's log once, under one key, in the order of the resource, whatever its answers were.
//!
//! `FEED_EVENTS` and `FEED_KILLS` say how many; see [`crate::faults`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use muster_delivery::Carrier;
use muster_model::{Task, TenantId};
use muster_plugin::Outcome;
use muster_test_harness::wasm;
use reqwest::Method;
use serde_json::json;

use crate::delivery::receiver::{Receiver, ToReceiver};
use crate::faults::size;
use crate::faults::victim::{REST, Victim, serve};

const TENANTS: [&str; 2] = ["acme", "globex"];
const HOOKS: [&str; 3] = ["crm", "siem", "leavers"];
const WRITERS: u64 = 6;

/// The server to kill: this program, started anew.
#[test]
#[ignore = "it is started by the test that kills it"]
fn victim() {
    serve(|receiver| Arc::new(ByQueue(ToReceiver::new(receiver))));
}

/// As [`ToReceiver`], with the queue before the resource and before the key: each receiver has effects and an order of its own.
#[derive(Debug)]
struct ByQueue(ToReceiver);

#[async_trait]
impl Carrier for ByQueue {
    async fn carry(&self, tenant: &TenantId, task: &Task, _: u32) -> Outcome {
        let (seq, change, of) = (task.seq, task.change, &task.task);
        let again = |reason: &str| Outcome::Again { reason: reason.to_owned(), after: None };
        let line = format!("{tenant} {seq} {change} {}/{} {}/{}\n", of.queue, of.id, of.queue, of.idempotency_key);
        match self.0.ask(&line).await {
            Ok(answer) if answer == "done\n" => Outcome::Done,
            Ok(_) => again("the receiver refused it"),
            Err(_) => again("the receiver did not answer"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_receiver_is_told_of_every_entry_once_through_kills_lost_answers_and_refusals() {
    let (events, kills) = (size("FEED_EVENTS"), size("FEED_KILLS"));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let receiver = Receiver::start().await;
    let began = Instant::now();

    let mut victim = Victim::start("feed::kill::victim", &data, &receiver.address);
    let place = victim.place.clone();
    let pushed = place.operator(Method::POST, "/plugins", wasm::guest("obeys")).await.expect(201);
    let left = Arc::new(AtomicU64::new(events));
    let mut writers = Vec::new();
    for (number, name) in TENANTS.iter().enumerate() {
        let tenant = place.tenant(name, &pushed["digest"], json!({})).await;
        for hook in HOOKS {
            let events = if hook == "leavers" { json!(["user.deactivated", "user.created"]) } else { json!([]) };
            let new = json!({ "name": hook, "url": format!("https://{hook}.example/"), "events": events });
            place.operator(Method::POST, &format!("/tenants/{name}/webhooks"), new.to_string()).await.expect(201);
        }
        for writer in 0..WRITERS / 2 {
            let writer = writer + 100 * number as u64;
            writers.push(tokio::spawn(place.clone().write(tenant.clone(), writer, left.clone())));
        }
    }

    victim.die(kills).await;
    victim.outlive(writers).await;
    let written = began.elapsed();

    // What is expected follows from the log, and from nothing that the feeder says of itself.
    let mut expected = BTreeSet::new();
    let mut entries = 0;
    for name in TENANTS {
        for entry in place.pages(&format!("/tenants/{name}/log"), "entries").await {
            entries += 1;
            let seq = entry["seq"].as_u64().unwrap();
            for hook in HOOKS {
                if hook != "leavers" || entry["event"] == "created" {
                    expected.insert((name.to_owned(), seq, format!("webhook:{hook}/event-{seq}")));
                }
            }
        }
    }
    let until = Instant::now() + REST;
    while receiver.journal.lock().unwrap().effects.len() < expected.len() {
        assert!(Instant::now() < until, "it has not come to rest");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut told: BTreeMap<(String, u64, String), u64> = BTreeMap::new();
    for name in TENANTS {
        place.at_rest(name, until).await;
        for task in place.pages(&format!("/tenants/{name}/tasks"), "tasks").await {
            assert_eq!(task["standing"], "done", "{task}");
            let key = format!("{}/{}", task["queue"].as_str().unwrap(), task["idempotency_key"].as_str().unwrap());
            *told.entry((name.to_owned(), task["change"].as_u64().unwrap(), key)).or_default() += 1;
        }
    }
    let journal = receiver.journal.lock().unwrap();
    println!(
        "{entries} entries, {kills} kills: {}; written in {:.0} s, at rest after {:.0} s",
        journal.summary(),
        written.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
    assert!(entries >= events, "{entries} entries");
    let unmarked =
        |(tenant, seq, key): (String, u64, String)| (tenant, seq, key.rsplit_once('-').unwrap().0.to_owned());
    let effects: BTreeSet<_> = journal.effects.keys().cloned().map(unmarked).collect();
    assert_eq!(effects.len(), journal.effects.len(), "an entry was told under two names");
    let odd: Vec<_> = effects.symmetric_difference(&expected).take(5).collect();
    assert!(odd.is_empty(), "{} effects of {}: {odd:?}", effects.len(), expected.len());
    assert!(told.values().all(|count| *count == 1), "an entry has become more than one task of a receiver");
    assert_eq!(told.keys().cloned().map(unmarked).collect::<BTreeSet<_>>(), expected);
    assert_eq!(journal.out_of_order, Vec::<String>::new());
    assert!(journal.lost > 0 && journal.refused > 0, "the receiver was as bad as it should be");
}

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
#[allow(dead_code)]
mod common;
use common::{Caller, ID, document, guest, plugin};
use muster_plugin::Kind;
use serde_json::json;
use std::time::Instant;

#[test]
fn measure() {
    for (name, p, config) in [
        ("poggio", plugin("poggio"), json!({ "default_workspace": "W1" })),
        ("secoda", plugin("secoda"), json!({})),
        ("smallest", guest("smallest"), json!({})),
    ] {
        let caller = Caller::new(config);
        let doc = document(
            json!({ "userName": "ada@example.com", "displayName": "Ada Byron", "active": true, "name": {"formatted": "Ada Byron"},
            "emails": [{"value": "ada@example.com", "type": "work", "primary": true}] }),
        );
        let first = p.to_account(&caller.call(), Kind::User, ID, &doc, None).unwrap();
        for current in [None, Some(&first)] {
            let mut times = Vec::new();
            for _ in 0..50_000 {
                let t = Instant::now();
                p.to_account(&caller.call(), Kind::User, ID, &doc, current).map(|_| ()).unwrap_or_default();
                times.push(t.elapsed().as_nanos() as u64);
            }
            times.sort_unstable();
            let mean: f64 = times.iter().map(|t| *t as f64).sum::<f64>() / times.len() as f64;
            println!(
                "{name} current={} mean {:.2} p50 {:.2} p99 {:.2} max {:.1} µs",
                current.is_some(),
                mean / 1e3,
                times[times.len() / 2] as f64 / 1e3,
                times[times.len() * 99 / 100] as f64 / 1e3,
                *times.last().unwrap() as f64 / 1e3
            );
        }
    }
    // false deadlines beside two busy threads a processor
    let p = plugin("poggio");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let caller = Caller::new(json!({ "default_workspace": "W1" }));
        let doc = document(json!({ "userName": "ada@example.com" }));
        let mut failed = 0;
        let t = Instant::now();
        let mut n = 0;
        while t.elapsed().as_secs() < 20 {
            n += 1;
            if p.to_account(&caller.call(), Kind::User, ID, &doc, None).is_err() {
                failed += 1;
            }
        }
        println!("overloaded: {failed} of {n} calls failed");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

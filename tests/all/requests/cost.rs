//! What the log costs those who are answered.

use std::time::{Duration, Instant};

use muster_test_harness::TestApp;
use serde_json::json;

use super::asked;

/// Processor time of this process so far, clients and the log's own thread included.
fn processor() -> Duration {
    const TICKS_A_SECOND: u64 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name, which can hold anything, the twelfth and thirteenth fields are user and system time.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
}

#[tokio::test]
async fn requests_cost_about_the_same_whether_they_are_kept_or_not() {
    const ROUNDS: usize = 3;
    const PAIRS: usize = 250;
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let path = format!("/Users/{}", acme.user("ada@example.com").await);
    // In turns, so that whatever else the machine does falls on both.
    let mut took = [(Duration::ZERO, Duration::ZERO); 2];
    for round in 0..ROUNDS {
        for (took, days) in took.iter_mut().zip([7, 0]) {
            app.admin_put("/tenants/acme/retention", json!({ "requests_days": days })).await.expect(200);
            let (began, worked) = (Instant::now(), processor());
            for number in 0..PAIRS {
                acme.get(&path).await.expect(200);
                let title = format!("{round} {days} {number}");
                acme.operations(&path, json!([{ "op": "replace", "path": "title", "value": title }])).await.expect(200);
            }
            if days > 0 {
                let kept = asked(&app, "acme", "limit=1000").await;
                assert_eq!(kept.len(), 2 * PAIRS + usize::from(round == 0), "all of this round, and of no other");
            }
            took.0 += began.elapsed();
            took.1 += processor() - worked;
        }
    }
    let requests = u32::try_from(ROUNDS * PAIRS * 2).unwrap();
    for (what, (wall, worked)) in ["kept", "not kept"].into_iter().zip(took) {
        println!(
            "{what}: {:?} a request on the wall, {:?} of the processor (unoptimised, client and log included)",
            wall / requests,
            worked / requests
        );
    }
}

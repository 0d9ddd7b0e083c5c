use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use muster_test_harness::{TenantClient, USER};
use serde_json::json;
use tokio::task::JoinHandle;

/// How often the neighbour writes, and reads what it wrote.
const EVERY: Duration = Duration::from_millis(20);

/// A tenant that does as tenants do, all the time.
pub(crate) struct Neighbour {
    stop: Arc<AtomicBool>,
    writes: Arc<AtomicUsize>,
    load: JoinHandle<Report>,
}

/// How the neighbour fared.
pub(crate) struct Report {
    pub(crate) errors: Vec<String>,
    times: Vec<Duration>,
}

impl Neighbour {
    pub(crate) fn start(tenant: TenantClient) -> Self {
        let (stop, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (told, done) = (stop.clone(), writes.clone());
        let load = tokio::spawn(async move {
            let mut beat = tokio::time::interval(EVERY);
            let mut report = Report { errors: Vec::new(), times: Vec::new() };
            while !told.load(Ordering::Relaxed) {
                beat.tick().await;
                let body = json!({ "schemas": [USER], "userName": format!("user{}", report.times.len()) });
                let began = Instant::now();
                let made = tenant.post("/Users", body).await;
                report.times.push(began.elapsed());
                let read = tenant.get(&format!("/Users/{}", made.body["id"].as_str().unwrap_or_default())).await;
                let bad = [(201, made), (200, read)].into_iter().filter(|(status, answer)| answer.status != *status);
                report.errors.extend(bad.map(|(_, answer)| format!("{} {}", answer.status, answer.text)));
                done.fetch_add(1, Ordering::Relaxed);
            }
            report
        });
        Self { stop, writes, load }
    }

    /// How much it has done so far.
    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    /// Whether it has given up, which it does not by itself.
    pub(crate) fn is_over(&self) -> bool {
        self.load.is_finished()
    }

    pub(crate) async fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        let mut report = self.load.await.expect("the neighbour lives");
        report.times.sort();
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |share: usize| self.times.get(self.times.len().saturating_sub(1) * share / 100).copied();
        let (median, most) = (at(50).unwrap_or_default(), at(100).unwrap_or_default());
        let (writes, errors) = (self.times.len(), self.errors.len());
        write!(f, "neighbour: {writes} writes, {errors} errors, {median:.1?} (median), {most:.1?} at most")
    }
}

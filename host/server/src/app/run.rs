use muster_http::{admin_router, listen, scim_router};
use tokio::task::JoinHandle;

use super::App;
use crate::numbers::{METRICS_UPKEEP, metrics};

impl App {
    /// Serves until `stop` is done; then finishes what is in flight and closes the store.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (tell, told) = tokio::sync::watch::channel(false);
        let stopped = |mut told: tokio::sync::watch::Receiver<bool>| async move {
            // The sender is dropped only after it has told: either way it is time to stop.
            let _ = told.wait_for(|stop| *stop).await;
        };
        let admin_routes = admin_router(self.wire.clone());
        let mut scim_routes = scim_router(self.wire.clone());
        if self.config.admin.on_scim_listener {
            scim_routes = muster_http::with_admin(self.wire.clone(), scim_routes);
        }
        if self.config.directory.on_scim_listener {
            scim_routes = muster_http::with_directory(self.wire.clone(), scim_routes);
        }
        let limits = self.config.limits.listen();
        // It stops to lease when the listeners stop to accept, and is done before the store is closed.
        let delivering = self.dispatcher.map(|it| part("delivery", it.run(stopped(told.clone()))));
        let feeding = part("feeding", self.feeder.run(stopped(told.clone())));
        let scim = listen::serve(self.scim, scim_routes, limits.clone(), stopped(told.clone()));
        let admin = listen::serve(self.admin, admin_routes, limits, stopped(told));
        let upkeep = tokio::spawn(async {
            let Ok(metrics) = metrics() else { return };
            loop {
                tokio::time::sleep(METRICS_UPKEEP).await;
                // Observations are folded into buckets here; without it they would wait in memory for somebody to ask.
                metrics.run_upkeep();
            }
        });
        let keeper = self.service.clone();
        // It ends by itself when it is told to stop, and never in the middle of a write.
        let logs = part("retention", async move { keeper.keep_logs().await });
        let watcher = self.service.clone();
        let deprovisions = part("deprovisions", async move { watcher.watch_deprovisions().await });
        let counter = self.service.clone();
        let brakes = part("brake", async move { counter.keep_brakes().await });
        let carrier = self.service.clone();
        // It goes on with what the last end interrupted, and ends when that can be gone on with again.
        let rollouts = part("rollouts", async move { carrier.carry_rollouts().await });
        let service = &self.service;
        let stopping = async {
            stop.await;
            tracing::info!("stopping: finishing what is in flight");
            service.stop_waiting();
            let _ = tell.send(true);
        };
        tokio::join!(scim, admin, stopping);
        upkeep.abort();
        if let Some(delivering) = delivering {
            let _ = delivering.await;
        }
        let _ = feeding.await;
        let _ = logs.await;
        let _ = rollouts.await;
        let _ = brakes.await;
        let _ = deprovisions.await;
        self.service.close().await;
        tracing::info!("stopped");
    }
}

/// Begins what goes on beside the requests until the server stops. One that breaks off before that is told in the log: nobody else would
/// notice what is not done any more.
fn part(what: &'static str, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let broken = metrics::counter!("muster_parts_broken_total", "part" => what);
    // It is there before anything breaks: whoever watches it sees it rise.
    broken.increment(0);
    let work = tokio::spawn(work);
    tokio::spawn(async move {
        if work.await.is_err() {
            broken.increment(1);
            tracing::error!(
                server.part = what,
                "a part of the server broke off and does not go on; start the server anew"
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_breaks_off_ends_for_whoever_waits_for_it_and_takes_nobody_along() {
        let (broken, whole) = (part("one", async { panic!("for the test") }), part("other", async {}));
        assert!(broken.await.is_ok() && whole.await.is_ok());
    }
}

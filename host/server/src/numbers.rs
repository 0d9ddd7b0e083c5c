//! What `/metrics` shows: one recorder for the process, and what it says of each number.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// The process has one recorder: a second server in it (in a test) shows the same numbers.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS_S)?
        .set_buckets_for_metric(Matcher::Full(PLUGIN_CALL_DURATION.to_owned()), &CALL_BUCKETS_S)?
        .build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    // Lost only to another server of this process that was started at the same moment.
    let _ = metrics::set_global_recorder(recorder);
    describe();
    Ok(handle)
}

/// What `/metrics` says of each number. No label carries user data.
fn describe() {
    metrics::describe_counter!("muster_requests_total", "Requests answered, by method and status.");
    describe_delivery();
    describe_deprovision();
    metrics::describe_histogram!("muster_request_duration_seconds", "From the head of a request to its answer.");
    metrics::describe_histogram!(PLUGIN_CALL_DURATION, "One call of a plugin on the request path.");
    metrics::describe_gauge!("muster_plugin_kept_instances", "Instances of plugins that wait for their next call.");
    metrics::describe_gauge!("muster_plugin_kept_bytes", "Memory of the instances that wait for their next call.");
    metrics::describe_gauge!(
        "muster_plugin_memory_high_water_bytes",
        "The most memory that one instance has had since its plugin was loaded, by plugin."
    );
    metrics::describe_counter!("muster_plugin_failures_total", "Plugin calls without an answer, by plugin and reason.");
    metrics::describe_counter!(
        "muster_plugin_breaker_opened_total",
        "Times that a tenant's plugin was left alone, by plugin."
    );
    metrics::describe_counter!(
        "muster_plugin_passed_through_total",
        "Calls of a plugin that a write has done without, because its tenant would rather, by plugin."
    );
    metrics::describe_counter!(
        "muster_plugin_warm_up_failures_total",
        "Plugins that failed when they were run before the first request, by plugin and reason."
    );
    metrics::describe_counter!(
        "muster_webhooks_gone_total",
        "Webhooks that were turned off because their receivers answered 410."
    );
    metrics::describe_counter!("muster_bulk_operations_total", "Operations of bulk requests, by status.");
    metrics::describe_counter!("muster_request_log_failures_total", "Times that the request log could not be written.");
    metrics::describe_counter!("muster_request_log_kept_total", "Requests that the request log has kept.");
    metrics::describe_counter!("muster_request_log_lost_total", "Requests that it has not kept, by reason.");
    metrics::describe_counter!(
        "muster_rollouts_over_budget_total",
        "Candidates on probation, and canaries, that were over their budget, by reason, and whether they gave way."
    );
    metrics::describe_counter!(
        "muster_parts_broken_total",
        "Parts of the server that broke off and do not go on, by what they do: it has to be started anew."
    );
    metrics::describe_counter!("muster_unknown_members_total", "Members left out because they do not exist.");
    metrics::describe_counter!("muster_upkeep_failures_total", "Rounds of a log's upkeep that failed.");
    metrics::describe_counter!("muster_write_conflicts_total", "Writes decided again because another came between.");
}

fn describe_delivery() {
    metrics::describe_counter!("muster_delivery_attempts_total", "Attempts at tasks, by outcome and kind of queue.");
    metrics::describe_counter!(
        "muster_delivery_conflicts_total",
        "Attempts that did not count: their lease had run out, or somebody had decided over the task."
    );
    metrics::describe_counter!(
        "muster_delivery_store_failures_total",
        "Times that the store did not answer the delivery."
    );
    metrics::describe_gauge!(
        "muster_brake_engaged",
        "Whether the brake is engaged, by tenant; of the others how many."
    );
    metrics::describe_gauge!("muster_delivery_tasks", "Tasks, by tenant and where they stand.");
    metrics::describe_gauge!(
        "muster_delivery_oldest_waiting_seconds",
        "How long ago the oldest task was planned that waits to be carried out."
    );
    metrics::describe_gauge!("muster_delivery_queues", "Queues that have tasks that wait or are being carried out.");
    metrics::describe_gauge!("muster_delivery_queues_failing", "Queues that fail, and are only probed.");
    metrics::describe_gauge!("muster_feed_behind", "Entries of its log that the slowest receiver was not yet fed.");
    metrics::describe_counter!("muster_feed_failures_total", "Times that a tenant's receivers could not be fed.");
}

fn describe_deprovision() {
    metrics::describe_counter!(
        "muster_deprovision_failures_total",
        "Times that what is left to do of deprovisions could not be read."
    );
    metrics::describe_gauge!(
        "muster_deprovision_overdue",
        "Deactivations and deletions of users that are not done in time, by tenant and what they wait for."
    );
    metrics::describe_gauge!(
        "muster_deprovision_oldest_open_seconds",
        "How long ago the oldest deactivation or deletion was written that is not done yet."
    );
}

const PLUGIN_CALL_DURATION: &str = "muster_plugin_call_duration_seconds";
/// Upper bounds of the buckets of calls of plugins, in seconds: most take microseconds, and the deadline is at 10 ms of the processor.
const CALL_BUCKETS_S: [f64; 13] =
    [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 1e-1];
/// How often observations are folded into their buckets.
pub(crate) const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// Upper bounds of the histogram's buckets, in seconds.
const DURATION_BUCKETS_S: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

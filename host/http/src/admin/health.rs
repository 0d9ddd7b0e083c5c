use axum::extract::State;
use http::StatusCode;

use crate::Wire;

/// Whether the process answers at all.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests can be expected to work; 503 while they cannot.
pub(crate) async fn readyz(State(wire): State<Wire>) -> (StatusCode, String) {
    match wire.service.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

/// Prometheus text. No label carries user data.
pub(crate) async fn metrics(State(wire): State<Wire>) -> String {
    (wire.metrics)()
}

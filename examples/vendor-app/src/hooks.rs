//! What webhooks tell: each is verified first, and each of its events has its effect once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use webhook_receiver::is_believed;

use crate::Shared;
use crate::products::{Product, Told};

/// A webhook of one product's tenant.
pub(crate) async fn take(
    State(shared): State<Arc<Shared>>,
    Path(product): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Some(product) = Product::named(&product) else { return StatusCode::NOT_FOUND };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, timestamp, signatures) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let key = shared.keys.webhooks.get(&product).map(String::as_str).unwrap_or_default();
    if !is_believed(key, id, timestamp, signatures, &body, (shared.clock)()) {
        return StatusCode::UNAUTHORIZED;
    }
    // Whoever has signed it writes JSON.
    let Ok(event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let events = match event["data"].as_array() {
        Some(events) if event["type"] == "batch" => events.clone(),
        _ => vec![event],
    };
    for event in &events {
        if let Err(status) = hear(&shared, product, event) {
            return status;
        }
    }
    StatusCode::NO_CONTENT
}

/// One event.
fn hear(shared: &Shared, product: Product, event: &Value) -> Result<(), StatusCode> {
    let (Some(id), Some(kind)) = (event["id"].as_str(), event["type"].as_str()) else {
        return Err(StatusCode::BAD_REQUEST);
    };
    // Of a device, or of nobody: nothing that the products have.
    let Some(told) = Told::of(kind, &event["data"]) else { return Ok(()) };
    if !told.is_whole() {
        // A thin event, where a full one was promised: what it is about cannot be read now, and comes again.
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let heard = shared.database.once(product, id, kind, |transaction| product.hears(transaction, &told).map(|()| 204));
    // The database does not answer just now.
    heard.map(drop).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

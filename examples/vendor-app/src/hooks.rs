//! What webhooks tell: each is verified first, and each of its events has its effect once. Where one does not say enough, Muster is asked what
//! is there now (`whole.rs`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use webhook_receiver::is_believed;

use crate::Shared;
use crate::muster::tenant_of;
use crate::products::{Product, Told};
use crate::whole::made_whole;

/// A webhook of one product's tenant.
pub(crate) async fn take(
    State(shared): State<Arc<Shared>>,
    Path(product): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Unheard> {
    let Some(product) = Product::named(&product) else { return Ok(StatusCode::NOT_FOUND) };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, timestamp, signatures) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let key = shared.keys.webhooks.get(&product).map(String::as_str).unwrap_or_default();
    if !is_believed(key, id, timestamp, signatures, &body, (shared.clock)()) {
        return Ok(StatusCode::UNAUTHORIZED);
    }
    // Whoever has signed it writes JSON.
    let Ok(event) = serde_json::from_slice::<Value>(&body) else { return Ok(StatusCode::BAD_REQUEST) };
    let events = match event["data"].as_array() {
        Some(events) if event["type"] == "batch" => events.clone(),
        _ => vec![event],
    };
    check_tenant(&shared, product, &events)?;
    for event in &events {
        hear(&shared, product, event).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Why an event was not heard: Muster shows it beside the delivery.
type Unheard = (StatusCode, String);

/// Each product stands for one customer here: another tenant's people would be put among its own.
#[expect(clippy::print_stderr, reason = "it is a program, and whoever set it up is to know")]
fn check_tenant(shared: &Shared, product: Product, events: &[Value]) -> Result<(), Unheard> {
    let Some(own) = tenant_of(shared, product) else { return Ok(()) };
    let of_others = |event: &Value| event["data"]["tenant"].as_str().filter(|tenant| *tenant != own).map(str::to_owned);
    let Some(other) = events.iter().find_map(of_others) else { return Ok(()) };
    let why =
        format!("{} has the tenant {own:?} here, by muster.json; a webhook of {other:?} is refused", product.name());
    eprintln!("{why}");
    Err((StatusCode::FORBIDDEN, why))
}

/// One event.
async fn hear(shared: &Shared, product: Product, event: &Value) -> Result<(), Unheard> {
    let (Some(id), Some(kind)) = (event["id"].as_str(), event["type"].as_str()) else {
        return Err((StatusCode::BAD_REQUEST, "an event has an id and a type".to_owned()));
    };
    // Of a device, or of nobody: nothing that the products have.
    let Some(told) = Told::of(kind, &event["data"]) else { return Ok(()) };
    // It comes again, and Muster may answer then.
    let unavailable = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why);
    let asked = if told.is_whole() || !product.has(told.kind) {
        None
    } else {
        let asked = made_whole(shared, product, &told).await;
        Some(asked.map_err(|why| unavailable(format!("the event is thin, and Muster was not asked: {why}")))?)
    };
    let told = asked.as_ref().map_or(Some(told), |(kind, data)| Told::of(kind, data));
    let Some(told) = told else { return Ok(()) };
    let heard = shared.database.once(product, id, kind, |transaction| product.hears(transaction, &told).map(|()| 204));
    heard.map(drop).map_err(|_| unavailable("the database does not answer".to_owned()))
}

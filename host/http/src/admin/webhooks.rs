use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::{DeliveriesAsked, NewWebhook, WebhookChange, WebhookRotation, WebhookView, WebhooksView};
use serde::Deserialize;
use serde_json::Value;

use super::{Body, Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// What is asked with nothing: a body that says something is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A tenant's webhooks.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<WebhooksView>, Problem> {
    Ok(Json(wire.service.webhooks(&tenant).await?))
}

/// One of them.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(wire.service.show_webhook(&tenant, &name).await?))
}

/// Adds one; answers `201` with its key.
pub(crate) async fn add(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewWebhook>,
) -> Result<(StatusCode, Json<WebhookView>), Problem> {
    Ok((StatusCode::CREATED, Json(wire.service.add_webhook(&tenant, new).await?)))
}

/// Changes one.
pub(crate) async fn set(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, name)): Path<(String, String)>,
    Body(change): Body<WebhookChange>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(wire.service.set_webhook(&tenant, &name, change).await?))
}

/// Turns one on.
pub(crate) async fn on(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, name)): Path<(String, String)>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(wire.service.turn_webhook(&tenant, &name, true).await?))
}

/// Turns one off.
pub(crate) async fn off(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, name)): Path<(String, String)>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(wire.service.turn_webhook(&tenant, &name, false).await?))
}

/// Removes one, and gives up what waits for it.
pub(crate) async fn remove(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, name)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.remove_webhook(&tenant, &name).await?))
}

/// Gives one another key; the answer has it.
pub(crate) async fn rotate(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, name)): Path<(String, String)>,
    Body(rotation): Body<WebhookRotation>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(wire.service.rotate_webhook(&tenant, &name, rotation).await?))
}

/// Sends a `test.ping` to one, now.
pub(crate) async fn test(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, name)): Path<(String, String)>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.test_webhook(&tenant, &name).await?))
}

/// What goes or went to one.
pub(crate) async fn deliveries(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, name)): Path<(String, String)>,
    Query(asked): Query<DeliveriesAsked>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.webhook_deliveries(&tenant, &name, asked).await?))
}

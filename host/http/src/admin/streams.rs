use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::{DeliveriesAsked, NewOverlap, NewStream, NewVerificationToken, StreamChange, StreamsView};
use serde_json::Value;

use super::{Body, Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// A tenant's streams, and what is signed with.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<StreamsView>, Problem> {
    Ok(Json(wire.service.streams(&tenant).await?))
}

/// Adds a stream; the answer is the only one that shows the token of one that is polled.
pub(crate) async fn add(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewStream>,
) -> Result<(StatusCode, Json<StreamsView>), Problem> {
    Ok((StatusCode::CREATED, Json(wire.service.add_stream(&tenant, new).await?)))
}

/// Changes a stream.
pub(crate) async fn change(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, stream)): Path<(String, String)>,
    Body(change): Body<StreamChange>,
) -> Result<Json<StreamsView>, Problem> {
    Ok(Json(wire.service.change_stream(&tenant, &stream, change).await?))
}

/// Removes a stream.
pub(crate) async fn remove(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, stream)): Path<(String, String)>,
) -> Result<Json<StreamsView>, Problem> {
    Ok(Json(wire.service.remove_stream(&tenant, &stream).await?))
}

/// Turns a stream on.
pub(crate) async fn on(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, stream)): Path<(String, String)>,
) -> Result<Json<StreamsView>, Problem> {
    Ok(Json(wire.service.turn_stream(&tenant, &stream, true).await?))
}

/// Turns a stream off.
pub(crate) async fn off(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, stream)): Path<(String, String)>,
) -> Result<Json<StreamsView>, Problem> {
    Ok(Json(wire.service.turn_stream(&tenant, &stream, false).await?))
}

/// Sends a token that says that the stream works.
pub(crate) async fn verify(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, stream)): Path<(String, String)>,
    Body(new): Body<NewVerificationToken>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.verify_stream(&tenant, &stream, new).await?))
}

/// Issues the next token of a stream that is polled; the answer is the only one that shows it.
pub(crate) async fn renew_token(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, stream)): Path<(String, String)>,
    Body(new): Body<NewOverlap>,
) -> Result<Json<StreamsView>, Problem> {
    Ok(Json(wire.service.renew_poll_token(&tenant, &stream, new).await?))
}

/// What goes or went to a stream.
pub(crate) async fn deliveries(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, stream)): Path<(String, String)>,
    Query(asked): Query<DeliveriesAsked>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.stream_deliveries(&tenant, &stream, asked).await?))
}

/// Signs with a new key from now on.
pub(crate) async fn rotate_key(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewOverlap>,
) -> Result<Json<StreamsView>, Problem> {
    Ok(Json(wire.service.rotate_stream_key(&tenant, new).await?))
}

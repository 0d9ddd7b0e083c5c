use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use muster_service::Asked;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Conditions, EndpointAndId, kind};
use crate::scim::asynchronous::Prefers;
use crate::tenant::Authenticated;

/// Removes one resource; answers 204 without a body (RFC 7644 §3.6).
pub(crate) async fn delete(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    EndpointAndId(endpoint, id): EndpointAndId,
    Conditions(expected): Conditions,
    prefers: Prefers,
) -> Result<Response, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    if let Some(later) = prefers.later(&wire, &caller, Asked::Delete(&kind, &id)).await? {
        return Ok(later);
    }
    wire.service.delete(&caller, &kind, &id, &expected).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

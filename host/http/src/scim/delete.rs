use axum::extract::State;
use http::StatusCode;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Conditions, EndpointAndId, kind};
use crate::tenant::Authenticated;

/// Removes one resource; answers 204 without a body (RFC 7644 §3.6).
pub(crate) async fn delete(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    EndpointAndId(endpoint, id): EndpointAndId,
    Conditions(expected): Conditions,
) -> Result<StatusCode, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    wire.service.delete(&caller, &kind, &id, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use muster_service::Asked;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Conditions, EndpointAndId, Query, ScimJson, kind};
use crate::reply::Shown;
use crate::scim::asynchronous::Prefers;
use crate::tenant::Authenticated;

/// Replaces one resource; answers it as it then is (RFC 7644 §3.5.1).
pub(crate) async fn replace(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    EndpointAndId(endpoint, id): EndpointAndId,
    query: Query,
    Conditions(expected): Conditions,
    prefers: Prefers,
    ScimJson(body): ScimJson,
) -> Result<Response, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    let projection = query.projection(&caller, &kind)?;
    if let Some(later) = prefers.later(&wire, &caller, Asked::Replace(&kind, &id, &body)).await? {
        return Ok(later);
    }
    Ok(Shown(wire.service.replace(&caller, &kind, &id, body, &expected, &projection).await?).into_response())
}

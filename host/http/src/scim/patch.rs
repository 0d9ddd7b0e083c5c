use axum::extract::State;
use axum::response::{IntoResponse, Response};
use muster_service::Asked;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Conditions, EndpointAndId, Query, ScimJson, kind};
use crate::reply::Shown;
use crate::scim::asynchronous::Prefers;
use crate::tenant::Authenticated;

/// Changes parts of one resource; answers it as it then is, or 204 for a large group (RFC 7644 §3.5.2).
pub(crate) async fn patch(
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
    if let Some(later) = prefers.later(&wire, &caller, Asked::Patch(&kind, &id, &body)).await? {
        return Ok(later);
    }
    Ok(Shown(wire.service.patch(&caller, &kind, &id, body, &expected, &projection).await?).into_response())
}

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use muster_service::Asked;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Endpoint, Query, ScimJson, kind};
use crate::reply::Shown;
use crate::scim::asynchronous::Prefers;
use crate::tenant::Authenticated;

/// Adds one resource; answers 201 with `Location` and `ETag` (RFC 7644 §3.3).
pub(crate) async fn create(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Endpoint(endpoint): Endpoint,
    query: Query,
    prefers: Prefers,
    ScimJson(body): ScimJson,
) -> Result<Response, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    let projection = query.projection(&caller, &kind)?;
    if let Some(later) = prefers.later(&wire, &caller, Asked::Create(&kind, &body)).await? {
        return Ok(later);
    }
    Ok(Shown(wire.service.create(&caller, &kind, body, &projection).await?).into_response())
}

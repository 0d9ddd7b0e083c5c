use axum::extract::State;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Endpoint, Query, ScimJson, kind};
use crate::reply::Shown;
use crate::tenant::Authenticated;

/// Adds one resource; answers 201 with `Location` and `ETag` (RFC 7644 §3.3).
pub(crate) async fn create(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Endpoint(endpoint): Endpoint,
    query: Query,
    ScimJson(body): ScimJson,
) -> Result<Shown, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    let projection = query.projection(&caller, &kind)?;
    Ok(Shown(wire.service.create(&caller, &kind, body, &projection).await?))
}

use axum::extract::State;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Conditions, EndpointAndId, Query, kind};
use crate::reply::Shown;
use crate::tenant::Authenticated;

/// One resource (RFC 7644 §3.4.1), or 304 (§3.14).
pub(crate) async fn get(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    EndpointAndId(endpoint, id): EndpointAndId,
    query: Query,
    Conditions(expected): Conditions,
) -> Result<Shown, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    let projection = query.projection(&caller, &kind)?;
    Ok(Shown(wire.service.get(&caller, &kind, &id, &expected, &projection).await?))
}

use axum::extract::State;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{EndpointAndId, Query, kind};
use crate::reply::Shown;
use crate::tenant::Authenticated;

/// One resource (RFC 7644 §3.4.1).
pub(crate) async fn get(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    EndpointAndId(endpoint, id): EndpointAndId,
    query: Query,
) -> Result<Shown, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    let projection = query.projection(&caller, &kind)?;
    Ok(Shown(wire.service.get(&caller, &kind, &id, &projection).await?))
}

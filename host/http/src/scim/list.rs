use axum::extract::State;
use muster_service::ListRequest;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Endpoint, Query, kind};
use crate::reply::Message;
use crate::tenant::Authenticated;

/// A page of resources, filtered (RFC 7644 §3.4.2). Nothing found is 200 with an empty list (Q11).
pub(crate) async fn list(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Endpoint(endpoint): Endpoint,
    query: Query,
) -> Result<Message, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    let projection = query.projection(&caller, &kind)?;
    let request = ListRequest { filter: query.get("filter"), page: query.page()?, projection };
    Ok(Message(wire.service.list(&caller, &kind, &request).await?))
}

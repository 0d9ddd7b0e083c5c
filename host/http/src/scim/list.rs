use axum::extract::State;
use muster_protocol::list::ListRequest;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Endpoint, Query, kind};
use crate::reply::Message;
use crate::tenant::Authenticated;

/// A page of resources, filtered and sorted (RFC 7644 §3.4.2). Nothing found is 200 with an empty list (Q11).
pub(crate) async fn list(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Endpoint(endpoint): Endpoint,
    query: Query,
) -> Result<Message, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    let request = ListRequest::from_query(|name| query.get(name))?;
    Ok(Message(wire.service.list(&caller, &kind, &request).await?))
}

/// The same of all kinds of resource: the base URL itself (RFC 7644 §3.4.2.1).
pub(crate) async fn list_all(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    query: Query,
) -> Result<Message, Refusal> {
    let request = ListRequest::from_query(|name| query.get(name))?;
    Ok(Message(wire.service.list_all(&caller, &request).await?))
}

use axum::extract::State;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Endpoint, ScimJson, kind};
use crate::reply::Message;
use crate::tenant::Authenticated;

/// What `GET` asks in the query string, in a body: no proxy logs it, and it may be longer than a URI (RFC 7644 §3.4.3). The query string
/// itself is not looked at.
pub(crate) async fn search(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Endpoint(endpoint): Endpoint,
    ScimJson(body): ScimJson,
) -> Result<Message, Refusal> {
    let kind = kind(&caller, &endpoint)?;
    Ok(Message(wire.service.search(&caller, &kind, body).await?))
}

/// The same of all kinds of resource.
pub(crate) async fn search_all(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    ScimJson(body): ScimJson,
) -> Result<Message, Refusal> {
    Ok(Message(wire.service.search_all(&caller, body).await?))
}

use axum::extract::State;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::Endpoint;
use crate::reply::Message;
use crate::tenant::Authenticated;

/// What the server can do (RFC 7643 §5).
pub(crate) async fn service_provider_config(State(wire): State<Wire>, Authenticated(caller): Authenticated) -> Message {
    Message(wire.service.service_provider_config(&caller))
}

/// The kinds of resource (RFC 7643 §6).
pub(crate) async fn resource_types(State(wire): State<Wire>, Authenticated(caller): Authenticated) -> Message {
    Message(wire.service.resource_types(&caller))
}

/// One kind of resource.
pub(crate) async fn resource_type(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Endpoint(name): Endpoint,
) -> Result<Message, Refusal> {
    Ok(Message(wire.service.resource_type(&caller, &name)?))
}

/// The schemas (RFC 7643 §7).
pub(crate) async fn schemas(State(wire): State<Wire>, Authenticated(caller): Authenticated) -> Message {
    Message(wire.service.schemas(&caller))
}

/// One schema.
pub(crate) async fn schema(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Endpoint(urn): Endpoint,
) -> Result<Message, Refusal> {
    Ok(Message(wire.service.schema(&caller, &urn)?))
}

use axum::extract::{FromRequestParts, State};
use http::request::Parts;
use muster_service::ScimError;

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Endpoint, Query};
use crate::reply::Message;
use crate::tenant::Reader;

/// A request without `filter`, which these endpoints do not have; all other parameters are ignored (RFC 7644 §4).
#[derive(Debug)]
pub(crate) struct Unfiltered;

impl FromRequestParts<Wire> for Unfiltered {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Refusal> {
        let Ok(query) = Query::from_request_parts(parts, wire).await;
        match query.get("filter") {
            Some(_) => Err(Refusal(ScimError::Forbidden { detail: "the answers of discovery cannot be filtered" })),
            None => Ok(Self),
        }
    }
}

/// What the server can do (RFC 7643 §5).
pub(crate) async fn service_provider_config(State(wire): State<Wire>, Reader(who): Reader, _: Unfiltered) -> Message {
    Message(wire.service.service_provider_config(&who))
}

/// The kinds of resource (RFC 7643 §6).
pub(crate) async fn resource_types(State(wire): State<Wire>, Reader(who): Reader, _: Unfiltered) -> Message {
    Message(wire.service.resource_types(&who))
}

/// One kind of resource.
pub(crate) async fn resource_type(
    State(wire): State<Wire>,
    Reader(who): Reader,
    _: Unfiltered,
    Endpoint(name): Endpoint,
) -> Result<Message, Refusal> {
    Ok(Message(wire.service.resource_type(&who, &name)?))
}

/// The schemas (RFC 7643 §7).
pub(crate) async fn schemas(State(wire): State<Wire>, Reader(who): Reader, _: Unfiltered) -> Message {
    Message(wire.service.schemas(&who))
}

/// One schema.
pub(crate) async fn schema(
    State(wire): State<Wire>,
    Reader(who): Reader,
    _: Unfiltered,
    Endpoint(urn): Endpoint,
) -> Result<Message, Refusal> {
    Ok(Message(wire.service.schema(&who, &urn)?))
}

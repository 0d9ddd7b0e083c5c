use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use muster_service::Asked;

use crate::Wire;
use crate::edge::Arrived;
use crate::error::Refusal;
use crate::extract::ScimJson;
use crate::reply::Message;
use crate::scim::asynchronous::Prefers;
use crate::tenant::Authenticated;

/// Performs many operations and answers what became of each (RFC 7644 §3.7). What fails among them does not make the answer anything
/// but 200.
pub(crate) async fn bulk(
    State(wire): State<Wire>,
    Authenticated(caller): Authenticated,
    Extension(Arrived(arrived)): Extension<Arrived>,
    prefers: Prefers,
    ScimJson(body): ScimJson,
) -> Result<Response, Refusal> {
    if let Some(later) = prefers.later(&wire, &caller, Asked::Bulk(&body)).await? {
        return Ok(later);
    }
    // The last quarter of the request's time is for the operation that is begun in the third, and for the answer.
    let until = arrived + wire.limits.request_timeout * 3 / 4;
    Ok(Message(wire.service.bulk(&caller, body, until).await?).into_response())
}

//! `/Me` (RFC 7644 §3.11): the user that a token speaks for. Every answer has the URL of that user in `Location`, as the RFC wants.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use muster_model::ResourceType;
use muster_service::{ScimError, Subject};

use crate::Wire;
use crate::error::Refusal;
use crate::extract::{Conditions, Query, ScimJson};
use crate::reply::Shown;
use crate::tenant::Myself;

/// Reads the user.
pub(crate) async fn get(
    State(wire): State<Wire>,
    Myself(subject): Myself,
    query: Query,
    Conditions(expected): Conditions,
) -> Response {
    let answer = async {
        let projection = query.projection_in(subject.bound(), &ResourceType::USER)?;
        Ok(Shown(wire.service.get_me(&subject, &expected, &projection).await?))
    };
    located(&subject, answer.await)
}

/// Replaces the user.
pub(crate) async fn replace(
    State(wire): State<Wire>,
    Myself(subject): Myself,
    query: Query,
    Conditions(expected): Conditions,
    body: Result<ScimJson, Refusal>,
) -> Response {
    let answer = async {
        let ScimJson(body) = body?;
        let projection = query.projection_in(subject.bound(), &ResourceType::USER)?;
        Ok(Shown(wire.service.replace_me(&subject, body, &expected, &projection).await?))
    };
    located(&subject, answer.await)
}

/// Changes parts of the user.
pub(crate) async fn patch(
    State(wire): State<Wire>,
    Myself(subject): Myself,
    query: Query,
    Conditions(expected): Conditions,
    body: Result<ScimJson, Refusal>,
) -> Response {
    let answer = async {
        let ScimJson(body) = body?;
        let projection = query.projection_in(subject.bound(), &ResourceType::USER)?;
        Ok(Shown(wire.service.patch_me(&subject, body, &expected, &projection).await?))
    };
    located(&subject, answer.await)
}

/// Removes the user.
pub(crate) async fn delete(
    State(wire): State<Wire>,
    Myself(subject): Myself,
    Conditions(expected): Conditions,
) -> Response {
    let deleted = wire.service.delete_me(&subject, &expected).await;
    located(&subject, deleted.map(|()| StatusCode::NO_CONTENT).map_err(Refusal))
}

/// There is nobody to be created: a token speaks for a user who exists.
pub(crate) async fn create(State(wire): State<Wire>, Myself(subject): Myself) -> Response {
    located(&subject, wire.service.create_me(&subject).await.map(Shown).map_err(Refusal))
}

/// Any other verb.
pub(crate) async fn not_allowed(Myself(subject): Myself, method: Method) -> Response {
    let refused = ScimError::MethodNotAllowed { method: method.to_string(), allow: "GET, POST, PUT, PATCH, DELETE" };
    located(&subject, Err::<StatusCode, _>(Refusal(refused)))
}

fn located(subject: &Subject, answer: Result<impl IntoResponse, Refusal>) -> Response {
    let mut response = answer.into_response();
    if let Ok(location) = HeaderValue::from_str(&subject.location()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

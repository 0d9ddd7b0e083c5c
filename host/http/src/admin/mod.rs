//! The admin API, `/admin/v1`: for operators and their tools. Errors are RFC 9457 problems.

pub(crate) mod accounts;
pub(crate) mod backups;
pub(crate) mod bindings;
pub(crate) mod brake;
pub(crate) mod deprovision;
pub(crate) mod grants;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod jobs;
pub(crate) mod log;
pub(crate) mod moving;
mod objects;
pub(crate) mod plugin_log;
pub(crate) mod plugins;
pub(crate) mod records;
pub(crate) mod requests;
pub(crate) mod retention;
pub(crate) mod rollouts;
pub(crate) mod scim;
pub(crate) mod secrets;
pub(crate) mod streams;
pub(crate) mod tasks;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod undo;
pub(crate) mod webhooks;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use http::{StatusCode, header};
use muster_service::words::of_json;
use serde::de::DeserializeOwned;

use crate::Wire;
use crate::error::Problem;

/// Whoever presents the admin key. As with tenants, it is an extractor: without it a handler cannot be written.
#[derive(Debug)]
pub(crate) struct Operator;

impl FromRequestParts<Wire> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (scheme, key) = header.split_once(' ').unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer") && wire.admin_key.opens_with(key.trim()) {
            Ok(Self)
        } else {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "the admin key is missing or not valid"))
        }
    }
}

/// The names in a path; what is no UTF-8 is a problem, as everything else is.
#[derive(Debug)]
pub(crate) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Wire> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, wire).await;
        path.map(|axum::extract::Path(names)| Self(names))
            .map_err(|error| Problem::quoting(error.status(), error.body_text()))
    }
}

/// The parameters of a query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Wire> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, wire).await;
        query.map(|axum::extract::Query(query)| Self(query)).map_err(|error| {
            let says = error.body_text();
            let says = says.strip_prefix("Failed to deserialize query string: ").unwrap_or(&says);
            Problem::quoting(error.status(), says)
        })
    }
}

/// A JSON body of a known shape; what does not fit is named, with its place.
#[derive(Debug)]
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Wire> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, wire: &Wire) -> Result<Self, Problem> {
        read(&body_of(request, wire).await?).map(Self)
    }
}

/// The whole body, up to its limit.
pub(crate) async fn body_of(request: Request, wire: &Wire) -> Result<bytes::Bytes, Problem> {
    axum::body::to_bytes(request.into_body(), wire.limits.body_bytes).await.map_err(|_| {
        let limit = wire.limits.body_bytes;
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"))
    })
}

/// A JSON object of a known shape; no body at all is one without members.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    let refuse = |error: &dyn std::fmt::Display| Problem::quoting(StatusCode::BAD_REQUEST, error.to_string());
    let value = muster_protocol::json::parse(bytes).map_err(|error| refuse(&error))?;
    // Serde would take a list for an object, member by member in their order.
    if !value.is_object() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the body must be a JSON object"));
    }
    serde_path_to_error::deserialize(objects::Objects(value)).map_err(|error| {
        let (place, says) = (error.path().to_string(), of_json(&error.inner().to_string()));
        refuse(&if place == "." { says } else { format!("{place}: {says}") })
    })
}

pub(crate) async fn no_such_endpoint(_: Operator) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such admin endpoint")
}

pub(crate) async fn not_allowed(_: Operator, request: Request) -> Problem {
    Problem::quoting(StatusCode::METHOD_NOT_ALLOWED, format!("{} is not possible here", request.method()))
}

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use muster_protocol::ScimType;
use muster_service::{AdminError, ScimError};
use serde_json::{Value, json};

use crate::reply::json_response;

/// A [`ScimError`] as an answer (RFC 7644 §3.12): always a JSON body, never HTML.
#[derive(Debug)]
pub(crate) struct Refusal(pub ScimError);

impl<E: Into<ScimError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let wire = error.wire();
        error.log();
        let mut response = json_response(wire.status, &error.body());
        let headers = response.headers_mut();
        if let Some(seconds) = wire.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = wire.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if wire.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Refused(wire.scim_type, error.to_string()));
        response
    }
}

/// What a client was refused with; it goes with the answer as far as `edge.rs`, which keeps it with the tenant's last requests.
#[derive(Debug, Clone)]
pub(crate) struct Refused(pub Option<ScimType>, pub String);

/// An [`AdminError`] as an answer (RFC 9457).
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    /// What the log says of it.
    logged: Option<String>,
    /// One by one, where it is more than one thing that is wrong.
    errors: Vec<Value>,
    /// What else a client can act on (RFC 9457 §3.2).
    members: Vec<(&'static str, Value)>,
    /// When to come back, in seconds.
    retry_after_s: Option<u64>,
}

impl Problem {
    /// In the host's own words, which the log has as well.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { logged: Some(detail.clone()), ..Self::quoting(status, detail) }
    }

    /// With words in it that are the request's own: the log does not have them.
    pub(crate) fn quoting(status: StatusCode, detail: impl Into<String>) -> Self {
        let (errors, members) = (Vec::new(), Vec::new());
        Self { status, detail: detail.into(), logged: None, errors, members, retry_after_s: None }
    }

    /// With one thing more that a client can act on.
    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.members.push((name, value));
        self
    }

    /// With the time after which it may go better.
    pub(crate) fn after(self, retry_after_s: Option<u64>) -> Self {
        Self { retry_after_s, ..self }
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the same request would always be refused so: it is nobody's moment of weakness.
    pub(crate) fn is_final(&self) -> bool {
        self.status.is_client_error() && self.retry_after_s.is_none()
    }

    /// Its body.
    pub(crate) fn shown(&self) -> Value {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body = json!({ "status": self.status.as_u16(), "title": title, "detail": self.detail });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors.clone());
        }
        for (name, value) in &self.members {
            body[*name] = value.clone();
        }
        body
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let (status, logged, errors) = (error.status(), error.for_log(), error.errors());
        Self { logged, errors, ..Self::quoting(status, error.to_string()) }
    }
}

/// What the log says of a problem; it goes with the answer as far as `refusals.rs`.
#[derive(Debug, Clone)]
pub(crate) struct Logged(pub String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(http.status = self.status.as_u16(), error = %self.detail, "a request of an operator or of the product failed");
        }
        let mut response = json_response(self.status, &self.shown());
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(logged) = self.logged {
            response.extensions_mut().insert(Logged(logged));
        }
        response
    }
}

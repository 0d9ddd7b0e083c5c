use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use muster_service::{AdminError, ScimError};
use serde_json::json;

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
        log(&error, wire.status);
        let mut body = json!({
            "schemas": [muster_protocol::ERROR],
            "status": wire.status.as_str(),
        });
        if let Some(scim_type) = wire.scim_type {
            body["scimType"] = json!(scim_type.as_str());
        }
        body["detail"] = json!(error.to_string());
        let mut response = json_response(wire.status, &body);
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
        response
    }
}

/// Causes are logged here, once, and never sent.
fn log(error: &ScimError, status: StatusCode) {
    if !status.is_server_error() {
        return;
    }
    let mut causes = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        causes.push_str(": ");
        causes.push_str(&next.to_string());
        cause = next.source();
    }
    tracing::warn!(http.status = status.as_u16(), error = %format!("{error}{causes}"), "request failed");
}

/// An [`AdminError`] as an answer (RFC 9457).
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(http.status = self.status.as_u16(), error = %self.detail, "admin request failed");
        }
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({ "status": self.status.as_u16(), "title": title, "detail": self.detail });
        let mut response = json_response(self.status, &body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

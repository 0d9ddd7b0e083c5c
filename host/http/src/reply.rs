use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use muster_service::Reply;
use serde::Serialize;

/// The media type of SCIM (RFC 7644 §3.1).
pub(crate) const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// A JSON body with the media type of SCIM; `edge.rs` changes it for clients that accept plain JSON only.
pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
            response
        }
        Err(error) => {
            // Maps with text keys and finite numbers always serialise; if not, the client gets no half answer.
            tracing::error!(%error, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A list or another message.
#[derive(Debug)]
pub(crate) struct Message(pub serde_json::Value);

impl IntoResponse for Message {
    fn into_response(self) -> Response {
        json_response(StatusCode::OK, &self.0)
    }
}

/// One resource, with what HTTP says of it: `ETag`, `Location`, 201 when it is new, 204 when there is nothing to show, 304
/// when the client has it.
#[derive(Debug)]
pub(crate) struct Shown(pub Reply);

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        let Self(reply) = self;
        let mut response = match &reply.resource {
            Some(resource) if reply.created => json_response(StatusCode::CREATED, resource),
            Some(resource) => json_response(StatusCode::OK, resource),
            None if reply.not_modified => StatusCode::NOT_MODIFIED.into_response(),
            None => StatusCode::NO_CONTENT.into_response(),
        };
        let headers = response.headers_mut();
        if let Ok(etag) = HeaderValue::from_str(&reply.etag) {
            headers.insert(header::ETAG, etag);
        }
        // RFC 7644 §3.3 wants `Location` on a 201; on others it names the same resource.
        if let Ok(location) = HeaderValue::from_str(&reply.location) {
            headers.insert(if reply.created { header::LOCATION } else { header::CONTENT_LOCATION }, location);
        }
        response
    }
}

//! What the receivers of security event tokens meet beside the SCIM surface: the poll of a stream (RFC 8936), and what verifies tokens
//! (RFC 7517). Neither passes `edge.rs`: a poll that waits takes no place from those that work, and ends with its connection.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use muster_protocol::json;
use muster_service::{MAX_POLL_BYTES, PollError};
use serde_json::{Value, json};

use crate::Wire;
use crate::edge::label;
use crate::tenant::one_header;

/// For how long a receiver may keep the keys before it reads them again, in seconds. One that meets a token of a key that it does not know
/// reads them at once.
const KEYS_CACHED_S: u64 = 300;

/// A tenant and one of its streams.
type Named = Result<axum::extract::Path<(String, String)>, axum::extract::rejection::PathRejection>;

/// Hands out a stream's tokens to who presents the stream's own token.
pub(crate) async fn poll(State(wire): State<Wire>, named: Named, request: Request) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let response = match named {
        Ok(axum::extract::Path((tenant, stream))) => polled(&wire, &tenant, &stream, request).await,
        Err(_) => Err(Refused::Unauthorized),
    };
    let response = response.map_or_else(Refused::into_response, |answer| {
        let headers = [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        (headers, answer.to_string()).into_response()
    });
    told(&method, response, began)
}

async fn polled(wire: &Wire, tenant: &str, stream: &str, request: Request) -> Result<Value, Refused> {
    let token = bearer(request.headers()).map(str::to_owned).ok_or(Refused::Unauthorized)?;
    // Who may not come for tokens is told so before a body is read, or anything else is said.
    wire.service.may_poll(tenant, stream, &token)?;
    if request.method() != Method::POST {
        return Err(Refused::Method("POST"));
    }
    if !is_json(request.headers()) {
        return Err(Refused::MediaType);
    }
    let read = Limited::new(request.into_body(), MAX_POLL_BYTES).collect();
    let read = tokio::time::timeout(wire.limits.request_timeout, read).await.map_err(|_| Refused::Late)?;
    let bytes = read.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => Refused::TooLarge,
        None => Refused::Invalid("the body ended before it was complete".to_owned()),
    })?;
    let body = json::parse(&bytes.to_bytes()).map_err(|error| Refused::Invalid(error.to_string()))?;
    Ok(wire.service.poll(tenant, stream, Some(&token), &body).await?)
}

/// What verifies a tenant's tokens: for everybody.
pub(crate) async fn jwks(
    State(wire): State<Wire>,
    tenant: Result<axum::extract::Path<String>, axum::extract::rejection::PathRejection>,
    method: Method,
) -> Response {
    let began = Instant::now();
    let found = tenant.ok().and_then(|axum::extract::Path(tenant)| wire.service.jwks(&tenant));
    let response = match found {
        _ if !matches!(method, Method::GET | Method::HEAD) => Refused::Method("GET").into_response(),
        None => Refused::NotFound.into_response(),
        Some(keys) => {
            let cached = HeaderValue::from_str(&format!("public, max-age={KEYS_CACHED_S}"));
            let cached = cached.unwrap_or(HeaderValue::from_static("no-store"));
            ([(header::CONTENT_TYPE, JWK_SET), (header::CACHE_CONTROL, cached)], keys.to_string()).into_response()
        }
    };
    told(&method, response, began)
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// RFC 7517 §8.5.2.
const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");

/// Why there is no answer.
enum Refused {
    Unauthorized,
    NotFound,
    Method(&'static str),
    MediaType,
    TooLarge,
    Late,
    Invalid(String),
    TooMany(u64),
    Unavailable(String),
}

impl From<PollError> for Refused {
    fn from(error: PollError) -> Self {
        match error {
            PollError::Invalid(says) => Self::Invalid(says),
            PollError::Unauthorized => Self::Unauthorized,
            PollError::TooMany { retry_after_s } => Self::TooMany(retry_after_s),
            PollError::Unavailable(cause) => {
                let says = "temporarily unavailable; acknowledge again what was acknowledged".to_owned();
                tracing::warn!(error = %cause, "a poll failed");
                Self::Unavailable(says)
            }
        }
    }
}

impl Refused {
    /// The errors of RFC 8935 §2.4, which RFC 8936 has as well, and a sentence.
    fn told(self) -> (StatusCode, &'static str, String) {
        let says = |text: &str| text.to_owned();
        match self {
            Self::Unauthorized => {
                let text = "the bearer token is missing or not valid for this stream";
                (StatusCode::UNAUTHORIZED, "authentication_failed", says(text))
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "invalid_request", says("there is nothing here")),
            Self::Method(_) => {
                (StatusCode::METHOD_NOT_ALLOWED, "invalid_request", says("the method is not possible here"))
            }
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", says("Content-Type must be application/json"))
            }
            Self::TooLarge => {
                let text = format!("the body is larger than {MAX_POLL_BYTES} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", text)
            }
            Self::Late => (StatusCode::REQUEST_TIMEOUT, "invalid_request", says("the body took too long")),
            Self::Invalid(text) => (StatusCode::BAD_REQUEST, "invalid_request", text),
            Self::TooMany(seconds) => {
                let text = format!("more requests than the tenant may make; try again in {seconds} s");
                (StatusCode::TOO_MANY_REQUESTS, "access_denied", text)
            }
            Self::Unavailable(text) => (StatusCode::SERVICE_UNAVAILABLE, "access_denied", text),
        }
    }

    fn into_response(self) -> Response {
        /// Seconds after which a store that did not answer is asked again.
        const RETRY_AFTER_S: u64 = 5;
        let (after, allow) = match &self {
            Self::TooMany(seconds) => (Some(*seconds), None),
            Self::Unavailable(_) => (Some(RETRY_AFTER_S), None),
            Self::Method(allow) => (None, Some(*allow)),
            Self::Unauthorized | Self::NotFound | Self::MediaType | Self::TooLarge | Self::Late | Self::Invalid(_) => {
                (None, None)
            }
        };
        let (status, err, description) = self.told();
        let mut response = Response::new(Body::from(json!({ "err": err, "description": description }).to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// Counts and logs an answer, as those of the SCIM surface are.
fn told(method: &Method, response: Response, began: Instant) -> Response {
    let (status, elapsed) = (response.status().as_u16(), began.elapsed());
    metrics::counter!("muster_requests_total", "method" => label(method), "status" => status.to_string()).increment(1);
    tracing::info!(
        http.method = label(method),
        http.status = status,
        duration_ms = elapsed.as_secs_f64() * 1e3,
        "answered a receiver of security event tokens"
    );
    response
}

/// What stands behind `Bearer` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one_header(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token.trim())
}

/// Nothing said is JSON as well.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

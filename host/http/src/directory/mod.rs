//! The directory API, `/directory/v1`: for the vendor's backend. Errors are RFC 9457 problems, as those of the admin API are.

mod accounts;
mod changes;
mod groups;
mod local;
mod manual;
mod openapi;
mod routes;
mod signals;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use muster_model::{RequestId, TokenHash};
use muster_service::{DirectoryError, Expected, KeptAnswer, KeyedRequest, Tags};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use routes::routes;

use crate::Wire;
use crate::admin::{body_of, read};
use crate::error::Problem;
use crate::reply::json_response;
use crate::tenant::one_header;

/// Whoever presents a directory key. As with tenants and operators, it is an extractor: without it a handler cannot be written.
#[derive(Debug)]
pub(crate) struct Directory(TokenHash);

impl Directory {
    /// Whether the key is one still: a request that waits can outlast it.
    pub(crate) fn check_again(&self, wire: &Wire) -> Result<(), Problem> {
        if wire.directory_keys.open_with(&self.0) { Ok(()) } else { Err(no_key()) }
    }
}

fn no_key() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "the directory key is missing or not valid")
}

impl FromRequestParts<Wire> for Directory {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Problem> {
        let given = one_header(&parts.headers, &header::AUTHORIZATION).unwrap_or_default();
        let (scheme, key) = given.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(no_key());
        }
        let directory = Self(wire.directory_keys.presented(key.trim()));
        directory.check_again(wire)?;
        Ok(directory)
    }
}

/// The name of a place in a list, and how many are wanted behind it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// `next` of the page before.
    pub after: Option<String>,
    /// How many at most.
    #[serde(default = "default_limit")]
    pub limit: usize,
}

const fn default_limit() -> usize {
    100
}

/// What is answered for a read: the body, and its version where it has one.
#[derive(Debug)]
pub(crate) struct Told(pub Value, pub Option<String>);

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let Self(body, etag) = self;
        answer(StatusCode::OK, &body, etag.as_deref())
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

fn answer(status: StatusCode, body: &Value, etag: Option<&str>) -> Response {
    let mut response = if body.is_null() { status.into_response() } else { json_response(status, body) };
    let is_problem = status.is_client_error() || status.is_server_error();
    let headers = response.headers_mut();
    if !body.is_null() {
        headers.insert(header::CONTENT_TYPE, if is_problem { PROBLEM } else { JSON });
    }
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    // What is told of a person is nobody's to keep on the way.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A request that writes: what it says, under which conditions, and by what a repetition of it is known.
#[derive(Debug)]
pub(crate) struct Written<T> {
    /// What it says; or why it cannot be read, which is an answer as any other: it is given within [`once`].
    pub body: Result<T, Problem>,
    /// `If-Match` and `If-None-Match`.
    pub expected: Expected,
    /// For [`once`].
    pub request: KeyedRequest,
}

impl<T: DeserializeOwned> FromRequest<Wire> for Written<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, wire: &Wire) -> Result<Self, Problem> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let headers = request.headers().clone();
        let name = request.extensions().get::<RequestId>().cloned();
        let name = name.ok_or_else(|| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request has no name"))?;
        let keys: Vec<_> = headers.get_all(KEY).iter().collect();
        // What is no text, or more than one, is a key of nobody: it is refused as one, and not passed over.
        let key = match keys.as_slice() {
            [] => None,
            [one] => Some(one.to_str().unwrap_or_default()),
            [..] => Some(""),
        };
        let lines = |name: HeaderName| headers.get_all(name).iter().map(|line| line.to_str().ok()).collect::<Vec<_>>();
        let (if_match, if_none_match) = (lines(header::IF_MATCH), lines(header::IF_NONE_MATCH));
        let conditions = format!("{if_match:?} {if_none_match:?}");
        let bytes = body_of(request, wire).await?;
        let parts = [method.as_str().as_bytes(), path.as_bytes(), conditions.as_bytes(), &bytes];
        let request = KeyedRequest::new(key, &parts, name)?;
        let expected = Expected { if_match: Tags::read(if_match), if_none_match: Tags::read(if_none_match) };
        Ok(Self { body: read(&bytes), expected, request })
    }
}

/// What a write answers.
pub(crate) type Answered = KeptAnswer;

/// Carries a write out, once for its key: whoever sends it again is given the same answer, which says so.
pub(crate) async fn once(
    wire: &Wire,
    tenant: &str,
    request: &KeyedRequest,
    work: impl Future<Output = Result<Answered, Problem>> + Send,
) -> Result<Response, Problem> {
    let kept = async {
        match work.await {
            Ok(done) => Ok(done),
            // A refusal is an answer as well; what can go better the next time is none.
            Err(problem) if problem.is_final() => {
                Ok(Answered { status: problem.status().as_u16(), etag: None, body: problem.shown() })
            }
            Err(problem) => Err(problem),
        }
    };
    let (done, is_replayed) = wire.service.once(tenant, request, kept).await?;
    let status = StatusCode::from_u16(done.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = answer(status, &done.body, done.etag.as_deref());
    if is_replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        let (status, after, logged) = (error.status(), error.retry_after_s(), error.for_log());
        match error {
            DirectoryError::Plain(error) => Self::from(error).after(after),
            DirectoryError::Cut { first, last } | DirectoryError::OtherLog { first, last } => {
                Self::new(status, error.to_string()).with("first", first.into()).with("last", last.into())
            }
            other => {
                if let DirectoryError::Scim(error) = &other {
                    error.log();
                }
                match logged {
                    Some(logged) => Self::new(status, logged).after(after),
                    None => Self::quoting(status, other.to_string()).after(after),
                }
            }
        }
    }
}

pub(crate) async fn no_such_endpoint(_: Directory) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such directory endpoint")
}

pub(crate) async fn not_allowed(_: Directory, request: Request) -> Problem {
    Problem::quoting(StatusCode::METHOD_NOT_ALLOWED, format!("{} is not possible here", request.method()))
}

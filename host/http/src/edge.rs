//! What every request passes before it is routed: limits, a request id, and which tenant's base path it stands under.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use muster_model::RequestId;
use muster_protocol::dialect::Rule;
use muster_service::{Answered, Notes, ScimError};
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tracing::Instrument;

use crate::Wire;
use crate::error::{Refusal, Refused};
use crate::tenant::one_header;

/// Tells a client, and whoever it asks for help, which request this was.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// When a request came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived(pub Instant);

/// The edge of the SCIM surface.
#[derive(Clone)]
pub(crate) struct Edge {
    wire: Wire,
    routes: Router,
    in_flight: Arc<Semaphore>,
    ids: Arc<RequestIds>,
}

impl Edge {
    pub(crate) fn new(wire: Wire, routes: Router) -> Self {
        let in_flight = Arc::new(Semaphore::new(wire.limits.requests_in_flight));
        Self { wire, routes, in_flight, ids: Arc::new(RequestIds::new()) }
    }

    /// Answers one request, whatever it is.
    pub(crate) async fn answer(self, mut request: Request) -> Response {
        let id = self.ids.next();
        let began = Instant::now();
        request.extensions_mut().insert(Arrived(began));
        let method = request.method().clone();
        let plain_json = wants_plain_json(request.headers());
        let span =
            tracing::info_span!("http", request.id = %id, http.method = %method, tenant.id = tracing::field::Empty);
        let notes = Notes::default();
        request.extensions_mut().insert(notes.clone());
        let mut response = self.limited(request, id.clone()).instrument(span.clone()).await;

        let status = response.status().as_u16();
        let elapsed = began.elapsed();
        metrics::counter!("muster_requests_total", "method" => label(&method), "status" => status.to_string())
            .increment(1);
        metrics::histogram!("muster_request_duration_seconds").record(elapsed.as_secs_f64());
        span.in_scope(|| tracing::info!(http.status = status, duration_ms = elapsed.as_secs_f64() * 1e3, "answered"));
        let refused = response.extensions_mut().remove::<Refused>();
        notes.answered(|| Answered {
            request: id.clone(),
            method: label(&method),
            status,
            refused: refused.map(|Refused(scim_type, detail)| (scim_type, detail)),
            headers: told_of(response.headers()),
            bytes: response.body().size_hint().exact(),
            took: elapsed,
        });
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id.0) {
            headers.insert(REQUEST_ID, id);
        }
        if plain_json && headers.get(header::CONTENT_TYPE) == Some(&crate::reply::SCIM_JSON) {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        response
    }

    async fn limited(self, request: Request, id: RequestId) -> Response {
        let Ok(room) = self.in_flight.clone().try_acquire_owned() else {
            return Refusal(ScimError::Overloaded).into_response();
        };
        let limit = self.wire.limits.request_timeout;
        let is_read =
            matches!(*request.method(), Method::GET | Method::HEAD) || request.uri().path().ends_with("/.search");
        // On a task of its own, a request that is given up on does not leave a commit half decided, and a panic is an answer.
        // It keeps its place until it is really over.
        let work = async move {
            let response = self.routed(request, id).await;
            drop(room);
            response
        };
        let work = tokio::spawn(work.in_current_span());
        // Nothing is half done when a read ends early.
        let reads = is_read.then(|| work.abort_handle());
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(response)) => response,
            Ok(Err(panic)) => Refusal(ScimError::Internal(Box::new(panic))).into_response(),
            Err(_) => {
                if let Some(reads) = reads {
                    reads.abort();
                }
                Refusal(ScimError::Timeout { limit_s: limit.as_secs() }).into_response()
            }
        }
    }

    async fn routed(self, mut request: Request, id: RequestId) -> Response {
        let routes = self.routes.clone();
        match self.enter(&mut request, id) {
            Ok(()) => match routes.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            Err(error) => Refusal(error).into_response(),
        }
    }

    /// Takes the base path off, and notes whose it is.
    fn enter(&self, request: &mut Request<Body>, id: RequestId) -> Result<(), ScimError> {
        let uri = request.uri();
        let length = uri.path_and_query().map_or(0, |it| it.as_str().len());
        if length > self.wire.limits.uri_bytes {
            return Err(ScimError::UriTooLong { limit: self.wire.limits.uri_bytes });
        }
        let (path, query) = tidy(uri.path(), uri.query())?;
        let authorization = one_header(request.headers(), &header::AUTHORIZATION);
        let found = self.wire.service.mount(&path, authorization);
        let (mount, rest) = found.ok_or_else(|| ScimError::NoSuchEndpoint { path: shown(&path) })?;
        let forgiven = debris(uri, &path, authorization);
        let (rest, query) = flagged(rest, query);
        if let Some(notes) = request.extensions().get::<Notes>() {
            forgiven.for_each(|(rule, place)| notes.add_one(rule, place));
            notes.at(rest);
        }
        let rest = if rest.is_empty() { "/" } else { rest };
        let target = if query.is_empty() { rest.to_owned() } else { format!("{rest}?{query}") };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(target.parse().map_err(|_| ScimError::NoSuchEndpoint { path: shown(&path) })?);
        let uri = Uri::from_parts(parts).map_err(|_| ScimError::NoSuchEndpoint { path: shown(&path) })?;
        *request.uri_mut() = uri;
        request.extensions_mut().insert(mount);
        request.extensions_mut().insert(id);
        Ok(())
    }
}

/// One slash where there are several, none at the end; and no way to write a path that two readers would read differently.
fn tidy<'q>(path: &str, query: Option<&'q str>) -> Result<(String, &'q str), ScimError> {
    let lower = path.to_ascii_lowercase();
    let ambiguous = ["%2f", "%5c", "%00", "%2e", "\\"].iter().any(|code| lower.contains(code));
    if ambiguous || path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(ScimError::NoSuchEndpoint { path: shown(path) });
    }
    let mut tidied = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        tidied.push('/');
        tidied.push_str(segment);
    }
    Ok((tidied, query.unwrap_or_default()))
}

/// Entra's feature flag, in lower case.
const FLAG: &str = "aadoptscim062020";

/// Entra's feature flag may stand between the base URL and the rest, as `{base}?aadOptscim062020/Users&filter=...`: then the path is in
/// the query.
fn flagged<'a>(rest: &'a str, query: &'a str) -> (&'a str, &'a str) {
    const JOINED: &str = "aadOptscim062020/";
    let Some(joined) = query.strip_prefix(JOINED).filter(|_| rest.is_empty()) else { return (rest, query) };
    let path_end = joined.find(['?', '&']).unwrap_or(joined.len());
    let slash = query.len() - joined.len() - 1;
    (&query[slash..slash + 1 + path_end], joined.get(path_end + 1..).unwrap_or_default())
}

/// What was forgiven of the request's first line and credential (0.2 rule 7, 1.1, 2.1, 3.1), and where.
fn debris(uri: &Uri, tidied: &str, authorization: Option<&str>) -> impl Iterator<Item = (Rule, &'static str)> + use<> {
    let query = uri.query();
    let hangs =
        query.is_some_and(|query| query.is_empty() || query.starts_with(['?', '&']) || query.ends_with(['?', '&']));
    let has_flag = query.is_some_and(|query| query.to_ascii_lowercase().contains(FLAG));
    let rules = [
        (uri.path() != tidied, Rule::SlashesFolded, "URL"),
        (hangs, Rule::QueryDebris, "URL"),
        (has_flag, Rule::FeatureFlag, "URL"),
        (authorization.is_some_and(|header| !is_bearer(header)), Rule::TokenForm, "Authorization"),
    ];
    rules.into_iter().filter(|(is_needed, ..)| *is_needed).map(|(_, rule, place)| (rule, place))
}

/// `Bearer`, a blank, the token (RFC 6750 §2.1).
fn is_bearer(header: &str) -> bool {
    let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.is_some_and(|(_, token)| !token.is_empty() && !token.contains(char::is_whitespace))
}

/// The headers of an answer that are kept with the request.
fn told_of(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    const KEPT: [HeaderName; 6] = [
        header::ALLOW,
        header::CONTENT_LOCATION,
        header::CONTENT_TYPE,
        header::ETAG,
        header::LOCATION,
        header::RETRY_AFTER,
    ];
    KEPT.into_iter().filter_map(|name| headers.get(&name).cloned().map(|value| (name, value))).collect()
}

/// A path as it may stand in an answer.
fn shown(path: &str) -> String {
    let path = if path.is_empty() { "/" } else { path };
    path.chars().filter(|c| !c.is_control()).take(128).collect()
}

/// A method as it may stand in a metric: clients can make methods up, and each would be another time series.
pub(crate) fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Q13: the answer is `application/scim+json` unless the client asks for `application/json` only.
fn wants_plain_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("scim+json") && !accept.contains("*/*")
}

/// Request ids: a random beginning for this process, and a count.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher, Hasher};
        // The standard library seeds this from the system's random numbers; it names, and protects nothing.
        let process = std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self { process, count: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> RequestId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        RequestId(format!("{:08x}-{count:08x}", self.process >> 32).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_folded_and_ambiguous_paths_refused() {
        assert_eq!(tidy("/scim/v2//Users/", None).unwrap().0, "/scim/v2/Users");
        for path in ["/scim/v2/%2e%2e/x", "/scim/v2/../x", "/scim/v2/a%2Fb", "/scim/v2/a%5Cb", "/scim/v2/a%00"] {
            assert!(tidy(path, None).is_err(), "{path}");
        }
    }

    #[test]
    fn the_flag_of_entra_may_stand_before_the_path() {
        assert_eq!(flagged("", "aadOptscim062020/Users&filter=x"), ("/Users", "filter=x"));
        assert_eq!(flagged("", "aadOptscim062020/Users?filter=x"), ("/Users", "filter=x"));
        assert_eq!(flagged("", "aadOptscim062020/Users"), ("/Users", ""));
        assert_eq!(flagged("/Users", "aadOptscim062020&filter=x"), ("/Users", "aadOptscim062020&filter=x"));
    }

    #[test]
    fn what_hangs_on_a_request_is_told() {
        let rules = |uri: &str, tidied: &str, authorization: &str| -> Vec<Rule> {
            debris(&uri.parse().unwrap(), tidied, Some(authorization)).map(|(rule, _)| rule).collect()
        };
        assert_eq!(rules("/scim/Users?filter=x", "/scim/Users", "Bearer t"), []);
        assert_eq!(rules("/scim//Users/", "/scim/Users", "bearer t"), [Rule::SlashesFolded]);
        for uri in ["/scim/Users?", "/scim/Users?filter=x&", "/scim/Users?filter=x?", "/scim/Users?&filter=x"] {
            assert_eq!(rules(uri, "/scim/Users", "Bearer t"), [Rule::QueryDebris], "{uri}");
        }
        assert_eq!(rules("/scim/Users?aadOptscim062020", "/scim/Users", "Bearer t"), [Rule::FeatureFlag]);
        for header in ["t", "Bearer Bearer t", "Bearer  t", " Bearer t", "Bearer"] {
            assert_eq!(rules("/scim/Users", "/scim/Users", header), [Rule::TokenForm], "{header}");
        }
    }
}

use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use muster_model::ResourceType;
use muster_protocol::dialect::Rule;
use muster_protocol::json;
use muster_protocol::project::Projection;
use muster_service::{Bound, Caller, Expected, Notes, ScimError, Tags};
use serde_json::Value;

use crate::error::Refusal;
use crate::{HttpLimits, Wire};

/// The kind of resource that the path names, if the tenant's plugin serves it.
pub(crate) fn kind(caller: &Caller, endpoint: &str) -> Result<ResourceType, ScimError> {
    caller.bound().kind(endpoint)
}

/// The one name in a path: its first segment, or what stands behind `/Schemas` and `/ResourceTypes`.
#[derive(Debug)]
pub(crate) struct Endpoint(pub String);

/// The path's first two segments.
#[derive(Debug)]
pub(crate) struct EndpointAndId(pub String, pub String);

impl FromRequestParts<Wire> for Endpoint {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Refusal> {
        match Path::<String>::from_request_parts(parts, wire).await {
            Ok(Path(endpoint)) => Ok(Self(endpoint)),
            Err(_) => Err(no_such(parts)),
        }
    }
}

impl FromRequestParts<Wire> for EndpointAndId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Refusal> {
        match Path::<(String, String)>::from_request_parts(parts, wire).await {
            Ok(Path((endpoint, id))) => Ok(Self(endpoint, id)),
            Err(_) => Err(no_such(parts)),
        }
    }
}

fn no_such(parts: &Parts) -> Refusal {
    Refusal(ScimError::NoSuchEndpoint { path: parts.uri.path().to_owned() })
}

/// The query string, as forgiving as IdPs need it: a stray `?` or `&` at the end, unknown parameters, names in any case.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    fn read(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.trim_matches(['?', '&']).as_bytes());
        Self {
            pairs: pairs.map(|(name, value)| (name.trim_start_matches('?').to_owned(), value.into_owned())).collect(),
        }
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Tells what was forgiven of it.
    fn note(&self, notes: &Notes) {
        for (given, value) in &self.pairs {
            let Some(name) = PARAMETERS.into_iter().find(|name| name.eq_ignore_ascii_case(given)) else { continue };
            if name != given {
                notes.add_one(Rule::ParameterCase, name);
            }
            if name.ends_with("ttributes") && value.contains('[') {
                notes.add_one(Rule::ValuePathAsAttribute, name);
            }
        }
    }

    /// `attributes` and `excludedAttributes` (RFC 7644 §3.9).
    pub(crate) fn projection(&self, caller: &Caller, kind: &ResourceType) -> Result<Projection, ScimError> {
        self.projection_in(caller.bound(), kind)
    }

    /// The same, for who is no [`Caller`].
    pub(crate) fn projection_in(&self, bound: &Bound, kind: &ResourceType) -> Result<Projection, ScimError> {
        let def = bound.accepted.get(kind.as_str());
        let def = def.ok_or_else(|| ScimError::NoSuchEndpoint { path: format!("/{kind}s") })?;
        Ok(Projection::parse(def, self.get("attributes"), self.get("excludedAttributes"))?)
    }
}

impl FromRequestParts<Wire> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Wire) -> Result<Self, Self::Rejection> {
        let query = Self::read(parts.uri.query().unwrap_or_default());
        if let Some(notes) = parts.extensions.get::<Notes>() {
            query.note(notes);
        }
        Ok(query)
    }
}

/// `If-Match` and `If-None-Match` (RFC 9110 §13.1).
#[derive(Debug)]
pub(crate) struct Conditions(pub Expected);

impl FromRequestParts<Wire> for Conditions {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Wire) -> Result<Self, Self::Rejection> {
        let tags = |name| Tags::read(parts.headers.get_all(name).iter().map(|line| line.to_str().ok()));
        Ok(Self(Expected { if_match: tags(header::IF_MATCH), if_none_match: tags(header::IF_NONE_MATCH) }))
    }
}

/// The body as JSON, by the strict reader; 413, 415 and 400 as RFC 7644 §3.12 has them.
#[derive(Debug)]
pub(crate) struct ScimJson(pub Value);

impl FromRequest<Wire> for ScimJson {
    type Rejection = Refusal;

    async fn from_request(request: Request, wire: &Wire) -> Result<Self, Refusal> {
        if !is_json(request.headers()) {
            return Err(Refusal(ScimError::UnsupportedMediaType));
        }
        let notes = request.extensions().get::<Notes>().cloned().unwrap_or_default();
        if !is_scim_json(request.headers()) {
            notes.add_one(Rule::ContentTypeOther, "Content-Type");
        }
        let began = Instant::now();
        let bytes = read(request.into_body(), &wire.limits).await?;
        notes.body(&bytes, began.elapsed());
        let began = Instant::now();
        let parsed = json::parse(&bytes);
        notes.parsed(began.elapsed());
        Ok(Self(parsed?))
    }
}

/// Reads a body up to its limit.
///
/// When the time of the request is over, `edge.rs` has answered already; giving the body up as well lets the connection go, which a
/// client that sends no more would hold for ever.
async fn read(body: Body, limits: &HttpLimits) -> Result<bytes::Bytes, ScimError> {
    let limit = limits.body_bytes;
    match tokio::time::timeout(limits.request_timeout, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ScimError::PayloadTooLarge { limit }),
        Ok(Err(_)) => Err(muster_protocol::Invalid::syntax("the body ended before it was complete").into()),
        Err(_) => Err(ScimError::Timeout { limit_s: limits.request_timeout.as_secs() }),
    }
}

/// The parameters of RFC 7644 §3.4.2 and RFC 9865.
const PARAMETERS: [&str; 8] =
    ["attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"];

/// Whether a body says that it is SCIM.
fn is_scim_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/scim+json")
}

/// Any JSON will do, with whatever parameters; and so will nothing said (0.2, number 6).
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    ["application/scim+json", "application/json", "text/json"].iter().any(|json| essence.eq_ignore_ascii_case(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_what_idps_append_to_it() {
        for query in ["filter=a+eq+%22b%22&", "filter=a%20eq%20%22b%22?", "?filter=a+eq+%22b%22", "Filter=a+eq+%22b%22"]
        {
            assert_eq!(Query::read(query).get("filter"), Some("a eq \"b\""), "{query}");
        }
    }
}

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use muster_model::RequestId;
use muster_service::{Caller, Head, Mount, Notes, Principal, ScimError, Subject};

use crate::Wire;
use crate::error::Refusal;

/// An authenticated tenant. Authentication is this extractor, in the handler: no path, however it is written, gets past it. A token of one
/// user is refused by it, so that a handler that does not think of such tokens is closed to them.
#[derive(Debug)]
pub(crate) struct Authenticated(pub Caller);

/// Whoever may read what the server can do: a tenant, or one of its users.
#[derive(Debug)]
pub(crate) struct Reader(pub Principal);

/// The user that a token speaks for; a token of the tenant itself speaks for nobody (RFC 7644 §3.11).
#[derive(Debug)]
pub(crate) struct Myself(pub Subject);

impl FromRequestParts<Wire> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Refusal> {
        match principal(parts, wire)? {
            Principal::Tenant(caller) => Ok(Self(caller)),
            Principal::User(_) => Err(Refusal(ScimError::Forbidden { detail: ONE_USER_ONLY })),
        }
    }
}

impl FromRequestParts<Wire> for Reader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Refusal> {
        principal(parts, wire).map(Self)
    }
}

impl FromRequestParts<Wire> for Myself {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Refusal> {
        match principal(parts, wire)? {
            Principal::User(subject) => Ok(Self(subject)),
            Principal::Tenant(_) => Err(Refusal(ScimError::NotImplemented { what: "/Me" })),
        }
    }
}

const ONE_USER_ONLY: &str = "this token speaks for one user: it opens /Me and discovery only";

fn principal(parts: &Parts, wire: &Wire) -> Result<Principal, Refusal> {
    let mount = parts.extensions.get::<Mount>();
    let request = parts.extensions.get::<RequestId>();
    // Both are put there by `edge.rs`; a request that did not come through it belongs to no tenant.
    let (Some(mount), Some(request)) = (mount, request) else {
        return Err(Refusal(ScimError::NoSuchEndpoint { path: parts.uri.path().to_owned() }));
    };
    let notes = parts.extensions.get::<Notes>().cloned().unwrap_or_default();
    let principal = wire.service.authenticate(mount, request.clone(), &origin(wire, parts), notes.clone());
    notes.head(|| Head {
        http: parts.version,
        base: mount.prefix.clone(),
        uri: parts.uri.clone(),
        headers: parts.headers.clone(),
    });
    let principal = principal?;
    tracing::Span::current().record("tenant.id", tracing::field::display(&principal.tenant().id));
    Ok(principal)
}

/// The value of a header that is there exactly once: of two credentials none counts.
pub(crate) fn one_header<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

/// The origin that this client knows the server by.
fn origin(wire: &Wire, parts: &Parts) -> String {
    if let Some(origin) = &wire.public_origin {
        return origin.clone();
    }
    let named = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = named.or_else(|| parts.headers.get(header::HOST)?.to_str().ok());
    // `Host` is the client's word: it comes back to that client only, and only if it is written as a host.
    let fits = |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    format!("http://{}", host.filter(fits).unwrap_or("localhost"))
}

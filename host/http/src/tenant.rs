use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use muster_model::RequestId;
use muster_service::{Caller, Mount, ScimError};

use crate::Wire;
use crate::error::Refusal;

/// An authenticated tenant. Authentication is this extractor, in the handler: no path, however it is written, gets past it.
#[derive(Debug)]
pub(crate) struct Authenticated(pub Caller);

impl FromRequestParts<Wire> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, wire: &Wire) -> Result<Self, Refusal> {
        let mount = parts.extensions.get::<Mount>().cloned();
        let request = parts.extensions.get::<RequestId>().cloned();
        // Both are put there by `edge.rs`; a request that did not come through it belongs to no tenant.
        let (Some(mount), Some(request)) = (mount, request) else {
            return Err(Refusal(ScimError::NoSuchEndpoint { path: parts.uri.path().to_owned() }));
        };
        let authorization = one_header(&parts.headers, &header::AUTHORIZATION);
        let origin = origin(wire, parts);
        let caller = wire.service.authenticate(authorization, &mount, request, &origin)?;
        tracing::Span::current().record("tenant.id", tracing::field::display(&caller.tenant().id));
        Ok(Self(caller))
    }
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

//! What the plugins ask for, at the products' APIs. Each request has an `Idempotency-Key`, and its effect once.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Shared;
use crate::database::Once;
use crate::muster::{is_id, read, tenant_of};
use crate::products::{Call, Product};

/// How long a request may be, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// How long an `Idempotency-Key` may be, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 512;

/// Any request at a product's API.
pub(crate) async fn take(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(product) = Product::at(host) else { return StatusCode::MISDIRECTED_REQUEST.into_response() };
    if !is_known(&head.headers, &shared, product) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let key = head.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let Some(key) = key.filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES) else {
        return (StatusCode::BAD_REQUEST, "a request needs an Idempotency-Key of at most 512 bytes").into_response();
    };
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let said = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
    let Ok(said) = said else { return (StatusCode::BAD_REQUEST, "the body is no JSON").into_response() };

    let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
    let mut digest = Sha256::new();
    digest.update(format!("{} {path}?{query}\n", head.method));
    digest.update(&body);
    let fingerprint = hex::encode(digest.finalize());
    let call =
        Call { method: head.method.as_str(), path: path.split('/').skip(1).collect(), query: &query, body: said };
    let done = shared.database.once(product, key, &fingerprint, |transaction| product.does(transaction, &call));
    if let (Ok(Once::Now(_) | Once::Before(_)), Some(user)) = (&done, product.removed(&call))
        && let Err(why) = look_again(&shared, product, user).await
    {
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    }
    match done {
        Ok(Once::Now(status)) => {
            shared.mails.notify_one();
            shared.signals.notify_one();
            status_of(status).into_response()
        }
        Ok(Once::Before(status)) => (status_of(status), [("idempotent-replayed", "true")]).into_response(),
        Ok(Once::Another) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "this Idempotency-Key was another request's").into_response()
        }
        // The database does not answer just now.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Whether a user who was to be gone is back meanwhile, as Muster's directory says: the removal waited, and the webhook that told of the return
/// did not.
async fn look_again(shared: &Shared, product: Product, user: &str) -> Result<(), String> {
    if !is_id(user)
        || tenant_of(shared, product).is_none()
        || read(shared, product, &format!("/accounts/{user}")).await?.is_none()
    {
        return Ok(());
    }
    let back = shared.database.change(|transaction| product.is_back(transaction, user));
    back.map_err(|_| "the database does not answer".to_owned())
}

fn is_known(headers: &HeaderMap, shared: &Shared, product: Product) -> bool {
    let sent = headers.get("authorization").and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let own = shared.keys.api.get(&product);
    own.is_some_and(|own| bool::from(own.as_bytes().ct_eq(sent.as_bytes())))
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

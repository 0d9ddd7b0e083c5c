//! The products' SCIM settings: who may have a key, and what has to be there before. Each request is decided by the role of whoever is signed
//! in and by the rules of the product (`rules.rs`); only then is Muster's admin API asked.

mod keys;
mod on_request;
mod page;
mod people;
mod public;
mod rules;
mod switches;
mod visitor;
mod workspaces;

use std::sync::Arc;

use axum::extract::{Path, RawPathParams, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::admin::Failed;
use crate::{Product, Shared};
pub(crate) use people::Sessions;
use people::{Person, people};
pub(crate) use public::{MEMBERS, members};
use rules::{Desk, Rules};
use visitor::{Place, Visitor, only_if};

/// Why nothing was done.
#[derive(Debug)]
enum Refused {
    NoSuchPage,
    NotSignedIn,
    /// The role is not one that may; how it is.
    Forbidden(&'static str),
    /// Something has to be there first, or Muster says no.
    Not(String),
    /// Muster or the database does not answer just now.
    Unavailable(String),
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Unavailable(why) => Self::Unavailable(format!("Muster was not reached: {why}")),
            Failed::Refused(why) => Self::Not(format!("Muster says no: {why}")),
        }
    }
}

impl From<rusqlite::Error> for Refused {
    fn from(_: rusqlite::Error) -> Self {
        Self::Unavailable("the database does not answer".to_owned())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "There is no such page.".to_owned()),
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "Sign in first.".to_owned()),
            Self::Forbidden(why) => (StatusCode::FORBIDDEN, why.to_owned()),
            Self::Not(why) => (StatusCode::CONFLICT, why),
            Self::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        };
        (status, Extension(Why(why))).into_response()
    }
}

/// The sentence of a refusal, until [`explain`] makes a page of it.
#[derive(Debug, Clone)]
struct Why(String);

/// Refusals are pages: of the product, to whoever is signed in there, with the way back.
async fn explain(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let product = params.iter().find(|(name, _)| *name == "product").and_then(|(_, name)| Product::named(name));
    let headers = request.headers().clone();
    let mut answer = next.run(request).await;
    let Some(Why(why)) = answer.extensions_mut().remove() else { return answer };
    // Where that cannot be known, the sentence alone is told.
    let viewer = product.and_then(|product| signed_in(&shared, product, &headers).ok().flatten());
    (answer.status(), page::refused(desk, product, viewer.as_ref(), &why)).into_response()
}

/// Both desks. At Popl's settings there is nothing that makes a key, and at Secoda's nothing that switches SCIM on: their support has a desk of
/// its own.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new().nest("/settings", desk(Desk::Settings, shared)).nest("/support", desk(Desk::Support, shared))
}

fn desk(desk: Desk, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/{product}", get(show))
        .route("/{product}/sign-in/{person}", post(sign_in))
        .route("/{product}/keys", post(make_key))
        .route("/{product}/keys/{id}/revoke", post(revoke_key))
        .route("/{product}/single-sign-on/{to}", post(switches::single_sign_on))
        .route("/{product}/open-id-connect/{to}", post(switches::open_id_connect))
        .route("/{product}/activation/{to}", post(switches::activation))
        .route("/{product}/plan/{to}", post(on_request::switch_plan))
        .route("/{product}/scim/{to}", post(on_request::switch_scim))
        .route("/{product}/workspaces/{name}/enterprise/{to}", post(workspaces::switch_enterprise))
        .route("/{product}/workspaces/{name}/default", post(workspaces::make_default))
        .layer(from_fn_with_state(shared.clone(), explain))
        .layer(Extension(desk))
}

/// The page of a product's support, where that hands keys out or switches SCIM on.
pub(crate) fn support_of(product: Product) -> Option<String> {
    Rules::of(product).has(Desk::Support).then(|| format!("/{}/{}", Desk::Support.name(), product.name()))
}

/// `GET /settings/{product}`
async fn show(State(shared): State<Arc<Shared>>, at: Place, headers: HeaderMap) -> Result<Response, Refused> {
    only_if(at.desk == Desk::Settings || at.rules.has(at.desk))?;
    page::settings(&shared, at.desk, at.product, &headers).await
}

/// `POST /settings/{product}/sign-in/{person}`
async fn sign_in(
    State(shared): State<Arc<Shared>>,
    at: Place,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let people = shared.database.change(|transaction| people(transaction, at.product))?;
    only_if(people.iter().any(|person| person.id == id))?;
    let cookie = shared.sessions.begin(at.product, &id).map_err(|error| Refused::Unavailable(error.to_string()))?;
    Ok(([(header::SET_COOKIE, cookie)], at.back()).into_response())
}

/// `POST /settings/{product}/keys`: the answer is the only one that has the key.
async fn make_key(
    State(shared): State<Arc<Shared>>,
    Visitor { at, person }: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let new = keys::make(&shared, at.product, &person).await?;
    // By the name that the browser has for this machine: the guard has let no other pass.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let api = format!("http://{host}{MEMBERS}");
    Ok((StatusCode::CREATED, page::new_key(at.desk, at.product, &new, &api)).into_response())
}

/// `POST /settings/{product}/keys/{id}/revoke`
async fn revoke_key(
    State(shared): State<Arc<Shared>>,
    Visitor { at, person }: Visitor,
    Path((_, id)): Path<(String, String)>,
) -> Result<Redirect, Refused> {
    keys::revoke(&shared, at.product, &person, &id).await?;
    Ok(at.back())
}

/// Whoever asks, if they are signed in and still there.
fn signed_in(shared: &Shared, product: Product, headers: &HeaderMap) -> Result<Option<Person>, Refused> {
    let Some(id) = shared.sessions.whose(product, headers) else { return Ok(None) };
    let people = shared.database.change(|transaction| people(transaction, product))?;
    Ok(people.into_iter().find(|person| person.id == id))
}

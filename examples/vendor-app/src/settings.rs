//! The products' SCIM settings: who may have a key, and what has to be there before. Each request is decided by the role of whoever is signed
//! in and by the rules of the product (`rules.rs`); only then is Muster's admin API asked.

mod keys;
mod on_request;
mod page;
mod people;
mod public;
mod rules;
mod workspaces;

use std::sync::Arc;

use axum::extract::{Path, RawPathParams, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::admin::{Failed, Tenant};
use crate::{Product, Shared};
pub(crate) use people::Sessions;
use people::{Person, people};
pub(crate) use public::{MEMBERS, members};
use rules::{Desk, Rules};

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
        .route("/{product}/single-sign-on/{to}", post(switch_sso))
        .route("/{product}/open-id-connect/{to}", post(switch_open_id))
        .route("/{product}/activation/{to}", post(switch_activation))
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
async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path(product): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let product = Product::named(&product).ok_or(Refused::NoSuchPage)?;
    if desk == Desk::Support && !Rules::of(product).has(desk) {
        return Err(Refused::NoSuchPage);
    }
    page::settings(&shared, desk, product, &headers).await
}

/// `POST /settings/{product}/sign-in/{person}`
async fn sign_in(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path((product, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let product = Product::named(&product).ok_or(Refused::NoSuchPage)?;
    let people = shared.database.change(|transaction| people(transaction, product))?;
    if !people.iter().any(|person| person.id == id) {
        return Err(Refused::NoSuchPage);
    }
    let cookie = shared.sessions.begin(product, &id).map_err(|error| Refused::Unavailable(error.to_string()))?;
    Ok(([(header::SET_COOKIE, cookie)], back(desk, product)).into_response())
}

/// `POST /settings/{product}/keys`: the answer is the only one that has the key.
async fn make_key(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path(product): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let product = served(desk, &product)?;
    let person = signed_in(&shared, product, &headers)?.ok_or(Refused::NotSignedIn)?;
    let new = keys::make(&shared, product, &person).await?;
    // By the name that the browser has for this machine: the guard has let no other pass.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let api = format!("http://{host}{MEMBERS}");
    Ok((StatusCode::CREATED, page::new_key(desk, product, &new, &api)).into_response())
}

/// `POST /settings/{product}/keys/{id}/revoke`
async fn revoke_key(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path((product, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let product = served(desk, &product)?;
    let person = signed_in(&shared, product, &headers)?.ok_or(Refused::NotSignedIn)?;
    keys::revoke(&shared, product, &person, &id).await?;
    Ok(back(desk, product))
}

/// `POST /settings/{product}/single-sign-on/{on|off}`
async fn switch_sso(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path((product, to)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let product = served(desk, &product)?;
    let (rules, is_on) = (Rules::of(product), switched(&to)?);
    if !rules.needs_sso {
        return Err(Refused::NoSuchPage);
    }
    administrator(&shared, product, &headers)?;
    if rules.needs_activation && !is_on {
        // Without it SCIM is not activated either, and the plugin would not have it so.
        activate(&shared, product, None).await?;
    }
    if rules.is_on_request && !is_on {
        on_request::switch(&shared, product, false).await?;
    }
    let switched =
        "INSERT INTO single_sign_on (product, is_on) VALUES (?1, ?2) ON CONFLICT (product) DO UPDATE SET is_on = ?2";
    shared.database.change(|transaction| transaction.execute(switched, params![product.name(), is_on]))?;
    Ok(back(desk, product))
}

/// `POST /settings/{product}/activation/{on|off}`
async fn switch_activation(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path((product, to)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let product = served(desk, &product)?;
    let is_on = switched(&to)?;
    if !Rules::of(product).needs_activation {
        return Err(Refused::NoSuchPage);
    }
    administrator(&shared, product, &headers)?;
    if is_on && !shared.database.change(|transaction| is_sso_on(transaction, product))? {
        return Err(Refused::Not("single sign-on (SAML) has to be configured first".to_owned()));
    }
    let is_open_id = shared.database.change(|transaction| is_by_open_id(transaction, product))?;
    activate(&shared, product, is_on.then_some(is_open_id)).await?;
    Ok(back(desk, product))
}

/// `POST /settings/{product}/open-id-connect/{on|off}`: single sign-on is by it, or by SAML. While SCIM is activated the plugin is asked first.
async fn switch_open_id(
    State(shared): State<Arc<Shared>>,
    Extension(desk): Extension<Desk>,
    Path((product, to)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Redirect, Refused> {
    let product = served(desk, &product)?;
    let is_open_id = switched(&to)?;
    if !Rules::of(product).needs_activation {
        return Err(Refused::NoSuchPage);
    }
    administrator(&shared, product, &headers)?;
    if keys::is_activated(&Tenant::of(&shared, product)?.view().await?) {
        activate(&shared, product, Some(is_open_id)).await?;
    }
    let switched = if is_open_id {
        "INSERT OR IGNORE INTO open_id_connect (product) VALUES (?1)"
    } else {
        "DELETE FROM open_id_connect WHERE product = ?1"
    };
    shared.database.change(|transaction| transaction.execute(switched, [product.name()]))?;
    Ok(back(desk, product))
}

/// Tells the plugin, which serves nothing before. `by_open_id`: how single sign-on is done; `None`: SCIM is not activated any more.
async fn activate(shared: &Shared, product: Product, by_open_id: Option<bool>) -> Result<(), Refused> {
    let tenant = Tenant::of(shared, product)?;
    let view = tenant.view().await?;
    let sso = match by_open_id {
        None => "none",
        Some(true) => "oidc",
        Some(false) => "saml",
    };
    Ok(tenant.configure(view, &json!({ "activated": by_open_id.is_some(), "sso": sso })).await?)
}

/// The product, if its keys are made at this desk.
fn served(desk: Desk, product: &str) -> Result<Product, Refused> {
    let product = Product::named(product).ok_or(Refused::NoSuchPage)?;
    if Rules::of(product).desk == desk { Ok(product) } else { Err(Refused::NoSuchPage) }
}

/// Whoever asks, if they are signed in and still there.
fn signed_in(shared: &Shared, product: Product, headers: &HeaderMap) -> Result<Option<Person>, Refused> {
    let Some(id) = shared.sessions.whose(product, headers) else { return Ok(None) };
    let people = shared.database.change(|transaction| people(transaction, product))?;
    Ok(people.into_iter().find(|person| person.id == id))
}

fn administrator(shared: &Shared, product: Product, headers: &HeaderMap) -> Result<(), Refused> {
    let (rules, person) = (Rules::of(product), signed_in(shared, product, headers)?.ok_or(Refused::NotSignedIn)?);
    if person.role == rules.maker { Ok(()) } else { Err(Refused::Forbidden(rules.told_at(rules.desk))) }
}

fn is_sso_on(connection: &Connection, product: Product) -> rusqlite::Result<bool> {
    let is_on = "SELECT is_on FROM single_sign_on WHERE product = ?1";
    let switched = connection.query_row(is_on, [product.name()], |row| row.get(0)).optional()?;
    Ok(switched.unwrap_or(true))
}

fn is_by_open_id(connection: &Connection, product: Product) -> rusqlite::Result<bool> {
    let is_there = "SELECT EXISTS (SELECT 1 FROM open_id_connect WHERE product = ?1)";
    connection.query_row(is_there, [product.name()], |row| row.get(0))
}

fn switched(to: &str) -> Result<bool, Refused> {
    match to {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Refused::NoSuchPage),
    }
}

fn back(desk: Desk, product: Product) -> Redirect {
    Redirect::to(&format!("/{}/{}", desk.name(), product.name()))
}

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, delete, get, post, put};
use http::{Method, StatusCode};
use muster_service::ScimError;
use tracing::Instrument as _;

use crate::edge::{Edge, RequestIds};
use crate::error::{Problem, Refusal};
use crate::refusals::told;
use crate::tenant::{Authenticated, Reader};
use crate::{Wire, admin, directory, events, scim};

/// Every route that identity providers meet, behind a tenant's base path.
pub fn scim_router(wire: Wire) -> Router {
    let routes = Router::new()
        .route("/ServiceProviderConfig", get(scim::discovery::service_provider_config).fallback(only_get))
        .route("/ResourceTypes", get(scim::discovery::resource_types).fallback(only_get))
        .route("/ResourceTypes/{name}", get(scim::discovery::resource_type).fallback(only_get))
        .route("/Schemas", get(scim::discovery::schemas).fallback(only_get))
        .route("/Schemas/{urn}", get(scim::discovery::schema).fallback(only_get))
        .route(
            "/Me",
            get(scim::me::get)
                .post(scim::me::create)
                .put(scim::me::replace)
                .patch(scim::me::patch)
                .delete(scim::me::delete)
                .fallback(scim::me::not_allowed),
        )
        .route("/Bulk", post(scim::bulk::bulk).fallback(only_post))
        .route("/.async/{name}", get(scim::asynchronous::state).fallback(only_state))
        .route("/", get(scim::list::list_all).fallback(only_list))
        .route("/.search", post(scim::search::search_all).fallback(only_post))
        .route("/{endpoint}/.search", post(scim::search::search).fallback(only_post))
        .route("/{endpoint}", get(scim::list::list).post(scim::create::create).fallback(only_collection))
        .route(
            "/{endpoint}/{id}",
            get(scim::get::get)
                .put(scim::replace::replace)
                .patch(scim::patch::patch)
                .delete(scim::delete::delete)
                .fallback(only_resource),
        )
        .fallback(no_such_endpoint)
        .with_state(wire.clone());
    let edge = Edge::new(wire.clone(), routes);
    Router::new()
        .route("/healthz", get(admin::health::healthz).fallback(only_get_health))
        .route("/readyz", get(admin::health::readyz).fallback(only_get_health))
        .route("/t/{tenant}/events/{stream}", any(events::poll))
        .route("/t/{tenant}/.well-known/jwks.json", any(events::jwks))
        .with_state(wire)
        .fallback(move |request: Request| edge.clone().answer(request))
}

/// Every route that operators meet.
pub fn admin_router(wire: Wire) -> Router {
    Router::new()
        .nest("/admin/v1", operations(&wire))
        .nest("/directory/v1", product())
        .route("/healthz", get(admin::health::healthz))
        .route("/readyz", get(admin::health::readyz))
        .route("/metrics", get(admin::health::metrics))
        .fallback(admin::no_such_endpoint)
        .with_state(wire)
}

/// The SCIM surface with `/admin/v1` beside it, for a deployment that wants one listener.
pub fn with_admin(wire: Wire, scim: Router) -> Router {
    scim.merge(Router::new().nest("/admin/v1", operations(&wire)).with_state(wire))
}

/// The SCIM surface with `/directory/v1` beside it, for a product that does not reach the operators' listener.
pub fn with_directory(wire: Wire, scim: Router) -> Router {
    scim.merge(Router::new().nest("/directory/v1", product()).with_state(wire))
}

/// Every route that the vendor's product meets: `directory/routes.rs` has them.
fn product() -> Router<Wire> {
    let ids = Arc::new(RequestIds::new());
    let routes = directory::routes().into_iter();
    routes
        .fold(Router::new(), |router, (path, _, methods)| router.route(path, methods))
        .method_not_allowed_fallback(directory::not_allowed)
        .fallback(directory::no_such_endpoint)
        .layer(from_fn(in_time))
        .layer(from_fn(move |request, next| told("directory", ids.clone(), request, next)))
}

/// Seconds that an operator's request may take: a large plugin takes long to compile.
const ADMIN_TIMEOUT: Duration = Duration::from_mins(2);

/// Lets a request of an operator or of the product run to its end, whether or not anybody waits for the answer: what the store has taken must
/// also be what this process serves.
async fn in_time(request: Request, next: Next) -> Result<Response, Problem> {
    let work = tokio::spawn(next.run(request).in_current_span());
    match tokio::time::timeout(ADMIN_TIMEOUT, work).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            tracing::error!(%error, "a request ended early");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request ended early".to_owned()))
        }
        Err(_) => {
            let detail = format!("the request took longer than {} s", ADMIN_TIMEOUT.as_secs());
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
    }
}

fn operations(wire: &Wire) -> Router<Wire> {
    let limit = DefaultBodyLimit::max(wire.limits.plugin_bytes);
    let ids = Arc::new(RequestIds::new());
    Router::new()
        .route("/tenants", get(admin::tenants::list).post(admin::tenants::create))
        .route("/tenants/{tenant}", get(admin::tenants::show))
        .route("/tenants/{tenant}/tokens", get(admin::tokens::list).post(admin::tokens::issue))
        .route("/tenants/{tenant}/tokens/{token}", delete(admin::tokens::revoke))
        .route("/tenants/{tenant}/binding", put(admin::bindings::bind))
        .route("/tenants/{tenant}/binding/rollback", post(admin::bindings::rollback))
        .route("/tenants/{tenant}/wants", get(admin::grants::show))
        .route("/tenants/{tenant}/grants", post(admin::grants::grant))
        .route("/tenants/{tenant}/grants/withdraw", post(admin::grants::withdraw))
        .route("/tenants/{tenant}/secrets", get(admin::secrets::list).post(admin::secrets::set))
        .route("/tenants/{tenant}/secrets/remove", post(admin::secrets::remove))
        .route("/tenants/{tenant}/streams", get(admin::streams::list).post(admin::streams::add))
        .route("/tenants/{tenant}/streams/{stream}", put(admin::streams::change).delete(admin::streams::remove))
        .route("/tenants/{tenant}/streams/{stream}/on", post(admin::streams::on))
        .route("/tenants/{tenant}/streams/{stream}/off", post(admin::streams::off))
        .route("/tenants/{tenant}/streams/{stream}/verify", post(admin::streams::verify))
        .route("/tenants/{tenant}/streams/{stream}/token", post(admin::streams::renew_token))
        .route("/tenants/{tenant}/streams/{stream}/deliveries", get(admin::streams::deliveries))
        .route("/tenants/{tenant}/stream-keys/rotate", post(admin::streams::rotate_key))
        .route("/tenants/{tenant}/rollouts", get(admin::rollouts::list).post(admin::rollouts::start))
        .route("/tenants/{tenant}/rollouts/{id}", get(admin::rollouts::show))
        .route("/tenants/{tenant}/rollouts/{id}/activate", post(admin::rollouts::activate))
        .route("/tenants/{tenant}/rollouts/{id}/continue", post(admin::rollouts::go_on))
        .route("/tenants/{tenant}/rollouts/{id}/remap", post(admin::rollouts::remap))
        .route("/tenants/{tenant}/rollouts/{id}/cancel", post(admin::rollouts::cancel))
        .route("/tenants/{tenant}/scim", get(admin::scim::show).put(admin::scim::set))
        .route("/tenants/{tenant}/accounts", get(admin::accounts::list))
        .route("/tenants/{tenant}/accounts/{id}", get(admin::records::account))
        .route("/tenants/{tenant}/log", get(admin::log::read))
        .route("/tenants/{tenant}/log/head", post(admin::log::head))
        .route("/tenants/{tenant}/log/verify", post(admin::log::verify))
        .route("/tenants/{tenant}/retention", get(admin::retention::show).put(admin::retention::set))
        .route("/tenants/{tenant}/undo", post(admin::undo::undo))
        .route("/tenants/{tenant}/resources/{id}/history", get(admin::history::history))
        .route("/tenants/{tenant}/requests", get(admin::requests::list))
        .route("/tenants/{tenant}/requests/{request}", get(admin::requests::show))
        .route("/tenants/{tenant}/tasks", get(admin::tasks::list))
        .route("/tenants/{tenant}/tasks/counts", get(admin::tasks::counts))
        .route("/tenants/{tenant}/tasks/{task}", get(admin::tasks::show).post(admin::tasks::decide_many))
        .route("/tenants/{tenant}/tasks/{task}/{verdict}", post(admin::tasks::decide))
        .route("/tenants/{tenant}/webhooks", get(admin::webhooks::list).post(admin::webhooks::add))
        .route(
            "/tenants/{tenant}/webhooks/{webhook}",
            get(admin::webhooks::show).put(admin::webhooks::set).delete(admin::webhooks::remove),
        )
        .route("/tenants/{tenant}/webhooks/{webhook}/on", post(admin::webhooks::on))
        .route("/tenants/{tenant}/webhooks/{webhook}/off", post(admin::webhooks::off))
        .route("/tenants/{tenant}/webhooks/{webhook}/test", post(admin::webhooks::test))
        .route("/tenants/{tenant}/webhooks/{webhook}/rotate", post(admin::webhooks::rotate))
        .route("/tenants/{tenant}/webhooks/{webhook}/deliveries", get(admin::webhooks::deliveries))
        .route("/tenants/{tenant}/deprovision", get(admin::deprovision::target).put(admin::deprovision::set_target))
        .route("/tenants/{tenant}/deprovisions", get(admin::deprovision::list))
        .route("/tenants/{tenant}/deprovisions/{user}", get(admin::deprovision::show))
        .route("/tenants/{tenant}/deprovisions/{user}/evidence", post(admin::deprovision::evidence))
        .route("/tenants/{tenant}/brake", get(admin::brake::show).put(admin::brake::set))
        .route("/tenants/{tenant}/brake/held", get(admin::brake::held))
        .route("/tenants/{tenant}/brake/{decision}", post(admin::brake::relieve))
        .route("/exports", get(admin::moving::exports).post(admin::moving::export))
        .route("/exports/{id}", delete(admin::moving::delete_export))
        .route("/exports/{id}/content", get(admin::moving::content))
        .route("/imports", get(admin::moving::imports).post(admin::moving::import))
        .route("/imports/{id}", get(admin::moving::show_import).delete(admin::moving::abandon))
        .route("/imports/{id}/lines", put(admin::moving::load))
        .route("/imports/{id}/finish", post(admin::moving::finish))
        .route("/backups", get(admin::backups::list).post(admin::backups::create))
        .route("/jobs", get(admin::jobs::list))
        .route("/jobs/{id}", get(admin::jobs::show))
        .route("/profiles", get(admin::scim::profiles))
        .route("/plugins", get(admin::plugins::list).post(admin::plugins::push).layer(limit))
        .route("/plugins/{plugin}", get(admin::plugins::show).delete(admin::plugins::remove))
        .route("/plugin-keys", get(admin::plugins::keys).post(admin::plugins::trust))
        .route("/plugin-keys/{key}", delete(admin::plugins::distrust))
        .route("/plugin-owners", get(admin::plugins::owners))
        .route("/plugin-owners/{name}", put(admin::plugins::own).delete(admin::plugins::disown))
        .route("/log/plugins", get(admin::plugin_log::read))
        .route("/tenants/{tenant}/plugin", get(admin::plugin_log::figures))
        .method_not_allowed_fallback(admin::not_allowed)
        .fallback(admin::no_such_endpoint)
        .layer(from_fn(in_time))
        .layer(from_fn(move |request, next| told("admin", ids.clone(), request, next)))
}

/// 405 with `Allow`, for those who may know that the endpoint is there.
fn not_allowed(method: &Method, allow: &'static str) -> Refusal {
    Refusal(ScimError::MethodNotAllowed { method: method.to_string(), allow })
}

async fn only_get_health(method: Method) -> Refusal {
    not_allowed(&method, "GET")
}

async fn only_get(_: Reader, method: Method) -> Refusal {
    not_allowed(&method, "GET")
}

async fn only_list(_: Authenticated, method: Method) -> Refusal {
    not_allowed(&method, "GET")
}

async fn only_state(_: Authenticated, method: Method) -> Refusal {
    not_allowed(&method, "GET")
}

async fn only_post(_: Authenticated, method: Method) -> Refusal {
    not_allowed(&method, "POST")
}

async fn only_collection(_: Authenticated, method: Method) -> Refusal {
    not_allowed(&method, "GET, POST")
}

async fn only_resource(_: Authenticated, method: Method) -> Refusal {
    not_allowed(&method, "GET, PUT, PATCH, DELETE")
}

async fn no_such_endpoint(_: Authenticated, request: Request) -> Refusal {
    let path = request.uri().path().chars().filter(|c| !c.is_control()).take(128).collect();
    Refusal(ScimError::NoSuchEndpoint { path })
}

use axum::routing::{MethodRouter, get, post};

use super::{accounts, changes, groups, local, manual, openapi, signals};
use crate::Wire;

/// A path below `/directory/v1`, the methods that it has, and what answers them. A test holds `openapi.json` against the first two.
type Route = (&'static str, &'static str, MethodRouter<Wire>);

/// Every route that the vendor's product meets.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        ("/openapi.json", "GET", get(openapi::describe)),
        ("/tenants/{tenant}/accounts", "GET POST", get(accounts::list).post(manual::create)),
        ("/tenants/{tenant}/accounts/states", "GET", get(accounts::states)),
        (
            "/tenants/{tenant}/accounts/{id}",
            "DELETE GET PATCH PUT",
            get(accounts::show).put(manual::replace).patch(manual::merge).delete(manual::remove),
        ),
        ("/tenants/{tenant}/accounts/{id}/signals", "POST", post(signals::send)),
        ("/tenants/{tenant}/accounts/{id}/groups", "GET", get(accounts::groups)),
        (
            "/tenants/{tenant}/accounts/{id}/local",
            "GET PUT PATCH",
            get(local::show).put(local::replace).patch(local::merge),
        ),
        ("/tenants/{tenant}/groups", "GET", get(groups::list)),
        ("/tenants/{tenant}/groups/{id}", "GET", get(groups::show)),
        ("/tenants/{tenant}/groups/{id}/members", "GET", get(groups::members)),
        ("/tenants/{tenant}/changes", "GET", get(changes::read)),
    ]
}

use axum::Json;
use axum::extract::State;
use muster_service::{AccountsView, WhichAccounts};
use serde::Deserialize;

use super::{Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// Which accounts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// `User`, `Group`, `ManualUser` (made by hand), or a kind of the tenant's own.
    resource_type: Option<String>,
    /// In which state.
    state: Option<String>,
    /// Behind which id.
    after: Option<String>,
    /// How many at most.
    #[serde(default = "default_limit")]
    limit: usize,
}

const fn default_limit() -> usize {
    100
}

/// How many accounts are in each state, and those in one.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Query(Which { resource_type, state, after, limit }): Query<Which>,
) -> Result<Json<AccountsView>, Problem> {
    let which = WhichAccounts { resource_type, state, after, limit };
    Ok(Json(wire.service.list_accounts(&tenant, &which).await?))
}

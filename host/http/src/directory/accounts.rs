use axum::extract::State;
use muster_service::AccountsAsked;
use serde::Deserialize;

use super::{Directory, Page, Told};
use crate::Wire;
use crate::admin::{Path, Query};
use crate::error::Problem;

/// A page of a tenant's accounts: all, in one state, listed or not, by hand or not; or the one with a key.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Directory,
    Path(tenant): Path<String>,
    Query(asked): Query<AccountsAsked>,
) -> Result<Told, Problem> {
    Ok(Told(wire.service.product_accounts(&tenant, asked).await?, None))
}

/// How many are in each state.
pub(crate) async fn states(
    State(wire): State<Wire>,
    _: Directory,
    Path(tenant): Path<String>,
) -> Result<Told, Problem> {
    Ok(Told(wire.service.product_states(&tenant).await?, None))
}

/// What is told of one beside itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beside {
    /// The groups that it is a member of.
    #[serde(default)]
    groups: bool,
}

/// One account.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Directory,
    Path((tenant, id)): Path<(String, String)>,
    Query(beside): Query<Beside>,
) -> Result<Told, Problem> {
    let (account, etag) = wire.service.product_account(&tenant, &id, beside.groups).await?;
    Ok(Told(account, Some(etag)))
}

/// The groups that it is a member of.
pub(crate) async fn groups(
    State(wire): State<Wire>,
    _: Directory,
    Path((tenant, id)): Path<(String, String)>,
    Query(page): Query<Page>,
) -> Result<Told, Problem> {
    Ok(Told(wire.service.product_groups_of(&tenant, &id, page.after.as_deref(), page.limit).await?, None))
}

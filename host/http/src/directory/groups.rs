use axum::extract::State;
use serde::Deserialize;

use super::{Directory, Page, Told, default_limit};
use crate::Wire;
use crate::admin::{Path, Query};
use crate::error::Problem;

/// A page of a tenant's groups.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Directory,
    Path(tenant): Path<String>,
    Query(page): Query<Page>,
) -> Result<Told, Problem> {
    Ok(Told(wire.service.product_groups(&tenant, page.after.as_deref(), page.limit).await?, None))
}

/// One group, without its members.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Directory,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Told, Problem> {
    let (group, etag) = wire.service.product_group(&tenant, &id).await?;
    Ok(Told(group, Some(etag)))
}

/// Which members.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Those who are not listed yet as well.
    #[serde(default)]
    all: bool,
    /// `next` of the page before.
    after: Option<String>,
    /// How many at most.
    #[serde(default = "default_limit")]
    limit: usize,
}

/// Those whom the product shows in a group.
pub(crate) async fn members(
    State(wire): State<Wire>,
    _: Directory,
    Path((tenant, id)): Path<(String, String)>,
    Query(Which { all, after, limit }): Query<Which>,
) -> Result<Told, Problem> {
    Ok(Told(wire.service.product_members(&tenant, &id, all, after.as_deref(), limit).await?, None))
}

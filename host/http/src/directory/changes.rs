use axum::extract::State;
use muster_service::ChangesAsked;

use super::{Directory, Told};
use crate::Wire;
use crate::admin::{Path, Query};
use crate::error::Problem;

/// What became of a tenant's accounts and groups, in order, after a change that the product knows.
pub(crate) async fn read(
    State(wire): State<Wire>,
    _: Directory,
    Path(tenant): Path<String>,
    Query(asked): Query<ChangesAsked>,
) -> Result<Told, Problem> {
    Ok(Told(wire.service.product_changes(&tenant, asked).await?, None))
}

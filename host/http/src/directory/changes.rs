use axum::extract::State;
use muster_service::ChangesAsked;

use super::{Directory, Told};
use crate::Wire;
use crate::admin::{Path, Query};
use crate::error::Problem;

/// What became of a tenant's accounts and groups, in order, after a change that the product knows.
pub(crate) async fn read(
    State(wire): State<Wire>,
    directory: Directory,
    Path(tenant): Path<String>,
    Query(asked): Query<ChangesAsked>,
) -> Result<Told, Problem> {
    let page = wire.service.product_changes(&tenant, asked).await?;
    // Whose key was retired while it waited is told nothing of what happened meanwhile.
    directory.check_again(&wire)?;
    Ok(Told(page, None))
}

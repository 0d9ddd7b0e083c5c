use axum::Json;
use axum::extract::State;
use muster_service::AccountView;
use serde::Deserialize;
use serde_json::Value;

use super::{Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// Which part of a sequence.
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    /// Entries after this one; 0: from the beginning.
    #[serde(default)]
    after: u64,
    /// How many at most.
    #[serde(default = "default_limit")]
    limit: usize,
}

const fn default_limit() -> usize {
    100
}

/// What the IdP and what the product see of one resource.
pub(crate) async fn account(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<AccountView>, Problem> {
    Ok(Json(wire.service.show_account(&tenant, &id).await?))
}

/// A tenant's outbox.
pub(crate) async fn tasks(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Query(page): Query<After>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.read_tasks(&tenant, page.after, page.limit).await?))
}

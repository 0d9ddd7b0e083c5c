use axum::Json;
use axum::extract::State;
use muster_service::AccountView;

use super::{Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// What the IdP and what the product see of one resource.
pub(crate) async fn account(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<AccountView>, Problem> {
    Ok(Json(wire.service.show_account(&tenant, &id).await?))
}

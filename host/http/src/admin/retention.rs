use axum::Json;
use axum::extract::State;
use muster_service::NewRetention;
use serde_json::Value;

use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// How long a tenant's history is kept.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.show_retention(&tenant).await?))
}

/// Sets it; what the body does not name stays, and what is older goes from the log at once.
pub(crate) async fn set(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewRetention>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.set_retention(&tenant, new).await?))
}

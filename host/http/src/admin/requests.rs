use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::{Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// A tenant's last requests: what arrived, what was forgiven, what was refused and why.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.read_requests(&tenant)?))
}

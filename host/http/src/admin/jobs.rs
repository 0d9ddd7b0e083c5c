use axum::Json;
use axum::extract::State;
use muster_service::JobView;
use serde_json::{Value, json};

use super::{Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// The jobs of this server, the latest first.
pub(crate) async fn list(State(wire): State<Wire>, _: Operator) -> Json<Value> {
    Json(json!({ "jobs": wire.service.jobs().list() }))
}

/// How far a job is, and what came of it.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(wire.service.show_job(&id)?))
}

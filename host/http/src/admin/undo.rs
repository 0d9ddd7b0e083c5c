use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::{NewUndo, Undone};
use serde_json::{Value, json};

use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// Takes back what entries of a tenant's log did; 202 where that takes long, with a job and the id that the log will know it by.
pub(crate) async fn undo(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewUndo>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    Ok(match wire.service.undo(&tenant, new).await? {
        Undone::Now(undone) => (StatusCode::OK, Json(undone)),
        Undone::Job(job, request) => (StatusCode::ACCEPTED, Json(json!({ "job": job, "request": request }))),
    })
}

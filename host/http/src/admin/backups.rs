use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::{JobView, NewBackup};
use serde_json::{Value, json};

use super::{Body, Operator};
use crate::Wire;
use crate::error::Problem;

/// Begins a backup of the store; the answer is the job that makes it.
pub(crate) async fn create(
    State(wire): State<Wire>,
    _: Operator,
    Body(new): Body<NewBackup>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(wire.service.back_up(new)?)))
}

/// The backups on the server's machine.
pub(crate) async fn list(State(wire): State<Wire>, _: Operator) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "backups": wire.service.list_backups()? })))
}

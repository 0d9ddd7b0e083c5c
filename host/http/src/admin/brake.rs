use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::{BrakeHeld, BrakeRelief, NewBrake, NewRelief};
use serde_json::Value;

use super::{Body, Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// How the brake of a tenant is set, and whether it is engaged.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.show_brake(&tenant).await?))
}

/// Sets it.
pub(crate) async fn set(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewBrake>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.set_brake(&tenant, new).await?))
}

/// Who is held, by number of the task.
pub(crate) async fn held(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Query(asked): Query<BrakeHeld>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.held_by_brake(&tenant, asked).await?))
}

/// Decides over those who are held: `release`, `cancel`.
pub(crate) async fn relieve(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, word)): Path<(String, String)>,
    Body(new): Body<NewRelief>,
) -> Result<Json<Value>, Problem> {
    let relief = BrakeRelief::parse(&word)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such admin endpoint"))?;
    Ok(Json(wire.service.relieve_brake(&tenant, relief, new).await?))
}

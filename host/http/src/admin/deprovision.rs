use axum::Json;
use axum::extract::State;
use muster_service::{DeprovisionAsked, DeprovisionsAsked, Evidence, NewTarget};
use serde_json::Value;

use super::{Body, Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// A tenant's deprovisions: those that are not over, or all.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Query(asked): Query<DeprovisionsAsked>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.read_deprovisions(&tenant, asked).await?))
}

/// What became of one.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, user)): Path<(String, String)>,
    Query(asked): Query<DeprovisionAsked>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.show_deprovision(&tenant, &user, asked).await?))
}

/// The same as evidence; the log is sealed for it.
pub(crate) async fn evidence(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, user)): Path<(String, String)>,
    Body(asked): Body<DeprovisionAsked>,
) -> Result<Json<Evidence>, Problem> {
    Ok(Json(wire.service.deprovision_evidence(&tenant, &user, asked).await?))
}

/// By when access must have ended.
pub(crate) async fn target(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.deprovision_target(&tenant)?))
}

/// Sets it.
pub(crate) async fn set_target(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewTarget>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.set_deprovision_target(&tenant, new).await?))
}

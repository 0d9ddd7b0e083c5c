use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::NewRollout;
use serde::Deserialize;
use serde_json::Value;

use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// Begins to try another plugin, or another configuration, on a tenant; what comes of it is asked for afterwards.
pub(crate) async fn start(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewRollout>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(wire.service.start_rollout(&tenant, new).await?)))
}

/// A tenant's rollouts, the latest first.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.list_rollouts(&tenant).await?))
}

/// How far a rollout is, and what each step found.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.show_rollout(&tenant, &id).await?))
}

/// How a candidate is to come to decide.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Activation {
    /// Whatever speaks against it.
    #[serde(default)]
    anyway: bool,
}

/// Lets the candidate decide, if the binding is still what the preview has looked at, and if nothing speaks against it.
pub(crate) async fn activate(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, id)): Path<(String, String)>,
    Body(Activation { anyway }): Body<Activation>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.activate_rollout(&tenant, &id, anyway).await?))
}

/// Goes on with the trials that were asked for, whatever speaks against the candidate.
pub(crate) async fn go_on(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(wire.service.continue_rollout(&tenant, &id).await?)))
}

/// Begins to map what is stored by the candidate, or goes on with it.
pub(crate) async fn remap(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(wire.service.remap_rollout(&tenant, &id).await?)))
}

/// Ends what is under way, or what waits.
pub(crate) async fn cancel(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.cancel_rollout(&tenant, &id).await?))
}

use axum::Json;
use axum::extract::State;
use muster_service::{NewScimSettings, ScimSettingsView};
use serde_json::Value;

use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// How a tenant's identity provider is met: profile, extensions, resource types.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<ScimSettingsView>, Problem> {
    Ok(Json(wire.service.show_scim_settings(&tenant)?))
}

/// Replaces it; what the body does not name stays, and requests in flight finish with the old settings.
pub(crate) async fn set(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewScimSettings>,
) -> Result<Json<ScimSettingsView>, Problem> {
    Ok(Json(wire.service.set_scim_settings(&tenant, new).await?))
}

/// The profiles that there are, and the rules that they are made of.
pub(crate) async fn profiles(State(wire): State<Wire>, _: Operator) -> Json<Value> {
    Json(wire.service.list_profiles())
}

use axum::Json;
use axum::extract::State;
use muster_service::{GoneSecret, NewSecret, SecretsView};

use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// The names of a tenant's secrets.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<SecretsView>, Problem> {
    Ok(Json(wire.service.secrets(&tenant)?))
}

/// Sets a secret, or replaces its value.
pub(crate) async fn set(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewSecret>,
) -> Result<Json<SecretsView>, Problem> {
    Ok(Json(wire.service.set_secret(&tenant, new).await?))
}

/// Removes a secret.
pub(crate) async fn remove(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(gone): Body<GoneSecret>,
) -> Result<Json<SecretsView>, Problem> {
    Ok(Json(wire.service.remove_secret(&tenant, &gone).await?))
}

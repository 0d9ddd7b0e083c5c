use axum::Json;
use axum::extract::State;
use muster_service::{NewGrant, WantsView, Withdrawal};
use serde::Deserialize;

use super::{Body, Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// Of which plugin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// A name (the newest), `name@version`, or a digest; without it, the one that decides.
    plugin: Option<String>,
}

/// What a plugin wants of a tenant, and what was granted to it.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Query(which): Query<Which>,
) -> Result<Json<WantsView>, Problem> {
    Ok(Json(wire.service.show_wants(&tenant, which.plugin.as_deref()).await?))
}

/// Grants a plugin what it wants.
pub(crate) async fn grant(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewGrant>,
) -> Result<Json<WantsView>, Problem> {
    Ok(Json(wire.service.grant(&tenant, new).await?))
}

/// Takes grants back.
pub(crate) async fn withdraw(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(withdrawal): Body<Withdrawal>,
) -> Result<Json<WantsView>, Problem> {
    Ok(Json(wire.service.withdraw(&tenant, withdrawal).await?))
}

use axum::Json;
use axum::extract::State;
use muster_service::{NewGrants, RollbackView, TenantView};
use serde::Deserialize;
use serde_json::Value;

use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// Which plugin, configured how; what is not given stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBinding {
    /// A name (the newest), `name@version`, or a digest.
    plugin: Option<String>,
    /// The plugin's configuration.
    config: Option<Value>,
    /// What of the plugin's wants is granted by the same change: a list of them, or "all".
    #[serde(default)]
    grants: NewGrants,
    /// Only if the binding is at this revision.
    expected_revision: Option<u64>,
}

/// Replaces a tenant's binding; requests in flight finish with the old one.
pub(crate) async fn bind(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewBinding>,
) -> Result<Json<TenantView>, Problem> {
    let bound = wire.service.bind(&tenant, new.plugin.as_deref(), new.config, &new.grants, new.expected_revision);
    Ok(Json(bound.await?))
}

/// Only if the binding is at this revision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    expected_revision: Option<u64>,
}

/// Goes back to the binding before the present one.
pub(crate) async fn rollback(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(rollback): Body<Rollback>,
) -> Result<Json<RollbackView>, Problem> {
    Ok(Json(wire.service.rollback(&tenant, rollback.expected_revision).await?))
}

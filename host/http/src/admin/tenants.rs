use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::{NewTenant, TenantView};
use serde_json::{Value, json};

use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// Creates a tenant; its first token is in the answer, and in no later one.
pub(crate) async fn create(
    State(wire): State<Wire>,
    _: Operator,
    Body(new): Body<NewTenant>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (tenant, token) = wire.service.create_tenant(new).await?;
    let mut answer = json!({
        "tenant": tenant.tenant,
        "scim_base": format!("{}{}", wire.scim_origin, tenant.base_path),
        "own_base": format!("{}/t/{}/scim/v2", wire.scim_origin, tenant.tenant),
        "token": token.token.reveal(),
        "token_id": token.id,
        "plugin": tenant.plugin,
        "revision": tenant.revision,
    });
    if let Some(warning) = tenant.warning {
        answer["warning"] = json!(warning);
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

/// All tenants.
pub(crate) async fn list(State(wire): State<Wire>, _: Operator) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "tenants": wire.service.list_tenants().await? })))
}

/// One tenant.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<TenantView>, Problem> {
    Ok(Json(wire.service.show_tenant(&tenant).await?))
}

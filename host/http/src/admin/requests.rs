use axum::Json;
use axum::extract::State;
use muster_service::RequestsAsked;
use serde_json::Value;

use super::{Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// A tenant's requests, newest first: what arrived, what was forgiven, what was refused and why.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Query(asked): Query<RequestsAsked>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.read_requests(&tenant, &asked).await?))
}

/// One request, with everything that is kept of it.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, request)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.show_request(&tenant, &request).await?))
}

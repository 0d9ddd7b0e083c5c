use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::NewToken;
use serde_json::{Value, json};

use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// Issues one more token; the answer is the only one that shows it.
pub(crate) async fn issue(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let issued = wire.service.issue_token(&tenant, new).await?;
    let answer = json!({
        "id": issued.id,
        "token": issued.token.reveal(),
        "expires": issued.expires.map(|at| at.to_string()),
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// A tenant's tokens, without their secrets.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "tokens": wire.service.list_tokens(&tenant)? })))
}

/// Revokes a token, at once.
pub(crate) async fn revoke(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, token)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    wire.service.revoke_token(&tenant, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

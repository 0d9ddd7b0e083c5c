use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_service::{NewDecision, NewDecisions, TasksAsked, Verdict};
use serde_json::Value;

use super::{Body, Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// A tenant's tasks, by number.
pub(crate) async fn list(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Query(asked): Query<TasksAsked>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.read_tasks(&tenant, asked).await?))
}

/// How many tasks stand where.
pub(crate) async fn counts(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.count_tasks(&tenant).await?))
}

/// The whole story of one.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, seq)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.show_task(&tenant, &seq).await?))
}

/// Decides over one: `replay`, `skip`, `cancel`, `release`.
pub(crate) async fn decide(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, seq, word)): Path<(String, String, String)>,
    Body(new): Body<NewDecision>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.decide_task(&tenant, &seq, verdict(&word)?, new).await?))
}

/// Decides over many.
pub(crate) async fn decide_many(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, word)): Path<(String, String)>,
    Body(new): Body<NewDecisions>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.decide_tasks(&tenant, verdict(&word)?, new).await?))
}

fn verdict(word: &str) -> Result<Verdict, Problem> {
    Verdict::parse(word).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such admin endpoint"))
}

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

use super::{Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// Which part of a resource's history.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// How it was at this time, instead of what became of it.
    at: Option<String>,
    /// Of a group at that time: the members whose ids stand behind this one.
    members_after: Option<String>,
    /// Entries before this one; from the latest, if it is not given.
    before: Option<u64>,
    /// How many entries, or members, at most.
    #[serde(default = "default_limit")]
    limit: usize,
}

const fn default_limit() -> usize {
    100
}

/// What became of one resource, newest first; or with `at`, how it was then.
pub(crate) async fn history(
    State(wire): State<Wire>,
    _: Operator,
    Path((tenant, id)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Problem> {
    let Which { at, members_after, before, limit } = which;
    Ok(Json(match at {
        Some(at) => wire.service.read_then(&tenant, &id, &at, members_after.as_deref(), limit).await?,
        None => wire.service.read_history(&tenant, &id, before, limit).await?,
    }))
}

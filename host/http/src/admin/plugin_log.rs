use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

use super::{Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// Which of the lines that plugins log, and how long to wait for them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Follow {
    /// Only those of this tenant's plugin.
    tenant: Option<String>,
    /// Lines after this one.
    #[serde(default)]
    after: u64,
    /// How many at most.
    #[serde(default = "default_limit")]
    limit: usize,
    /// How many seconds to wait where there is nothing yet.
    #[serde(default)]
    wait_s: u64,
}

const fn default_limit() -> usize {
    100
}

/// What plugins have logged lately; `next` is where to go on.
pub(crate) async fn read(
    State(wire): State<Wire>,
    _: Operator,
    Query(follow): Query<Follow>,
) -> Result<Json<Value>, Problem> {
    let Follow { tenant, after, limit, wait_s } = follow;
    Ok(Json(wire.service.read_plugin_log(tenant.as_deref(), after, limit, wait_s).await?))
}

/// How a tenant's plugin has fared: calls, what became of them, how long they took, memory.
pub(crate) async fn figures(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.plugin_figures(&tenant)?))
}

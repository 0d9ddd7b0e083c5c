use axum::Json;
use axum::extract::State;
use muster_service::{ExportedHead, NewVerification};
use serde::Deserialize;
use serde_json::Value;

use super::{Body, Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// Which part of a log, and how long to wait for it.
#[derive(Debug, Deserialize)]
pub(crate) struct Follow {
    /// Entries after this one; from the oldest that is kept, if it is not given.
    after: Option<u64>,
    /// How many at most.
    #[serde(default = "default_limit")]
    limit: usize,
    /// How many seconds to wait where there is nothing yet.
    #[serde(default)]
    wait_s: u64,
    /// Only what this request did, an undo included: what there is of it, without waiting.
    request: Option<String>,
}

const fn default_limit() -> usize {
    100
}

/// A tenant's log, as a feed: `next` is where to go on.
pub(crate) async fn read(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Query(follow): Query<Follow>,
) -> Result<Json<Value>, Problem> {
    let Follow { after, limit, wait_s, request } = follow;
    Ok(Json(match request {
        Some(request) => wire.service.read_log_of_request(&tenant, &request, after, limit).await?,
        None => wire.service.read_log(&tenant, after, limit, wait_s).await?,
    }))
}

/// Seals a tenant's log up to now, and tells its head.
pub(crate) async fn head(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<ExportedHead>, Problem> {
    Ok(Json(wire.service.log_head(&tenant).await?))
}

/// Verifies a part of a tenant's log. A log that does not hold is an answer, not an error, and so is a head that is older than what is kept.
pub(crate) async fn verify(
    State(wire): State<Wire>,
    _: Operator,
    Path(tenant): Path<String>,
    Body(new): Body<NewVerification>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire.service.verify_log(&tenant, new).await?))
}

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use muster_model::RequestId;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answered, Directory, Written, once};
use crate::Wire;
use crate::admin::Path;
use crate::error::Problem;

/// Makes an account by hand.
pub(crate) async fn create(
    State(wire): State<Wire>,
    _: Directory,
    Path(tenant): Path<String>,
    Extension(name): Extension<RequestId>,
    Written { body, request, .. }: Written<Map<String, Value>>,
) -> Result<Response, Problem> {
    let work = async {
        let (account, etag) = wire.service.product_create(&tenant, name, body?).await?;
        Ok(Answered { status: 201, etag: Some(etag), body: account })
    };
    Box::pin(once(&wire, &tenant, &request, work)).await
}

/// Replaces the attributes of one that was made by hand.
pub(crate) async fn replace(
    State(wire): State<Wire>,
    _: Directory,
    Path(names): Path<(String, String)>,
    Extension(name): Extension<RequestId>,
    written: Written<Map<String, Value>>,
) -> Result<Response, Problem> {
    Box::pin(write(&wire, names, name, written, false)).await
}

/// Lays attributes over those that it has; what is `null` goes (RFC 7396).
pub(crate) async fn merge(
    State(wire): State<Wire>,
    _: Directory,
    Path(names): Path<(String, String)>,
    Extension(name): Extension<RequestId>,
    written: Written<Map<String, Value>>,
) -> Result<Response, Problem> {
    Box::pin(write(&wire, names, name, written, true)).await
}

async fn write(
    wire: &Wire,
    (tenant, id): (String, String),
    name: RequestId,
    Written { body, expected, request }: Written<Map<String, Value>>,
    merge: bool,
) -> Result<Response, Problem> {
    let work = async {
        let of = (tenant.as_str(), id.as_str());
        let (account, etag) = wire.service.product_replace(of, name, &expected, &body?, merge).await?;
        Ok(Answered { status: 200, etag: Some(etag), body: account })
    };
    Box::pin(once(wire, &tenant, &request, work)).await
}

/// A body in which nothing is said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Removes one that was made by hand.
pub(crate) async fn remove(
    State(wire): State<Wire>,
    _: Directory,
    Path((tenant, id)): Path<(String, String)>,
    Extension(name): Extension<RequestId>,
    Written { body, expected, request }: Written<Nothing>,
) -> Result<Response, Problem> {
    let work = async {
        let Nothing {} = body?;
        wire.service.product_delete((&tenant, &id), name, &expected).await?;
        Ok(Answered { status: 204, etag: None, body: Value::Null })
    };
    Box::pin(once(&wire, &tenant, &request, work)).await
}

use axum::extract::State;
use axum::response::Response;
use muster_service::Local;
use serde_json::{Map, Value};

use super::{Answered, Directory, Told, Written, once};
use crate::Wire;
use crate::admin::Path;
use crate::error::Problem;

/// What the product keeps of an account.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Directory,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Told, Problem> {
    let local = wire.service.product_local(&tenant, &id).await?;
    let etag = local.etag();
    Ok(Told(Value::Object(local.values), Some(etag)))
}

/// Keeps this instead of it.
pub(crate) async fn replace(
    State(wire): State<Wire>,
    _: Directory,
    Path(names): Path<(String, String)>,
    written: Written<Map<String, Value>>,
) -> Result<Response, Problem> {
    write(&wire, names, written, false).await
}

/// Lays this over it; what is `null` goes (RFC 7396).
pub(crate) async fn merge(
    State(wire): State<Wire>,
    _: Directory,
    Path(names): Path<(String, String)>,
    written: Written<Map<String, Value>>,
) -> Result<Response, Problem> {
    write(&wire, names, written, true).await
}

async fn write(
    wire: &Wire,
    (tenant, id): (String, String),
    Written { body, expected, request }: Written<Map<String, Value>>,
    merge: bool,
) -> Result<Response, Problem> {
    let work = async {
        let local: Local = wire.service.put_product_local(&tenant, &id, &expected, &body?, merge).await?;
        let etag = Some(local.etag());
        Ok(Answered { status: 200, etag, body: Value::Object(local.values) })
    };
    once(wire, &tenant, &request, work).await
}

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use muster_model::RequestId;
use muster_service::NewSignal;

use super::{Answered, Directory, Written, once};
use crate::Wire;
use crate::admin::Path;
use crate::error::Problem;

/// Something happened to an account in the product: answers the account as it stands then.
pub(crate) async fn send(
    State(wire): State<Wire>,
    _: Directory,
    Path((tenant, id)): Path<(String, String)>,
    Extension(name): Extension<RequestId>,
    Written { body, expected, request }: Written<NewSignal>,
) -> Result<Response, Problem> {
    let work = async {
        let (account, etag) = wire.service.product_signal(&tenant, &id, name, &expected, body?).await?;
        Ok(Answered { status: 200, etag: Some(etag), body: account })
    };
    Box::pin(once(&wire, &tenant, &request, work)).await
}

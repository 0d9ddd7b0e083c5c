//! The small public API of Secoda. An admin's key opens it as it opens SCIM; the key of anybody else opens nothing but this.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::keys;
use crate::database::rows;
use crate::{Product, Shared};

/// Where it is.
pub(crate) const MEMBERS: &str = "/public/v1/members";

/// `GET /public/v1/members`: as the members list of the page has them.
pub(crate) async fn members(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match keys::is_known(&shared, Product::Secoda, &headers) {
        Ok(true) => {}
        Ok(false) => return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response(),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    let listed = "SELECT name, email, state FROM secoda_members WHERE is_listed ORDER BY email";
    let Ok(members) = shared.database.change(|transaction| rows(transaction, listed)) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let members = members.into_iter().map(|member| {
        let [name, email, state] = <[String; 3]>::try_from(member).unwrap_or_default();
        json!({ "name": name, "email": email, "state": state })
    });
    Json(json!({ "members": members.collect::<Vec<Value>>() })).into_response()
}

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use http::StatusCode;
use muster_service::{ManifestView, PluginView};
use serde_json::{Value, json};

use super::{Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// Keeps a plugin: the body is the component's bytes.
pub(crate) async fn push(
    State(wire): State<Wire>,
    _: Operator,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<PluginView>), Problem> {
    let limit = wire.limits.plugin_bytes;
    let bytes = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the plugin is larger than {limit} bytes"))
        }
        status => Problem::new(status, error.body_text()),
    })?;
    let plugin = wire.service.push_plugin(bytes.to_vec()).await?;
    Ok((StatusCode::CREATED, Json(plugin)))
}

/// All plugins.
pub(crate) async fn list(State(wire): State<Wire>, _: Operator) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "plugins": wire.service.list_plugins().await? })))
}

/// What one says of itself: by digest, `name@version`, or name.
pub(crate) async fn show(
    State(wire): State<Wire>,
    _: Operator,
    Path(plugin): Path<String>,
) -> Result<Json<ManifestView>, Problem> {
    Ok(Json(wire.service.show_plugin(&plugin).await?))
}

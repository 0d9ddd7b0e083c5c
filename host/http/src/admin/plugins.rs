use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use muster_service::{KeyView, ManifestView, NewKey, NewOwner, NewPlugin, OwnerView, PluginView, PushedView};
use serde_json::{Value, json};

use super::objects::Objects;
use super::{Body, Operator, Path};
use crate::Wire;
use crate::error::Problem;

/// The header that says who pushes a plugin, where it was found, and who has signed it: JSON in base64, because the body is the component.
const ABOUT: &str = "muster-plugin";

/// How long it can be, in bytes.
const MAX_ABOUT_BYTES: usize = 12 << 10;

/// Keeps a plugin: the body is the component's bytes.
pub(crate) async fn push(
    State(wire): State<Wire>,
    _: Operator,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<PushedView>), Problem> {
    let limit = wire.limits.plugin_bytes;
    let bytes = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the plugin is larger than {limit} bytes"))
        }
        status => Problem::new(status, error.body_text()),
    })?;
    let about = about(&headers).map_err(|why| {
        Problem::quoting(
            StatusCode::BAD_REQUEST,
            format!("the header Muster-Plugin is not base64 of JSON as it should be: {why}"),
        )
    })?;
    let plugin = wire.service.push_plugin(bytes.to_vec(), about).await?;
    Ok((StatusCode::CREATED, Json(plugin)))
}

fn about(headers: &HeaderMap) -> Result<NewPlugin, String> {
    let mut values = headers.get_all(ABOUT).iter();
    let Some(value) = values.next() else { return Ok(NewPlugin::default()) };
    if values.next().is_some() {
        return Err("it is there twice".to_owned());
    }
    if value.len() > MAX_ABOUT_BYTES {
        return Err(format!("it has more than {MAX_ABOUT_BYTES} bytes"));
    }
    let json = STANDARD.decode(value.as_bytes()).map_err(|error| error.to_string())?;
    let value = muster_protocol::json::parse(&json).map_err(|error| error.to_string())?;
    serde_path_to_error::deserialize(Objects(value)).map_err(|error| error.to_string())
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

/// Forgets one that nobody uses, and answers what it was.
pub(crate) async fn remove(
    State(wire): State<Wire>,
    _: Operator,
    Path(plugin): Path<String>,
) -> Result<Json<PluginView>, Problem> {
    Ok(Json(wire.service.remove_plugin(&plugin).await?))
}

/// The trusted keys.
pub(crate) async fn keys(State(wire): State<Wire>, _: Operator) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "keys": wire.service.trusted_keys().await? })))
}

/// Trusts one more key.
pub(crate) async fn trust(
    State(wire): State<Wire>,
    _: Operator,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    Ok((StatusCode::CREATED, Json(wire.service.trust_key(new).await?)))
}

/// Trusts a key no longer, and answers which it was.
pub(crate) async fn distrust(
    State(wire): State<Wire>,
    _: Operator,
    Path(key): Path<String>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(wire.service.distrust_key(&key).await?))
}

/// Whose the names of plugins are.
pub(crate) async fn owners(State(wire): State<Wire>, _: Operator) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "owners": wire.service.plugin_owners().await? })))
}

/// Hands a name over.
pub(crate) async fn own(
    State(wire): State<Wire>,
    _: Operator,
    Path(name): Path<String>,
    Body(new): Body<NewOwner>,
) -> Result<Json<OwnerView>, Problem> {
    Ok(Json(wire.service.own_name(&name, new).await?))
}

/// Takes a name from its owner, and answers who that was.
pub(crate) async fn disown(
    State(wire): State<Wire>,
    _: Operator,
    Path(name): Path<String>,
) -> Result<Json<OwnerView>, Problem> {
    Ok(Json(wire.service.disown_name(&name).await?))
}

//! How a component stands in a registry: the layout of the CNCF's Wasm artifacts. It has exactly one layer, so a signature has its place in
//! an annotation: whoever reads such artifacts can still read ours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::OciError;

/// What a manifest is.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// What its config is.
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// What its one layer is.
pub(crate) const LAYER: &str = "application/wasm";
/// The annotation that holds a signature.
const SIGNATURE: &str = "dev.muster.plugin.signature";
/// Annotations that people read (OCI image specification).
const TITLE: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";

/// A component to be pushed.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What it is called.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The interfaces that it imports.
    pub imports: &'a [String],
    /// The interfaces that it exports.
    pub exports: &'a [String],
    /// Who has signed it: a JSON text, not read here.
    pub signature: Option<&'a str>,
}

/// A component that was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its bytes: those that the manifest names.
    pub bytes: Vec<u8>,
    /// Who has signed it: not read here, and not believed.
    pub signature: Option<String>,
    /// The sha-256 of the manifest.
    pub manifest: [u8; 32],
}

/// What is said of a thing that is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What is said of a component beside its bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: Interfaces<'a>,
}

#[derive(Serialize)]
struct Interfaces<'a> {
    exports: &'a [String],
    imports: &'a [String],
    target: Option<()>,
}

/// The sha-256 of something.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl Descriptor {
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        let digest = format!("sha256:{}", hex::encode(sha256(bytes)));
        Self { media_type: media_type.to_owned(), digest, size: u64::try_from(bytes.len()).unwrap_or(u64::MAX) }
    }

    /// The 32 bytes of its digest.
    pub(crate) fn sha256(&self) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(self.digest.strip_prefix("sha256:")?, &mut bytes).ok()?;
        Some(bytes)
    }
}

impl Component<'_> {
    /// The config: the same for the same component, whenever it is pushed.
    pub(crate) fn config(&self) -> Vec<u8> {
        let layer = Descriptor::of(LAYER, self.bytes);
        let config = Config {
            created: "1970-01-01T00:00:00Z",
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [layer.digest],
            component: Interfaces { exports: self.exports, imports: self.imports, target: None },
        };
        // Made of nothing that JSON cannot hold.
        serde_json::to_vec(&config).unwrap_or_default()
    }

    pub(crate) fn manifest(&self) -> Vec<u8> {
        let named = [(TITLE, Some(self.name)), (VERSION, Some(self.version)), (SIGNATURE, self.signature)];
        let annotations = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            config: Descriptor::of(CONFIG, &self.config()),
            layers: vec![Descriptor::of(LAYER, self.bytes)],
            annotations: annotations.collect(),
        };
        serde_json::to_vec(&manifest).unwrap_or_default()
    }
}

impl Manifest {
    /// Of what a registry has answered: the one layer, and the signature, if it is of a component.
    pub(crate) fn read(bytes: &[u8], reference: &str) -> Result<(Descriptor, Option<String>), OciError> {
        let wrong = |why: String| OciError::NotAComponent { reference: reference.to_owned(), why };
        let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(100).collect::<String>();
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| wrong(format!("its manifest is none: {error}")))?;
        let Self { schema_version, media_type, config, layers, mut annotations } = manifest;
        if schema_version != 2 || !(media_type.is_empty() || media_type == MANIFEST) {
            return Err(wrong(format!("its manifest is of type {:?}", shown(&media_type))));
        }
        if config.media_type != CONFIG {
            return Err(wrong(format!("its config is of type {:?}, not {CONFIG:?}", shown(&config.media_type))));
        }
        let [layer] = layers.as_slice() else {
            return Err(wrong(format!("it has {} layers, and a component has one", layers.len())));
        };
        if layer.media_type != LAYER {
            return Err(wrong(format!("its layer is of type {:?}, not {LAYER:?}", shown(&layer.media_type))));
        }
        if layer.sha256().is_none() {
            return Err(wrong("the digest of its layer is no sha256".to_owned()));
        }
        Ok((layer.clone(), annotations.remove(SIGNATURE)))
    }
}

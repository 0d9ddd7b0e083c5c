//! Real components for these tests: built once a process, loaded through one host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};

use muster_model::{Account, RequestId, ResourceId, TenantId, Timestamp};
use muster_plugin::{Call, Kind, Plugin, PluginError, PluginHost};
use muster_plugin_wasmtime::{HostOptions, WasmtimeHost};
use muster_protocol::Document;
use serde_json::Value;

/// The folder of the built components.
static BUILT: LazyLock<PathBuf> = LazyLock::new(build);

/// The host of all tests of this process; compiled plugins are kept for the next one.
pub static HOST: LazyLock<WasmtimeHost> = LazyLock::new(|| {
    let cache_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins");
    WasmtimeHost::new(HostOptions::new(cache_dir, [7; 32])).unwrap()
});

/// Builds every plugin and guest of the workspace into the target folder that this test stands in.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--target", "wasm32-wasip2", "--profile", "plugin", "--target-dir"]).arg(&target);
    for (folder, prefix) in [("plugins", "muster-plugin"), ("tests/guests", "muster-guest")] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if !entry.file_type().unwrap().is_dir() {
                continue;
            }
            let name = entry.file_name().into_string().unwrap();
            cargo.args(["--package", &format!("{prefix}-{name}")]);
        }
    }
    let built = cargo.current_dir(&root).status().unwrap();
    assert!(built.success(), "the guests do not build");
    target.join("wasm32-wasip2/plugin")
}

/// The bytes of a built package: `muster_guest_loops`.
pub fn bytes(package: &str) -> Vec<u8> {
    fs::read(BUILT.join(format!("{package}.wasm"))).unwrap()
}

/// A guest, loaded.
pub fn guest(name: &str) -> Arc<dyn Plugin> {
    HOST.load(&bytes(&format!("muster_guest_{name}"))).unwrap()
}

/// One of the plugins, loaded.
pub fn plugin(name: &str) -> Arc<dyn Plugin> {
    HOST.load(&bytes(&format!("muster_plugin_{name}"))).unwrap()
}

/// Who calls.
pub struct Caller {
    tenant: TenantId,
    request: RequestId,
    now: Timestamp,
    config: Arc<Value>,
}

impl Caller {
    /// The tenant `acme`, at the first of January 2026.
    pub fn new(config: Value) -> Self {
        Self {
            tenant: TenantId::parse("acme").unwrap(),
            request: RequestId("r-1".into()),
            now: Timestamp::from_millis(1_767_225_600_123),
            config: Arc::new(config),
        }
    }

    pub fn call(&self) -> Call<'_> {
        Call { tenant: &self.tenant, request: &self.request, now: self.now, config: &self.config }
    }

    pub fn map(&self, plugin: &dyn Plugin, kind: Kind, resource: Value, current: Option<&Account>) -> Answer {
        plugin.to_account(&self.call(), kind, ID, &document(resource), current)
    }

    pub fn user(&self, plugin: &dyn Plugin, resource: Value) -> Answer {
        self.map(plugin, Kind::User, resource, None)
    }

    pub fn group(&self, plugin: &dyn Plugin, resource: Value) -> Answer {
        self.map(plugin, Kind::Group, resource, None)
    }
}

pub type Answer = Result<Account, PluginError>;

pub const ID: ResourceId = ResourceId::from_bytes([1; 16]);

pub fn document(resource: Value) -> Document {
    let Value::Object(map) = resource else { unreachable!("a resource is an object") };
    Document(map)
}

//! Every part, put together: the one file that names sled, files and wasmtime.

mod run;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use muster_delivery::{Carrier, Dispatcher, Feeder};
use muster_http::{AdminKey, DirectoryKeys, Wire};
use muster_model::{Clock, IdSource, OrderedIds, SystemClock, Token, TokenKey};
use muster_outbound::{Patience, Resolve};
use muster_plugin::{PluginHost, PluginLog};
/// How much one call can answer, in bytes.
pub(crate) use muster_plugin_wasmtime::MAX_ANSWER_BYTES as MAX_PLUGIN_ANSWER_BYTES;
/// How large a plugin can be, in bytes.
pub(crate) use muster_plugin_wasmtime::MAX_COMPONENT_BYTES as MAX_PLUGIN_BYTES;
/// How much memory one call can have, in bytes.
pub(crate) use muster_plugin_wasmtime::MAX_MEMORY_BYTES as MAX_PLUGIN_MEMORY_BYTES;
use muster_plugin_wasmtime::{CompileLimits, Compiler, HostOptions, WasmtimeHost, compile_here};
use muster_service::cases::{MakeScratch, Scratch};
use muster_service::{Parts, PluginLines, SecretsKey, Service, ServiceLimits};
use muster_store::{Store, StoreError};
use muster_store_files::FileRequestLog;
/// What `muster store` does to a store that no server has open.
pub(crate) use muster_store_sled as store_engine;
use muster_store_sled::{Options, SledStore, SyncHook};
use tokio::net::TcpListener;

use crate::admin_key::admin_key;
use crate::components::preload;
use crate::config::{Config, PluginsConfig};
use crate::numbers::metrics;
use crate::{delivery, directory_keys, feeding, keys, outbound};

/// A file beside the keys that says that there is a store which needs them.
const SERVED_BEFORE: &str = "store-was-made";

/// Bytes that requests may hold on to while they wait to be noted in the request log.
const REQUEST_QUEUE_BYTES: usize = 32 << 20;

/// What a test sets and a deployment does not.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// What time it is; the machine's clock if it is not given.
    pub clock: Option<Arc<dyn Clock>>,
    /// The admin key; what the configuration says if it is not given.
    pub admin_key: Option<Token>,
    /// The directory key; what the configuration says if it is not given.
    pub directory_key: Option<Token>,
    /// Where compiled plugins are kept; `compiled/` in the data folder if it is not given.
    pub compile_cache: Option<CompileCache>,
    /// The program that compiles plugins: `muster`, started anew. If it is not given, this process does.
    pub compiler: Option<PathBuf>,
    /// Who carries all tasks out; if it is not given, each queue has its own.
    pub carrier: Option<Arc<dyn Carrier>>,
    /// Who looks up the hosts that requests go out to; the machine's resolver if it is not given.
    pub resolver: Option<Arc<dyn Resolve>>,
    /// How long the disk takes at least with whatever is written; as long as it does, if it is not given.
    pub disk_takes: Option<Duration>,
}

/// Where compiled plugins are kept.
#[derive(Debug, Clone)]
pub struct CompileCache {
    /// The folder.
    pub folder: PathBuf,
    /// What authenticates what is in it.
    pub key: [u8; 32],
}

/// A server that is ready to serve.
#[derive(Debug)]
pub struct App {
    /// The use cases.
    pub service: Arc<Service>,
    /// The admin key.
    pub admin_key: Token,
    scim: TcpListener,
    admin: TcpListener,
    wire: Wire,
    config: Config,
    dispatcher: Option<Dispatcher>,
    feeder: Feeder,
}

/// A deployment that nobody is served from yet.
#[derive(Debug)]
pub struct Opened {
    /// The use cases.
    pub service: Arc<Service>,
    token_key: TokenKey,
    admin_key: Token,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl App {
    /// Opens the store and loads the plugins that are bound; serves nobody, and carries nothing out.
    pub async fn open(config: &Config, overrides: Overrides) -> anyhow::Result<Opened> {
        must_be_ours(&config.data)?;
        let keys = config.data.join("keys");
        let (token_key, store_folder) = (keys.join("token.key"), config.data.join("store"));
        let served_before = keys.join(SERVED_BEFORE);
        // An empty folder as well: the place where a volume was to be mounted.
        if served_before.exists() && std::fs::read_dir(&store_folder).map_or(true, |mut found| found.next().is_none()) {
            anyhow::bail!(
                "{} is missing or empty, and this deployment has one; restore it from the backup (or move the data folder away to begin anew)",
                store_folder.display()
            );
        }
        let cache_bytes =
            if config.store.cache_mib == 0 { Options::cache_bytes_here() } else { config.store.cache_mib << 20 };
        let options = Options {
            cache_bytes,
            reserve_bytes: config.store.reserve_mib << 20,
            max_scanned: config.store.max_scanned,
            before_sync: overrides.disk_takes.map(slow),
            ..Options::default()
        };
        // What stands there may be somebody else's: then no keys are put beside it.
        let is_unknown = store_folder.exists() && !served_before.exists();
        let found = if is_unknown { Some(open_store(store_folder.clone(), options.clone()).await?) } else { None };
        let key_is_new = !token_key.exists();
        let token_key = TokenKey::new(if served_before.exists() {
            keys::read(&token_key, "the store holds tokens that are recognised with it")?
        } else {
            keys::read_or_make(&token_key)?
        });
        let cache = match overrides.compile_cache {
            Some(cache) => cache,
            None => CompileCache {
                folder: config.data.join("compiled"),
                key: keys::read_or_make(&keys.join("compiled.key"))?,
            },
        };
        let admin_key = match overrides.admin_key {
            Some(key) => key,
            None => admin_key(config, &keys)?,
        };
        let store = match found {
            Some(store) => store,
            None => open_store(store_folder, options).await?,
        };
        if !served_before.exists() {
            keys::write_private(
                &served_before,
                b"The store beside this folder belongs to these keys. Back both up.\n",
            )?;
        }
        let clock = overrides.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let plugin_lines = Arc::new(PluginLines::new(clock.clone()));
        let resolver = overrides.resolver;
        let host = WasmtimeHost::new(HostOptions {
            compiler: overrides.compiler.map(|program| Compiler::new(program, config.plugins.compile_limits())),
            kept_bytes: config.plugins.kept_mib << 20,
            log: Some(plugin_lines.clone()),
            sender: Some(outbound::sender(&config.delivery, resolver.clone(), Patience::default())?),
            ..HostOptions::new(cache.folder, cache.key)
        })?;
        let ids: Arc<dyn IdSource> = Arc::new(OrderedIds::new(clock.clone()));
        let requests = FileRequestLog::open(muster_store_files::Options {
            folder: config.data.join("requests"),
            clock: clock.clone(),
            total_bytes: config.requests.total_mib << 20,
            queue_entries: config.requests.queue_entries,
            queue_bytes: REQUEST_QUEUE_BYTES,
        })?;
        let scratch = ScratchRoom { within: config.data.join("scratch") };
        scratch.tidy()?;
        let store: Arc<dyn Store> = Arc::new(store);
        let parts = Parts {
            store: store.clone(),
            backups: config.data.join("backups"),
            requests: Arc::new(requests),
            plugins: Arc::new(host),
            plugin_lines,
            scratch: Some(Arc::new(scratch)),
            clock: clock.clone(),
            ids,
            token_key: token_key.clone(),
            secrets_key: SecretsKey::new(keys::read_or_make(&keys.join("secrets.key"))?),
            sender: Some(outbound::sender(&config.delivery, resolver, outbound::FOR_RECEIVERS)?),
            data: config.data.clone(),
            limits: ServiceLimits { attempt_s: config.delivery.attempt_timeout_s, ..config.limits.service() },
            signatures: config.plugins.signatures,
        };
        let service = Arc::new(Service::start(parts).await?);
        if key_is_new && service.has_tokens() {
            tracing::warn!(
                "keys/token.key was not there and has been made anew: none of the tokens in this store works any more; \
                 put the key that belongs to the store in its place, or issue new tokens"
            );
        }
        if !config.plugins.preload.as_os_str().is_empty() {
            preload(&service, &config.plugins.preload).await?;
        }
        Ok(Opened { service, token_key, admin_key, store, clock })
    }

    /// Opens the store, loads the plugins that are bound, and binds both listeners. After this, connections are accepted and wait.
    pub async fn build(config: &Config, overrides: Overrides) -> anyhow::Result<Self> {
        let (carrier, directory_key) = (overrides.carrier.clone(), overrides.directory_key.clone());
        let Opened { service, token_key, admin_key, store, clock } = Self::open(config, overrides).await?;
        let directory_keys = directory_keys::current(config, directory_key, token_key.clone())?;
        let limits = config.delivery.limits();
        let feeder = feeding::feeder(service.clone(), store.clone(), clock.clone());
        let dispatcher = match limits.concurrency {
            0 => None,
            _ => Some(delivery::dispatcher(service.clone(), store, clock, carrier, limits)?),
        };
        let (metrics, gauged) = (metrics()?, service.clone());
        let scim = bind(config.scim.listen, "scim.listen").await?;
        let admin = bind(config.admin.listen, "admin.listen").await?;
        let public_origin = Some(config.scim.public_origin.clone()).filter(|origin| !origin.is_empty());
        let scim_addr = scim.local_addr()?;
        let wire = Wire {
            service: service.clone(),
            limits: config.limits.http(),
            directory_keys: DirectoryKeys::new(token_key.clone(), directory_keys),
            admin_key: AdminKey::new(token_key, &admin_key),
            metrics: Arc::new(move || {
                gauged.tell_gauges();
                metrics.render()
            }),
            scim_origin: public_origin.clone().unwrap_or_else(|| format!("http://{scim_addr}")),
            public_origin,
        };
        service.reached_at(&wire.scim_origin);
        Ok(Self { service, admin_key, scim, admin, wire, config: config.clone(), dispatcher, feeder })
    }

    /// Where identity providers are served.
    pub fn scim_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.scim.local_addr()?)
    }

    /// Where operators are served.
    pub fn admin_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.admin.local_addr()?)
    }
}

/// This program, to be started anew: where the system tells it, also if its file was replaced meanwhile.
pub(crate) fn this_program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().context("the file of this program")
}

/// Compiles the plugin that comes on standard input to standard output, and limits this process first.
pub(crate) fn compile_plugin(processor_s: u64, memory_mib: u64) -> anyhow::Result<()> {
    let limits = CompileLimits { processor_s, memory_mib, ..CompileLimits::default() };
    compile_here(limits, std::io::stdin().lock(), std::io::stdout().lock()).map_err(anyhow::Error::msg)
}

impl PluginsConfig {
    const fn compile_limits(&self) -> CompileLimits {
        CompileLimits {
            processor_s: self.compile_processor_s,
            memory_mib: self.compile_memory_mib,
            wall_s: self.compile_wall_s,
        }
    }
}

async fn open_store(folder: PathBuf, options: Options) -> anyhow::Result<SledStore> {
    Ok(tokio::task::spawn_blocking(move || SledStore::open(&folder, options)).await??)
}

/// A folder that holds something else is left as it is.
fn must_be_ours(data: &Path) -> anyhow::Result<()> {
    let ours = ["keys", "store", "demo.json"].iter().any(|name| data.join(name).exists());
    let is_empty = match std::fs::read_dir(data) {
        // The root of a volume has this of its own.
        Ok(entries) => entries.flatten().all(|entry| entry.file_name() == "lost+found"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("the data folder {}", data.display())),
    };
    anyhow::ensure!(
        ours || is_empty,
        "{} is not empty and holds no deployment of Muster; choose another data folder",
        data.display()
    );
    Ok(())
}

async fn bind(addr: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| {
        format!("cannot listen on {addr} (`{key}` of the configuration, or the command line's option)")
    })
}

/// How much processor time one call on the request path can take.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_millis(muster_plugin_wasmtime::CALL_DEADLINE_MS);

/// What tries plugins without a deployment: the real runtime and empty stores, in a folder that goes with this.
#[derive(Debug)]
pub(crate) struct Workbench {
    /// The runtime.
    pub(crate) host: Arc<dyn PluginHost>,
    /// Stores for cases.
    pub(crate) scratch: Arc<dyn MakeScratch>,
    _folder: tempfile::TempDir,
}

impl Workbench {
    pub(crate) fn open() -> anyhow::Result<Self> {
        Self::make(None)
    }

    /// With whoever is to hear what plugins log.
    pub(crate) fn heard_by(log: Arc<dyn PluginLog>) -> anyhow::Result<Self> {
        Self::make(Some(log))
    }

    fn make(log: Option<Arc<dyn PluginLog>>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a folder to work in")?;
        let mut cache_key = [0; 32];
        getrandom::fill(&mut cache_key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let options = HostOptions { log, ..HostOptions::new(folder.path().join("compiled"), cache_key) };
        let host = WasmtimeHost::new(options)?;
        let scratch = Arc::new(ScratchRoom { within: folder.path().to_owned() });
        Ok(Self { host: Arc::new(host), scratch, _folder: folder })
    }
}

/// Takes so long before anything is durable.
fn slow(disk_takes: Duration) -> SyncHook {
    SyncHook(Arc::new(move || {
        std::thread::sleep(disk_takes);
        Ok(())
    }))
}

/// Makes stores of sled for cases, each in a folder that goes when the case is over.
#[derive(Debug)]
pub(crate) struct ScratchRoom {
    /// Where these folders stand.
    pub(crate) within: PathBuf,
}

/// How much memory sled may use for one case.
const SCRATCH_CACHE_BYTES: u64 = 8 << 20;

impl ScratchRoom {
    /// Removes what a process that was killed has left.
    fn tidy(&self) -> anyhow::Result<()> {
        match std::fs::remove_dir_all(&self.within) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| self.within.display().to_string())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl MakeScratch for ScratchRoom {
    fn make(&self) -> Result<Scratch, StoreError> {
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Unavailable(error);
        std::fs::create_dir_all(&self.within).map_err(|error| unavailable(error.into()))?;
        let room = tempfile::tempdir_in(&self.within).map_err(|error| unavailable(error.into()))?;
        let folder = room.path().to_owned();
        let options = Options { cache_bytes: SCRATCH_CACHE_BYTES, reserve_bytes: 0, ..Options::default() };
        let store = SledStore::open(&folder.join("store"), options).map_err(|error| unavailable(error.into()))?;
        Ok(Scratch { store: Arc::new(store), folder, room: Box::new(room) })
    }
}

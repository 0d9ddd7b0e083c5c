//! Every part, put together: the one file that names sled, files and wasmtime.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use muster_http::{AdminKey, Wire, admin_router, listen, scim_router};
use muster_model::{Clock, IdSource, OrderedIds, SystemClock, Token, TokenKey};
use muster_plugin::PluginHost;
/// How much one call can answer, in bytes.
pub(crate) use muster_plugin_wasmtime::MAX_ANSWER_BYTES as MAX_PLUGIN_ANSWER_BYTES;
/// How large a plugin can be, in bytes.
pub(crate) use muster_plugin_wasmtime::MAX_COMPONENT_BYTES as MAX_PLUGIN_BYTES;
/// How much memory one call can have, in bytes.
pub(crate) use muster_plugin_wasmtime::MAX_MEMORY_BYTES as MAX_PLUGIN_MEMORY_BYTES;
use muster_plugin_wasmtime::{CompileLimits, Compiler, HostOptions, WasmtimeHost, compile_here};
use muster_service::cases::{MakeScratch, Scratch};
use muster_service::signing::{MAX_SIGNATURE_BYTES, SignatureFile};
use muster_service::{AdminError, NewPlugin, Parts, PluginLines, Service};
use muster_store::StoreError;
use muster_store_files::FileRequestLog;
/// What `muster store` does to a store that no server has open.
pub(crate) use muster_store_sled as store_engine;
use muster_store_sled::{Options, SledStore};
use tokio::net::TcpListener;

use crate::config::{Config, PluginsConfig};
use crate::keys;

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
    /// Where compiled plugins are kept; `compiled/` in the data folder if it is not given.
    pub compile_cache: Option<CompileCache>,
    /// The program that compiles plugins: `muster`, started anew. If it is not given, this process does.
    pub compiler: Option<PathBuf>,
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
}

impl App {
    /// Opens the store and loads the plugins that are bound; serves nobody. Gives the key of its tokens and that of operators as well.
    pub async fn open(config: &Config, overrides: Overrides) -> anyhow::Result<(Arc<Service>, TokenKey, Token)> {
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
        let host = WasmtimeHost::new(HostOptions {
            compiler: overrides.compiler.map(|program| Compiler::new(program, config.plugins.compile_limits())),
            kept_bytes: config.plugins.kept_mib << 20,
            log: Some(plugin_lines.clone()),
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
        let parts = Parts {
            store: Arc::new(store),
            backups: config.data.join("backups"),
            requests: Arc::new(requests),
            plugins: Arc::new(host),
            plugin_lines,
            scratch: Some(Arc::new(scratch)),
            clock,
            ids,
            token_key: token_key.clone(),
            data: config.data.clone(),
            limits: config.limits.service(),
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
        Ok((service, token_key, admin_key))
    }

    /// Opens the store, loads the plugins that are bound, and binds both listeners. After this, connections are accepted and wait.
    pub async fn build(config: &Config, overrides: Overrides) -> anyhow::Result<Self> {
        let (service, token_key, admin_key) = Self::open(config, overrides).await?;
        let (metrics, gauged) = (metrics()?, service.clone());
        let scim = bind(config.scim.listen, "scim.listen").await?;
        let admin = bind(config.admin.listen, "admin.listen").await?;
        let public_origin = Some(config.scim.public_origin.clone()).filter(|origin| !origin.is_empty());
        let scim_addr = scim.local_addr()?;
        let wire = Wire {
            service: service.clone(),
            limits: config.limits.http(),
            admin_key: AdminKey::new(token_key, &admin_key),
            metrics: Arc::new(move || {
                gauged.tell_gauges();
                metrics.render()
            }),
            scim_origin: public_origin.clone().unwrap_or_else(|| format!("http://{scim_addr}")),
            public_origin,
        };
        Ok(Self { service, admin_key, scim, admin, wire, config: config.clone() })
    }

    /// Where identity providers are served.
    pub fn scim_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.scim.local_addr()?)
    }

    /// Where operators are served.
    pub fn admin_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.admin.local_addr()?)
    }

    /// Serves until `stop` is done; then finishes what is in flight and closes the store.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (tell, told) = tokio::sync::watch::channel(false);
        let stopped = |mut told: tokio::sync::watch::Receiver<bool>| async move {
            // The sender is dropped only after it has told: either way it is time to stop.
            let _ = told.wait_for(|stop| *stop).await;
        };
        let admin_routes = admin_router(self.wire.clone());
        let mut scim_routes = scim_router(self.wire.clone());
        if self.config.admin.on_scim_listener {
            scim_routes = muster_http::with_admin(self.wire.clone(), scim_routes);
        }
        let limits = self.config.limits.listen();
        let scim = listen::serve(self.scim, scim_routes, limits.clone(), stopped(told.clone()));
        let admin = listen::serve(self.admin, admin_routes, limits, stopped(told));
        let upkeep = tokio::spawn(async {
            let Ok(metrics) = metrics() else { return };
            loop {
                tokio::time::sleep(METRICS_UPKEEP).await;
                // Observations are folded into buckets here; without it they would wait in memory for somebody to ask.
                metrics.run_upkeep();
            }
        });
        let keeper = self.service.clone();
        // It ends by itself when it is told to stop, and never in the middle of a write.
        let logs = tokio::spawn(async move { keeper.keep_logs().await });
        let carrier = self.service.clone();
        // It goes on with what the last end interrupted, and ends when that can be gone on with again.
        let rollouts = tokio::spawn(async move { carrier.carry_rollouts().await });
        let service = &self.service;
        let stopping = async {
            stop.await;
            tracing::info!("stopping: finishing what is in flight");
            service.stop_waiting();
            let _ = tell.send(true);
        };
        tokio::join!(scim, admin, stopping);
        upkeep.abort();
        let _ = logs.await;
        let _ = rollouts.await;
        self.service.close().await;
        tracing::info!("stopped");
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

/// The process has one recorder: a second server in it (in a test) shows the same numbers.
fn metrics() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS_S)?
        .set_buckets_for_metric(Matcher::Full(PLUGIN_CALL_DURATION.to_owned()), &CALL_BUCKETS_S)?
        .build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    // Lost only to another server of this process that was started at the same moment.
    let _ = metrics::set_global_recorder(recorder);
    describe();
    Ok(handle)
}

/// What `/metrics` says of each number. No label carries user data.
fn describe() {
    metrics::describe_counter!("muster_requests_total", "Requests answered, by method and status.");
    metrics::describe_histogram!("muster_request_duration_seconds", "From the head of a request to its answer.");
    metrics::describe_histogram!(PLUGIN_CALL_DURATION, "One call of a plugin on the request path.");
    metrics::describe_gauge!("muster_plugin_kept_instances", "Instances of plugins that wait for their next call.");
    metrics::describe_gauge!("muster_plugin_kept_bytes", "Memory of the instances that wait for their next call.");
    metrics::describe_gauge!(
        "muster_plugin_memory_high_water_bytes",
        "The most memory that one instance has had since its plugin was loaded, by plugin."
    );
    metrics::describe_counter!("muster_plugin_failures_total", "Plugin calls without an answer, by plugin and reason.");
    metrics::describe_counter!(
        "muster_plugin_breaker_opened_total",
        "Times that a tenant's plugin was left alone, by plugin."
    );
    metrics::describe_counter!(
        "muster_plugin_passed_through_total",
        "Calls of a plugin that a write has done without, because its tenant would rather, by plugin."
    );
    metrics::describe_counter!(
        "muster_plugin_warm_up_failures_total",
        "Plugins that failed when they were run before the first request, by plugin and reason."
    );
    metrics::describe_counter!("muster_request_log_failures_total", "Times that the request log could not be written.");
    metrics::describe_counter!("muster_request_log_kept_total", "Requests that the request log has kept.");
    metrics::describe_counter!("muster_request_log_lost_total", "Requests that it has not kept, by reason.");
    metrics::describe_counter!(
        "muster_rollouts_over_budget_total",
        "Candidates on probation that were over their budget, by reason, and whether the tenant went back."
    );
    metrics::describe_counter!("muster_unknown_members_total", "Members left out because they do not exist.");
    metrics::describe_counter!("muster_upkeep_failures_total", "Rounds of a log's upkeep that failed.");
    metrics::describe_counter!("muster_write_conflicts_total", "Writes decided again because another came between.");
}

const PLUGIN_CALL_DURATION: &str = "muster_plugin_call_duration_seconds";
/// Upper bounds of the buckets of calls of plugins, in seconds: most take microseconds, and the deadline is at 10 ms of the processor.
const CALL_BUCKETS_S: [f64; 13] =
    [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 1e-1];
/// How often observations are folded into their buckets.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// Upper bounds of the histogram's buckets, in seconds.
const DURATION_BUCKETS_S: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

async fn bind(addr: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| {
        format!("cannot listen on {addr} (`{key}` of the configuration, or the command line's option)")
    })
}

/// Bytes of an admin key that is worth a warning.
const SHORT_KEY_BYTES: usize = 20;

/// The environment's key, the configured file's, or one that is made at the first start.
fn admin_key(config: &Config, keys: &Path) -> anyhow::Result<Token> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a secret comes from the environment without standing in a configuration"
    )]
    let given = std::env::var("MUSTER_ADMIN_KEY").ok().filter(|key| !key.is_empty());
    if let Some(key) = given {
        if key.len() < SHORT_KEY_BYTES {
            tracing::warn!(
                "MUSTER_ADMIN_KEY is shorter than {SHORT_KEY_BYTES} bytes: whoever guesses it owns every tenant"
            );
        }
        return Ok(Token::presented(&key));
    }
    let configured = !config.admin.key_file.as_os_str().is_empty();
    if configured {
        let file = &config.admin.key_file;
        let told = || format!("configuration key `admin.key_file`: {}", file.display());
        let key = std::fs::read_to_string(file).with_context(told)?;
        anyhow::ensure!(!key.trim().is_empty(), "{} is empty", told());
        return Ok(Token::presented(key.trim()));
    }
    let file = keys.join("admin.key");
    let key = keys::read_or_make(&file)?;
    tracing::info!(file = %file.display(), "the admin key is in this file");
    Ok(Token::presented(&hex::encode(key)))
}

/// Pushes every component of a folder.
async fn preload(service: &Service, folder: &Path) -> anyhow::Result<()> {
    for file in components(folder)? {
        let Err(error) = preload_one(service, &file).await else { continue };
        // That is the store, and no fault of the file.
        if matches!(error.downcast_ref(), Some(AdminError::Unavailable(_))) {
            return Err(error.context(format!("plugin {}", file.display())));
        }
        // A server that does not start serves nobody; this one serves what it has.
        tracing::error!(file = %file.display(), error = format!("{error:#}"), "a plugin of plugins.preload is not taken");
    }
    Ok(())
}

async fn preload_one(service: &Service, file: &Path) -> anyhow::Result<()> {
    let bytes = tokio::fs::read(file).await?;
    let signature = signature_beside(file)?;
    service.push_plugin(bytes, NewPlugin { signature, ..NewPlugin::default() }).await?;
    Ok(())
}

/// Where the signature of a component stands: beside it, with `.sig` behind its name.
pub(crate) fn signature_file(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// The signature that stands beside a component, if there is one.
pub(crate) fn signature_beside(component: &Path) -> anyhow::Result<Option<SignatureFile>> {
    let file = signature_file(component);
    if file.exists() { read_signature(&file).map(Some) } else { Ok(None) }
}

/// The signature in this file.
pub(crate) fn read_signature(file: &Path) -> anyhow::Result<SignatureFile> {
    let told = || file.display().to_string();
    let mut bytes = Vec::new();
    // One more than there can be shows that there is too much.
    let most = u64::try_from(MAX_SIGNATURE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(file).and_then(|opened| opened.take(most).read_to_end(&mut bytes)).with_context(told)?;
    SignatureFile::parse(&bytes).with_context(told)
}

/// The components in a folder, by name.
pub(crate) fn components(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("the plugin folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
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
        let folder = tempfile::tempdir().context("a folder to work in")?;
        let mut cache_key = [0; 32];
        getrandom::fill(&mut cache_key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let host = WasmtimeHost::new(HostOptions::new(folder.path().join("compiled"), cache_key))?;
        let scratch = Arc::new(ScratchRoom { within: folder.path().to_owned() });
        Ok(Self { host: Arc::new(host), scratch, _folder: folder })
    }
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

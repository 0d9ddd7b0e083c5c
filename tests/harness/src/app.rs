use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster_delivery::Carrier;
use muster_model::{FixedClock, Timestamp, Token};
use muster_outbound::Resolve;
use muster_server::app::{App, CompileCache, Overrides};
use muster_server::config::{Config, DeliveryConfig};
use muster_service::Service;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Answer, TenantClient};
use crate::wasm;

/// What the clock of a test says at first: 2026-11-03T14:03:00Z.
const START_MS: i64 = 1_793_714_580_000;
/// The admin key of every test's server.
pub const ADMIN_KEY: &str = "the-admin-key-of-a-test";
/// The directory key of every test's server.
pub const DIRECTORY_KEY: &str = "the-directory-key-of-a-test";

/// A server of a test's own.
#[derive(Debug)]
pub struct TestApp {
    folder: Arc<TempDir>,
    config: Config,
    clock: Arc<FixedClock>,
    carrier: Option<Arc<dyn Carrier>>,
    resolver: Option<Arc<dyn Resolve>>,
    disk_takes: Option<Duration>,
    http: reqwest::Client,
    /// `http://127.0.0.1:PORT`
    pub scim: String,
    /// `http://127.0.0.1:PORT`
    pub admin: String,
    /// The use cases, for what no request does.
    pub service: Arc<Service>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

/// A server that is not started yet.
#[derive(Debug)]
pub struct TestAppBuilder {
    /// What the test may set.
    pub config: Config,
    carrier: Option<Arc<dyn Carrier>>,
    resolver: Option<Arc<dyn Resolve>>,
    disk_takes: Option<Duration>,
}

impl TestAppBuilder {
    /// Tasks are carried out, by the plugins. Otherwise they wait, as most tests want to see them.
    #[must_use]
    pub fn delivering(mut self) -> Self {
        self.config.delivery = DeliveryConfig::default();
        self
    }

    /// Tasks are carried out by this one.
    #[must_use]
    pub fn delivering_by(self, carrier: Arc<dyn Carrier>) -> Self {
        Self { carrier: Some(carrier), ..self.delivering() }
    }

    /// Hosts that requests go out to are looked up by this one.
    #[must_use]
    pub fn resolving_by(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver: Some(resolver), ..self }
    }

    /// What is written takes the disk so long at least: readers see it that much earlier than it is durable.
    #[must_use]
    pub fn on_a_disk_that_takes(self, time: Duration) -> Self {
        Self { disk_takes: Some(time), ..self }
    }

    /// Starts it.
    pub async fn start(self) -> TestApp {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(FixedClock::new(Timestamp::from_millis(START_MS)));
        TestApp::start_on(folder, clock, self).await
    }
}

impl TestApp {
    /// A server with the defaults.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server whose configuration the test changes first.
    pub fn builder() -> TestAppBuilder {
        let mut config = Config::default();
        config.scim.listen.set_port(0);
        config.admin.listen.set_port(0);
        config.delivery.concurrency = 0;
        TestAppBuilder { config, carrier: None, resolver: None, disk_takes: None }
    }

    async fn start_on(folder: Arc<TempDir>, clock: Arc<FixedClock>, builder: TestAppBuilder) -> Self {
        let TestAppBuilder { mut config, carrier, resolver, disk_takes } = builder;
        config.data = folder.path().join("data");
        let overrides = Overrides {
            clock: Some(clock.clone()),
            admin_key: Some(Token::presented(ADMIN_KEY)),
            directory_key: directory_key(&config),
            // Compiled once for all tests.
            compile_cache: Some(CompileCache { folder: compiled(), key: [7; 32] }),
            compiler: Some(wasm::folder().join("muster")),
            carrier: carrier.clone(),
            resolver: resolver.clone(),
            disk_takes,
        };
        let app = App::build(&config, overrides).await.unwrap();
        let (scim, admin) = (app.scim_addr().unwrap(), app.admin_addr().unwrap());
        let service = app.service.clone();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(app.run(async move {
            let _ = stopped.await;
        }));
        Self {
            folder,
            config,
            clock,
            carrier,
            resolver,
            disk_takes,
            http: reqwest::Client::new(),
            scim: format!("http://{scim}"),
            admin: format!("http://{admin}"),
            service,
            stop: Some(stop),
            serving: Some(serving),
        }
    }

    /// The use cases on a folder, at this time, without a server around them: nothing is done in the background.
    pub async fn service_on(data: PathBuf, now: Timestamp) -> Arc<Service> {
        let config = Config { data, ..Config::default() };
        let overrides = Overrides {
            clock: Some(Arc::new(FixedClock::new(now))),
            admin_key: Some(Token::presented(ADMIN_KEY)),
            directory_key: directory_key(&config),
            compile_cache: Some(CompileCache { folder: compiled(), key: [7; 32] }),
            compiler: Some(wasm::folder().join("muster")),
            ..Overrides::default()
        };
        App::open(&config, overrides).await.unwrap().service
    }

    /// A server on a folder, by the machine's clock, whose tasks are carried out by this one: for a process of its own, which serves until it
    /// is killed. `ready` hears where identity providers and operators are served.
    pub async fn serve_until_killed(data: PathBuf, carrier: Arc<dyn Carrier>, ready: impl FnOnce(&str, &str)) {
        let TestAppBuilder { mut config, carrier, resolver, disk_takes } = Self::builder().delivering_by(carrier);
        config.data = data;
        // What fails is tried again soon, and never given up.
        (config.delivery.first_pause_ms, config.delivery.max_pause_s) = (10, 1);
        config.delivery.attempts = 1_000;
        let overrides = Overrides {
            clock: None,
            admin_key: Some(Token::presented(ADMIN_KEY)),
            directory_key: directory_key(&config),
            compile_cache: Some(CompileCache { folder: compiled(), key: [7; 32] }),
            compiler: Some(wasm::folder().join("muster")),
            carrier,
            resolver,
            disk_takes,
        };
        let app = App::build(&config, overrides).await.unwrap();
        ready(&format!("http://{}", app.scim_addr().unwrap()), &format!("http://{}", app.admin_addr().unwrap()));
        app.run(std::future::pending()).await;
    }

    /// Stops the server as SIGTERM does, and starts another one on the same folder. Clients must be made anew: the port is another.
    pub async fn restart(mut self) -> Self {
        self.stop().await;
        let builder = self.as_built();
        Self::start_on(self.folder.clone(), self.clock.clone(), builder).await
    }

    /// As [`TestApp::restart`], with another configuration.
    pub async fn restart_with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.stop().await;
        change(&mut self.config);
        let builder = self.as_built();
        Self::start_on(self.folder.clone(), self.clock.clone(), builder).await
    }

    fn as_built(&self) -> TestAppBuilder {
        let (config, carrier, resolver) = (self.config.clone(), self.carrier.clone(), self.resolver.clone());
        TestAppBuilder { config, carrier, resolver, disk_takes: self.disk_takes }
    }

    /// Stops the server as SIGTERM does.
    pub async fn stop(&mut self) {
        if let (Some(stop), Some(serving)) = (self.stop.take(), self.serving.take()) {
            let _ = stop.send(());
            serving.await.unwrap();
        }
    }

    /// The folder with the server's data.
    pub fn data(&self) -> PathBuf {
        self.config.data.clone()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Sets the clock so many milliseconds away from where it stood when the test began, as a wrong time server does.
    pub fn set_clock(&self, away_ms: i64) {
        self.clock.set(Timestamp::from_millis(START_MS + away_ms));
    }

    /// A tenant with the plugin `standard`.
    pub async fn tenant(&self, name: &str) -> TenantClient {
        self.tenant_with(name, "standard", json!({})).await
    }

    /// A tenant with a plugin of `plugins/`, configured.
    pub async fn tenant_with(&self, name: &str, plugin: &str, config: Value) -> TenantClient {
        self.push(wasm::plugin(plugin)).await.expect(201);
        self.create_tenant(name, plugin, config).await
    }

    /// A tenant with a guest of `tests/guests/`.
    pub async fn tenant_with_guest(&self, name: &str, guest: &str) -> TenantClient {
        let pushed = self.push(wasm::guest(guest)).await.expect(201);
        self.create_tenant(name, pushed["digest"].as_str().unwrap(), json!({})).await
    }

    /// A tenant with a plugin that was pushed, and with all that it wants.
    pub async fn create_tenant(&self, name: &str, plugin: &str, config: Value) -> TenantClient {
        let new = json!({ "name": name, "plugin": plugin, "config": config, "grants": "all" });
        let made = self.admin_post("/tenants", new).await.expect(201);
        let base = made["scim_base"].as_str().unwrap();
        TenantClient::new(self.http.clone(), base, made["token"].as_str().unwrap())
    }

    /// The same tenant after a restart, or with another token.
    pub fn client(&self, base_path: &str, token: &str) -> TenantClient {
        TenantClient::new(self.http.clone(), &format!("{}{base_path}", self.scim), token)
    }

    /// Pushes a component.
    pub async fn push(&self, bytes: Vec<u8>) -> Answer {
        let url = format!("{}/admin/v1/plugins", self.admin);
        Answer::of(self.http.post(url).bearer_auth(ADMIN_KEY).body(bytes)).await
    }

    /// A plugin as it is after compilation, without what authenticates it in the cache.
    pub fn compiled_plugin(&self) -> Vec<u8> {
        let files = std::fs::read_dir(compiled()).unwrap().map(|entry| entry.unwrap());
        let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "cwasm"));
        // Those of whole interpreters are larger than a plugin can be.
        let smallest = files.min_by_key(|file| file.metadata().unwrap().len()).unwrap();
        std::fs::read(smallest.path()).unwrap().split_off(32)
    }

    /// Reads from the admin API: `/tenants/acme/log`.
    pub async fn admin_get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.operator_url(path)).bearer_auth(ADMIN_KEY)).await
    }

    /// Posts to the admin API.
    pub async fn admin_post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.http.post(self.operator_url(path)).bearer_auth(ADMIN_KEY).body(body.to_string())).await
    }

    /// Puts to the admin API.
    pub async fn admin_put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.http.put(self.operator_url(path)).bearer_auth(ADMIN_KEY).body(body.to_string())).await
    }

    /// Deletes from the admin API.
    pub async fn admin_delete(&self, path: &str) -> Answer {
        Answer::of(self.http.delete(self.operator_url(path)).bearer_auth(ADMIN_KEY)).await
    }

    /// A request to the admin listener that the test completes: without the key, and with the path from the root.
    pub fn admin_request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.admin))
    }

    /// A request to the directory API that the test completes: with the key, the path behind `/directory/v1`.
    pub fn directory_request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}/directory/v1{path}", self.admin)).bearer_auth(DIRECTORY_KEY)
    }

    /// Reads from the directory API: `/tenants/acme/accounts`.
    pub async fn directory_get(&self, path: &str) -> Answer {
        Answer::of(self.directory_request(reqwest::Method::GET, path)).await
    }

    /// Sends to the directory API.
    pub async fn directory_send(&self, method: reqwest::Method, path: &str, body: Value) -> Answer {
        Answer::of(self.directory_request(method, path).body(body.to_string())).await
    }

    fn operator_url(&self, path: &str) -> String {
        format!("{}/admin/v1{path}", self.admin)
    }

    /// Replaces a tenant's plugin.
    pub async fn bind(&self, tenant: &str, plugin: &str, config: Value) -> Answer {
        self.admin_put(&format!("/tenants/{tenant}/binding"), json!({ "plugin": plugin, "config": config })).await
    }

    /// A tenant's whole log.
    pub async fn log(&self, tenant: &str) -> Vec<Value> {
        let answer = self.admin_get(&format!("/tenants/{tenant}/log?limit=1000")).await.expect(200);
        answer["entries"].as_array().unwrap().clone()
    }

    /// A tenant's whole outbox.
    pub async fn tasks(&self, tenant: &str) -> Vec<Value> {
        let answer = self.admin_get(&format!("/tenants/{tenant}/tasks?limit=1000")).await.expect(200);
        answer["tasks"].as_array().unwrap().clone()
    }

    /// What the product sees of a user or group.
    pub async fn account(&self, tenant: &str, id: &str) -> Value {
        self.admin_get(&format!("/tenants/{tenant}/accounts/{id}")).await.expect(200)["account"].clone()
    }
}

/// The key of every test, unless its configuration names a file of keys.
fn directory_key(config: &Config) -> Option<Token> {
    config.directory.key_file.as_os_str().is_empty().then(|| Token::presented(DIRECTORY_KEY))
}

/// Where tests keep compiled components, so that each is compiled once.
fn compiled() -> PathBuf {
    wasm::folder().parent().map_or_else(|| PathBuf::from("target"), Path::to_owned).join("tmp/compiled-for-tests")
}

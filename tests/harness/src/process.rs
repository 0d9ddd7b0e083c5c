use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Answer, TenantClient};
use crate::wasm;

/// The real binary in a process of its own, for what only a process can show: signals, kills, restarts.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    lines: mpsc::Receiver<Value>,
    /// What it printed until it was ready, one JSON object a line.
    pub told: Vec<Value>,
}

/// Far more than a start takes.
const START_PATIENCE: Duration = Duration::from_mins(2);

impl ServerProcess {
    /// Starts `muster demo --json` on a folder, on any port; returns when it is ready.
    pub fn demo(data: &Path) -> Self {
        Self::ready(Self::starting(data))
    }

    /// The same with a product beside it: the real program, in another process.
    pub fn demo_with_product(data: &Path) -> Self {
        let mut command = Self::command(data);
        command.arg("--product").arg(wasm::folder().join("vendor-app"));
        Self::ready(Self::started(command))
    }

    fn ready(mut server: Self) -> Self {
        let is_ready = server.is_ready_within(START_PATIENCE);
        assert!(is_ready, "the server was not ready: {:?}; it had said {:?}", server.child.try_wait(), server.told);
        server
    }

    /// Starts `muster demo --json` on a folder and does not wait for anything.
    pub fn starting(data: &Path) -> Self {
        Self::started(Self::command(data))
    }

    fn command(data: &Path) -> Command {
        let mut command = Command::new(wasm::folder().join("muster"));
        command.args(["demo", "--listen", "127.0.0.1:0", "--json", "--data"]).arg(data);
        command
    }

    fn started(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("built by `cargo xtask test`");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Half a line is what a kill leaves.
                let Ok(told) = serde_json::from_str(&line) else { return };
                if sender.send(told).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, told: Vec::new() }
    }

    /// Whether it says that it is ready within this time; waits no longer than it takes.
    pub fn is_ready_within(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while let Ok(told) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let is_ready = told["ready"] == true;
            self.told.push(told);
            if is_ready {
                return true;
            }
        }
        false
    }

    /// A tenant of the demo.
    pub fn tenant(&self, name: &str) -> TenantClient {
        let told = self.told.iter().find(|told| told["tenant"] == name).expect("a tenant of the demo");
        let (base, token) = (told["scim_base"].as_str().unwrap(), told["token"].as_str().unwrap());
        TenantClient::new(reqwest::Client::new(), base, token)
    }

    /// A request to the admin API that the test completes: `/tenants/acme/log`.
    pub fn admin(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let told = self.told.iter().find(|line| line["admin_base"].is_string()).expect("the demo tells its admin API");
        let (base, key) = (told["admin_base"].as_str().unwrap(), told["admin_key"].as_str().unwrap());
        reqwest::Client::new().request(method, format!("{base}{path}")).bearer_auth(key)
    }

    /// Reads from the admin API.
    pub async fn admin_get(&self, path: &str) -> Answer {
        Answer::of(self.admin(reqwest::Method::GET, path)).await
    }

    /// SIGKILL: no time to finish anything.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; whether it ended well.
    pub fn terminate(&mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `muster serve` in a process of its own.
#[derive(Debug)]
pub struct ServeProcess {
    child: Child,
    log: Option<std::thread::JoinHandle<String>>,
    /// `http://127.0.0.1:PORT`
    pub scim: String,
    /// `http://127.0.0.1:PORT`
    pub admin: String,
    key: String,
}

impl ServeProcess {
    /// Starts it with a configuration file; returns when it says that it serves, and where.
    pub fn start(config: &Path, admin_key: &str) -> Self {
        let mut command = Command::new(wasm::folder().join("muster"));
        command.args(["serve", "--config"]).arg(config).env("MUSTER_ADMIN_KEY", admin_key);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("built by `cargo xtask test`");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let (scim, admin) = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended: {log}")).unwrap();
            log.push_str(&line);
            log.push('\n');
            if let (Some(scim), Some(admin)) = (address(&line, "scim"), address(&line, "admin")) {
                break (scim, admin);
            }
        };
        let log = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                log.push_str(&line);
                log.push('\n');
            }
            log
        });
        Self { child, log: Some(log), scim, admin, key: admin_key.to_owned() }
    }

    /// Creates a tenant by the admin API.
    pub async fn create_tenant(&self, name: &str, plugin: &str) -> TenantClient {
        let body = serde_json::json!({ "name": name, "plugin": plugin, "grants": "all" }).to_string();
        let http = reqwest::Client::new();
        let request = http.post(format!("{}/admin/v1/tenants", self.admin)).bearer_auth(&self.key).body(body);
        let made = Answer::of(request).await.expect(201);
        TenantClient::new(http, made["scim_base"].as_str().unwrap(), made["token"].as_str().unwrap())
    }

    /// What the admin API answers to a PUT.
    pub async fn admin_put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.admin(reqwest::Method::PUT, path).body(body.to_string())).await
    }

    /// A request to the admin API that the test completes: `/tenants/acme/log`.
    pub fn admin(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new().request(method, format!("{}/admin/v1{path}", self.admin)).bearer_auth(&self.key)
    }

    /// How much memory the process has in use (its resident set), in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a process has memory");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// SIGKILL: no time to finish anything.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A tenant that was created before.
    pub fn tenant(&self, base_path: &str, token: &str) -> TenantClient {
        TenantClient::new(reqwest::Client::new(), &format!("{}{base_path}", self.scim), token)
    }

    /// SIGTERM; everything that it logged.
    pub fn terminate(&mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "it ends well");
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a line of the log, as text (`scim=127.0.0.1:1`, perhaps with colours) or JSON (`"scim":"127.0.0.1:1"`).
fn address(line: &str, name: &str) -> Option<String> {
    let from = line.find("serving").and_then(|at| line.get(at..))?;
    let behind = from.split_once(name)?.1;
    let start = behind.find("127.0.0.1:")?;
    let address: String = behind[start..].chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
    Some(format!("http://{address}"))
}

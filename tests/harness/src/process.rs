use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::client::TenantClient;
use crate::wasm;

/// The real binary in a process of its own, for what only a process can show: signals, kills, restarts.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    /// What it printed until it was ready, one JSON object a line.
    pub told: Vec<Value>,
}

impl ServerProcess {
    /// Starts `muster demo --json` on a folder, on any port; returns when it is ready.
    pub fn demo(data: &Path) -> Self {
        let mut server = Self::starting(data);
        for line in BufReader::new(server.child.stdout.take().unwrap()).lines() {
            let value: Value = serde_json::from_str(&line.unwrap()).expect("one JSON object a line");
            let ready = value["ready"] == true;
            server.told.push(value);
            if ready {
                return server;
            }
        }
        panic!("the server ended before it was ready: {:?}; it had said {:?}", server.child.wait(), server.told);
    }

    /// Starts `muster demo --json` on a folder and does not wait for anything.
    pub fn starting(data: &Path) -> Self {
        let mut command = Command::new(wasm::folder().join("muster"));
        command.args(["demo", "--listen", "127.0.0.1:0", "--json", "--data"]).arg(data);
        let child = command.stdout(Stdio::piped()).spawn().expect("built by `cargo xtask test`");
        Self { child, told: Vec::new() }
    }

    /// A tenant of the demo.
    pub fn tenant(&self, name: &str) -> TenantClient {
        let told = self.told.iter().find(|told| told["tenant"] == name).expect("a tenant of the demo");
        let (base, token) = (told["scim_base"].as_str().unwrap(), told["token"].as_str().unwrap());
        TenantClient::new(reqwest::Client::new(), base, token)
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
        let body = serde_json::json!({ "name": name, "plugin": plugin }).to_string();
        let http = reqwest::Client::new();
        let request = http.post(format!("{}/admin/v1/tenants", self.admin)).bearer_auth(&self.key).body(body);
        let made = crate::Answer::of(request).await.expect(201);
        TenantClient::new(http, made["scim_base"].as_str().unwrap(), made["token"].as_str().unwrap())
    }

    /// What the admin API answers to a PUT.
    pub async fn admin_put(&self, path: &str, body: Value) -> crate::Answer {
        let request = reqwest::Client::new().put(format!("{}/admin/v1{path}", self.admin)).bearer_auth(&self.key);
        crate::Answer::of(request.body(body.to_string())).await
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

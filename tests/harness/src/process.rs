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

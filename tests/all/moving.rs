//! `muster export` and `muster import`: everything out, everything in, and nothing in between.

mod breaks;
mod by_hand;
mod damage;
mod finished;
mod forged;
mod later;
mod limits;
mod replayed;
mod signed;
mod tenants;
mod unlogged;
mod whole;

use std::path::{Path, PathBuf};

use muster_store::moving::file::{self, Counts, End};
use muster_store::moving::{Chain, Item};
use muster_test_harness::{ADMIN_KEY, Answer, ServeProcess, TenantClient, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{Ended, muster, on};

/// A real server with a data folder of its own.
struct Server {
    folder: TempDir,
    port: u16,
    process: Option<ServeProcess>,
    /// More of its configuration.
    more: &'static str,
}

impl Server {
    /// With the keys of another deployment, if they are given.
    fn start(keys_of: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(data) = keys_of {
            std::fs::create_dir_all(folder.path().join("data/keys")).unwrap();
            std::fs::copy(data.join("keys/token.key"), folder.path().join("data/keys/token.key")).unwrap();
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { folder, port, process: None, more: "" };
        server.restart();
        server
    }

    fn restart(&mut self) {
        let text = format!(
            // No tasks are carried out, so that what came is compared as it came.
            "data = {:?}\n[scim]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:{}\"\n[delivery]\nconcurrency = 0\n{}",
            self.data(),
            self.port,
            self.more
        );
        let config = self.folder.path().join("muster.toml");
        std::fs::write(&config, text).unwrap();
        self.process = Some(ServeProcess::start(&config, ADMIN_KEY));
    }

    /// SIGKILL.
    fn kill(&mut self) {
        drop(self.process.take());
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn client(&self, of: &TenantClient, base_path: &str) -> TenantClient {
        self.process.as_ref().unwrap().tenant(base_path, &of.token)
    }

    async fn muster(&self, args: &[&str]) -> Ended {
        muster(&[args, &["--server", &self.admin(), "--admin-key", ADMIN_KEY]].concat(), &[]).await
    }

    async fn ask(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = reqwest::Client::new().request(method, format!("{}/admin/v1{path}", self.admin()));
        Answer::of(request.bearer_auth(ADMIN_KEY).body(body)).await
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, "").await.expect(200)
    }

    /// Nothing has been touched.
    async fn is_empty(&self) -> bool {
        let tenants = self.get("/tenants").await["tenants"].as_array().unwrap().len();
        tenants == 0 && self.get("/imports").await["imports"].as_array().unwrap().is_empty()
    }

    async fn export(&self, file: &Path, tenants: &[&str]) -> Vec<String> {
        let args = export_args(file, tenants);
        let ended = self.muster(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        lines(file)
    }
}

fn export_args(file: &Path, tenants: &[&str]) -> Vec<String> {
    let only = tenants.iter().flat_map(|tenant| ["--tenant".to_owned(), (*tenant).to_owned()]);
    ["export", "--to", file.to_str().unwrap()].map(str::to_owned).into_iter().chain(only).collect()
}

async fn export(app: &TestApp, file: &Path, tenants: &[&str]) -> Vec<String> {
    let args = export_args(file, tenants);
    let ended = on(app, &args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    lines(file)
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

/// Without the manifest, which tells the time, and the end, whose digest is over that as well.
fn items(lines: &[String]) -> &[String] {
    &lines[1..lines.len() - 1]
}

/// The items of an export after they went to a deployment with another key: each token says by which key it is known.
fn items_elsewhere(lines: &[String]) -> Vec<String> {
    let manifest = file::read_manifest(lines[0].as_bytes()).unwrap();
    let elsewhere = |line: &String| match file::read_item(line.as_bytes()).unwrap() {
        Item::Token { mut row } => {
            row.0.key.get_or_insert_with(|| manifest.token_key.clone());
            String::from_utf8(file::item_line(&Item::Token { row }).unwrap()).unwrap()
        }
        _ => line.clone(),
    };
    items(lines).iter().map(elsewhere).collect()
}

/// Writes lines as an export that is whole: digest and counts are what they should be.
fn write_sealed(file: &Path, manifest: &str, items: &[String]) {
    let mut digest = Chain::START.link(manifest.as_bytes());
    let mut counts = Counts::default();
    let mut text = format!("{manifest}\n");
    for line in items {
        digest = digest.link(line.as_bytes());
        if let Ok(item) = file::read_item(line.as_bytes()) {
            counts.add(&item);
        }
        text.push_str(line);
        text.push('\n');
    }
    let end = End { items: u64::try_from(items.len()).unwrap(), counts, digest };
    text.push_str(std::str::from_utf8(&file::end_line(&end)).unwrap());
    text.push('\n');
    std::fs::write(file, text).unwrap();
}

/// Two tenants with different plugins: people, groups, tasks, a log that was sealed and cut off.
async fn filled(app: &TestApp) -> (TenantClient, TenantClient) {
    let acme = app.tenant("acme").await;
    let globex = app.tenant_with("globex", "secoda", json!({})).await;
    for tenant in [&acme, &globex] {
        let mut ids = Vec::new();
        for n in 0..12 {
            ids.push(person(tenant, &format!("user{n}@example.com")).await);
        }
        let members: Vec<&str> = ids.iter().map(String::as_str).take(7).collect();
        let group = tenant.group("Engines", &members).await;
        tenant.group("Nobody", &[]).await;
        tenant.delete(&format!("/Users/{}", ids[3])).await.expect(204);
        let leave = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[4]) }]);
        let left = tenant.operations(&format!("/Groups/{group}"), leave).await;
        assert!(left.status < 300, "{}", left.text);
        let off = json!([{ "op": "replace", "path": "active", "value": false }]);
        tenant.operations(&format!("/Users/{}", ids[5]), off).await.expect(200);
    }
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    (acme, globex)
}

async fn person(tenant: &TenantClient, name: &str) -> String {
    let user = json!({
        "schemas": [muster_test_harness::USER], "userName": name, "displayName": name,
        "name": { "givenName": "Ada", "familyName": "Byron" }, "emails": [{ "value": name, "type": "work", "primary": true }],
        "externalId": format!("ext-{name}"), "title": "Überprüferin 0.1",
    });
    tenant.post("/Users", user).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// Everything that an identity provider can read, without the name of the server.
async fn read(tenant: &TenantClient) -> Vec<String> {
    let origin: String = tenant.base.split('/').take(3).collect::<Vec<_>>().join("/");
    let mut all = Vec::new();
    for endpoint in ["Users", "Groups"] {
        let list = tenant.get(&format!("/{endpoint}?count=1000&sortBy=id")).await.expect(200);
        let resources = list["Resources"].as_array().unwrap().clone();
        assert_eq!(list["totalResults"], resources.len(), "all are on one page");
        for resource in resources {
            let id = resource["id"].as_str().unwrap();
            let one = tenant.get(&format!("/{endpoint}/{id}")).await;
            all.push(format!("{} {}", one.header("etag"), one.text.replace(&origin, "")));
        }
    }
    for name in ["user1@example.com", "USER2@example.com", "nobody"] {
        for filter in [
            format!("userName eq \"{name}\""),
            format!("emails.value eq \"{name}\""),
            format!("userName sw \"{name}\""),
        ] {
            all.push(format!("{filter}: {:?}", tenant.ids("/Users", &filter).await));
        }
    }
    all.push(format!("inactive: {:?}", tenant.ids("/Users", "active eq false").await));
    all
}

/// What operators can read of a tenant.
const TOLD: [&str; 3] = ["log?limit=1000", "tasks?limit=1000", "tokens"];

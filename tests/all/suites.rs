//! The published suites and clients, against a real server process, each on a fresh tenant. `cargo xtask test` installs them
//! (`suites/requirements.txt` has the versions); the README says how many checks each makes.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use muster_test_harness::{ServeProcess, TenantClient, wasm};
use serde_json::{Value, json};
use tempfile::TempDir;

mod client;

const KEY: &str = "an-admin-key-for-this-test";

/// A server with one tenant, and where the suites are.
struct Bench {
    tenant: TenantClient,
    server: ServeProcess,
    folder: TempDir,
}

impl Bench {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = ServeProcess::start(&crate::serve::config(folder.path(), ""), KEY);
        let tenant = server.create_tenant("fresh", "standard").await;
        Self { tenant, server, folder }
    }

    /// The resource types of a draft that one of the suites knows, as an operator declares them.
    async fn declare_agents(&self) {
        let declared: Value = serde_json::from_str(include_str!("suites/agents.json")).unwrap();
        self.server.admin_put("/tenants/fresh/scim", declared).await.expect(200);
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.tenant.token)
    }

    /// One of the installed programs.
    fn program(&self, name: &str) -> Command {
        let program: PathBuf = wasm::folder().parent().unwrap().join("suites/bin").join(name);
        assert!(program.exists(), "{} is not there; `cargo xtask test` installs it", program.display());
        let mut command = Command::new(program);
        // Its own home, so that no other configuration is found; and no proxy between it and loopback.
        command.env("HOME", self.folder.path()).env("NO_PROXY", "*").stdin(Stdio::null());
        command
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs `scim2 test`; how many checks it made. What is not a success is a failure, also what was only skipped.
fn scim2_test(bench: &Bench) -> usize {
    let mut scim2 = bench.program("scim2");
    scim2.env("SCIM_CLI_HEADERS", format!("Authorization: {}", bench.authorization()));

    let output = scim2.args(["--url", &bench.tenant.base, "test", "--verbose"]).output().unwrap();

    let told = text(&output);
    let count = |word: &str| told.lines().filter(|line| line.starts_with(word)).count();
    let others = ["COMPLIANT", "ACCEPTABLE", "DEVIATION", "ERROR", "CRITICAL", "SKIPPED"].map(count);
    assert!(output.status.success(), "{told}");
    assert_eq!(others, [0; 6], "{told}");
    count("SUCCESS")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim2_tester_finds_nothing_to_object_to_and_skips_nothing() {
    let bench = Bench::start().await;

    let checks = scim2_test(&bench);

    assert!(checks >= 120, "only {checks} checks were made");
    println!("scim2-tester: {checks} checks, 0 failed, 0 skipped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim2_tester_finds_nothing_to_object_to_in_declared_resource_types_either() {
    let bench = Bench::start().await;
    bench.declare_agents().await;

    let checks = scim2_test(&bench);

    assert!(checks >= 150, "only {checks} checks were made");
    println!("scim2-tester with two declared resource types: {checks} checks, 0 failed, 0 skipped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim_sanity_in_strict_mode_passes_every_check_also_those_of_declared_resource_types() {
    let bench = Bench::start().await;
    bench.declare_agents().await;
    let mut sanity = bench.program("scim-sanity");
    let arguments = ["probe", &bench.tenant.base, "--token", &bench.tenant.token];
    let output =
        sanity.args(arguments).args(["--strict", "--json-output", "--i-accept-side-effects"]).output().unwrap();

    assert!(output.status.success(), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    let summary = &report["summary"];
    assert_eq!(report["mode"], "strict");
    for name in ["failed", "warnings", "errors"] {
        assert_eq!(summary[name], 0, "{report:#}");
    }
    assert_eq!(summary["skipped"], 0, "{report:#}");
    assert!(summary["passed"].as_u64().unwrap() >= 45, "{summary}");
    println!("scim-sanity --strict: {} passed, 0 failed, 0 skipped", summary["passed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scimschema_finds_every_schema_and_every_kind_of_answer_valid() {
    let bench = Bench::start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/scimschema_check.py");
    let mut python = bench.program("python");
    let output = python.env("SCIM_HEADER", bench.authorization()).args([script, &bench.tenant.base]).output().unwrap();

    let told = text(&output);
    assert!(output.status.success(), "{told}");
    let checks = told.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(!told.contains("FAILED"), "{told}");
    assert!(checks >= 24, "{told}");
    println!("scimschema: {checks} checks, 0 failed");
}

/// `scim-sim` ends with 0 whatever happens, and says with a sign in front of the sentence how it went.
fn simulated(bench: &Bench, arguments: &[&str]) -> String {
    let output = bench.program("scim-sim").env("PYTHONIOENCODING", "utf-8").args(arguments).output().unwrap();
    let told = text(&output);
    assert!(output.status.success() && !told.contains('❌') && !told.contains("Traceback"), "{arguments:?}: {told}");
    told
}

/// The id behind `ID: ` in what `scim-sim` says.
fn id_in(told: &str) -> String {
    told.split("ID: ").nth(1).expect("it tells the id").split_whitespace().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim_sim_keeps_a_directory_of_users_and_groups() {
    let bench = Bench::start().await;
    let settings = json!({ "SCIM_BASE_URL": bench.tenant.base, "SCIM_AUTH_TOKEN": bench.tenant.token });
    std::fs::write(bench.folder.path().join(".scim_config.json"), settings.to_string()).unwrap();
    let mut steps = 0;
    let mut run = |arguments: &[&str]| {
        steps += 1;
        simulated(&bench, arguments)
    };

    let users: Vec<String> = (0..3).map(|_| id_in(&run(&["add-user"]))).collect();
    let group = id_in(&run(&["create-group", "Engineering"]));
    for user in &users {
        run(&["add-to-group", user, &group]);
    }
    let shown = run(&["show"]);
    for id in users.iter().chain([&group]) {
        assert!(shown.contains(id.as_str()), "{shown}");
    }
    assert_eq!(bench.tenant.members(&group).await.len(), 3);
    run(&["remove-from-group", &users[0], &group]);
    assert_eq!(bench.tenant.members(&group).await, users[1..]);
    run(&["remove-user", &users[1]]);
    assert_eq!(bench.tenant.members(&group).await, users[2..]);
    run(&["delete-group", &group]);

    let left = bench.tenant.get("/Users").await.expect(200);
    assert_eq!(left["totalResults"], 1, "it deletes a group together with its members");
    assert_eq!(left["Resources"][0]["id"], users[0].as_str());
    println!("scim-sim: {steps} commands, 0 failed");
}

//! `muster plugin` as authors use it: from `new` to the push, and the sentences that it refuses with.

mod refused;

use std::path::{Path, PathBuf};

use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

use crate::command::{Ended, muster, on};

/// Where plugins of tests are compiled: once for all of them, and from what is there already.
fn tools() -> [(&'static str, String); 2] {
    let target = wasm::folder().join("authoring").to_str().unwrap().to_owned();
    [("CARGO_TARGET_DIR", target), ("CARGO_NET_OFFLINE", "true".to_owned())]
}

/// `muster plugin ...`, with the tools of authors.
async fn plugin(args: &[&str]) -> Ended {
    let tools = tools();
    let environment: Vec<_> = tools.iter().map(|(name, value)| (*name, value.as_str())).collect();
    muster(&[&["plugin"], args].concat(), &environment).await
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A component that was built with the tests.
fn built(kind: &str, name: &str) -> PathBuf {
    wasm::folder().join(kind).join(name).with_extension("wasm")
}

/// The folder of a plugin of this workspace.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins")
}

/// A folder with these cases, each a change of one that the plugin `smallest` keeps.
fn cases(folder: &Path, changes: &[(&str, &str, Value)]) -> PathBuf {
    let cases = folder.join("cases");
    std::fs::create_dir_all(&cases).unwrap();
    for (file, pointer, value) in changes {
        let mut case = json!({
            "name": "a user is active",
            "request": {
                "method": "POST", "path": "/Users",
                "body": { "schemas": [muster_test_harness::USER], "userName": "ada", "displayName": "Ada" },
            },
            "expect": { "status": 201, "account": { "state": "active", "fields": { "email": "ada", "full_name": "Ada" } } },
        });
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        case.pointer_mut(parent).unwrap()[name] = value.clone();
        std::fs::write(cases.join(file), case.to_string()).unwrap();
    }
    cases
}

#[tokio::test]
async fn every_plugin_keeps_the_cases_in_its_folder() {
    let mut seen = 0;
    for entry in std::fs::read_dir(sources()).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "sdk" || !folder.is_dir() {
            continue;
        }
        let cases = folder.join("cases");
        let told = plugin(&["test", text(&built("plugins", &name)), "--cases", text(&cases), "--json"]).await;
        assert_eq!(told.code, 0, "{name}: {told:?}");
        let told = told.json();
        assert!(told["passed"].as_u64().unwrap() >= 5, "{name} has at least five cases: {told}");
        assert_eq!((&told["failed"], &told["plugin"]), (&json!(0), &json!(name)));
        seen += 1;
    }
    assert!(seen >= 6);
}

#[tokio::test]
async fn a_case_that_fails_shows_where_and_what_and_the_command_fails() {
    let folder = tempfile::tempdir().unwrap();
    let changes = [
        ("a.json", "/name", json!("a user is active")),
        ("b.json", "/expect/account/fields/full_name", json!("Countess")),
        ("c.json", "/expect/tasks", json!([{ "action": "welcome" }])),
        ("d.json", "/request/body/userName", json!(null)),
        ("e.json", "/config", json!({ "listed": 1 })),
    ];
    let cases = cases(folder.path(), &changes);
    let smallest = built("guests", "smallest");

    let told = plugin(&["test", text(&smallest), "--cases", text(&cases)]).await;

    assert_eq!((told.code, told.err.as_str()), (1, "muster: 3 of 5 cases failed\n"), "{told:?}");
    let lines: Vec<&str> = told.out.lines().collect();
    assert!(lines[0].starts_with("smallest 0.1.0   sha256:"), "{lines:?}");
    let expected = [
        "  ok     a user is active",
        "  FAILED a user is active   (b.json)",
        r#"           /account/fields/full_name: expected "Countess", got "Ada""#,
        "  FAILED a user is active   (c.json)",
        r#"           /tasks/0: expected {"action":"welcome"}, got nothing"#,
        "  FAILED a user is active   (d.json)",
    ];
    assert_eq!(&lines[1..7], expected);
    assert!(
        lines[7].starts_with("           the request is refused, and should not be: 400 invalidValue: "),
        "{lines:?}"
    );
    assert_eq!(lines[8], "  ok     a user is active", "any configuration will do for a plugin without a schema");

    let told = plugin(&["test", text(&smallest), "--cases", text(&cases), "--json"]).await;
    assert_eq!(told.code, 1);
    let answer: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&answer["passed"], &answer["failed"]), (&json!(2), &json!(3)));
    let difference = json!({ "pointer": "/account/fields/full_name", "expected": "Countess", "actual": "Ada" });
    assert_eq!(answer["cases"][1]["differences"], json!([difference]));
}

#[tokio::test]
async fn a_plugin_that_fails_a_call_is_told_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let changes = [("a.json", "/name", json!("it answers")), ("b.json", "/expect", json!({ "status": 503 }))];
    let cases = cases(folder.path(), &changes);
    let told = plugin(&["test", text(&built("guests", "loops")), "--cases", text(&cases)]).await;
    assert_eq!(told.code, 1);
    assert!(told.out.contains("the plugin did not answer mapping.to-account within 10 ms"), "{}", told.out);
    assert_eq!(told.err, "muster: one of 2 cases failed\n", "a 503 can be what a case expects");
}

#[tokio::test]
async fn what_a_plugin_says_when_it_panics_is_told_to_its_author() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(folder.path(), &[("a.json", "/name", json!("a")), ("b.json", "/name", json!("b"))]);
    let traps = built("guests", "traps");

    let test = ["test", text(&traps), "--cases", text(&cases)];
    let told = plugin(&test).await;
    let json = plugin(&[&test[..], &["--json"]].concat()).await;
    let checked = plugin(&["check", text(&traps)]).await;

    assert_eq!((told.code, told.err.as_str()), (1, "muster: 2 of 2 cases failed\n"));
    let says = |line: &str| line.contains("it logged (error): ") && line.contains("this guest panics");
    assert_eq!(told.out.lines().filter(|line| says(line)).count(), 2, "one under each case: {}", told.out);
    let answer: Value = serde_json::from_str(&json.out).unwrap();
    for case in answer["cases"].as_array().unwrap() {
        let logged = case["logged"].as_array().unwrap();
        assert!(logged.iter().any(|line| line["message"].as_str().unwrap().contains("this guest panics")), "{case}");
    }
    assert_eq!(checked.code, 1);
    assert!(checked.err.contains("traps.wasm: ") && checked.err.lines().count() == 1, "{}", checked.err);
    assert!(checked.out.contains("\n  contract             muster:plugin 0."), "{}", checked.out);
    assert!(checked.out.lines().any(says), "{}", checked.out);
}

#[tokio::test]
async fn cases_have_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(folder.path(), &[("a.json", "/name", json!("it answers"))]);
    let smallest = built("guests", "smallest");
    let args = ["test", text(&smallest), "--cases", text(&cases), "--seconds", "0"];
    let told = plugin(&args).await;
    assert_eq!((told.code, told.err.as_str()), (1, "muster: the one case failed\n"));
    assert!(told.out.contains("all cases have 0 ms, and these were over"), "{}", told.out);
}

#[tokio::test]
async fn a_configuration_that_the_plugin_refuses_fails_its_case() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(folder.path(), &[("a.json", "/config", json!({ "put_upsert": "yes" }))]);
    let told = plugin(&["test", text(&built("plugins", "secoda")), "--cases", text(&cases)]).await;
    assert_eq!(told.code, 1);
    assert!(
        told.out.contains("its configuration is refused: the configuration does not fit the plugin: "),
        "{}",
        told.out
    );
}

#[tokio::test]
async fn check_measures_what_a_plugin_is_and_takes() {
    let poggio = built("plugins", "poggio");
    let told = plugin(&["check", text(&poggio), "--calls", "50", "--json"]).await.json();

    assert_eq!(told["contract"], json!(["0.2.0"]));
    let mut exports: Vec<&str> = told["exports"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    exports.sort_unstable();
    let roles = ["about", "adoption", "delivery", "lifecycle", "mapping"];
    assert_eq!(exports, roles.map(|role| format!("muster:plugin/{role}@0.2.0")));
    let imports = told["imports"].as_array().unwrap();
    assert!(imports.contains(&json!("muster:plugin/config@0.2.0")), "{imports:?}");
    assert_eq!(told["size"], json!(std::fs::metadata(&poggio).unwrap().len()));
    for function in ["mapping.to-account", "lifecycle.plan"] {
        let [min, median, max] =
            ["min_us", "median_us", "max_us"].map(|it| told["calls"][function][it].as_u64().unwrap());
        assert!(min <= median && median <= max, "{told}");
        assert_eq!(told["calls"][function]["calls"], 50);
    }
    let memory = told["memory_bytes"].as_u64().unwrap();
    assert!(memory >= 64 << 10 && memory <= told["max_memory_bytes"].as_u64().unwrap(), "{told}");
    for (limit, of) in [("memory_bytes", 64 << 20), ("time_us", 10_000), ("answer_bytes", 256 << 10)] {
        let [used, percent] = ["used", "percent"].map(|it| told["worst"][limit][it].as_f64().unwrap());
        assert_eq!(told["worst"][limit]["limit"], of, "{told}");
        assert!(used > 0.0 && (percent - used * 100.0 / f64::from(of)).abs() < 0.1, "{limit}: {told}");
    }

    let told = plugin(&["check", text(&poggio), "--calls", "50"]).await.text();
    for line in [
        "  contract             muster:plugin 0.2.0",
        "  cases                15 cases passed",
        "  lifecycle.plan ",
        " µs, in 50 calls of one request that the cases make, on this machine\n",
        "  slowest request ",
        "  answer at most ",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_tells_the_same_of_a_file_and_of_what_was_pushed() {
    let secoda = built("plugins", "secoda");
    let local = plugin(&["inspect", text(&secoda), "--json"]).await.json();
    assert_eq!(local["adoption"], "link");
    assert_eq!(local["resources"][0]["keeps"], json!(["userName", "name", "emails", "displayName", "active"]));
    assert_eq!(local["config_schema"]["properties"]["put_upsert"]["type"], "boolean");
    let told = plugin(&["inspect", text(&secoda)]).await.text();
    for line in [
        "  served under       /api/v2/scim, and /t/TENANT/scim/v2",
        "  Users: acts when   created, updated, deactivated, reactivated, deleted",
        "  states             invited, active, disabled",
        "  wants to           send requests to every host below secoda.co (https://*.secoda.co)   it says: ",
        "  wants to           send the secret api-key with them",
        "  setting            put_upsert: boolean   false by default   A PUT to an id",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }

    let app = TestApp::start().await;
    app.push(wasm::plugin("secoda")).await.expect(201);
    let version = local["version"].as_str().unwrap();
    for reference in ["secoda", &format!("secoda@{version}"), local["digest"].as_str().unwrap()] {
        assert_eq!(on(&app, &["plugin", "inspect", reference, "--json"]).await.json(), local, "{reference}");
    }
    let told = on(&app, &["plugin", "inspect", "nobody@1.0.0"]).await.failed();
    assert!(told.starts_with("there is no plugin nobody@1.0.0"), "{told}");
    // Tests are run in a folder that has one of this name.
    let told = on(&app, &["plugin", "inspect", "plugin_cli"]).await.failed();
    assert!(told.ends_with("; the folder of that name: muster plugin inspect ./plugin_cli"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_plugin_builds_keeps_its_cases_and_is_pushed() {
    let room = tempfile::tempdir().unwrap();
    let made = plugin(&["new", "acme-cloud", "--lang", "rust", "--dir", text(room.path())]).await.text();
    let folder = room.path().join("acme-cloud");
    assert!(made.starts_with(text(&folder)), "{made}");
    assert!(made.contains(&format!("\n  muster plugin push {} ", text(&folder))), "{made}");
    assert!(made.ends_with("\n  muster tenant create acme-cloud-demo --plugin acme-cloud\n"), "{made}");

    let built = plugin(&["build", text(&folder), "--json"]).await.json();
    assert_eq!((&built["cases"], &built["language"]), (&json!(3), &json!("rust")));
    assert_eq!(built["file"], json!(folder.join("dist/acme-cloud.wasm")));
    let told = plugin(&["test", text(&folder.join("dist/acme-cloud.wasm"))]).await.text();
    assert!(told.ends_with("3 cases passed\n"), "the cases travel with the component: {told}");

    let mut native = std::process::Command::new("cargo");
    native.args(["test", "--quiet"]).current_dir(&folder).envs(tools());
    let native = tokio::task::spawn_blocking(move || native.output().unwrap()).await.unwrap();
    assert!(native.status.success(), "{}", String::from_utf8_lossy(&native.stderr));

    let app = TestApp::start().await;
    let pushed = on(&app, &["plugin", "push", text(&folder), "--json"]).await.json();
    assert_eq!((&pushed["name"], &pushed["digest"]), (&json!("acme-cloud"), &built["digest"]));
    let again = on(&app, &["plugin", "push", text(&folder)]).await.text();
    let not_run = "  cases      3 cases, which were not run: `muster plugin test` and rollouts do\n";
    assert!(again.ends_with(not_run), "{again}");
    on(&app, &["tenant", "create", "acme-cloud-demo", "--plugin", "acme-cloud"]).await.text();
    let create = ["tenant", "create", "acme", "--plugin", "acme-cloud", "--config", r#"{"plan":"team"}"#];
    assert_eq!(on(&app, &create).await.code, 0);

    // An author changes what the plugin promises, and not what it does.
    let case = folder.join("cases/a-new-user-is-welcomed.json");
    let changed = std::fs::read_to_string(&case).unwrap().replace("\"welcome\"", "\"greet\"");
    std::fs::write(&case, changed).unwrap();
    let told = plugin(&["test", text(&folder), "--json"]).await;
    assert_eq!(told.code, 1);
    let answer: Value = serde_json::from_str(&told.out).unwrap();
    let difference = json!({ "pointer": "/tasks/0/action", "expected": "greet", "actual": "welcome" });
    assert_eq!(answer["cases"][1]["differences"], json!([difference]));
    assert_ne!(answer["digest"], built["digest"], "cases are a part of the component");
}

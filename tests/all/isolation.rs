//! Plugins that misbehave in every way there is, next to a well-behaved tenant at steady load: its errors are 0, whatever they do.
//!
//! A flood of headers, out and in, is among the stories of plugins that go out: `perform/bounds.rs`.

mod made;
pub(crate) mod neighbour;
mod watched;

use std::time::{Duration, Instant};

use muster_service::BREAKER_WINDOW;
use muster_test_harness::{TestApp, USER, field, wasm};
use neighbour::Neighbour;
use serde_json::{Value, json};

/// Requests at a time to a plugin that fails: fewer than it takes until it is left alone, so that each of them is met by its fault.
const REQUESTS: usize = 15;

/// How much the neighbour has done at least when a story is over.
pub(crate) const NEIGHBOURS_WRITES: usize = 50;

/// The longest that anybody may wait for a plugin that is stopped: its deadline on the wall, and a busy machine.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// What a guest does to its tenant's requests, beside the neighbour; prints how long both took.
async fn misbehaves(what: &str, guest: &str, status: u16) {
    misbehaves_for(what, guest, status, |number| format!("user{number}")).await;
}

/// The same, where what the guest does follows from who the user is.
async fn misbehaves_for(what: &str, guest: &str, status: u16, name: impl Fn(usize) -> String) {
    let app = TestApp::start().await;
    let neighbour = app.tenant("neighbour").await;
    let acme = app.tenant_with_guest("acme", guest).await;
    let load = Neighbour::start(neighbour);

    let mut times = Vec::new();
    while load.writes() < NEIGHBOURS_WRITES && !load.is_over() {
        for _ in 0..REQUESTS {
            let user = json!({ "schemas": [USER], "userName": name(times.len()) });
            let began = Instant::now();
            let answer = acme.post("/Users", user).await;
            times.push(began.elapsed());
            assert_eq!(answer.status, status, "{}", answer.text);
        }
        // What was before is forgiven.
        app.advance(BREAKER_WINDOW);
    }

    let report = load.stop().await;
    print(what, &mut times, &report.to_string());
    assert_eq!(report.errors, Vec::<String>::new(), "{what}");
    assert!(times.iter().all(|time| *time < STOPPED_WITHIN), "{what}: {times:?}");
    if status == 503 {
        acme.group("Engines", &[]).await;
    }
}

/// One line a story, for whoever runs it with `--no-capture`.
#[expect(clippy::print_stderr, reason = "a test that measures tells what it has measured")]
pub(crate) fn print(what: &str, times: &mut [Duration], neighbour: &str) {
    times.sort();
    let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
    let (median, most) = (at(50), at(100));
    eprintln!(
        "{what:<22} {:>5} answered after {median:>8.1?} (median), {most:>8.1?} at most; {neighbour}",
        times.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_hurts_nobody_else() {
    misbehaves("endless loop", "loops", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_to_the_limit_hurts_nobody_else() {
    misbehaves("memory to the limit", "allocates", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_resource_handles_hurts_nobody_else() {
    misbehaves("handle flood", "floods-handles", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_recursion_hurts_nobody_else() {
    misbehaves("deep recursion", "recurses", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_hurts_nobody_else() {
    misbehaves("trap", "traps", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_string_hurts_nobody_else() {
    misbehaves("huge string", "answers-huge", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_list_hurts_nobody_else() {
    misbehaves_for("huge list", "answers-huge", 503, |_| "list".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_break_the_contract_hurt_nobody_else() {
    let nonsense = ["state", "status", "detail", "decimal", "json", "nul", "string", "answer", "keys", "key", "fields"];
    misbehaves_for("nonsense", "answers-nonsense", 503, |number| nonsense[number % nonsense.len()].to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_that_is_no_text_hurts_nobody_else() {
    misbehaves("bad UTF-8", "forges-text", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_the_host_without_end_hurt_nobody_else() {
    misbehaves("slow host calls", "calls-host", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_in_the_host_hurts_nobody_else() {
    misbehaves("waiting in the host", "waits", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flooded_log_hurts_nobody_at_all() {
    misbehaves("log flood", "logs", 201).await;
}

#[tokio::test]
async fn what_a_kept_instance_remembers_of_one_tenant_no_other_meets() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant_with_guest("acme", "keeps").await, app.tenant_with_guest("globex", "keeps").await);
    let mut before = Vec::new();
    for number in 0..8 {
        for (name, tenant) in [("acme", &acme), ("globex", &globex)] {
            let id = tenant.user(&format!("canary-of-{name}-{number}")).await;
            let account = app.account(name, &id).await;
            before.push((name, field(&account, "before"), field(&account, "calls")));
        }
    }

    let has_met = |of: &str, canary: &str| {
        before.iter().any(|(name, before, _)| *name == of && before.as_str().unwrap().contains(canary))
    };
    for (name, other) in [("acme", "globex"), ("globex", "acme")] {
        assert!(has_met(name, name), "it is kept: {before:?}");
        assert!(!has_met(name, other), "{before:?}");
    }
    assert!(before.iter().all(|(_, _, calls)| (1..=5).contains(&calls.as_i64().unwrap())), "{before:?}");
}

/// Each is refused with this sentence, beside the neighbour.
async fn refused(app: &TestApp, pushes: Vec<(&str, Vec<u8>, &str)>) {
    let load = Neighbour::start(app.tenant("neighbour").await);
    let plugins = app.admin_get("/plugins").await.expect(200);
    let mut times = Vec::new();
    for (what, bytes, sentence) in pushes {
        let began = Instant::now();
        let answer = app.push(bytes).await;
        times.push(began.elapsed());
        print(what, &mut [began.elapsed()], "");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.expect(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(sentence) && !detail.contains('\n'), "{what}: {detail}");
    }
    assert_eq!(app.admin_get("/plugins").await.expect(200), plugins, "none of them is kept");
    let report = load.stop().await;
    print("all of them", &mut times, &report.to_string());
    assert_eq!(report.errors, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_plugin_is_refused_in_a_sentence_and_hurts_nobody() {
    let app = TestApp::start().await;
    app.tenant("somebody").await;
    let mut cut = wasm::guest("smallest");
    cut.truncate(cut.len() / 2);
    let pushes = vec![
        (
            "core module",
            made::core_module(),
            "not a WebAssembly component: it is a core module; build it for wasm32-wasip2",
        ),
        (
            "program",
            std::fs::read(wasm::folder().join("muster")).unwrap()[..1 << 20].to_vec(),
            "not a WebAssembly component: it is machine code",
        ),
        ("precompiled", app.compiled_plugin(), "not a WebAssembly component: it is machine code"),
        ("text", b"#!/bin/sh\nexit 0\n".to_vec(), "not a WebAssembly component: it does not begin as WebAssembly does"),
        ("half a component", cut, "not a WebAssembly component: "),
        (
            "empty component",
            b"\0asm\x0d\0\x01\0".to_vec(),
            "the plugin does not fit the contract: it does not export muster:plugin/about",
        ),
        ("forbidden import", wasm::guest("imports-network"), "the plugin imports wasi:sockets/"),
        (
            "unknown version",
            made::built_for("0.9.0"),
            "the plugin is built for muster:plugin@0.9.0, and this host serves muster:plugin@0.1.0 and 0.2.0",
        ),
        (
            "table growth",
            made::grows_its_table(),
            "the plugin failed to describe itself: the plugin reached the limit table elements",
        ),
        (
            "start that loops",
            made::loops_at_its_start(),
            "the plugin failed to describe itself: the plugin did not answer",
        ),
    ];

    refused(&app, pushes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_takes_ages_to_compile_is_given_up_and_hurts_nobody() {
    let mut app = TestApp::builder();
    app.config.plugins.compile_processor_s = 1;
    let app = app.start().await;
    app.tenant("somebody").await;
    let sentence = "the plugin could not be compiled: it takes more than 1 s of the processor";

    refused(&app, vec![("compile bomb (time)", made::compile_bomb("time"), sentence)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_takes_gigabytes_to_compile_is_given_up_and_hurts_nobody() {
    let mut app = TestApp::builder();
    app.config.plugins.compile_memory_mib = 128;
    let app = app.start().await;
    app.tenant("somebody").await;
    let sentence = "the plugin could not be compiled: it takes more than 128 MiB of memory";

    refused(&app, vec![("compile bomb (memory)", made::compile_bomb("memory"), sentence)]).await;
}

#[tokio::test]
async fn frozen_goes_on_working_without_the_sdk() {
    let app = TestApp::start().await;
    let pushed = app.push(wasm::guest("frozen")).await.expect(201);
    let made = json!({ "name": "acme", "plugin": pushed["digest"], "config": { "region": "eu" } });
    let made = app.admin_post("/tenants", made).await.expect(201);
    let acme = app.client("/scim/v2", made["token"].as_str().unwrap());

    let account = app.account("acme", &acme.user("ada").await).await;

    assert_eq!((field(&account, "user_name"), field(&account, "region")), (json!("ada"), json!("eu")));
    let shown: Value = app.admin_get("/plugins/frozen").await.expect(200);
    assert_eq!(shown["version"], "1.0.0");
}

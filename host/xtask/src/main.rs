//! What people type: `cargo xtask demo`, `cargo xtask test`, `cargo xtask build`, `cargo xtask bench`, `cargo xtask fuzz`, `cargo xtask lint`. Each sets up what it needs.

mod fuzz;
mod languages;
mod run;
mod statements;
mod strace;
mod suites;
mod wasm;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use run::{cargo, have, run, say};

const HELP: &str = "\
cargo xtask demo [-- ARGS]   builds everything and starts `muster demo ARGS`, with the product of examples/vendor-app
cargo xtask test [-- ARGS]   builds everything and runs every test (ARGS go to cargo nextest run)
cargo xtask build [--release] builds the binary `muster` and all plugins, and says where they are
cargo xtask bench [protocol|store] [-- ARGS]  measures the protocol's functions (ARGS go to criterion), the store (`-- --help` says what can be chosen), or both
cargo xtask bench delivery [-- ARGS]  what the delivery of tasks costs: tasks a second, how long after its commit each is carried out, what a million that wait take in memory
cargo xtask bench brake [-- ARGS]     what a deactivation pays for being counted by the brake, at the released server
cargo xtask bench growth [-- ARGS]  what reads and writes cost among 1,000 users and among 1,000,000, at the store and as requests to the released server
cargo xtask bench plugins [-- ARGS]  what plugins cost: a call in Rust, JavaScript, Python and natively, loading, their share of a write, 10,000 tenants
cargo xtask fuzz [TARGET] [--seconds N]  feeds the protocol what nobody thought of, 60 s a target
cargo xtask lint             rustfmt and clippy, as CI has them
cargo xtask statements       runs the tests of what the vendors promise, and makes plugins/README.md anew of their results";

fn main() -> ExitCode {
    match work() {
        Ok(code) => code,
        Err(error) => {
            say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn work() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let passed_on = || rest.iter().skip_while(|arg| *arg != "--").skip(1).cloned().collect::<Vec<_>>();
    let own = rest.iter().take_while(|arg| *arg != "--").map(String::as_str).collect::<Vec<_>>();
    match (task.as_str(), own.as_slice()) {
        ("demo", []) => demo(&passed_on()),
        ("test", []) => test(&passed_on()),
        ("build", []) => build(false).map(|()| ExitCode::SUCCESS),
        ("build", ["--release"]) => build(true).map(|()| ExitCode::SUCCESS),
        ("bench", []) => bench(&["protocol", "store"], &passed_on()),
        ("bench", [one @ ("protocol" | "store")]) => bench(&[one], &passed_on()),
        ("bench", ["delivery"]) => delivery(&passed_on()),
        ("bench", ["brake"]) => brake(&passed_on()),
        ("bench", ["growth"]) => growth(&passed_on()),
        ("bench", ["plugins"]) => plugins(&passed_on()),
        ("fuzz", args) => fuzz::fuzz(args),
        ("lint", []) => lint(),
        ("statements", []) => statements(),
        ("" | "help" | "--help" | "-h", _) | (_, ["--help" | "-h"]) => {
            say(HELP);
            Ok(ExitCode::SUCCESS)
        }
        ("demo" | "test" | "bench", _) => bail!("what is meant for the program itself stands behind `--`\n\n{HELP}"),
        _ => bail!("`{}` is not known\n\n{HELP}", [&[task.as_str()], own.as_slice()].concat().join(" ")),
    }
}

/// The folder of this workspace.
fn root() -> anyhow::Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(here.ancestors().nth(2).context("xtask stands in host/xtask")?.to_owned())
}

/// The folder that cargo builds into.
fn target() -> anyhow::Result<PathBuf> {
    // This program is TARGET/PROFILE/xtask, wherever the environment has put TARGET.
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(2).context("xtask was built into a target folder")?.to_owned())
}

fn build(release: bool) -> anyhow::Result<()> {
    let profile = if release { "release" } else { "debug" };
    wasm::set_up()?;
    say("building the plugins");
    let folder = target()?.join(profile);
    let plugins = wasm::build(&["plugins"], &folder.join("bare"))?;
    say("building muster");
    let mut muster = cargo(&["build", "--package", "muster", "--bin", "muster"])?;
    if release {
        muster.arg("--release");
    }
    run(&mut muster)?;
    wasm::with_cases(&folder.join("muster"), &folder.join("bare"), &folder.join("plugins"))?;
    say(&format!(
        "built {} and {} plugins in {}",
        folder.join("muster").display(),
        plugins,
        folder.join("plugins").display()
    ));
    Ok(())
}

fn demo(args: &[String]) -> anyhow::Result<ExitCode> {
    build(false)?;
    say("building the product that stands beside it");
    run(&mut cargo(&["build", "--package", "vendor-app", "--bin", "vendor-app"])?)?;
    let folder = target()?;
    let mut muster = std::process::Command::new(folder.join("debug/muster"));
    muster.arg("demo");
    if !args.iter().any(|arg| arg == "--product" || arg.starts_with("--product=")) {
        muster.arg("--product").arg(folder.join("debug/vendor-app"));
    }
    if !args.iter().any(|arg| arg == "--data" || arg.starts_with("--data=")) {
        muster.arg("--data").arg(folder.join("demo-data"));
    }
    // In place of this program: Ctrl-C then reaches the server alone, which ends in its own time.
    Err(muster.args(args).exec().into())
}

fn test(args: &[String]) -> anyhow::Result<ExitCode> {
    set_up_tests()?;
    if args.is_empty() {
        say("running the examples in the documentation");
        run(&mut cargo(&["test", "--quiet", "--doc", "--workspace"])?)?;
    }
    say("running every test");
    statements::forget_results()?;
    run(cargo(&["nextest", "run", "--workspace"])?.args(args))?;
    if args.is_empty() {
        statements::hold()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn statements() -> anyhow::Result<ExitCode> {
    set_up_tests()?;
    statements::forget_results()?;
    // One that fails is told by the page as well.
    let passed = run(cargo(&["nextest", "run", "--workspace", "-E"])?.arg(statements::TESTS));
    let code = statements::write()?;
    passed.map(|()| code)
}

/// Everything that tests need.
fn set_up_tests() -> anyhow::Result<()> {
    set_up_nextest()?;
    strace::set_up()?;
    suites::set_up()?;
    wasm::set_up()?;
    languages::set_up()?;
    let folder = target()?.join("debug");
    say("building the plugins and the guests");
    wasm::build(&["plugins"], &folder.join("bare"))?;
    wasm::build(&["tests/guests"], &folder.join("guests"))?;
    // The binary together with the tests: on its own it would have other features of its dependencies, which would be built twice.
    say("building muster and the tests");
    run(&mut cargo(&["build", "--workspace", "--bins", "--tests"])?)?;
    wasm::with_cases(&folder.join("muster"), &folder.join("bare"), &folder.join("plugins"))?;
    languages::build(&folder.join("muster"), &folder.join("languages"))
}

fn bench(which: &[&str], args: &[String]) -> anyhow::Result<ExitCode> {
    if which.len() > 1 && !args.is_empty() {
        bail!("each benchmark has arguments of its own: name one of them before `--`\n\n{HELP}");
    }
    for one in which {
        run(cargo(&["bench", "--package", "muster-bench", "--bench", one, "--"])?.args(args))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// In a package of its own, so that no runtime for plugins is compiled for it.
fn delivery(args: &[String]) -> anyhow::Result<ExitCode> {
    run(cargo(&["bench", "--package", "muster-bench-delivery", "--bench", "delivery", "--"])?.args(args))?;
    Ok(ExitCode::SUCCESS)
}

fn brake(args: &[String]) -> anyhow::Result<ExitCode> {
    build(true)?;
    let folder = target()?.join("release");
    let [muster, plugin] = [folder.join("muster"), folder.join("plugins/standard.wasm")];
    let own = [format!("--muster={}", muster.display()), format!("--plugin={}", plugin.display())];
    let command = ["bench", "--package", "muster-bench-delivery", "--bench", "brake", "--"];
    run(cargo(&command)?.args([own.as_slice(), args].concat()))?;
    Ok(ExitCode::SUCCESS)
}

fn growth(args: &[String]) -> anyhow::Result<ExitCode> {
    build(true)?;
    let folder = target()?.join("release");
    let [muster, plugin] = [folder.join("muster"), folder.join("plugins/standard.wasm")];
    let [muster, plugin] = [format!("--muster={}", muster.display()), format!("--plugin={}", plugin.display())];
    bench(&["store"], &[&["sizes", "requests"].map(str::to_owned), [muster, plugin].as_slice(), args].concat())
}

fn plugins(args: &[String]) -> anyhow::Result<ExitCode> {
    build(true)?;
    let folder = target()?.join("release");
    let muster = folder.join("muster");
    wasm::build(&["tests/guests"], &folder.join("guests"))?;
    let others = languages::set_up().and_then(|()| languages::build(&muster, &folder.join("languages")));
    if let Err(error) = others {
        // Where their tools are missing the rest is measured all the same.
        say(&format!("the plugins in JavaScript and Python may be left out: {error:#}"));
    }
    let own = [format!("--muster={}", muster.display()), format!("--components={}", folder.display())];
    bench(&["plugins"], &[own.as_slice(), args].concat())
}

fn lint() -> anyhow::Result<ExitCode> {
    run(&mut cargo(&["fmt", "--all", "--check"])?)?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])?)?;
    Ok(ExitCode::SUCCESS)
}

/// The test runner, as a cargo sub-command.
fn set_up_nextest() -> anyhow::Result<()> {
    if have(&mut cargo(&["nextest", "--version"])?) {
        return Ok(());
    }
    say("installing cargo-nextest, which runs the tests");
    run(&mut cargo(&["install", "--locked", "cargo-nextest@0.9.143"])?)
}

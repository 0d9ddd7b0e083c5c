use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::run::{cargo, run, say};
use crate::{root, target};

/// The targets, each a file of `tests/fuzz/fuzz_targets/`.
const TARGETS: [&str; 5] = ["filter", "path", "json", "patch", "bulk"];

/// Seconds for each target, if nobody says.
const SECONDS: u64 = 60;

/// The longest input: a request body may have 1 MiB, and what goes wrong there goes wrong in less.
const MAX_INPUT_BYTES: u32 = 16 << 10;

/// Coverage as libFuzzer wants it. The compiler of every build can do this; `cargo fuzz` adds an address sanitizer, which wants nightly.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// Where to and for how long: `[TARGET] [--seconds N]`.
pub(crate) fn fuzz(args: &[&str]) -> anyhow::Result<ExitCode> {
    let (chosen, seconds) = match args {
        [] => (None, SECONDS),
        ["--seconds", seconds] => (None, number(seconds)?),
        [target] => (Some(*target), SECONDS),
        [target, "--seconds", seconds] => (Some(*target), number(seconds)?),
        _ => bail!("cargo xtask fuzz [TARGET] [--seconds N]; targets: {}", TARGETS.join(", ")),
    };
    if let Some(unknown) = chosen.filter(|target| !TARGETS.contains(target)) {
        bail!("there is no target {unknown}; targets: {}", TARGETS.join(", "));
    }
    let platform = platform()?;
    let folder = target()?.join("fuzz");
    say("building the fuzz targets");
    let manifest = root()?.join("tests/fuzz/Cargo.toml");
    let mut build = cargo(&["build", "--release", "--bins", "--target", &platform])?;
    // With a target named, the flags are not those of build scripts and macros.
    build.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&folder).env("RUSTFLAGS", COVERAGE);
    run(&mut build)?;

    for name in TARGETS.into_iter().filter(|name| chosen.is_none_or(|chosen| chosen == *name)) {
        say(&format!("fuzzing {name} for {seconds} s"));
        let (found, broken) = (folder.join("found").join(name), folder.join("broken").join(name));
        for folder in [&found, &broken] {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let mut program = std::process::Command::new(folder.join(&platform).join("release").join(name));
        // What is new is kept in the first folder; the seeds are read only.
        program.arg(&found).arg(root()?.join("tests/fuzz/seeds").join(name));
        program.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={MAX_INPUT_BYTES}"));
        program.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        program.arg(format!("-artifact_prefix={}/", broken.display()));
        run(&mut program)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn number(text: &str) -> anyhow::Result<u64> {
    text.parse().with_context(|| format!("{text} is not a number of seconds"))
}

/// The platform that the compiler builds for, by itself: `x86_64-unknown-linux-gnu`.
fn platform() -> anyhow::Result<String> {
    let told = std::process::Command::new("rustc").arg("-vV").output().context("rustc -vV")?;
    let told = String::from_utf8_lossy(&told.stdout);
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV does not say its host")?;
    Ok(host.to_owned())
}

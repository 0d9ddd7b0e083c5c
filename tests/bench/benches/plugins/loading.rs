//! From the bytes on disk to a plugin that can be called: with its compiled code in the cache, and without.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_bench::measure::{Watch, median, thread_time};
use muster_model::PluginDigest;
use muster_plugin::PluginHost as _;
use muster_plugin_wasmtime::{HostOptions, WasmtimeHost};

use crate::args::Args;
use crate::subjects::{self, Subject};

/// How long it may take to load what is compiled, in milliseconds.
const AIM_MS: f64 = 1.0;

/// What is measured of a plugin that is compiled, in milliseconds.
#[derive(Default)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
    /// Its code alone: read, authenticated and linked, without what it imports looked at and without it asked what it is.
    code: Vec<f64>,
    digest: Vec<f64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    println!("\nload: in ms; with the code in the cache, the middle of {} times", args.loads);
    println!(
        "    {:12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>11} {:>11}",
        "", "wasm KiB", "code KiB", "load", "cpu", "code", "digest", "compile", "compile cpu"
    );
    for subject in subjects::built(args) {
        load(args, subject)?;
    }
    Ok(())
}

fn load(args: &Args, subject: Subject) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let host = || WasmtimeHost::new(HostOptions::new(folder.path().to_owned(), [7; 32]));
    let wasm = subject.bytes(args)?;
    let watch = Watch::start();
    host()?.load(&wasm)?;
    let compiled = watch.stop(1);

    let mut times = Times::default();
    for _ in 0..args.loads {
        // Each as after a start: nothing of it is in the process.
        let host = host()?;
        let (began, cpu) = (Instant::now(), thread_time());
        let plugin = host.load(&subject.bytes(args)?)?;
        times.cpu.push(ms(thread_time().saturating_sub(cpu)));
        times.wall.push(ms(began.elapsed()));
        drop(plugin);
        times.code.push(timed(|| host.bare(&wasm).map(drop))?);
        times.digest.push(timed(|| Ok::<_, anyhow::Error>(std::hint::black_box(PluginDigest::of(&wasm))))?);
    }
    let (wall, cpu) = (median(times.wall), median(times.cpu));
    // What else the machine does is no part of it.
    let missed = if cpu > AIM_MS { ", missed" } else { "" };
    println!(
        "    {:12} {:9} {:9} {wall:9.2} {cpu:9.2} {:9.2} {:9.2} {:11.0} {:11.0}   (aim: at most {AIM_MS}{missed})",
        subject.name,
        wasm.len() / 1024,
        size(folder.path())? / 1024,
        median(times.code),
        median(times.digest),
        compiled.wall_us() / 1e3,
        compiled.cpu_us() / 1e3,
    );
    Ok(())
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<f64, E> {
    let began = Instant::now();
    work()?;
    Ok(ms(began.elapsed()))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn size(folder: &Path) -> std::io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

//! Compiling in a process of its own, with limits on what that may take.
//!
//! What a component does when it runs is bounded by the runtime; what its compilation takes is not, and a component can be made so that it
//! takes minutes and gigabytes. So the server starts itself anew with a hidden command, which limits itself and then calls
//! [`compile_here`]: the component comes in on standard input, the compiled code goes out on standard output, and what went wrong goes to
//! standard error as one sentence. Only the parent writes into the cache.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use muster_plugin::LoadError;
use rustix::process::{Resource, Rlimit, Signal};

use crate::limits::{COMPILE_THREADS, MAX_COMPILED_BYTES, MAX_COMPONENT_BYTES, MAX_SENTENCE_BYTES};
use crate::{check, engine};

/// The name of the hidden command.
pub const COMPILE_COMMAND: &str = "compile-plugin";

/// What the compilation of one plugin may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Seconds of the processor, over all threads.
    pub processor_s: u64,
    /// MiB of memory that can be written to.
    pub memory_mib: u64,
    /// Seconds on the wall.
    pub wall_s: u64,
}

impl Default for CompileLimits {
    /// A component of 18 MB (Python with its standard library) takes about 17 s and 520 MiB.
    fn default() -> Self {
        Self { processor_s: 60, memory_mib: 2_048, wall_s: 100 }
    }
}

/// A program that compiles: this one, started with [`COMPILE_COMMAND`], the processor's seconds and the MiB.
#[derive(Debug)]
pub struct Compiler {
    program: PathBuf,
    limits: CompileLimits,
    /// One at a time: what several take together is what one may take.
    turn: Mutex<()>,
}

impl Compiler {
    /// Compiles by `program`.
    pub fn new(program: PathBuf, limits: CompileLimits) -> Self {
        Self { program, limits, turn: Mutex::new(()) }
    }

    /// The compiled code of a component.
    pub(crate) fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let host = |error: io::Error| LoadError::Host(Box::new(error));
        let mut child = self.start().map_err(host)?;
        let outcome = self.watch(&mut child, wasm).map_err(host)?;
        match outcome {
            Outcome::TooLong => Err(LoadError::Compile(format!("it takes more than {} s", self.limits.wall_s))),
            Outcome::Ended { status, compiled, .. } if status.success() => {
                if u64::try_from(compiled.len()).is_ok_and(|size| size <= MAX_COMPILED_BYTES) {
                    Ok(compiled)
                } else {
                    Err(LoadError::Compile(format!("its code is larger than {MAX_COMPILED_BYTES} bytes")))
                }
            }
            Outcome::Ended { status, said, .. } => Err(self.failure(status, &said)),
        }
    }

    fn start(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .arg0("muster")
            .arg(COMPILE_COMMAND)
            .arg(self.limits.processor_s.to_string())
            .arg(self.limits.memory_mib.to_string())
            // Neither the admin key nor anything else of the environment is its business.
            .env_clear()
            .env("RAYON_NUM_THREADS", COMPILE_THREADS.to_string())
            // Memory that the allocator has put by counts as taken only when it is.
            .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    fn watch(&self, child: &mut Child, wasm: &[u8]) -> io::Result<Outcome> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("a pipe to the compiler is missing"));
        };
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            // A child that ends early does not read the rest; why, it says elsewhere.
            scope.spawn(move || stdin.write_all(wasm));
            let said = scope.spawn(move || read_at_most(stderr, MAX_SENTENCE_BYTES));
            scope.spawn(move || tell.send(read_at_most(stdout, MAX_COMPILED_BYTES + 1)));
            let Ok(compiled) = told.recv_timeout(Duration::from_secs(self.limits.wall_s)) else {
                child.kill()?;
                child.wait()?;
                return Ok(Outcome::TooLong);
            };
            let status = child.wait()?;
            let said = said.join().ok().and_then(Result::ok).unwrap_or_default();
            Ok(Outcome::Ended { status, compiled: compiled?, said: String::from_utf8_lossy(&said).trim().to_owned() })
        })
    }

    /// Why there is no code, in a sentence.
    fn failure(&self, status: ExitStatus, said: &str) -> LoadError {
        let CompileLimits { processor_s, memory_mib, .. } = self.limits;
        // The allocator's last words.
        if said.contains("memory allocation of") {
            return LoadError::Compile(format!("it takes more than {memory_mib} MiB of memory"));
        }
        match status.signal() {
            Some(signal) if signal == Signal::XCPU.as_raw() => {
                LoadError::Compile(format!("it takes more than {processor_s} s of the processor"))
            }
            Some(signal) => LoadError::Compile(format!("the compiler was ended by signal {signal}")),
            None if said.is_empty() => LoadError::Compile(format!("the compiler ended with {status}")),
            None => LoadError::NotAComponent(said.strip_prefix("muster: ").unwrap_or(said).to_owned()),
        }
    }
}

enum Outcome {
    TooLong,
    Ended { status: ExitStatus, compiled: Vec<u8>, said: String },
}

fn read_at_most(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the hidden command does: limits this process, and compiles what comes on `input`. The error is one sentence.
pub fn compile_here(limits: CompileLimits, input: impl Read, mut output: impl Write) -> Result<(), String> {
    restrict(limits).map_err(|error| format!("the compiler could not be limited: {error}"))?;
    let wasm = read_at_most(input, MAX_COMPONENT_BYTES + 1).map_err(|error| error.to_string())?;
    check::check_bytes(&wasm).map_err(|error| error.to_string())?;
    let engine = engine::without_clock(1).map_err(|error| format!("{error:#}"))?;
    let compiled = engine.precompile_component(&wasm).map_err(|error| format!("{error:#}"))?;
    output.write_all(&compiled).and_then(|()| output.flush()).map_err(|error| error.to_string())
}

fn restrict(limits: CompileLimits) -> rustix::io::Result<()> {
    let between = |resource, current: u64, maximum: u64| {
        rustix::process::setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
    };
    let set = |resource, most: u64| between(resource, most, most);
    // Nothing is left on the disk: neither files nor an image of the memory.
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)?;
    // The signal of the first limit says what happened.
    between(Resource::Cpu, limits.processor_s, limits.processor_s.saturating_add(1))?;
    // What can be written to, not addresses: the runtime reserves far more of those than it ever uses.
    set(Resource::Data, limits.memory_mib << 20)?;
    // Requests go first.
    rustix::process::nice(NICER)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

/// How much later than the server it has its turn, in the system's own steps: under full load it gets a third of what a request gets. With
/// much less, a component that takes 17 s would not be done before whoever pushes it stops waiting.
const NICER: i32 = 5;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;

    /// A compiler that is a shell script.
    fn script(text: &str, wall_s: u64) -> (tempfile::TempDir, Compiler) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("compiler");
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let limits = CompileLimits { processor_s: 7, memory_mib: 64, wall_s };
        (folder, Compiler::new(file, limits))
    }

    fn told(text: &str) -> String {
        let (_folder, compiler) = script(text, 60);
        compiler.compile(b"\0asm").unwrap_err().to_string()
    }

    #[test]
    fn what_the_compiler_writes_is_taken_and_nothing_of_the_environment_is_given() {
        let (_folder, compiler) = script("/bin/cat; echo $1-$2-$3 ${HOME-nowhere} ${CARGO_MANIFEST_DIR-nowhere}", 60);
        assert_eq!(compiler.compile(b"wasm\n").unwrap(), b"wasm\ncompile-plugin-7-64 nowhere nowhere\n");
    }

    #[test]
    fn each_failure_is_a_sentence_of_its_own() {
        assert_eq!(told("echo no such thing >&2; exit 1"), "not a WebAssembly component: no such thing");
        assert_eq!(told("exit 3"), "the plugin could not be compiled: the compiler ended with exit status: 3");
        assert_eq!(told("kill -XCPU $$"), "the plugin could not be compiled: it takes more than 7 s of the processor");
        assert_eq!(told("kill -SEGV $$"), "the plugin could not be compiled: the compiler was ended by signal 11");
        let memory = told("echo 'memory allocation of 80 bytes failed' >&2; kill -ABRT $$");
        assert_eq!(memory, "the plugin could not be compiled: it takes more than 64 MiB of memory");
    }

    #[test]
    fn a_compiler_that_does_not_end_is_ended() {
        let (_folder, compiler) = script("exec /bin/sleep 600", 1);
        let began = Instant::now();
        let error = compiler.compile(b"\0asm").unwrap_err().to_string();
        assert_eq!(error, "the plugin could not be compiled: it takes more than 1 s");
        assert!(began.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn a_compiler_that_is_not_there_is_the_hosts_own_trouble() {
        let compiler = Compiler::new("/nowhere/compiler".into(), CompileLimits::default());
        assert!(matches!(compiler.compile(b"\0asm"), Err(LoadError::Host(_))));
    }
}

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::build::only_component;

/// What a plugin is written in, as its folder shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// A `Cargo.toml`.
    Rust,
    /// A `package.json`, whose script `build` makes `dist/NAME.wasm`.
    Npm,
    /// A `build.sh` that makes `dist/NAME.wasm`.
    Script,
}

/// The target that Rust is built for.
const TARGET: &str = "wasm32-wasip2";

impl Language {
    pub(super) fn of(folder: &Path) -> anyhow::Result<Self> {
        let has = |file: &str| folder.join(file).is_file();
        ensure!(folder.is_dir(), "{}: there is no such folder", folder.display());
        if has("Cargo.toml") {
            Ok(Self::Rust)
        } else if has("package.json") {
            Ok(Self::Npm)
        } else if has("build.sh") {
            Ok(Self::Script)
        } else {
            bail!(
                "{}: a plugin's folder has a Cargo.toml, a package.json or a build.sh; `muster plugin new NAME` makes one",
                folder.display()
            )
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Npm => "javascript",
            Self::Script => "script",
        }
    }

    /// Runs the language's own tools; what they say is seen, unless nobody looks. The name of the plugin's package, and its component.
    pub(super) fn compile(self, folder: &Path, quiet: bool) -> anyhow::Result<(String, Vec<u8>)> {
        match self {
            Self::Rust => cargo(folder, quiet),
            Self::Npm => {
                if !folder.join("node_modules").is_dir() {
                    run(Command::new("npm").args(["install", "--no-audit", "--no-fund"]), folder, "npm install")?;
                }
                run(Command::new("npm").args(["run", "--silent", "build"]), folder, "npm run build")?;
                made(folder)
            }
            Self::Script => {
                run(Command::new("sh").arg("build.sh"), folder, "build.sh")?;
                made(folder)
            }
        }
    }
}

/// What a script has left in `dist/`.
fn made(folder: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let file = only_component(&folder.join("dist"))?;
    let name = file.file_stem().context("a component has a name")?.to_string_lossy().into_owned();
    Ok((name, super::component(&file)?))
}

/// Runs a command in a folder; its output goes where errors go, because the answer of `muster` is something else.
fn run(command: &mut Command, folder: &Path, what: &str) -> anyhow::Result<()> {
    let output = command.current_dir(folder).stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = output.with_context(|| format!("{what} cannot be started"))?;
    ensure!(status.success(), "{}: {what} failed; what it says stands above", folder.display());
    Ok(())
}

fn cargo(folder: &Path, quiet: bool) -> anyhow::Result<(String, Vec<u8>)> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    if quiet {
        command.arg("--quiet");
    }
    let output = command.current_dir(folder).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.context("cargo cannot be started; https://rustup.rs installs it")?;
    ensure!(output.status.success(), "{}: cargo build failed; what it says stands above", folder.display());
    let manifest = folder.join("Cargo.toml").canonicalize()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = |message: &Value| message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest);
    for message in messages.filter(|message| message["reason"] == "compiler-artifact" && own(message)) {
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(file) = files.into_iter().find(|file| Path::new(file).extension().is_some_and(|it| it == "wasm")) {
            let name = message["target"]["name"].as_str().context("cargo names what it makes")?;
            return Ok((name.replace('_', "-"), super::component(Path::new(file))?));
        }
    }
    bail!("{}: cargo made no component of it; [lib] must say crate-type = [\"cdylib\", \"rlib\"]", manifest.display())
}

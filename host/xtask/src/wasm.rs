use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::run::{cargo, run, say};
use crate::{root, target};

const TARGET: &str = "wasm32-wasip2";

/// The target that plugins are built for.
pub(crate) fn set_up() -> anyhow::Result<()> {
    let library =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).current_dir(root()?).output();
    let library = library.context("rustc cannot be started")?;
    if PathBuf::from(String::from_utf8_lossy(&library.stdout).trim()).is_dir() {
        return Ok(());
    }
    say(&format!("installing the target {TARGET}, which plugins are built for"));
    run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()?))
}

/// Builds every component in these folders of the workspace, and copies them to `to` under their folders' names.
pub(crate) fn build(folders: &[&str], to: &Path) -> anyhow::Result<usize> {
    let mut components = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root()?.join(folder))? {
            let path = entry?.path();
            if let Some(package) = component(&path)? {
                components.push((path, package));
            }
        }
    }
    if components.is_empty() {
        bail!("there is no component in {}", folders.join(", "));
    }
    let mut command = cargo(&["build", "--target", TARGET, "--profile", "plugin"])?;
    for (_, package) in &components {
        command.args(["--package", package]);
    }
    run(&mut command)?;

    fs::create_dir_all(to)?;
    let built = target()?.join(TARGET).join("plugin");
    for (path, package) in &components {
        let from = built.join(format!("{}.wasm", package.replace('-', "_")));
        let name = path.file_name().context("a component stands in a folder")?;
        place(&from, &to.join(name).with_extension("wasm"))?;
    }
    Ok(components.len())
}

/// Gives each plugin in `bare` the cases of its folder, as `muster plugin build` does, and puts it into `to`.
pub(crate) fn with_cases(muster: &Path, bare: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(root()?.join("plugins"))? {
        let folder = entry?.path();
        let name = folder.file_name().context("a plugin stands in a folder")?;
        let file = bare.join(name).with_extension("wasm");
        if !file.is_file() {
            continue;
        }
        // A copy of this program's own: another may do the same at this moment.
        let copy = file.with_extension(std::process::id().to_string());
        fs::copy(&file, &copy)?;
        if folder.join("cases").is_dir() {
            let args = ["plugin", "build", "--json", "--component"];
            let put = Command::new(muster).args(args).arg(&copy).arg(&folder).stdout(Stdio::null()).status()?;
            ensure!(put.success(), "the cases of {} were not put into it", folder.display());
        }
        place(&copy, &to.join(name).with_extension("wasm"))?;
        fs::remove_file(&copy)?;
    }
    Ok(())
}

/// Puts a file where another may be in use: in one step, and only if it is another one.
pub(crate) fn place(from: &Path, to: &Path) -> anyhow::Result<()> {
    let new = fs::read(from).with_context(|| format!("{} was not built", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == new) {
        return Ok(());
    }
    let beside = to.with_extension(std::process::id().to_string());
    fs::write(&beside, new)?;
    Ok(fs::rename(&beside, to)?)
}

/// The name of the package in a folder, if it is built as a component (`cdylib`).
fn component(folder: &Path) -> anyhow::Result<Option<String>> {
    let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { return Ok(None) };
    if !manifest.contains("cdylib") {
        return Ok(None);
    }
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    Ok(Some(name.with_context(|| format!("{} has no name", folder.display()))?.to_owned()))
}

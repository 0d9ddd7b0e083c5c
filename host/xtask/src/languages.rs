//! The plugins of `examples/` that are written in other languages than Rust: built with the tools of their languages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::bail;

use crate::run::{have, run, say};
use crate::{root, suites, wasm};

/// Their folders in `examples/`.
pub(crate) const LANGUAGES: [&str; 2] = ["javascript", "python"];

/// The tools that no package of the examples brings along: Node with npm, and Python.
pub(crate) fn set_up() -> anyhow::Result<()> {
    suites::set_up_python()?;
    let can = || have(Command::new("npm").arg("--version")) && have(Command::new("node").args(["-e", NODE_IS_NEW]));
    if can() {
        return Ok(());
    }
    say("installing Node and npm, which the plugin in JavaScript is built with");
    let apt = |args: &[&str]| run(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"));
    let packages = ["install", "--yes", "--no-install-recommends", "nodejs", "npm"];
    let installed = apt(&["update"]).and_then(|()| apt(&packages));
    if installed.is_err() || !can() {
        bail!("the plugin in JavaScript needs Node 18 or newer with npm (on Debian: apt install nodejs npm)");
    }
    Ok(())
}

/// Ends well where its tests can run.
const NODE_IS_NEW: &str = "process.exit(Number(process.versions.node.split('.')[0]) >= 18 ? 0 : 1)";

/// Builds each, with its cases in it, and copies it to `to` under its folder's name. What is newer than its sources is not built again.
pub(crate) fn build(muster: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for language in LANGUAGES {
        let folder = root()?.join("examples").join(language);
        let made = to.join(language).with_extension("wasm");
        let sources = [folder.clone(), root()?.join("wit/v2")];
        let when = fs::metadata(&made).and_then(|made| made.modified()).ok();
        if newest(&sources).zip(when).is_some_and(|(changed, made)| changed < made) {
            continue;
        }
        say(&format!("building the plugin in examples/{language}"));
        run(Command::new(muster).args(["plugin", "build"]).arg(&folder))?;
        let built = folder.join("dist/loft.wasm");
        wasm::place(&built, &made)?;
    }
    Ok(())
}

/// When the latest change was made in these folders, by people; `None` if nobody can tell.
fn newest(folders: &[PathBuf]) -> Option<SystemTime> {
    let mut newest = None;
    let mut left = folders.to_vec();
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).ok()? {
            let path = entry.ok()?.path();
            let is_made = ["dist", "node_modules", ".venv", "__pycache__"].iter().any(|made| path.ends_with(made));
            if is_made {
                continue;
            }
            // A folder changes when a file in it comes or goes.
            newest = newest.max(Some(fs::metadata(&path).ok()?.modified().ok()?));
            if path.is_dir() {
                left.push(path);
            }
        }
    }
    newest
}

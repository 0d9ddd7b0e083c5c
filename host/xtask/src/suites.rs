//! The published SCIM suites that `tests/all/suites.rs` runs: Python programs in a folder of their own under the target folder.

use std::fs;
use std::process::Command;

use anyhow::{Context, bail};

use crate::run::{have, run, say};
use crate::{root, target};

/// Installs them where they are missing, or where the versions that are asked for have changed.
pub(crate) fn set_up() -> anyhow::Result<()> {
    let wanted_file = root()?.join("tests/all/suites/requirements.txt");
    let wanted = fs::read_to_string(&wanted_file).context("the list of the suites' versions")?;
    let folder = target()?.join("suites");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say("installing the published SCIM suites");
    // A half-made folder would be taken for a whole one.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be made anew", folder.display()))?;
    }
    set_up_python()?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(Command::new(folder.join("bin/python")).args(pip).arg(&wanted_file))?;
    fs::write(&installed, wanted)?;
    Ok(())
}

/// Python with the module that makes such folders.
pub(crate) fn set_up_python() -> anyhow::Result<()> {
    let can = || have(Command::new("python3").args(["-c", "import ensurepip, venv"]));
    if can() {
        return Ok(());
    }
    let apt = |args: &[&str]| run(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"));
    let packages = ["install", "--yes", "--no-install-recommends", "python3", "python3-venv"];
    let installed = apt(&["update"]).and_then(|()| apt(&packages));
    if installed.is_err() || !can() {
        bail!(
            "the published suites and the plugin in Python need Python 3.10 or newer with `venv` (on Debian: apt install python3 python3-venv)"
        );
    }
    Ok(())
}

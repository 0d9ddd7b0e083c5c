//! `strace`, with which `tests/all/power_cut.rs` records what a store does to its files.

use std::process::Command;

use anyhow::bail;

use crate::run::{have, run, say};

/// Installs it where it is missing.
pub(crate) fn set_up() -> anyhow::Result<()> {
    let can = || have(Command::new("strace").arg("--version"));
    if can() {
        return Ok(());
    }
    say("installing strace, which records what a store does to its files");
    let apt = |args: &[&str]| run(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"));
    let packages = ["install", "--yes", "--no-install-recommends", "strace"];
    let installed = apt(&["update"]).and_then(|()| apt(&packages));
    if installed.is_err() || !can() {
        bail!("the tests of power cuts need strace (on Debian: apt install strace)");
    }
    Ok(())
}

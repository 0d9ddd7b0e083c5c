use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::root;

/// What is being done, on the terminal.
#[expect(clippy::print_stderr, reason = "this program talks to people")]
pub(crate) fn say(what: &str) {
    eprintln!("\x1b[1m== {what}\x1b[0m");
}

/// Cargo, in the workspace.
pub(crate) fn cargo(args: &[&str]) -> anyhow::Result<Command> {
    // The cargo that runs this program; the one that built it may have been another.
    #[expect(clippy::disallowed_methods, reason = "this program is told by the environment which cargo runs it")]
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root()?);
    Ok(command)
}

/// Runs a command to its end; what it prints is seen.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be started"))?;
    if !status.success() {
        bail!("{command:?} failed ({status})");
    }
    Ok(())
}

/// Whether a command is there and works.
pub(crate) fn have(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

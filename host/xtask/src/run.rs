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
    let mut command = Command::new(env!("CARGO"));
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

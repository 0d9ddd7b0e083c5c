//! The command line: one file a command.

mod accounts;
mod admin_client;
mod compile;
mod demo;
mod export;
mod grant;
mod history;
mod import;
mod log;
mod moving;
mod plugin;
mod requests;
mod rollout;
mod serve;
mod store;
mod tenant;
mod token;
mod undo;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// A SCIM 2.0 server whose behaviour each tenant's WebAssembly plugin decides.
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until SIGTERM or Ctrl-C.
    Serve(serve::Serve),
    /// Serves three vendors' tenants with sample data, to look at.
    Demo(demo::Demo),
    /// Tenants and their plugin bindings, on a running server.
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Another plugin for a tenant, step by step: looks at what it would do first.
    #[command(subcommand)]
    Rollout(rollout::Rollout),
    /// Tokens of a tenant, on a running server.
    #[command(subcommand)]
    Token(token::Token),
    /// What became of one user or group, newest first; or how it was at a time.
    History(history::History),
    /// Takes back changes, as new changes: one, or everything that a request or a time did.
    Undo(undo::Undo),
    /// A tenant's log: reading it, and proving it.
    #[command(subcommand)]
    Log(log::Log),
    /// The store as a whole: backup, restore, check.
    #[command(subcommand)]
    Store(store::Store),
    /// Plugins: begun, built, tested, measured, and pushed to a running server.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Takes everything out, or some tenants, into one file.
    Export(export::Export),
    /// Brings in what `muster export` took out.
    Import(import::Import),
    #[command(hide = true)]
    CompilePlugin(compile::CompilePlugin),
}

/// Which server, and how to answer.
#[derive(Debug, Args)]
struct Remote {
    /// The admin listener of a running server
    #[arg(long, env = "MUSTER_SERVER", default_value = "http://127.0.0.1:7601")]
    server: String,
    /// The admin key
    #[arg(long, env = "MUSTER_ADMIN_KEY", hide_env_values = true)]
    admin_key: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// How long work that nobody waits for may hold up the end of the process.
const LAST_WORK: Duration = Duration::from_millis(500);

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let done = runtime.block_on(async {
            match self.command {
                Command::Serve(serve) => serve.run().await,
                Command::Demo(demo) => demo.run().await,
                Command::Tenant(tenant) => tenant.run().await,
                Command::Rollout(rollout) => rollout.run().await,
                Command::Token(token) => token.run().await,
                Command::History(history) => history.run().await,
                Command::Undo(undo) => undo.run().await,
                Command::Log(log) => log.run().await,
                Command::Store(store) => store.run().await,
                Command::Plugin(plugin) => plugin.run().await,
                Command::Export(export) => export.run().await,
                Command::Import(import) => import.run().await,
                Command::CompilePlugin(compile) => compile.run(),
            }
        });
        // What still runs off the request threads (a compiler, a search that nobody waits for) does not hold the process up.
        runtime.shutdown_timeout(LAST_WORK);
        done
    }
}

/// Writes one line of a command's answer. A reader that has gone away (`muster ... | head`) ends the command without a panic.
fn say(line: impl std::fmt::Display) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// A configuration on the command line: JSON, or `@file`.
fn config(text: &str) -> anyhow::Result<serde_json::Value> {
    use anyhow::Context;
    let text = match text.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("--config {file}"))?,
        None => text.to_owned(),
    };
    // As the server reads it: a member that is there twice is refused, and not taken the second time.
    muster_protocol::json::parse(text.as_bytes()).context("--config is not JSON")
}

/// Text that others wrote, on one line, and without what a terminal would obey.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_on_the_command_line_has_each_member_once() {
        assert_eq!(config(r#"{"a":{"b":1}}"#).unwrap(), json!({ "a": { "b": 1 } }));
        let refused = format!("{:#}", config(r#"{"a":{"b":1,"b":2}}"#).unwrap_err());
        assert!(refused.starts_with("--config is not JSON: "), "{refused}");
    }
}

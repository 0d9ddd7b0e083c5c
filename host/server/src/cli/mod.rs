//! The command line: one file a command.

mod accounts;
mod admin_client;
mod binding;
mod brake;
mod compile;
mod demo;
mod deprovision;
mod directory_key;
mod export;
mod grant;
mod history;
mod import;
mod log;
mod moving;
mod plugin;
mod receiver;
mod requests;
mod rollout;
mod secret;
mod serve;
mod store;
mod stream;
mod task;
mod tenant;
mod token;
mod undo;
mod webhook;

use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::files::Told as _;

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
    /// Serves a tenant of each vendor with sample data, to look at.
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
    /// What is done after a change: what waits, what failed, and what is to become of it.
    #[command(subcommand)]
    Task(task::Task),
    /// Where a tenant's events are told, signed: added, tried, given other keys.
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Whether the access of those who were deactivated or deleted has ended everywhere, and in time.
    #[command(subcommand)]
    Deprovision(deprovision::Deprovision),
    /// The keys of the vendor's backend: what opens the directory API.
    #[command(subcommand)]
    DirectoryKey(directory_key::DirectoryKey),
    /// Security event tokens of a tenant: where they go, and what they tell.
    #[command(subcommand)]
    Stream(stream::Stream),
    /// What holds destructive tasks when too many people lose their access at once.
    #[command(subcommand)]
    Brake(brake::Brake),
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
    /// The admin key: what the server was given as `MUSTER_ADMIN_KEY`, or has made in keys/admin.key of its data folder
    #[arg(long, env = "MUSTER_ADMIN_KEY", hide_env_values = true, default_value = "", hide_default_value = true)]
    admin_key: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// How long work that nobody waits for may hold up the end of the process.
const LAST_WORK: Duration = Duration::from_millis(500);

impl Cli {
    /// What was asked for on the command line; otherwise one sentence that says what is wrong with it, as everything that goes wrong is told.
    pub fn read(words: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Self, Misread> {
        Self::try_parse_from(words).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Misread::Shown(error),
            _ => Misread::Wrong(in_a_sentence(&error.to_string())),
        })
    }

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
                Command::Task(task) => task.run().await,
                Command::Webhook(webhook) => webhook.run().await,
                Command::Deprovision(deprovision) => deprovision.run().await,
                Command::DirectoryKey(key) => key.run(),
                Command::Stream(stream) => stream.run().await,
                Command::Brake(brake) => brake.run().await,
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

/// Why there is no command to run.
#[derive(Debug)]
pub enum Misread {
    /// Help or the version was asked for; it prints itself.
    Shown(clap::Error),
    /// It is not as it should be.
    Wrong(String),
}

/// What clap says in several lines: what is wrong, and what may have been meant; not how it is used.
fn in_a_sentence(says: &str) -> String {
    let paragraphs = says.strip_prefix("error: ").unwrap_or(says).split("\n\n");
    let told = paragraphs.take_while(|it| !it.starts_with("Usage:") && !it.starts_with("For more"));
    let in_a_line = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{}; --help tells how it is used", told.map(in_a_line).collect::<Vec<_>>().join("; "))
}

/// Whoever reads a command's answer has read enough (`muster ... | head`): it ends there, and has nothing to say of it.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the answer any more")]
pub struct ReaderGone;

/// Writes one line of a command's answer.
fn say(line: impl std::fmt::Display) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => ReaderGone.into(),
        _ => error.into(),
    })
}

/// A configuration on the command line: JSON, or `@file`.
fn config(text: &str) -> anyhow::Result<serde_json::Value> {
    use anyhow::Context;
    let text = match text.strip_prefix('@') {
        Some(file) => {
            let read = std::fs::read_to_string(file).of(std::path::Path::new(file), "the configuration");
            read.context("--config")?
        }
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
    fn what_is_wrong_with_a_command_line_is_one_sentence() {
        let told = |line: &str| match Cli::read(line.split(' ').map(Into::into)) {
            Err(Misread::Wrong(told)) => told,
            other => panic!("{other:?}"),
        };
        let colour = told("muster tenant grant acme colour=red --admin-key k");
        let says = ": a want is origin=https://HOST, secret=NAME, or state; --help tells how it is used";
        assert!(colour.starts_with("invalid value 'colour=red' for '") && colour.ends_with(says), "{colour}");
        let missing = told("muster plugin build --component");
        assert!(missing.starts_with("a value is required for '--component <FILE>' but none was supplied"), "{missing}");
        let typo = told("muster plugin chek x");
        assert!(typo.starts_with("unrecognized subcommand 'chek'; tip: ") && typo.contains("'check'"), "{typo}");
        assert!(!typo.contains('\n'));
        assert!(matches!(Cli::read(["muster".into(), "--version".into()]), Err(Misread::Shown(_))));
    }

    #[test]
    fn what_is_not_given_is_told_for_a_new_one_and_for_one_that_is_changed() {
        for words in ["muster webhook set --help", "muster stream set --help"] {
            let Err(Misread::Shown(help)) = Cli::read(words.split(' ').map(Into::into)) else { panic!("{words}") };
            let help = help.to_string();
            assert!(help.contains("keeps its own") && !help.contains("none:"), "{help}");
        }
    }

    #[test]
    fn a_configuration_on_the_command_line_has_each_member_once() {
        assert_eq!(config(r#"{"a":{"b":1}}"#).unwrap(), json!({ "a": { "b": 1 } }));
        let refused = format!("{:#}", config(r#"{"a":{"b":1,"b":2}}"#).unwrap_err());
        assert!(refused.starts_with("--config is not JSON: "), "{refused}");
    }
}

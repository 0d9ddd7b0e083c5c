//! Serves the products until Ctrl-C.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;
use vendor_app::{HOSTS, Settings, VendorApp};

/// A small product beside Muster, on this machine alone: what provisioning does to it can be looked at.
#[derive(Debug, Parser)]
struct Cli {
    /// The folder with its database and its keys; made if there is none
    #[arg(long, default_value = "vendor-app-data")]
    data: PathBuf,
    /// The port of its page on 127.0.0.1; 0: any
    #[arg(long, default_value_t = 7690)]
    page_port: u16,
    /// The port of what Muster calls; 0: any, and another one after each start
    #[arg(long, default_value_t = 7691)]
    api_port: u16,
    /// Loses each so manieth answer to Muster after its effect: what idempotency keys are for; 0: none
    #[arg(long, default_value_t = 0)]
    lose_each: usize,
    /// Print one JSON object when it is ready, for scripts
    #[arg(long)]
    json: bool,
    /// End when the standard input does, as that of whoever has started it
    #[arg(long)]
    until_stdin_ends: bool,
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "it is a program")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "it is a program")]
async fn run(cli: Cli) -> std::io::Result<()> {
    let settings = Settings {
        page_port: cli.page_port,
        api_port: cli.api_port,
        loses_each: cli.lose_each,
        ..Settings::new(&cli.data)
    };
    let app = VendorApp::start(settings).await?;
    let (page, api) = (format!("http://{}/", app.page), app.api.to_string());
    if cli.json {
        let told = json!({
            "page": page, "api": api, "hosts": HOSTS, "ca_file": app.ca_file, "keys_file": app.keys_file, "ready": true,
        });
        println!("{told}");
        std::io::stdout().flush()?;
    } else {
        println!("What is there: {page}\n\nWhat Muster's configuration needs to find it and to trust it:\n");
        println!("[delivery]\nca_file = \"{}\"\n\n[delivery.hosts]", app.ca_file.display());
        for host in HOSTS {
            println!("\"{host}\" = \"{api}\"");
        }
        println!("\nThe keys that its tenants' plugins and webhooks have: {}", app.keys_file.display());
    }
    if cli.until_stdin_ends {
        // Read in a thread of its own, which nobody waits for at the end.
        let (ended, has_ended) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 256];
            while std::io::stdin().read(&mut bytes).is_ok_and(|read| read > 0) {}
            ended.send(())
        });
        tokio::select! {
            ended = tokio::signal::ctrl_c() => ended,
            _ = has_ended => Ok(()),
        }
    } else {
        tokio::signal::ctrl_c().await
    }
}

//! Serves the example registry until Ctrl-C.

use clap::Parser;
use oci_registry::{Access, Registry};

/// A registry for components on this machine, in memory.
#[derive(Debug, Parser)]
struct Cli {
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// Who asks needs this name and password: USER:PASSWORD
    #[arg(long)]
    user: Option<String>,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it is a program")]
async fn main() -> std::io::Result<()> {
    let cli = Cli::parse();
    let registry = Registry::start(cli.port, cli.user.map_or(Access::Open, Access::Token)).await?;
    println!("oci://{}/REPOSITORY:TAG; Ctrl-C ends it, and what was pushed is gone", registry.host());
    tokio::signal::ctrl_c().await
}

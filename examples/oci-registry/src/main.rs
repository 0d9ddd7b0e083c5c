//! Serves the example registry until Ctrl-C.

use std::path::PathBuf;

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
    /// Its certificate in PEM, with those up to its authority behind it: it then speaks https
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The key of its certificate in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it is a program")]
async fn main() -> std::io::Result<()> {
    let cli = Cli::parse();
    let access = cli.user.map_or(Access::Open, Access::Token);
    let registry = match cli.certificate.zip(cli.key) {
        Some((chain, key)) => {
            Registry::start_tls(cli.port, access, &std::fs::read(chain)?, &std::fs::read(key)?).await?
        }
        None => Registry::start(cli.port, access).await?,
    };
    println!("oci://{}/REPOSITORY:TAG; Ctrl-C ends it, and what was pushed is gone", registry.host());
    tokio::signal::ctrl_c().await
}

//! Takes webhooks until Ctrl-C, and prints each event.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use webhook_receiver::{Came, Certificate, Receiver, of};

/// Takes the webhooks of a Muster on this machine, verifies and prints them.
#[derive(Debug, Parser)]
struct Cli {
    /// The file with the webhook's key, `whsec_` and base64; it is made if it is not there
    #[arg(long, default_value = "receiver.key")]
    key_file: PathBuf,
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// The host that the webhook's URL names
    #[arg(long, default_value = "receiver.example")]
    host: String,
    /// Where the authority that has signed its certificate is written, for Muster; its key is kept beside it, in FILE.key
    #[arg(long, value_name = "FILE", default_value = "webhook-receiver-ca.pem")]
    ca_file: PathBuf,
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
    let certificate = Certificate::kept(&cli.host, &cli.ca_file.with_added_extension("key"))?;
    let (sender, mut came) = tokio::sync::mpsc::unbounded_channel();
    let key = key(&cli.key_file)?;
    let receiver = Receiver::start(cli.port, &key, &certificate, sender).await?;
    // Where another one has the port already, its file stays as it is.
    std::fs::write(&cli.ca_file, &certificate.authority).map_err(|error| of(cli.ca_file.display(), &error))?;
    let (host, ca_file, key_file) = (&cli.host, cli.ca_file.display(), cli.key_file.display());
    println!("What Muster's configuration needs to find it and to trust it, each time that it is started:\n");
    println!("[delivery]\nca_file = \"{ca_file}\"\n\n[delivery.hosts]\n\"{host}\" = \"{}\"\n", receiver.address);
    println!("The webhook: muster webhook add TENANT NAME --url https://{host}/ --key-file {key_file}");
    loop {
        tokio::select! {
            ended = tokio::signal::ctrl_c() => return ended,
            Some(came) = came.recv() => match came {
                Came::Event(event) => println!("{event:#}"),
                Came::Again(id) => println!("{id} again"),
                Came::Refused => println!("something that is not signed with this key, or not just now"),
            },
        }
    }
}

/// The key in a file, which is made with one if it is not there.
fn key(file: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
            let key = format!("whsec_{}", STANDARD.encode(bytes));
            std::fs::write(file, &key).map_err(|error| of(file.display(), &error))?;
            Ok(key)
        }
        read => read.map(|key| key.trim().to_owned()).map_err(|error| of(file.display(), &error)),
    }
}

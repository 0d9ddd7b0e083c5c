//! Takes security event tokens until Ctrl-C, and prints each in one line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use event_receiver::{Came, Poller, Pushed, Trust, line};
use webhook_receiver::{Certificate, of};

/// How long it waits before it comes again where nobody answered.
const PAUSE: Duration = Duration::from_secs(5);

/// Takes the security event tokens of a Muster on this machine, verifies and prints them.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    way: Way,
}

#[derive(Debug, Subcommand)]
enum Way {
    /// Is sent them (RFC 8935)
    Push {
        #[command(flatten)]
        whose: Whose,
        /// The file with what the Authorization header says; none: nobody is asked
        #[arg(long)]
        authorization_file: Option<PathBuf>,
        /// The port on 127.0.0.1
        #[arg(long, default_value_t = 8444)]
        port: u16,
        /// The host that the stream's URL names
        #[arg(long, default_value = "sets.example")]
        host: String,
        /// Where the authority that has signed its certificate is written, for Muster; its key is kept beside it, in FILE.key
        #[arg(long, value_name = "FILE", default_value = "event-receiver-ca.pem")]
        ca_file: PathBuf,
    },
    /// Comes for them (RFC 8936)
    Poll {
        #[command(flatten)]
        whose: Whose,
        /// The file with the stream's token
        #[arg(long)]
        token_file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Whose {
    /// Who signs: the issuer that `muster stream add` shows
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// The stream's name
    #[arg(long)]
    stream: String,
    /// Who is to take them, if the stream was told so
    #[arg(long)]
    audience: Option<String>,
}

impl Whose {
    fn url(&self) -> String {
        format!("{}/events/{}", self.issuer, self.stream)
    }

    fn trust(&self) -> Trust {
        let audience = self.audience.clone().unwrap_or_else(|| self.url());
        Trust::new(&self.issuer, &audience)
    }
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
    match cli.way {
        Way::Push { whose, authorization_file, port, host, ca_file } => {
            let certificate = Certificate::kept(&host, &ca_file.with_added_extension("key"))?;
            let authorization = authorization_file.as_deref().map(text_of).transpose()?;
            let authorization = authorization.map(|said| said.trim().to_owned());
            let (sender, mut came) = tokio::sync::mpsc::unbounded_channel();
            let pushed = Pushed::start(port, whose.trust(), authorization, &certificate, sender).await?;
            // Where another one has the port already, its file stays as it is.
            std::fs::write(&ca_file, &certificate.authority).map_err(|error| of(ca_file.display(), &error))?;
            println!("What Muster's configuration needs to find it and to trust it, each time that it is started:\n");
            println!("[delivery]\nca_file = \"{}\"\n\n[delivery.hosts]", ca_file.display());
            println!("\"{host}\" = \"{}\"\n", pushed.address);
            println!(
                "The stream: muster stream add TENANT {} --push https://{host}/ --audience {}",
                whose.stream,
                whose.url()
            );
            loop {
                tokio::select! {
                    ended = tokio::signal::ctrl_c() => return ended,
                    Some(came) = came.recv() => println!("{}", shown(&came)),
                }
            }
        }
        Way::Poll { whose, token_file } => {
            let token = text_of(&token_file)?;
            let mut poller = Poller::new(whose.trust(), &whose.url(), token.trim());
            let polling = async {
                loop {
                    if let Err(error) = poller.poll(true, |came| println!("{}", shown(came))).await {
                        println!("{error}");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            };
            tokio::select! {
                ended = tokio::signal::ctrl_c() => ended,
                () = polling => Ok(()),
            }
        }
    }
}

fn text_of(file: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(file).map_err(|error| of(file.display(), &error))
}

fn shown(came: &Came) -> String {
    match came {
        Came::Event(claims) => line(claims),
        Came::Again(name) => format!("{name} again"),
        Came::Refused(why) => format!("not believed: {}", why.says()),
    }
}

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::signer::{make, public_file};
use crate::cli::say;

/// Where the key is written to.
#[derive(Debug, Args)]
pub(in crate::cli) struct Keygen {
    /// The file of the private key, which only you can read; the public one stands beside it, in FILE.pub
    file: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Keygen {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let key = make(&self.file)?.public();
        if self.json {
            return say(json!({ "private_file": self.file, "public_file": public_file(&self.file), "key": key }));
        }
        say(format_args!("{key}"))?;
        say(format_args!("  private  {}   keep it; whoever has it signs as you", self.file.display()))?;
        say(format_args!(
            "  public   {}   operators trust it: muster plugin key add NAME FILE",
            public_file(&self.file).display()
        ))
    }
}

//! The keys of the vendor's backend, in their file: `muster directory-key show|rotate|retire`. A running server sees what was done within a
//! second, unless its environment has its one key.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use muster_model::Token;
use serde_json::json;

use super::say;
use crate::config::Config;
use crate::directory_keys::{self, MAX_DIRECTORY_KEYS};

#[derive(Debug, Subcommand)]
pub(super) enum DirectoryKey {
    /// Shows the keys that open the directory API, the newest first
    Show {
        #[command(flatten)]
        place: Place,
    },
    /// Adds a new key and shows it; those before it go on until they are retired
    Rotate {
        #[command(flatten)]
        place: Place,
    },
    /// Takes away all keys but the newest
    Retire {
        #[command(flatten)]
        place: Place,
    },
}

/// Which deployment, on this machine.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The data folder; instead of `data` of the configuration
    #[arg(long)]
    data: Option<PathBuf>,
    /// The configuration file (TOML) of the server; without one, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl DirectoryKey {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Show { place } => {
                let (file, all) = place.read()?;
                place.tell(&file, &all, None)
            }
            Self::Rotate { place } => {
                let (file, mut all) = place.read()?;
                ensure!(
                    all.len() < MAX_DIRECTORY_KEYS,
                    "there are {MAX_DIRECTORY_KEYS} directory keys already, which is the most; `muster directory-key retire` takes the older ones away"
                );
                all.insert(0, directory_keys::make()?);
                directory_keys::write(&file, &all)?;
                place.tell(
                    &file,
                    &all,
                    Some("the first is new, and the others go on until `muster directory-key retire`"),
                )
            }
            Self::Retire { place } => {
                let (file, mut all) = place.read()?;
                all.truncate(1);
                directory_keys::write(&file, &all)?;
                place.tell(&file, &all, Some("no other key opens the directory API"))
            }
        }
    }
}

impl Place {
    /// The file and the keys in it, of a deployment that has one.
    fn read(&self) -> anyhow::Result<(PathBuf, Vec<Token>)> {
        let mut config = Config::load(self.config.as_deref(), [])?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        let file = directory_keys::file_of(&config);
        let all = directory_keys::read(&file)
            .context("no directory keys here; a server makes the first at its first start")?;
        Ok((file, all))
    }

    fn tell(&self, file: &std::path::Path, all: &[Token], what: Option<&str>) -> anyhow::Result<()> {
        let all: Vec<&str> = all.iter().map(Token::reveal).collect();
        if self.json {
            return say(json!({ "file": file, "directory_keys": all }));
        }
        for key in all {
            say(key)?;
        }
        match what {
            Some(what) => {
                say(format!("{} has them; {what}", file.display()))?;
                say(
                    "a server that runs sees it within a second, unless MUSTER_DIRECTORY_KEY of its environment is its one key",
                )
            }
            None => say(format!("{} has them", file.display())),
        }
    }
}

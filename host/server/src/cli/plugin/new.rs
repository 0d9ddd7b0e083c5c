use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;

use super::check_name;
use super::templates::files;
use crate::cli::say;

/// What is begun.
#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// The plugin's name: lower-case letters, digits and `-`
    name: String,
    /// What it is written in: rust, javascript or python
    #[arg(long, default_value = "rust")]
    lang: String,
    /// Where its folder is made
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl New {
    pub(super) fn run(self) -> anyhow::Result<()> {
        check_name(&self.name)?;
        let files = files(&self.lang, &self.name)?;
        let folder = self.dir.join(&self.name);
        ensure!(
            !folder.exists(),
            "{}: it is there already; take another name, or another place with --dir; if it is a plugin's folder, go on with it: muster plugin test {}",
            folder.display(),
            folder.display()
        );
        for (file, text) in &files {
            write(&folder.join(file), text)?;
        }
        if self.json {
            let names: Vec<&String> = files.iter().map(|(name, _)| name).collect();
            return say(json!({ "folder": folder, "language": self.lang, "files": names }));
        }
        say(format_args!("{}   a plugin in {}; begin with its README.md", folder.display(), self.lang))?;
        let (name, folder) = (&self.name, folder.display());
        say(format_args!("  muster plugin test {folder}     builds it, and runs its cases"))?;
        say(format_args!("  muster plugin push {folder}     to a running server (MUSTER_SERVER, MUSTER_ADMIN_KEY)"))?;
        say(format_args!("  muster tenant create {name}-demo --plugin {name}"))
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let told = || file.display().to_string();
    let folder = file.parent().with_context(told)?;
    std::fs::create_dir_all(folder).with_context(told)?;
    std::fs::write(file, text).with_context(told)
}

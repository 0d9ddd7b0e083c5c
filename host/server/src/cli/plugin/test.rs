use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use muster_service::cases::{self, MAX_RUN};
use serde_json::json;

use super::build::{build, parsed, read_cases};
use super::component;
use super::heard::Heard;
use super::tried::Tried;
use crate::app::Workbench;
use crate::cli::say;

/// Which plugin is tested.
#[derive(Debug, Args)]
#[command(after_long_help = CASES)]
pub(in crate::cli) struct Test {
    /// The plugin's folder, which is built first, or a component with its cases in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Runs the cases of this folder, instead of those in the component
    #[arg(long)]
    cases: Option<PathBuf>,
    /// How long all cases together can take; what is not done by then has failed
    #[arg(long, default_value_t = MAX_RUN.as_secs())]
    seconds: u64,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// How a case is written.
const CASES: &str = include_str!("cases.txt");

impl Test {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let shown = self.path.display();
        // What is asked for by name is there, and has something in it.
        let named = self.cases.as_deref().map(named_cases).transpose()?;
        let component =
            if self.path.is_dir() { build(&self.path, self.json)?.component } else { component(&self.path)? };
        let stories = match named {
            Some(files) => parsed(&files)?,
            None => cases::embedded(&component).with_context(|| shown.to_string())?,
        };
        let heard = Arc::new(Heard::default());
        let bench = Workbench::heard_by(heard.clone())?;
        let within = Duration::from_secs(self.seconds);
        let tried = Tried::try_out(&bench, &heard, component, &stories, within).await;
        let tried = tried.with_context(|| shown.to_string())?;
        ensure!(
            !tried.outcomes.is_empty(),
            "{shown}: there are no cases; each is a file in the plugin's folder cases/"
        );
        let manifest = tried.plugin.manifest();
        let failed = tried.failed();
        if self.json {
            say(json!({
                "plugin": manifest.name, "version": manifest.version, "digest": tried.plugin.digest(),
                "passed": tried.outcomes.len() - failed, "failed": failed, "cases": tried.json(),
            }))?;
        } else {
            say(format_args!("{} {}   sha256:{}", manifest.name, manifest.version, tried.plugin.digest()))?;
            tried.tell()?;
        }
        if failed > 0 {
            bail!("{}", tried.summary());
        }
        if self.json { Ok(()) } else { say(tried.summary()) }
    }
}

/// The cases of the folder that was named.
fn named_cases(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let shown = folder.display();
    ensure!(folder.is_dir(), "--cases {shown}: there is no such folder");
    let files = read_cases(folder)?;
    ensure!(!files.is_empty(), "--cases {shown}: the folder has no cases; each is a file NAME.json in it");
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_that_help_shows_can_be_read() {
        let shown = CASES.split_once("\n\n").unwrap().1.split_once("\n\n").unwrap().0;
        let case = cases::parse(shown.as_bytes()).unwrap();
        assert_eq!(case.name, "a deactivated user is disabled");
    }
}

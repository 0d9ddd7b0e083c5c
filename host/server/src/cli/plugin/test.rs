use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use muster_service::cases::{self, MAX_RUN};
use serde_json::json;

use super::build::{build, parsed, read_cases};
use super::component;
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
        let component =
            if self.path.is_dir() { build(&self.path, self.json)?.component } else { component(&self.path)? };
        let stories = match &self.cases {
            Some(folder) => parsed(&read_cases(folder)?)?,
            None => cases::embedded(&component).with_context(|| shown.to_string())?,
        };
        let bench = Workbench::open()?;
        let within = Duration::from_secs(self.seconds);
        let tried = Tried::try_out(&bench, component, &stories, within).await.with_context(|| shown.to_string())?;
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

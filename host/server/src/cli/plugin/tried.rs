use std::sync::Arc;
use std::time::Duration;

use muster_plugin::Plugin;
use muster_service::cases::{self, Case, Outcome};
use serde_json::{Value, json};

use super::counted;
use super::heard::{Heard, Lines};
use crate::app::Workbench;
use crate::cli::say;

/// A component, loaded as a server would load it, and what became of its cases.
pub(super) struct Tried {
    pub(super) plugin: Arc<dyn Plugin>,
    pub(super) outcomes: Vec<Outcome>,
    heard: Arc<Heard>,
}

impl Tried {
    /// Loads it, and runs these cases; what it logs meanwhile is heard by whom the workbench was given.
    pub(super) async fn try_out(
        bench: &Workbench,
        heard: &Arc<Heard>,
        component: Vec<u8>,
        stories: &[(String, Case)],
        within: Duration,
    ) -> anyhow::Result<Self> {
        let host = bench.host.clone();
        let plugin = tokio::task::spawn_blocking(move || host.load(&component)).await??;
        let outcomes = cases::run(&plugin, stories, &bench.scratch, within).await?;
        Ok(Self { plugin, outcomes, heard: heard.clone() })
    }

    pub(super) fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| !outcome.passed()).count()
    }

    /// What was logged in the case at this place.
    fn lines(&self, place: usize) -> Lines {
        self.heard.of(&cases::request_of(place).0)
    }

    /// What became of each case, as a person reads it; with what the plugin has logged in those that failed.
    pub(super) fn tell(&self) -> anyhow::Result<()> {
        for (place, Outcome { file, name, differences }) in self.outcomes.iter().enumerate() {
            if differences.is_empty() {
                say(format_args!("  ok     {name}"))?;
                continue;
            }
            say(format_args!("  FAILED {name}   ({file})"))?;
            for difference in differences {
                say(format_args!("           {difference}"))?;
            }
            for line in self.lines(place).told() {
                say(format_args!("           {line}"))?;
            }
        }
        Ok(())
    }

    pub(super) fn json(&self) -> Value {
        let one = |(place, outcome): (usize, &Outcome)| {
            let mut told = json!({
                "file": outcome.file,
                "name": outcome.name,
                "passed": outcome.passed(),
                "differences": outcome.differences,
            });
            if !outcome.passed() {
                told["logged"] = self.lines(place).json();
            }
            told
        };
        json!(self.outcomes.iter().enumerate().map(one).collect::<Vec<_>>())
    }

    /// `5 cases passed`, `2 of 5 cases failed`.
    pub(super) fn summary(&self) -> String {
        match (self.failed(), self.outcomes.len()) {
            (0, all) => format!("{} passed", counted(all, "case")),
            (1, 1) => "the one case failed".to_owned(),
            (1, all) => format!("one of {all} cases failed"),
            (failed, all) => format!("{failed} of {all} cases failed"),
        }
    }
}

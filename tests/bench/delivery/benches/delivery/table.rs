//! The figures as the tables of `tests/bench/README.md`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::backlog::Backlog;
use crate::rates::{Figures, Round};

#[derive(Default)]
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn rates(&mut self, rounds: &[Round]) {
        self.row(&[
            "tenants",
            "tasks a second (processor time each)",
            "syncs a task",
            "a line in memory",
            "sled itself",
        ]);
        self.row(&["---"; 5]);
        for round in rounds {
            let rate =
                |cost: &muster_bench::measure::Cost| format!("{:.0} ({:.0} µs)", cost.per_second(), cost.cpu_us());
            let Round { store, memory, sled, .. } = round;
            let syncs = format!("{:.3}", round.syncs as f64 / store.bulk.operations as f64);
            self.row(&[&tenants(round), &rate(&store.bulk), &syncs, &rate(&memory.bulk), &rate(sled)]);
        }
        self.line("");
        let head =
            ["tenants", "from the commit's acknowledgement to the carrier", "the commit itself", "a line in memory"];
        self.row(&head);
        self.row(&["---"; 4]);
        for round in rounds {
            let Figures { lags_ms, commits_ms, .. } = &round.store;
            self.row(&[&tenants(round), &spread(lags_ms), &spread(commits_ms), &spread(&round.memory.lags_ms)]);
        }
        self.line("");
    }

    pub(crate) fn backlog(&mut self, backlogs: &[Backlog]) {
        let head = [
            "tasks of one endpoint",
            "on disk",
            "memory: the store just opened",
            "while it hangs",
            "while they are carried out",
            "after",
        ];
        self.row(&head);
        self.row(&["---"; 6]);
        for Backlog { tasks, disk, planned_in, memory } in backlogs {
            let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
            let seconds = memory.took.as_secs_f64();
            let rate = format!("{} ({:.0} a second)", mib(memory.working), memory.done as f64 / seconds);
            let planned = format!("{tasks} (planned in {:.0} s)", planned_in.as_secs_f64());
            let resident = [mib(memory.opened), mib(memory.hanging), rate, mib(memory.after)];
            self.row(&[&planned, &mib(*disk), &resident[0], &resident[1], &resident[2], &resident[3]]);
        }
        self.line("");
    }

    /// What was printed is written as well.
    pub(crate) fn keep(self, file: &Path, took: Duration) -> anyhow::Result<()> {
        std::fs::write(file, &self.0)?;
        println!("these tables stand in {}; measured in {:.0} s", file.display(), took.as_secs_f64());
        Ok(())
    }

    fn row(&mut self, cells: &[&str]) {
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    fn line(&mut self, line: &str) {
        println!("{line}");
        // A text does not refuse to be written to.
        let _ = writeln!(self.0, "{line}");
    }
}

fn tenants(round: &Round) -> String {
    match round.tenants {
        1 => "1".to_owned(),
        many => format!("{many}, and one that hangs"),
    }
}

/// The middle, the 99th of 100, and the longest.
fn spread(sorted_ms: &[f64]) -> String {
    let at = |percent: usize| {
        let last = sorted_ms.len().saturating_sub(1);
        sorted_ms.get(last * percent / 100).copied().unwrap_or(f64::NAN)
    };
    format!("p50 {:.2}, p99 {:.2}, max {:.1} ms", at(50), at(99), at(100))
}

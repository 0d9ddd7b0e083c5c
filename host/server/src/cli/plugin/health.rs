use clap::Args;
use serde_json::Value;

use super::bytes;
use crate::cli::admin_client::AdminClient;
use crate::cli::tenant::plain;
use crate::cli::{Remote, say};

/// Whose plugin.
#[derive(Debug, Args)]
pub(in crate::cli) struct Health {
    tenant: String,
    #[command(flatten)]
    remote: Remote,
}

impl Health {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let answer = AdminClient::new(&self.remote)?.get(&["tenants", &self.tenant, "plugin"]).await?;
        if self.remote.json {
            return say(answer);
        }
        told(&answer).into_iter().try_for_each(say)
    }
}

fn told(figures: &Value) -> Vec<String> {
    let plugin = &figures["plugin"];
    let (name, version) = (plain(&plugin["name"]), plain(&plugin["version"]));
    let calls = figures["calls"].as_u64().unwrap_or_default();
    let mean_us = figures["took_us"].as_u64().unwrap_or_default().checked_div(calls).unwrap_or_default();
    let mut lines = vec![
        format!("plugin   {name} {version}, revision {}", figures["revision"]),
        format!("since    {}", plain(&figures["since"])),
        format!("calls    {calls}, {mean_us} µs each on average"),
    ];
    let classes = &figures["without_an_account"];
    let failed = classes.as_object().into_iter().flatten();
    // A "no" is an answer, and no failure.
    let failed = failed.filter(|(class, count)| *class != "rejected" && **count != 0);
    let failed: Vec<String> = failed.map(|(class, count)| format!("{count} {class}")).collect();
    lines.push(format!("failed   {}", if failed.is_empty() { "none".to_owned() } else { failed.join(", ") }));
    lines.push(format!("rejected {}", classes["rejected"]));
    for time in figures["times"].as_array().into_iter().flatten().filter(|time| time["calls"] != 0) {
        let bound = time["up_to_us"].as_u64().map_or_else(|| "longer".to_owned(), |us| format!("up to {us} µs"));
        lines.push(format!("time     {bound:<16} {}", time["calls"]));
    }
    lines.push(format!("memory   {} at most", bytes(figures["memory_high_water_bytes"].as_u64().unwrap_or_default())));
    if figures["left_alone"] == true {
        lines.push("it keeps failing, and is left alone for a while".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_told_line_by_line_without_what_is_none() {
        let figures = json!({
            "plugin": { "name": "poggio", "version": "1.0.0", "digest": "ab" }, "revision": 3, "calls": 10, "took_us": 205,
            "since": "2026-11-03T14:03:00Z",
            "without_an_account": { "rejected": 0, "trapped": 2 }, "left_alone": true, "memory_high_water_bytes": 1_114_112,
            "times": [{ "up_to_us": 5, "calls": 0 }, { "up_to_us": 25, "calls": 9 }, { "up_to_us": null, "calls": 1 }],
        });
        let expected = "\
plugin   poggio 1.0.0, revision 3
since    2026-11-03T14:03:00Z
calls    10, 20 µs each on average
failed   2 trapped
rejected 0
time     up to 25 µs      9
time     longer           1
memory   1.0 MiB at most
it keeps failing, and is left alone for a while";
        assert_eq!(told(&figures).join("\n"), expected);
    }
}

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
        format!(
            "since    {}: all calls of it for this tenant since {}",
            plain(&figures["since"]),
            begun(&figures["from"])
        ),
        format!("calls    {calls}, {mean_us} µs each on average"),
    ];
    let classes = &figures["without_an_account"];
    let failed = classes.as_object().into_iter().flatten();
    // A "no" is an answer, and no failure.
    let failed = failed.filter(|(class, count)| *class != "rejected" && **count != 0);
    let failed: Vec<String> = failed.map(|(class, count)| format!("{count} {}", of_class(class))).collect();
    lines.push(format!("failed   {}", if failed.is_empty() { "none".to_owned() } else { failed.join(", ") }));
    lines.push(format!("rejected {}", classes["rejected"]));
    let counted = |name: &str| figures[name].as_u64().filter(|count| *count > 0);
    if let Some(count) = counted("passed_through") {
        lines.push(format!("without  {count}: it gave no answer, and the writes went on all the same"));
    }
    if let Some(count) = counted("refused") {
        lines.push(format!("not made {count}: it was left alone, and the requests were answered at once"));
    }
    let binding = &figures["binding"];
    if let Some(own) = binding["calls"].as_u64().filter(|own| *own != calls) {
        lines.push(format!("as configured now: {own} calls since {}", plain(&binding["since"])));
    }
    for time in figures["times"].as_array().into_iter().flatten().filter(|time| time["calls"] != 0) {
        let bound = time["up_to_us"].as_u64().map_or_else(|| "longer".to_owned(), |us| format!("up to {us} µs"));
        lines.push(format!("time     {bound:<16} {}", time["calls"]));
    }
    lines.push(format!(
        "memory   {} at most, in one instance",
        bytes(figures["memory_high_water_bytes"].as_u64().unwrap_or_default())
    ));
    if figures["left_alone"] == true {
        lines.push("it keeps failing, and is left alone for a while".to_owned());
    }
    lines
}

/// With what it was begun to count.
fn begun(from: &Value) -> &'static str {
    match from.as_str() {
        Some("start") => "the server was started",
        Some("binding") => "it was bound for the first time, however it was configured",
        Some(_) | None => "it was bound for the first time or the server was started",
    }
}

/// What a class of calls without an account is called.
pub(in crate::cli) fn of_class(class: &str) -> String {
    match class {
        "deadline" => "out of time".to_owned(),
        "limit" => "over a limit".to_owned(),
        "invalid" => "with an answer that is not valid".to_owned(),
        "busy" => "for which the host had no room".to_owned(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_told_line_by_line_without_what_is_none() {
        let figures = json!({
            "plugin": { "name": "poggio", "version": "1.0.0", "digest": "ab" }, "revision": 3, "calls": 10, "took_us": 205,
            "since": "2026-11-03T14:03:00Z", "from": "start", "passed_through": 2, "refused": 7,
            "binding": { "since": "2026-11-03T14:09:00Z", "calls": 4 },
            "without_an_account": { "rejected": 0, "trapped": 2, "deadline": 1 }, "left_alone": true, "memory_high_water_bytes": 1_114_112,
            "times": [{ "up_to_us": 5, "calls": 0 }, { "up_to_us": 25, "calls": 9 }, { "up_to_us": null, "calls": 1 }],
        });
        let expected = "\
plugin   poggio 1.0.0, revision 3
since    2026-11-03T14:03:00Z: all calls of it for this tenant since the server was started
calls    10, 20 µs each on average
failed   2 trapped, 1 out of time
rejected 0
without  2: it gave no answer, and the writes went on all the same
not made 7: it was left alone, and the requests were answered at once
as configured now: 4 calls since 2026-11-03T14:09:00Z
time     up to 25 µs      9
time     longer           1
memory   1.0 MiB at most, in one instance
it keeps failing, and is left alone for a while";
        assert_eq!(told(&figures).join("\n"), expected);
    }
}

//! A rollout as a person reads it: what it is about, a line for each step, then what each has found, then what can be done next.

use muster_service::cases::Difference;
use serde_json::Value;

pub(in crate::cli) use super::counted::short;
use super::{counted, trials};
use crate::cli::tenant::plain;
use crate::cli::{printable, say};

pub(super) fn line(rollout: &Value) -> String {
    let step = rollout["step"].as_str().map_or_else(String::new, |step| format!(" ({step})"));
    format!(
        "{}  {}  {:<20} {}",
        plain(&rollout["id"]),
        plain(&rollout["at"]),
        format!("{}{step}", plain(&rollout["state"])),
        plugin(&rollout["plugin"])
    )
}

/// All of it.
pub(super) fn shown(rollout: &Value) -> anyhow::Result<()> {
    about(rollout)?;
    say("")?;
    say("STEP       STATE      FOUND")?;
    for step in steps(rollout) {
        row(step)?;
    }
    for step in steps(rollout) {
        found(step)?;
    }
    let not_kept: Vec<&str> = rollout["not_kept"].as_array().into_iter().flatten().map(plain).collect();
    if !not_kept.is_empty() {
        say("")?;
        say(format!("Not kept until now, so that nothing is known of it: {}", not_kept.join(", ")))?;
    }
    logged(rollout)?;
    outcome(rollout)
}

/// What a request has made of it, where `show` has all of it.
pub(super) fn turned(before: &Value, rollout: &Value) -> anyhow::Result<()> {
    say(format!("Rollout {} for {}", plain(&rollout["id"]), plain(&rollout["tenant"])))?;
    for step in steps(rollout) {
        let was = steps(before).iter().find(|was| was["name"] == step["name"]);
        if was.is_none_or(|was| was["state"] != step["state"]) {
            row(step)?;
        }
    }
    passed_by(rollout)?;
    outcome(rollout)
}

/// What is about the re-mapping.
pub(super) fn remapped(rollout: &Value) -> anyhow::Result<()> {
    about(rollout)?;
    say("")?;
    for step in steps(rollout).iter().filter(|step| step["name"] == "remap") {
        row(step)?;
        found(step)?;
    }
    outcome(rollout)
}

fn steps(rollout: &Value) -> &[Value] {
    rollout["steps"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn about(rollout: &Value) -> anyhow::Result<()> {
    let from = &rollout["from"];
    say(format!("Rollout {} for {}", plain(&rollout["id"]), plain(&rollout["tenant"])))?;
    // Where the plugin is the same, the configuration is what is tried.
    let is_same = from["plugin"]["digest"] == rollout["plugin"]["digest"];
    let configured = if is_same { format!(", configured {}", short(&rollout["config"])) } else { String::new() };
    say(format!("candidate  {}{configured}", plugin(&rollout["plugin"])))?;
    say(format!("instead of {}, revision {}", plugin(&from["plugin"]), from["revision"]))?;
    let grants: Vec<String> = rollout["grants"].as_array().into_iter().flatten().map(granted).collect();
    if !grants.is_empty() {
        say(format!("grants     {}", grants.join(", ")))?;
    }
    passed_by(rollout)?;
    say(format!("begun      {}", plain(&rollout["at"])))
}

/// Whom no step of it meets.
fn passed_by(rollout: &Value) -> anyhow::Result<()> {
    match rollout["manual_accounts"].as_u64() {
        None => Ok(()),
        Some(count) => {
            say(format!("left out   {count} made by hand: each is mapped again when the product writes it, not before"))
        }
    }
}

/// What is granted to the candidate when it decides.
fn granted(want: &Value) -> String {
    format!("{} {}", plain(&want["kind"]), plain(&want["name"])).trim_end().to_owned()
}

fn row(step: &Value) -> anyhow::Result<()> {
    let says = step["says"].as_str().map(str::to_owned).or_else(|| brief(step)).unwrap_or_default();
    say(format!("{:<10} {:<10} {says}", plain(&step["name"]), plain(&step["state"])).trim_end())
}

/// What a step found, if it says so in a few words.
fn brief(step: &Value) -> Option<String> {
    let findings = &step["findings"];
    if step["name"] == "watch" {
        return watched(step);
    }
    if let Some(trial) = trials::brief(step, counted::brief) {
        return Some(trial);
    }
    let bytes = || Some(format!("{} bytes", findings["bytes"].as_u64()?));
    let compiled =
        || Some(format!("{} {}, {} ms", findings["name"].as_str()?, plain(&findings["version"]), findings["ms"]));
    let cases = || match findings["cases"].as_u64()? {
        1 => Some("1 case".to_owned()),
        count => Some(format!("{count} cases")),
    };
    let revision = || Some(format!("revision {}", findings["revision"].as_u64()?));
    progress(step)
        .or_else(bytes)
        .or_else(compiled)
        .or_else(cases)
        .or_else(revision)
        .or_else(|| counted::brief(findings))
}

/// `12 of 300 s`, once it is known how much there is.
pub(super) fn progress(step: &Value) -> Option<String> {
    let (done, total) = (step["done"].as_u64()?, step["total"].as_u64().filter(|total| *total > 0)?);
    Some(format!("{done} of {total} {}", unit(plain(&step["name"]))).trim_end().to_owned())
}

/// What the progress of a step is counted in.
pub(super) fn unit(step: &str) -> &'static str {
    match step {
        "preview" | "remap" => "users and groups",
        "replay" => "log entries",
        "shadow" | "canary" | "watch" => "s",
        _ => "",
    }
}

/// `12 of 300 s; 40 calls, 1 failed, 2 rejected`
fn watched(step: &Value) -> Option<String> {
    let findings = &step["findings"];
    let calls = findings["calls"].as_u64()?;
    let time = progress(step).map_or_else(String::new, |time| format!("{time}; "));
    let word = if calls == 1 { "call" } else { "calls" };
    let counts = ["failed", "rejected"].into_iter();
    let counts = counts.filter_map(|name| Some((name, findings[name].as_u64().filter(|count| *count > 0)?)));
    let counts = counts.map(|(name, count)| format!("{count} {name}"));
    Some(format!("{time}{}", [format!("{calls} {word}")].into_iter().chain(counts).collect::<Vec<_>>().join(", ")))
}

/// What a step found, under a heading of its own, if that takes more than its line.
fn found(step: &Value) -> anyhow::Result<()> {
    let findings = &step["findings"];
    let mut lines = Vec::new();
    for case in findings["told"].as_array().into_iter().flatten() {
        lines.push(format!("{}: {}", plain(&case["file"]), plain(&case["name"])));
        for one in case["differences"].as_array().into_iter().flatten() {
            let read: Option<Difference> = serde_json::from_value(one.clone()).ok();
            let says = read.map_or_else(|| short(one), |difference| difference.to_string());
            lines.push(format!("    {}", printable(&says)));
        }
    }
    if findings["looked_at"].as_u64() > Some(0) {
        lines.extend(counted::lines(findings));
    }
    if lines.is_empty() {
        return Ok(());
    }
    say("")?;
    say(plain(&step["name"]).to_uppercase())?;
    lines.iter().try_for_each(say)
}

/// Where it is read why calls failed, if some did and no step has said so.
fn logged(rollout: &Value) -> anyhow::Result<()> {
    const TAIL: &str = "muster plugin tail --tenant";
    let failed = |step: &Value| step["findings"]["failed"].as_u64() > Some(0);
    let is_said = |step: &Value| step["says"].as_str().is_some_and(|says| says.contains(TAIL));
    if !steps(rollout).iter().any(failed) || steps(rollout).iter().any(is_said) {
        return Ok(());
    }
    say("")?;
    say(format!("To see what the plugin has logged: {TAIL} {}", plain(&rollout["tenant"])))
}

/// What speaks against the candidate, each once.
fn against(rollout: &Value) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for says in steps(rollout).iter().filter_map(|step| step["findings"]["against"].as_array()).flatten() {
        if !found.contains(&plain(says)) {
            found.push(plain(says));
        }
    }
    found
}

/// Where it stands, why, and what can be done.
fn outcome(rollout: &Value) -> anyhow::Result<()> {
    say("")?;
    // What a step has said is not said again.
    let mut told = steps(rollout).iter().filter_map(|step| step["says"].as_str());
    let says = rollout["says"].as_str().map(|says| match told.find(|told| says.starts_with(told)) {
        Some(told) => says.strip_prefix(told).unwrap_or(says).trim_start_matches("; "),
        None => says,
    });
    match says.filter(|says| !says.is_empty()) {
        Some(says) => say(format!("{}: {says}", plain(&rollout["state"])))?,
        None => say(plain(&rollout["state"]))?,
    }
    let (tenant, id) = (plain(&rollout["tenant"]), plain(&rollout["id"]));
    let watch = steps(rollout).iter().find(|step| step["name"] == "watch");
    let entries = watch.and_then(|watch| watch["findings"]["written"]["entries"].as_u64());
    let is_mapped = is(rollout, "remap", "done");
    let request = format!("rollout-{id}");
    match plain(&rollout["state"]) {
        "waiting" => {
            let against = against(rollout);
            for says in against.iter().filter(|says| !plain(&rollout["says"]).contains(**says)) {
                say(format!("against it: {says}"))?;
            }
            if steps(rollout).iter().any(|step| step["name"] == "canary" && step["state"] == "pending") {
                say(format!("to try it on some users all the same: muster rollout continue {tenant} {id}"))?;
            }
            if against.is_empty() {
                say(format!("to let it decide: muster rollout activate {tenant} {id}"))
            } else {
                say(format!("to let it decide all the same: muster rollout activate {tenant} {id} --anyway"))
            }
        }
        "watching" => {
            let (end, back) =
                (format!("muster rollout cancel {tenant} {id}"), format!("muster tenant rollback {tenant}"));
            say(format!("to watch it no longer: {end}; to go back: {back}"))
        }
        "active" if !is_mapped => {
            if is(rollout, "watch", "cancelled") {
                say(format!("it goes on deciding; to go back: muster tenant rollback {tenant}"))?;
            }
            if is(rollout, "remap", "cancelled") {
                say(format!("what it has mapped stays so; to take that back: {}", undo(tenant, &request)))?;
            }
            say(format!("to map what is stored: muster rollout remap {tenant} {id}"))
        }
        "done" if has_mapped(rollout) => say(format!("to take back what was mapped: {}", undo(tenant, &request))),
        "rolled-back" if entries.is_some() => {
            say(meanwhile(&watch.map_or(Value::Null, |watch| watch["findings"]["written"].clone()), tenant))
        }
        _ => Ok(()),
    }
}

fn is(rollout: &Value, step: &str, state: &str) -> bool {
    steps(rollout).iter().any(|one| one["name"] == step && one["state"] == state)
}

/// Whether what is stored is not as it was before the candidate mapped it.
fn has_mapped(rollout: &Value) -> bool {
    steps(rollout).iter().any(|step| step["name"] == "remap" && step["findings"]["changed"].as_u64() > Some(0))
}

/// What takes back what a request has done.
pub(in crate::cli) fn undo(tenant: &str, request: &str) -> String {
    format!("muster undo {tenant} --request {request}")
}

/// What was written by a binding that was left, and what becomes of it.
pub(in crate::cli) fn meanwhile(written: &Value, tenant: &str) -> String {
    let [entries, resources] = ["entries", "resources"].map(|name| written[name].as_u64().unwrap_or_default());
    if entries == 0 {
        return "written while it decided: nothing".to_owned();
    }
    let changes = if entries == 1 { "change" } else { "changes" };
    let things = if resources == 1 { "user or group" } else { "users and groups" };
    let at_least = if written["more"] == true { "at least " } else { "" };
    format!(
        "written while it decided: {at_least}{entries} {changes}, to {resources} {things}; to map them again: muster rollout start {tenant} --until remap"
    )
}

pub(in crate::cli) fn plugin(plugin: &Value) -> String {
    let digest: String = plain(&plugin["digest"]).chars().take(12).collect();
    match (plugin["name"].as_str(), plugin["version"].as_str()) {
        (Some(name), Some(version)) => format!("{name} {version} ({digest})"),
        _ => digest,
    }
}

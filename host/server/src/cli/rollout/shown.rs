//! A rollout as a person reads it: what it is about, a line for each step, then what each has found, then what can be done next.

use serde_json::Value;

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
    let configured =
        if is_same { format!(", configured {}", counted::short(&rollout["config"])) } else { String::new() };
    say(format!("candidate  {}{configured}", plugin(&rollout["plugin"])))?;
    say(format!("instead of {}, revision {}", plugin(&from["plugin"]), from["revision"]))?;
    let grants: Vec<String> = rollout["grants"].as_array().into_iter().flatten().map(granted).collect();
    if !grants.is_empty() {
        say(format!("grants     {}", grants.join(", ")))?;
    }
    say(format!("begun      {}", plain(&rollout["at"])))
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
    let done = step["done"].as_u64().map(|done| format!("{done} of {}", step["total"]));
    let bytes = || Some(format!("{} bytes", findings["bytes"].as_u64()?));
    let compiled =
        || Some(format!("{} {}, {} ms", findings["name"].as_str()?, plain(&findings["version"]), findings["ms"]));
    let cases = || match findings["cases"].as_u64()? {
        1 => Some("1 case".to_owned()),
        count => Some(format!("{count} cases")),
    };
    let revision = || Some(format!("revision {}", findings["revision"].as_u64()?));
    done.or_else(bytes).or_else(compiled).or_else(cases).or_else(revision).or_else(|| counted::brief(findings))
}

/// `12 of 300 s; 40 calls, 1 failed, 2 rejected`
fn watched(step: &Value) -> Option<String> {
    let findings = &step["findings"];
    let calls = findings["calls"].as_u64()?;
    let time = step["done"].as_u64().map_or_else(String::new, |done| format!("{done} of {} s; ", step["total"]));
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
            let side = |name: &str| one.get(name).map_or_else(|| "nothing".to_owned(), counted::short);
            lines.push(format!(
                "    {}: expected {}, got {}",
                printable(plain(&one["pointer"])),
                side("expected"),
                side("actual")
            ));
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

/// Where it stands, why, and what can be done.
fn outcome(rollout: &Value) -> anyhow::Result<()> {
    say("")?;
    match rollout["says"].as_str() {
        Some(says) => say(format!("{}: {says}", plain(&rollout["state"])))?,
        None => say(plain(&rollout["state"]))?,
    }
    let (tenant, id) = (plain(&rollout["tenant"]), plain(&rollout["id"]));
    let watch = steps(rollout).iter().find(|step| step["name"] == "watch");
    let entries = watch.and_then(|watch| watch["findings"]["written"]["entries"].as_u64());
    let is_mapped = steps(rollout).iter().any(|step| step["name"] == "remap" && step["state"] == "done");
    match plain(&rollout["state"]) {
        "waiting" => {
            if steps(rollout).iter().any(|step| step["name"] == "canary" && step["state"] == "pending") {
                say(format!("to try it on some users all the same: muster rollout continue {tenant} {id}"))?;
            }
            say(format!("to let it decide: muster rollout activate {tenant} {id}"))
        }
        "watching" => {
            let (end, back) =
                (format!("muster rollout cancel {tenant} {id}"), format!("muster tenant rollback {tenant}"));
            say(format!("to watch it no longer: {end}; to go back: {back}"))
        }
        "active" if !is_mapped => say(format!("to map what is stored: muster rollout remap {tenant} {id}")),
        "rolled-back" if entries.is_some() => {
            say(meanwhile(&watch.map_or(Value::Null, |watch| watch["findings"]["written"].clone()), tenant))
        }
        _ => Ok(()),
    }
}

/// What was written by a binding that was left, and what becomes of it.
pub(in crate::cli) fn meanwhile(written: &Value, tenant: &str) -> String {
    let [entries, resources] = ["entries", "resources"].map(|name| written[name].as_u64().unwrap_or_default());
    if entries == 0 {
        return "what was left has written nothing".to_owned();
    }
    let changes = if entries == 1 { "change" } else { "changes" };
    let things = if resources == 1 { "user or group" } else { "users and groups" };
    let at_least = if written["more"] == true { "at least " } else { "" };
    format!(
        "what was left has made {at_least}{entries} {changes}, to {resources} {things}; to map them again: muster rollout start {tenant} --until remap"
    )
}

pub(in crate::cli) fn plugin(plugin: &Value) -> String {
    let digest: String = plain(&plugin["digest"]).chars().take(12).collect();
    match (plugin["name"].as_str(), plugin["version"].as_str()) {
        (Some(name), Some(version)) => format!("{name} {version} ({digest})"),
        _ => digest,
    }
}

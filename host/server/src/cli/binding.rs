//! What decides for a tenant, replaced by hand: `muster tenant bind|rollback`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::admin_client::AdminClient;
use super::grant::{self, Grants};
use super::rollout::shown::{meanwhile, plugin, short, undo};
use super::tenant::{plain, shown, warned};
use super::{Remote, config, printable, say};

/// What is bound instead.
#[derive(Debug, Args)]
pub(super) struct Bind {
    name: String,
    /// The plugin; without it, the present one
    #[arg(long)]
    plugin: Option<String>,
    /// The plugin's configuration: JSON, or @file; without it, the present one
    #[arg(long)]
    config: Option<String>,
    #[command(flatten)]
    grants: Grants,
    /// Only if the binding is at this revision
    #[arg(long)]
    expected_revision: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

/// Who goes back.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    name: String,
    /// Only if the binding is at this revision
    #[arg(long)]
    expected_revision: Option<u64>,
    /// Also if the binding before is a candidate that was rolled back by itself
    #[arg(long, conflicts_with = "expected_revision")]
    again: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Bind {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self { name, plugin, config: text, grants, expected_revision, remote } = self;
        let new = text.as_deref().map(config).transpose()?;
        let mut body = json!({ "plugin": plugin, "config": new, "expected_revision": expected_revision });
        grants.put_into(&mut body);
        let client = AdminClient::new(&remote)?;
        let before = client.get(&["tenants", &name]).await?;
        let mut answer = client.put(&["tenants", &name, "binding"], &body).await?;
        let granted = grants.told(&client, &name).await?;
        if remote.json {
            grant::beside(&mut answer, granted);
            return say(answer);
        }
        if answer["unchanged"] == true {
            say("nothing has changed: this is bound already")?;
            shown(&remote, &answer)?;
        } else {
            shown(&remote, &answer)?;
            configured(&before, &answer)?;
            say(format!(
                "  what is stored stays as it was mapped before; to map it by this: muster rollout start {} --until remap",
                plain(&answer["tenant"])
            ))?;
        }
        warned(&answer)?;
        granted.map_or(Ok(()), |wants| grant::shown(&remote, &wants))
    }
}

impl Rollback {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self { name, expected_revision, again, remote } = self;
        let client = AdminClient::new(&remote)?;
        let before = client.get(&["tenants", &name]).await?;
        // Whoever names the revision is asked no more.
        let expected = if again { before["revision"].clone() } else { json!(expected_revision) };
        let body = json!({ "expected_revision": expected });
        let answer = client.post(&["tenants", &name, "binding", "rollback"], &body).await?;
        if remote.json { say(answer) } else { went_back(&before, &answer) }
    }
}

/// What decides again, and what was left.
fn went_back(before: &Value, answer: &Value) -> anyhow::Result<()> {
    let (tenant, left) = (plain(&answer["tenant"]), &answer["left"]);
    say(format!("{tenant} is decided by {} again, revision {}", plugin(&answer["plugin"]), answer["revision"]))?;
    warned(answer)?;
    if left.is_null() {
        configured(before, answer)?;
        return say("it may have written something meanwhile; the server's log says why that was not counted");
    }
    say(format!("instead of {}, bound {}", plugin(&left["plugin"]), plain(&left["bound"])))?;
    configured(before, answer)?;
    say(meanwhile(&left["written"], tenant))?;
    match left["remapped_by"].as_str() {
        Some(request) => {
            say(format!("what it has mapped again stays so; to take that back: {}", undo(tenant, request)))
        }
        None => Ok(()),
    }
}

/// What is configured otherwise than before, if something is.
fn configured(before: &Value, now: &Value) -> anyhow::Result<()> {
    let changed = changed(&before["config"], &now["config"]);
    if changed.is_empty() { Ok(()) } else { say(format!("  configured otherwise: {}", changed.join("; "))) }
}

/// How many differences are told: a table of a thousand groups can be another one.
const TOLD: usize = 20;

/// What is not as it was in a configuration, each by its path: `store.on_deactivate "none" -> not set`.
fn changed(was: &Value, now: &Value) -> Vec<String> {
    let mut told = Vec::new();
    compare("", Some(was), Some(now), &mut told);
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    told.extend((more > 0).then(|| format!("and {more} more")));
    told
}

fn compare(path: &str, was: Option<&Value>, now: Option<&Value>, told: &mut Vec<String>) {
    if was == now {
        return;
    }
    let none = Map::new();
    let sides = [was, now].map(|side| side.map_or(Some(&none), Value::as_object));
    match sides.into() {
        // An object without members, and none at all, differ in nothing that has a name.
        (Some(was), Some(now)) if !(was.is_empty() && now.is_empty()) => {
            let mut names: Vec<&String> = was.keys().chain(now.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let joint = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{joint}{}", printable(name)), was.get(name), now.get(name), told);
            }
        }
        _ => {
            let shown =
                |side: Option<&Value>| side.map_or_else(|| "not set".to_owned(), |value| printable(&short(value)));
            told.push(format!("{path} {} -> {}", shown(was), shown(now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_otherwise_is_told_member_by_member_with_its_path() {
        let was = json!({ "a": 1, "b": { "c": [], "k": { "z": 1 } }, "d": "x", "f": { "g": 1 }, "i": 1 });
        let now = json!({ "a": 1, "b": { "c": [2], "k": { "z": 1 } }, "e": false, "h": {}, "i": { "j": 1 } });
        let told = [
            "b.c [] -> [2]",
            r#"d "x" -> not set"#,
            "e not set -> false",
            "f.g 1 -> not set",
            "h not set -> {}",
            r#"i 1 -> {"j":1}"#,
        ];
        assert_eq!(changed(&was, &now), told);
        assert_eq!(changed(&was, &was), [""; 0]);
    }

    #[test]
    fn of_many_differences_the_first_are_told() {
        let roles =
            |role: &str| json!({ "roles": (10..40).map(|n| (n.to_string(), json!(role))).collect::<Map<_, _>>() });

        let told = changed(&roles("Admin"), &roles("Editor"));

        assert_eq!((told.len(), told[0].as_str()), (TOLD + 1, r#"roles.10 "Admin" -> "Editor""#));
        assert_eq!(told[TOLD], "and 10 more");
    }
}

//! What plugins want of a tenant, and what operators grant them: `muster tenant wants|grant|withdraw`.

use clap::Args;
use muster_model::{Origin, SecretName, Want};
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, say};

/// What is granted to a plugin by the same change that binds it.
#[derive(Debug, Args)]
pub(super) struct Grants {
    /// Grants the plugin this want: origin=https://api.example.com, secret=NAME, or state; can be given several times
    #[arg(long = "grant", value_name = "WANT", value_parser = want)]
    wants: Vec<Want>,
    /// Grants the plugin all that it wants, and prints what that is
    #[arg(long, conflicts_with = "wants")]
    grant_all: bool,
}

impl Grants {
    /// Puts what is granted into the body of a request.
    pub(super) fn put_into(&self, body: &mut Value) {
        match (self.grant_all, self.wants.as_slice()) {
            (true, _) => body["grants"] = json!("all"),
            (false, []) => {}
            (false, wants) => body["grants"] = json!(wants),
        }
    }

    /// What the plugin of a tenant wants and has, if something was granted: that is never done without a word.
    pub(super) async fn told(&self, client: &AdminClient, tenant: &str) -> anyhow::Result<Option<Value>> {
        if !self.grant_all && self.wants.is_empty() {
            return Ok(None);
        }
        wants(client, tenant, None).await.map(Some)
    }
}

/// What is shown.
#[derive(Debug, Args)]
pub(super) struct Wants {
    /// The tenant
    name: String,
    /// Of which plugin: its name (the newest), name@version, or digest; without it, the one that decides
    #[arg(long)]
    plugin: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// What is granted.
#[derive(Debug, Args)]
pub(super) struct Grant {
    /// The tenant
    name: String,
    /// What: origin=https://api.example.com, secret=NAME, or state
    #[arg(value_name = "WANT", value_parser = want, required_unless_present = "all")]
    wants: Vec<Want>,
    /// All that the plugin wants
    #[arg(long, conflicts_with = "wants")]
    all: bool,
    /// To the name of which plugin, as far as this version wants it; without it, the one that decides
    #[arg(long)]
    plugin: Option<String>,
    /// Only if the binding is at this revision
    #[arg(long)]
    expected_revision: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

/// What is withdrawn.
#[derive(Debug, Args)]
pub(super) struct Withdraw {
    /// The tenant
    name: String,
    /// What: origin=https://api.example.com, secret=NAME, or state
    #[arg(value_name = "WANT", value_parser = want, required_unless_present_any = ["all", "unwanted"])]
    wants: Vec<Want>,
    /// All that was granted to the plugin's name
    #[arg(long, conflicts_with = "wants")]
    all: bool,
    /// What was granted to the plugin's name and it does not want
    #[arg(long, conflicts_with_all = ["wants", "all"])]
    unwanted: bool,
    /// From the name of which plugin; without it, the one that decides
    #[arg(long)]
    plugin: Option<String>,
    /// Also what the plugin that decides wants: it goes on mapping, and can do that no longer
    #[arg(long)]
    force: bool,
    /// Only if the binding is at this revision
    #[arg(long)]
    expected_revision: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

impl Wants {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let answer = wants(&AdminClient::new(&self.remote)?, &self.name, self.plugin.as_deref()).await?;
        shown(&self.remote, &answer)
    }
}

impl Grant {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let grants = if self.all { json!("all") } else { json!(self.wants) };
        let body = json!({ "plugin": self.plugin, "grants": grants, "expected_revision": self.expected_revision });
        let answer = AdminClient::new(&self.remote)?.post(&["tenants", &self.name, "grants"], &body).await?;
        shown(&self.remote, &answer)
    }
}

impl Withdraw {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let grants = if self.unwanted {
            let answer = wants(&client, &self.name, self.plugin.as_deref()).await?;
            let unwanted = answer["unwanted"].as_array().into_iter().flatten();
            Value::Array(unwanted.map(bare).collect())
        } else if self.all {
            json!("all")
        } else {
            json!(self.wants)
        };
        let body = json!({
            "plugin": self.plugin, "grants": grants, "force": self.force, "expected_revision": self.expected_revision,
        });
        let answer = client.post(&["tenants", &self.name, "grants", "withdraw"], &body).await?;
        shown(&self.remote, &answer)
    }
}

/// Puts what was granted beside an answer in JSON.
pub(super) fn beside(answer: &mut Value, granted: Option<Value>) {
    if let Some(wants) = granted {
        answer["wants"] = wants;
    }
}

/// What a plugin wants of a tenant.
async fn wants(client: &AdminClient, tenant: &str, plugin: Option<&str>) -> anyhow::Result<Value> {
    let query: Vec<(&str, String)> = plugin.map(|plugin| ("plugin", plugin.to_owned())).into_iter().collect();
    client.find(&["tenants", tenant, "wants"], &query).await
}

/// A want on the command line.
fn want(text: &str) -> Result<Want, String> {
    match text.split_once('=') {
        None if text == "state" => Ok(Want::State),
        Some(("origin", origin)) => Origin::parse(origin).map(Want::Origin).map_err(|error| error.to_string()),
        Some(("secret", name)) => SecretName::parse(name).map(Want::Secret).map_err(|error| error.to_string()),
        None | Some(_) => Err("a want is origin=https://HOST, secret=NAME, or state".to_owned()),
    }
}

/// What is wanted, without what is said of it.
fn bare(grant: &Value) -> Value {
    let mut want = json!({ "kind": grant["kind"] });
    if !grant["name"].is_null() {
        want["name"] = grant["name"].clone();
    }
    want
}

pub(super) fn shown(remote: &Remote, answer: &Value) -> anyhow::Result<()> {
    if remote.json { say(answer) } else { lines(answer).into_iter().try_for_each(say) }
}

/// The list that a person judges: a want a line, and below it what the plugin says it is for.
fn lines(answer: &Value) -> Vec<String> {
    let digest: String = plain(&answer["digest"]).chars().take(12).collect();
    let (tenant, plugin, version) = (plain(&answer["tenant"]), plain(&answer["plugin"]), plain(&answer["version"]));
    let bound = if answer["bound"] == true { "decides" } else { "does not decide" };
    let mut lines =
        vec![format!("{tenant:<24} {plugin} {version} ({digest})   {bound}   revision {}", answer["revision"])];
    let all = |name: &str| answer[name].as_array().into_iter().flatten();
    for want in all("wants") {
        let (state, grant) = match &want["granted"] {
            Value::Null => ("NOT GRANTED", String::new()),
            grant => ("granted", since(grant)),
        };
        let many = if want["wildcard"] == true { "   MANY HOSTS" } else { "" };
        lines.push(format!("  {state:<12} to {}{many}{grant}", plain(&want["means"])));
        lines.extend(want["why"].as_str().map(|why| format!("  {:<12} it says: {why}", "")));
        if want["set"] == false {
            let name = plain(&want["name"]);
            lines.push(format!(
                "  {:<12} NOT SET, so what sends it fails; to set it: muster tenant secret set {tenant} {name} < FILE",
                ""
            ));
        }
    }
    if all("wants").next().is_none() {
        lines.push(format!("  {:<12} nothing beside mapping", "wants"));
    }
    for grant in all("unwanted") {
        lines.push(format!("  {:<12} to {}   NOT WANTED{}", "granted", plain(&grant["means"]), since(grant)));
    }
    for grant in all("others") {
        let (plugin, means) = (plain(&grant["plugin"]), plain(&grant["means"]));
        lines.push(format!("  {:<12} to {means}   TO PLUGIN {plugin}{}", "granted", since(grant)));
    }
    lines
}

fn since(grant: &Value) -> String {
    format!("   since {}, by {}", plain(&grant["since"]), plain(&grant["by"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_want_is_written_in_a_word() {
        for (text, told) in [
            ("origin=https://API.example.com", "origin https://api.example.com"),
            ("secret=api-key", "secret api-key"),
            ("state", "state"),
        ] {
            assert_eq!(want(text).unwrap().to_string(), told);
        }
        for wrong in ["", "origin", "colour=red", "state=", "state=x"] {
            assert_eq!(want(wrong).unwrap_err(), "a want is origin=https://HOST, secret=NAME, or state", "{wrong}");
        }
        assert_eq!(want("origin=http://a.b").unwrap_err(), "an origin begins with https://");
    }

    #[test]
    fn a_list_can_be_judged() {
        let granted = json!({ "plugin": "acme", "kind": "state", "means": "remember", "since": "2026-01-01T00:00:00Z", "by": "operator" });
        let told = lines(&json!({
            "tenant": "globex", "plugin": "acme", "version": "1.0.0", "digest": "0123456789abcdef", "bound": true, "revision": 3,
            "wants": [
                { "kind": "origin", "name": "https://*.a.b", "means": "call", "why": "to invite", "wildcard": true, "granted": null },
                { "kind": "state", "means": "remember", "wildcard": false, "granted": granted },
                { "kind": "secret", "name": "key", "means": "send", "wildcard": false, "granted": null, "set": false },
                { "kind": "secret", "name": "other", "means": "send it too", "wildcard": false, "granted": null, "set": true },
            ],
            "unwanted": [granted], "others": [granted],
        }));
        let expected = "\
globex                   acme 1.0.0 (0123456789ab)   decides   revision 3
  NOT GRANTED  to call   MANY HOSTS
               it says: to invite
  granted      to remember   since 2026-01-01T00:00:00Z, by operator
  NOT GRANTED  to send
               NOT SET, so what sends it fails; to set it: muster tenant secret set globex key < FILE
  NOT GRANTED  to send it too
  granted      to remember   NOT WANTED   since 2026-01-01T00:00:00Z, by operator
  granted      to remember   TO PLUGIN acme   since 2026-01-01T00:00:00Z, by operator";
        assert_eq!(told.join("\n"), expected);
        assert_eq!(bare(&granted), json!({ "kind": "state" }));
    }
}

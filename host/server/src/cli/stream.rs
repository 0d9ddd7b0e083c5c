//! Where a tenant's security event tokens go: `muster stream add|list|show|set|on|off|remove|verify|token|rotate-key|deliveries`.

mod shown;

use std::collections::BTreeMap;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::admin_client::AdminClient;
use super::receiver::{self, Deliveries, Kind, One};
use super::tenant::plain;
use super::{Remote, say};

const STREAM: Kind = Kind::Stream;

#[derive(Debug, Subcommand)]
pub(super) enum Stream {
    /// Adds a stream: what happens from now on is told by it. The token of one that is polled is shown once
    Add(Add),
    /// Lists a tenant's streams, and the keys that their tokens are signed with
    List {
        /// Whose
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows one stream: where its tokens go, what they tell, and how its tasks stand
    Show(One),
    /// Changes a stream; what is not given stays
    Set(Set),
    /// Turns a stream on: what it missed is told
    On(One),
    /// Turns a stream off: what happens meanwhile waits
    Off(One),
    /// Removes a stream, and gives up what waits for it
    Remove(One),
    /// Sends a token that says that the stream works
    Verify(Verify),
    /// Gives a stream that is polled another token, and shows it, once; those before it open it for a while longer
    Token(Renew),
    /// Signs a tenant's tokens with a new key; those before it are published for a while longer
    RotateKey(RotateKey),
    /// Lists what goes or went to a stream, by number
    Deliveries(Deliveries),
}

/// What is said of a stream.
#[derive(Debug, Args)]
struct Settings {
    /// An event that it tells, such as prov:delete, prov:create:full or account-disabled; may be given several times; without it a new stream tells all that tell no values, and one that is changed keeps its own
    #[arg(long = "event", value_name = "URI")]
    events: Vec<String>,
    /// Of a kind of resource it tells only of those that a SCIM filter selects: 'User: userType eq "Employee"'; once a kind; without it a new stream tells of all of them, and one that is changed keeps its own
    #[arg(long = "filter", value_name = "KIND: FILTER", value_parser = filter)]
    filters: Vec<(String, String)>,
    /// Who is to take the tokens; may be given several times; without it the audience of a new stream is the URL under which it is polled, and one that is changed keeps its own
    #[arg(long = "audience", value_name = "NAME")]
    audience: Vec<String>,
    /// The tenant's secret that is sent as the Authorization header
    #[arg(long, value_name = "SECRET")]
    authorization: Option<String>,
    /// Whether the brake holds what tells of an access that ended
    #[arg(long, value_name = "true|false")]
    braked: Option<bool>,
}

/// A kind of resource, and what selects some of it.
fn filter(text: &str) -> Result<(String, String), String> {
    let (kind, filter) = text.split_once(':').map(|(kind, filter)| (kind.trim(), filter.trim())).unwrap_or_default();
    if kind.is_empty() || filter.is_empty() || kind.contains(' ') {
        return Err("it is the name of a kind, a colon and a filter: 'User: userType eq \"Employee\"'".to_owned());
    }
    Ok((kind.to_owned(), filter.to_owned()))
}

impl Settings {
    fn body(&self, push: Option<&str>) -> Map<String, Value> {
        receiver::body([
            ("push", push.map(|url| json!(url))),
            ("events", (!self.events.is_empty()).then(|| json!(self.events))),
            (
                "scope",
                (!self.filters.is_empty()).then(|| json!(self.filters.iter().cloned().collect::<BTreeMap<_, _>>())),
            ),
            ("audience", (!self.audience.is_empty()).then(|| json!(self.audience))),
            ("authorization", self.authorization.as_ref().map(|secret| json!(secret))),
            ("is_braked", self.braked.map(|braked| json!(braked))),
        ])
    }
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Whose
    tenant: String,
    /// Its name: lower-case letters, digits and `-`
    name: String,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    remote: Remote,
}

/// How tokens get there.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Way {
    /// Tokens are sent there (RFC 8935): https
    #[arg(long, value_name = "URL")]
    push: Option<String>,
    /// Tokens are come for (RFC 8936)
    #[arg(long)]
    poll: bool,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Whose
    tenant: String,
    /// The stream's name
    name: String,
    /// Tokens are sent there: https
    #[arg(long, value_name = "URL")]
    push: Option<String>,
    #[command(flatten)]
    settings: Settings,
    /// It tells all events that tell no values
    #[arg(long, conflicts_with = "events")]
    default_events: bool,
    /// It tells of every resource
    #[arg(long, conflicts_with = "filters")]
    no_filter: bool,
    /// No Authorization header is sent
    #[arg(long, conflicts_with = "authorization")]
    no_authorization: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    one: One,
    /// What the token repeats, so that it is known again
    #[arg(long)]
    state: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Renew {
    #[command(flatten)]
    one: One,
    /// For how many hours the tokens before it open the stream; 0: not at all
    #[arg(long, default_value_t = 24)]
    overlap_h: u32,
}

#[derive(Debug, Args)]
pub(super) struct RotateKey {
    /// Whose
    tenant: String,
    /// For how many hours the keys before it are published; 0: not at all, and what is on its way cannot be verified
    #[arg(long, default_value_t = 24)]
    overlap_h: u32,
    #[command(flatten)]
    remote: Remote,
}

impl Stream {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add(add) => add.run().await,
            Self::List { tenant, remote } => receiver::list(STREAM, &tenant, &remote, shown::list).await,
            Self::Show(one) => {
                let answer = AdminClient::new(&one.remote)?.get(&["tenants", &one.tenant, "streams"]).await?;
                one_of(&one, &answer)
            }
            Self::Set(set) => set.run().await,
            Self::On(one) => one.turn(STREAM, "on").await,
            Self::Off(one) => one.turn(STREAM, "off").await,
            Self::Remove(one) => one.remove(STREAM).await,
            Self::Verify(Verify { one, state }) => {
                let body = state.map_or_else(|| json!({}), |state| json!({ "state": state }));
                let answer = AdminClient::new(&one.remote)?.post(&one.path(STREAM, &["verify"]), &body).await?;
                let told = format!(
                    "gets a token; `muster stream deliveries {} {}` tells whether it has it",
                    one.tenant, one.name
                );
                one.done(STREAM, &answer, &told)
            }
            Self::Token(Renew { one, overlap_h }) => {
                let body = json!({ "overlap_h": overlap_h });
                let answer = AdminClient::new(&one.remote)?.post(&one.path(STREAM, &["token"]), &body).await?;
                one.done(STREAM, &answer, "has another token")?;
                if one.remote.json { Ok(()) } else { shown::token(&answer).into_iter().try_for_each(say) }
            }
            Self::RotateKey(RotateKey { tenant, overlap_h, remote }) => {
                let (path, body) = (["tenants", &tenant, "stream-keys", "rotate"], json!({ "overlap_h": overlap_h }));
                let answer = AdminClient::new(&remote)?.post(&path, &body).await?;
                if remote.json { say(answer) } else { shown::keys(&answer).into_iter().try_for_each(say) }
            }
            Self::Deliveries(deliveries) => deliveries.run(STREAM).await,
        }
    }
}

/// Shows one of all.
fn one_of(one: &One, answer: &Value) -> anyhow::Result<()> {
    let mut streams = answer["streams"].as_array().into_iter().flatten();
    match streams.find(|stream| plain(&stream["name"]) == one.name) {
        Some(stream) if one.remote.json => {
            let mut stream = stream.clone();
            // What is said of the change, and what is said of the stream.
            let both = [answer["warning"].as_str(), stream["warning"].as_str()];
            let both: Vec<&str> = both.into_iter().flatten().collect();
            if !both.is_empty() {
                stream["warning"] = json!(both.join("; "));
            }
            say(stream)
        }
        Some(stream) => shown::one(stream).into_iter().try_for_each(say),
        None => bail!("there is no stream {} of tenant {}", one.name, one.tenant),
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let mut body = self.settings.body(self.way.push.as_deref());
        body.insert("name".to_owned(), json!(self.name));
        let client = AdminClient::new(&self.remote)?;
        let answer = client.post(&["tenants", &self.tenant, "streams"], &Value::Object(body)).await?;
        if self.remote.json {
            return say(answer);
        }
        say(format!("stream {} of tenant {} is added; it tells what happens from now on", self.name, self.tenant))?;
        let mut lines = vec![
            format!("issuer    {}", plain(&answer["issuer"])),
            format!("verify    {}", plain(&answer["jwks_uri"])),
        ];
        if self.way.poll {
            lines.push(format!("poll      {}/events/{}", plain(&answer["issuer"]), self.name));
        }
        lines.extend(shown::token(&answer));
        if plain(&answer["issuer"]).starts_with("http://") {
            lines.push(
                "The issuer is the listener's own address: set scim.public_origin before receivers are told of it."
                    .to_owned(),
            );
        }
        lines.extend(shown::warning(&answer));
        lines.into_iter().try_for_each(say)
    }
}

impl Set {
    async fn run(self) -> anyhow::Result<()> {
        let mut body = self.settings.body(self.push.as_deref());
        if self.default_events {
            body.insert("events".to_owned(), json!([]));
        }
        if self.no_filter {
            body.insert("scope".to_owned(), json!({}));
        }
        if self.no_authorization {
            body.insert("authorization".to_owned(), json!(""));
        }
        if body.is_empty() {
            bail!(
                "nothing is to be changed: --push, --event, --default-events, --filter, --no-filter, --audience, --authorization, --no-authorization or --braked says what"
            );
        }
        let path = ["tenants", &self.tenant, "streams", &self.name];
        let answer = AdminClient::new(&self.remote)?.put(&path, &Value::Object(body)).await?;
        let one = One { tenant: self.tenant, name: self.name, remote: self.remote };
        one_of(&one, &answer)?;
        if one.remote.json { Ok(()) } else { shown::warning(&answer).into_iter().try_for_each(say) }
    }
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_filter_is_told_from_its_kind_by_the_first_colon() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"Engines\"";
        assert_eq!(filter(&format!("User: {urn}")), Ok(("User".to_owned(), urn.to_owned())));
        assert_eq!(filter("Group:displayName pr"), Ok(("Group".to_owned(), "displayName pr".to_owned())));
        for wrong in ["userType eq \"a:b\"", "User", "User:", ": active eq true", ""] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }
}

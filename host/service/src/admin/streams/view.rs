use std::collections::BTreeMap;

use muster_model::{
    Method, PollToken, Queue, ReceiverName, ResourceType, SealedKey, Standing, StreamRow, TenantId, TenantRow,
    Timestamp, Token,
};
use serde::Serialize;

use crate::binding::Bound;
use crate::streams::{Scope, Told, is_open, is_published, jwk, stream, told_by};
use crate::{AdminError, Service};

/// The streams of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamsView {
    /// Whose.
    pub tenant: TenantId,
    /// The binding's revision: streams are counted with it.
    pub revision: u64,
    /// Who signs: `iss`.
    pub issuer: String,
    /// Where what verifies is read.
    pub jwks_uri: String,
    /// What is signed with, the latest first, and what is still published.
    pub keys: Vec<StreamKeyView>,
    /// By name.
    pub streams: Vec<StreamView>,
    /// The token of a poll that was just issued: the only time that it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Why nothing gets to a stream that was just added or changed, as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// One key: all that is ever shown of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamKeyView {
    /// Its name: `kid`.
    pub id: String,
    /// When it was made.
    pub at: String,
    /// Until when it is published, if another one has taken its place.
    pub until: Option<String>,
    /// Whether it can be opened with this deployment's key; otherwise it has to be rotated.
    pub opens: bool,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamView {
    /// Its name.
    pub name: ReceiverName,
    /// `push` or `poll`.
    pub method: &'static str,
    /// Where tokens are sent, or come for.
    pub url: String,
    /// The name of the secret that is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
    /// Who is to take the tokens.
    pub audience: Vec<String>,
    /// The URIs of the events that are told.
    pub events: Vec<&'static str>,
    /// Of which resources, where not of all of a kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scope: BTreeMap<ResourceType, String>,
    /// Whether the brake holds what tells of an access that ended.
    pub is_braked: bool,
    /// Whether anything goes there.
    pub is_on: bool,
    /// Why it is not, if it was not somebody's decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_because: Option<String>,
    /// The log's entry behind which it begins.
    pub since: u64,
    /// When it was added.
    pub created: String,
    /// How many of its tasks stand where.
    pub tasks: BTreeMap<&'static str, u64>,
    /// Of which resources it tells nothing, because its filter names what the tenant's plugin does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Since when and until when tokens open a poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<PollTokenView>>,
}

/// A token that opens a stream: never the secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PollTokenView {
    /// Since when.
    pub since: String,
    /// Until when, if another one has taken its place.
    pub until: Option<String>,
}

impl Service {
    pub(super) async fn streams_view(&self, row: &TenantRow, token: Option<Token>) -> Result<StreamsView, AdminError> {
        let counts = self.parts.store.outbox(&row.id).counts().await?;
        let (issuer, now) = (self.issuer(&row.id), self.parts.clock.now());
        let events = &row.delivery.events;
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        let shown = |stream| shown(stream, bound.as_deref(), &counts, &issuer, now);
        let key = |key: &SealedKey| StreamKeyView {
            id: key.id.clone(),
            at: key.at.to_string(),
            until: key.until.map(|until| until.to_string()),
            opens: jwk(&self.parts.secrets_key, &row.id, key).is_some(),
        };
        Ok(StreamsView {
            tenant: row.id.clone(),
            revision: row.binding.revision,
            jwks_uri: format!("{issuer}/.well-known/jwks.json"),
            keys: events.keys.iter().filter(|key| is_published(key, now)).map(key).collect(),
            streams: events.streams.iter().map(shown).collect(),
            issuer: issuer.clone(),
            token: token.map(|token| token.reveal().to_owned()),
            warning: None,
        })
    }
}

/// What a stream that sends a secret says where that one is not there.
pub(super) fn lacks_secret(row: &TenantRow, name: &ReceiverName) -> Option<String> {
    let Method::Push { authorization: Some(named), .. } = &stream(row, name)?.method else { return None };
    let is_there = row.secrets.iter().any(|secret| secret.name.as_str() == named);
    let says = || {
        let tenant = &row.id;
        format!(
            "the secret {named}, which the stream sends, is not there yet, so nothing is sent; `muster tenant secret set {tenant} {named}` sets it"
        )
    };
    (!is_there).then(says)
}

/// Why nothing is told of some kinds by a tenant's streams, a sentence each: their filters name what the plugin does not have.
pub(in crate::admin) fn impossible_filters(row: &TenantRow, bound: &Bound) -> Vec<String> {
    let streams = row.delivery.events.streams.iter();
    streams.flat_map(|stream| unjudged(stream, Some(bound))).collect()
}

fn unjudged(stream: &StreamRow, bound: Option<&Bound>) -> Vec<String> {
    Scope::of(stream, bound).impossible().map(|says| format!("{says}; it is not told, and parked")).collect()
}

fn shown(
    stream: &StreamRow,
    bound: Option<&Bound>,
    counts: &[(Queue, Standing, u64)],
    issuer: &str,
    now: Timestamp,
) -> StreamView {
    let queue = stream.receiver().queue();
    let own = counts.iter().filter(|(of, _, count)| *of == queue && *count > 0);
    let polled = format!("{issuer}/events/{}", stream.name);
    let (url, authorization, tokens) = match &stream.method {
        Method::Push { url, authorization } => (url.clone(), authorization.clone(), None),
        Method::Poll { tokens } => {
            let view = |token: &PollToken| PollTokenView {
                since: token.at.to_string(),
                until: token.until.map(|until| until.to_string()),
            };
            (polled.clone(), None, Some(tokens.iter().filter(|token| is_open(token, now)).map(view).collect()))
        }
    };
    StreamView {
        name: stream.name.clone(),
        method: stream.method.kind().name(),
        url,
        authorization,
        audience: if stream.audience.is_empty() { vec![polled] } else { stream.audience.clone() },
        events: told_by(stream).into_iter().map(Told::uri).collect(),
        scope: stream.scope.clone(),
        is_braked: stream.is_braked,
        is_on: stream.is_on,
        off_because: stream.off_because.clone(),
        since: stream.since,
        created: stream.created.to_string(),
        tasks: own.map(|(_, standing, count)| (standing.name(), *count)).collect(),
        warning: Some(unjudged(stream, bound).join("; ")).filter(|warning| !warning.is_empty()),
        tokens,
    }
}

//! Where a tenant's security event tokens go, and what they are signed with. What is sent and handed out is made in `crate::streams`.

mod checks;
mod view;

use std::collections::BTreeMap;

use muster_model::{
    Binding, Field, FieldValue, MAX_POLL_TOKENS, MAX_STREAM_KEYS, MAX_STREAMS_A_TENANT, Method, PollToken,
    ReceiverName, ResourceType, SealedKey, StreamRow, TenantId, TenantRow, Timestamp, Token,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::DeliveriesAsked;
use crate::events::{Announcement, STREAM_VERIFICATION};
use crate::streams::{SigningKey, is_open, is_published, select, stream};
use crate::{AdminError, Service};

pub(super) use checks::check_row;
pub use checks::{MAX_AUDIENCE_BYTES, MAX_AUDIENCES, MAX_STREAM_OVERLAP_H, STREAM_OVERLAP_H};
use checks::{audience_of, events_of, fits_scope, overlap_of, secret_of, sooner, url_of};
pub(super) use view::impossible_filters;
use view::lacks_secret;
pub use view::{PollTokenView, StreamKeyView, StreamView, StreamsView};

/// How long what a verification repeats can be, in bytes.
pub const MAX_STATE_BYTES: usize = 256;

/// A stream that is to be added.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStream {
    /// Its name.
    pub name: String,
    /// Where tokens are sent (RFC 8935); without it they are come for (RFC 8936).
    #[serde(default)]
    pub push: Option<String>,
    /// The name of the tenant's secret that is sent as the `Authorization` header.
    #[serde(default)]
    pub authorization: Option<String>,
    /// Who is to take the tokens: `aud`. Empty: the URL of the stream.
    #[serde(default)]
    pub audience: Vec<String>,
    /// The URIs of the events that are told, or what stands in them behind `urn:ietf:params:scim:event:`. Empty: those that tell no value.
    #[serde(default)]
    pub events: Vec<String>,
    /// Of which resources it tells: a filter (RFC 7644 §3.4.2.2) by the name of a kind, such as `User`. Of the other kinds it tells of all.
    #[serde(default)]
    pub scope: BTreeMap<String, String>,
    /// Whether the brake holds what tells of an access that ended; it does, if it is not given.
    #[serde(default)]
    pub is_braked: Option<bool>,
}

/// What of a stream is to be another. What is not given stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamChange {
    /// Where tokens are sent.
    #[serde(default)]
    pub push: Option<String>,
    /// The name of the secret; empty: none is sent.
    #[serde(default)]
    pub authorization: Option<String>,
    /// Who is to take the tokens.
    #[serde(default)]
    pub audience: Option<Vec<String>>,
    /// The events.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// Of which resources it tells, all of it; empty: of everything. It holds for what was not told yet.
    #[serde(default)]
    pub scope: Option<BTreeMap<String, String>>,
    /// Whether the brake holds.
    #[serde(default)]
    pub is_braked: Option<bool>,
}

/// For how long what is replaced is still good.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOverlap {
    /// In hours; [`STREAM_OVERLAP_H`], if it is not given; 0: it is not.
    #[serde(default)]
    pub overlap_h: Option<u32>,
}

/// A verification that is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewVerificationToken {
    /// What the token repeats, so that it is known again.
    #[serde(default)]
    pub state: Option<String>,
}

impl Service {
    /// A tenant's streams.
    pub async fn streams(&self, tenant: &str) -> Result<StreamsView, AdminError> {
        self.streams_view(&self.row(tenant)?, None).await
    }

    /// Adds a stream: from the next change on. The first one of a tenant makes its key as well.
    pub async fn add_stream(&self, tenant: &str, new: NewStream) -> Result<StreamsView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let name = ReceiverName::parse(&new.name).map_err(|error| AdminError::Wrong(error.to_string()))?;
        if stream(&row, &name).is_some() {
            return Err(AdminError::Exists(format!("stream {name} of tenant {tenant}")));
        }
        if row.delivery.events.streams.len() >= MAX_STREAMS_A_TENANT {
            let says = format!("a tenant has at most {MAX_STREAMS_A_TENANT} streams");
            return Err(AdminError::Wrong(says));
        }
        let created = self.parts.clock.now();
        let (method, issued) = match new.push {
            Some(url) => (Method::Push { url: url_of(url)?, authorization: secret_of(new.authorization)? }, None),
            None if new.authorization.is_some() => {
                return Err(AdminError::Wrong("authorization is for a stream that is pushed".to_owned()));
            }
            None => {
                let (token, issued) = self.poll_token(created)?;
                (Method::Poll { tokens: vec![token] }, Some(issued))
            }
        };
        if row.delivery.events.keys.is_empty() {
            row.delivery.events.keys.push(self.stream_key(&row.id, created)?);
        }
        let scope = self.scope_of(&row, new.scope)?;
        let since = self.parts.store.log_keeper(&row.id).status().await?.last;
        row.delivery.events.streams.push(StreamRow {
            name: name.clone(),
            method,
            audience: audience_of(new.audience)?,
            events: events_of(&new.events)?,
            scope,
            is_braked: new.is_braked.unwrap_or(true),
            is_on: true,
            off_because: None,
            since,
            created,
        });
        stream(&row, &name).map_or(Ok(()), fits_scope)?;
        row.delivery.events.streams.sort_by(|a, b| a.name.cmp(&b.name));
        // What an interrupted removal of one of its name has left.
        let own = row.delivery.events.streams.iter().find(|stream| stream.name == name).map(StreamRow::receiver);
        if let Some(own) = own {
            self.forget_receiver(&row.id, &own).await?;
        }
        let warning = lacks_secret(&row, &name);
        Ok(StreamsView { warning, ..self.put_streams(row, issued).await? })
    }

    /// Changes a stream: what waits is told by it as it is then.
    pub async fn change_stream(
        &self,
        tenant: &str,
        name: &str,
        change: StreamChange,
    ) -> Result<StreamsView, AdminError> {
        let events = change.events.as_deref().map(events_of).transpose()?;
        let audience = change.audience.map(audience_of).transpose()?;
        let url = change.push.map(url_of).transpose()?;
        let authorization = change.authorization.map(|named| secret_of(Some(named).filter(|it| !it.is_empty())));
        let authorization = authorization.transpose()?;
        let is_another = url.is_some() || authorization.is_some();
        let scope = change.scope.map(|scope| self.scope_of(&self.row(tenant)?, scope)).transpose()?;
        let changed = self.with_stream(tenant, name, move |row, _| {
            match &mut row.method {
                Method::Push { url: own, authorization: secret } => {
                    *own = url.unwrap_or_else(|| own.clone());
                    *secret = authorization.unwrap_or_else(|| secret.clone());
                }
                Method::Poll { .. } if url.is_some() || authorization.is_some() => {
                    let says = "a stream that is polled has neither a URL nor a secret; remove it and add another one";
                    return Err(AdminError::Wrong(says.to_owned()));
                }
                Method::Poll { .. } => {}
            }
            row.events = events.unwrap_or_else(|| std::mem::take(&mut row.events));
            row.audience = audience.unwrap_or_else(|| std::mem::take(&mut row.audience));
            row.scope = scope.unwrap_or_else(|| std::mem::take(&mut row.scope));
            row.is_braked = change.is_braked.unwrap_or(row.is_braked);
            fits_scope(row)?;
            Ok(None)
        });
        let view = changed.await?;
        let row = self.row(tenant)?;
        if is_another {
            self.lift_pause(&row.id, &named_stream(&row, name)?.receiver().queue());
        }
        let warning = ReceiverName::parse(name).ok().and_then(|name| lacks_secret(&row, &name));
        Ok(StreamsView { warning, ..view })
    }

    /// Turns a stream on or off. What happens meanwhile is told when it is on again.
    pub async fn turn_stream(&self, tenant: &str, name: &str, is_on: bool) -> Result<StreamsView, AdminError> {
        let turned = self.with_stream(tenant, name, move |row, _| {
            (row.is_on, row.off_because) = (is_on, None);
            Ok(None)
        });
        let view = turned.await?;
        if is_on {
            let row = self.row(tenant)?;
            self.lift_pause(&row.id, &named_stream(&row, name)?.receiver().queue());
        }
        Ok(view)
    }

    /// Issues a poll's next token; the ones before open it for a while longer.
    pub async fn renew_poll_token(&self, tenant: &str, name: &str, new: NewOverlap) -> Result<StreamsView, AdminError> {
        let overlap = overlap_of(&new)?;
        let now = self.parts.clock.now();
        let (token, issued) = self.poll_token(now)?;
        self.with_stream(tenant, name, move |row, now| {
            let Method::Poll { tokens } = &mut row.method else {
                let says = format!("stream {} is pushed: it has no token", row.name);
                return Err(AdminError::InUse(says));
            };
            for token in tokens.iter_mut() {
                token.until = Some(sooner(token.until, now, overlap));
            }
            tokens.insert(0, token);
            tokens.retain(|token| is_open(token, now));
            if tokens.len() > MAX_POLL_TOKENS {
                let says = format!(
                    "{MAX_POLL_TOKENS} tokens open a stream at most; with overlap_h 0 the earlier ones end now"
                );
                return Err(AdminError::InUse(says));
            }
            Ok(Some(issued))
        })
        .await
    }

    /// Signs with a new key from now on. The ones before are published for a while longer, for what is on its way.
    pub async fn rotate_stream_key(&self, tenant: &str, new: NewOverlap) -> Result<StreamsView, AdminError> {
        let overlap = overlap_of(&new)?;
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        if row.delivery.events.keys.is_empty() {
            return Err(AdminError::InUse(format!("tenant {tenant} has no stream, so there is no key yet")));
        }
        let now = self.parts.clock.now();
        let key = self.stream_key(&row.id, now)?;
        let keys = &mut row.delivery.events.keys;
        for key in keys.iter_mut() {
            key.until = Some(sooner(key.until, now, overlap));
        }
        keys.insert(0, key);
        keys.retain(|key| is_published(key, now));
        if keys.len() > MAX_STREAM_KEYS {
            let says =
                format!("{MAX_STREAM_KEYS} keys are published at most; with overlap_h 0 the earlier ones end now");
            return Err(AdminError::InUse(says));
        }
        self.put_streams(row, None).await
    }

    /// Removes a stream. What waits for it is cancelled.
    pub async fn remove_stream(&self, tenant: &str, name: &str) -> Result<StreamsView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let (id, gone) = (row.id.clone(), named_stream(&row, name)?.receiver());
        row.delivery.events.streams.retain(|stream| stream.name != gone.name);
        let view = self.put_streams(row, None).await?;
        self.forget_receiver(&id, &gone).await?;
        Ok(view)
    }

    /// Tells a stream's receiver that the stream works, by a token like any other.
    pub async fn verify_stream(
        &self,
        tenant: &str,
        name: &str,
        new: NewVerificationToken,
    ) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let found = named_stream(&row, name)?;
        if new.state.as_ref().is_some_and(|state| state.len() > MAX_STATE_BYTES) {
            return Err(AdminError::Wrong(format!("state is longer than {MAX_STATE_BYTES} bytes")));
        }
        if !found.is_on {
            return Err(AdminError::InUse(format!("stream {} is off, so nothing goes there", found.name)));
        }
        let key = format!("verification-{}", self.parts.ids.next());
        let state = new.state.map(|state| Field { name: "state".to_owned(), value: FieldValue::Text(state) });
        let to = Some(found.receiver());
        let data = state.into_iter().collect();
        self.announce(&row.id, Announcement { name: STREAM_VERIFICATION, key: key.clone(), data, to }).await?;
        Ok(json!({ "stream": found.name, "queue": found.receiver().queue(), "key": key }))
    }

    /// What goes or went to a stream, by number, and where to go on: `next` is there also where nothing was found so far.
    pub async fn stream_deliveries(
        &self,
        tenant: &str,
        name: &str,
        asked: DeliveriesAsked,
    ) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let queue = named_stream(&row, name)?.receiver().queue();
        self.tasks_of_queue(&row.id, &queue, asked).await
    }

    async fn with_stream(
        &self,
        tenant: &str,
        name: &str,
        change: impl FnOnce(&mut StreamRow, Timestamp) -> Result<Option<Token>, AdminError>,
    ) -> Result<StreamsView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let name = named_stream(&row, name)?.name.clone();
        let now = self.parts.clock.now();
        let mut issued = None;
        if let Some(stream) = row.delivery.events.streams.iter_mut().find(|stream| stream.name == name) {
            issued = change(stream, now)?;
        }
        self.put_streams(row, issued).await
    }

    async fn put_streams(&self, row: TenantRow, issued: Option<Token>) -> Result<StreamsView, AdminError> {
        let actual = row.binding.revision;
        let row = TenantRow { binding: Binding { revision: actual + 1, ..row.binding }, ..row };
        self.replace_row(&row, actual).await?;
        self.tenants.change(|view| view.put_row(row.clone()));
        let (streams, keys) = (row.delivery.events.streams.len(), row.delivery.events.keys.len());
        self.receivers_changed(&row.id);
        tracing::info!(tenant.id = %row.id, streams, keys, "the streams of a tenant changed");
        self.streams_view(&row, issued).await
    }

    /// What is said of the resources that a stream tells of, by the kinds that the tenant has.
    fn scope_of(
        &self,
        row: &TenantRow,
        said: BTreeMap<String, String>,
    ) -> Result<BTreeMap<ResourceType, String>, AdminError> {
        if said.is_empty() {
            return Ok(BTreeMap::new());
        }
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        let bound = bound.ok_or_else(|| {
            AdminError::InUse(
                "the tenant's plugin is not loaded, so nobody can say which attributes there are".to_owned(),
            )
        })?;
        let kind = |(name, filter): (String, String)| {
            let kinds = || bound.served.types.iter().map(|def| def.name.as_str()).collect::<Vec<_>>().join(", ");
            let def = bound.served.get(&name).ok_or_else(|| {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                AdminError::Invalid(format!("there is no kind {shown}; there are: {}", kinds()))
            })?;
            select(def, &filter).map_err(|why| AdminError::Invalid(format!("the filter of {name}: {why}")))?;
            Ok((ResourceType::new(&def.name), filter))
        };
        said.into_iter().map(kind).collect()
    }

    fn stream_key(&self, tenant: &TenantId, now: Timestamp) -> Result<SealedKey, AdminError> {
        SigningKey::make(&self.parts.secrets_key, tenant, now).map_err(AdminError::Entropy)
    }

    fn poll_token(&self, now: Timestamp) -> Result<(PollToken, Token), AdminError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| AdminError::Entropy(error.to_string()))?;
        let token = Token::from_entropy(&secret);
        Ok((PollToken { hash: self.parts.token_key.hash(&token), at: now, until: None }, token))
    }
}

fn named_stream<'r>(row: &'r TenantRow, name: &str) -> Result<&'r StreamRow, AdminError> {
    let found = ReceiverName::parse(name).ok().and_then(|name| stream(row, &name));
    let shown: String = name.chars().filter(|c| !c.is_control()).take(ReceiverName::MAX_BYTES).collect();
    found.ok_or_else(|| AdminError::NotFound(format!("stream {shown} of tenant {}", row.id)))
}

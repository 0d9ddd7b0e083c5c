//! A receiver of security event tokens: it is sent them (`push.rs`, RFC 8935), or comes for them (`poll.rs`, RFC 8936), believes those that are
//! signed by the one it knows (`verify.rs`), and knows each of them once.

mod poll;
mod push;
mod verify;

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::{Mutex, PoisonError};

pub use poll::Poller;
pub use push::Pushed;
use serde_json::Value;
pub use verify::{Refused, claims};

/// How many tokens are remembered, so that one that comes again is not taken for another.
const MAX_REMEMBERED: usize = 10_000;

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub enum Came {
    /// What a token says that is believed, for the first time.
    Event(Value),
    /// The name of one that was here before: an answer of ours was lost.
    Again(String),
    /// Something that is not believed.
    Refused(Refused),
}

/// Whose tokens are taken.
#[derive(Debug)]
pub struct Trust {
    issuer: String,
    audience: String,
    http: reqwest::Client,
    keys: tokio::sync::Mutex<Option<Value>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    names: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Whether it is here for the first time.
    fn take(&mut self, name: &str) -> bool {
        if !self.names.insert(name.to_owned()) {
            return false;
        }
        self.order.push_back(name.to_owned());
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        true
    }
}

impl Trust {
    /// In what `issuer` (`https://scim.vendor.example/t/acme`) says to `audience`.
    pub fn new(issuer: &str, audience: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            http: reqwest::Client::new(),
            keys: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// What a token is. An error is that the keys cannot be read: then nothing can be said of it now.
    async fn take(&self, token: &str) -> io::Result<Came> {
        let known = self.keys.lock().await.clone();
        let mut said = known.map(|keys| claims(token, &keys, &self.issuer, &self.audience));
        // The issuer signs with another key whenever it likes. Only whoever is let in gets as far as here.
        if matches!(said, None | Some(Err(Refused::UnknownKey))) {
            let keys = self.read_keys().await?;
            said = Some(claims(token, &keys, &self.issuer, &self.audience));
            *self.keys.lock().await = Some(keys);
        }
        Ok(match said {
            Some(Ok(claims)) => {
                let name = claims["jti"].as_str().unwrap_or_default().to_owned();
                let is_new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take(&name);
                if is_new { Came::Event(claims) } else { Came::Again(name) }
            }
            Some(Err(refused)) => Came::Refused(refused),
            None => Came::Refused(Refused::UnknownKey),
        })
    }

    async fn read_keys(&self) -> io::Result<Value> {
        let asked = self.http.get(format!("{}/.well-known/jwks.json", self.issuer)).send().await;
        let answer = asked.and_then(reqwest::Response::error_for_status).map_err(io::Error::other)?;
        answer.json().await.map_err(io::Error::other)
    }
}

/// What a token says, in one line: when, of whom, what, by which request.
pub fn line(claims: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let subject = &claims["sub_id"];
    let of = ["uri", "sub", "id"].iter().map(|name| &subject[name]).find(|value| value.is_string());
    let events: Vec<&str> = claims["events"].as_object().into_iter().flatten().map(|(uri, _)| short(uri)).collect();
    let txn = claims.get("txn").map(|txn| format!("  {}", text(txn))).unwrap_or_default();
    let shown = format!("{}  {}  {}{txn}", text(&claims["toe"]), of.map(text).unwrap_or_default(), events.join(", "));
    // It is signed, which says nothing of what a terminal would do with it.
    shown.chars().filter(|c| !c.is_control()).collect()
}

/// An event without what all of its kind begin with.
fn short(uri: &str) -> &str {
    let beginnings = ["urn:ietf:params:scim:event:", "https://schemas.openid.net/secevent/"];
    beginnings.iter().find_map(|beginning| uri.strip_prefix(beginning)).unwrap_or(uri)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_known_again_until_so_many_others_have_come() {
        let mut seen = Seen::default();
        assert!(seen.take("first") && !seen.take("first"));
        for number in 0..MAX_REMEMBERED {
            assert!(seen.take(&number.to_string()));
        }
        assert!(seen.take("first"), "that was long ago");
        assert_eq!((seen.names.len(), seen.order.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
    }

    #[test]
    fn an_event_is_one_line() {
        let claims = json!({
            "toe": 7, "txn": "req-1", "sub_id": { "format": "scim", "uri": "/Users/1", "id": "1" },
            "events": { "urn:ietf:params:scim:event:feed:add": {} },
        });
        assert_eq!(line(&claims), "7  /Users/1  feed:add  req-1");
        let other = json!({
            "toe": 7, "sub_id": { "format": "iss_sub", "sub": "a\n\u{1b}b" },
            "events": { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} },
        });
        assert_eq!(line(&other), "7  ab  caep/event-type/session-revoked");
    }
}

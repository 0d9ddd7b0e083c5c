use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Receiver, ReceiverKind, ReceiverName, ResourceType, SealedKey, Timestamp, TokenHash};

/// How many streams a tenant can have.
pub const MAX_STREAMS_A_TENANT: usize = 16;

/// How many keys a tenant's streams can have at a time: the one that signs, and those that are published until they are forgotten.
pub const MAX_STREAM_KEYS: usize = 4;

/// How many tokens open one stream at a time: the latest, and those that it takes the place of.
pub const MAX_POLL_TOKENS: usize = 4;

/// A tenant's security event tokens (RFC 8417, RFC 9967), as the store keeps what is said of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSettings {
    /// Where they go, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamRow>,
    /// What they are signed with: the latest first. The others are published until they are forgotten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<SealedKey>,
}

/// One stream of security event tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamRow {
    /// Its name.
    pub name: ReceiverName,
    /// How tokens get there.
    pub method: Method,
    /// Who is to take them: `aud`.
    pub audience: Vec<String>,
    /// The URIs of the events that are told; empty: all that are told without being asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Of which resources it tells: those of a kind that this filter selects (RFC 7644 §3.4.2.2). Of a kind that is not named, all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scope: BTreeMap<ResourceType, String>,
    /// Whether the brake holds what tells of an access that ended.
    pub is_braked: bool,
    /// Whether anything goes there.
    pub is_on: bool,
    /// Why it is not, if it was not somebody's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_because: Option<String>,
    /// The log's last entry when it was added: what comes after it goes there.
    pub since: u64,
    /// When it was added.
    pub created: Timestamp,
}

/// How tokens get to those who take them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// They are sent to a place (RFC 8935).
    Push {
        /// Where: https.
        url: String,
        /// The name of the tenant's secret whose value is the `Authorization` header; `None`: none is sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorization: Option<String>,
    },
    /// They are come for (RFC 8936).
    Poll {
        /// What opens the stream, and nothing else: the latest first.
        tokens: Vec<PollToken>,
    },
}

impl Method {
    /// The kind of receiver that it makes of a stream.
    pub fn kind(&self) -> ReceiverKind {
        match self {
            Self::Push { .. } => ReceiverKind::Push,
            Self::Poll { .. } => ReceiverKind::Poll,
        }
    }
}

/// A token that opens one stream: it is none of the tenant's own, so it opens nothing else, and none of those opens a stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PollToken {
    /// How it is recognised.
    pub hash: TokenHash,
    /// When it was issued.
    pub at: Timestamp,
    /// Until when it opens the stream beside the one that has taken its place; `None`: none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl PartialEq for PollToken {
    fn eq(&self, other: &Self) -> bool {
        self.hash.matches(&other.hash) && (self.at, self.until) == (other.at, other.until)
    }
}

impl StreamRow {
    /// What it is among those who are told of changes.
    pub fn receiver(&self) -> Receiver {
        Receiver { kind: self.method.kind(), name: self.name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Token, TokenKey};

    #[test]
    fn a_stream_is_read_back_from_json_with_its_tokens_and_names_its_queue() {
        let hash = |text: &str| TokenKey::new([7; 32]).hash(&Token::presented(text));
        let at = Timestamp::from_millis(1);
        let tokens = vec![
            PollToken { hash: hash("new"), at, until: None },
            PollToken { hash: hash("old"), at, until: Some(Timestamp::from_millis(2)) },
        ];
        let row = StreamRow {
            name: ReceiverName::parse("audit").unwrap(),
            method: Method::Poll { tokens },
            audience: vec!["https://siem.example".to_owned()],
            events: Vec::new(),
            scope: BTreeMap::from([(ResourceType::USER, "active eq true".to_owned())]),
            is_braked: true,
            is_on: true,
            off_because: None,
            since: 7,
            created: at,
        };
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<StreamRow>(&text).unwrap(), row);
        assert_eq!(row.receiver().queue().as_str(), "poll:audit");
        let mut older = serde_json::to_value(&row).unwrap();
        older.as_object_mut().unwrap().remove("scope");
        let older: StreamRow = serde_json::from_value(older).unwrap();
        assert!(older.scope.is_empty(), "one from before there were scopes tells of everything");
        let push: Method = serde_json::from_value(json!({ "push": { "url": "https://siem.example/sets" } })).unwrap();
        assert_eq!(push, Method::Push { url: "https://siem.example/sets".to_owned(), authorization: None });
        assert_eq!(push.kind(), ReceiverKind::Push);
    }
}

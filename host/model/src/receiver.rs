use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Brake, DeprovisionSettings, Queue, StreamSettings, WebhookRow};

/// What follows a tenant's changes, beside what its plugin plans.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliverySettings {
    /// Where signed webhooks go, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookRow>,
    /// Where security event tokens go, and what they are signed with.
    pub events: StreamSettings,
    /// What holds destructive tasks.
    pub brake: Brake,
    /// By when access must have ended.
    pub deprovision: DeprovisionSettings,
}

/// A receiver that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Following {
    /// Which one.
    pub receiver: Receiver,
    /// The log's last entry when it was added: it is told of what comes after it.
    pub since: u64,
}

impl DeliverySettings {
    /// Everybody who is told of changes, on or off.
    pub fn receivers(&self) -> impl Iterator<Item = Receiver> {
        self.rows().map(|(following, _)| following.receiver)
    }

    /// Those of them that are on.
    pub fn following(&self) -> impl Iterator<Item = Following> {
        self.rows().filter(|(_, is_on)| *is_on).map(|(following, _)| following)
    }

    /// Those of them that are to be told: who is off because of what it has answered is told when it is on again; who was turned off by
    /// somebody is not counted on.
    pub fn expected(&self) -> impl Iterator<Item = Following> {
        let all = self.rows().map(|(following, is_on)| {
            let is_expected = is_on || self.is_off_by_itself(&following.receiver);
            (following, is_expected)
        });
        all.filter(|(_, is_expected)| *is_expected).map(|(following, _)| following)
    }

    /// Those that somebody has turned off.
    pub fn silenced(&self) -> impl Iterator<Item = Following> {
        let off = self.rows().filter(|(_, is_on)| !*is_on).map(|(following, _)| following);
        off.filter(|following| !self.is_off_by_itself(&following.receiver))
    }

    fn is_off_by_itself(&self, receiver: &Receiver) -> bool {
        let webhooks = self.webhooks.iter().filter(|row| receiver.is_webhook(&row.name));
        let streams = self.events.streams.iter().filter(|row| row.receiver() == *receiver);
        let reasons = webhooks.map(|row| &row.off_because).chain(streams.map(|row| &row.off_because));
        reasons.flatten().next().is_some()
    }

    fn rows(&self) -> impl Iterator<Item = (Following, bool)> {
        let webhooks = self.webhooks.iter().map(|row| {
            let receiver = Receiver { kind: ReceiverKind::Webhook, name: row.name.clone() };
            (Following { receiver, since: row.since }, row.is_on)
        });
        let streams = self.events.streams.iter();
        webhooks.chain(streams.map(|row| (Following { receiver: row.receiver(), since: row.since }, row.is_on)))
    }
}

/// The name of a webhook or stream, within its tenant: 1 to 40 lower-case letters, digits and `-`, beginning and ending with a letter or
/// digit, because it stands in the names of queues.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ReceiverName(Arc<str>);

/// Why a text names no receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 40 lower-case letters, digits and '-', and begins and ends with a letter or digit")]
pub struct InvalidReceiverName;

impl ReceiverName {
    /// How long a name can be, in bytes.
    pub const MAX_BYTES: usize = 40;

    /// Checks the name.
    pub fn parse(text: &str) -> Result<Self, InvalidReceiverName> {
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let fits = (1..=Self::MAX_BYTES).contains(&bytes.len())
            && bytes.iter().all(|byte| plain(byte) || *byte == b'-')
            && bytes.first().is_some_and(plain)
            && bytes.last().is_some_and(plain);
        if fits { Ok(Self(text.into())) } else { Err(InvalidReceiverName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReceiverName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ReceiverName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Of which kind a receiver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiverKind {
    /// Signed webhooks are sent to it (Standard Webhooks).
    Webhook,
    /// Security event tokens are sent to it (RFC 8935).
    Push,
    /// It comes for its security event tokens (RFC 8936).
    Poll,
}

impl ReceiverKind {
    /// Its name, as it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Push => "push",
            Self::Poll => "poll",
        }
    }
}

/// A queue that is fed from the log: `webhook:crm`, `push:siem`, `poll:audit`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Receiver {
    /// Of which kind.
    pub kind: ReceiverKind,
    /// Which one.
    pub name: ReceiverName,
}

impl Receiver {
    fn is_webhook(&self, name: &ReceiverName) -> bool {
        self.kind == ReceiverKind::Webhook && self.name == *name
    }

    /// Its queue.
    pub fn queue(&self) -> Queue {
        Queue::of(self)
    }

    /// Whose queue it is; `None`: it is fed from nothing.
    pub fn of(queue: &Queue) -> Option<Self> {
        let (kind, name) = queue.as_str().split_once(':')?;
        let kind = match kind {
            "webhook" => ReceiverKind::Webhook,
            "push" => ReceiverKind::Push,
            "poll" => ReceiverKind::Poll,
            _ => return None,
        };
        Some(Self { kind, name: ReceiverName::parse(name).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_and_its_queue_name_each_other() {
        for (kind, named) in
            [(ReceiverKind::Webhook, "webhook:crm"), (ReceiverKind::Push, "push:crm"), (ReceiverKind::Poll, "poll:crm")]
        {
            let receiver = Receiver { kind, name: ReceiverName::parse("crm").unwrap() };
            assert_eq!(receiver.queue().as_str(), named);
            assert_eq!(Receiver::of(&receiver.queue()), Some(receiver));
        }
        for other in ["plugin", "async", "webhook:", "webhook:-a", "mail:crm"] {
            assert_eq!(Queue::parse(other).ok().and_then(|queue| Receiver::of(&queue)), None, "{other}");
        }
    }

    #[test]
    fn a_queue_that_nothing_can_be_in_is_told_from_one_that_is_empty() {
        for existing in ["plugin", "async", "webhook:crm", "push:siem", "poll:audit"] {
            assert_eq!(Queue::parse(existing).unwrap().existing().unwrap().as_str(), existing);
        }
        for none in ["nonsense", "stream:psh", "webhook:", "webhook:-a", "push", ":"] {
            assert!(Queue::parse(none).unwrap().existing().is_err(), "{none}");
        }
    }

    #[test]
    fn the_longest_name_fits_into_that_of_a_queue() {
        let name = ReceiverName::parse(&"a".repeat(ReceiverName::MAX_BYTES)).unwrap();
        let queue = Receiver { kind: ReceiverKind::Webhook, name }.queue();
        assert!(Queue::parse(queue.as_str()).is_ok());
        assert_eq!(ReceiverName::parse(&"a".repeat(ReceiverName::MAX_BYTES + 1)), Err(InvalidReceiverName));
    }
}

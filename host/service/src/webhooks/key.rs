use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use muster_model::{SealedKey, TenantId, Timestamp, WebhookRow};
use sha2::Sha256;

use crate::SecretsKey;

/// What a key begins with where it is shown.
const PREFIX: &str = "whsec_";

/// How long a key that is made here is, in bytes.
const KEY_BYTES: usize = 32;

/// How long one can be that is given, in bytes: as Standard Webhooks has it.
const GIVEN_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What webhooks are signed with. Whoever has it can make some that are believed.
#[derive(Clone)]
pub(crate) struct WebhookKey(Vec<u8>);

impl WebhookKey {
    /// Of 256 random bits. `Err`: the system has no random numbers.
    pub(crate) fn random() -> Result<Self, String> {
        let mut bytes = vec![0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        Ok(Self(bytes))
    }

    /// One that somebody has already, with `whsec_` or without. `Err`: what is wrong, without anything of it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text));
        let bytes = bytes.map_err(|_| format!("a webhook's key is {PREFIX} and base64, and this is not"))?;
        if !GIVEN_BYTES.contains(&bytes.len()) {
            let (least, most, has) = (GIVEN_BYTES.start(), GIVEN_BYTES.end(), bytes.len());
            return Err(format!("a webhook's key has {least} to {most} bytes behind {PREFIX}, and this one has {has}"));
        }
        Ok(Self(bytes))
    }

    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is shown, once, to whoever verifies.
    pub(crate) fn shown(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// `v1,` and the signature over what is sent: its id, the second of the attempt, its body.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey(hidden)")
    }
}

/// Where the key of a webhook is sealed for. None of the names has a space in it.
pub(crate) fn place(tenant: &TenantId, webhook: &str, id: &str) -> String {
    format!("muster webhook key 1 {tenant} {webhook} {id}")
}

/// Whether it signs at this time.
pub(crate) fn is_live(key: &SealedKey, now: Timestamp) -> bool {
    key.until.is_none_or(|until| now < until)
}

/// The key, if it was sealed for this webhook with the key of this deployment.
pub(crate) fn open(secrets: &SecretsKey, tenant: &TenantId, webhook: &str, key: &SealedKey) -> Option<WebhookKey> {
    secrets.open_at(&place(tenant, webhook, &key.id), &key.sealed).map(WebhookKey::from_bytes)
}

/// All keys that sign at a time: more than one while receivers learn a new one.
#[derive(Debug)]
pub(crate) struct Signer(Vec<WebhookKey>);

impl Signer {
    /// `None`: none of them can be opened, or none is live.
    pub(crate) fn of(secrets: &SecretsKey, tenant: &TenantId, row: &WebhookRow, now: Timestamp) -> Option<Self> {
        let live = row.keys.iter().filter(|key| is_live(key, now));
        let keys: Vec<_> = live.filter_map(|key| open(secrets, tenant, row.name.as_str(), key)).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The header `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures: Vec<_> = self.0.iter().map(|key| key.sign(id, timestamp, body)).collect();
        signatures.join(" ")
    }

    /// What is not to be told of what a receiver says, who may repeat its keys.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.0.iter().map(|key| STANDARD.encode(&key.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Payload, ReceiverName};
    use muster_plugin::HIDDEN;

    use super::*;
    use crate::webhooks::{line, line_without};

    /// The example of the Standard Webhooks' specification and of its libraries.
    #[test]
    fn a_signature_is_that_of_the_standards_own_example() {
        let key = WebhookKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_is_read_back_as_it_was_shown_and_nothing_of_a_wrong_one_is_told() {
        let key = WebhookKey::random().unwrap();
        let shown = key.shown();
        assert!(shown.starts_with("whsec_") && shown.len() == 50, "{shown}");
        assert_eq!(WebhookKey::parse(&format!(" {shown}\n")).unwrap().as_bytes(), key.as_bytes());
        assert_ne!(WebhookKey::random().unwrap().as_bytes(), key.as_bytes());
        for (given, told) in [
            ("hunter22!", "a webhook's key is whsec_ and base64, and this is not"),
            ("", "a webhook's key has 24 to 64 bytes behind whsec_, and this one has 0"),
            ("whsec_aHVudGVyMjI=", "a webhook's key has 24 to 64 bytes behind whsec_, and this one has 8"),
        ] {
            assert_eq!(WebhookKey::parse(given).unwrap_err(), told);
        }
        for (bytes, is_good) in [(23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(WebhookKey::parse(&STANDARD.encode(vec![7; bytes])).is_ok(), is_good, "{bytes}");
        }
    }

    #[test]
    fn what_is_live_signs_and_what_was_sealed_elsewhere_does_not() {
        let secrets = SecretsKey::new([7; 32]);
        let tenant = TenantId::parse("acme").unwrap();
        let sealed = |webhook: &str, id: &str, until: Option<i64>| SealedKey {
            id: id.to_owned(),
            sealed: secrets.seal_at(&place(&tenant, webhook, id), &[1; 32]).unwrap(),
            at: Timestamp::from_millis(0),
            until: until.map(Timestamp::from_millis),
        };
        let mut moved = sealed("crm", "c", None);
        moved.id = "d".to_owned();
        let row = WebhookRow {
            name: ReceiverName::parse("crm").unwrap(),
            url: "https://crm.example/hooks".to_owned(),
            events: Vec::new(),
            payload: Payload::Thin,
            batch: 1,
            is_braked: true,
            is_on: true,
            off_because: None,
            since: 0,
            created: Timestamp::from_millis(0),
            keys: vec![sealed("crm", "a", None), sealed("crm", "b", Some(10)), sealed("other", "e", None), moved],
        };
        let count = |secrets: &SecretsKey, now: i64| {
            let signer = Signer::of(secrets, &tenant, &row, Timestamp::from_millis(now));
            signer.map(|signer| signer.sign("id", 1, b"{}").split(' ').count())
        };
        assert_eq!(count(&secrets, 9), Some(2));
        assert_eq!(count(&secrets, 10), Some(1), "its time is over");
        assert_eq!(count(&SecretsKey::new([8; 32]), 9), None);
    }

    #[test]
    fn what_a_receiver_repeats_of_a_key_is_not_told() {
        let (key, other) = (WebhookKey::random().unwrap(), WebhookKey::random().unwrap());
        let secrets = Signer(vec![key.clone(), other.clone()]).secrets();
        for before in [0, 150, 170, 190, 195] {
            let text = format!("{} {} or {}", "-".repeat(before), key.shown(), other.shown());
            let without = format!("{} whsec_{HIDDEN} or whsec_{HIDDEN}", "-".repeat(before));
            assert_eq!(line_without(&text, &secrets), line(&without), "{before}");
        }
    }
}

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_model::{SealedKey, TenantId, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::secrets::SecretsKey;

/// What is sealed, so that no other use of the key opens it.
const LABEL: &str = "muster stream key 1";

/// A point of the curve as it is written out: a mark, x, y.
const POINT_BYTES: usize = 65;
const COORDINATE_BYTES: usize = 32;

/// The key that a tenant's tokens are signed with: ES256, which every receiver verifies (RFC 7518 §3.4).
pub(crate) struct SigningKey {
    id: String,
    pair: EcdsaKeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new one, sealed for this tenant. `Err`: the system has no random numbers.
    pub(crate) fn make(key: &SecretsKey, tenant: &TenantId, now: Timestamp) -> Result<SealedKey, String> {
        let random = SystemRandom::new();
        let unspecified = |_| "no key could be made".to_owned();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(unspecified)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .map_err(|error| error.to_string())?;
        let point = pair.public_key().as_ref();
        let id = thumbprint(point).ok_or_else(|| "a key has no point of its curve".to_owned())?;
        // The point stands in front, so that who only publishes it need not compute it.
        let sealed = key.seal_at(&place(tenant, &id), &[point, document.as_ref()].concat())?;
        Ok(SealedKey { id, sealed, at: now, until: None })
    }

    /// What was sealed for this tenant; `None`: with another key, or for another tenant.
    pub(crate) fn open(key: &SecretsKey, tenant: &TenantId, sealed: &SealedKey) -> Option<Self> {
        let opened = key.open_at(&place(tenant, &sealed.id), &sealed.sealed)?;
        let document = opened.get(POINT_BYTES..)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document, &SystemRandom::new()).ok()?;
        Some(Self { id: sealed.id.clone(), pair })
    }

    /// The claims as a signed token (RFC 7515 §3.1). `None`: the system has no random numbers.
    pub(crate) fn sign(&self, claims: &Value) -> Option<String> {
        let head = json!({ "typ": "secevent+jwt", "alg": "ES256", "kid": self.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Whether who verifies is still told this key.
pub(crate) fn is_published(key: &SealedKey, now: Timestamp) -> bool {
    key.until.is_none_or(|until| now < until)
}

/// The public half, for those who verify (RFC 7517 §4); `None` if it cannot be opened here.
pub(crate) fn jwk(key: &SecretsKey, tenant: &TenantId, sealed: &SealedKey) -> Option<Value> {
    let opened = key.open_at(&place(tenant, &sealed.id), &sealed.sealed)?;
    let (x, y) = coordinates(opened.get(..POINT_BYTES)?)?;
    Some(json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": sealed.id }))
}

/// The name of a key is made of the key (RFC 7638).
fn thumbprint(point: &[u8]) -> Option<String> {
    let (x, y) = coordinates(point)?;
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)))
}

fn coordinates(point: &[u8]) -> Option<(String, String)> {
    let (mark, rest) = point.split_first()?;
    if *mark != 4 || rest.len() != 2 * COORDINATE_BYTES {
        return None;
    }
    let (x, y) = rest.split_at(COORDINATE_BYTES);
    Some((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
}

/// Neither a tenant's name nor a key's has a space in it.
fn place(tenant: &TenantId, id: &str) -> String {
    format!("{LABEL} {tenant} {id}")
}

#[cfg(test)]
mod tests {
    use muster_model::MAX_SEALED_BYTES;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    #[test]
    fn a_key_opens_for_its_tenant_with_its_key_and_nowhere_else() {
        let (key, acme) = (SecretsKey::new([7; 32]), tenant("acme"));
        let sealed = SigningKey::make(&key, &acme, NOW).unwrap();
        assert!(sealed.sealed.len() <= MAX_SEALED_BYTES);
        assert!(SigningKey::open(&key, &acme, &sealed).is_some());
        assert!(SigningKey::open(&key, &tenant("globex"), &sealed).is_none());
        assert!(SigningKey::open(&SecretsKey::new([8; 32]), &acme, &sealed).is_none());
        let renamed = SealedKey { id: "other".to_owned(), ..sealed.clone() };
        assert!(SigningKey::open(&key, &acme, &renamed).is_none() && jwk(&key, &acme, &renamed).is_none());
    }

    #[test]
    fn what_is_published_verifies_what_is_signed() {
        let (key, acme) = (SecretsKey::new([7; 32]), tenant("acme"));
        let sealed = SigningKey::make(&key, &acme, NOW).unwrap();
        let token = SigningKey::open(&key, &acme, &sealed).unwrap().sign(&json!({ "jti": "1" })).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let jwk = jwk(&key, &acme, &sealed).unwrap();
        let bytes = |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
        let point = [vec![4], bytes(&jwk["x"]), bytes(&jwk["y"])].concat();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        public.verify(signed.as_bytes(), &signature).unwrap();
        assert!(public.verify(b"another", &signature).is_err());
        assert_eq!(jwk["kid"], json!(sealed.id));
        assert_eq!(jwk.as_object().unwrap().len(), 7, "nothing of the private half");
    }

    #[test]
    fn a_key_is_published_until_its_time_is_over() {
        let key = |until| SealedKey { id: "k".to_owned(), sealed: Vec::new(), at: NOW, until };
        assert!(is_published(&key(None), NOW));
        assert!(is_published(&key(Some(Timestamp::from_millis(1_001))), NOW));
        assert!(!is_published(&key(Some(NOW)), NOW));
    }

    /// The example of RFC 7638 is of RSA; this one is of a point that anybody can compute: the curve's own generator.
    #[test]
    fn the_name_of_a_key_follows_from_its_point() {
        let generator = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        let point = hex::decode(generator).unwrap();
        let (x, y) = coordinates(&point).unwrap();
        assert_eq!(x, "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY");
        assert_eq!(y, "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU");
        assert_eq!(thumbprint(&point).unwrap().len(), 43);
        assert_eq!(thumbprint(&point[1..]), None);
    }
}

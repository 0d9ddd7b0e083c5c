//! Secrets of tenants: sealed before the store has them, and opened for nothing but the request that they leave with.
//!
//! The key stands apart from the store, so a copy of the store alone gives nothing away. What is sealed opens for its own tenant and under its
//! own name, and nowhere else: a row that is put in another place is not read there.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use muster_model::{SecretName, SecretRow, TenantId, TenantRow};
use muster_plugin::{Granted, Secret, Secrets};

/// How long a secret can be, in bytes.
pub const MAX_SECRET_BYTES: usize = 8 << 10;

/// What is sealed, so that no other use of the key opens it.
const LABEL: &str = "muster secret 1";

const NONCE_BYTES: usize = 24;

/// The key that secrets are sealed with.
#[derive(Clone)]
pub struct SecretsKey([u8; 32]);

impl SecretsKey {
    /// Of 256 random bits.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Seals a value for this tenant under this name. `Err`: the system has no random numbers.
    pub(crate) fn seal(&self, tenant: &TenantId, name: &SecretName, value: &str) -> Result<Vec<u8>, String> {
        self.seal_at(&place(tenant, name), value.as_bytes())
    }

    /// What was sealed for this tenant; `None`: with another key, or for another place.
    pub(crate) fn open(&self, tenant: &TenantId, row: &SecretRow) -> Option<Secret> {
        let value = self.open_at(&place(tenant, &row.name), &row.sealed)?;
        String::from_utf8(value).ok().map(Secret::new)
    }

    /// Seals anything for one place. A place begins with a label that no other kind of place begins with, and its parts cannot be taken for
    /// those of another one. `Err`: the system has no random numbers.
    pub(crate) fn seal_at(&self, place: &str, msg: &[u8]) -> Result<Vec<u8>, String> {
        let mut sealed = vec![0; NONCE_BYTES];
        getrandom::fill(&mut sealed).map_err(|error| error.to_string())?;
        let nonce = XNonce::try_from(sealed.as_slice()).map_err(|error| error.to_string())?;
        let body = self.cipher().encrypt(&nonce, Payload { msg, aad: place.as_bytes() });
        sealed.extend(body.map_err(|error| error.to_string())?);
        Ok(sealed)
    }

    /// What was sealed for this place; `None`: with another key, or for another place.
    pub(crate) fn open_at(&self, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, msg) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        self.cipher().decrypt(&nonce, Payload { msg, aad: place.as_bytes() }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

impl fmt::Debug for SecretsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsKey(hidden)")
    }
}

/// Neither a tenant's name nor a secret's has a space in it.
fn place(tenant: &TenantId, name: &SecretName) -> String {
    format!("{LABEL} {tenant} {}", name.as_str())
}

/// The secrets of a tenant that may go with the requests of a plugin, and a sentence for each that should and cannot be opened.
pub(crate) fn opened(row: &TenantRow, granted: &Granted, key: &SecretsKey) -> (Secrets, Vec<String>) {
    let (mut secrets, mut notes) = (Secrets::new(), Vec::new());
    for secret in row.secrets.iter().filter(|secret| granted.may_send(secret.name.as_str())) {
        match key.open(&row.id, secret) {
            Some(value) => {
                secrets.insert(secret.name.clone(), value);
            }
            None => notes.push(format!(
                "the secret {} was sealed with another key than keys/secrets.key, so it has to be set anew",
                secret.name.as_str()
            )),
        }
    }
    (secrets, notes)
}

#[cfg(test)]
mod tests {
    use muster_model::{Actor, Timestamp};

    use super::*;

    fn sealed(key: &SecretsKey, tenant: &str, name: &str, value: &str) -> SecretRow {
        let (tenant, name) = (TenantId::parse(tenant).unwrap(), SecretName::parse(name).unwrap());
        let sealed = key.seal(&tenant, &name, value).unwrap();
        SecretRow { name, sealed, at: Timestamp::from_millis(0), by: Actor::Operator }
    }

    #[test]
    fn a_secret_opens_for_its_tenant_under_its_name_with_its_key_and_nowhere_else() {
        let key = SecretsKey::new([7; 32]);
        let (acme, globex) = (TenantId::parse("acme").unwrap(), TenantId::parse("globex").unwrap());
        let row = sealed(&key, "acme", "api-key", "hunter22");
        let open = |key: &SecretsKey, tenant, row: &SecretRow| key.open(tenant, row).map(|it| it.expose().to_owned());
        assert_eq!(open(&key, &acme, &row).as_deref(), Some("hunter22"));
        assert_eq!(open(&key, &globex, &row), None);
        assert_eq!(open(&SecretsKey::new([8; 32]), &acme, &row), None);
        let renamed = SecretRow { name: SecretName::parse("other").unwrap(), ..row.clone() };
        assert_eq!(open(&key, &acme, &renamed), None);
        let mut changed = row.clone();
        *changed.sealed.last_mut().unwrap() ^= 1;
        assert_eq!(open(&key, &acme, &changed), None);
        assert_eq!(open(&key, &acme, &SecretRow { sealed: vec![0; 3], ..row.clone() }), None);
        let again = sealed(&key, "acme", "api-key", "hunter22");
        assert_ne!(again.sealed, row.sealed, "the same value does not look the same");
    }

    #[test]
    fn the_longest_secret_fits_into_its_row() {
        let row = sealed(&SecretsKey::new([7; 32]), "acme", "api-key", &"x".repeat(MAX_SECRET_BYTES));
        assert!(row.sealed.len() <= muster_model::MAX_SEALED_BYTES);
    }
}

//! Whose plugins are taken, and whose names are whose: what operators see and change of it.

use muster_model::{MAX_OWNED_NAMES, MAX_TRUSTED_KEYS, OwnedName, PublicKey, Trust, TrustedKey};
use muster_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::signing::{can_sign, short};
use crate::{AdminError, Service};

/// How long the name of a key can be, in bytes.
pub const MAX_KEY_NAME_BYTES: usize = 64;

/// How long the name of a plugin can be, in bytes.
const MAX_PLUGIN_NAME_BYTES: usize = 64;

/// A key to be trusted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is to be called.
    pub name: String,
    /// The key, as `muster plugin keygen` prints it.
    pub key: String,
}

/// To whom the name of plugins is handed over.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOwner {
    /// A key, or what a trusted key is called.
    pub key: String,
}

/// A trusted key as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct KeyView {
    /// What it is called.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Since when.
    pub added: String,
    /// The names of plugins that belong to it.
    pub owns: Vec<String>,
}

/// Whose a name is.
#[derive(Debug, Clone, Serialize)]
pub struct OwnerView {
    /// The name.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// What the key is called, if it is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// Since when.
    pub since: String,
}

impl Service {
    /// The trusted keys, by name.
    pub async fn trusted_keys(&self) -> Result<Vec<KeyView>, AdminError> {
        let trust = self.parts.store.trust().await?;
        Ok(trust.keys.iter().map(|key| key_view(key, &trust)).collect())
    }

    /// Trusts one more key. The same key under the same name again changes nothing.
    pub async fn trust_key(&self, new: NewKey) -> Result<KeyView, AdminError> {
        check_key_name(&new.name)?;
        let key = read_key(&new.key)?;
        let _one_at_a_time = self.administration.lock().await;
        let mut trust = self.parts.store.trust().await?;
        if let Some(known) = trust.keys.iter().find(|known| known.name == new.name || known.key == key) {
            if known.name == new.name && known.key == key {
                return Ok(key_view(known, &trust));
            }
            return Err(AdminError::InUse(if known.key == key {
                format!("{key} is trusted as {:?} already", known.name)
            } else {
                format!(
                    "the name {:?} is that of {} already; choose another one, or remove that key",
                    known.name, known.key
                )
            }));
        }
        if trust.keys.len() >= MAX_TRUSTED_KEYS {
            return Err(AdminError::InUse(format!("{MAX_TRUSTED_KEYS} keys are trusted; remove one first")));
        }
        let trusted = TrustedKey { name: new.name, key, added: self.parts.clock.now() };
        trust.keys.push(trusted.clone());
        let trust = self.put_trust(trust).await?;
        tracing::info!(key.name = %trusted.name, key = %key, "a key is trusted now");
        Ok(key_view(&trusted, &trust))
    }

    /// Trusts a key no longer: what it has signed is not bound any more where signatures are required; what is bound stays so.
    pub async fn distrust_key(&self, name: &str) -> Result<KeyView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut trust = self.parts.store.trust().await?;
        let position = trust.keys.iter().position(|key| key.name == name || key.key.to_string() == name);
        let position = position.ok_or_else(|| AdminError::NotFound(format!("trusted key {}", short(name))))?;
        let removed = trust.keys.remove(position);
        let view = key_view(&removed, &trust);
        self.put_trust(trust).await?;
        tracing::info!(key.name = %removed.name, key = %removed.key, "a key is not trusted any more");
        self.tell_untrusted().await?;
        Ok(view)
    }

    /// The names of plugins that belong to somebody.
    pub async fn plugin_owners(&self) -> Result<Vec<OwnerView>, AdminError> {
        let trust = self.parts.store.trust().await?;
        Ok(trust.names.iter().map(|owned| owner_view(owned, &trust)).collect())
    }

    /// Gives a name to whoever has a key: from now on its plugins are signed with it.
    pub async fn own_name(&self, name: &str, new: NewOwner) -> Result<OwnerView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut trust = self.parts.store.trust().await?;
        let named = trust.keys.iter().find(|key| key.name == new.key).map(|key| key.key);
        let key = match named {
            Some(key) => key,
            None => read_key(&new.key)?,
        };
        let owned = OwnedName { name: name.to_owned(), key, since: self.parts.clock.now() };
        match trust.names.iter_mut().find(|owned| owned.name == name) {
            Some(there) if there.key == key => {
                let there = there.clone();
                return Ok(owner_view(&there, &trust));
            }
            Some(there) => *there = owned.clone(),
            None => {
                // A name that nobody has pushed may be given as well: then the first push of it is signed already.
                check_name(name)?;
                if trust.names.len() >= MAX_OWNED_NAMES {
                    let why = format!("{MAX_OWNED_NAMES} names of plugins have owners; no more can have one");
                    return Err(AdminError::InUse(why));
                }
                trust.names.push(owned.clone());
            }
        }
        let trust = self.put_trust(trust).await?;
        tracing::info!(plugin.name = %name, key = %key, "a name of plugins was handed over");
        Ok(owner_view(&owned, &trust))
    }

    /// Takes a name from whoever has it: who next signs a plugin of it with a trusted key has it, and until then anybody may call a plugin so.
    pub async fn disown_name(&self, name: &str) -> Result<OwnerView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut trust = self.parts.store.trust().await?;
        let Some(position) = trust.names.iter().position(|owned| owned.name == name) else {
            check_name(name)?;
            return Err(AdminError::NotFound(format!("owner of the name {name}")));
        };
        let removed = trust.names.remove(position);
        let trust = self.put_trust(trust).await?;
        tracing::info!(plugin.name = %name, key = %removed.key, "a name of plugins has no owner any more");
        Ok(owner_view(&removed, &trust))
    }

    /// Keeps it as the next version, in order. The caller holds the administration lock.
    pub(in crate::admin) async fn put_trust(&self, mut trust: Trust) -> Result<Trust, AdminError> {
        let expected = trust.version;
        trust.version += 1;
        trust.keys.sort_by(|one, other| one.name.cmp(&other.name));
        trust.names.sort_by(|one, other| one.name.cmp(&other.name));
        match self.parts.store.put_trust(&trust, expected).await {
            Ok(()) => Ok(trust),
            Err(StoreError::Stale) => {
                Err(AdminError::InUse("the trusted keys were changed meanwhile; try again".to_owned()))
            }
            Err(other) => Err(other.into()),
        }
    }
}

/// What an import says of trust, beside what is here already; refused where the two disagree.
pub(in crate::admin) fn merged(here: &Trust, brought: &Trust) -> Result<Option<Trust>, AdminError> {
    let mut trust = here.clone();
    for key in &brought.keys {
        match trust.keys.iter().find(|known| known.name == key.name || known.key == key.key) {
            None => trust.keys.push(key.clone()),
            Some(known) if known.name == key.name && known.key == key.key => {}
            Some(known) => {
                return Err(AdminError::InUse(format!(
                    "{} is trusted as {:?} here, and the import trusts {} as {:?}; remove the one that is here first",
                    known.key, known.name, key.key, key.name
                )));
            }
        }
    }
    for owned in &brought.names {
        match trust.owner(&owned.name).map(|known| known.key) {
            None => trust.names.push(owned.clone()),
            Some(key) if key == owned.key => {}
            Some(key) => {
                return Err(AdminError::InUse(format!(
                    "the name {} belongs to {key} here, and to {} in the import; hand it over first: muster plugin owner {0} KEY",
                    owned.name, owned.key
                )));
            }
        }
    }
    if trust.keys.len() > MAX_TRUSTED_KEYS || trust.names.len() > MAX_OWNED_NAMES {
        let why = "with those of the import there would be more trusted keys, or more owners of names, than can be";
        return Err(AdminError::InUse(why.to_owned()));
    }
    Ok(Some(trust).filter(|trust| trust != here))
}

fn read_key(text: &str) -> Result<PublicKey, AdminError> {
    let none = || {
        AdminError::Invalid(format!(
            "{:?} is no public key and no trusted key's name; a key is ed25519: and 64 hexadecimal digits",
            short(text)
        ))
    };
    let key = PublicKey::parse(text.trim()).ok_or_else(none)?;
    if !can_sign(&key) {
        return Err(AdminError::Invalid(format!(
            "{key} is no public key that anything could be signed with: it is no point of the curve, or a weak one"
        )));
    }
    Ok(key)
}

fn check_key_name(name: &str) -> Result<(), AdminError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=MAX_KEY_NAME_BYTES).contains(&name.len()) && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(AdminError::Invalid(format!(
        "the name of a key is 1 to {MAX_KEY_NAME_BYTES} letters, digits, '-', '_' and '.'; {:?} is none",
        short(name)
    )))
}

/// What no manifest can say is nobody's.
fn check_name(name: &str) -> Result<(), AdminError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=MAX_PLUGIN_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(AdminError::Invalid(format!("{:?} is no name of a plugin", short(name))))
}

fn key_view(key: &TrustedKey, trust: &Trust) -> KeyView {
    let owns = trust.names.iter().filter(|owned| owned.key == key.key).map(|owned| owned.name.clone());
    KeyView { name: key.name.clone(), key: key.key, added: key.added.to_string(), owns: owns.collect() }
}

fn owner_view(owned: &OwnedName, trust: &Trust) -> OwnerView {
    let key_name = trust.trusted(&owned.key).map(|key| key.name.clone());
    OwnerView { name: owned.name.clone(), key: owned.key, key_name, since: owned.since.to_string() }
}

use std::sync::Arc;

use muster_model::{
    MAX_OWNED_NAMES, OwnedName, PluginDigest, PluginOrigin, PluginRow, PluginSignature, PublicKey, Trust,
};
use serde::{Deserialize, Serialize};

use super::policy::{called, judge_bound, objection, standing};
use super::view::{PluginView, PushedView, Standing};
use crate::signing::{SignatureFile, short};
use crate::{AdminError, Service, cases};

/// How long it can be who says to push, in bytes.
pub const MAX_CLAIM_BYTES: usize = 128;

/// How long a reference to where a plugin was found can be, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 512;

/// What is said of the bytes that are pushed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPlugin {
    /// Who pushes: a claim, which is noted as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where the bytes were found; `None`: in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<PluginOrigin>,
    /// Who has signed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureFile>,
}

impl NewPlugin {
    fn check(&self) -> Result<(), AdminError> {
        let is_plain =
            |text: &str, limit: usize| !text.is_empty() && text.len() <= limit && !text.chars().any(char::is_control);
        if self.by.as_ref().is_some_and(|by| !is_plain(by, MAX_CLAIM_BYTES)) {
            return Err(AdminError::Invalid(format!("by: who pushes is told in 1 to {MAX_CLAIM_BYTES} bytes")));
        }
        if let Some(PluginOrigin { reference, manifest: _ }) = &self.origin
            && !(is_plain(reference, MAX_REFERENCE_BYTES) && reference.starts_with("oci://"))
        {
            return Err(AdminError::Invalid(format!(
                "origin.reference: it begins with oci:// and has at most {MAX_REFERENCE_BYTES} bytes"
            )));
        }
        Ok(())
    }
}

impl Service {
    /// Keeps a plugin, after it was checked, compiled and asked to describe itself. A version is pushed once: the same bytes again change
    /// nothing, but that a signature is added where there was none that counts, and that it takes a name that is nobody's where its key is
    /// trusted by now; other bytes are refused.
    pub async fn push_plugin(&self, bytes: Vec<u8>, new: NewPlugin) -> Result<PushedView, AdminError> {
        let digest = PluginDigest::of(&bytes);
        let was_loaded = self.loaded().contains_key(&digest);
        let pushed = self.take_plugin(bytes, new).await;
        if pushed.is_err() && !was_loaded {
            // Whoever needs it after all loads it again.
            self.loaded().remove(&digest);
        }
        if let Err(refused @ (AdminError::Untrusted(_) | AdminError::InUse(_) | AdminError::Signature(_))) = &pushed {
            tracing::warn!(reason = %refused, "a plugin that was pushed is not taken");
        }
        pushed
    }

    async fn take_plugin(&self, bytes: Vec<u8>, new: NewPlugin) -> Result<PushedView, AdminError> {
        new.check()?;
        let digest = PluginDigest::of(&bytes);
        let bytes = Arc::new(bytes);
        self.may_be_compiled(digest, new.signature.as_ref()).await?;
        let plugin = self.load(bytes.clone()).await?;
        if let Some(signature) = &new.signature {
            signature.fits(plugin.as_ref())?;
        }
        cases::embedded(&bytes).map_err(|error| AdminError::Invalid(format!("the plugin's cases: {error}")))?;
        let _one_at_a_time = self.administration.lock().await;
        let rows = self.parts.store.plugins().await?;
        let trust = self.parts.store.trust().await?;
        let signature = new.signature.as_ref().map(SignatureFile::signature);
        if let Some(kept) = rows.iter().find(|row| row.digest == digest) {
            return self.push_again(kept, signature, trust).await;
        }
        let manifest = plugin.manifest();
        let taken = |row: &&PluginRow| row.name == manifest.name && row.version == manifest.version;
        if let Some(row) = rows.iter().find(taken) {
            return Err(AdminError::InUse(format!(
                "{}@{} is sha256:{} here, and these bytes are sha256:{digest}: a version never changes; give them another one, where the plugin's version stands (Cargo.toml, package.json, or its manifest), or remove the one that is here while nobody uses it: muster plugin remove {0}@{1}",
                row.name, row.version, row.digest
            )));
        }
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let row = PluginRow::new(digest, manifest.name.clone(), manifest.version.clone(), size, self.parts.clock.now());
        let row = PluginRow { by: new.by, origin: new.origin, signature, ..row };
        may_be_called(&row, &trust)?;
        let warning = self.judge(&row, &trust)?;
        let is_new = rows.iter().all(|kept| kept.name != row.name);
        let new_owner = self.take_name(&row, trust, is_new).await?;
        self.parts.store.put_plugin(&row, &bytes).await?;
        tracing::info!(plugin.name = %row.name, plugin.version = %row.version, plugin.digest = %row.digest, "plugin pushed");
        Ok(PushedView { plugin: PluginView::of(&row), warning, new_owner })
    }

    /// What is not signed as the deployment demands is not even compiled; and no signature is taken that is none of these bytes.
    async fn may_be_compiled(&self, digest: PluginDigest, signature: Option<&SignatureFile>) -> Result<(), AdminError> {
        if let Some(signature) = signature {
            signature.verify(digest)?;
        }
        let key = if let Some(signature) = signature {
            Some(signature.key)
        } else {
            let rows = self.parts.store.plugins().await?;
            rows.iter().find(|row| row.digest == digest).and_then(|row| Some(row.signature?.key))
        };
        let trust = self.parts.store.trust().await?;
        let standing = match &key {
            None => Standing::Unsigned,
            Some(key) if trust.trusted(key).is_some() => Standing::Trusted,
            Some(_) => Standing::Untrusted,
        };
        let name = match signature {
            Some(file) => format!("plugin {}@{} (sha256:{digest})", short(&file.name), short(&file.version)),
            None => format!("the plugin sha256:{digest}"),
        };
        self.parts.signatures.judge(&name, objection(standing, key.as_ref())).map(drop)
    }

    /// The same bytes once more.
    async fn push_again(
        &self,
        kept: &PluginRow,
        signature: Option<PluginSignature>,
        trust: Trust,
    ) -> Result<PushedView, AdminError> {
        let counts = |row: &PluginRow| standing(row, &trust) == Standing::Trusted;
        let signed = PluginRow { signature: signature.or(kept.signature), ..kept.clone() };
        if signature.is_some() && signature != kept.signature {
            // One that cannot count is not dropped without a word.
            may_be_called(&signed, &trust)?;
        }
        let is_better = kept.signature.is_none() || (!counts(kept) && counts(&signed));
        if signed == *kept || !is_better {
            let warning = self.judge(kept, &trust)?;
            // The key may be trusted only since the signature came: whoever brings it again takes what it could not take then.
            let is_brought = counts(kept) && signature.is_some() && signature == kept.signature;
            let new_owner = if is_brought { self.take_name(kept, trust, false).await? } else { None };
            return Ok(PushedView { plugin: PluginView::of(kept), warning, new_owner });
        }
        let warning = self.judge(&signed, &trust)?;
        let new_owner = self.take_name(&signed, trust, false).await?;
        self.parts.store.replace_plugin(&signed).await?;
        tracing::info!(plugin.name = %signed.name, plugin.digest = %signed.digest, "plugin signed");
        Ok(PushedView { plugin: PluginView::of(&signed), warning, new_owner })
    }

    fn judge(&self, row: &PluginRow, trust: &Trust) -> Result<Option<String>, AdminError> {
        let warning = judge_bound(self.parts.signatures, row, trust)?;
        if let Some(warning) = &warning {
            tracing::warn!(plugin.name = %row.name, plugin.digest = %row.digest, "{warning}; it is kept all the same");
        }
        Ok(warning)
    }

    /// The first who signs a plugin of a name has the name; one under which there are plugins, only whoever is trusted: they are somebody's
    /// already. It is written before the plugin: a name without a plugin harms nobody.
    async fn take_name(
        &self,
        row: &PluginRow,
        mut trust: Trust,
        is_new: bool,
    ) -> Result<Option<PublicKey>, AdminError> {
        let Some(signature) = &row.signature else { return Ok(None) };
        if trust.owner(&row.name).is_some() || !(is_new || trust.trusted(&signature.key).is_some()) {
            return Ok(None);
        }
        if trust.names.len() >= MAX_OWNED_NAMES {
            return Err(AdminError::InUse(format!(
                "{MAX_OWNED_NAMES} names of plugins have owners; no more can have one"
            )));
        }
        trust.names.push(OwnedName { name: row.name.clone(), key: signature.key, since: self.parts.clock.now() });
        self.put_trust(trust).await?;
        tracing::info!(plugin.name = %row.name, key = %signature.key, "a name of plugins has an owner now");
        Ok(Some(signature.key))
    }
}

/// Whether whoever signed it, or did not, may call it so.
pub(in crate::admin) fn may_be_called(row: &PluginRow, trust: &Trust) -> Result<(), AdminError> {
    let Some(owned) = trust.owner(&row.name) else { return Ok(()) };
    let (name, key) = (&row.name, &owned.key);
    let whose = trust.trusted(key).map_or_else(|| key.to_string(), |trusted| format!("{key} ({})", trusted.name));
    let (why, mend) = match &row.signature {
        Some(signature) if signature.key == *key => return Ok(()),
        Some(signature) => {
            (format!("is signed by {}", signature.key), format!("hand it over first: muster plugin owner {name} KEY"))
        }
        None => (
            "is not signed".to_owned(),
            "a signature by that key is missing: muster plugin sign FILE --key KEYFILE".to_owned(),
        ),
    };
    Err(AdminError::Untrusted(format!("{} {why}, and the name {name} belongs to {whose}; {mend}", called(row))))
}

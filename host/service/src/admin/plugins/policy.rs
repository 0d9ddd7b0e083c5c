//! What a deployment demands of signatures, and what it makes of a plugin's.

use muster_model::{PluginDigest, PluginRow, PublicKey, Trust};
use serde::{Deserialize, Serialize};

use super::view::Standing;
use crate::signing::{Signed, says_what_was_signed};
use crate::{AdminError, Service};

/// What a deployment demands of the plugins that are pushed and bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignaturePolicy {
    /// Nothing. A signature that is sent must be right all the same.
    #[default]
    Off,
    /// Nothing, but it is told what is not signed by a trusted key.
    Warn,
    /// A signature by a trusted key.
    Required,
}

/// What the signature of a plugin that is kept is worth.
pub(super) fn standing(row: &PluginRow, trust: &Trust) -> Standing {
    let Some(signature) = &row.signature else { return Standing::Unsigned };
    // It was verified when it came; this is about a store that was changed from outside.
    if Signed::of(row, signature).verify(signature).is_err() {
        return Standing::Broken;
    }
    if trust.trusted(&signature.key).is_some() { Standing::Trusted } else { Standing::Untrusted }
}

/// What speaks against a plugin.
#[derive(Debug)]
pub(super) struct Objection {
    /// The end of a sentence that begins with its name.
    pub why: String,
    /// What to do about it.
    mend: String,
}

/// How a plugin comes to a signature that counts.
const SIGN: &str = "sign it with a trusted key, and push it again: muster plugin sign FILE --key KEYFILE";

/// What speaks against a plugin; `None`: nothing.
pub(super) fn objection(standing: Standing, key: Option<&PublicKey>) -> Option<Objection> {
    let key = || key.map_or_else(String::new, ToString::to_string);
    let (why, mend) = match standing {
        Standing::Trusted => return None,
        Standing::Unsigned => ("is not signed".to_owned(), SIGN.to_owned()),
        Standing::Untrusted => (
            format!("is signed by {}, which is no trusted key", key()),
            format!("if its plugins are to be taken: muster plugin key add NAME {}", key()),
        ),
        Standing::Broken => (format!("has a signature that {} did not make", key()), SIGN.to_owned()),
    };
    Some(Objection { why, mend })
}

/// `poggio@0.1.0 (sha256:...)`: what each sentence about a plugin begins with.
pub(super) fn called(row: &PluginRow) -> String {
    format!("plugin {}@{} (sha256:{})", row.name, row.version, row.digest)
}

impl SignaturePolicy {
    /// Refuses what speaks against a plugin, or says it, or neither.
    pub(super) fn judge(self, plugin: &str, objection: Option<Objection>) -> Result<Option<String>, AdminError> {
        let Some(Objection { why, mend }) = objection else { return Ok(None) };
        match self {
            Self::Off => Ok(None),
            Self::Warn => Ok(Some(format!("{plugin} {why}"))),
            Self::Required => Err(AdminError::Untrusted(format!(
                "{plugin} {why}, and this deployment takes only plugins that a trusted key has signed (plugins.signatures is \"required\"); {mend}"
            ))),
        }
    }
}

/// Whether a tenant may be bound to this plugin, by this trust; what speaks against it, where that is only told.
pub(in crate::admin) fn judge_bound(
    policy: SignaturePolicy,
    row: &PluginRow,
    trust: &Trust,
) -> Result<Option<String>, AdminError> {
    let objection = objection(standing(row, trust), row.signature.as_ref().map(|by| &by.key));
    policy.judge(&called(row), objection)
}

impl Service {
    /// Whether a tenant may be given this plugin now, and what speaks against it where that is only told. What it is bound to already, it
    /// keeps: an outage would be worse.
    pub(crate) async fn may_bind(&self, digest: &PluginDigest) -> Result<Option<String>, AdminError> {
        self.judge_plugin(self.parts.signatures, digest).await
    }

    /// What speaks against a plugin that a tenant goes back to. It does so all the same: who goes back is in trouble already.
    pub(in crate::admin) async fn told_of(&self, digest: &PluginDigest) -> Option<String> {
        let policy = match self.parts.signatures {
            SignaturePolicy::Off => SignaturePolicy::Off,
            SignaturePolicy::Warn | SignaturePolicy::Required => SignaturePolicy::Warn,
        };
        self.judge_plugin(policy, digest).await.unwrap_or_else(|error| Some(error.to_string()))
    }

    async fn judge_plugin(&self, policy: SignaturePolicy, digest: &PluginDigest) -> Result<Option<String>, AdminError> {
        let rows = self.parts.store.plugins().await?;
        let row = rows.iter().find(|row| row.digest == *digest);
        let row = row.ok_or_else(|| AdminError::NotFound(format!("plugin {digest}; push it first")))?;
        let trust = self.parts.store.trust().await?;
        let judged = match judge_bound(policy, row, &trust) {
            Ok(None) if policy != SignaturePolicy::Off => {
                let plugin = self.plugin(digest).await?;
                let other = says_what_was_signed(row, plugin.as_ref()).err();
                let not_it =
                    |other| Objection { why: format!("is not what was signed: {other}"), mend: SIGN.to_owned() };
                let objection = other.map(not_it);
                policy.judge(&called(row), objection)
            }
            judged => judged,
        };
        match &judged {
            Ok(None) => {}
            Ok(Some(warning)) => {
                tracing::warn!(plugin.name = %row.name, plugin.digest = %row.digest, "{warning}; it is bound all the same");
            }
            Err(refused) => tracing::warn!(plugin.name = %row.name, plugin.digest = %row.digest, "{refused}"),
        }
        judged
    }

    /// Says once, when the server starts, which bound plugins would not be bound today.
    pub(in crate::admin) async fn tell_untrusted(&self) -> Result<(), AdminError> {
        let policy = self.parts.signatures;
        if policy == SignaturePolicy::Off {
            return Ok(());
        }
        for listed in self.list_plugins().await?.into_iter().filter(|listed| listed.tenants > 0) {
            if let Some(warning) = listed.warning {
                let tenants = listed.tenants;
                tracing::warn!(plugin.digest = %listed.plugin.digest, tenants, "{warning}; its tenants are served all the same");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_against_a_plugin_is_refused_told_or_passed_over() {
        let told = |policy: SignaturePolicy| policy.judge("p@1", objection(Standing::Unsigned, None));
        assert_eq!(told(SignaturePolicy::Off).unwrap(), None);
        assert_eq!(told(SignaturePolicy::Warn).unwrap().as_deref(), Some("p@1 is not signed"));
        let refused = told(SignaturePolicy::Required).unwrap_err().to_string();
        assert!(refused.starts_with("p@1 is not signed, and this deployment takes"), "{refused}");
        assert!(
            refused.ends_with("; sign it with a trusted key, and push it again: muster plugin sign FILE --key KEYFILE")
        );
        for policy in [SignaturePolicy::Off, SignaturePolicy::Warn, SignaturePolicy::Required] {
            assert_eq!(policy.judge("p@1", None).unwrap(), None);
        }
    }
}

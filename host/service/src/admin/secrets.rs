use std::fmt;

use muster_model::{Actor, Binding, MAX_SECRETS_A_TENANT, SecretName, SecretRow, TenantId, TenantRow};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::secrets::MAX_SECRET_BYTES;
use crate::{AdminError, Service};

/// A secret that is to be set.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// By which plugins ask for it. It stands in the body, because it can have characters that no path has.
    pub name: String,
    /// What goes into the header of a request.
    #[serde(deserialize_with = "text")]
    pub value: String,
}

/// A text; of anything else it is not told what it was.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Error::custom("must be text"))
        }
    }
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewSecret(hidden)")
    }
}

/// A secret that is to be removed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoneSecret {
    /// Which one.
    pub name: String,
}

/// The secrets of a tenant, without their values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecretsView {
    /// Whose.
    pub tenant: TenantId,
    /// The binding's revision: secrets are counted with it.
    pub revision: u64,
    /// By name.
    pub secrets: Vec<SecretView>,
}

/// One secret: all that is ever shown of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecretView {
    /// By which plugins ask for it.
    pub name: SecretName,
    /// Since when it has this value.
    pub since: String,
    /// By whom.
    pub by: Actor,
    /// Whether it can be opened with this deployment's key; otherwise it has to be set anew.
    pub opens: bool,
}

impl Service {
    /// The names of a tenant's secrets.
    pub fn secrets(&self, tenant: &str) -> Result<SecretsView, AdminError> {
        Ok(self.secrets_view(&self.row(tenant)?))
    }

    /// Sets a secret, or replaces its value: from the next request of a plugin on.
    pub async fn set_secret(&self, tenant: &str, new: NewSecret) -> Result<SecretsView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let name = SecretName::parse(&new.name).map_err(|error| AdminError::Invalid(error.to_string()))?;
        check(&new.value)?;
        let is_new = !row.secrets.iter().any(|secret| secret.name == name);
        if is_new && row.secrets.len() >= MAX_SECRETS_A_TENANT {
            let limit = MAX_SECRETS_A_TENANT;
            return Err(AdminError::Invalid(format!(
                "tenant {} has {limit} secrets, and there can be no more",
                row.id
            )));
        }
        let sealed = self.parts.secrets_key.seal(&row.id, &name, &new.value).map_err(AdminError::Entropy)?;
        let at = self.parts.clock.now();
        row.secrets.retain(|secret| secret.name != name);
        row.secrets.push(SecretRow { name, sealed, at, by: Actor::Operator });
        row.secrets.sort_by(|a, b| a.name.cmp(&b.name));
        self.put_secrets(row).await
    }

    /// Removes a secret: the next request of a plugin goes without it.
    pub async fn remove_secret(&self, tenant: &str, gone: &GoneSecret) -> Result<SecretsView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let before = row.secrets.len();
        row.secrets.retain(|secret| secret.name.as_str() != gone.name);
        if row.secrets.len() == before {
            let shown: String = gone.name.chars().filter(|c| !c.is_control()).take(SecretName::MAX_BYTES).collect();
            return Err(AdminError::NotFound(format!("secret {shown} of tenant {}", row.id)));
        }
        self.put_secrets(row).await
    }

    async fn put_secrets(&self, row: TenantRow) -> Result<SecretsView, AdminError> {
        let actual = row.binding.revision;
        let row = TenantRow { binding: Binding { revision: actual + 1, ..row.binding }, ..row };
        self.replace_row(&row, actual).await?;
        self.tenants.change(|view| view.put_row(row.clone()));
        tracing::info!(tenant.id = %row.id, secrets = row.secrets.len(), "the secrets of a tenant changed");
        Ok(self.secrets_view(&row))
    }

    fn secrets_view(&self, row: &TenantRow) -> SecretsView {
        let view = |secret: &SecretRow| SecretView {
            name: secret.name.clone(),
            since: secret.at.to_string(),
            by: secret.by.clone(),
            opens: self.parts.secrets_key.open(&row.id, secret).is_some(),
        };
        SecretsView {
            tenant: row.id.clone(),
            revision: row.binding.revision,
            secrets: row.secrets.iter().map(view).collect(),
        }
    }
}

/// What a header can carry (RFC 9110 §5.5): a value that could end the header, or begin another, is none.
fn check(value: &str) -> Result<(), AdminError> {
    if !(1..=MAX_SECRET_BYTES).contains(&value.len()) {
        return Err(AdminError::Invalid(format!(
            "a secret has 1 to {MAX_SECRET_BYTES} bytes, this one has {}",
            value.len()
        )));
    }
    let is_text = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !is_text || value.starts_with(' ') || value.ends_with(' ') {
        let told = "a secret is sent in a header, so it is visible ASCII characters, with spaces only between them";
        return Err(AdminError::Invalid(told.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_no_text_is_not_repeated() {
        let parsed = serde_json::from_str::<NewSecret>(r#"{"name":"pin","value":31415926}"#);
        let told = parsed.unwrap_err().to_string();
        assert!(told.contains("must be text") && !told.contains("3141"), "{told}");
    }

    #[test]
    fn a_secret_is_what_a_header_can_carry() {
        for good in ["x", "Bearer abc.def==", &"x".repeat(MAX_SECRET_BYTES)] {
            assert!(check(good).is_ok());
        }
        for bad in
            ["", " x", "x ", "a\r\nX-Evil: 1", "a\nb", "a\0b", "ä", "tab\there", &"x".repeat(MAX_SECRET_BYTES + 1)]
        {
            let told = check(bad).unwrap_err().to_string();
            assert!(told.starts_with("a secret ") && (bad.len() < 3 || !told.contains(bad)), "{told}");
        }
    }
}

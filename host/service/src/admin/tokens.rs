use muster_model::{ResourceId, ResourceType, TenantId, Timestamp, Token, TokenId, TokenRow};
use serde::{Deserialize, Serialize};

use crate::{AdminError, Service};

/// A token to be issued.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What the operator calls it.
    #[serde(default)]
    pub label: String,
    /// After how many seconds it stops working; never, if it is not given.
    #[serde(default)]
    pub expires_in_s: Option<u64>,
    /// The id of the one user that it speaks for: it then opens `/Me` and discovery only (decision record 5).
    #[serde(default)]
    pub user: Option<String>,
    /// Whether that user may also change and delete what `/Me` shows.
    #[serde(default)]
    pub write: bool,
}

/// A token that was just issued: the only time that it can be read.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// Its name.
    pub id: TokenId,
    /// The secret.
    pub token: Token,
    /// When it stops working by itself.
    pub expires: Option<Timestamp>,
}

/// A token as operators see it: never the secret.
#[derive(Debug, Clone, Serialize)]
pub struct TokenView {
    /// Its name.
    pub id: TokenId,
    /// What the operator calls it.
    pub label: String,
    /// When it was issued.
    pub created: String,
    /// When it stops working by itself.
    pub expires: Option<String>,
    /// When it was revoked.
    pub revoked: Option<String>,
    /// Whether it works now.
    pub live: bool,
    /// The one user that it speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<ResourceId>,
    /// Whether that user may change what `/Me` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<bool>,
}

/// How long the label of a token can be, in bytes.
pub const MAX_LABEL_BYTES: usize = 200;

impl Service {
    /// Issues one more token: several may be live, so that they can be rotated without a gap.
    pub async fn issue_token(&self, tenant: &str, new: NewToken) -> Result<IssuedToken, AdminError> {
        let row = self.row(tenant)?;
        if new.label.len() > MAX_LABEL_BYTES {
            return Err(AdminError::Wrong(format!("label is longer than {MAX_LABEL_BYTES} bytes")));
        }
        if new.expires_in_s == Some(0) {
            return Err(AdminError::Wrong("expires_in_s is at least 1".to_owned()));
        }
        if new.write && new.user.is_none() {
            return Err(AdminError::Wrong("write is for a token of one user".to_owned()));
        }
        let _one_at_a_time = self.administration.lock().await;
        self.issue(&row.id, new).await
    }

    pub(super) async fn issue(&self, tenant: &TenantId, new: NewToken) -> Result<IssuedToken, AdminError> {
        let user = match &new.user {
            Some(id) => Some(self.user(tenant, id).await?),
            None => None,
        };
        let (mut secret, mut name) = ([0; 32], [0; 8]);
        getrandom::fill(&mut secret).map_err(|error| AdminError::Entropy(error.to_string()))?;
        getrandom::fill(&mut name).map_err(|error| AdminError::Entropy(error.to_string()))?;
        let token = Token::from_entropy(&secret);
        let created = self.parts.clock.now();
        let expires = new.expires_in_s.map(|seconds| {
            let millis = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
            Timestamp::from_millis(created.as_millis().saturating_add(millis))
        });
        let row = TokenRow {
            id: TokenId(format!("tok_{}", hex::encode(name))),
            tenant: tenant.clone(),
            hash: self.parts.token_key.hash(&token),
            label: new.label,
            created,
            expires,
            revoked: None,
            user,
            write: new.write,
            key: None,
        };
        self.parts.store.put_token(&row).await?;
        let id = row.id.clone();
        self.tenants.change(|view| view.put_token(row));
        tracing::info!(tenant.id = %tenant, token.id = %id, "token issued");
        Ok(IssuedToken { id, token, expires })
    }

    /// The user that a token shall speak for: one of this tenant's.
    async fn user(&self, tenant: &TenantId, id: &str) -> Result<ResourceId, AdminError> {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
        let missing = || AdminError::NotFound(format!("user {shown} of tenant {tenant}"));
        let user = ResourceId::parse(id).ok_or_else(missing)?;
        let found = self.parts.store.directory(tenant).get(&ResourceType::USER, user).await?;
        found.map(|record| record.id).ok_or_else(missing)
    }

    /// A tenant's tokens, oldest first.
    pub fn list_tokens(&self, tenant: &str) -> Result<Vec<TokenView>, AdminError> {
        let id = self.row(tenant)?.id;
        let now = self.parts.clock.now();
        let view = self.tenants.view();
        let mut rows: Vec<&TokenRow> = view.tokens().filter(|row| row.tenant == id).collect();
        rows.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        let shown = |row: &TokenRow| TokenView {
            id: row.id.clone(),
            label: row.label.clone(),
            created: row.created.to_string(),
            expires: row.expires.map(|at| at.to_string()),
            revoked: row.revoked.map(|at| at.to_string()),
            live: row.is_live(now),
            user: row.user,
            write: row.user.map(|_| row.write),
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    /// Revokes a token, at once; revoking it again changes nothing.
    pub async fn revoke_token(&self, tenant: &str, token: &str) -> Result<(), AdminError> {
        let id = self.row(tenant)?.id;
        let _one_at_a_time = self.administration.lock().await;
        let found = self.tenants.view().tokens().find(|row| row.tenant == id && row.id.0 == token).cloned();
        let mut row = found.ok_or_else(|| AdminError::NotFound(format!("token {token} of tenant {tenant}")))?;
        if row.revoked.is_none() {
            row.revoked = Some(self.parts.clock.now());
            self.parts.store.put_token(&row).await?;
            self.tenants.change(|view| view.put_token(row));
            tracing::info!(tenant.id = %id, token.id = %token, "token revoked");
        }
        Ok(())
    }
}

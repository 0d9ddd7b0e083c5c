//! What operators do: tenants, tokens, plugins, bindings. The console and the CLI use nothing else.

use std::sync::Arc;

use muster_model::{
    Binding, PluginDigest, PluginRow, Record, ResourceId, ResourceType, TenantId, TenantRow, Timestamp, Token, TokenId,
    TokenRow,
};
use muster_plugin::Plugin;
use muster_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::binding::Bound;
use crate::tenants::Tenant;
use crate::{AdminError, Parts, Service};

/// A tenant to be created.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name.
    pub name: String,
    /// Which plugin: a name (the newest), `name@version`, or a digest.
    pub plugin: String,
    /// The plugin's configuration.
    #[serde(default = "empty_object")]
    pub config: Value,
}

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

/// A tenant as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct TenantView {
    /// Its name.
    pub tenant: TenantId,
    /// When it was created.
    pub created: String,
    /// Its plugin.
    pub plugin: PluginView,
    /// The plugin's configuration.
    pub config: Value,
    /// The binding's revision.
    pub revision: u64,
    /// Where its plugin's customers expect SCIM.
    pub base_path: String,
    /// Whether the plugin is loaded; without it the tenant's requests are answered 503.
    pub loaded: bool,
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
}

/// A plugin as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct PluginView {
    /// Its true name.
    pub digest: PluginDigest,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was pushed.
    pub pushed: String,
}

/// A record with both its sides: what the IdP sees and what the product sees.
#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    /// Its id.
    pub id: ResourceId,
    /// Its kind.
    pub resource_type: ResourceType,
    /// The plugin that made the account.
    pub plugin: PluginDigest,
    /// What the IdP sees, without what the server makes.
    pub resource: Value,
    /// What the product sees: state, whether it is listed, keys, fields.
    pub account: Value,
}

fn empty_object() -> Value {
    json!({})
}

/// How long the label of a token can be, in bytes.
pub const MAX_LABEL_BYTES: usize = 200;
/// Digits of a digest that are enough to name a plugin.
const MIN_DIGEST_PREFIX: usize = 8;
/// How many entries of a log or an outbox are read at once.
pub const MAX_ENTRIES_A_PAGE: usize = 1000;

impl Service {
    /// Reads tenants, tokens and bindings, and loads the plugins that are bound. A plugin that does not load leaves its tenants at 503, and
    /// every other tenant served.
    pub async fn start(parts: Parts) -> Result<Self, AdminError> {
        let service = Self {
            parts,
            tenants: crate::tenants::Tenants::default(),
            loaded: std::sync::Mutex::default(),
            administration: tokio::sync::Mutex::new(()),
        };
        let rows = service.parts.store.tenants().await?;
        let tokens = service.parts.store.tokens().await?;
        let mut tenants = Vec::with_capacity(rows.len());
        for row in rows {
            let bound = match service.bound(&row.id, &row.binding).await {
                Ok(bound) => Some(bound),
                Err(error) => {
                    tracing::error!(tenant.id = %row.id, plugin.digest = %row.binding.plugin, %error, "the plugin of a tenant cannot be loaded; its requests will be answered 503");
                    None
                }
            };
            let tenant = service.tenant(&row.id, bound);
            tenants.push((row, tenant));
        }
        service.tenants.change(|view| {
            for (row, tenant) in tenants {
                view.put_tenant(row, tenant);
            }
            for token in tokens {
                view.put_token(token);
            }
        });
        Ok(service)
    }

    fn tenant(&self, id: &TenantId, bound: Option<Bound>) -> Arc<Tenant> {
        let directory = self.parts.store.directory(id);
        Arc::new(Tenant::new(id.clone(), directory, self.parts.limits.requests_per_second, bound))
    }

    /// Whether requests can be expected to be answered.
    pub fn ready(&self) -> Result<(), StoreError> {
        self.parts.store.ready()
    }

    /// Finishes what was accepted and lets the store go.
    pub async fn close(&self) {
        self.parts.store.close().await;
    }

    /// Creates a tenant with its plugin and a first token.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<(TenantView, IssuedToken), AdminError> {
        let id = TenantId::parse(&new.name).map_err(|error| AdminError::Invalid(error.to_string()))?;
        let _one_at_a_time = self.administration.lock().await;
        if self.tenants.view().tenant(&id).is_some() {
            return Err(AdminError::Exists(format!("tenant {id}")));
        }
        let plugin = self.resolve(&new.plugin).await?;
        let now = self.parts.clock.now();
        let binding = Binding { plugin: plugin.digest, config: new.config, revision: 1, at: now };
        let bound = self.bound(&id, &binding).await?;
        let row = TenantRow { id: id.clone(), created: now, binding, previous: None };
        match self.parts.store.add_tenant(&row).await {
            Err(StoreError::Taken { .. }) => return Err(AdminError::Exists(format!("tenant {id}"))),
            other => other?,
        }
        let tenant = self.tenant(&id, Some(bound));
        self.tenants.change(|view| view.put_tenant(row.clone(), tenant));
        let token = self.issue(&id, NewToken { label: "first".to_owned(), expires_in_s: None }).await?;
        tracing::info!(tenant.id = %id, plugin.name = %plugin.name, plugin.digest = %plugin.digest, "tenant created");
        Ok((self.view_of(&row).await?, token))
    }

    /// All tenants, by name.
    pub async fn list_tenants(&self) -> Result<Vec<TenantView>, AdminError> {
        let mut rows: Vec<TenantRow> = self.tenants.view().rows().cloned().collect();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.view_of(&row).await?);
        }
        Ok(views)
    }

    /// One tenant.
    pub async fn show_tenant(&self, name: &str) -> Result<TenantView, AdminError> {
        let row = self.row(name)?;
        self.view_of(&row).await
    }

    /// Issues one more token: several may be live, so that they can be rotated without a gap.
    pub async fn issue_token(&self, tenant: &str, new: NewToken) -> Result<IssuedToken, AdminError> {
        let row = self.row(tenant)?;
        if new.label.len() > MAX_LABEL_BYTES {
            return Err(AdminError::Invalid(format!("label is longer than {MAX_LABEL_BYTES} bytes")));
        }
        if new.expires_in_s == Some(0) {
            return Err(AdminError::Invalid("expires_in_s is at least 1".to_owned()));
        }
        let _one_at_a_time = self.administration.lock().await;
        self.issue(&row.id, new).await
    }

    async fn issue(&self, tenant: &TenantId, new: NewToken) -> Result<IssuedToken, AdminError> {
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
        };
        self.parts.store.put_token(&row).await?;
        let id = row.id.clone();
        self.tenants.change(|view| view.put_token(row));
        tracing::info!(tenant.id = %tenant, token.id = %id, "token issued");
        Ok(IssuedToken { id, token, expires })
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

    /// Keeps a plugin, after it was checked, compiled and asked to describe itself. Pushing the same bytes again changes nothing.
    pub async fn push_plugin(&self, bytes: Vec<u8>) -> Result<PluginView, AdminError> {
        let bytes = Arc::new(bytes);
        let plugin = self.load(bytes.clone()).await?;
        let _one_at_a_time = self.administration.lock().await;
        let rows = self.parts.store.plugins().await?;
        if let Some(row) = rows.iter().find(|row| row.digest == plugin.digest()) {
            return Ok(PluginView::of(row));
        }
        let manifest = plugin.manifest();
        let row = PluginRow {
            digest: plugin.digest(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            pushed: self.parts.clock.now(),
        };
        self.parts.store.put_plugin(&row, &bytes).await?;
        tracing::info!(plugin.name = %row.name, plugin.version = %row.version, plugin.digest = %row.digest, "plugin pushed");
        Ok(PluginView::of(&row))
    }

    /// All plugins.
    pub async fn list_plugins(&self) -> Result<Vec<PluginView>, AdminError> {
        Ok(self.parts.store.plugins().await?.iter().map(PluginView::of).collect())
    }

    /// Replaces a tenant's plugin or its configuration. Requests in flight finish with the old one; none fails.
    ///
    /// `expected`: the revision that the operator has seen; `None`: whatever it is.
    pub async fn bind(
        &self,
        tenant: &str,
        plugin: Option<&str>,
        config: Option<Value>,
        expected: Option<u64>,
    ) -> Result<TenantView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let plugin = match plugin {
            Some(reference) => self.resolve(reference).await?.digest,
            None => row.binding.plugin,
        };
        let config = config.unwrap_or_else(|| row.binding.config.clone());
        self.rebind(row, plugin, config, expected).await
    }

    /// Goes back to the binding before the present one.
    pub async fn rollback(&self, tenant: &str, expected: Option<u64>) -> Result<TenantView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let Some(previous) = row.previous.clone() else {
            return Err(AdminError::NotFound(format!("binding before the present one of tenant {tenant}")));
        };
        self.rebind(row, previous.plugin, previous.config, expected).await
    }

    /// The caller holds the administration lock.
    async fn rebind(
        &self,
        row: TenantRow,
        plugin: PluginDigest,
        config: Value,
        expected: Option<u64>,
    ) -> Result<TenantView, AdminError> {
        let actual = row.binding.revision;
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(AdminError::Revision { expected, actual });
        }
        let binding = Binding { plugin, config, revision: actual + 1, at: self.parts.clock.now() };
        let bound = self.bound(&row.id, &binding).await?;
        let row = TenantRow { binding, previous: Some(row.binding), ..row };
        match self.parts.store.replace_tenant(&row, actual).await {
            Err(StoreError::Stale) => {
                return Err(AdminError::Revision { expected: actual, actual: actual + 1 });
            }
            other => other?,
        }
        if let Some(tenant) = self.tenants.view().tenant(&row.id) {
            tenant.bound.store(Some(Arc::new(bound)));
        }
        self.tenants.change(|view| view.put_row(row.clone()));
        tracing::info!(tenant.id = %row.id, plugin.digest = %row.binding.plugin, binding.revision = row.binding.revision, "binding replaced");
        self.view_of(&row).await
    }

    /// A tenant's log after `after`, as JSON: it has user data, so only operators read it.
    pub async fn read_log(&self, tenant: &str, after: u64, limit: usize) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let entries = self.parts.store.directory(&id).log(after, limit.min(MAX_ENTRIES_A_PAGE)).await?;
        Ok(json!({ "entries": entries }))
    }

    /// A tenant's outbox after `after`, as JSON.
    pub async fn read_tasks(&self, tenant: &str, after: u64, limit: usize) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let tasks = self.parts.store.outbox(&id).tasks(after, limit.min(MAX_ENTRIES_A_PAGE)).await?;
        Ok(json!({ "tasks": tasks }))
    }

    /// Both sides of one record.
    pub async fn show_account(&self, tenant: &str, id: &str) -> Result<AccountView, AdminError> {
        let tenant_id = self.row(tenant)?.id;
        let missing = || AdminError::NotFound(format!("account {id} of tenant {tenant}"));
        let resource = ResourceId::parse(id).ok_or_else(missing)?;
        let directory = self.parts.store.directory(&tenant_id);
        for resource_type in [ResourceType::USER, ResourceType::GROUP] {
            if let Some(record) = directory.get(&resource_type, resource).await? {
                return Ok(AccountView::of(&record));
            }
        }
        Err(missing())
    }

    fn row(&self, tenant: &str) -> Result<TenantRow, AdminError> {
        let missing = || AdminError::NotFound(format!("tenant {tenant}"));
        let id = TenantId::parse(tenant).map_err(|_| missing())?;
        self.tenants.view().row(&id).cloned().ok_or_else(missing)
    }

    async fn view_of(&self, row: &TenantRow) -> Result<TenantView, AdminError> {
        let plugins = self.parts.store.plugins().await?;
        let plugin = plugins.iter().find(|plugin| plugin.digest == row.binding.plugin);
        let plugin = plugin.ok_or_else(|| AdminError::NotFound(format!("plugin {}", row.binding.plugin)))?;
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        Ok(TenantView {
            tenant: row.id.clone(),
            created: row.created.to_string(),
            plugin: PluginView::of(plugin),
            config: row.binding.config.clone(),
            revision: row.binding.revision,
            base_path: bound.as_ref().map(|bound| bound.plugin.manifest().base_path.clone()).unwrap_or_default(),
            loaded: bound.is_some(),
        })
    }

    /// Finds a plugin by digest, `name@version` or name; of several the one that was pushed last.
    async fn resolve(&self, reference: &str) -> Result<PluginRow, AdminError> {
        let rows = self.parts.store.plugins().await?;
        let digest = PluginDigest::parse(reference.strip_prefix("sha256:").unwrap_or(reference));
        let (name, version) = match reference.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (reference, None),
        };
        let named = |row: &&PluginRow| row.name == name && version.is_none_or(|version| row.version == version);
        // What the command line shows of a digest is enough, as long as it is one plugin's.
        let bare = reference.strip_prefix("sha256:").unwrap_or(reference);
        let is_prefix = bare.len() >= MIN_DIGEST_PREFIX && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let begins = |row: &&PluginRow| is_prefix && row.digest.to_string().starts_with(bare);
        if let [one] = rows.iter().filter(begins).collect::<Vec<_>>().as_slice() {
            return Ok((*one).clone());
        }
        let found = match digest {
            Some(digest) => rows.iter().find(|row| row.digest == digest),
            None => rows.iter().filter(named).max_by_key(|row| row.pushed),
        };
        found.cloned().ok_or_else(|| AdminError::NotFound(format!("plugin {reference}; push it first")))
    }

    async fn bound(&self, tenant: &TenantId, binding: &Binding) -> Result<Bound, AdminError> {
        let loaded = self.loaded().get(&binding.plugin).cloned();
        let plugin = if let Some(plugin) = loaded {
            plugin
        } else {
            let bytes = self.parts.store.plugin(&binding.plugin).await?;
            let bytes = bytes.ok_or_else(|| AdminError::NotFound(format!("plugin {}", binding.plugin)))?;
            self.load(Arc::new(bytes)).await?
        };
        let (tenant, binding, now) = (tenant.clone(), binding.clone(), self.parts.clock.now());
        blocking(move || Bound::new(&tenant, &binding, plugin, now)).await?
    }

    /// Compiles off the request threads; every tenant then shares the one copy.
    async fn load(&self, bytes: Arc<Vec<u8>>) -> Result<Arc<dyn Plugin>, AdminError> {
        let digest = PluginDigest::of(&bytes);
        if let Some(plugin) = self.loaded().get(&digest) {
            return Ok(plugin.clone());
        }
        let host = self.parts.plugins.clone();
        let plugin = blocking(move || host.load(&bytes)).await??;
        self.loaded().insert(digest, plugin.clone());
        Ok(plugin)
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<PluginDigest, Arc<dyn Plugin>>> {
        // A map that a panicking thread held is still a map.
        self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| AdminError::Invalid(format!("the plugin brought the loader down: {error}")))
}

impl PluginView {
    fn of(row: &PluginRow) -> Self {
        Self {
            digest: row.digest,
            name: row.name.clone(),
            version: row.version.clone(),
            size: row.size,
            pushed: row.pushed.to_string(),
        }
    }
}

impl AccountView {
    fn of(record: &Record) -> Self {
        Self {
            id: record.id,
            resource_type: record.resource_type.clone(),
            plugin: record.plugin,
            resource: json!(record.document),
            account: json!(record.account),
        }
    }
}

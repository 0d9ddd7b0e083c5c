use muster_model::{Actor, Binding, Grant, PluginDigest, RolloutState, TenantId, TenantRow, Want};
use muster_plugin::{Granted, Manifest};
use serde::{Deserialize, Serialize};

use crate::grants::{NewGrants, granting, means, named_by, tell_changed};
use crate::{AdminError, Service};

/// What is to be granted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// To the name of which plugin: what this one wants can be granted. Without it, the one that decides.
    #[serde(default)]
    pub plugin: Option<String>,
    /// What of it.
    #[serde(default)]
    pub grants: NewGrants,
    /// Only if the binding is at this revision.
    #[serde(default)]
    pub expected_revision: Option<u64>,
}

/// What is to be withdrawn.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// From the name of which plugin; without it, the one that decides.
    #[serde(default)]
    pub plugin: Option<String>,
    /// What.
    #[serde(default)]
    pub grants: NewGrants,
    /// Also what the plugin that decides wants: it goes on mapping, and is not let out any more.
    #[serde(default)]
    pub force: bool,
    /// Only if the binding is at this revision.
    #[serde(default)]
    pub expected_revision: Option<u64>,
}

/// What a plugin wants of a tenant, and what it has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WantsView {
    /// Whose.
    pub tenant: TenantId,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Which one it is.
    pub digest: PluginDigest,
    /// Whether it is the one that decides.
    pub bound: bool,
    /// The binding's revision: grants are counted with it.
    pub revision: u64,
    /// What it wants.
    pub wants: Vec<WantView>,
    /// What was granted to its name, and it does not want: it comes to nothing, unless another version wants it.
    pub unwanted: Vec<GrantView>,
    /// What was granted to plugins of other names.
    pub others: Vec<GrantView>,
}

/// One want.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WantView {
    /// What.
    #[serde(flatten)]
    pub want: Want,
    /// What it lets the plugin do, in the host's words.
    pub means: String,
    /// What for, in the plugin's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether it is more than one place.
    pub wildcard: bool,
    /// The grant that it has; `None`: nobody has granted it.
    pub granted: Option<GrantView>,
    /// Of a secret: whether the tenant has one of that name. Without it every request that names it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<bool>,
}

/// One grant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GrantView {
    /// To which plugin's name.
    pub plugin: String,
    /// What.
    #[serde(flatten)]
    pub want: Want,
    /// What it lets the plugin do.
    pub means: String,
    /// Since when.
    pub since: String,
    /// By whom.
    pub by: Actor,
}

impl Service {
    /// What a plugin wants of a tenant, as a list that a person can judge: the plugin that decides, or one that is to.
    pub async fn show_wants(&self, tenant: &str, plugin: Option<&str>) -> Result<WantsView, AdminError> {
        let row = self.row(tenant)?;
        self.wants_view(&row, plugin).await
    }

    /// Grants what a plugin wants to its name.
    pub async fn grant(&self, tenant: &str, new: NewGrant) -> Result<WantsView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let plugin = self.plugin(&self.named_or_bound(&row, new.plugin.as_deref()).await?).await?;
        let manifest = plugin.manifest();
        let wants = new.grants.of(manifest)?;
        let next = granting(row.clone(), &manifest.name, &wants, self.parts.clock.now())?;
        let row = self.put_grants(row, next.grants, new.expected_revision).await?;
        self.wants_view(&row, new.plugin.as_deref()).await
    }

    /// Takes grants back from a plugin's name. What the plugin that decides wants stays, unless it is forced.
    pub async fn withdraw(&self, tenant: &str, withdrawal: Withdrawal) -> Result<WantsView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let Withdrawal { plugin, grants, force, expected_revision } = withdrawal;
        let name = self.named_grantee(&row, plugin.as_deref()).await?;
        let own: Vec<&Grant> = row.grants.iter().filter(|grant| grant.plugin == name).collect();
        let named = match grants {
            NewGrants::All => own.iter().map(|grant| grant.want.clone()).collect(),
            NewGrants::These(named) => named,
        };
        if let Some(other) = named.iter().find(|want| !own.iter().any(|grant| grant.want == **want)) {
            return Err(AdminError::NotFound(format!("grant of {other} to plugin {name} for tenant {}", row.id)));
        }
        let is_taken = |grant: &&Grant| grant.plugin == name && named.contains(&grant.want);
        let left: Vec<Grant> = row.grants.iter().filter(|grant| !is_taken(grant)).cloned().collect();
        if !force {
            let bound = self.plugin(&row.binding.plugin).await?;
            still_granted(bound.manifest(), &row, &left)?;
        }
        let row = self.put_grants(row, left, expected_revision).await?;
        // Of a name that is nobody's any more there is nothing to show.
        let shown = if self.resolve(&name).await.is_ok() { plugin.as_deref() } else { None };
        self.wants_view(&row, shown).await
    }

    async fn wants_view(&self, row: &TenantRow, plugin: Option<&str>) -> Result<WantsView, AdminError> {
        let digest = self.named_or_bound(row, plugin).await?;
        let plugin = self.plugin(&digest).await?;
        let manifest = plugin.manifest();
        let granted = Granted::of(manifest, &row.grants);
        let (own, others): (Vec<&Grant>, Vec<&Grant>) = row.grants.iter().partition(|it| it.plugin == manifest.name);
        let wants = manifest.wants.iter().map(|wanted| {
            let by = own.iter().find(|grant| grant.want.covers(&wanted.want));
            WantView {
                want: wanted.want.clone(),
                means: means(&wanted.want),
                why: wanted.why.clone(),
                wildcard: matches!(&wanted.want, Want::Origin(origin) if origin.is_wildcard()),
                granted: by.filter(|_| granted.has(&wanted.want)).map(|grant| GrantView::of(grant)),
                set: is_set(row, &wanted.want),
            }
        });
        let is_wanted = |grant: &&&Grant| manifest.wants.iter().any(|wanted| grant.want.covers(&wanted.want));
        Ok(WantsView {
            tenant: row.id.clone(),
            plugin: manifest.name.clone(),
            version: manifest.version.clone(),
            digest,
            bound: digest == row.binding.plugin,
            revision: row.binding.revision,
            wants: wants.collect(),
            unwanted: own.iter().filter(|grant| !is_wanted(grant)).map(|grant| GrantView::of(grant)).collect(),
            others: others.into_iter().map(GrantView::of).collect(),
        })
    }

    async fn named_or_bound(&self, row: &TenantRow, plugin: Option<&str>) -> Result<PluginDigest, AdminError> {
        match plugin {
            Some(reference) => self.plugin_named(reference).await,
            None => Ok(row.binding.plugin),
        }
    }

    /// The name that grants were given to. The plugin itself may have gone.
    async fn named_grantee(&self, row: &TenantRow, plugin: Option<&str>) -> Result<String, AdminError> {
        match plugin {
            Some(name) if row.grants.iter().any(|grant| grant.plugin == name) => Ok(name.to_owned()),
            Some(reference) => Ok(self.resolve(reference).await?.name),
            None => Ok(self.plugin(&row.binding.plugin).await?.manifest().name.clone()),
        }
    }

    /// The caller holds the administration lock.
    async fn put_grants(
        &self,
        row: TenantRow,
        grants: Vec<Grant>,
        expected: Option<u64>,
    ) -> Result<TenantRow, AdminError> {
        let actual = row.binding.revision;
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(AdminError::Revision { expected, actual });
        }
        if grants == row.grants {
            return Ok(row);
        }
        let (before, left) = (row.grants, row.binding.clone());
        let binding = Binding { revision: actual + 1, ..row.binding };
        let row = TenantRow { binding, grants, ..row };
        self.replace_row(&row, actual).await?;
        self.tenants.change(|view| view.put_row(row.clone()));
        tell_changed(&row, &before);
        self.leave_rollouts(&row.id, &left, &row.binding, RolloutState::Replaced).await;
        Ok(row)
    }
}

fn is_set(row: &TenantRow, want: &Want) -> Option<bool> {
    match want {
        Want::Secret(name) => Some(row.secrets.iter().any(|secret| secret.name == *name)),
        Want::Origin(_) | Want::State => None,
    }
}

/// Refuses what would leave the plugin that decides with less of what it wants.
fn still_granted(manifest: &Manifest, row: &TenantRow, left: &[Grant]) -> Result<(), AdminError> {
    let (now, then) = (Granted::of(manifest, &row.grants), Granted::of(manifest, left));
    let lost = manifest.wants.iter().find(|wanted| now.has(&wanted.want) && !then.has(&wanted.want));
    let Some(lost) = lost else { return Ok(()) };
    Err(AdminError::InUse(format!(
        "{} decides for tenant {} and wants {}; if it is forced (--force), the plugin goes on mapping, and can do this no longer: {}",
        named_by(manifest),
        row.id,
        lost.want,
        means(&lost.want)
    )))
}

impl GrantView {
    fn of(grant: &Grant) -> Self {
        Self {
            plugin: grant.plugin.clone(),
            want: grant.want.clone(),
            means: means(&grant.want),
            since: grant.at.to_string(),
            by: grant.by.clone(),
        }
    }
}

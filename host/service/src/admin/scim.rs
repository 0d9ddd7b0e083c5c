use std::sync::Arc;

use muster_model::{Binding, OnPluginFailure, ResourceType, RolloutState, ScimSettings, TenantId, TenantRow};
use muster_protocol::dialect::{About, Profile, Rule};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Declarations, ExtensionDeclaration, Resolved, ResourceTypeDeclaration, ResourceTypeDef};
use muster_store::{From, INDEXED, Locations, MembersShown, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::binding::{Bound, kind};
use crate::{AdminError, Service};

/// How a tenant's identity provider shall be met; what is not given stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewScimSettings {
    /// The name of a profile: which departures from the RFCs are forgiven.
    pub profile: Option<String>,
    /// Extensions of this tenant.
    pub extensions: Option<Vec<ExtensionDeclaration>>,
    /// Resource types of this tenant.
    #[serde(rename = "resourceTypes")]
    pub resource_types: Option<Vec<ResourceTypeDeclaration>>,
    /// What becomes of a write to which the plugin gives no answer.
    pub on_plugin_failure: Option<OnPluginFailure>,
    /// Only if the binding is at this revision.
    pub expected_revision: Option<u64>,
}

/// How a tenant's identity provider is met, beside what its plugin decides and declares.
#[derive(Debug, Clone, Serialize)]
pub struct ScimSettingsView {
    /// Whose.
    pub tenant: TenantId,
    /// Which departures from the RFCs are forgiven.
    pub profile: String,
    /// Extensions of this tenant.
    pub extensions: Vec<ExtensionDeclaration>,
    /// Resource types of this tenant.
    #[serde(rename = "resourceTypes")]
    pub resource_types: Vec<ResourceTypeDeclaration>,
    /// What becomes of a write to which the plugin gives no answer.
    pub on_plugin_failure: OnPluginFailure,
    /// The binding's revision: these settings are counted with it.
    pub revision: u64,
}

/// How much may be declared for a tenant, in bytes of JSON: as much as a plugin may.
pub const MAX_DECLARATIONS_BYTES: usize = 256 << 10;

impl Service {
    /// How a tenant's identity provider is met.
    pub fn show_scim_settings(&self, tenant: &str) -> Result<ScimSettingsView, AdminError> {
        Ok(ScimSettingsView::of(self.row(tenant)?))
    }

    /// Replaces how a tenant's identity provider is met. Requests in flight finish with the old settings; none fails.
    ///
    /// What is stored stays as it is. Attributes that are not declared any more are not shown, and go when their resource is next written;
    /// uniqueness holds from the next change of a resource on; a type goes only when its last resource is gone.
    pub async fn set_scim_settings(&self, tenant: &str, new: NewScimSettings) -> Result<ScimSettingsView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let actual = row.binding.revision;
        if let Some(expected) = new.expected_revision.filter(|expected| *expected != actual) {
            return Err(AdminError::Revision { expected, actual });
        }
        let ScimSettings { profile, declarations, on_plugin_failure } = row.scim;
        let declarations = Declarations {
            extensions: new.extensions.unwrap_or(declarations.extensions),
            resource_types: new.resource_types.unwrap_or(declarations.resource_types),
        };
        let scim = ScimSettings {
            profile: new.profile.unwrap_or(profile),
            declarations,
            on_plugin_failure: new.on_plugin_failure.unwrap_or(on_plugin_failure),
        };
        check(&scim)?;
        let left = row.binding.clone();
        let binding = Binding { revision: actual + 1, ..row.binding };
        let row = TenantRow { binding, scim, ..row };
        let bound = self.bound(&row).await?;
        self.check_kept(&row.id, &bound).await?;
        self.put_bound(&row, bound, actual).await?;
        self.leave_rollouts(&row.id, &left, &row.binding, RolloutState::Replaced).await;
        tracing::info!(tenant.id = %row.id, scim.profile = %row.scim.profile, binding.revision = row.binding.revision, "SCIM settings replaced");
        Ok(ScimSettingsView::of(row))
    }

    /// The profiles that a tenant can have, and what each rule of them forgives.
    pub fn list_profiles(&self) -> Value {
        let rule = |rule: &Rule| {
            let About { name, who, says, source, refusal, .. } = rule.about();
            json!({ "name": name, "who": who, "says": says, "source": source, "refusable": refusal.is_some() })
        };
        json!({
            "profiles": Profile::all().collect::<Vec<_>>(),
            "rules": Rule::ALL.iter().map(rule).collect::<Vec<_>>(),
        })
    }

    /// Refuses what would hide resources behind an endpoint that is not there any more, or would look for them where they are not.
    ///
    /// A request that is in flight may still add the first resource of a type that goes: it is kept, and shown when the type is back.
    pub(super) async fn check_kept(&self, tenant: &TenantId, next: &Bound) -> Result<(), AdminError> {
        let present = self.tenants.view().tenant(tenant).and_then(|tenant| tenant.bound.load_full());
        let Some(present) = present else { return Ok(()) };
        let is_declared = |def: &&Arc<ResourceTypeDef>| kind(&ResourceType::new(&def.name)).is_none();
        for def in present.accepted.types.iter().filter(is_declared) {
            let problem = match next.accepted.get(&def.name).map(|next| refolded(def, next)) {
                None => "the type cannot be taken away".to_owned(),
                Some(Some(attribute)) => format!("`caseExact` of `{attribute}` cannot be changed"),
                Some(None) => continue,
            };
            let count = self.count(tenant, def).await?;
            if count > 0 {
                return Err(AdminError::InUse(format!("there are {count} resources of {}: {problem}", def.name)));
            }
        }
        Ok(())
    }

    async fn count(&self, tenant: &TenantId, def: &Arc<ResourceTypeDef>) -> Result<u64, AdminError> {
        let query = Query {
            kinds: vec![def.clone()],
            filter: None,
            sort: None,
            from: From::Offset(0),
            limit: 0,
            locations: Locations::default(),
            inactive_states: Vec::new(),
            members_shown: MembersShown::All,
        };
        Ok(self.parts.store.directory(tenant).list(&query).await?.total)
    }
}

/// What is declared has a bound; what it says is read when it is bound.
pub(super) fn check(scim: &ScimSettings) -> Result<(), AdminError> {
    if json!(scim.declarations).to_string().len() > MAX_DECLARATIONS_BYTES {
        return Err(AdminError::Invalid(format!(
            "the declarations of the tenant are longer than {MAX_DECLARATIONS_BYTES} bytes"
        )));
    }
    Ok(())
}

/// The attribute, if there is one, whose values stand in the index in another form than they would be looked up in.
fn refolded<'a>(present: &'a ResourceTypeDef, next: &ResourceTypeDef) -> Option<&'a str> {
    INDEXED.iter().find_map(|indexed| {
        let path = AttrPath::parse(indexed, &|_| false).ok()?;
        let (present, next) = (present.resolve(&path)?, next.resolve(&path)?);
        let is_exact = |leaf: Resolved<'_>| leaf.sub.or(leaf.attribute).map(|leaf| leaf.case_exact);
        (is_exact(present) != is_exact(next)).then_some(present.attribute?.name.as_str())
    })
}

impl ScimSettingsView {
    fn of(row: TenantRow) -> Self {
        let ScimSettings { profile, declarations: Declarations { extensions, resource_types }, on_plugin_failure } =
            row.scim;
        Self { tenant: row.id, profile, extensions, resource_types, on_plugin_failure, revision: row.binding.revision }
    }
}

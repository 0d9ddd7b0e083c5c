use std::sync::Arc;

use muster_model::{Binding, Field, RequestId, ResourceType, TenantId, Timestamp};
use muster_plugin::{Call, Kind, Plugin, PluginError, Problem};
use muster_protocol::dialect::Profile;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Registry, ResourceTypeDef};
use serde_json::Value;

use crate::settings::HostSettings;
use crate::{AdminError, ScimError};

/// A plugin bound to a tenant: everything that one request needs to be decided by exactly one version.
#[derive(Debug)]
pub struct Bound {
    /// The binding's revision.
    pub revision: u64,
    /// The plugin.
    pub plugin: Arc<dyn Plugin>,
    /// Its configuration.
    pub config: Arc<Value>,
    /// How the host does its own part.
    pub settings: HostSettings,
    /// Which leniencies apply.
    pub profile: Profile,
    /// What may be sent: the whole of each kind.
    pub accepted: Registry,
    /// What is kept and announced: narrowed to what the plugin retains.
    pub served: Registry,
}

impl Bound {
    /// Binds `plugin` to a tenant: checks the configuration and asks for the host's settings. Calls the plugin: not for the request path.
    pub(crate) fn new(
        tenant: &TenantId,
        binding: &Binding,
        plugin: Arc<dyn Plugin>,
        now: Timestamp,
    ) -> Result<Self, AdminError> {
        let request = RequestId("binding".into());
        let config = Arc::new(binding.config.clone());
        let call = Call { tenant, request: &request, now, config: &config };
        if !binding.config.is_object() {
            let message = "must be a JSON object".to_owned();
            return Err(AdminError::Config(vec![Problem { pointer: String::new(), message }]));
        }
        let problems = plugin.check_config(&call).map_err(AdminError::Plugin)?;
        if !problems.is_empty() {
            return Err(AdminError::Config(problems));
        }
        let fields: Vec<Field> = plugin.host_settings(&call).map_err(AdminError::Plugin)?;
        let settings = HostSettings::read(&fields).map_err(AdminError::Invalid)?;

        let served = |plan: &&muster_plugin::ResourcePlan| plan.kind != Kind::Group || settings.groups_served;
        let plans: Vec<_> = plugin.manifest().resources.iter().filter(served).collect();
        let narrowed = |retained: bool| {
            let one = |plan: &&muster_plugin::ResourcePlan| {
                let paths = if retained { plan.retained.clone() } else { Vec::new() };
                (plan.kind.resource_type().to_owned(), paths)
            };
            let kinds: Vec<_> = plans.iter().map(one).collect();
            Registry::core().narrowed(&kinds).map_err(AdminError::Invalid)
        };
        Ok(Self {
            revision: binding.revision,
            accepted: narrowed(false)?,
            served: narrowed(true)?,
            config,
            settings,
            profile: Profile::default(),
            plugin,
        })
    }

    /// The kind as it may be sent; a 404 if this tenant does not have it.
    pub(crate) fn accepted(&self, resource_type: &ResourceType) -> Result<&Arc<ResourceTypeDef>, ScimError> {
        find(&self.accepted, resource_type)
    }

    /// The kind as it is kept; a 404 if this tenant does not have it.
    pub(crate) fn served(&self, resource_type: &ResourceType) -> Result<&Arc<ResourceTypeDef>, ScimError> {
        find(&self.served, resource_type)
    }

    /// Whether this tenant has groups.
    pub(crate) fn has_groups(&self) -> bool {
        self.served.get(ResourceType::GROUP.as_str()).is_some()
    }

    /// A key's attribute as people write it: `userName` for `username`.
    pub(crate) fn canonical(&self, resource_type: &ResourceType, attribute: &str) -> String {
        let resolve = || {
            let def = self.accepted.get(resource_type.as_str())?;
            let path = AttrPath::parse(attribute, &|urn| def.is_schema(urn)).ok()?;
            let resolved = def.resolve(&path)?;
            let name = &resolved.attribute?.name;
            Some(resolved.sub.map_or_else(|| name.clone(), |sub| format!("{name}.{}", sub.name)))
        };
        resolve().unwrap_or_else(|| attribute.to_owned())
    }

    /// The 404 for a resource of this kind, in the words of the plugin where it has some.
    pub(crate) fn not_found(&self, resource_type: &ResourceType, id: &str) -> ScimError {
        let own = match resource_type.as_str() {
            "User" => self.settings.user_not_found.clone(),
            "Group" => self.settings.group_not_found.clone(),
            _ => None,
        };
        // What a client wrote as an id is repeated in part only: it can be anything.
        let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
        ScimError::NotFound { detail: own.unwrap_or_else(|| format!("Resource {shown} not found")) }
    }
}

fn find<'a>(registry: &'a Registry, resource_type: &ResourceType) -> Result<&'a Arc<ResourceTypeDef>, ScimError> {
    registry
        .get(resource_type.as_str())
        .ok_or_else(|| ScimError::NoSuchEndpoint { path: format!("/{}s", resource_type.as_str()) })
}

/// The contract's kind for a resource type.
pub(crate) fn kind(resource_type: &ResourceType) -> Result<Kind, ScimError> {
    match resource_type.as_str() {
        "User" => Ok(Kind::User),
        "Group" => Ok(Kind::Group),
        other => Err(ScimError::NoSuchEndpoint { path: format!("/{other}s") }),
    }
}

/// Counts what plugins fail at, by plugin and reason, and says it once in the log.
pub(crate) fn count_failure(tenant: &TenantId, plugin: &dyn Plugin, error: &PluginError) {
    let reason = match error {
        PluginError::Rejected(_) => return,
        PluginError::Trapped { .. } => "trapped",
        PluginError::Deadline { .. } => "deadline",
        PluginError::Limit { .. } => "limit",
        PluginError::Invalid { .. } => "invalid",
        PluginError::Busy => "busy",
    };
    let name = plugin.manifest().name.clone();
    metrics::counter!("muster_plugin_failures_total", "plugin" => name.clone(), "reason" => reason).increment(1);
    tracing::warn!(
        tenant.id = %tenant,
        plugin.name = %name,
        plugin.digest = %plugin.digest(),
        reason,
        error = %error,
        "a plugin call failed; nothing was written"
    );
}

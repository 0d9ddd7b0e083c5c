use muster_model::{Event, PluginDigest, Want};
use muster_plugin::{AdoptionPolicy, Plugin, ResourcePlan, Role, Roles, Wanted};
use muster_protocol::path::AttrPath;
use serde::Serialize;
use serde_json::Value;

use crate::grants::means;
use crate::signing::manifest::EVENTS;
use crate::{AdminError, Service};

/// What a plugin says of itself, for whoever judges whether to run it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ManifestView {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its true name.
    pub digest: PluginDigest,
    /// The version of the contract by which it is served.
    pub contract: &'static str,
    /// Where its customers expect SCIM.
    pub base_path: String,
    /// The interfaces that it exports: what it decides.
    pub roles: Vec<&'static str>,
    /// The kinds that it serves.
    pub resources: Vec<ResourceView>,
    /// The states of its accounts.
    pub states: Vec<String>,
    /// What happens to accounts made by hand.
    pub adoption: &'static str,
    /// What it wants beside pure mapping.
    pub wants: Vec<WantedView>,
    /// How many calls one instance may serve.
    pub calls_per_instance: u32,
    /// The extensions and resource types that it declares.
    pub declares: Vec<String>,
    /// The JSON Schema of its configuration; absent: any object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
}

/// One thing beside pure mapping that it wants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WantedView {
    /// What.
    #[serde(flatten)]
    pub want: Want,
    /// What it lets the plugin do, in the host's words.
    pub means: String,
    /// What for, in the plugin's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl WantedView {
    fn of(wanted: &Wanted) -> Self {
        Self { want: wanted.want.clone(), means: means(&wanted.want), why: wanted.why.clone() }
    }
}

/// What it does with one kind of resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceView {
    /// `User`, `Group`.
    pub kind: &'static str,
    /// The attributes that it is told.
    pub reads: Vec<String>,
    /// The attributes that are stored; empty: all.
    pub keeps: Vec<String>,
    /// The events after which it may ask for tasks.
    pub plans_on: Vec<Event>,
}

const ROLES: [(Role, &str); 6] = [
    (Role::About, "about"),
    (Role::Schemas, "schemas"),
    (Role::Mapping, "mapping"),
    (Role::Lifecycle, "lifecycle"),
    (Role::Adoption, "adoption"),
    (Role::Delivery, "delivery"),
];

/// What a plugin exports, by the names that the contract gives them.
pub(crate) fn role_names(roles: Roles) -> Vec<&'static str> {
    ROLES.iter().filter(|(role, _)| roles.has(*role)).map(|(_, name)| *name).collect()
}

impl ManifestView {
    /// Of a loaded plugin.
    pub fn of(plugin: &dyn Plugin) -> Self {
        let (manifest, roles) = (plugin.manifest(), plugin.roles());
        let extensions = manifest.declarations.extensions.iter().map(|extension| extension.schema.id.clone());
        let types = manifest.declarations.resource_types.iter().map(|declared| declared.name.clone());
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: plugin.digest(),
            contract: manifest.contract,
            base_path: manifest.base_path.clone(),
            roles: role_names(roles),
            resources: manifest.resources.iter().map(ResourceView::of).collect(),
            states: manifest.states.clone(),
            adoption: match manifest.adoption {
                AdoptionPolicy::Link => "link",
                AdoptionPolicy::Refuse => "refuse",
                AdoptionPolicy::Hide => "hide",
                AdoptionPolicy::Ask => "ask",
            },
            wants: manifest.wants.iter().map(WantedView::of).collect(),
            calls_per_instance: manifest.calls_per_instance,
            declares: extensions.chain(types).collect(),
            config_schema: manifest.config_schema.clone(),
        }
    }
}

impl ResourceView {
    fn of(plan: &ResourcePlan) -> Self {
        let paths = |paths: &[AttrPath]| paths.iter().map(ToString::to_string).collect();
        Self {
            kind: plan.kind.resource_type(),
            reads: paths(&plan.attributes),
            keeps: paths(&plan.retained),
            plans_on: EVENTS.into_iter().filter(|event| plan.plans_on.has(*event)).collect(),
        }
    }
}

impl Service {
    /// What a plugin that was pushed says of itself: by digest, `name@version`, or name.
    pub async fn show_plugin(&self, reference: &str) -> Result<ManifestView, AdminError> {
        let digest = self.resolve(reference).await?.digest;
        Ok(ManifestView::of(self.plugin(&digest).await?.as_ref()))
    }
}

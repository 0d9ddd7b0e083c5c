use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwapOption;
use muster_model::{Clock, Field, OnPluginFailure, RequestId, ResourceType, TenantId, TenantRow};
use muster_plugin::{Call, Kind, Manifest, Plugin, PluginError, Problem, ResourcePlan};
use muster_protocol::dialect::Profile;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Declarations, Registry, ResourceTypeDef};
use serde_json::Value;

use crate::breaker::Breaker;
use crate::figures::Figures;
use crate::mapped::unmarked;
use crate::schemas::{Registries, Schemas, Which};
use crate::settings::{GroupsRefused, HostSettings};
use crate::trial::Trial;
use crate::{AdminError, ScimError};

/// The endpoint of groups, behind the base URL.
const GROUPS: &str = "/Groups";

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
    /// What is kept: narrowed to what the plugin retains.
    pub served: Registry,
    /// What is announced: what is kept, and the password, where the plugin is told it.
    pub announced: Registry,
    /// What becomes of a write to which the plugin gives no answer.
    pub on_plugin_failure: OnPluginFailure,
    /// Whether the plugin is asked at all.
    pub(crate) breaker: Breaker,
    /// How the plugin fares.
    pub(crate) figures: Arc<Figures>,
    /// How it fares with this configuration, since it is bound.
    pub(crate) own: Arc<Figures>,
    /// How many calls have failed that no identity provider waited for.
    pub(crate) aside: AtomicU64,
    /// Which candidate is tried on its requests.
    pub(crate) trial: ArcSwapOption<Trial>,
}

impl Bound {
    /// Binds `plugin` to a tenant: checks the configuration, asks for the host's settings, and puts together what the tenant serves. Calls
    /// the plugin: not for the request path.
    pub(crate) fn new(
        row: &TenantRow,
        plugin: Arc<dyn Plugin>,
        clock: Arc<dyn Clock>,
        schemas: &Schemas,
    ) -> Result<Self, AdminError> {
        let TenantRow { id: tenant, binding, scim, .. } = row;
        let request = RequestId("binding".into());
        let config = Arc::new(binding.config.clone());
        let now = clock.now();
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
        knows_states(plugin.manifest(), &settings)?;
        let make = || registries(plugin.manifest(), &settings, &scim.declarations);
        let Registries { accepted, served, announced } = if scim.declarations.is_empty() {
            schemas.of(Which { plugin: plugin.digest(), has_groups: settings.groups_served }, make)?
        } else {
            make()?
        };
        if let Err(error) = plugin.warm_up(&call) {
            count_cold(tenant, plugin.as_ref(), &error);
        }
        Ok(Self {
            revision: binding.revision,
            accepted,
            served,
            announced,
            config,
            settings,
            profile: profile(&scim.profile)?,
            plugin,
            on_plugin_failure: scim.on_plugin_failure,
            figures: Arc::new(Figures::new(now)),
            own: Arc::new(Figures::new(now)),
            breaker: Breaker::new(clock),
            aside: AtomicU64::new(0),
            trial: ArcSwapOption::empty(),
        })
    }

    /// The kind as it may be sent; a 404 if this tenant does not have it.
    pub(crate) fn accepted(&self, resource_type: &ResourceType) -> Result<&Arc<ResourceTypeDef>, ScimError> {
        self.find(&self.accepted, resource_type)
    }

    /// The kind as it is kept; a 404 if this tenant does not have it.
    pub(crate) fn served(&self, resource_type: &ResourceType) -> Result<&Arc<ResourceTypeDef>, ScimError> {
        self.find(&self.served, resource_type)
    }

    fn find<'a>(
        &self,
        registry: &'a Registry,
        resource_type: &ResourceType,
    ) -> Result<&'a Arc<ResourceTypeDef>, ScimError> {
        registry
            .get(resource_type.as_str())
            .ok_or_else(|| self.no_such_endpoint(format!("/{}s", resource_type.as_str())))
    }

    /// The kind of resource behind a path segment (`Users`); a 404 if this tenant does not serve it.
    pub fn kind(&self, endpoint: &str) -> Result<ResourceType, ScimError> {
        let shown: String = endpoint.chars().filter(|c| !c.is_control()).take(64).collect();
        let def = self.served.by_endpoint(endpoint);
        def.map(|def| ResourceType::new(&def.name)).ok_or_else(|| self.no_such_endpoint(format!("/{shown}")))
    }

    /// The answer of an endpoint that this tenant does not have; that of groups is the plugin's choice.
    fn no_such_endpoint(&self, path: String) -> ScimError {
        match self.settings.groups_refused {
            GroupsRefused::NotImplemented if path.eq_ignore_ascii_case(GROUPS) => {
                ScimError::NotImplemented { what: GROUPS }
            }
            GroupsRefused::NotImplemented | GroupsRefused::NotFound => ScimError::NoSuchEndpoint { path },
        }
    }

    /// Whether this tenant has groups.
    pub(crate) fn has_groups(&self) -> bool {
        self.served.get(ResourceType::GROUP.as_str()).is_some()
    }

    /// Whether a password that a client sends goes anywhere.
    pub(crate) fn reads_password(&self) -> bool {
        reads_password(self.plugin.manifest())
    }

    /// A key's attribute as people write it: `userName` for `username`.
    pub(crate) fn canonical(&self, resource_type: &ResourceType, attribute: &str) -> String {
        let attribute = unmarked(attribute);
        let resolve = || {
            // An account made by hand has the attributes of a user.
            let is_manual = *resource_type == ResourceType::MANUAL_USER;
            let name = if is_manual { ResourceType::USER } else { resource_type.clone() };
            let def = self.accepted.get(name.as_str())?;
            let path = AttrPath::parse(attribute, &|urn| def.is_schema(urn)).ok()?;
            let resolved = def.resolve(&path)?;
            let name = &resolved.attribute?.name;
            let urn = resolved.extension.map_or_else(String::new, |schema| format!("{}:", schema.id));
            Some(resolved.sub.map_or_else(|| format!("{urn}{name}"), |sub| format!("{urn}{name}.{}", sub.name)))
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

/// What may be sent, what is kept of it, and what is announced.
///
/// What the plugin retains is its own choice; what an operator declared for this tenant is kept whatever the plugin retains, because the
/// plugin does not know of it.
fn registries(manifest: &Manifest, settings: &HostSettings, own: &Declarations) -> Result<Registries, AdminError> {
    let known = Registry::core().with(&manifest.declarations).map_err(AdminError::Invalid)?;
    let is_served = |plan: &&ResourcePlan| plan.kind != Kind::Group || settings.groups_served;
    let registry = |retained: fn(&ResourcePlan) -> Vec<AttrPath>| {
        let plans = manifest.resources.iter().filter(is_served);
        let kinds: Vec<_> = plans.map(|plan| (plan.kind.resource_type().to_owned(), retained(plan))).collect();
        let narrowed = known.narrowed(&kinds).map_err(AdminError::Invalid)?;
        narrowed.with(own).map_err(|why| AdminError::Invalid(format!("the declarations of the tenant: {why}")))
    };
    let with_password = |registry: Registry| if reads_password(manifest) { registry.with_password() } else { registry };
    let served = registry(|plan| plan.retained.clone())?;
    let plans = || manifest.resources.iter().map(|plan| (plan.kind.resource_type(), plan.attributes.as_slice()));
    let accepted = with_password(registry(|_| Vec::new())?).heeding(&served, &plans().collect::<Vec<_>>());
    Ok(Registries { accepted, announced: with_password(served.clone()), served })
}

/// Whether the plugin is told passwords: it names the attribute. Nobody else is, and nobody keeps them.
fn reads_password(manifest: &Manifest) -> bool {
    let is_password = |path: &AttrPath| path.sub.is_none() && path.name.eq_ignore_ascii_case("password");
    manifest.resource(Kind::User).is_some_and(|plan| plan.attributes.iter().any(is_password))
}

/// A setting that names a state which no account can have would be without effect, and nobody would know.
fn knows_states(manifest: &Manifest, settings: &HostSettings) -> Result<(), AdminError> {
    let unknown = settings.users_inactive_states.iter().find(|state| !manifest.states.contains(state));
    unknown.map_or(Ok(()), |state| {
        let why = format!("the host setting users.inactive-states names `{state}`, which is no state of the plugin");
        Err(AdminError::Invalid(why))
    })
}

/// The profile of this name, or a sentence that lists those that there are.
fn profile(name: &str) -> Result<Profile, AdminError> {
    Profile::named(name).copied().ok_or_else(|| {
        let known: Vec<&str> = Profile::all().map(|profile| profile.name).collect();
        let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        AdminError::Invalid(format!("there is no profile {shown}; there are: {}", known.join(", ")))
    })
}

/// The contract's kind for a resource type; `None` for a declared one, of which plugins are not asked.
pub(crate) fn kind(resource_type: &ResourceType) -> Option<Kind> {
    match resource_type.as_str() {
        "User" => Some(Kind::User),
        "Group" => Some(Kind::Group),
        _ => None,
    }
}

/// Why a call of a plugin gave no answer, as a word.
pub(crate) const fn failure_class(error: &PluginError) -> &'static str {
    match error {
        PluginError::Rejected(_) => "rejected",
        PluginError::Trapped { .. } => "trapped",
        PluginError::Deadline { .. } => "deadline",
        PluginError::Limit { .. } => "limit",
        PluginError::Invalid { .. } => "invalid",
        PluginError::Busy => "busy",
    }
}

/// Counts the plugins that could not be warmed up: nobody's request failed, but the first one may be slow, or fail alike.
fn count_cold(tenant: &TenantId, plugin: &dyn Plugin, error: &PluginError) {
    let (name, reason) = (plugin.manifest().name.clone(), failure_class(error));
    metrics::counter!("muster_plugin_warm_up_failures_total", "plugin" => name.clone(), "reason" => reason)
        .increment(1);
    tracing::info!(tenant.id = %tenant, plugin.name = %name, reason, error = %error, "a plugin could not be warmed up");
}

#[cfg(test)]
mod tests {
    use muster_plugin::{AdoptionPolicy, EventSet};
    use serde_json::json;

    use super::*;

    const OWN: &str = "urn:example:own:2.0:User";
    const PLUGINS: &str = "urn:example:plugin:2.0:User";

    fn extension(urn: &str) -> Declarations {
        let schema = json!({ "id": urn, "attributes": [{ "name": "badge" }, { "name": "pin", "required": true }] });
        serde_json::from_value(json!({ "extensions": [{ "resourceType": "User", "schema": schema }] })).unwrap()
    }

    /// A plugin of users that reads and retains these, and declares this.
    fn manifest(reads: &[&str], retains: &[&str], declarations: Declarations) -> Manifest {
        let path = |text: &&str| AttrPath::parse(text, &|urn| urn == PLUGINS).unwrap();
        let plan = ResourcePlan {
            kind: Kind::User,
            attributes: reads.iter().map(path).collect(),
            retained: retains.iter().map(path).collect(),
            plans_on: EventSet::default(),
        };
        Manifest {
            contract: "0.2.0",
            name: "test".into(),
            version: "1.0.0".into(),
            base_path: "/scim/v2".into(),
            resources: vec![plan],
            declarations,
            states: vec!["active".into()],
            adoption: AdoptionPolicy::Refuse,
            config_schema: None,
            wants: Vec::new(),
            calls_per_instance: 1,
        }
    }

    /// The attributes of an extension of users, as they are kept.
    fn kept(manifest: &Manifest, own: &Declarations, urn: &str) -> Option<Vec<String>> {
        let Registries { accepted, served, .. } = registries(manifest, &HostSettings::default(), own).unwrap();
        assert!(accepted.get("User").unwrap().extension(urn).is_some(), "all of it may be sent");
        let extension = served.get("User").unwrap().extension(urn)?;
        Some(extension.attributes.iter().map(|attribute| attribute.name.clone()).collect())
    }

    #[test]
    fn what_the_operator_declares_is_kept_whatever_the_plugin_retains() {
        let own = extension(OWN);
        let both = Some(vec!["badge".to_owned(), "pin".to_owned()]);
        assert_eq!(kept(&manifest(&[], &["userName"], Declarations::default()), &own, OWN), both);
        assert_eq!(kept(&manifest(&[], &[], Declarations::default()), &own, OWN), both);
    }

    #[test]
    fn what_the_plugin_declares_is_kept_as_it_retains() {
        let with = |retains: &[&str]| kept(&manifest(&[], retains, extension(PLUGINS)), &extension(OWN), PLUGINS);
        let both = Some(vec!["badge".to_owned(), "pin".to_owned()]);
        assert_eq!(with(&[]), both);
        assert_eq!(with(&["userName", PLUGINS]), both);
        assert_eq!(with(&["userName"]), Some(vec!["pin".to_owned()]), "without what is required nothing could be sent");
    }

    #[test]
    fn what_the_plugin_declares_cannot_be_declared_again() {
        let manifest = manifest(&[], &[], extension(PLUGINS));
        let refused = registries(&manifest, &HostSettings::default(), &extension(PLUGINS)).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("the declarations of the tenant: {PLUGINS}: ")), "{refused}");
    }

    #[test]
    fn a_state_that_no_account_can_have_is_refused_by_name() {
        let manifest = manifest(&[], &[], Declarations::default());
        let checked = |state: &str| {
            let states = vec![state.to_owned()];
            knows_states(&manifest, &HostSettings { users_inactive_states: states, ..HostSettings::default() })
        };
        checked("active").unwrap();
        let refused = checked("invited").unwrap_err().to_string();
        assert_eq!(refused, "the host setting users.inactive-states names `invited`, which is no state of the plugin");
    }

    #[test]
    fn passwords_are_for_those_who_name_them() {
        assert!(reads_password(&manifest(&["userName", "Password"], &[], Declarations::default())));
        assert!(!reads_password(&manifest(&["userName"], &[], Declarations::default())));
    }

    #[test]
    fn a_profile_that_is_not_there_is_told_with_those_that_are() {
        assert_eq!(profile("default").unwrap(), Profile::default());
        let refused = profile("nobody").unwrap_err().to_string();
        assert!(refused.starts_with("there is no profile nobody; there are: default, "), "{refused}");
        assert!(refused.contains("strict-rfc"), "{refused}");
    }
}

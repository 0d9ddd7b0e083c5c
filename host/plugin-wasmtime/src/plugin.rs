//! A loaded plugin: the port's calls, each on an instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jsonschema::Validator;
use muster_model::{Account, Event, Field, PluginDigest, ResourceId};
use muster_plugin::{
    Call, Decision, Errand, Kind, LoadError, Manifest, Performed, PlanChange, PlannedTask, Plugin, PluginError,
    PluginLog, Problem, Roles,
};
use muster_protocol::Document;
use muster_protocol::schema::{Declarations, ResourceTypeDef};
use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::answer::Reader;
use crate::bindings::v1::exports::muster::plugin::{about, adoption, lifecycle};
use crate::bindings::v1::muster::plugin::types;
use crate::check::Interfaces;
use crate::config_problems::{self, masked};
use crate::delivery::Delivery;
use crate::exports::Exports;
use crate::instance::{CallState, Function, Live, Ready};
use crate::limits::{ABOUT_DEADLINE_MS, MAX_CALLS_PER_INSTANCE, MAX_PROBLEMS, MAX_STRING_BYTES};
use crate::manifest::{self, Checked};
use crate::params::{self, Lent};
use crate::shelf::Shelf;
use crate::slots::{Slot, flatten};
use crate::warm_up::sample;

const DESCRIBE: Function = Function::new("about.describe", ABOUT_DEADLINE_MS);
const DECLARE: Function = Function::new("schemas.declare", ABOUT_DEADLINE_MS);
const CHECK_CONFIG: Function = Function::new("about.check-config", ABOUT_DEADLINE_MS);
const HOST_SETTINGS: Function = Function::new("about.host-settings", ABOUT_DEADLINE_MS);
const TO_ACCOUNT: Function = Function::of_requests("mapping.to-account");
const PLAN: Function = Function::of_requests("lifecycle.plan");
const ON_SIGNAL: Function = Function::of_requests("lifecycle.on-signal");
const DECIDE: Function = Function::of_requests("adoption.decide");

pub(crate) struct WasmtimePlugin {
    ready: Ready,
    roles: Roles,
    manifest: Manifest,
    exports: Exports,
    /// The role that waits, on an engine of its own.
    delivery: Option<Delivery>,
    /// What crosses of each kind that it serves, and that kind as it can be.
    kinds: Vec<(Kind, Vec<Slot>, Arc<ResourceTypeDef>)>,
    schema: Option<Validator>,
    /// Whether its code has been run once.
    is_warm: AtomicBool,
}

impl WasmtimePlugin {
    /// Looks the exports up, and lets the plugin describe itself.
    pub(crate) fn load(
        pre: InstancePre<CallState>,
        delivery: Option<Delivery>,
        digest: PluginDigest,
        interfaces: Interfaces,
        shelf: Arc<Shelf<Live>>,
        log: Option<Arc<dyn PluginLog>>,
    ) -> Result<Self, LoadError> {
        let Interfaces { contract, roles, .. } = interfaces;
        let exports = Exports::find(pre.component(), contract, roles)?;
        let mut ready = Ready::new(pre, digest, shelf, log);
        // On one instance: that each role's functions have the contract's types, and what the plugin says of itself.
        let described = ready.run(DESCRIBE, None, |store, instance| match exports.check(store, instance) {
            Ok(()) => exports.describe(store, instance).map(Ok),
            Err(error) => Ok(Err(misfit(&error))),
        });
        let described = described.map_err(LoadError::Describe)??;
        let declarations = declared(&ready, &exports)?;
        let Checked { manifest, registry, slots, schema } =
            manifest::check(described, declarations, interfaces).map_err(LoadError::Manifest)?;
        ready.name = Arc::from(manifest.name.as_str());
        let delivery = delivery.map(|delivery| delivery.named(&manifest.name));
        ready.calls_per_instance = manifest.calls_per_instance.min(MAX_CALLS_PER_INSTANCE);

        let kinds = slots
            .into_iter()
            .filter_map(|(kind, slots)| Some((kind, slots, registry.get(kind.resource_type())?.clone())));
        let is_warm = AtomicBool::new(false);
        Ok(Self { kinds: kinds.collect(), ready, roles, manifest, exports, delivery, schema, is_warm })
    }

    fn kind(&self, kind: Kind) -> Option<(&[Slot], &ResourceTypeDef)> {
        let (_, slots, def) = self.kinds.iter().find(|(served, _, _)| *served == kind)?;
        Some((slots, def))
    }

    fn map(
        &self,
        function: Function,
        call: &Call<'_>,
        (kind, id): (Kind, ResourceId),
        document: &Document,
        current: Option<&Account>,
    ) -> Result<Account, PluginError> {
        let Some(mapping) = &self.exports.mapping else {
            return Ok(current.cloned().unwrap_or_else(Account::unmapped));
        };
        let crossings = self.kind(kind).map(|(slots, _)| flatten(slots, document)).unwrap_or_default();
        let attributes = params::attributes(&crossings);
        let current = current.map(Lent::new);
        let id = id.to_string();
        let to_account = |store: &mut Store<CallState>, instance: &Instance| {
            let current = current.as_ref().map(Lent::param);
            let function = mapping.to_account(store, instance)?;
            let params = (params::context(call), params::kind(kind), id.as_str(), attributes.as_slice(), current);
            Ok(function.call(store, params)?.0)
        };
        self.ready.run_and_read(function, Some(call), to_account, |answer| self.account(function, kind, answer))
    }

    fn plan_tasks(
        &self,
        function: Function,
        call: &Call<'_>,
        change: &PlanChange<'_>,
    ) -> Result<Vec<PlannedTask>, PluginError> {
        let wanted = self.manifest.resource(change.kind).is_some_and(|plan| plan.plans_on.has(change.event));
        let (Some(lifecycle), true) = (&self.exports.lifecycle, wanted) else { return Ok(Vec::new()) };
        let id = change.id.to_string();
        let member = change.member.map(|member| member.to_string());
        let (before, after) = (change.before.map(Lent::new), change.after.map(Lent::new));
        let plan = |store: &mut Store<CallState>, instance: &Instance| {
            let change = lifecycle::Change {
                event: params::event(change.event),
                kind: params::kind(change.kind),
                id: &id,
                before: before.as_ref().map(Lent::param),
                after: after.as_ref().map(Lent::param),
                member: member.as_deref(),
                signal: change.signal,
            };
            Ok(lifecycle.plan(store, instance)?.call(store, (params::context(call), change))?.0)
        };
        self.ready.run_and_read(function, Some(call), plan, |answer| match answer {
            Ok(tasks) => Reader::default()
                .tasks(tasks)
                .map_err(|problem| PluginError::Invalid { function: function.name, problem }),
            Err(rejection) => Err(rejected(function, rejection)),
        })
    }

    /// The way of a resource that comes and changes, once, for nobody.
    fn run_once(&self, call: &Call<'_>, kind: Kind) -> Result<(), PluginError> {
        let (document, id) = (sample(kind), ResourceId::from_bytes([0; 16]));
        let (to_account, plan) = (TO_ACCOUNT.to_warm_up(), PLAN.to_warm_up());
        let account = self.map(to_account, call, (kind, id), &document, None)?;
        let after = self.map(to_account, call, (kind, id), &document, Some(&account))?;
        for (event, before) in [(Event::Created, None), (Event::Updated, Some(&account))] {
            let change = PlanChange { event, kind, id, before, after: Some(&after), member: None, signal: None };
            self.plan_tasks(plan, call, &change)?;
        }
        Ok(())
    }

    fn account(
        &self,
        function: Function,
        kind: Kind,
        answer: Result<types::AccountResult, types::Rejection>,
    ) -> Result<Account, PluginError> {
        let invalid = |problem| PluginError::Invalid { function: function.name, problem };
        let mut reader = Reader::default();
        match answer {
            Ok(account) => {
                let def = self.kind(kind).map(|(_, def)| def);
                reader.account(account, &self.manifest.states, def).map_err(invalid)
            }
            Err(rejection) => Err(rejected(function, rejection)),
        }
    }
}

/// What a plugin with the role `schemas` declares; the others declare nothing.
fn declared(ready: &Ready, exports: &Exports) -> Result<Declarations, LoadError> {
    let Some(schemas) = &exports.schemas else { return Ok(Declarations::default()) };
    let answer = ready.run(DECLARE, None, |store, instance| match schemas.declare(store, instance) {
        Ok(function) => Ok(Ok(function.call(store, ())?.0)),
        Err(error) => Ok(Err(misfit(&error))),
    });
    let text = answer.map_err(LoadError::Describe)??;
    manifest::declarations(&text).map_err(LoadError::Manifest)
}

/// Its exports have the contract's names, and other types.
fn misfit(error: &wasmtime::Error) -> LoadError {
    LoadError::Contract(format!("{error:#}"))
}

fn rejected(function: Function, rejection: types::Rejection) -> PluginError {
    match Reader::default().rejection(rejection) {
        Ok(rejection) => PluginError::Rejected(rejection),
        Err(problem) => PluginError::Invalid { function: function.name, problem },
    }
}

#[async_trait]
impl Plugin for WasmtimePlugin {
    fn digest(&self) -> PluginDigest {
        self.ready.digest
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn roles(&self) -> Roles {
        self.roles
    }

    fn check_config(&self, call: &Call<'_>) -> Result<Vec<Problem>, PluginError> {
        let schema = self.manifest.config_schema.as_ref();
        if let (Some(validator), Some(schema)) = (&self.schema, schema) {
            let problems = config_problems::of(validator, schema, call.config);
            if !problems.is_empty() {
                return Ok(problems);
            }
        }
        let config = call.config.to_string();
        let answer = self.ready.run(CHECK_CONFIG, Some(call), |store, instance| {
            Ok(self.exports.check_config(store, instance)?.call(store, (config.as_str(),))?.0)
        })?;
        let Err(problems) = answer else { return Ok(Vec::new()) };
        let mut reader = Reader::default();
        let checked = |problem: about::Problem| {
            reader.text(&problem.pointer, MAX_STRING_BYTES, "a problem's pointer")?;
            reader.text(&problem.message, MAX_STRING_BYTES, "a problem's message")?;
            Ok(masked(Problem { pointer: problem.pointer, message: problem.message }, schema, call.config))
        };
        let problems: Result<Vec<_>, _> = problems.into_iter().take(MAX_PROBLEMS).map(checked).collect();
        match problems {
            Ok(problems) if problems.is_empty() => {
                let problem = "it refuses the configuration and names no problem".to_owned();
                Err(PluginError::Invalid { function: CHECK_CONFIG.name, problem })
            }
            Ok(problems) => Ok(problems),
            Err(problem) => Err(PluginError::Invalid { function: CHECK_CONFIG.name, problem }),
        }
    }

    fn shown_config(&self, config: &Value) -> Value {
        match &self.manifest.config_schema {
            Some(schema) => config_problems::shown(schema, config),
            None => config.clone(),
        }
    }

    fn host_settings(&self, call: &Call<'_>) -> Result<Vec<Field>, PluginError> {
        let config = call.config.to_string();
        let settings = self.ready.run(HOST_SETTINGS, Some(call), |store, instance| {
            Ok(self.exports.host_settings(store, instance)?.call(store, (config.as_str(),))?.0)
        })?;
        let fields = Reader::default().fields(settings, "settings");
        fields.map_err(|problem| PluginError::Invalid { function: HOST_SETTINGS.name, problem })
    }

    fn memory_high_water(&self) -> usize {
        let delivery = self.delivery.as_ref().map_or(0, Delivery::memory_high_water);
        self.ready.memory.load(Ordering::Relaxed).max(delivery)
    }

    fn warm_up(&self, call: &Call<'_>) -> Result<(), PluginError> {
        // The code is the same for every tenant.
        if self.is_warm.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let mut outcome = Ok(());
        for (kind, _, _) in &self.kinds {
            match self.run_once(call, *kind) {
                // A sample is nobody: that it is not wanted is no fault.
                Ok(()) | Err(PluginError::Rejected(_)) => {}
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    fn to_account(
        &self,
        call: &Call<'_>,
        kind: Kind,
        id: ResourceId,
        document: &Document,
        current: Option<&Account>,
    ) -> Result<Account, PluginError> {
        self.map(TO_ACCOUNT, call, (kind, id), document, current)
    }

    fn plan(&self, call: &Call<'_>, change: &PlanChange<'_>) -> Result<Vec<PlannedTask>, PluginError> {
        self.plan_tasks(PLAN, call, change)
    }

    fn on_signal(
        &self,
        call: &Call<'_>,
        id: ResourceId,
        name: &str,
        payload: &Value,
        current: &Account,
    ) -> Result<Account, PluginError> {
        let Some(lifecycle) = &self.exports.lifecycle else { return Ok(current.clone()) };
        let id = id.to_string();
        let payload = payload.to_string();
        let current = Lent::new(current);
        let on_signal = |store: &mut Store<CallState>, instance: &Instance| {
            let function = lifecycle.on_signal(store, instance)?;
            let params = (params::context(call), id.as_str(), name, payload.as_str(), current.param());
            Ok(function.call(store, params)?.0)
        };
        self.ready.run_and_read(ON_SIGNAL, Some(call), on_signal, |answer| self.account(ON_SIGNAL, Kind::User, answer))
    }

    fn decide(&self, call: &Call<'_>, document: &Document, existing: &Account) -> Result<Decision, PluginError> {
        let Some(role) = &self.exports.adoption else { return Ok(Decision::Hide) };
        let crossings = self.kind(Kind::User).map(|(slots, _)| flatten(slots, document)).unwrap_or_default();
        let attributes = params::attributes(&crossings);
        let existing = Lent::new(existing);
        let decide = |store: &mut Store<CallState>, instance: &Instance| {
            let params = (params::context(call), attributes.as_slice(), existing.param());
            Ok(role.decide(store, instance)?.call(store, params)?.0)
        };
        self.ready.run_and_read(DECIDE, Some(call), decide, |answer| match answer {
            adoption::Decision::Link => Ok(Decision::Link),
            adoption::Decision::Hide => Ok(Decision::Hide),
            adoption::Decision::Refuse(detail) => {
                let invalid = |problem| PluginError::Invalid { function: DECIDE.name, problem };
                Reader::default().detail(detail, "the detail of a refusal").map(Decision::Refuse).map_err(invalid)
            }
        })
    }

    async fn perform(&self, call: &Call<'_>, errand: Errand<'_>) -> Performed {
        match &self.delivery {
            Some(delivery) => delivery.perform(call, errand).await,
            None => Performed::failed("the plugin does not export delivery: nobody carries this task out"),
        }
    }
}

impl std::fmt::Debug for WasmtimePlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmtimePlugin")
            .field("name", &self.manifest.name)
            .field("version", &self.manifest.version)
            .field("digest", &self.ready.digest)
            .finish_non_exhaustive()
    }
}

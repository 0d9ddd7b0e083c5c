//! The functions that a component exports: found once, by the names that its version of the contract has for them. What they take and
//! answer is the same in every version, but for `describe`.

use muster_plugin::{LoadError, Role, Roles};
use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc};

use crate::bindings::v1::exports::muster::plugin::{about, adoption, lifecycle};
use crate::bindings::v1::muster::plugin::types::{
    AccountParam, AccountResult, Attribute, Context, FieldResult, Kind, Rejection, TaskResult,
};
use crate::bindings::v2;
use crate::check::Contract;
use crate::instance::CallState;

type Found<P, R> = wasmtime::Result<TypedFunc<P, (R,)>>;

/// Where the functions stand that are called.
pub(crate) struct Exports {
    contract: Contract,
    describe: ComponentExportIndex,
    check_config: ComponentExportIndex,
    host_settings: ComponentExportIndex,
    pub(crate) schemas: Option<Schemas>,
    pub(crate) mapping: Option<Mapping>,
    pub(crate) lifecycle: Option<Lifecycle>,
    pub(crate) adoption: Option<Adoption>,
}

pub(crate) struct Schemas {
    declare: ComponentExportIndex,
}

pub(crate) struct Mapping {
    to_account: ComponentExportIndex,
}

pub(crate) struct Lifecycle {
    plan: ComponentExportIndex,
    on_signal: ComponentExportIndex,
}

pub(crate) struct Adoption {
    decide: ComponentExportIndex,
}

/// What a plugin says of itself, by its version of the contract.
pub(crate) enum Described {
    V1(about::Manifest),
    V2(v2::Manifest),
}

impl Exports {
    pub(crate) fn find(component: &Component, contract: Contract, roles: Roles) -> Result<Self, LoadError> {
        let at = |interface: &str, function: &str| {
            let name = contract.interface(interface);
            let found = component.get_export_index(None, &name);
            let found = found.and_then(|instance| component.get_export_index(Some(&instance), function));
            found.ok_or_else(|| LoadError::Contract(format!("its {name} does not export {function}")))
        };
        let schemas = || Ok::<_, LoadError>(Schemas { declare: at("schemas", "declare")? });
        let mapping = || Ok::<_, LoadError>(Mapping { to_account: at("mapping", "to-account")? });
        let lifecycle = || {
            let (plan, on_signal) = (at("lifecycle", "plan")?, at("lifecycle", "on-signal")?);
            Ok::<_, LoadError>(Lifecycle { plan, on_signal })
        };
        let adoption = || Ok::<_, LoadError>(Adoption { decide: at("adoption", "decide")? });
        // It is called on an engine of its own, which finds it there; what is pushed is whole all the same.
        if roles.has(Role::Delivery) {
            at("delivery", "perform")?;
        }
        Ok(Self {
            contract,
            describe: at("about", "describe")?,
            check_config: at("about", "check-config")?,
            host_settings: at("about", "host-settings")?,
            schemas: roles.has(Role::Schemas).then(schemas).transpose()?,
            mapping: roles.has(Role::Mapping).then(mapping).transpose()?,
            lifecycle: roles.has(Role::Lifecycle).then(lifecycle).transpose()?,
            adoption: roles.has(Role::Adoption).then(adoption).transpose()?,
        })
    }

    /// That the functions have the contract's types: to be asked before one of them is called.
    pub(crate) fn check(&self, store: &mut Store<CallState>, instance: &Instance) -> wasmtime::Result<()> {
        match self.contract {
            Contract::V1 => typed::<(), (about::Manifest,)>(store, instance, &self.describe).map(drop)?,
            Contract::V2 => typed::<(), (v2::Manifest,)>(store, instance, &self.describe).map(drop)?,
        }
        self.check_config(store, instance)?;
        self.host_settings(store, instance)?;
        if let Some(mapping) = &self.mapping {
            mapping.to_account(store, instance)?;
        }
        if let Some(lifecycle) = &self.lifecycle {
            lifecycle.plan(store, instance)?;
            lifecycle.on_signal(store, instance)?;
        }
        if let Some(adoption) = &self.adoption {
            adoption.decide(store, instance)?;
        }
        Ok(())
    }

    pub(crate) fn describe(&self, store: &mut Store<CallState>, instance: &Instance) -> wasmtime::Result<Described> {
        match self.contract {
            Contract::V1 => {
                let function = typed::<(), (about::Manifest,)>(store, instance, &self.describe)?;
                Ok(Described::V1(function.call(store, ())?.0))
            }
            Contract::V2 => {
                let function = typed::<(), (v2::Manifest,)>(store, instance, &self.describe)?;
                Ok(Described::V2(function.call(store, ())?.0))
            }
        }
    }

    pub(crate) fn check_config<'a>(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Found<(&'a str,), Result<(), Vec<about::Problem>>> {
        typed(store, instance, &self.check_config)
    }

    pub(crate) fn host_settings<'a>(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Found<(&'a str,), Vec<FieldResult>> {
        typed(store, instance, &self.host_settings)
    }
}

impl Schemas {
    pub(crate) fn declare(&self, store: &mut Store<CallState>, instance: &Instance) -> Found<(), String> {
        typed(store, instance, &self.declare)
    }
}

impl Mapping {
    #[expect(clippy::type_complexity, reason = "it is the function's signature in the contract")]
    pub(crate) fn to_account<'a>(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Found<
        (Context<'a>, Kind, &'a str, &'a [Attribute<'a>], Option<AccountParam<'a>>),
        Result<AccountResult, Rejection>,
    > {
        typed(store, instance, &self.to_account)
    }
}

impl Lifecycle {
    pub(crate) fn plan<'a>(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Found<(Context<'a>, lifecycle::Change<'a>), Result<Vec<TaskResult>, Rejection>> {
        typed(store, instance, &self.plan)
    }

    #[expect(clippy::type_complexity, reason = "it is the function's signature in the contract")]
    pub(crate) fn on_signal<'a>(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Found<(Context<'a>, &'a str, &'a str, &'a str, AccountParam<'a>), Result<AccountResult, Rejection>> {
        typed(store, instance, &self.on_signal)
    }
}

impl Adoption {
    pub(crate) fn decide<'a>(
        &self,
        store: &mut Store<CallState>,
        instance: &Instance,
    ) -> Found<(Context<'a>, &'a [Attribute<'a>], AccountParam<'a>), adoption::Decision> {
        typed(store, instance, &self.decide)
    }
}

fn typed<P: ComponentNamedList + Lower, R: ComponentNamedList + Lift>(
    store: &mut Store<CallState>,
    instance: &Instance,
    index: &ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<P, R>> {
    instance.get_typed_func(store, index)
}

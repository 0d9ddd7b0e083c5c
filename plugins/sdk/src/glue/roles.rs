use super::about::exports::muster::plugin::about;
use super::adoption::exports::muster::plugin::adoption;
use super::convert::{all, events};
use super::delivery::exports::muster::plugin::delivery;
use super::lifecycle::exports::muster::plugin::lifecycle;
use super::mapping::exports::muster::plugin::mapping;
use super::schemas::exports::muster::plugin::schemas;
use super::{Glue, enter, input, types};
use crate::delivery::Outcome;
use crate::manifest::Wanted;
use crate::{Adoption, Change, Config, Decision, Plugin, Problem, Resource, Setting, Signal, Want};

impl<T: Plugin> about::Guest for Glue<T> {
    fn describe() -> about::Manifest {
        let manifest = T::MANIFEST;
        let user = manifest.user.map(|resource| resource_plan(types::Kind::User, resource));
        let group = manifest.group.map(|resource| resource_plan(types::Kind::Group, resource));
        about::Manifest {
            name: manifest.name.to_owned(),
            version: manifest.version.to_owned(),
            base_path: manifest.base_path.to_owned(),
            resources: user.into_iter().chain(group).collect(),
            states: owned(manifest.states),
            adoption: match manifest.adoption {
                Adoption::Link => about::AdoptionPolicy::Link,
                Adoption::Refuse => about::AdoptionPolicy::Refuse,
                Adoption::Hide => about::AdoptionPolicy::Hide,
                Adoption::Ask => about::AdoptionPolicy::Ask,
            },
            config_schema: manifest.config_schema.to_owned(),
            wants: manifest.wants.iter().map(Into::into).collect(),
            calls_per_instance: manifest.calls_per_instance,
        }
    }

    fn check_config(_: String) -> Result<(), Vec<about::Problem>> {
        let problems = enter(|| T::check_config(&Config {}));
        let told = |Problem { pointer, message }: Problem| about::Problem { pointer, message };
        if problems.is_empty() { Ok(()) } else { Err(problems.into_iter().map(told).collect()) }
    }

    fn host_settings(_: String) -> Vec<types::Field> {
        let field =
            |Setting { name, value }: Setting| Some(types::Field { name: name.to_owned(), value: value?.into() });
        enter(|| T::host_settings(&Config {})).into_iter().filter_map(field).collect()
    }
}

fn resource_plan(kind: types::Kind, resource: Resource) -> about::ResourcePlan {
    about::ResourcePlan {
        kind,
        attributes: owned(resource.attributes),
        retained: owned(resource.retained),
        plans_on: events(resource.plans_on),
    }
}

impl From<&Want> for about::Want {
    fn from(want: &Want) -> Self {
        let (kind, name) = match want.what {
            Wanted::Origin(origin) => (about::WantKind::Origin, origin),
            Wanted::Secret(name) => (about::WantKind::Secret, name),
            Wanted::State => (about::WantKind::State, ""),
        };
        Self { kind, name: name.to_owned(), why: want.why.to_owned() }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

impl<T: Plugin> schemas::Guest for Glue<T> {
    fn declare() -> String {
        T::MANIFEST.declarations.to_owned()
    }
}

impl<T: Plugin> mapping::Guest for Glue<T> {
    fn to_account(
        ctx: types::Context,
        kind: types::Kind,
        id: String,
        attributes: Vec<types::Attribute>,
        current: Option<types::Account>,
    ) -> Result<types::Account, types::Rejection> {
        let input = input::<T>(kind, id, attributes, current);
        Ok(enter(|| T::map(&input, &ctx.into()))?.into())
    }
}

impl<T: Plugin> lifecycle::Guest for Glue<T> {
    fn plan(ctx: types::Context, change: lifecycle::Change) -> Result<Vec<types::Task>, types::Rejection> {
        let change = Change {
            event: change.event.into(),
            kind: change.kind.into(),
            id: change.id,
            before: change.before.map(Into::into),
            after: change.after.map(Into::into),
            member: change.member,
            signal: change.signal,
        };
        Ok(all(enter(|| T::plan(&change, &ctx.into()))?))
    }

    fn on_signal(
        ctx: types::Context,
        id: String,
        name: String,
        payload: String,
        current: types::Account,
    ) -> Result<types::Account, types::Rejection> {
        let signal = Signal { id, name, payload };
        Ok(enter(|| T::on_signal(&signal, current.into(), &ctx.into()))?.into())
    }
}

impl<T: Plugin> adoption::Guest for Glue<T> {
    fn decide(ctx: types::Context, attributes: Vec<types::Attribute>, existing: types::Account) -> adoption::Decision {
        let input = input::<T>(types::Kind::User, String::new(), attributes, None);
        match enter(|| T::decide(&input, &existing.into(), &ctx.into())) {
            Decision::Link => adoption::Decision::Link,
            Decision::Refuse(detail) => adoption::Decision::Refuse(detail),
            Decision::Hide => adoption::Decision::Hide,
        }
    }
}

impl<T: Plugin> delivery::Guest for Glue<T> {
    fn perform(ctx: types::Context, task: types::Task, attempt: u32) -> delivery::Outcome {
        match enter(|| T::perform(&task.into(), attempt, &ctx.into())) {
            Outcome::Done => delivery::Outcome::Done,
            Outcome::Retry { reason, after_ms } => delivery::Outcome::Retry(delivery::Again { reason, after_ms }),
            Outcome::Failed(reason) => delivery::Outcome::Failed(reason),
        }
    }
}

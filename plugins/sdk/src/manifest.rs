use crate::value::{IntoValue, Value};
use crate::{Event, Kind};

/// What the plugin is and wants: made at compile time, with a line for each thing that is not the default.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "the host reads it, through the component's exports")
)]
pub struct Manifest {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) base_path: &'static str,
    pub(crate) user: Option<Resource>,
    pub(crate) group: Option<Resource>,
    pub(crate) states: &'static [&'static str],
    pub(crate) adoption: Adoption,
    pub(crate) config_schema: &'static str,
    pub(crate) declarations: &'static str,
    pub(crate) wants: &'static [Want],
    pub(crate) calls_per_instance: u32,
}

/// What happens when an account that SCIM does not manage holds one of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// The SCIM user takes the account over.
    Link,
    /// The identity provider is told 409.
    Refuse,
    /// As [`Adoption::Refuse`], and a lookup by an identity provider does not find the account.
    Hide,
    /// [`Plugin::decide`](crate::Plugin::decide) is called.
    Ask,
}

impl Manifest {
    /// A plugin that serves nothing yet: under `/scim/v2`, with the states `active` and `disabled`, without configuration; accounts
    /// made by hand are refused. The name is of lower-case letters, digits and `-`, the version is semver.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            base_path: "/scim/v2",
            user: None,
            group: None,
            states: &["active", "disabled"],
            adoption: Adoption::Refuse,
            config_schema: "",
            declarations: "",
            wants: &[],
            calls_per_instance: 1,
        }
    }

    /// Where the vendor's customers expect SCIM.
    #[must_use]
    pub const fn base_path(mut self, path: &'static str) -> Self {
        self.base_path = path;
        self
    }

    /// Serves users.
    #[must_use]
    pub const fn user(mut self, resource: Resource) -> Self {
        self.user = Some(resource);
        self
    }

    /// Serves groups.
    #[must_use]
    pub const fn group(mut self, resource: Resource) -> Self {
        self.group = Some(resource);
        self
    }

    /// The states that its accounts can have.
    #[must_use]
    pub const fn states(mut self, states: &'static [&'static str]) -> Self {
        self.states = states;
        self
    }

    /// What happens to accounts made by hand.
    #[must_use]
    pub const fn adoption(mut self, policy: Adoption) -> Self {
        self.adoption = policy;
        self
    }

    /// The JSON Schema 2020-12 of its configuration.
    #[must_use]
    pub const fn config_schema(mut self, schema: &'static str) -> Self {
        self.config_schema = schema;
        self
    }

    /// What its customers may send beside RFC 7643: extensions and resource types of its own, as the contract's interface `schemas` writes
    /// them. `include_str!("schemas.json")` is a good place; exported by the forms of [`export!`](crate::export) that end with `schemas`.
    #[must_use]
    pub const fn declares(mut self, declarations: &'static str) -> Self {
        self.declarations = declarations;
        self
    }

    /// Whether it declares anything: the exports must then say so, and only then.
    #[doc(hidden)]
    pub const fn is_declaring(&self) -> bool {
        !self.declarations.is_empty()
    }

    /// What [`Plugin::perform`](crate::Plugin::perform) touches beside its arguments. Each tenant's operator has to grant it.
    #[must_use]
    pub const fn wants(mut self, wants: &'static [Want]) -> Self {
        self.wants = wants;
        self
    }

    /// One instance may serve so many calls of a tenant, one after the other: for a plugin that makes something expensive of its
    /// configuration and keeps it. Without it every call has a fresh one, which takes microseconds, and nothing can be left behind.
    #[must_use]
    pub const fn calls_per_instance(mut self, calls: u32) -> Self {
        self.calls_per_instance = calls;
        self
    }

    /// The attributes that it reads of one kind, in the order of their slots.
    pub(crate) const fn names(&self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::User => Self::names_of(self.user.as_ref()),
            Kind::Group => Self::names_of(self.group.as_ref()),
        }
    }

    const fn names_of(resource: Option<&Resource>) -> &'static [&'static str] {
        match resource {
            Some(resource) => resource.attributes,
            None => &[],
        }
    }
}

/// One thing that a plugin wants beside pure mapping, and what for. The operator who grants it reads that sentence: say what would not
/// happen without it.
///
/// ```
/// # use muster_plugin_sdk::{Manifest, Want};
/// const MANIFEST: Manifest = Manifest::new("acme", "1.0.0").wants(&[
///     Want::origin("https://api.acme.example", "invitations are sent there"),
///     Want::secret("api-key", "Acme asks for it with each request"),
///     Want::state("the ids that Acme gives to users are kept"),
/// ]);
/// ```
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "the host reads it, through the component's exports")
)]
pub struct Want {
    pub(crate) what: Wanted,
    pub(crate) why: &'static str,
}

#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "the host reads it, through the component's exports")
)]
pub(crate) enum Wanted {
    Origin(&'static str),
    Secret(&'static str),
    State,
}

impl Want {
    /// To call an origin: `https://api.example.com`, or `https://*.example.com` for all hosts below one.
    pub const fn origin(origin: &'static str, why: &'static str) -> Self {
        Self { what: Wanted::Origin(origin), why }
    }

    /// To send the secret of this name.
    pub const fn secret(name: &'static str, why: &'static str) -> Self {
        Self { what: Wanted::Secret(name), why }
    }

    /// To remember something with the functions `state_...` of [`delivery`](crate::delivery). Whoever calls them must want it, and nobody else can.
    pub const fn state(why: &'static str) -> Self {
        Self { what: Wanted::State, why }
    }
}

/// What the plugin reads and keeps of users, or of groups.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    pub(crate) attributes: &'static [&'static str],
    pub(crate) retained: &'static [&'static str],
    pub(crate) plans_on: &'static [Event],
}

impl Resource {
    /// Reads these SCIM paths (`userName`, `name.givenName`, `emails.value`, `urn:...:User:department`), keeps everything that the
    /// identity provider sends, and plans nothing.
    pub const fn reads(attributes: &'static [&'static str]) -> Self {
        Self { attributes, retained: &[], plans_on: &[] }
    }

    /// Keeps only these SCIM paths; the rest is neither stored nor announced.
    #[must_use]
    pub const fn retains(mut self, retained: &'static [&'static str]) -> Self {
        self.retained = retained;
        self
    }

    /// Calls [`Plugin::plan`](crate::Plugin::plan) on these events.
    #[must_use]
    pub const fn plans_on(mut self, events: &'static [Event]) -> Self {
        self.plans_on = events;
        self
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: an RFC 6901 pointer.
    pub pointer: String,
    /// What: one sentence for the operator.
    pub message: String,
}

impl Problem {
    /// This, there.
    pub fn new(pointer: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), message: message.into() }
    }
}

/// One setting of the host's own part of the work.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// One of the names in the contract's table.
    pub name: &'static str,
    /// `None`: as the host does it by itself.
    pub value: Option<Value>,
}

impl Setting {
    /// This setting with this value; `None` leaves it to the host.
    pub fn new(name: &'static str, value: impl IntoValue) -> Self {
        Self { name, value: value.into_value() }
    }
}

use muster_model::{Event, Want};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::Declarations;

/// The kinds of resource that the contract knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `User`
    User,
    /// `Group`
    Group,
}

impl Kind {
    /// `User`, `Group`: the name of the SCIM resource type.
    pub const fn resource_type(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }
}

/// What happens when an account that SCIM does not manage holds one of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdoptionPolicy {
    /// The SCIM user takes it over.
    Link,
    /// 409
    Refuse,
    /// 409, and IdPs do not see it.
    Hide,
    /// The plugin is asked.
    Ask,
}

/// What becomes of an account that was made by hand, when it is asked for ([`AdoptionPolicy::Ask`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The SCIM user takes it over.
    Link,
    /// 409, with this sentence.
    Refuse(String),
    /// 409, and IdPs do not see it.
    Hide,
}

/// A set of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSet(u8);

impl EventSet {
    /// With one more.
    #[must_use]
    pub const fn with(self, event: Event) -> Self {
        Self(self.0 | 1 << event as u8)
    }

    /// Is it in the set?
    pub const fn has(self, event: Event) -> bool {
        self.0 & (1 << event as u8) != 0
    }
}

/// What a plugin reads and keeps of one kind of resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePlan {
    /// The kind.
    pub kind: Kind,
    /// The attributes that cross: the slots, in order.
    pub attributes: Vec<AttrPath>,
    /// The attributes that are stored and announced; empty: all.
    pub retained: Vec<AttrPath>,
    /// When the plugin wants to plan.
    pub plans_on: EventSet,
}

/// One thing beside pure mapping that a plugin wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What.
    pub want: Want,
    /// What for, in the plugin's words; `None`: its version of the contract has no place for them.
    pub why: Option<String>,
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The version of the contract by which it is served.
    pub contract: &'static str,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where its customers expect SCIM; begins with `/`, does not end with one.
    pub base_path: String,
    /// The kinds that it serves.
    pub resources: Vec<ResourcePlan>,
    /// What its customers may send beside RFC 7643: extensions and resource types of its own.
    pub declarations: Declarations,
    /// The states that its accounts can have.
    pub states: Vec<String>,
    /// What happens to accounts made by hand.
    pub adoption: AdoptionPolicy,
    /// The JSON Schema of its configuration; `None`: any object.
    pub config_schema: Option<serde_json::Value>,
    /// What it wants beside pure mapping, each once.
    pub wants: Vec<Wanted>,
    /// How many calls one instance may serve.
    pub calls_per_instance: u32,
}

impl Manifest {
    /// What it says of one kind; `None`: it does not serve it.
    pub fn resource(&self, kind: Kind) -> Option<&ResourcePlan> {
        self.resources.iter().find(|plan| plan.kind == kind)
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where (RFC 6901).
    pub pointer: String,
    /// What.
    pub message: String,
}

/// An exported interface of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Always there.
    About,
    /// Declares extensions and resource types.
    Schemas,
    /// Makes accounts.
    Mapping,
    /// Plans tasks, takes signals.
    Lifecycle,
    /// Decides on accounts made by hand.
    Adoption,
    /// Carries tasks out.
    Delivery,
}

/// What a plugin exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// With one more.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << role as u8)
    }

    /// Is it exported?
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }
}

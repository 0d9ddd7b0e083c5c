use crate::value::{Field, IntoValue, Value, put};
use crate::{Account, Kind};

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is new.
    Created,
    /// It changed, and `active` did not.
    Updated,
    /// `active` became false.
    Deactivated,
    /// `active` became true again.
    Reactivated,
    /// It is gone.
    Deleted,
    /// A group has one more member.
    MemberAdded,
    /// A group has one member fewer.
    MemberRemoved,
    /// The vendor's product reported something.
    Signalled,
}

/// One change of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What happened.
    pub event: Event,
    /// To a user or to a group.
    pub kind: Kind,
    /// To which one: the SCIM id.
    pub id: String,
    /// The account before; `None`: it did not exist.
    pub before: Option<Account>,
    /// The account after; `None`: it does not exist any more.
    pub after: Option<Account>,
    /// The other side of a membership event.
    pub member: Option<String>,
    /// The name of the signal.
    pub signal: Option<String>,
}

impl Change {
    /// The state before, if there was one.
    pub fn state_before(&self) -> Option<&str> {
        self.before.as_ref().map(|account| account.state.as_str())
    }

    /// The state after, if there is one.
    pub fn state_after(&self) -> Option<&str> {
        self.after.as_ref().map(|account| account.state.as_str())
    }
}

/// What the vendor's product reported of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// The SCIM id of the account.
    pub id: String,
    /// `signed-in`, or another word that the vendor and its plugin agree on.
    pub name: String,
    /// JSON.
    pub payload: String,
}

/// One action that must happen after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The same key is never carried out twice for the same change; at most 256 bytes.
    pub idempotency_key: String,
    /// The plugin's own name for what is to be done.
    pub action: String,
    /// With what.
    pub arguments: Vec<Field>,
    /// Whether the tenant's brake may hold it, when too many come at once.
    pub destructive: bool,
}

impl Task {
    /// To do `action` to the record with this id.
    pub fn new(action: &str, id: &str) -> Self {
        Self {
            idempotency_key: format!("{action}:{id}"),
            action: action.to_owned(),
            arguments: Vec::new(),
            destructive: false,
        }
    }

    /// With an argument; `None` is no argument.
    #[must_use]
    pub fn argument(mut self, name: &str, value: impl IntoValue) -> Self {
        put(&mut self.arguments, name, value);
        self
    }

    /// Held by the tenant's brake when too many come at once.
    #[must_use]
    pub fn destructive(mut self) -> Self {
        self.destructive = true;
        self
    }

    /// The argument of this name, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find(|field| field.name == name).and_then(|field| Value::as_text(&field.value))
    }
}

/// What happens to an account that was made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The SCIM user takes it over.
    Link,
    /// 409, with this sentence.
    Refuse(String),
    /// 409, and a lookup does not find it.
    Hide,
}

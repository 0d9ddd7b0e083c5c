use super::{host_log, state, types};
use crate::delivery::StateError;
use crate::input::Crossed;
use crate::log::Level;
use crate::{Account, Event, Field, Key, Kind, Reject, ScimType, Task, Value};

pub(super) fn all<A: Into<B>, B>(list: Vec<A>) -> Vec<B> {
    list.into_iter().map(Into::into).collect()
}

impl From<types::Kind> for Kind {
    fn from(kind: types::Kind) -> Self {
        match kind {
            types::Kind::User => Self::User,
            types::Kind::Group => Self::Group,
        }
    }
}

impl From<types::Value> for Value {
    fn from(value: types::Value) -> Self {
        match value {
            types::Value::Boolean(boolean) => Self::Boolean(boolean),
            types::Value::Integer(integer) => Self::Integer(integer),
            types::Value::Decimal(decimal) => Self::Decimal(decimal),
            types::Value::Text(text) => Self::Text(text),
            types::Value::Json(json) => Self::Json(json),
        }
    }
}

impl From<Value> for types::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Boolean(boolean) => Self::Boolean(boolean),
            Value::Integer(integer) => Self::Integer(integer),
            Value::Decimal(decimal) => Self::Decimal(decimal),
            Value::Text(text) => Self::Text(text),
            Value::Json(json) => Self::Json(json),
        }
    }
}

impl From<types::Attribute> for Crossed {
    fn from(attribute: types::Attribute) -> Self {
        Self { slot: attribute.slot, element: attribute.element, value: attribute.value.into() }
    }
}

impl From<types::Field> for Field {
    fn from(field: types::Field) -> Self {
        Self { name: field.name, value: field.value.into() }
    }
}

impl From<Field> for types::Field {
    fn from(field: Field) -> Self {
        Self { name: field.name, value: field.value.into() }
    }
}

impl From<types::Key> for Key {
    fn from(key: types::Key) -> Self {
        Self { attribute: key.attribute, value: key.value }
    }
}

impl From<Key> for types::Key {
    fn from(key: Key) -> Self {
        Self { attribute: key.attribute, value: key.value }
    }
}

impl From<types::Account> for Account {
    fn from(account: types::Account) -> Self {
        Self { state: account.state, listed: account.listed, keys: all(account.keys), fields: all(account.fields) }
    }
}

impl From<Account> for types::Account {
    fn from(account: Account) -> Self {
        Self { state: account.state, listed: account.listed, keys: all(account.keys), fields: all(account.fields) }
    }
}

impl From<types::Task> for Task {
    fn from(task: types::Task) -> Self {
        Self {
            idempotency_key: task.idempotency_key,
            action: task.action,
            arguments: all(task.arguments),
            destructive: task.destructive,
        }
    }
}

impl From<Task> for types::Task {
    fn from(task: Task) -> Self {
        Self {
            idempotency_key: task.idempotency_key,
            action: task.action,
            arguments: all(task.arguments),
            destructive: task.destructive,
        }
    }
}

impl From<Reject> for types::Rejection {
    fn from(reject: Reject) -> Self {
        Self { status: reject.status, scim_type: reject.scim_type.map(Into::into), detail: reject.detail }
    }
}

impl From<ScimType> for types::ScimType {
    fn from(scim_type: ScimType) -> Self {
        match scim_type {
            ScimType::InvalidFilter => Self::InvalidFilter,
            ScimType::TooMany => Self::TooMany,
            ScimType::Uniqueness => Self::Uniqueness,
            ScimType::Mutability => Self::Mutability,
            ScimType::InvalidSyntax => Self::InvalidSyntax,
            ScimType::InvalidPath => Self::InvalidPath,
            ScimType::NoTarget => Self::NoTarget,
            ScimType::InvalidValue => Self::InvalidValue,
            ScimType::InvalidVers => Self::InvalidVers,
            ScimType::Sensitive => Self::Sensitive,
        }
    }
}

impl From<types::Event> for Event {
    fn from(event: types::Event) -> Self {
        match event {
            types::Event::Created => Self::Created,
            types::Event::Updated => Self::Updated,
            types::Event::Deactivated => Self::Deactivated,
            types::Event::Reactivated => Self::Reactivated,
            types::Event::Deleted => Self::Deleted,
            types::Event::MemberAdded => Self::MemberAdded,
            types::Event::MemberRemoved => Self::MemberRemoved,
            types::Event::Signalled => Self::Signalled,
        }
    }
}

pub(super) fn events(events: &[Event]) -> types::Events {
    events.iter().fold(types::Events::empty(), |set, event| {
        set | match event {
            Event::Created => types::Events::CREATED,
            Event::Updated => types::Events::UPDATED,
            Event::Deactivated => types::Events::DEACTIVATED,
            Event::Reactivated => types::Events::REACTIVATED,
            Event::Deleted => types::Events::DELETED,
            Event::MemberAdded => types::Events::MEMBER_ADDED,
            Event::MemberRemoved => types::Events::MEMBER_REMOVED,
            Event::Signalled => types::Events::SIGNALLED,
        }
    })
}

impl From<Level> for host_log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl From<state::StateError> for StateError {
    fn from(error: state::StateError) -> Self {
        match error {
            state::StateError::Quota => Self::Quota,
            state::StateError::Conflict => Self::Conflict,
            state::StateError::Unavailable => Self::Unavailable,
        }
    }
}

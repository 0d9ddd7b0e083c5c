//! What is handed to a plugin: our values, borrowed as the contract's.

use muster_model::{Account, Event, Field, FieldValue};
use muster_plugin::{Call, Kind};

use crate::bindings::v1::muster::plugin::types;
use crate::instance::now_ms;
use crate::slots::{Crossing, Leaf};

pub(crate) fn context<'a>(call: &Call<'a>) -> types::Context<'a> {
    types::Context { tenant: call.tenant.as_str(), request: &call.request.0, now_ms: now_ms(call) }
}

pub(crate) fn kind(kind: Kind) -> types::Kind {
    match kind {
        Kind::User => types::Kind::User,
        Kind::Group => types::Kind::Group,
    }
}

pub(crate) fn event(event: Event) -> types::Event {
    match event {
        Event::Created => types::Event::Created,
        Event::Updated => types::Event::Updated,
        Event::Deactivated => types::Event::Deactivated,
        Event::Reactivated => types::Event::Reactivated,
        Event::Deleted => types::Event::Deleted,
        Event::MemberAdded => types::Event::MemberAdded,
        Event::MemberRemoved => types::Event::MemberRemoved,
        Event::Signalled => types::Event::Signalled,
    }
}

pub(crate) fn attributes<'a>(crossings: &'a [Crossing<'a>]) -> Vec<types::Attribute<'a>> {
    let attribute = |crossing: &'a Crossing<'a>| types::Attribute {
        slot: crossing.slot,
        element: crossing.element,
        value: match &crossing.leaf {
            Leaf::Boolean(boolean) => types::ValueParam::Boolean(*boolean),
            Leaf::Integer(integer) => types::ValueParam::Integer(*integer),
            Leaf::Decimal(decimal) => types::ValueParam::Decimal(*decimal),
            Leaf::Text(text) => types::ValueParam::Text(text),
            Leaf::Json(json) => types::ValueParam::Json(json),
        },
    };
    crossings.iter().map(attribute).collect()
}

/// Fields of an account, or arguments of a task.
pub(crate) fn fields(fields: &[Field]) -> Vec<types::FieldParam<'_>> {
    fn field(field: &Field) -> types::FieldParam<'_> {
        types::FieldParam {
            name: &field.name,
            value: match &field.value {
                FieldValue::Boolean(boolean) => types::ValueParam::Boolean(*boolean),
                FieldValue::Integer(integer) => types::ValueParam::Integer(*integer),
                FieldValue::Decimal(decimal) => types::ValueParam::Decimal(*decimal),
                FieldValue::Text(text) => types::ValueParam::Text(text),
                FieldValue::Json(json) => types::ValueParam::Json(json),
            },
        }
    }
    fields.iter().map(field).collect()
}

/// An account with its lists borrowed one by one.
pub(crate) struct Lent<'a> {
    account: &'a Account,
    keys: Vec<types::KeyParam<'a>>,
    fields: Vec<types::FieldParam<'a>>,
}

impl<'a> Lent<'a> {
    pub(crate) fn new(account: &'a Account) -> Self {
        let keys = account.keys.iter().map(|key| types::KeyParam { attribute: &key.attribute, value: &key.value });
        Self { account, keys: keys.collect(), fields: fields(&account.fields) }
    }

    pub(crate) fn param(&'a self) -> types::AccountParam<'a> {
        types::AccountParam {
            state: &self.account.state,
            listed: self.account.listed,
            keys: &self.keys,
            fields: &self.fields,
        }
    }
}

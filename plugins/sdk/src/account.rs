use crate::value::{Field, IntoValue, Value, put};

/// The vendor's view of a user or group: what the vendor's product reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The vendor's word for where it stands; one of the manifest's states.
    pub state: String,
    /// Whether the product lists it yet, also as a member of its groups.
    pub listed: bool,
    /// Names under which the record is found, unique in the tenant.
    pub keys: Vec<Key>,
    /// Whatever else the product wants to know.
    pub fields: Vec<Field>,
}

/// A name under which a record is found: a filter `attribute eq value` finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// A SCIM path such as `userName` or `emails.value`.
    pub attribute: String,
    /// Compared without regard to case.
    pub value: String,
}

impl Account {
    /// In this state, listed, without keys and fields.
    pub fn new(state: &str) -> Self {
        Self { state: state.to_owned(), listed: true, keys: Vec::new(), fields: Vec::new() }
    }

    /// In the state `active`, or `disabled`: the states of a manifest that names none.
    pub fn active_if(active: bool) -> Self {
        Self::new(if active { "active" } else { "disabled" })
    }

    /// In another state.
    #[must_use]
    pub fn state(mut self, state: &str) -> Self {
        state.clone_into(&mut self.state);
        self
    }

    /// Listed, or not yet.
    #[must_use]
    pub fn listed(mut self, listed: bool) -> Self {
        self.listed = listed;
        self
    }

    /// Found by `attribute eq value` as well.
    #[must_use]
    pub fn key(mut self, attribute: &str, value: &str) -> Self {
        self.keys.push(Key { attribute: attribute.to_owned(), value: value.to_owned() });
        self
    }

    /// With a field; `None` is no field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl IntoValue) -> Self {
        put(&mut self.fields, name, value);
        self
    }

    /// The field of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|field| field.name == name).map(|field| &field.value)
    }

    /// The field of this name, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }
}

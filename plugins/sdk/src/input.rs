use crate::{Account, Value};

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
}

/// What the identity provider sent: the attributes that the manifest reads, by their names in it.
///
/// To ask for one that the manifest does not read is a mistake in the plugin, not an absent value: it panics, in the first test.
#[derive(Debug, Clone)]
pub struct Input {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) names: &'static [&'static str],
    pub(crate) crossed: Vec<Crossed>,
    pub(crate) current: Option<Account>,
}

/// One value, as the contract's `attribute`.
#[derive(Debug, Clone)]
pub(crate) struct Crossed {
    pub(crate) slot: u16,
    pub(crate) element: u16,
    pub(crate) value: Value,
}

impl Input {
    /// User or group.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The SCIM id. It never changes.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The account as stored; `None` on create.
    pub fn current(&self) -> Option<&Account> {
        self.current.as_ref()
    }

    /// The value of an attribute; the first, if there are several.
    pub fn value(&self, name: &str) -> Option<&Value> {
        let slot = self.slot(name);
        self.crossed.iter().find(|crossed| crossed.slot == slot).map(|crossed| &crossed.value)
    }

    /// The same, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_text)
    }

    /// The same, if it is a truth value.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.value(name).and_then(Value::as_boolean)
    }

    /// The same, if it is a number without a fraction.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Value::as_integer)
    }

    /// `active`, where absent means active.
    pub fn is_active(&self) -> bool {
        self.boolean("active").unwrap_or(true)
    }

    /// All texts of a multi-valued attribute such as `emails.value`, in order.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        let slot = self.slot(name);
        self.crossed.iter().filter(move |crossed| crossed.slot == slot).filter_map(|crossed| crossed.value.as_text())
    }

    /// The elements of a multi-valued attribute such as `emails`, in order, with the sub-attributes that the manifest reads.
    pub fn elements(&self, name: &str) -> impl Iterator<Item = Element<'_>> {
        let slots: Vec<u16> = (0..)
            .zip(self.names)
            .filter(|(_, declared)| sub_attribute(declared, name).is_some())
            .map(|(slot, _)| slot)
            .collect();
        assert!(!slots.is_empty(), "the manifest reads no sub-attribute of this attribute");
        let mut elements: Vec<u16> = self
            .crossed
            .iter()
            .filter(|crossed| slots.contains(&crossed.slot))
            .map(|crossed| crossed.element)
            .collect();
        elements.sort_unstable();
        elements.dedup();
        let name = name.to_owned();
        elements.into_iter().map(move |element| Element { input: self, name: name.clone(), number: element })
    }

    #[expect(clippy::expect_used, reason = "a mistake in the plugin, found by its first test")]
    fn slot(&self, name: &str) -> u16 {
        self.declared(name).expect("this attribute is not among those that the manifest reads")
    }

    fn declared(&self, name: &str) -> Option<u16> {
        (0..).zip(self.names).find(|(_, declared)| **declared == name).map(|(slot, _)| slot)
    }
}

/// One element of a multi-valued attribute.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    input: &'a Input,
    name: String,
    number: u16,
}

impl<'a> Element<'a> {
    /// A sub-attribute such as `value` or `type`.
    #[expect(clippy::expect_used, reason = "a mistake in the plugin, found by its first test")]
    pub fn value(&self, sub: &str) -> Option<&'a Value> {
        let slot = (0..)
            .zip(self.input.names)
            .find(|(_, declared)| sub_attribute(declared, &self.name) == Some(sub))
            .map(|(slot, _)| slot);
        let slot: u16 = slot.expect("this sub-attribute is not among those that the manifest reads");
        let here = |crossed: &&Crossed| crossed.slot == slot && crossed.element == self.number;
        self.input.crossed.iter().find(here).map(|crossed| &crossed.value)
    }

    /// The same, if it is text.
    pub fn text(&self, sub: &str) -> Option<&'a str> {
        self.value(sub).and_then(Value::as_text)
    }

    /// The same, if it is a truth value.
    pub fn boolean(&self, sub: &str) -> Option<bool> {
        self.value(sub).and_then(Value::as_boolean)
    }
}

/// `value`, when `declared` is `emails.value` and `name` is `emails`.
fn sub_attribute<'a>(declared: &'a str, name: &str) -> Option<&'a str> {
    declared.strip_prefix(name)?.strip_prefix('.')
}

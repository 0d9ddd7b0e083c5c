//! Where the value of an attribute is kept in a document: beside the others, or in the object of its extension.

use serde_json::{Map, Value};

use super::{place::Place, write::Writer};
use crate::{
    Document,
    dialect::list::{drop_repeats, is_primary},
    error::Invalid,
    normalise::canonical,
};

/// What it costs to look at all the parts of an element, in comparisons with one of them.
const COMPARISONS_A_HASH: usize = 4;

impl Writer<'_> {
    /// The stored value of the attribute.
    pub(super) fn stored(&self, place: &Place<'_>) -> Option<&Value> {
        match place.extension {
            Some(schema) => self.document.get(&schema.id)?.get(&place.attribute.name),
            None => self.document.get(&place.attribute.name),
        }
    }

    /// The stored value of the attribute, taken out.
    pub(super) fn take(&mut self, place: &Place<'_>) -> Option<Value> {
        let container = match place.extension {
            Some(schema) => self.document.get_mut(&schema.id)?.as_object_mut()?,
            None => &mut self.document,
        };
        container.remove(&place.attribute.name)
    }

    pub(super) fn take_object(&mut self, place: &Place<'_>) -> Map<String, Value> {
        match self.take(place) {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        }
    }

    pub(super) fn take_list(&mut self, place: &Place<'_>) -> Vec<Value> {
        match self.take(place) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    }

    /// Stores the elements of the attribute, each once; `changed` are those that may have become like another. With a primary one
    /// among them any other may have, too: it is no longer primary.
    pub(super) fn put_list(
        &mut self,
        place: &Place<'_>,
        mut list: Vec<Value>,
        changed: &[usize],
    ) -> Result<(), Invalid> {
        let repeats = match changed {
            [] => false,
            [one] if !list.get(*one).is_some_and(is_primary) => {
                list.iter().enumerate().any(|(index, other)| index != *one && list.get(*one) == Some(other))
            }
            _ => true,
        };
        if repeats {
            self.compare(list.len(), COMPARISONS_A_HASH)?;
            drop_repeats(&mut list);
        }
        self.put(place, Some(Value::Array(list)));
        Ok(())
    }

    /// Stores the value of the attribute; what is empty is dropped by [`Self::canonical`].
    pub(super) fn put(&mut self, place: &Place<'_>, value: Option<Value>) {
        let Some(value) = value else {
            self.take(place);
            return;
        };
        let name = place.attribute.name.clone();
        match place.extension {
            None => _ = self.document.insert(name, value),
            Some(schema) => match self.document.get_mut(&schema.id) {
                Some(Value::Object(container)) => _ = container.insert(name, value),
                _ => _ = self.document.insert(schema.id.clone(), Value::Object(Map::from_iter([(name, value)]))),
            },
        }
    }

    /// The document in its canonical form.
    pub(crate) fn canonical(&mut self) -> Document {
        canonical(self.def, &Document(std::mem::take(&mut self.document)))
    }
}

//! Value paths: `emails[type eq "work"].value` (RFC 7644 §3.5.2) selects elements, or makes the one it asks for (Q7, Q9).

use serde_json::{Map, Value};

use super::{
    place::Place,
    write::{Mode, Writer, is_no_value},
};
use crate::{
    dialect::{
        Rule,
        list::{add_element, check_length, includes, is_primary, keep_primary},
    },
    error::{Invalid, ScimType},
    filter::{Filter, Literal, Op},
    schema::{Attribute, AttributeType, Mutability, SELECTORS},
};

impl<'a> Writer<'a> {
    /// Writes the elements that `filter` selects, or the `sub` of each.
    pub(super) fn write_elements(
        &mut self,
        mode: Mode,
        place: &Place<'a>,
        filter: &Filter,
        value: Value,
    ) -> Result<(), Invalid> {
        check_list(place)?;
        let takes_away = is_no_value(&value);
        let Some(parts) = self.parts(place, value)? else {
            return if takes_away && mode == Mode::Replace {
                self.remove_elements(place, Some(filter))
            } else {
                Ok(())
            };
        };
        let mut list = self.take_list(place);
        let mut chosen = select(place.attribute, filter, &list);
        if chosen.is_empty() {
            match self.element_for(place, filter)? {
                Some(mut element) => {
                    self.tolerance.apply(Rule::ElementCreated, &place.path())?;
                    element.extend(parts);
                    chosen.push(add_element(&mut list, Value::Object(element)));
                    check_length(&place.attribute_path(), list.len())?;
                }
                None => self.tolerance.apply(Rule::UnknownAttributeDropped, &place.path())?,
            }
        } else {
            // A replaced element is a new one (§3.5.2.3), which the same path must find again.
            let whole = mode == Mode::Replace && place.sub.is_none();
            let base = if whole { self.conditions(place, filter)?.unwrap_or_default() } else { Map::new() };
            for index in &chosen {
                let Some(element) = list.get_mut(*index).and_then(Value::as_object_mut) else { continue };
                if whole {
                    element.clone_from(&base);
                }
                element.extend(parts.clone());
            }
        }
        if let Some(index) = chosen.into_iter().find(|index| list.get(*index).is_some_and(is_primary)) {
            keep_primary(&mut list, index);
        }
        self.put_list(place, list);
        Ok(())
    }

    /// What is written into each element; `None`: nothing.
    fn parts(&mut self, place: &Place<'a>, value: Value) -> Result<Option<Map<String, Value>>, Invalid> {
        let path = place.path();
        if let Some(sub) = place.sub {
            let value = self.tolerance.coerce(&path, sub, value)?;
            return Ok(value.map(|value| Map::from_iter([(sub.name.clone(), value)])));
        }
        let Some(value) = self.tolerance.only_one(&path, value)? else { return Ok(None) };
        match self.tolerance.element(&path, place.attribute, value)? {
            Some(Value::Object(parts)) => Ok(Some(parts)),
            _ => Ok(None),
        }
    }

    /// Takes away the elements that `filter` selects (all, without one), or the `sub` of each. An element that then holds nothing
    /// but what it is selected by goes too. Nothing selected: nothing happens (Q7).
    pub(super) fn remove_elements(&mut self, place: &Place<'a>, filter: Option<&Filter>) -> Result<(), Invalid> {
        check_list(place)?;
        let mut list = self.take_list(place);
        list.retain_mut(|element| {
            let selected = filter.is_none_or(|filter| filter.matches_element(place.attribute, element));
            match (selected, place.sub, element) {
                (false, ..) => true,
                (true, Some(sub), Value::Object(parts)) => {
                    parts.remove(&sub.name);
                    !parts.keys().all(|key| SELECTORS.contains(&key.as_str()))
                }
                (true, ..) => false,
            }
        });
        self.put_list(place, list);
        Ok(())
    }

    /// Takes away the elements that `values` tell of: each that has all the parts of one of them (Q5).
    pub(super) fn remove_values(&mut self, place: &Place<'a>, values: Value) -> Result<(), Invalid> {
        let path = place.path();
        self.tolerance.note(Rule::RemoveByValue, &path);
        let Some(Value::Array(wanted)) = self.tolerance.coerce(&path, place.attribute, values)? else { return Ok(()) };
        let mut list = self.take_list(place);
        list.retain(|element| !wanted.iter().any(|wanted| includes(element, wanted)));
        self.put_list(place, list);
        Ok(())
    }

    /// The element that a filter asks for. A filter of anything but `x eq literal` joined by `and` tells of none
    /// (RFC 7644 §3.5.2.3: `noTarget`). `None`: of one that no schema knows.
    fn element_for(&mut self, place: &Place<'a>, filter: &Filter) -> Result<Option<Map<String, Value>>, Invalid> {
        if conjuncts(filter).is_none() {
            let detail = format!("{} has no element that the filter selects", place.attribute_path());
            return Err(Invalid::new(ScimType::NoTarget, detail));
        }
        self.conditions(place, filter)
    }

    /// What a filter says about its elements, as an element: `type eq "work"` becomes `"type":"work"`.
    fn conditions(&mut self, place: &Place<'a>, filter: &Filter) -> Result<Option<Map<String, Value>>, Invalid> {
        let Some(conjuncts) = conjuncts(filter) else { return Ok(None) };
        let mut element = Map::new();
        for (name, literal) in conjuncts {
            let Some(sub) = place.attribute.sub(name) else { return Ok(None) };
            let literal = match (literal, literal.as_text()) {
                (Literal::Boolean(boolean), _) if sub.kind == AttributeType::Boolean => Value::Bool(*boolean),
                (Literal::Number(number), _) => Value::Number(number.clone()),
                (_, Some(text)) => Value::String(text.into_owned()),
                (_, None) => continue,
            };
            let path = format!("{}.{}", place.attribute_path(), sub.name);
            if let Some(value) = self.tolerance.coerce(&path, sub, literal)? {
                element.insert(sub.name.clone(), value);
            }
        }
        Ok(Some(element))
    }
}

/// The indices of the elements for which the filter holds.
fn select(attribute: &Attribute, filter: &Filter, list: &[Value]) -> Vec<usize> {
    let holds = |element: &Value| filter.matches_element(attribute, element);
    list.iter().enumerate().filter(|(_, element)| holds(element)).map(|(index, _)| index).collect()
}

/// `x eq literal and y eq literal`; `None` for any other filter.
fn conjuncts(filter: &Filter) -> Option<Vec<(&str, &Literal)>> {
    match filter {
        Filter::Compare { path, op: Op::Eq, literal } => Some(vec![(path.name.as_str(), literal)]),
        Filter::And(all) => {
            let parts: Option<Vec<_>> = all.iter().map(conjuncts).collect();
            parts.map(|parts| parts.into_iter().flatten().collect())
        }
        Filter::Compare { .. } | Filter::Or(_) | Filter::Not(_) | Filter::Present(_) | Filter::Element { .. } => None,
    }
}

/// Only a list has elements to select.
fn check_list(place: &Place<'_>) -> Result<(), Invalid> {
    if place.attribute.multi_valued && place.attribute.mutability != Mutability::ReadOnly {
        return Ok(());
    }
    let detail = format!("{} is not multi-valued and takes no filter", place.attribute_path());
    Err(Invalid::new(ScimType::InvalidPath, detail))
}

//! Value paths: `emails[type eq "work"].value` (RFC 7644 §3.5.2) selects elements, or makes the one it asks for (Q7, Q9).

use serde_json::{Map, Value};

use super::{
    list::{add_element, check_immutable, includes},
    place::Place,
    whole::{MAX_RESOURCE_TEXT_BYTES, text_bytes, too_large},
    write::{Mode, Writer, immutable, is_no_value, required},
};
use crate::{
    dialect::{
        Rule,
        list::{check_length, is_primary, keep_primary},
    },
    error::{Invalid, ScimType},
    filter::{Filter, Literal, Op},
    schema::{Attribute, AttributeType, Mutability, SELECTORS},
};

/// The most comparisons of elements that the operations of one request may need: each element that a value path looks at counts
/// once for each term of its filter, each that is compared with a value once.
///
/// 1000 operations on the 500 elements of a full list need half of it.
pub const MAX_COMPARISONS: usize = 1_000_000;

impl<'a> Writer<'a> {
    /// Counts comparisons before they are made: filters are small and lists are, but their product is not.
    pub(super) fn compare(&mut self, elements: usize, with: usize) -> Result<(), Invalid> {
        self.comparisons = self.comparisons.saturating_add(elements.saturating_mul(with));
        if self.comparisons > MAX_COMPARISONS {
            let detail =
                format!("the request compares elements of multi-valued attributes more than {MAX_COMPARISONS} times");
            return Err(Invalid::new(ScimType::TooMany, detail));
        }
        Ok(())
    }

    /// Writes the elements that `filter` selects, or the `sub` of each: "all matching record values SHALL be replaced"
    /// (RFC 7644 §3.5.2.3).
    pub(super) fn write_elements(
        &mut self,
        mode: Mode,
        place: &Place<'a>,
        filter: &Filter,
        value: Value,
    ) -> Result<(), Invalid> {
        let takes_away = is_no_value(&value);
        let Some(new) = self.new_parts(place, value)? else {
            return if takes_away && mode == Mode::Replace {
                self.remove_elements(place, Some(filter), None)
            } else {
                Ok(())
            };
        };
        let mut list = self.take_list(place);
        let mut chosen = self.select(place, filter, &list)?;
        if chosen.is_empty() {
            chosen.extend(self.make_element(place, filter, &mut list, new)?);
        } else {
            let whole = mode == Mode::Replace && place.sub.is_none();
            self.change_elements(place, &mut list, &chosen, &new, whole.then_some(filter))?;
        }
        self.settle_primary(place, &mut list, &chosen)?;
        self.put_list(place, list, &chosen)
    }

    /// What is written into each element: an object of parts, or the whole where elements are no objects. `None`: nothing.
    fn new_parts(&mut self, place: &Place<'a>, value: Value) -> Result<Option<Value>, Invalid> {
        let path = place.path();
        if let Some(sub) = place.sub {
            let value = self.tolerance.coerce(&path, sub, value)?;
            return Ok(value.map(|value| Value::Object(Map::from_iter([(sub.name.clone(), value)]))));
        }
        match self.tolerance.only_one(&path, value)? {
            Some(value) => self.tolerance.element(&path, place.attribute, value),
            None => Ok(None),
        }
    }

    /// The indices of the elements for which the filter holds.
    fn select(&mut self, place: &Place<'_>, filter: &Filter, list: &[Value]) -> Result<Vec<usize>, Invalid> {
        self.compare(list.len(), terms(filter))?;
        let holds = |element: &Value| filter.matches_element(place.attribute, element);
        Ok(list.iter().enumerate().filter(|(_, element)| holds(element)).map(|(index, _)| index).collect())
    }

    /// Changes elements; `replaced_by` is the filter that selected them, where each of them becomes a new one.
    pub(super) fn change_elements(
        &mut self,
        place: &Place<'a>,
        list: &mut [Value],
        chosen: &[usize],
        new: &Value,
        replaced_by: Option<&Filter>,
    ) -> Result<(), Invalid> {
        // Before the copies are made: one value can be written into each of many elements.
        if text_bytes(new).saturating_mul(chosen.len()) > MAX_RESOURCE_TEXT_BYTES {
            return Err(too_large());
        }
        let base = match replaced_by {
            Some(filter) => self.conditions(place, filter)?.unwrap_or_default(),
            None => Map::new(),
        };
        for index in chosen {
            match (list.get_mut(*index), new) {
                (Some(Value::Object(element)), Value::Object(parts)) => {
                    if replaced_by.is_some() {
                        element.clone_from(&base);
                    } else {
                        check_immutable(&place.attribute_path(), place.attribute, element, parts)?;
                    }
                    element.extend(parts.clone());
                }
                (Some(element), new) => element.clone_from(new),
                (None, _) => {}
            }
        }
        // A replaced element is a new one (§3.5.2.3), which the same path must find again.
        if let Value::Object(parts) = new
            && base.keys().any(|name| !parts.contains_key(name))
        {
            self.tolerance.note(Rule::SelectorKept, &place.path());
        }
        Ok(())
    }

    /// Makes the element that a filter asks for; `None` where no schema knows it.
    ///
    /// RFC 7644 §3.5.2.3 has `noTarget` for "no record match was made", and identity providers rely on creation (Q7).
    fn make_element(
        &mut self,
        place: &Place<'a>,
        filter: &Filter,
        list: &mut Vec<Value>,
        new: Value,
    ) -> Result<Option<usize>, Invalid> {
        if conjuncts(filter).is_none() {
            let detail = format!("{} has no element that the filter selects", place.attribute_path());
            return Err(Invalid::new(ScimType::NoTarget, detail));
        }
        self.tolerance.apply(Rule::ElementCreated, &place.path())?;
        let element = match new {
            Value::Object(parts) => {
                let Some(mut element) = self.conditions(place, filter)? else { return Ok(None) };
                element.extend(parts);
                Value::Object(element)
            }
            simple => simple,
        };
        self.compare(list.len(), 1)?;
        let path = place.attribute_path();
        let index = add_element(&path, place.attribute, list, element)?;
        check_length(&path, list.len())?;
        Ok(Some(index))
    }

    /// RFC 7644 §3.5.2: an operation that "sets a value's "primary" sub-attribute to "true" SHALL cause the server to
    /// automatically set "primary" to "false" for any other values in the array". Of several that were set at once the first stays.
    pub(super) fn settle_primary(
        &mut self,
        place: &Place<'_>,
        list: &mut [Value],
        chosen: &[usize],
    ) -> Result<(), Invalid> {
        let mut primary = chosen.iter().filter(|index| list.get(**index).is_some_and(is_primary));
        let Some(first) = primary.next().copied() else { return Ok(()) };
        if primary.next().is_some() {
            self.tolerance.apply(Rule::PrimaryRepeated, &place.attribute_path())?;
        }
        keep_primary(list, first);
        Ok(())
    }

    /// Takes away the elements that `filter` selects (all, without one), or the `sub` of each; only where it is `value`, if there
    /// is one. An element that then holds nothing but what it is selected by goes too. Nothing selected: nothing happens (Q7).
    pub(super) fn remove_elements(
        &mut self,
        place: &Place<'a>,
        filter: Option<&Filter>,
        value: Option<&Value>,
    ) -> Result<(), Invalid> {
        let mut list = self.take_list(place);
        let mut chosen = match filter {
            Some(filter) => self.select(place, filter, &list)?,
            None => (0..list.len()).collect(),
        };
        let mut gone = Vec::new();
        match place.sub {
            None => gone.append(&mut chosen),
            Some(sub) => {
                for index in &chosen {
                    let Some(Value::Object(parts)) = list.get_mut(*index) else { continue };
                    let is_meant = |part: &Value| value.is_none_or(|value| includes(sub, part, value));
                    if !parts.get(&sub.name).is_some_and(is_meant) {
                        continue;
                    }
                    parts.remove(&sub.name);
                    if parts.keys().all(|key| SELECTORS.contains(&key.as_str())) {
                        gone.push(*index);
                    } else if sub.mutability == Mutability::Immutable {
                        return Err(immutable(&place.path()));
                    } else if sub.required {
                        return Err(required(&place.path()));
                    }
                }
            }
        }
        if place.sub.is_some_and(|sub| !SELECTORS.contains(&sub.name.as_str())) && !gone.is_empty() {
            self.tolerance.note(Rule::EmptiedElementRemoved, &place.attribute_path());
        }
        let mut gone = gone.into_iter().peekable();
        let mut index = 0;
        list.retain(|_| {
            let goes = gone.next_if_eq(&index).is_some();
            index += 1;
            !goes
        });
        // What lost a part may be like another now, wherever it stands.
        let changed: Vec<usize> = if place.sub.is_some() { (0..list.len()).collect() } else { Vec::new() };
        self.put_list(place, list, &changed)
    }

    /// Takes away the elements that `values` tell of: each that has all the parts of one of them (Q5).
    pub(super) fn remove_values(&mut self, place: &Place<'a>, values: Value) -> Result<(), Invalid> {
        let path = place.path();
        self.tolerance.apply(Rule::RemoveByValue, &path)?;
        let Some(Value::Array(wanted)) = self.tolerance.coerce(&path, place.attribute, values)? else { return Ok(()) };
        let mut list = self.take_list(place);
        self.compare(list.len(), wanted.len())?;
        list.retain(|element| !wanted.iter().any(|wanted| includes(place.attribute, element, wanted)));
        self.put_list(place, list, &[])
    }

    /// What a filter says about its elements, as an element: `type eq "work"` becomes `"type":"work"`. `None`: more than an
    /// element can say.
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

/// The comparisons of a filter, each of which is made with each element.
pub(super) fn terms(filter: &Filter) -> usize {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().map(terms).sum(),
        Filter::Not(filter) | Filter::Element { filter, .. } => terms(filter),
        Filter::Compare { .. } | Filter::Present(_) => 1,
    }
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
pub(super) fn check_list(path: &str, attribute: &Attribute) -> Result<(), Invalid> {
    if attribute.multi_valued {
        return Ok(());
    }
    Err(Invalid::new(ScimType::InvalidPath, format!("{path} is not multi-valued and takes no filter")))
}

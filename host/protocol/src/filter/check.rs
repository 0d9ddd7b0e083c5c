use std::sync::Arc;

use super::plan::value_of;
use super::value::as_time;
use super::{Filter, Literal, Op};
use crate::USER;
use crate::dialect::{Profile, Rewrite, Rule, Tolerance};
use crate::error::{Invalid, ScimType};
use crate::path::AttrPath;
use crate::schema::{Attribute, AttributeType, Resolved, ResourceTypeDef, Returned};

impl Filter {
    /// Refuses comparisons that have no answer, naming the attribute and the operator (RFC 7644 §3.4.2.2: comparing booleans
    /// or binary data for order is a `400` with `invalidFilter`). Answers what `profile` had to tolerate.
    ///
    /// An attribute that is never returned cannot be compared, for its answers would tell it letter by letter. An attribute that one of the kinds does not have has no value there (§3.4.2.1); one that none of
    /// them has is a leniency.
    pub fn check(&self, kinds: &[Arc<ResourceTypeDef>], profile: &Profile) -> Result<Vec<Rewrite>, Invalid> {
        let mut tolerance = Tolerance::new(profile);
        for def in kinds {
            self.check_kind(def, &mut tolerance)?;
        }
        self.check_known(None, &mut |path| {
            if kinds.iter().any(|def| is_known(def, path)) {
                return Ok(());
            }
            tolerance.apply_in_filter(Rule::UnknownAttributeDropped, &path.to_string())
        })?;
        Ok(tolerance.rewrites)
    }

    fn check_known(
        &self,
        outer: Option<&AttrPath>,
        check: &mut dyn FnMut(&AttrPath) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().try_for_each(|filter| filter.check_known(outer, check))
            }
            Self::Not(filter) => filter.check_known(outer, check),
            Self::Compare { path, .. } | Self::Present(path) => match outer {
                Some(outer) => check(&AttrPath { sub: Some(path.name.clone()), ..outer.clone() }),
                None => check(path),
            },
            Self::Element { path, filter } => filter.check_known(Some(path), check),
        }
    }

    fn check_kind(&self, def: &ResourceTypeDef, tolerance: &mut Tolerance<'_>) -> Result<(), Invalid> {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().try_for_each(|filter| filter.check_kind(def, tolerance))
            }
            Self::Not(filter) => filter.check_kind(def, tolerance),
            Self::Compare { path, .. } | Self::Present(path) => {
                let Some(resolved) = def.resolve(path) else { return not_password(def, path) };
                check_spelling(path, resolved, tolerance)?;
                match (resolved.attribute, resolved.sub) {
                    (Some(attribute), sub) => {
                        returned(path, attribute)?;
                        self.check_leaf(path, sub.unwrap_or(attribute), tolerance)
                    }
                    (None, _) => Ok(()),
                }
            }
            Self::Element { path, filter } => {
                let Some(resolved) = def.resolve(path) else { return Ok(()) };
                check_spelling(path, resolved, tolerance)?;
                match resolved.attribute {
                    Some(attribute) => {
                        returned(path, attribute)?;
                        filter.check_element(path, attribute, tolerance)
                    }
                    None => Ok(()),
                }
            }
        }
    }

    pub(crate) fn check_element(
        &self,
        outer: &AttrPath,
        attribute: &Attribute,
        tolerance: &mut Tolerance<'_>,
    ) -> Result<(), Invalid> {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().try_for_each(|filter| filter.check_element(outer, attribute, tolerance))
            }
            Self::Not(filter) => filter.check_element(outer, attribute, tolerance),
            Self::Compare { path, .. } | Self::Present(path) => {
                let itself = attribute.kind != AttributeType::Complex && path.name.eq_ignore_ascii_case("value");
                match attribute.sub(&path.name).or(itself.then_some(attribute)) {
                    Some(leaf) => {
                        let whole = AttrPath { sub: Some(path.name.clone()), ..outer.clone() };
                        if !itself && leaf.name != path.name {
                            tolerance.note(Rule::AttributeNameCase, &whole.to_string());
                        }
                        returned(&whole, leaf)?;
                        self.check_leaf(&whole, leaf, tolerance)
                    }
                    None => Ok(()),
                }
            }
            Self::Element { .. } => Ok(()),
        }
    }

    /// A comparison with (or the presence of) one known attribute.
    fn check_leaf(&self, path: &AttrPath, leaf: &Attribute, tolerance: &mut Tolerance<'_>) -> Result<(), Invalid> {
        let compared = value_of(leaf).unwrap_or(leaf);
        returned(path, compared)?;
        let Self::Compare { op, literal, .. } = self else { return Ok(()) };
        if value_of(leaf).is_some() {
            tolerance.apply_in_filter(Rule::SubAttributeImplied, &path.to_string())?;
        }
        check_literal(path, compared, literal, tolerance)?;
        let refuse = |why: &str| Err(refusal(format!("{path} cannot be compared with '{op}': {why}")));
        match (op, compared.kind) {
            (Op::Eq | Op::Ne, _) => Ok(()),
            (_, _) if *literal == Literal::Null => refuse("only 'eq' and 'ne' go with null"),
            (_, AttributeType::Boolean) => refuse("it is a boolean"),
            (Op::Co | Op::Sw | Op::Ew, AttributeType::Integer | AttributeType::Decimal) => refuse("it is a number"),
            (Op::Co | Op::Sw | Op::Ew, _) => Ok(()),
            (_, AttributeType::Binary) => refuse("it is binary"),
            (_, AttributeType::DateTime) if as_time(literal).is_none() => refuse("the value is not a date and time"),
            (_, _) => Ok(()),
        }
    }
}

/// Notes a literal of another type than its attribute.
fn check_literal(
    path: &AttrPath,
    attribute: &Attribute,
    literal: &Literal,
    tolerance: &mut Tolerance<'_>,
) -> Result<(), Invalid> {
    let rule = match (attribute.kind, literal) {
        (AttributeType::Boolean, Literal::Text(text)) => {
            let is_word = ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(text));
            if !is_word {
                return Ok(());
            }
            let told = tolerance.apply_to_word(Rule::BooleanAsText, &path.to_string(), text);
            return told.map_err(|invalid| Invalid { scim_type: ScimType::InvalidFilter, ..invalid });
        }
        (AttributeType::Boolean, Literal::Number(_)) => Rule::BooleanAsNumber,
        // Unquoted, `1e5` and `007` are kept as text as well: only of what would print as it was written is it known that it was quoted.
        (AttributeType::Integer | AttributeType::Decimal, Literal::Text(text))
            if serde_json::from_str::<serde_json::Number>(text).is_ok_and(|number| number.to_string() == *text) =>
        {
            Rule::NumberAsText
        }
        (
            AttributeType::String | AttributeType::Reference | AttributeType::DateTime | AttributeType::Binary,
            Literal::Number(_) | Literal::Boolean(_),
        ) => Rule::BareValue,
        (_, _) => return Ok(()),
    };
    tolerance.apply_in_filter(rule, &path.to_string())
}

/// Notes where a path is spelt differently from the schema.
fn check_spelling(path: &AttrPath, resolved: Resolved<'_>, tolerance: &mut Tolerance<'_>) -> Result<(), Invalid> {
    match (&path.urn, resolved.extension) {
        (Some(urn), Some(schema)) if !urn.eq_ignore_ascii_case(&schema.id) => {
            tolerance.apply_in_filter(Rule::LegacyEnterpriseUrn, &path.to_string())?;
        }
        (None, Some(_)) => tolerance.apply_in_filter(Rule::UrnOmitted, &path.to_string())?,
        (_, _) => {}
    }
    let is_other = |name: &str, attribute: Option<&Attribute>| attribute.is_some_and(|known| known.name != name);
    if is_other(&path.name, resolved.attribute) || path.sub.as_ref().is_some_and(|sub| is_other(sub, resolved.sub)) {
        tolerance.note(Rule::AttributeNameCase, &path.to_string());
    }
    Ok(())
}

/// Whether the path leads anywhere in this kind of resource.
fn is_known(def: &ResourceTypeDef, path: &AttrPath) -> bool {
    if def.resolve(path).is_some() {
        return true;
    }
    // `value` is also the element itself where that is no object.
    let whole = AttrPath { sub: None, ..path.clone() };
    path.sub.as_deref().is_some_and(|sub| sub.eq_ignore_ascii_case("value"))
        && def.resolve(&whole).and_then(|it| it.attribute).is_some_and(|it| it.kind != AttributeType::Complex)
}

/// A password is no more to be asked for where no schema has one: the request would only carry it around (RFC 7644 §7.5.2).
fn not_password(def: &ResourceTypeDef, path: &AttrPath) -> Result<(), Invalid> {
    let is_core = path.urn.as_deref().is_none_or(|urn| def.is_core(urn));
    if is_core && def.is_core(USER) && path.name.eq_ignore_ascii_case("password") {
        return Err(never_returned(path));
    }
    Ok(())
}

fn returned(path: &AttrPath, attribute: &Attribute) -> Result<(), Invalid> {
    match attribute.returned {
        Returned::Never => Err(never_returned(path)),
        Returned::Always | Returned::Default | Returned::Request => Ok(()),
    }
}

fn never_returned(path: &AttrPath) -> Invalid {
    refusal(format!("{path} cannot be used in a filter: it is never returned"))
}

fn refusal(detail: String) -> Invalid {
    Invalid::new(ScimType::InvalidFilter, detail)
}

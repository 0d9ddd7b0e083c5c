use super::plan::{is_row_id, row_attribute, value_of};
use super::value::as_time;
use super::{Filter, Literal, Op};
use crate::error::{Invalid, ScimType};
use crate::path::AttrPath;
use crate::schema::{Attribute, AttributeType, ResourceTypeDef, Returned};

impl Filter {
    /// Refuses comparisons that have no answer, naming the attribute and the operator (RFC 7644 §3.4.2.2: comparing booleans
    /// or binary data for order is a `400` with `invalidFilter`).
    ///
    /// Of `members` and `groups` only the id can be asked for, with `eq` and `pr`: they are rows, and any other question
    /// would read all of them. An attribute that is never returned cannot be compared either, for its answers would tell
    /// it letter by letter. Attributes that do not exist are fine: they have no value.
    pub fn check(&self, def: &ResourceTypeDef) -> Result<(), Invalid> {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().try_for_each(|filter| filter.check(def)),
            Self::Not(filter) => filter.check(def),
            Self::Compare { path, .. } | Self::Present(path) => {
                let Some(resolved) = def.resolve(path) else { return Ok(()) };
                if row_attribute(resolved).is_some() {
                    return self.check_row(path, path.sub.as_deref());
                }
                match (resolved.attribute, resolved.sub) {
                    (Some(attribute), sub) => {
                        returned(path, attribute)?;
                        self.check_leaf(path, sub.unwrap_or(attribute))
                    }
                    (None, _) => Ok(()),
                }
            }
            Self::Element { path, filter } => {
                let Some(resolved) = def.resolve(path) else { return Ok(()) };
                if row_attribute(resolved).is_some() {
                    return filter.check_rows(path);
                }
                match resolved.attribute {
                    Some(attribute) => {
                        returned(path, attribute)?;
                        filter.check_element(path, attribute)
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// Between the brackets of `members[...]` and `groups[...]`: one id, or one of several.
    fn check_rows(&self, rows: &AttrPath) -> Result<(), Invalid> {
        match self {
            Self::Or(filters) => filters.iter().try_for_each(|filter| filter.check_rows(rows)),
            Self::Compare { path, .. } | Self::Present(path) => {
                let is_plain = path.urn.is_none() && path.sub.is_none();
                self.check_row(rows, Some(if is_plain { path.name.as_str() } else { "" }))
            }
            Self::And(_) | Self::Not(_) | Self::Element { .. } => Err(row_refusal(rows)),
        }
    }

    fn check_row(&self, rows: &AttrPath, sub: Option<&str>) -> Result<(), Invalid> {
        match self {
            Self::Compare { op: Op::Eq, .. } | Self::Present(_) if is_row_id(sub) => Ok(()),
            Self::Compare { .. } | Self::Present(_) => Err(row_refusal(rows)),
            Self::And(_) | Self::Or(_) | Self::Not(_) | Self::Element { .. } => Ok(()),
        }
    }

    fn check_element(&self, outer: &AttrPath, attribute: &Attribute) -> Result<(), Invalid> {
        match self {
            Self::And(filters) | Self::Or(filters) => {
                filters.iter().try_for_each(|filter| filter.check_element(outer, attribute))
            }
            Self::Not(filter) => filter.check_element(outer, attribute),
            Self::Compare { path, .. } | Self::Present(path) => {
                let itself = attribute.kind != AttributeType::Complex && path.name.eq_ignore_ascii_case("value");
                match attribute.sub(&path.name).or(itself.then_some(attribute)) {
                    Some(leaf) => {
                        let whole = AttrPath { sub: Some(path.name.clone()), ..outer.clone() };
                        returned(&whole, leaf)?;
                        self.check_leaf(&whole, leaf)
                    }
                    None => Ok(()),
                }
            }
            Self::Element { .. } => Ok(()),
        }
    }

    /// A comparison with (or the presence of) one known attribute.
    fn check_leaf(&self, path: &AttrPath, leaf: &Attribute) -> Result<(), Invalid> {
        let leaf = value_of(leaf).unwrap_or(leaf);
        returned(path, leaf)?;
        let Self::Compare { op, literal, .. } = self else { return Ok(()) };
        let refuse = |why: &str| Err(refusal(format!("{path} cannot be compared with '{op}': {why}")));
        match (op, leaf.kind) {
            (Op::Eq | Op::Ne, _) => Ok(()),
            (_, _) if *literal == Literal::Null => refuse("only 'eq' and 'ne' go with null"),
            (_, AttributeType::Boolean) => refuse("it is a boolean"),
            (Op::Co | Op::Sw | Op::Ew, _) => Ok(()),
            (_, AttributeType::Binary) => refuse("it is binary"),
            (_, AttributeType::DateTime) if as_time(literal).is_none() => refuse("the value is not a date and time"),
            (_, _) => Ok(()),
        }
    }
}

fn returned(path: &AttrPath, attribute: &Attribute) -> Result<(), Invalid> {
    match attribute.returned {
        Returned::Never => Err(refusal(format!("{path} cannot be used in a filter: it is never returned"))),
        Returned::Always | Returned::Default | Returned::Request => Ok(()),
    }
}

fn row_refusal(rows: &AttrPath) -> Invalid {
    let name = &rows.name;
    refusal(format!(
        "{name} can only be filtered by id: {name}[value eq \"...\"], {name}.value eq \"...\" or {name} pr"
    ))
}

fn refusal(detail: String) -> Invalid {
    Invalid::new(ScimType::InvalidFilter, detail)
}

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{Literal, Op};
use crate::schema::{Attribute, AttributeType};
use crate::text;
use crate::time::Timestamp;

/// How the values of one attribute compare.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    kind: AttributeType,
    case_exact: bool,
}

impl Rule {
    pub(super) const fn of(attribute: &Attribute) -> Self {
        Self { kind: attribute.kind, case_exact: attribute.case_exact }
    }

    /// The rule of `schemas`: URNs compare without case, here as everywhere.
    pub(super) const URN: Self = Self { kind: AttributeType::Reference, case_exact: false };

    /// Whether this one value is `op` to the literal. What cannot be compared is not: `false`, never an error.
    pub(super) fn holds(self, value: &Value, op: Op, literal: &Literal) -> bool {
        match value {
            Value::String(value) => self.text(value, op, literal),
            Value::Bool(value) => as_boolean(literal).is_some_and(|literal| match op {
                Op::Eq => *value == literal,
                Op::Ne => *value != literal,
                Op::Co | Op::Sw | Op::Ew | Op::Gt | Op::Ge | Op::Lt | Op::Le => false,
            }),
            Value::Number(value) => number(value, op, literal),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    fn text(self, value: &str, op: Op, literal: &Literal) -> bool {
        if self.kind == AttributeType::DateTime
            && !matches!(op, Op::Co | Op::Sw | Op::Ew)
            && let (Some(value), Some(literal)) = (Timestamp::parse(value), as_time(literal))
        {
            return ordered(op, value.cmp(&literal));
        }
        let Some(literal) = literal.as_text() else { return false };
        if self.case_exact {
            return text_holds(value, op, &literal);
        }
        match op {
            Op::Eq => text::same(value, &literal),
            Op::Ne => !text::same(value, &literal),
            Op::Co | Op::Sw | Op::Ew | Op::Gt | Op::Ge | Op::Lt | Op::Le => {
                text_holds(&text::fold(value), op, &text::fold(&literal))
            }
        }
    }
}

impl Literal {
    /// The text that this stands for where an attribute is text: clients leave out the quotes, and then `externalId eq 1815`
    /// is a number and `nickName eq True` a boolean. `None` for `null`.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Boolean(true) => Some(Cow::Borrowed("true")),
            Self::Boolean(false) => Some(Cow::Borrowed("false")),
            Self::Null => None,
        }
    }
}

/// The instant that a literal tells, if it tells one.
pub(super) fn as_time(literal: &Literal) -> Option<Timestamp> {
    match literal {
        Literal::Text(text) => Timestamp::parse(text),
        Literal::Number(_) | Literal::Boolean(_) | Literal::Null => None,
    }
}

/// Entra compares booleans with `"True"`, others with `1`.
fn as_boolean(literal: &Literal) -> Option<bool> {
    match literal {
        Literal::Boolean(boolean) => Some(*boolean),
        Literal::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Literal::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Literal::Number(number) => match number.as_i64() {
            Some(1) => Some(true),
            Some(0) => Some(false),
            Some(_) | None => None,
        },
        Literal::Text(_) | Literal::Null => None,
    }
}

fn number(value: &Number, op: Op, literal: &Literal) -> bool {
    let literal = match literal {
        Literal::Number(number) => number.clone(),
        Literal::Text(text) => match serde_json::from_str(text.trim()) {
            Ok(number) => number,
            Err(_) => return false,
        },
        Literal::Boolean(_) | Literal::Null => return false,
    };
    let ordering = match (value.as_i64(), literal.as_i64()) {
        (Some(value), Some(literal)) => Some(value.cmp(&literal)),
        _ => value.as_f64().zip(literal.as_f64()).and_then(|(value, literal)| value.partial_cmp(&literal)),
    };
    ordering.is_some_and(|ordering| ordered(op, ordering))
}

fn text_holds(value: &str, op: Op, literal: &str) -> bool {
    match op {
        Op::Co => value.contains(literal),
        Op::Sw => value.starts_with(literal),
        Op::Ew => value.ends_with(literal),
        Op::Eq | Op::Ne | Op::Gt | Op::Ge | Op::Lt | Op::Le => ordered(op, value.cmp(literal)),
    }
}

fn ordered(op: Op, ordering: Ordering) -> bool {
    match op {
        Op::Eq => ordering.is_eq(),
        Op::Ne => ordering.is_ne(),
        Op::Gt => ordering.is_gt(),
        Op::Ge => ordering.is_ge(),
        Op::Lt => ordering.is_lt(),
        Op::Le => ordering.is_le(),
        Op::Co | Op::Sw | Op::Ew => false,
    }
}

/// Whether an attribute with this value has one (RFC 7643 §2.5; `pr` in RFC 7644 table 3 adds the empty ones).
pub(super) fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
    }
}

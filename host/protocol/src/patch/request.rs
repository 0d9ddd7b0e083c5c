use serde_json::{Map, Value};

use crate::{
    PATCH_OP,
    dialect::{MAX_REWRITES, Rewrite, Rule},
    error::{Invalid, ScimType},
};

/// The most operations in one PATCH.
pub const MAX_OPERATIONS: usize = 1000;

/// A PATCH message; what its paths lead to is not yet known.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    /// In the order in which they are applied; never empty.
    pub operations: Vec<Operation>,
    /// The leniencies that reading it needed.
    pub rewrites: Vec<Rewrite>,
}

/// What one operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpKind {
    /// `add`
    Add,
    /// `remove`
    Remove,
    /// `replace`
    Replace,
}

/// One operation of a PATCH.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub op: OpKind,
    /// Where; `None`: to what `value` names.
    pub path: Option<String>,
    /// With what. `Some(Value::Null)` was sent, `None` was not.
    pub value: Option<Value>,
}

/// Reads a PATCH body. Names and `op` compare without case (Q2); `schemas` may be missing and other members may be there (Q19), as
/// far as the tenant's profile tolerates it, which [`super::apply`] looks at.
pub fn parse(body: Value) -> Result<PatchRequest, Invalid> {
    let Value::Object(mut body) = body else { return Err(Invalid::syntax("a PATCH body must be an object")) };
    let Some(Value::Array(items)) = take(&mut body, "Operations") else {
        return Err(Invalid::syntax("Operations must be an array"));
    };
    if items.is_empty() {
        return Err(Invalid::syntax("Operations must not be empty"));
    }
    if items.len() > MAX_OPERATIONS {
        return Err(Invalid::value(format!("Operations takes at most {MAX_OPERATIONS} operations")));
    }
    let mut needed = Needed(Vec::new());
    if !names_patch_op(take(&mut body, "schemas").as_ref()) {
        needed.note(Rewrite::new(Rule::MessageWithoutSchemas, "schemas"));
    }
    body.keys().for_each(|key| needed.note(Rewrite::new(Rule::ExtraMember, key)));
    let operations = items
        .into_iter()
        .enumerate()
        .map(|(index, item)| operation(index, item, &mut needed))
        .collect::<Result<_, _>>()?;
    Ok(PatchRequest { operations, rewrites: needed.0 })
}

/// The leniencies that were needed so far.
struct Needed(Vec<Rewrite>);

impl Needed {
    /// Notes one, once.
    fn note(&mut self, rewrite: Rewrite) {
        if self.0.len() < MAX_REWRITES && !self.0.contains(&rewrite) {
            self.0.push(rewrite);
        }
    }
}

/// RFC 7644 §3.5.2: the body "MUST contain the "schemas" attribute with the URI value of" `PatchOp`.
fn names_patch_op(schemas: Option<&Value>) -> bool {
    let urns = schemas.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    urns.into_iter().any(|urn| urn.eq_ignore_ascii_case(PATCH_OP))
}

fn operation(index: usize, item: Value, needed: &mut Needed) -> Result<Operation, Invalid> {
    let Value::Object(mut item) = item else {
        return Err(Invalid::syntax(format!("Operations[{index}] must be an object")));
    };
    let Some((op, kind)) = take(&mut item, "op").and_then(op_kind) else {
        return Err(Invalid::syntax(format!("Operations[{index}].op must be add, remove or replace")));
    };
    if op.chars().any(char::is_uppercase) {
        needed.note(Rewrite { word: Some(op), ..Rewrite::new(Rule::OpCase, "Operations.op") });
    }
    let path = match take(&mut item, "path") {
        None => None,
        Some(Value::Null) => {
            needed.note(Rewrite::new(Rule::PathBlank, "Operations.path"));
            None
        }
        Some(Value::String(path)) => {
            let trimmed = path.trim();
            if trimmed.len() < path.len() || trimmed.is_empty() {
                needed.note(Rewrite::new(Rule::PathBlank, "Operations.path"));
            }
            Some(trimmed.to_owned()).filter(|path| !path.is_empty())
        }
        Some(_) => {
            return Err(Invalid::new(ScimType::InvalidPath, format!("Operations[{index}].path must be a string")));
        }
    };
    let value = take(&mut item, "value");
    item.keys().for_each(|key| needed.note(Rewrite::new(Rule::ExtraMember, &format!("Operations.{key}"))));
    Ok(Operation { op: kind, path, value })
}

fn op_kind(value: Value) -> Option<(String, OpKind)> {
    let Value::String(op) = value else { return None };
    let kind = match op.to_ascii_lowercase().as_str() {
        "add" => OpKind::Add,
        "remove" => OpKind::Remove,
        "replace" => OpKind::Replace,
        _ => return None,
    };
    Some((op, kind))
}

/// The member of this name, in any case.
fn take(map: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = map.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    map.remove(&key)
}

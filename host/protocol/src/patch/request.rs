use serde_json::{Map, Value};

use crate::{
    dialect::{Rewrite, Rule},
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

/// Reads a PATCH body. `schemas` may be missing, extra members are ignored, names and `op` compare without case (Q2, Q19).
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
    let mut rewrites = Vec::new();
    let operations = items
        .into_iter()
        .enumerate()
        .map(|(index, item)| operation(index, item, &mut rewrites))
        .collect::<Result<_, _>>()?;
    Ok(PatchRequest { operations, rewrites })
}

fn operation(index: usize, item: Value, rewrites: &mut Vec<Rewrite>) -> Result<Operation, Invalid> {
    let Value::Object(mut item) = item else {
        return Err(Invalid::syntax(format!("Operations[{index}] must be an object")));
    };
    let Some((op, kind)) = take(&mut item, "op").and_then(op_kind) else {
        return Err(Invalid::syntax(format!("Operations[{index}].op must be add, remove or replace")));
    };
    let folded = Rewrite { rule: Rule::OpCase, path: "Operations.op".into() };
    if op.chars().any(char::is_uppercase) && !rewrites.contains(&folded) {
        rewrites.push(folded);
    }
    let path = match take(&mut item, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.trim().is_empty() => None,
        Some(Value::String(path)) => Some(path.trim().to_owned()),
        Some(_) => {
            return Err(Invalid::new(ScimType::InvalidPath, format!("Operations[{index}].path must be a string")));
        }
    };
    Ok(Operation { op: kind, path, value: take(&mut item, "value") })
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

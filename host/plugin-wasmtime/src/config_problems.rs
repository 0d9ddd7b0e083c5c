//! What is wrong with a configuration, for the person who wrote it: where it stands, and what should stand there.
//!
//! What stands there now is never repeated: it may be a secret. The schema says what is one (`writeOnly`), and there not even the names of
//! members are told that the schema does not name itself.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use muster_plugin::{HIDDEN, Problem};
use serde_json::Value;

use crate::config_form::{fits_none, form, known};
use crate::limits::MAX_PROBLEMS;

/// Each field that is wrong, once.
pub(crate) fn of(validator: &Validator, schema: &Value, config: &Value) -> Vec<Problem> {
    let hidden = Hidden::of(schema, config);
    let mut problems: Vec<Problem> = Vec::new();
    for error in validator.iter_errors(config) {
        for problem in told(schema, &error) {
            let problem = hidden.place(schema, problem);
            if !problems.contains(&problem) {
                problems.push(problem);
            }
            if problems.len() >= MAX_PROBLEMS {
                return problems;
            }
        }
    }
    problems
}

/// What the plugin itself has to say of a configuration, without the values in it that are secret.
pub(crate) fn masked(problem: Problem, schema: Option<&Value>, config: &Value) -> Problem {
    let Some(schema) = schema else { return problem };
    let hidden = Hidden::of(schema, config);
    Problem { pointer: hidden.mask(problem.pointer), message: hidden.mask(problem.message) }
}

/// A configuration as it can be shown to whoever did not write it.
pub(crate) fn shown(schema: &Value, config: &Value) -> Value {
    let hidden = Hidden::of(schema, config);
    let mut shown = config.clone();
    for pointer in &hidden.pointers {
        if let Some(part) = shown.pointer_mut(pointer) {
            *part = Value::String(HIDDEN.to_owned());
        }
    }
    shown
}

fn told(root: &Value, error: &ValidationError<'_>) -> Vec<Problem> {
    let at = error.instance_path().as_str();
    // The schema that has the keyword by which it was refused.
    let keyword = error.schema_path().as_str();
    let schema = keyword.rsplit_once('/').and_then(|(holder, _)| root.pointer(holder)).unwrap_or(&Value::Null);
    let here = |message: String| vec![Problem { pointer: at.to_owned(), message }];
    let below = |name: &str, message: String| Problem { pointer: format!("{at}/{}", escaped(name)), message };
    let must_be = || here(format!("must be {}", form(root, schema)));
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let must = named(root, keyword, name)
                .map_or_else(String::new, |named| format!("; it must be {}", form(root, named)));
            vec![below(name, format!("is missing{must}"))]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = known(root, schema);
            unexpected.iter().map(|name| below(name, format!("is not known here{known}"))).collect()
        }
        ValidationErrorKind::FalseSchema => here("must not be there".to_owned()),
        ValidationErrorKind::Type { .. }
        | ValidationErrorKind::Constant { .. }
        | ValidationErrorKind::Enum { .. }
        | ValidationErrorKind::ExclusiveMaximum { .. }
        | ValidationErrorKind::ExclusiveMinimum { .. }
        | ValidationErrorKind::Format { .. }
        | ValidationErrorKind::MaxItems { .. }
        | ValidationErrorKind::Maximum { .. }
        | ValidationErrorKind::MaxLength { .. }
        | ValidationErrorKind::MaxProperties { .. }
        | ValidationErrorKind::MinItems { .. }
        | ValidationErrorKind::Minimum { .. }
        | ValidationErrorKind::MinLength { .. }
        | ValidationErrorKind::MinProperties { .. }
        | ValidationErrorKind::MultipleOf { .. }
        | ValidationErrorKind::Pattern { .. }
        | ValidationErrorKind::UniqueItems => must_be(),
        ValidationErrorKind::AnyOf { .. } => here(fits_none(root, schema, "anyOf")),
        ValidationErrorKind::OneOfNotValid { .. } => here(fits_none(root, schema, "oneOf")),
        ValidationErrorKind::AdditionalItems { limit } => here(format!("must be a list of at most {limit} entries")),
        ValidationErrorKind::UnevaluatedItems { .. } => here("has more entries than it can have".to_owned()),
        ValidationErrorKind::Contains => {
            let entry = form(root, schema.get("contains").unwrap_or(&Value::Null));
            here(format!("must be a list in which enough entries are {entry}"))
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => {
            here("has several of the forms of which it must have exactly one".to_owned())
        }
        ValidationErrorKind::Not { schema } => here(format!("must not be {}", form(root, schema))),
        ValidationErrorKind::PropertyNames { .. } => {
            let name = form(root, schema.get("propertyNames").unwrap_or(schema));
            here(format!("must be an object in which the name of each member is {name}"))
        }
        ValidationErrorKind::ContentEncoding { .. }
        | ValidationErrorKind::ContentMediaType { .. }
        | ValidationErrorKind::FromUtf8 { .. } => here("is not encoded as it must be".to_owned()),
        ValidationErrorKind::BacktrackLimitExceeded { .. } | ValidationErrorKind::RegexEngineFailure { .. } => {
            here("takes too long to be compared with its pattern".to_owned())
        }
        ValidationErrorKind::Custom { .. } | ValidationErrorKind::Referencing(_) => {
            here("cannot be checked".to_owned())
        }
    }
}

/// The schema of a member, by the schema that asks for it: it stands beside `required`, or above `dependentRequired`.
fn named<'a>(root: &'a Value, keyword: &str, name: &str) -> Option<&'a Value> {
    let (holder, _) = keyword.rsplit_once('/')?;
    let above = holder.rsplit_once('/').map(|(above, _)| above);
    [Some(holder), above].into_iter().flatten().find_map(|at| root.pointer(at)?.get("properties")?.get(name))
}

/// RFC 6901 §3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The parts of a configuration that its schema says are written and not read.
#[derive(Debug, Default)]
struct Hidden {
    pointers: Vec<String>,
    /// What must not be repeated, as it would stand in a sentence.
    values: Vec<String>,
}

/// Bytes of a value from which on it is looked for in sentences: shorter ones are parts of words.
const MIN_HIDDEN_BYTES: usize = 4;
/// Schemas one in another that are looked through; what lies deeper is hidden.
const MAX_DEPTH: usize = 128;

impl Hidden {
    fn of(schema: &Value, config: &Value) -> Self {
        let mut hidden = Self::default();
        hidden.look(schema, schema, config, &mut String::new(), 0);
        hidden
    }

    /// Beside a `$ref` everything else counts as well, so it is one keyword among the others (JSON Schema 2020-12 Core §8.2.3.1). Other ways
    /// to refer, and circles, are refused when the plugin is pushed.
    fn look(&mut self, root: &Value, schema: &Value, config: &Value, pointer: &mut String, depth: usize) {
        let Value::Object(keywords) = schema else { return };
        if depth > MAX_DEPTH || keywords.get("writeOnly") == Some(&Value::Bool(true)) {
            self.pointers.push(pointer.clone());
            self.keep(config);
            return;
        }
        let depth = depth + 1;
        for (keyword, value) in keywords {
            match (keyword.as_str(), value, config) {
                ("$ref", Value::String(reference), _) => {
                    if let Some(target) = reference.strip_prefix('#').and_then(|target| root.pointer(target)) {
                        self.look(root, target, config, pointer, depth);
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(parts), _) => {
                    for part in parts {
                        self.look(root, part, config, pointer, depth);
                    }
                }
                ("not" | "if" | "then" | "else", part, _) => self.look(root, part, config, pointer, depth),
                ("dependentSchemas", Value::Object(parts), _) => {
                    for part in parts.values() {
                        self.look(root, part, config, pointer, depth);
                    }
                }
                ("properties", Value::Object(named), Value::Object(members)) => {
                    for (name, part) in named {
                        if let Some(member) = members.get(name) {
                            self.look_below(root, part, member, pointer, name, depth);
                        }
                    }
                }
                ("patternProperties", Value::Object(patterns), Value::Object(members)) => {
                    for part in patterns.values() {
                        for (name, member) in members {
                            self.look_below(root, part, member, pointer, name, depth);
                        }
                    }
                }
                ("additionalProperties" | "unevaluatedProperties", part, Value::Object(members)) => {
                    for (name, member) in members {
                        self.look_below(root, part, member, pointer, name, depth);
                    }
                }
                ("propertyNames", part, Value::Object(members)) => {
                    // A name stands nowhere but in the object that has it.
                    for name in members.keys() {
                        self.look(root, part, &Value::String(name.clone()), pointer, depth);
                    }
                }
                ("items" | "contains" | "unevaluatedItems", part, Value::Array(entries)) => {
                    for (index, entry) in entries.iter().enumerate() {
                        self.look_below(root, part, entry, pointer, &index.to_string(), depth);
                    }
                }
                ("prefixItems", Value::Array(parts), Value::Array(entries)) => {
                    for (index, (part, entry)) in parts.iter().zip(entries).enumerate() {
                        self.look_below(root, part, entry, pointer, &index.to_string(), depth);
                    }
                }
                _ => {}
            }
        }
    }

    fn look_below(
        &mut self,
        root: &Value,
        schema: &Value,
        config: &Value,
        pointer: &mut String,
        name: &str,
        depth: usize,
    ) {
        let end = pointer.len();
        pointer.push('/');
        pointer.push_str(&escaped(name));
        self.look(root, schema, config, pointer, depth);
        pointer.truncate(end);
    }

    fn keep(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.len() >= MIN_HIDDEN_BYTES => self.values.push(text.clone()),
            Value::Number(number) if number.to_string().len() >= MIN_HIDDEN_BYTES => {
                self.values.push(number.to_string());
            }
            Value::Array(entries) => entries.iter().for_each(|entry| self.keep(entry)),
            Value::Object(members) => members.values().for_each(|member| self.keep(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Takes the names out of a place that only the configuration has, where it may be that they are what is hidden.
    fn place(&self, schema: &Value, problem: Problem) -> Problem {
        let Problem { pointer, message } = problem;
        let is_below =
            |hidden: &&String| pointer.strip_prefix(hidden.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let Some(hidden) = self.pointers.iter().find(is_below) else { return Problem { pointer, message } };
        let mut shown = hidden.clone();
        for segment in pointer.get(hidden.len() + 1..).unwrap_or_default().split('/') {
            let is_index = segment.bytes().all(|byte| byte.is_ascii_digit());
            if !is_index && !is_named(schema, &segment.replace("~1", "/").replace("~0", "~")) {
                return Problem { pointer: shown, message: format!("has a member that {message}") };
            }
            shown.push('/');
            shown.push_str(segment);
        }
        Problem { pointer: shown, message }
    }

    fn mask(&self, text: String) -> String {
        self.values.iter().fold(text, |text, value| text.replace(value.as_str(), HIDDEN))
    }
}

/// Whether a schema names a member so, anywhere.
fn is_named(schema: &Value, name: &str) -> bool {
    match schema {
        Value::Object(keywords) => keywords.iter().any(|(keyword, value)| {
            let is_here = keyword == "properties" && value.get(name).is_some();
            is_here || is_named(value, name)
        }),
        Value::Array(parts) => parts.iter().any(|part| is_named(part, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests;

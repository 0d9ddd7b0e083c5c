/// A leaf value, as it crosses the boundary.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`
    Boolean(bool),
    /// a number without a fraction
    Integer(i64),
    /// a finite number with one
    Decimal(f64),
    /// text; also dates, references and base64
    Text(String),
    /// JSON, for what is deeper
    Json(String),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The truth value, if it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(boolean) = self { Some(*boolean) } else { None }
    }

    /// The number, if it is one without a fraction.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(integer) = self { Some(*integer) } else { None }
    }
}

/// One field of an account, or one argument of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The plugin's own name for it.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// What a field can be made of. `None` is no field at all.
pub trait IntoValue {
    /// The value, if there is one.
    fn into_value(self) -> Option<Value>;
}

impl IntoValue for Value {
    fn into_value(self) -> Option<Value> {
        Some(self)
    }
}

impl IntoValue for bool {
    fn into_value(self) -> Option<Value> {
        Some(Value::Boolean(self))
    }
}

impl IntoValue for i64 {
    fn into_value(self) -> Option<Value> {
        Some(Value::Integer(self))
    }
}

impl IntoValue for i32 {
    fn into_value(self) -> Option<Value> {
        Some(Value::Integer(self.into()))
    }
}

impl IntoValue for f64 {
    fn into_value(self) -> Option<Value> {
        Some(Value::Decimal(self))
    }
}

impl IntoValue for &str {
    fn into_value(self) -> Option<Value> {
        Some(Value::Text(self.to_owned()))
    }
}

impl IntoValue for String {
    fn into_value(self) -> Option<Value> {
        Some(Value::Text(self))
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Option<Value> {
        self.and_then(IntoValue::into_value)
    }
}

/// Adds `name` unless the value is none, and replaces what had the name.
pub(crate) fn put(fields: &mut Vec<Field>, name: &str, value: impl IntoValue) {
    fields.retain(|field| field.name != name);
    if let Some(value) = value.into_value() {
        fields.push(Field { name: name.to_owned(), value });
    }
}

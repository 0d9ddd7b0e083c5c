use serde::{Deserialize, Serialize};

/// What the vendor's product sees of a user or group: made by the plugin's mapping, stored beside the SCIM resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The vendor's own word for where it stands: `invited`, `active`, `disabled`, ...
    pub state: String,
    /// Whether the product lists it at all yet.
    pub listed: bool,
    /// Names under which the record is found, unique in the tenant; as the plugin gave them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<AccountKey>,
    /// Whatever else the product wants to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

impl Account {
    /// Of a resource that no plugin mapped: `active`, listed, without keys and fields.
    pub fn unmapped() -> Self {
        Self { state: "active".to_owned(), listed: true, keys: Vec::new(), fields: Vec::new() }
    }
}

/// One key of an [`Account`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountKey {
    /// A SCIM path such as `userName` or `emails.value`.
    pub attribute: String,
    /// Compared without regard to case.
    pub value: String,
}

/// One field of an [`Account`], or one argument of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The plugin's own name for it.
    pub name: String,
    /// Its value.
    pub value: FieldValue,
}

/// A leaf value as the plugin contract has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldValue {
    /// `boolean`
    Boolean(bool),
    /// `integer`
    Integer(i64),
    /// `decimal`; never NaN or infinite, which JSON cannot carry
    Decimal(f64),
    /// `text`
    Text(String),
    /// `json`: JSON text
    Json(String),
}

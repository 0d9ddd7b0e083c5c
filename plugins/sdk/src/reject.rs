/// A considered "no": the identity provider's administrator reads it, and nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// 400, 403, 404, 409, 413, 422 or 429.
    pub status: u16,
    /// RFC 7644 table 9.
    pub scim_type: Option<ScimType>,
    /// At most 1024 bytes: one sentence that names the attribute and the rule, and never the value.
    pub detail: String,
}

/// The `scimType` of an error (RFC 7644 table 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScimType {
    /// `invalidFilter`
    InvalidFilter,
    /// `tooMany`
    TooMany,
    /// `uniqueness`
    Uniqueness,
    /// `mutability`
    Mutability,
    /// `invalidSyntax`
    InvalidSyntax,
    /// `invalidPath`
    InvalidPath,
    /// `noTarget`
    NoTarget,
    /// `invalidValue`
    InvalidValue,
    /// `invalidVers`
    InvalidVers,
    /// `sensitive`
    Sensitive,
}

impl Reject {
    /// With this status and sentence.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    /// 400 `invalidValue`: a value is missing or does not fit.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self { scim_type: Some(ScimType::InvalidValue), ..Self::new(400, detail) }
    }

    /// 409 `uniqueness`: somebody else has it.
    pub fn taken(detail: impl Into<String>) -> Self {
        Self { scim_type: Some(ScimType::Uniqueness), ..Self::new(409, detail) }
    }

    /// 403: it may not be done.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, detail)
    }
}

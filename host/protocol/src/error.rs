/// The `scimType` of an error (RFC 7644 table 9, RFC 9865 table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScimType {
    /// The filter does not parse, or compares what cannot be compared.
    InvalidFilter,
    /// The filter yields more than the server is willing to calculate.
    TooMany,
    /// A value that must be unique is taken.
    Uniqueness,
    /// The attribute may not be changed (again).
    Mutability,
    /// The body is not what the message schema says.
    InvalidSyntax,
    /// The path of a PATCH operation does not parse.
    InvalidPath,
    /// The path of a PATCH operation leads to nothing that could be changed.
    NoTarget,
    /// A value is missing or does not fit its attribute.
    InvalidValue,
    /// The protocol version is not supported.
    InvalidVers,
    /// The request carries sensitive data in its URI.
    Sensitive,
    /// The cursor was not given by this server for this query (RFC 9865 §2.1).
    InvalidCursor,
    /// The cursor was given too long ago (RFC 9865 §2.1).
    ExpiredCursor,
    /// The count of a query by cursor is no count (RFC 9865 §2.1).
    InvalidCount,
}

impl ScimType {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// What is wrong with what a client sent: always a `400`, always with a sentence that names the attribute and the rule,
/// never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// The kind of mistake.
    pub scim_type: ScimType,
    /// The sentence that the administrator reads.
    pub detail: String,
}

impl Invalid {
    /// A mistake of this kind, told in this sentence.
    pub fn new(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self { scim_type, detail: detail.into() }
    }

    /// [`ScimType::InvalidValue`]
    pub fn value(detail: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidValue, detail)
    }

    /// [`ScimType::InvalidSyntax`]
    pub fn syntax(detail: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidSyntax, detail)
    }
}

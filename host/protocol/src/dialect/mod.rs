//! What identity providers send that the RFCs do not foresee, one [`Rule`] a leniency.
//!
//! Every rule that was needed for a request is told as a [`Rewrite`], so that an administrator can see what their identity
//! provider really sends. Start with [`Rule`]; `coerce` is where values are bent into their schema.

pub(crate) mod coerce;
pub(crate) mod list;

pub use coerce::{MAX_IDENTIFIER_BYTES, MAX_TEXT_BYTES};
pub use list::MAX_ELEMENTS;
use serde::{Deserialize, Serialize};

use crate::error::{Invalid, ScimType};

/// A leniency. `X as Y`: the schema wants X, the client sent Y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// `"active":"False"` (0.2 rule 2, Q1; Entra by default)
    BooleanAsText,
    /// `"active":0` (0.2 rule 2)
    BooleanAsNumber,
    /// An integer in quotes.
    NumberAsText,
    /// `"employeeNumber":1815`
    TextAsNumber,
    /// `"manager":"51aa"` (2.7, Q8; Entra)
    ManagerAsText,
    /// `"members":["id1"]`, `"value":"id1"` (2.11)
    MemberAsText,
    /// `"roles":["editor"]`: the value of an element without the object around it.
    ElementAsText,
    /// One object where a list belongs.
    ListAsSingle,
    /// `"manager":[{"value":"51aa"}]` (2.7; Entra's documentation)
    SingleAsList,
    /// An attribute or sub-attribute that no schema has (0.2 rule 3, Q19).
    UnknownAttributeDropped,
    /// A URN in `schemas` that is none of ours (0.2 rule 3, Q19).
    UnknownSchemaDropped,
    /// `"title":null` (0.2 rule 5; RFC 7643 §2.5)
    NullDropped,
    /// `"title":""`: no value (2.11 `SCIM_Null_Update`, 1.12)
    EmptyTextDropped,
    /// `id`, `meta`, `groups`, `members[].display` in a write (0.2 rule 4, Q4, Q16)
    ReadOnlyIgnored,
    /// Core attributes inside an object under the URN of the core schema (Q19).
    CoreUrnUnwrapped,
    /// `urn:scim:schemas:extension:enterprise:2.0` (3.1; `OneLogin`)
    LegacyEnterpriseUrn,
    /// `urn:...:2.0:User.department`: a dot where the colon belongs (2.6; older Entra jobs)
    LegacyDot,
    /// `manager` without the URN of its extension (2.3, 2.7)
    UrnOmitted,
    /// `"Primary":true` (0.2 rule 1, 2.11)
    AttributeNameCase,
    /// `"op":"Replace"` (0.2 rule 1, Q2; Entra by default)
    OpCase,
    /// `"name.givenName":"Ada"` as a key (2.6, Q3; Entra with the flag)
    DottedKey,
    /// A value path that selected nothing made its element (Q7, Q9).
    ElementCreated,
    /// `remove` with a `value`: only what it names goes (Q5; Entra, authentik)
    RemoveByValue,
    /// More than one `primary` in one list: the first stays (RFC 7643 §2.4).
    PrimaryRepeated,
    /// `name.formatted` came back stale and was made anew (1.5; Okta)
    FormattedRecomputed,
}

impl Rule {
    /// The name under which the rule is counted and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BooleanAsText => "boolean-as-text",
            Self::BooleanAsNumber => "boolean-as-number",
            Self::NumberAsText => "number-as-text",
            Self::TextAsNumber => "text-as-number",
            Self::ManagerAsText => "manager-as-text",
            Self::MemberAsText => "member-as-text",
            Self::ElementAsText => "element-as-text",
            Self::ListAsSingle => "list-as-single",
            Self::SingleAsList => "single-as-list",
            Self::UnknownAttributeDropped => "unknown-attribute-dropped",
            Self::UnknownSchemaDropped => "unknown-schema-dropped",
            Self::NullDropped => "null-dropped",
            Self::EmptyTextDropped => "empty-text-dropped",
            Self::ReadOnlyIgnored => "read-only-ignored",
            Self::CoreUrnUnwrapped => "core-urn-unwrapped",
            Self::LegacyEnterpriseUrn => "legacy-enterprise-urn",
            Self::LegacyDot => "legacy-dot",
            Self::UrnOmitted => "urn-omitted",
            Self::AttributeNameCase => "attribute-name-case",
            Self::OpCase => "op-case",
            Self::DottedKey => "dotted-key",
            Self::ElementCreated => "element-created",
            Self::RemoveByValue => "remove-by-value",
            Self::PrimaryRepeated => "primary-repeated",
            Self::FormattedRecomputed => "formatted-recomputed",
        }
    }

    /// What a strict tenant answers instead; `None` where the RFCs themselves ask for the tolerance, or nothing is lost by it.
    const fn refusal(self) -> Option<(ScimType, &'static str)> {
        match self {
            Self::UnknownAttributeDropped => Some((ScimType::InvalidSyntax, "is not an attribute of this resource")),
            Self::UnknownSchemaDropped => {
                Some((ScimType::InvalidSyntax, "names a schema that this resource does not have"))
            }
            Self::BooleanAsText | Self::BooleanAsNumber => Some((ScimType::InvalidValue, "must be a boolean")),
            Self::NumberAsText => Some((ScimType::InvalidValue, "must be a number")),
            Self::TextAsNumber => Some((ScimType::InvalidValue, "must be a string")),
            Self::ManagerAsText | Self::MemberAsText | Self::ElementAsText | Self::SingleAsList => {
                Some((ScimType::InvalidValue, "must be an object"))
            }
            Self::ListAsSingle => Some((ScimType::InvalidValue, "must be an array")),
            Self::ElementCreated => Some((ScimType::NoTarget, "has no such element")),
            Self::PrimaryRepeated => Some((ScimType::InvalidValue, "may have one primary element")),
            Self::NullDropped
            | Self::EmptyTextDropped
            | Self::ReadOnlyIgnored
            | Self::CoreUrnUnwrapped
            | Self::LegacyEnterpriseUrn
            | Self::LegacyDot
            | Self::UrnOmitted
            | Self::AttributeNameCase
            | Self::OpCase
            | Self::DottedKey
            | Self::RemoveByValue
            | Self::FormattedRecomputed => None,
        }
    }
}

/// One leniency that one request needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// What was tolerated.
    pub rule: Rule,
    /// Where: the attribute, never its value.
    pub path: String,
}

/// How much of [`Rule`] a tenant tolerates. The default is all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Whether what the schema does not foresee is dropped or bent; otherwise it is refused.
    pub lenient: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self { lenient: true }
    }
}

impl Profile {
    /// Refuses what the default drops or bends, as far as the RFCs do not ask for the tolerance.
    pub const fn strict() -> Self {
        Self { lenient: false }
    }
}

/// The most leniencies that are told of one request; what comes after is tolerated all the same.
pub const MAX_REWRITES: usize = 100;

/// The most characters that are told of a path: an unknown name can be of any length.
const MAX_PATH: usize = 200;

/// What was tolerated so far in one request.
#[derive(Debug)]
pub(crate) struct Tolerance<'a> {
    profile: &'a Profile,
    pub(crate) rewrites: Vec<Rewrite>,
}

impl<'a> Tolerance<'a> {
    pub(crate) fn new(profile: &'a Profile) -> Self {
        Self { profile, rewrites: Vec::new() }
    }

    /// Notes that `rule` is needed at `path`; in the strict profile that may be a refusal instead.
    pub(crate) fn apply(&mut self, rule: Rule, path: &str) -> Result<(), Invalid> {
        match rule.refusal() {
            Some((scim_type, sentence)) if !self.profile.lenient => {
                Err(Invalid::new(scim_type, format!("{path} {sentence}")))
            }
            _ => {
                self.note(rule, path);
                Ok(())
            }
        }
    }

    /// Notes a rule that every profile tolerates; the same rule at the same place counts once.
    pub(crate) fn note(&mut self, rule: Rule, path: &str) {
        let path: String = path.chars().take(MAX_PATH).collect();
        let rewrite = Rewrite { rule, path };
        if self.rewrites.len() < MAX_REWRITES && !self.rewrites.contains(&rewrite) {
            self.rewrites.push(rewrite);
        }
    }
}

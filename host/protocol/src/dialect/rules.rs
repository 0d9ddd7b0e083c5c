//! The table of leniencies: what each forgives, who needs it, an example, and what a stricter profile answers instead.

use serde::{Deserialize, Serialize};

use crate::error::ScimType;

/// What there is to know of a [`Rule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The name under which the rule is counted, listed in profiles and shown.
    pub name: &'static str,
    /// Who is known to need it.
    pub who: &'static str,
    /// What is done, as the end of a sentence.
    pub says: &'static str,
    /// Where that is told: sections of the notes on identity providers' traffic, paragraphs of RFCs.
    pub source: &'static str,
    /// What arrives.
    pub before: &'static str,
    /// What it is taken for.
    pub after: &'static str,
    /// What is answered where the rule is not tolerated, after the name of the attribute. `None`: every profile tolerates it,
    /// because the RFCs themselves ask for it, or nothing is lost by it.
    pub refusal: Option<(ScimType, &'static str)>,
}

/// `None` with a name: the rule is no choice of a profile.
const TOLERATED_BY_ALL: Option<(ScimType, &str)> = None;

#[expect(clippy::unnecessary_wraps, reason = "a column of the table, as TOLERATED_BY_ALL is")]
const fn value(sentence: &'static str) -> Option<(ScimType, &'static str)> {
    Some((ScimType::InvalidValue, sentence))
}

#[expect(clippy::unnecessary_wraps, reason = "a column of the table, as TOLERATED_BY_ALL is")]
const fn syntax(sentence: &'static str) -> Option<(ScimType, &'static str)> {
    Some((ScimType::InvalidSyntax, sentence))
}

#[expect(clippy::unnecessary_wraps, reason = "a column of the table, as TOLERATED_BY_ALL is")]
const fn path(sentence: &'static str) -> Option<(ScimType, &'static str)> {
    Some((ScimType::InvalidPath, sentence))
}

#[expect(clippy::unnecessary_wraps, reason = "a column of the table, as TOLERATED_BY_ALL is")]
const fn filter(sentence: &'static str) -> Option<(ScimType, &'static str)> {
    Some((ScimType::InvalidFilter, sentence))
}

macro_rules! rules {
    ($($rule:ident $name:literal { $who:literal: $says:literal, $source:literal, $before:literal => $after:literal, $refusal:expr })*) => {
        /// A leniency. `X as Y`: the schema wants X, the client sent Y.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Rule {
            $(
                #[doc = concat!($says, ": `", $before, "` (", $who, "; ", $source, ")")]
                #[serde(rename = $name)]
                $rule,
            )*
        }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$rule),*];

            /// What there is to know of it.
            pub const fn about(self) -> About {
                match self {
                    $(Self::$rule => About {
                        name: $name,
                        who: $who,
                        says: $says,
                        source: $source,
                        before: $before,
                        after: $after,
                        refusal: $refusal,
                    },)*
                }
            }
        }
    };
}

rules! {
    // Values
    BooleanAsText "boolean-as-text" {
        "Entra by default": "text read as boolean", "0.2 rule 2, Q1, Q9",
        r#""active":"False""# => r#""active":false"#, value("must be a boolean")
    }
    BooleanAsNumber "boolean-as-number" {
        "Some clients": "number read as boolean", "0.2 rule 2",
        r#""active":0"# => r#""active":false"#, value("must be a boolean")
    }
    NumberAsText "number-as-text" {
        "Some clients": "text read as number", "0.2 rule 2",
        r#""floor":"3""# => r#""floor":3"#, value("must be a number")
    }
    TextAsNumber "text-as-number" {
        "Some clients": "number read as text", "0.2 rule 2",
        r#""employeeNumber":1815"# => r#""employeeNumber":"1815""#, value("must be a string")
    }
    JsonAsText "json-as-text" {
        "Entra by default": "JSON in a text kept as that text", "2.5",
        r#""roles":[{"value":"{\"value\":\"Admin\"}"}]"# => r#""roles":[{"value":"{\"value\":\"Admin\"}"}]"#, TOLERATED_BY_ALL
    }
    ManagerAsText "manager-as-text" {
        "Entra by default": "text read as the manager's value", "2.7, Q8",
        r#""manager":"51aa""# => r#""manager":{"value":"51aa"}"#, value("must be an object")
    }
    MemberAsText "member-as-text" {
        "Microsoft's reference client": "text read as a member's value", "2.11",
        r#""members":["id1"]"# => r#""members":[{"value":"id1"}]"#, value("must be an object")
    }
    ElementAsText "element-as-text" {
        "Some clients": "text read as an element's value", "0.2",
        r#""roles":["editor"]"# => r#""roles":[{"value":"editor"}]"#, value("must be an object")
    }
    ListAsSingle "list-as-single" {
        "Microsoft's reference client": "one value read as a list of one", "2.11",
        r#""emails":{"value":"a"}"# => r#""emails":[{"value":"a"}]"#, value("must be an array")
    }
    SingleAsList "single-as-list" {
        "Entra's documentation": "a list of one read as its value", "2.7",
        r#""manager":[{"value":"51aa"}]"# => r#""manager":{"value":"51aa"}"#, value("must be an object")
    }
    NullDropped "null-dropped" {
        "Entra by default": "null read as no value", "0.2 rule 5, Q17; RFC 7643 §2.5",
        r#""title":null"# => "nothing", TOLERATED_BY_ALL
    }
    EmptyTextDropped "empty-text-dropped" {
        "Microsoft's gallery tests": "empty text read as no value", "1.12, 2.11",
        r#""title":"""# => "nothing", TOLERATED_BY_ALL
    }
    CanonicalCase "canonical-case" {
        "Some clients": "a canonical value in another case read as that value", "0.2 rule 1; RFC 7643 §2.4, §7",
        r#""type":"Work""# => r#""type":"work""#, TOLERATED_BY_ALL
    }
    NotCanonical "not-canonical" {
        "Microsoft's validator, Okta": "a value beside the canonical ones kept", "2.11; RFC 7643 §7",
        r#""type":"untyped""# => r#""type":"untyped""#, value("must be one of its canonical values")
    }
    NotAUri "not-a-uri" {
        "Some clients": "a reference that is no URI kept", "RFC 7643 §2.3.7",
        r#""profileUrl":"see intranet""# => r#""profileUrl":"see intranet""#, value("must be a URI")
    }
    ReferenceElsewhere "reference-elsewhere" {
        "Some clients": "a reference to something else than its schema names kept", "RFC 7643 §2.3.7",
        r#""manager":{"$ref":"/Groups/7b2e"}"# => r#""manager":{"$ref":"/Groups/7b2e"}"#,
        value("must lead to a resource of a type that the schema names")
    }
    PrimaryRepeated "primary-repeated" {
        "Some clients": "of several primary elements the first stays primary", "RFC 7643 §2.4",
        r#""emails":[{"primary":true},{"primary":true}]"# => r#""emails":[{"primary":true},{"primary":false}]"#,
        value("may have one primary element")
    }
    FormattedRecomputed "formatted-recomputed" {
        "Okta": "a stale name made anew from its parts", "1.5",
        r#""name":{"givenName":"Ada","formatted":"Eda"}"# => r#""name":{"givenName":"Ada","formatted":"Ada"}"#, TOLERATED_BY_ALL
    }

    // Names
    UnknownAttributeDropped "unknown-attribute-dropped" {
        "Any client": "an attribute that no schema has ignored", "0.2 rule 3, Q19",
        r#""favouriteColour":"blue""# => "nothing", syntax("is not an attribute of this resource")
    }
    UnknownSchemaDropped "unknown-schema-dropped" {
        "Entra, OneLogin": "a schema that this resource does not have ignored", "0.2 rule 3, 2.9, Q19",
        r#""schemas":["urn:acme"]"# => "nothing", syntax("names a schema that this resource does not have")
    }
    SchemasOmitted "schemas-omitted" {
        "Some clients": "a resource without schemas read as what its endpoint takes", "Q19; RFC 7643 §3",
        r#"{"userName":"ada"}"# => r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada"}"#,
        syntax("must name the schema of the resource")
    }
    ExtensionUnlisted "extension-unlisted" {
        "Okta, Entra": "an extension found that schemas does not list", "1.4, 2.4; RFC 7643 §3",
        r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"x"}"#
            => r#""schemas":["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]"#, TOLERATED_BY_ALL
    }
    ReadOnlyIgnored "read-only-ignored" {
        "Okta, Entra": "what only the server writes ignored", "0.2 rule 4, Q4, Q16; RFC 7644 §3.3, §3.5.1",
        r#""id":"7b2e""# => "nothing", TOLERATED_BY_ALL
    }
    ReadOnlyPatched "read-only-patched" {
        "Okta, authentik": "what only the server writes ignored in a PATCH", "1.9, 3.9, Q4; RFC 7644 §3.5.2",
        r#"{"op":"replace","value":{"id":"4d1c","displayName":"x"}}"# => r#"{"op":"replace","value":{"displayName":"x"}}"#,
        Some((ScimType::Mutability, "is read-only"))
    }
    NotRetained "not-retained" {
        "Everybody": "left out, because the tenant's plugin does not keep it", "the plugin's manifest",
        r#""nickName":"Ada""# => "nothing", TOLERATED_BY_ALL
    }
    PasswordDropped "password-dropped" {
        "Okta": "a password that no plugin asks for left out", "1.4, 1.6; RFC 7643 §9.2",
        r#""password":"..."# => "nothing", TOLERATED_BY_ALL
    }
    AttributeNameCase "attribute-name-case" {
        "Microsoft's reference client": "a name in another case read as the schema has it", "0.2 rule 1, 2.11; RFC 7643 §2.1",
        r#""Primary":true"# => r#""primary":true"#, TOLERATED_BY_ALL
    }
    CoreUrnUnwrapped "core-urn-unwrapped" {
        "Some clients": "core attributes taken out of an object under the core URN", "Q19",
        r#""urn:ietf:params:scim:schemas:core:2.0:User":{"title":"x"}"# => r#""title":"x""#,
        syntax("is the URN of the core schema, whose attributes stand outside of it")
    }
    LegacyEnterpriseUrn "legacy-enterprise-urn" {
        "OneLogin": "an early URN read as the enterprise extension", "3.1",
        r#""urn:scim:schemas:extension:enterprise:2.0""# => r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        syntax("is named by a URN of before SCIM 2.0")
    }
    LegacyDot "legacy-dot" {
        "Entra applications of before December 2018": "a dot after a URN read as a colon", "2.6",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department"
            => "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        path("stands behind a dot where its URN ends with a colon")
    }
    UrnOmitted "urn-omitted" {
        "Entra by default": "an attribute of an extension found without its URN", "2.3, 2.7; RFC 7644 §3.10",
        r#""manager""# => r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager""#,
        path("must be named with the URN of its extension")
    }
    DottedKey "dotted-key" {
        "Entra with the flag": "a key with a path in it read as that path", "2.6, Q3",
        r#""name.givenName":"Ada""# => r#""name":{"givenName":"Ada"}"#, syntax("is a path where the name of an attribute belongs")
    }

    // PATCH and other messages
    OpCase "op-case" {
        "Entra by default": "a word of the protocol in another case", "0.2 rule 1, Q2",
        r#""op":"Replace""# => r#""op":"replace""#, syntax("must be written in lower case")
    }
    PathlessPatch "pathless-patch" {
        "Okta OIN, Entra with the flag, authentik": "the keys of the value read as paths", "1.5, 2.6, Q3; RFC 7644 §3.5.2",
        r#"{"op":"replace","value":{"active":false}}"# => r#"{"op":"replace","path":"active","value":false}"#, path("is required")
    }
    PathBlank "path-blank" {
        "authentik": "an empty path read as none, and blanks around one left out", "3.9",
        r#""path":null"# => "no path", TOLERATED_BY_ALL
    }
    ElementCreated "element-created" {
        "Entra by default": "the element that a value path did not find made", "2.5, Q7, Q9",
        r#"replace emails[type eq "work"].value"# => r#"add emails [{"type":"work","value":...}]"#,
        Some((ScimType::NoTarget, "has no such element"))
    }
    SelectorKept "selector-kept" {
        "Entra by default": "an element replaced through a value path keeps what it was selected by", "2.5, Q7; RFC 7644 §3.5.2.3",
        r#"replace emails[type eq "work"] {"value":"a"}"# => r#"replace emails[type eq "work"] {"type":"work","value":"a"}"#,
        TOLERATED_BY_ALL
    }
    EmptiedElementRemoved "emptied-element-removed" {
        "Microsoft's gallery tests": "an element left with nothing but what selects it removed", "2.11; RFC 7644 §3.5.2.2",
        r#"remove emails[type eq "work"].value"# => r#"remove emails[type eq "work"]"#, TOLERATED_BY_ALL
    }
    RemoveByValue "remove-by-value" {
        "Entra by default, authentik": "only what the value names removed", "2.9, Q5",
        r#"{"op":"remove","path":"members","value":[{"value":"51aa"}]}"# => r#"{"op":"remove","path":"members[value eq \"51aa\"]"}"#,
        value("is removed by its path alone, not by a value")
    }
    ReplaceWithoutValue "replace-without-value" {
        "Serialisers that leave out nulls": "a replace without a value read as one with null", "Q17; RFC 7644 §3.5.2.3",
        r#"{"op":"replace","path":"title"}"# => r#"{"op":"replace","path":"title","value":null}"#, value("is required")
    }
    MessageWithoutSchemas "message-without-schemas" {
        "Some clients": "a message without its schema read as what its endpoint takes", "Q19",
        r#"{"Operations":[...]}"# => r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[...]}"#,
        syntax("must name the schema of the message")
    }
    ExtraMember "extra-member" {
        "Microsoft's reference client": "a member that the message does not have ignored", "2.11, Q19",
        r#"{"op":"add","name":"addMember",...}"# => r#"{"op":"add",...}"#, syntax("is not a member of this message")
    }
    UnknownMemberIgnored "unknown-member-ignored" {
        "Okta, JumpCloud": "a member that does not exist left out", "Q18",
        r#""members":[{"value":"gone"}]"# => "nothing", TOLERATED_BY_ALL
    }

    BulkMethodCase "bulk-method-case" {
        "Some clients": "the method of a bulk operation in another case", "0.2 rule 1; RFC 7644 §3.7",
        r#""method":"post""# => r#""method":"POST""#, value("must be written in upper case")
    }
    BulkIdMissing "bulk-id-missing" {
        "Some clients": "a POST without its bulkId performed all the same", "RFC 7644 §3.7",
        r#"{"method":"POST","path":"/Users",...}"# => r#"{"method":"POST","bulkId":"1","path":"/Users",...}"#, value("is required for a POST")
    }
    BulkPathForm "bulk-path-form" {
        "Some clients": "the path of a bulk operation freed of what stands around it", "0.2 rule 7; RFC 7644 §3.7",
        r#""path":"https://scim.example.test/scim/v2/Users""# => r#""path":"/Users""#, value("must be relative to the base URL")
    }

    // Filters
    BareValue "bare-value" {
        "Entra's documentation, authentik before 2025.10": "a value without quotes read as text", "2.3, 3.9, Q10",
        "userName eq ada" => r#"userName eq "ada""#, filter("a value must be in quotes, or be true, false, null or a number")
    }
    ValuePathContinued "value-path-continued" {
        "Entra by default": "what follows a value path asked of the same element", "2.3, Q10",
        r#"emails[type eq "work"].value eq "a""# => r#"emails[type eq "work" and value eq "a"]"#,
        filter("nothing may follow a value path but 'and' or 'or'")
    }
    SubAttributeImplied "sub-attribute-implied" {
        "PingFederate, Entra": "a complex attribute compared by its value", "2.3, 3.4, Q10; RFC 7644 §3.4.2.2",
        r#"emails eq "a""# => r#"emails.value eq "a""#, filter("must be compared by one of its sub-attributes")
    }
    NotWithoutParentheses "not-without-parentheses" {
        "Some clients": "not read without parentheses", "Q10",
        "not title pr" => "not (title pr)", filter("the parentheses of 'not' are missing")
    }
    BeyondEqAnd "beyond-eq-and" {
        "Any client of RFC 7644": "more than eq and and", "RFC 7644 §3.4.2.2",
        r#"userName sw "a""# => r#"userName sw "a""#, filter("only 'eq' and 'and' are served to this tenant")
    }
    KeywordCase "keyword-case" {
        "PingOne, Entra by default": "a word of the filter in another case", "0.2 rule 1, 3.4, Q10; RFC 7644 §3.4.2.2",
        r#"userName Eq "ada""# => r#"userName eq "ada""#, TOLERATED_BY_ALL
    }

    // The request around it
    ValuePathAsAttribute "value-path-as-attribute" {
        "Microsoft's reference client": "a value path among the wanted attributes read as its attribute", "2.11",
        r#"attributes=emails[type eq "work"]"# => "attributes=emails", TOLERATED_BY_ALL
    }
    ParameterCase "parameter-case" {
        "Some clients": "a query parameter in another case", "0.2 rule 1",
        "StartIndex=1" => "startIndex=1", TOLERATED_BY_ALL
    }
    QueryDebris "query-debris" {
        "OneLogin": "what hangs on the query left out", "0.2 rule 7, 3.1",
        "/Users/7b2e?" => "/Users/7b2e", TOLERATED_BY_ALL
    }
    FeatureFlag "feature-flag" {
        "Entra with the flag": "the flag in the URL left out", "0.2 rule 7, 2.1",
        "?aadOptscim062020&filter=..." => "?filter=...", TOLERATED_BY_ALL
    }
    SlashesFolded "slashes-folded" {
        "OneLogin, Microsoft's reference client": "slashes at the end, or several in a row, read as one", "0.2 rule 7, 2.11",
        "/Users/" => "/Users", TOLERATED_BY_ALL
    }
    ContentTypeOther "content-type-other" {
        "Google, Okta's tests": "another media type than application/scim+json read as that", "0.2 rule 6, 3.3, Q13",
        "Content-Type: application/json" => "Content-Type: application/scim+json", TOLERATED_BY_ALL
    }
    TokenForm "token-form" {
        "Okta in header mode": "a token with no Bearer before it, or with several", "1.1, Q14",
        "Authorization: t0k" => "Authorization: Bearer t0k", TOLERATED_BY_ALL
    }
}

impl Rule {
    /// The name under which the rule is counted and shown.
    pub const fn name(self) -> &'static str {
        self.about().name
    }

    /// Whether a profile may refuse what the rule forgives.
    pub const fn is_refusable(self) -> bool {
        self.about().refusal.is_some()
    }
}

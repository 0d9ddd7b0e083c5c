//! Attribute paths as text (RFC 7644 §3.10): syntax only, nothing is looked up except which URNs are schemas.

use std::fmt;

use crate::dialect::{Profile, Tolerance};
use crate::error::{Invalid, ScimType};
use crate::filter::Filter;

/// How long an attribute path may be; a path of RFC 7643 has at most 90.
pub const MAX_PATH_BYTES: usize = 1024;

/// `name`, `name.sub`, `urn:name`, `urn:name.sub`, or a schema URN alone (then `name` is empty).
///
/// Names are kept as they were written and compare case-insensitively; [`crate::schema::ResourceTypeDef::resolve`] finds the
/// canonical ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttrPath {
    /// The schema that the attribute belongs to, if the path names one.
    pub urn: Option<String>,
    /// The attribute; empty when the path is a schema URN alone.
    pub name: String,
    /// The sub-attribute.
    pub sub: Option<String>,
}

/// What a PATCH operation aims at (RFC 7644 §3.5.2, `PATH`): `attr` or `attr[filter]` or `attr[filter].sub`.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchPath {
    /// The attribute; it carries the sub-attribute where there is no filter.
    pub attr: AttrPath,
    /// Which elements of the attribute are meant.
    pub filter: Option<Filter>,
    /// The sub-attribute after the filter.
    pub sub: Option<String>,
}

impl AttrPath {
    /// Reads a path; `is_schema` tells whether a URN, in any case, is a schema of the resource type.
    ///
    /// URNs contain the very characters that separate them from attributes, so the longest known URN is taken first; after
    /// it, Entra applications of before December 2018 write `.` where `:` belongs. An unknown URN ends at its last colon.
    pub fn parse(text: &str, is_schema: &dyn Fn(&str) -> bool) -> Result<Self, Invalid> {
        Self::read(text, is_schema).map_err(|rule| Invalid::new(ScimType::InvalidPath, format!("the path {rule}")))
    }

    /// As [`Self::parse`]; the error is the rule that is broken, as the end of a sentence.
    pub(crate) fn read(text: &str, is_schema: &dyn Fn(&str) -> bool) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("is empty");
        }
        if text.len() > MAX_PATH_BYTES {
            return Err("is longer than 1024 bytes");
        }
        if !text.contains(':') {
            return Self::relative(None, text).ok_or(NOT_A_NAME);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !br#"[]()"\"#.contains(&byte)) {
            return Err("has a character that a schema URN cannot have");
        }

        let extension = |urn: &str| Self { urn: Some(urn.to_owned()), name: String::new(), sub: None };
        if is_schema(text) {
            return Ok(extension(text));
        }
        let known = text.rmatch_indices([':', '.']).find(|(at, _)| is_schema(&text[..*at]));
        if let Some((at, _)) = known {
            return Self::relative(Some(&text[..at]), &text[at + 1..]).ok_or(NOT_A_NAME);
        }
        let unknown = text.rsplit_once(':').filter(|(urn, _)| !urn.is_empty());
        match unknown.and_then(|(urn, rest)| Self::relative(Some(urn), rest)) {
            Some(path) => Ok(path),
            // `urn:scim:schemas:extension:acme:1.0`: what stands after the last colon is still the URN.
            None if text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:")) => Ok(extension(text)),
            None => Err(NOT_A_NAME),
        }
    }

    fn relative(urn: Option<&str>, text: &str) -> Option<Self> {
        let (name, sub) = match text.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (text, None),
        };
        (is_name(name) && sub.is_none_or(is_name)).then(|| Self {
            urn: urn.map(str::to_owned),
            name: name.to_owned(),
            sub: sub.map(str::to_owned),
        })
    }
}

const NOT_A_NAME: &str = "is not an attribute, optionally with the URN of its schema and a colon before it and a point and a sub-attribute after it";

/// `ATTRNAME` of RFC 7643 §2.1, and `$ref`, which that rule forgets.
pub(crate) fn is_name(text: &str) -> bool {
    let name = text.strip_prefix('$').unwrap_or(text);
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte))
}

impl PatchPath {
    /// Reads the `path` of a PATCH operation; see [`AttrPath::parse`].
    ///
    /// What is wrong between the brackets is [`ScimType::InvalidFilter`] (RFC 7644 table 9 lists it for "PATCH (Path
    /// Filter)"), everything else [`ScimType::InvalidPath`].
    pub fn parse(text: &str, is_schema: &dyn Fn(&str) -> bool) -> Result<Self, Invalid> {
        Self::read(text, is_schema, &mut Tolerance::new(&Profile::default()))
    }

    /// As [`Self::parse`]; notes what the filter needed.
    pub(crate) fn read(
        text: &str,
        is_schema: &dyn Fn(&str) -> bool,
        tolerance: &mut Tolerance<'_>,
    ) -> Result<Self, Invalid> {
        let Some(bracket) = text.find('[') else {
            return Ok(Self { attr: AttrPath::parse(text, is_schema)?, filter: None, sub: None });
        };
        let attr = AttrPath::parse(&text[..bracket], is_schema)?;
        if attr.sub.is_some() || attr.name.is_empty() {
            return Err(Invalid::new(
                ScimType::InvalidPath,
                "the path has a filter that does not follow the name of a multi-valued attribute",
            ));
        }
        let (filter, end) = Filter::parse_brackets(text, bracket, is_schema, tolerance)?;
        let sub = match text[end..].strip_prefix('.') {
            Some(sub) if is_name(sub) => Some(sub.to_owned()),
            None if end == text.len() => None,
            Some(_) | None => {
                return Err(Invalid::new(
                    ScimType::InvalidPath,
                    "the path has something after its filter that is not a point and a sub-attribute",
                ));
            }
        };
        Ok(Self { attr, filter: Some(filter), sub })
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            f.write_str(urn)?;
            if !self.name.is_empty() {
                f.write_str(":")?;
            }
        }
        f.write_str(&self.name)?;
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.attr)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proptest::prelude::*;

    use super::*;
    use crate::filter::MAX_FILTER_BYTES;
    use crate::{ENTERPRISE_USER, USER};

    fn is_schema(urn: &str) -> bool {
        urn.eq_ignore_ascii_case(USER) || urn.eq_ignore_ascii_case(ENTERPRISE_USER)
    }

    fn parts(text: &str) -> (Option<String>, String, Option<String>) {
        let path = AttrPath::parse(text, &is_schema).unwrap();
        assert_eq!(AttrPath::parse(&path.to_string(), &is_schema).unwrap(), path, "{text}");
        (path.urn, path.name, path.sub)
    }

    #[expect(clippy::unnecessary_wraps, reason = "what it is compared with has an Option")]
    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_plain_path_is_a_name_and_perhaps_a_sub_attribute() {
        assert_eq!(parts("userName"), (None, "userName".into(), None));
        assert_eq!(parts("name.familyName"), (None, "name".into(), some("familyName")));
        assert_eq!(parts("members.$ref"), (None, "members".into(), some("$ref")));
        assert_eq!(parts("x_y-Z9"), (None, "x_y-Z9".into(), None));
    }

    #[test]
    fn a_known_urn_is_matched_before_its_points_and_colons_are_read() {
        assert_eq!(parts(&format!("{USER}:userName")), (some(USER), "userName".into(), None));
        assert_eq!(parts(&format!("{USER}:name.givenName")), (some(USER), "name".into(), some("givenName")));
        assert_eq!(
            parts(&format!("{ENTERPRISE_USER}:manager.value")),
            (some(ENTERPRISE_USER), "manager".into(), some("value"))
        );
        let shouted = ENTERPRISE_USER.to_uppercase();
        assert_eq!(parts(&format!("{shouted}:DEPARTMENT")), (some(&shouted), "DEPARTMENT".into(), None));
    }

    #[test]
    fn a_known_urn_alone_is_the_whole_extension() {
        assert_eq!(parts(ENTERPRISE_USER), (some(ENTERPRISE_USER), String::new(), None));
    }

    #[test]
    fn older_entra_applications_write_a_point_after_the_urn() {
        let legacy = AttrPath::parse(&format!("{ENTERPRISE_USER}.manager.value"), &is_schema).unwrap();
        assert_eq!(legacy.to_string(), format!("{ENTERPRISE_USER}:manager.value"));
        assert_eq!(parts(&format!("{USER}.userName")), (some(USER), "userName".into(), None));
    }

    #[test]
    fn the_longest_known_urn_wins() {
        let is_schema = |urn: &str| urn == "urn:x:a" || urn == "urn:x:a:b";
        let path = AttrPath::parse("urn:x:a:b:c", &is_schema).unwrap();
        assert_eq!((path.urn, path.name), (some("urn:x:a:b"), "c".into()));
        let path = AttrPath::parse("urn:x:a:c", &is_schema).unwrap();
        assert_eq!((path.urn, path.name), (some("urn:x:a"), "c".into()));
    }

    #[test]
    fn an_unknown_urn_ends_at_its_last_colon() {
        assert_eq!(parts("urn:acme:2.0:User:badge.no"), (some("urn:acme:2.0:User"), "badge".into(), some("no")));
        assert_eq!(parts("urn:scim:acme:1.0"), (some("urn:scim:acme:1.0"), String::new(), None));
    }

    #[test]
    fn what_is_no_path_is_refused_as_an_invalid_path() {
        let urn_without_name = format!("{USER}:");
        let texts = [
            "",
            " ",
            "1a",
            "a.",
            ".a",
            "a.b.c",
            "a b",
            "a:",
            ":a",
            "ä",
            "a[",
            "urn:x:a b",
            "$",
            "a..b",
            &urn_without_name,
        ];
        for text in texts {
            assert_eq!(AttrPath::parse(text, &is_schema).unwrap_err().scim_type, ScimType::InvalidPath, "{text}");
        }
    }

    #[test]
    fn a_path_has_a_longest_length() {
        assert!(AttrPath::parse(&"a".repeat(MAX_PATH_BYTES), &is_schema).is_ok());
        let invalid = AttrPath::parse(&"a".repeat(MAX_PATH_BYTES + 1), &is_schema).unwrap_err();
        assert_eq!(invalid.detail, format!("the path is longer than {MAX_PATH_BYTES} bytes"));
        assert!(AttrPath::parse(&"a:".repeat(100_000), &is_schema).is_err());
    }

    #[test]
    fn patch_paths_print_back_to_themselves() {
        for text in [
            "userName",
            "name.familyName",
            r#"emails[type eq "work"].value"#,
            r#"members[value eq "a]b\"["]"#,
            &format!("{ENTERPRISE_USER}:manager"),
            ENTERPRISE_USER,
            r#"urn:acme:2.0:User:badges[type eq "a" or not (type pr)].sub"#,
        ] {
            assert_eq!(PatchPath::parse(text, &is_schema).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_filter_stands_between_the_attribute_and_the_sub_attribute() {
        let path = PatchPath::parse(r#"addresses[primary EQ "True"].locality"#, &is_schema).unwrap();
        assert_eq!(path.attr.to_string(), "addresses");
        assert_eq!(path.filter.unwrap().to_string(), r#"primary eq "True""#);
        assert_eq!(path.sub.as_deref(), Some("locality"));

        let path = PatchPath::parse("name.givenName", &is_schema).unwrap();
        assert_eq!((path.attr.sub.as_deref(), path.filter, path.sub), (Some("givenName"), None, None));
    }

    #[test]
    fn a_broken_filter_in_a_patch_path_is_an_invalid_filter_and_anything_else_an_invalid_path() {
        for text in
            ["emails[", "emails[]", "emails[type]", r#"emails[type eq "work""#, "emails[a[b pr]]", "emails[a pr b]"]
        {
            assert_eq!(PatchPath::parse(text, &is_schema).unwrap_err().scim_type, ScimType::InvalidFilter, "{text}");
        }
        for text in ["[a pr]", "a.b[c pr]", "a[b pr]c", "a[b pr].", "a[b pr].c.d", "a[b pr][c pr]", "a]", "a[b pr] "] {
            assert_eq!(PatchPath::parse(text, &is_schema).unwrap_err().scim_type, ScimType::InvalidPath, "{text}");
        }
        assert!(PatchPath::parse(&format!("{ENTERPRISE_USER}[a pr]"), &is_schema).is_err());
    }

    #[test]
    fn the_filter_of_a_patch_path_has_the_limit_of_filters() {
        let long = format!(r#"members[value eq "{}"]"#, "x".repeat(MAX_FILTER_BYTES));
        assert_eq!(PatchPath::parse(&long, &is_schema).unwrap_err().scim_type, ScimType::InvalidFilter);
    }

    /// The same path to the oracle; its own printing is compared, so that both have the same parts.
    ///
    /// Like the oracle we know no schemas here: where we do, what follows a known URN must be an attribute.
    fn agrees_with_oracle(text: &str) -> Result<bool, TestCaseError> {
        let ours = |text: &str| {
            PatchPath::parse(text, &|_| false).map_err(|invalid| TestCaseError::fail(format!("{text:?}: {invalid}")))
        };
        let Ok(theirs) = scim_v2::filter::PatchPath::from_str(text) else { return Ok(false) };
        // Blanks around a path are taken off before it is read as one, and told.
        let (mine, read_back) = (ours(text.trim())?, ours(&theirs.to_string())?);
        prop_assert_eq!((&mine.attr, &mine.sub), (&read_back.attr, &read_back.sub), "{:?}", text);
        // How filters differ is what the tests of filters tell.
        prop_assert_eq!(mine.filter.is_some(), read_back.filter.is_some(), "{:?}", text);
        Ok(true)
    }

    #[test]
    fn these_paths_we_read_and_the_oracle_does_not() {
        let legacy = format!("{ENTERPRISE_USER}.manager.value");
        for text in
            ["roles[type eq work]", "roles[not type pr]", "emails[type eq \"work\" and primary eq True]", &legacy]
        {
            assert!(PatchPath::parse(text, &is_schema).is_ok(), "{text}");
        }
        for text in ["roles[type eq work]", "roles[not type pr]"] {
            assert!(scim_v2::filter::PatchPath::from_str(text).is_err(), "the oracle reads it too: {text}");
        }
    }

    proptest! {
        #[test]
        fn the_oracle_reads_every_path_of_the_grammar_as_we_do(
            urn in prop::option::of("urn:[a-z]{1,4}:[0-9]\\.[0-9]:[A-Z][a-z]{0,3}:"),
            name in "[a-zA-Z][a-zA-Z0-9_-]{0,5}",
            filter in prop::option::of(r#"\[([a-z]{1,4} (pr|(eq|co) "[a-z\] ]{0,3}")|not \([a-z]{1,4} pr\))\]"#),
            sub in prop::option::of("\\.[a-zA-Z][a-zA-Z0-9_-]{0,5}"),
        ) {
            let text = format!("{}{name}{}{}", urn.unwrap_or_default(), filter.unwrap_or_default(), sub.unwrap_or_default());
            if PatchPath::parse(&text, &|_| false).is_ok() {
                prop_assert!(agrees_with_oracle(&text)?, "{} is a path to us alone", text);
            }
        }

        #[test]
        fn whatever_path_the_oracle_reads_we_read_as_the_same(text in r#"[a-c]{1,2}[a-c:.\[\]" $eqprnotad()0-9]{0,24}"#) {
            agrees_with_oracle(&text)?;
        }

        #[test]
        fn no_text_makes_it_panic(text in r#"[a-c:.\[\]" $urn0é]{0,24}"#) {
            if let Ok(path) = PatchPath::parse(&text, &is_schema) {
                prop_assert_eq!(PatchPath::parse(&path.to_string(), &is_schema).unwrap(), path);
            }
        }
    }
}

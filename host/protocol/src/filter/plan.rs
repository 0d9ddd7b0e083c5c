use super::{Filter, Literal, Op};
use crate::ENTERPRISE_USER;
use crate::path::AttrPath;
use crate::schema::{Attribute, AttributeType, Resolved, ResourceTypeDef};

impl Filter {
    /// What every resource that the filter selects must satisfy: `path eq literal`, in the order of the filter.
    ///
    /// A store looks up one of them and judges the candidates with [`Self::matches`]. To miss none it must look where
    /// `matches` looks: in the attribute (see [`canonical_path`]; folded unless it is case-exact, the literal by
    /// [`Literal::as_text`]), and in the keys that plugins gave.
    ///
    /// `emails[type eq "work" and value eq "x"]` yields `emails.type eq "work"` and `emails.value eq "x"`, each necessary on
    /// its own. Booleans are of no use to an index of stored values: absent, `active` counts as `true` and `primary` as `false`.
    /// Nothing comes from under `or` and `not`, and no `null`: absence is in no index.
    pub fn equalities(&self) -> Vec<(AttrPath, Literal)> {
        let mut found = Vec::new();
        self.collect(None, &mut found);
        found
    }

    fn collect(&self, element_of: Option<&AttrPath>, found: &mut Vec<(AttrPath, Literal)>) {
        match self {
            Self::And(filters) => filters.iter().for_each(|filter| filter.collect(element_of, found)),
            Self::Compare { op: Op::Eq, literal: Literal::Null, .. } => {}
            Self::Compare { path, op: Op::Eq, literal } => match element_of {
                None => found.push((path.clone(), literal.clone())),
                Some(outer) if path.urn.is_none() && path.sub.is_none() => {
                    found.push((AttrPath { sub: Some(path.name.clone()), ..outer.clone() }, literal.clone()));
                }
                Some(_) => {}
            },
            Self::Element { path, filter } => filter.collect(Some(path), found),
            Self::Or(_) | Self::Not(_) | Self::Compare { .. } | Self::Present(_) => {}
        }
    }
}

/// The one name of what a path leads to, in lower case: `username`, `emails.value` (also for `emails` alone),
/// `urn:…:2.0:user:department`. Indexes and keys go by it ([`super::Subject::holds_key`]).
///
/// A path that leads nowhere keeps its own name, without the URN of the core schema: a plugin may give a key for an
/// attribute that it does not retain.
pub fn canonical_path(def: &ResourceTypeDef, path: &AttrPath) -> String {
    let canonical = match def.resolve(path) {
        Some(resolved) => {
            let attribute = resolved.attribute;
            let sub = resolved.sub.or_else(|| attribute.and_then(value_of));
            AttrPath {
                urn: resolved.extension.map(|schema| schema.id.clone()),
                name: attribute.map(|attribute| attribute.name.clone()).unwrap_or_default(),
                sub: sub.map(|sub| sub.name.clone()),
            }
        }
        None => AttrPath { urn: path.urn.clone().filter(|urn| !def.is_core(urn)), ..path.clone() },
    };
    canonical.to_string().to_ascii_lowercase()
}

/// The sub-attribute that a complex attribute stands for when it is compared as a whole (`emails eq "x"`, `manager eq "x"`).
pub(super) fn value_of(attribute: &Attribute) -> Option<&Attribute> {
    if attribute.kind == AttributeType::Complex { attribute.sub("value") } else { None }
}

/// [`linked`], for the manager in the enterprise extension.
pub(super) const MANAGER: &str = "manager";

/// `members` and `groups`, which are rows of the store, and `manager`, of which an answer shows more than the document has.
pub(super) fn linked(resolved: Resolved<'_>) -> Option<&'static str> {
    match (resolved.extension, resolved.attribute?.name.as_str()) {
        (None, "members") => Some("members"),
        (None, "groups") => Some("groups"),
        (Some(schema), "manager") if schema.id == ENTERPRISE_USER => Some(MANAGER),
        (Some(_) | None, _) => None,
    }
}

/// An attribute by the name of [`linked`], and the part of it that is compared, where [`super::Subject::any_shown`] knows that and
/// the document does not.
pub(crate) fn shown_attribute(resolved: Resolved<'_>) -> Option<(&'static str, &Attribute, &Attribute)> {
    let (name, attribute) = (linked(resolved)?, resolved.attribute?);
    let leaf = resolved.sub.or_else(|| value_of(attribute))?;
    (name != MANAGER || !is_row_id(&leaf.name)).then_some((name, attribute, leaf))
}

/// Whether this part of `members` or `groups` is the id, which rows can be asked for without looking at others.
pub(super) fn is_row_id(sub: &str) -> bool {
    sub.eq_ignore_ascii_case("value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Profile;
    use crate::schema::Registry;
    use crate::{ENTERPRISE_USER, USER};

    fn equalities(text: &str) -> Vec<String> {
        let filter = Filter::parse(text, &|_| false, &Profile::default()).unwrap().0;
        filter.equalities().into_iter().map(|(path, literal)| format!("{path} {literal}")).collect()
    }

    #[test]
    fn equalities_are_what_every_selected_resource_satisfies() {
        assert_eq!(equalities(r#"userName eq "a""#), [r#"userName "a""#]);
        assert_eq!(
            equalities(r#"id eq "7b2e" and (manager eq "51aa" and title pr) and active ne false"#),
            [r#"id "7b2e""#, r#"manager "51aa""#]
        );
        assert_eq!(
            equalities(r#"emails[type eq "work"].value eq "a@example.com""#),
            [r#"emails.type "work""#, r#"emails.value "a@example.com""#]
        );
    }

    #[test]
    fn nothing_is_taken_from_under_or_and_not_nor_from_null() {
        for text in [
            r#"a eq "x" or b eq "y""#,
            r#"not (a eq "x")"#,
            r#"emails[not (value eq "x")]"#,
            r#"emails[value eq "x" or value eq "y"]"#,
            "title eq null",
            r#"a sw "x""#,
            "emails[a.b eq \"x\"]",
        ] {
            assert!(equalities(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn one_attribute_has_one_canonical_path_however_it_is_written() {
        let registry = Registry::core();
        let def = registry.get("User").unwrap();
        let canonical = |text: &str| {
            let path = AttrPath::parse(text, &|urn| def.is_schema(urn)).unwrap();
            canonical_path(def, &path)
        };
        assert_eq!(canonical("UserName"), "username");
        assert_eq!(canonical(&format!("{USER}:userName")), "username");
        assert_eq!(canonical("emails"), "emails.value");
        assert_eq!(canonical("Emails.Value"), "emails.value");
        assert_eq!(canonical("name"), "name");
        let department = format!("{ENTERPRISE_USER}:department").to_lowercase();
        assert_eq!(canonical(&format!("{ENTERPRISE_USER}.Department")), department);
        assert_eq!(canonical("department"), department);
        assert_eq!(canonical("manager"), format!("{ENTERPRISE_USER}:manager.value").to_lowercase());
        assert_eq!(canonical("badgeNumber"), "badgenumber");
        assert_eq!(canonical(&format!("{USER}:badgeNumber")), "badgenumber");
    }
}

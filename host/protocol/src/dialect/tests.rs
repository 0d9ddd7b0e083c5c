use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::ENTERPRISE_USER;
use crate::filter::Filter;
use crate::schema::Registry;

#[test]
fn every_rule_has_a_name_of_its_own_under_which_it_is_kept() {
    let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        assert_eq!(serde_json::to_value(rule).unwrap(), json!(rule.name()));
        assert_eq!(serde_json::from_value::<Rule>(json!(rule.name())).unwrap(), *rule);
    }
}

#[test]
fn every_rule_says_who_needs_it_where_that_is_told_and_what_it_does() {
    for rule in Rule::ALL {
        let About { name, who, says, source, before, after, refusal } = rule.about();
        for text in [who, says, source, before, after] {
            assert!(!text.is_empty(), "{name}");
        }
        assert!(refusal.is_none_or(|(_, sentence)| !sentence.is_empty()), "{name}");
    }
}

#[test]
fn there_is_a_profile_for_every_identity_provider() {
    let names: Vec<&str> = Profile::all().map(|profile| profile.name).collect();
    assert_eq!(
        names,
        [
            "default",
            "okta-aiw",
            "okta-oin",
            "entra",
            "entra-flag",
            "onelogin",
            "jumpcloud",
            "google",
            "ping",
            "cyberark",
            "rippling",
            "sailpoint",
            "keycloak",
            "authentik",
            "ssosync",
            "strict-rfc",
            "strict-interop"
        ]
    );
    assert!(Profile::named("no-such-profile").is_none());
    assert!(Profile::all().all(|profile| !profile.title.is_empty() && !profile.source.is_empty()));
}

#[test]
fn the_data_file_lists_only_what_a_profile_can_choose_and_each_once() {
    let file: serde_json::Value = serde_json::from_str(include_str!("profiles.json")).unwrap();
    for profile in file.as_array().unwrap() {
        let Some(listed) = profile["tolerates"].as_array() else {
            assert_eq!((&profile["name"], &profile["tolerates"]), (&json!("default"), &json!("all")));
            continue;
        };
        let rules: Vec<Rule> = listed.iter().map(|rule| serde_json::from_value(rule.clone()).unwrap()).collect();
        for rule in &rules {
            assert!(rule.is_refusable(), "{}: every profile tolerates {}", profile["name"], rule.name());
        }
        assert_eq!(rules.iter().collect::<BTreeSet<_>>().len(), rules.len(), "{}", profile["name"]);
    }
}

#[test]
fn the_default_forgives_everything_and_no_profile_less_than_what_the_rfcs_ask_for() {
    let refused = |profile: Profile| Rule::ALL.iter().filter(move |rule| !profile.tolerates(**rule)).count();
    assert_eq!(refused(Profile::default()), 0);
    let refusable = Rule::ALL.iter().filter(|rule| rule.is_refusable()).count();
    assert_eq!(refused(*Profile::named("strict-interop").unwrap()), refusable);
    assert_eq!(refused(Profile::strict()), refusable - 3, "paths left out, filters by value, all operators");
    for profile in Profile::all().filter(|profile| !profile.name.starts_with("strict")) {
        assert!(refused(*profile) < refused(Profile::strict()), "{}", profile.name);
    }
}

#[test]
fn a_rewrite_is_told_as_a_sentence_and_with_a_word_only_where_the_rule_is_about_words() {
    let mut tolerance = Tolerance { profile: &Profile::default(), rewrites: Vec::new() };
    tolerance.apply_to_word(Rule::BooleanAsText, "active", "False").unwrap();
    tolerance.apply_to_word(Rule::BooleanAsText, "active", "True").unwrap();
    tolerance.apply(Rule::ManagerAsText, "manager").unwrap();
    let said: Vec<String> = tolerance.rewrites.iter().map(Rewrite::says).collect();
    assert_eq!(
        said,
        [
            "Entra by default: active \"False\", text read as boolean",
            "Entra by default: manager, text read as the manager's value"
        ]
    );
    assert_eq!(
        serde_json::to_value(&tolerance.rewrites).unwrap(),
        json!([{"rule":"boolean-as-text","path":"active","word":"False"}, {"rule":"manager-as-text","path":"manager"}])
    );
    let older: Rewrite = serde_json::from_value(json!({"rule":"op-case","path":"Operations.op"})).unwrap();
    assert_eq!(older, Rewrite::new(Rule::OpCase, "Operations.op"), "as logs of before have it");
    assert_eq!(Rewrite::new(Rule::DottedKey, &"é".repeat(1000)).path, "é".repeat(MAX_PATH));
}

/// Which rules a filter needs, by name.
fn needed(text: &str) -> Vec<&'static str> {
    let kinds = [Registry::core().get("User").unwrap().clone()];
    let profile = Profile::default();
    let (filter, mut rewrites) = Filter::parse(text, &|urn| kinds[0].is_schema(urn), &profile).unwrap();
    rewrites.extend(filter.check(&kinds, &profile).unwrap());
    rewrites.iter().map(|rewrite| rewrite.rule.name()).collect()
}

#[test]
fn every_dialect_of_q10_is_told_and_the_rfcs_own_examples_are_none() {
    for (text, rules) in [
        (r#"externalId eq "0f1c9d2e-2a3b""#.to_owned(), &[][..]),
        ("userName eq ada".to_owned(), &["bare-value"]),
        ("externalId eq 1815".to_owned(), &["bare-value"]),
        ("meta.created gt 2015-10-10T14:38:21.8617979-07:00".to_owned(), &["bare-value"]),
        (r#"UserName Eq "ADA@example.com""#.to_owned(), &["keyword-case", "attribute-name-case"]),
        (r#"emails eq "ada@example.com""#.to_owned(), &["sub-attribute-implied"]),
        (r#"emails[type eq "work"].value eq "ada@example.com""#.to_owned(), &["value-path-continued"]),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ada@example.com""#.to_owned(), &[]),
        (r#"id eq "7b2e" and manager eq "51aa""#.to_owned(), &["urn-omitted", "sub-attribute-implied"]),
        (r#"groups eq "4d1c""#.to_owned(), &["sub-attribute-implied"]),
        (format!(r#"{ENTERPRISE_USER}:department eq "Analysis""#), &[]),
        (format!(r#"{ENTERPRISE_USER}.department eq "Analysis""#), &["legacy-dot"]),
        (r#"urn:scim:schemas:extension:enterprise:2.0:department eq "x""#.to_owned(), &["legacy-enterprise-urn"]),
        (r#"active eq "True""#.to_owned(), &["boolean-as-text"]),
        ("active eq 1".to_owned(), &["boolean-as-number"]),
        ("active eq TRUE".to_owned(), &["bare-value"]),
        ("active eq true and title eq null".to_owned(), &[]),
        (
            r#"emails[Primary EQ "True" and type eq work]"#.to_owned(),
            &["keyword-case", "bare-value", "attribute-name-case", "boolean-as-text"],
        ),
        ("not title pr".to_owned(), &["not-without-parentheses"]),
        ("not (title pr) or userName sw \"a\"".to_owned(), &[]),
        (
            r#"colour eq "red" and emails[colour pr]"#.to_owned(),
            &["unknown-attribute-dropped", "unknown-attribute-dropped"],
        ),
        (r#"meta.lastModified gt "2011-05-13T04:42:34Z" and schemas eq "urn:x""#.to_owned(), &[]),
        (
            r#"userType ne "Employee" and not (emails.value co "example.com" or emails.value co "example.org")"#
                .to_owned(),
            &[],
        ),
    ] {
        assert_eq!(needed(&text), rules, "{text}");
    }
}

#[test]
fn a_stricter_profile_refuses_a_filter_with_the_place_and_the_rule() {
    let kinds = [Registry::core().get("User").unwrap().clone()];
    let told = |profile: &Profile, text: &str| {
        let read = Filter::parse(text, &|urn| kinds[0].is_schema(urn), profile);
        let invalid = read.and_then(|(filter, _)| filter.check(&kinds, profile)).unwrap_err();
        assert_eq!(invalid.scim_type, ScimType::InvalidFilter, "{text}");
        invalid.detail
    };
    let strict = Profile::strict();
    for (text, detail) in [
        (
            "userName eq ada",
            "the filter is not valid: a value must be in quotes, or be true, false, null or a number at character 13",
        ),
        (
            "title eq \"x\" and not title pr",
            "the filter is not valid: the parentheses of 'not' are missing at character 22",
        ),
        (
            r#"emails[type eq "work"].value eq "x""#,
            "the filter is not valid: nothing may follow a value path but 'and' or 'or' at character 23",
        ),
        (r#"manager.value eq "51aa""#, "manager.value must be named with the URN of its extension"),
        (r#"active eq "True""#, "active must be a boolean"),
        ("colour pr", "colour is not an attribute of this resource"),
    ] {
        assert_eq!(told(&strict, text), detail);
    }
    let interop = Profile::named("strict-interop").unwrap();
    for text in [r#"title eq "x" or title eq "y""#, "title pr", r#"title sw "x""#, r#"not (title eq "x")"#] {
        assert!(told(interop, text).starts_with("the filter is not valid: only 'eq' and 'and' are served"), "{text}");
    }
    assert_eq!(told(interop, r#"emails eq "x""#), "emails must be compared by one of its sub-attributes");
}

#[test]
fn an_attribute_that_one_of_several_kinds_has_is_known() {
    let core = Registry::core();
    let kinds = [core.get("User").unwrap().clone(), core.get("Group").unwrap().clone()];
    let profile = Profile::default();
    let (filter, _) = Filter::parse(r#"userName eq "a" or members eq "b" or colour pr"#, &|_| false, &profile).unwrap();
    let rules: Vec<_> = filter.check(&kinds, &profile).unwrap().into_iter().map(|it| (it.rule, it.path)).collect();
    assert_eq!(
        rules,
        [(Rule::SubAttributeImplied, "members".to_owned()), (Rule::UnknownAttributeDropped, "colour".to_owned())]
    );
}

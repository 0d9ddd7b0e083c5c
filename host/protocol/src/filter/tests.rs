//! Stories of the evaluator and of what it refuses.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Asked, Filter, Subject};
use crate::dialect::{Profile, Rewrite};
use crate::schema::{Attribute, AttributeType, Registry, ResourceTypeDef};
use crate::{Document, ENTERPRISE_USER, Invalid, ScimType, USER};

/// A resource with its keys and membership rows, all in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake {
    pub(crate) document: Document,
    pub(crate) keys: Vec<(String, String)>,
    pub(crate) rows: Vec<(String, String)>,
}

impl Subject for Fake {
    fn document(&self) -> &Document {
        &self.document
    }

    fn common(&self, path: &str) -> Option<Value> {
        match path {
            "id" => Some(json!("7b2e")),
            "meta.resourceType" => Some(json!("User")),
            "meta.created" => Some(json!("2026-10-01T08:00:00.000Z")),
            "meta.lastModified" => Some(json!("2026-10-02T08:00:00.500Z")),
            "meta.version" => Some(json!("W/\"3a\"")),
            _ => None,
        }
    }

    fn holds_key(&self, attribute: &str, folded: &str) -> bool {
        self.keys.iter().any(|(name, key)| name == attribute && key == folded)
    }

    fn has_row(&self, attribute: &str, id: &str) -> bool {
        self.rows.iter().any(|(name, row)| name == attribute && row == id)
    }

    fn has_any_row(&self, attribute: &str) -> bool {
        self.rows.iter().any(|(name, _)| name == attribute)
    }

    fn any_shown(&self, attribute: &str, asked: &Asked<'_>, holds: &mut dyn FnMut(&Value) -> bool) -> bool {
        let rows = self.rows.iter().filter(|(name, id)| name == attribute && asked.id.is_none_or(|asked| asked == id));
        let shown = |id: &String| {
            let mut shown = json!({ "value": id });
            for part in ["display", "displayName", "$ref", "type"].into_iter().filter(|part| asked.wants(part)) {
                shown[part] = json!(format!("{part} of {id}"));
            }
            shown
        };
        rows.map(|(_, id)| shown(id)).any(|row| holds(&row))
    }
}

impl Fake {
    pub(crate) fn of(document: Value) -> Self {
        Self { document: serde_json::from_value(document).unwrap(), ..Self::default() }
    }

    fn row(mut self, attribute: &str, id: &str) -> Self {
        self.rows.push((attribute.into(), id.into()));
        self
    }

    fn key(mut self, attribute: &str, folded: &str) -> Self {
        self.keys.push((attribute.into(), folded.into()));
        self
    }
}

pub(super) fn def(name: &str) -> Arc<ResourceTypeDef> {
    Arc::clone(Registry::core().get(name).unwrap())
}

fn ada() -> Fake {
    Fake::of(json!({
        "userName": "Ada@Example.com",
        "externalId": "Ext-7",
        "name": {"familyName": "Lovelace", "givenName": "Ada"},
        "title": "Countess",
        "active": true,
        "emails": [
            {"value": "ada@example.com", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home"},
        ],
        "x509Certificates": [{"value": "MIIB"}],
        ENTERPRISE_USER: {"department": "Analysis", "manager": {"value": "51aa"}},
    }))
    .row("groups", "4d1c")
    .key("username", "ada.l@example.com")
}

fn group() -> Fake {
    Fake::of(json!({"displayName": "Engineering"})).row("members", "7b2e").row("members", "51aa")
}

fn parse(def: &ResourceTypeDef, text: &str) -> Filter {
    match Filter::parse(text, &|urn| def.is_schema(urn), &Profile::default()) {
        Ok((filter, _)) => filter,
        Err(invalid) => panic!("{text}: {invalid}"),
    }
}

fn check(def: &Arc<ResourceTypeDef>, filter: &Filter) -> Result<Vec<Rewrite>, Invalid> {
    filter.check(std::slice::from_ref(def), &Profile::default())
}

#[track_caller]
fn selects(type_name: &str, subject: &Fake, texts: &[&str]) {
    let def = def(type_name);
    for text in texts {
        let filter = parse(&def, text);
        check(&def, &filter).unwrap();
        assert!(filter.matches(&def, subject), "{text}");
    }
}

#[track_caller]
fn passes_over(type_name: &str, subject: &Fake, texts: &[&str]) {
    let def = def(type_name);
    for text in texts {
        let filter = parse(&def, text);
        check(&def, &filter).unwrap();
        assert!(!filter.matches(&def, subject), "{text}");
    }
}

#[track_caller]
fn refused(type_name: &str, text: &str) -> String {
    let def = def(type_name);
    let invalid = check(&def, &parse(&def, text)).expect_err(text);
    assert_eq!(invalid.scim_type, ScimType::InvalidFilter);
    invalid.detail
}

#[test]
fn every_look_up_that_identity_providers_send_finds_ada() {
    selects(
        "User",
        &ada(),
        &[
            r#"userName eq "ada@example.com""#,
            r#"UserName Eq "ADA@EXAMPLE.COM""#,
            "userName eq ada@example.com",
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ada@example.com""#,
            r#"externalId eq "Ext-7""#,
            "externalId eq Ext-7",
            r#"emails eq "ada@example.com""#,
            r#"emails.value eq "ADA@home.example""#,
            r#"emails[type eq "work"].value eq "ada@example.com""#,
            r#"id eq "7b2e" and manager eq "51aa""#,
            "meta.Created gt 2015-10-10T14:38:21.8617979-07:00",
            "name.FamilyName eq lovelace and (emails.Value co EXAMPLE.com or emails.Value co test.com)",
            "userName sw A",
            &format!(r#"{ENTERPRISE_USER}:department eq "analysis""#),
            &format!(r#"{ENTERPRISE_USER}.department eq "analysis""#),
            &format!(r#"{ENTERPRISE_USER}:manager.value eq "51aa""#),
            &format!(r#"schemas eq "{ENTERPRISE_USER}" and schemas eq "{USER}""#),
            r#"groups eq "4d1c" and groups[value eq "4d1c"] and groups pr"#,
        ],
    );
}

#[test]
fn who_has_no_address_is_found_by_the_one_that_the_plugin_knows_as_by_that_of_work() {
    let grace = Fake::of(json!({ "userName": "Grace@x.org" })).key("emails.value", "grace@x.org");
    selects(
        "User",
        &grace,
        &[
            r#"emails.value eq "GRACE@x.org""#,
            r#"emails[type eq "work"].value eq "Grace@X.org""#,
            r#"emails[type eq "work" and value eq "grace@x.org"]"#,
            r#"emails[value eq "ada@x.org" or value eq "grace@x.org"]"#,
            r#"emails[primary eq true].value eq "grace@x.org""#,
        ],
    );
    passes_over(
        "User",
        &grace,
        &[
            r#"emails[type eq "home"].value eq "grace@x.org""#,
            r#"emails[type eq "work"].value eq "ada@x.org""#,
            r#"emails[value eq "grace@x.org" and value sw "g"]"#,
            r#"emails[not (value eq "ada@x.org")]"#,
            r#"emails[type eq "work"]"#,
            "emails pr",
        ],
    );
    let with_another = json!({ "userName": "Grace@x.org", "emails": [{ "value": "g@home.example", "type": "home" }] });
    let with_another = Fake::of(with_another).key("emails.value", "grace@x.org");
    passes_over("User", &with_another, &[r#"emails[type eq "work"].value eq "grace@x.org""#]);
}

#[test]
fn case_counts_where_the_attribute_says_so() {
    passes_over("User", &ada(), &[r#"externalId eq "ext-7""#, r#"id eq "7B2E""#, r#"meta.version eq "w/\"3A\"""#]);
    selects("User", &ada(), &[r#"meta.version eq "W/\"3a\"""#, r#"title eq "COUNTESS""#, r#"title co "TESS""#]);
    let unicode = Fake::of(json!({"userName": "Stra\u{DF}e", "externalId": "\u{FF21}"}));
    selects("User", &unicode, &["userName eq STRASSE", "userName ew SSE", "userName eq \"\u{FF33}trasse\""]);
    passes_over("User", &unicode, &["externalId eq A"]);
}

#[test]
fn booleans_are_booleans_in_every_spelling() {
    selects(
        "User",
        &ada(),
        &["active eq true", r#"active eq "True""#, "active eq 1", "active ne false", "active ne x"],
    );
    let inactive = Fake::of(json!({"active": false}));
    selects("User", &inactive, &["active eq false", r#"active eq "False""#, "active eq 0", "active ne true"]);
    passes_over("User", &inactive, &["active eq true", "active eq x", "active eq 2"]);
    selects("User", &ada(), &[r#"emails[primary eq "True" and type eq "work"]"#]);
}

#[test]
fn a_user_without_active_has_no_value_there_and_an_element_without_primary_is_not_primary() {
    selects("User", &Fake::default(), &["active ne true", "active ne false", "not (active pr)"]);
    passes_over("User", &Fake::default(), &["active eq true", "active eq false", "active pr"]);
    selects("User", &ada(), &[r#"emails[type eq "home" and primary eq false]"#, "emails.primary eq false"]);
    passes_over("User", &ada(), &[r#"emails[type eq "home" and primary pr]"#]);
}

#[test]
fn dates_are_compared_as_instants() {
    selects(
        "User",
        &ada(),
        &[
            r#"meta.created eq "2026-10-01T10:00:00+02:00""#,
            r#"meta.created ge "2026-10-01T08:00:00Z" and meta.created le "2026-10-01T08:00:00Z""#,
            r#"meta.lastModified gt "2026-10-02T09:00:00+01:00""#,
            r#"meta.lastModified lt "2026-10-02T08:00:00.501Z""#,
            r#"meta.created ne "2026-10-01T08:00:01Z""#,
            r#"meta.created sw "2026-10""#,
            r#"meta.created ne "yesterday""#,
        ],
    );
    passes_over("User", &ada(), &[r#"meta.created gt "2026-10-01T07:00:00-01:00""#, r#"meta.created eq "yesterday""#]);
}

#[test]
fn ne_holds_if_no_value_is_equal_so_also_without_any_value() {
    selects("User", &ada(), &[r#"nickName ne "x""#, r#"emails.type ne "other""#, r#"noSuchThing ne "x""#]);
    passes_over("User", &ada(), &[r#"emails.type ne "work""#, r#"emails ne "ada@home.example""#]);
    selects("User", &ada(), &[r#"emails[type ne "work"]"#, r#"not (emails.type eq "other")"#]);
}

#[test]
fn null_and_pr_tell_whether_there_is_a_value() {
    selects(
        "User",
        &ada(),
        &[
            "title pr",
            "title ne null",
            "nickName eq null",
            "emails pr",
            "emails.type pr",
            "name pr",
            "id pr",
            "meta pr",
        ],
    );
    selects(
        "User",
        &ada(),
        &["meta.created pr", ENTERPRISE_PR, "schemas pr", "not (nickName pr)", "x509Certificates pr"],
    );
    passes_over(
        "User",
        &ada(),
        &["nickName pr", "emails.display pr", "name.middleName pr", "noSuchThing pr", "title eq null"],
    );
    let empty = Fake::of(json!({"title": "", "emails": [], "name": {}}));
    passes_over("User", &empty, &["title pr", "emails pr", "name pr", ENTERPRISE_PR]);
}

const ENTERPRISE_PR: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr";

#[test]
fn one_element_must_satisfy_all_that_stands_between_the_brackets() {
    selects(
        "User",
        &ada(),
        &[r#"emails[type eq "home" and value ew ".example"]"#, r#"name[familyName eq "lovelace"]"#],
    );
    selects("User", &ada(), &[r#"emails.type eq "home" and emails.primary eq true"#]);
    passes_over("User", &ada(), &[r#"emails[type eq "home" and primary eq true]"#, "ims[type eq x]", "title[a pr]"]);
    passes_over(
        "User",
        &ada(),
        &[r#"emails[type eq "home"].value eq "ada@example.com""#, "emails[emails.type eq work]"],
    );
}

#[test]
fn an_attribute_that_does_not_exist_has_no_value() {
    passes_over(
        "User",
        &ada(),
        &[
            "colour eq red",
            "emails.colour eq red",
            "urn:acme:User:badge eq 1",
            "emails[colour pr]",
            "colour[a pr]",
            "name eq x",
        ],
    );
    passes_over("Group", &group(), &["userName eq ada", &format!("{ENTERPRISE_USER} eq x"), ENTERPRISE_PR]);
}

#[test]
fn a_resource_is_also_found_by_the_keys_of_its_plugin() {
    selects("User", &ada(), &[r#"userName eq "ADA.L@example.com""#, &format!("{USER}:userName eq ada.l@example.com")]);
    passes_over("User", &ada(), &[r#"userName sw "ada.l""#, r#"emails eq "ada.l@example.com""#]);
    selects("User", &ada(), &[r#"userName ne "ada.l@example.com""#]);

    let by_email = Fake::default().key("emails.value", "ada@example.com");
    selects("User", &by_email, &["emails eq ADA@example.com", "emails.value eq ada@example.com"]);
    passes_over("User", &by_email, &["userName eq ada@example.com"]);
    selects("User", &Fake::default().key("badge", "7"), &["badge eq 7", &format!("{USER}:Badge eq 7")]);
}

#[test]
fn members_are_found_by_id_and_by_whatever_is_shown_of_them() {
    selects(
        "Group",
        &group(),
        &[
            r#"id eq "7b2e" and members eq "7b2e""#,
            r#"members.value eq "51aa""#,
            r#"members[value eq "7b2e"]"#,
            r#"members[value eq "x" or value eq "51aa"]"#,
            "members pr",
            "members.value pr",
            "members[value pr]",
            r#"not (members eq "x")"#,
            "not (members eq null)",
            "members ne null",
            r#"members ne "x""#,
            r#"members co "1a""#,
            r#"members.display eq "Display of 7B2E""#,
            "members.display pr",
            r#"members.$ref ew "51aa""#,
            r#"members.type sw "type of""#,
            r#"members[value eq "7b2e" and display ew "7b2e"]"#,
            r#"members[value ne "7b2e" and type pr]"#,
            r#"members[not (value eq "7b2e")]"#,
            r#"members[type eq "x" or display co "51aa"]"#,
        ],
    );
    passes_over(
        "Group",
        &group(),
        &[
            "members eq x",
            "members eq 7B2E",
            "members[value eq x]",
            "members eq null",
            r#"members ne "51aa""#,
            r#"members.display eq "nobody""#,
            "members.display eq null",
            r#"members[value eq "7b2e" and display ew "51aa"]"#,
            "members[not (value pr)]",
            "members[value eq null]",
        ],
    );
    selects("Group", &Fake::default(), &["members eq null", "members.display eq null", r#"members.display ne "x""#]);
    passes_over("Group", &Fake::default(), &["members pr", "members[value pr]", "members[type pr]", "members ne null"]);
    selects("User", &ada(), &[r#"groups.display eq "display of 4d1c""#, r#"groups[type pr and $ref co "4d"]"#]);
}

#[test]
fn a_manager_is_found_by_what_is_shown_of_them() {
    let managed = ada().row("manager", "51aa");
    selects("User", &managed, &[r#"manager.displayName co "51AA""#, "manager.$ref pr", "manager[displayName pr]"]);
    passes_over("User", &ada(), &["manager.displayName pr", "manager.$ref pr", "manager[displayName pr]"]);
}

#[test]
fn comparisons_without_an_answer_are_refused_by_attribute_and_operator() {
    assert_eq!(refused("User", "active gt false"), "active cannot be compared with 'gt': it is a boolean");
    assert_eq!(
        refused("User", "title pr and not (Active CO t)"),
        "Active cannot be compared with 'co': it is a boolean"
    );
    assert_eq!(
        refused("User", "emails[primary le true]"),
        "emails.primary cannot be compared with 'le': it is a boolean"
    );
    assert_eq!(refused("User", "x509Certificates gt x"), "x509Certificates cannot be compared with 'gt': it is binary");
    assert!(refused("User", "x509Certificates[value lt x]").starts_with("x509Certificates.value cannot"));
    assert_eq!(
        refused("User", "meta.created gt yesterday"),
        "meta.created cannot be compared with 'gt': the value is not a date and time"
    );
    assert_eq!(refused("User", "title gt null"), "title cannot be compared with 'gt': only 'eq' and 'ne' go with null");
    selects("User", &ada(), &["x509Certificates eq MIIB", "x509Certificates co II"]);
}

#[test]
fn a_password_cannot_be_guessed_by_filters() {
    for text in
        ["password sw a", "password eq a", "password pr", "not (password[value sw a])", "title pr or PASSWORD ne a"]
    {
        assert!(refused("User", text).ends_with("cannot be used in a filter: it is never returned"), "{text}");
    }
}

#[test]
fn numbers_are_compared_as_numbers_and_bare_numbers_as_text_where_the_attribute_is_text() {
    let mut def = ResourceTypeDef::clone(&def("User"));
    let mut schema = (*def.schema).clone();
    let level =
        Attribute { name: "level".into(), kind: AttributeType::Decimal, ..schema.attribute("title").unwrap().clone() };
    schema.attributes.push(level);
    def.schema = Arc::new(schema);

    let subject = Fake::of(json!({"level": 10, "title": "10"}));
    for text in [
        "level eq 10",
        "level eq 10.0",
        "level eq \"10\"",
        "level gt 9",
        "level lt 1e2",
        "level ne 11",
        "title eq 10",
        "title lt 9",
    ] {
        assert!(parse(&def, text).matches(&def, &subject), "{text}");
    }
    for text in ["level gt 10", "level eq ten", "level eq true", "level co 1", "title eq 10.0"] {
        assert!(!parse(&def, text).matches(&def, &subject), "{text}");
    }
}

#[test]
fn an_element_that_is_no_object_is_its_own_value() {
    let def = def("User");
    let roles = def.schema.attribute("roles").unwrap();
    let matches = |text: &str, element: Value| parse(&def, text).matches_element(roles, &element);
    assert!(matches("value eq EDITOR", json!("editor")));
    assert!(!matches("type eq editor", json!("editor")));
    assert!(matches("type eq null and value ne x", json!("editor")));
    assert!(matches("Value sw ed and not (primary eq true)", json!({"value": "editor"})));
    assert!(!matches("a[b pr]", json!({"value": "editor"})));

    let tags = Attribute { kind: AttributeType::String, sub_attributes: Vec::new(), case_exact: true, ..roles.clone() };
    assert!(parse(&def, "value eq a").matches_element(&tags, &json!("a")));
    assert!(!parse(&def, "value eq A").matches_element(&tags, &json!("a")));
}

#[test]
fn an_element_is_named_by_a_filter_that_says_its_value() {
    let registry = Registry::core();
    let def = registry.get("Group").unwrap();
    let members = def.schema.attribute("members").unwrap();
    let element = json!({ "value": "51aa", "type": "User", "display": "Ada" });
    let names = |text: &str| parse(def, text).names_element(members, &element);

    for text in [
        r#"value eq "51aa""#,
        r#"value eq "51aa" and type eq "User""#,
        r#"display eq "Ada" and (value eq "51aa" or value eq "7b2e")"#,
        r#"type eq "Group" or value eq "51aa""#,
    ] {
        assert!(names(text), "{text}");
    }
    for text in [
        r#"value eq "7b2e""#,
        r#"value eq "51aa" and type eq "Group""#,
        r#"type eq "User""#,
        r#"value eq "7b2e" or display eq "Ada""#,
        r#"value sw "51""#,
        r#"not (value ne "51aa")"#,
        "value pr",
    ] {
        assert!(!names(text), "{text}");
    }
}

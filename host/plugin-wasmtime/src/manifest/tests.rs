use serde_json::json;

use super::*;
use crate::check::Contract;

fn plan(kind: types::Kind, attributes: &[&str], retained: &[&str]) -> about::ResourcePlan {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    about::ResourcePlan {
        kind,
        attributes: owned(attributes),
        retained: owned(retained),
        plans_on: types::Events::empty(),
    }
}

fn good() -> about::Manifest {
    about::Manifest {
        name: "acme-1".to_owned(),
        version: "1.2.3-rc.1+b5".to_owned(),
        base_path: "/api/v2/scim".to_owned(),
        resources: vec![plan(types::Kind::User, &["userName", "emails.value"], &["userName", "name"])],
        states: vec!["active".to_owned()],
        adoption: about::AdoptionPolicy::Link,
        config_schema: json!({ "type": "object", "required": ["workspace"] }).to_string(),
        origins: vec!["https://api.example.com".to_owned(), "https://*.example.com:8443".to_owned()],
        secrets: vec!["api-key".to_owned()],
        calls_per_instance: 1,
    }
}

/// A component of 0.1 with these roles.
fn with(roles: Roles) -> Interfaces {
    Interfaces { contract: Contract::V1, roles, imports_state: false, imports_http: false }
}

/// What is said of the good manifest after `change`.
fn refusal(change: impl FnOnce(&mut about::Manifest)) -> String {
    let mut manifest = good();
    change(&mut manifest);
    let roles = Roles::default().with(Role::About).with(Role::Mapping);
    check(Described::V1(manifest), Declarations::default(), with(roles)).err().unwrap_or_else(|| "accepted".to_owned())
}

#[test]
fn a_good_manifest_is_read_whole() {
    let checked =
        check(Described::V1(good()), Declarations::default(), with(Roles::default().with(Role::About))).unwrap();
    assert_eq!((checked.manifest.name.as_str(), checked.manifest.contract), ("acme-1", "0.1.0"));
    let wants: Vec<String> = checked.manifest.wants.iter().map(|wanted| wanted.want.to_string()).collect();
    assert_eq!(wants, ["origin https://api.example.com", "origin https://*.example.com:8443", "secret api-key"]);
    assert_eq!(checked.slots[0].1.len(), 2);
    let user = checked.manifest.resource(Kind::User).unwrap();
    assert_eq!(user.retained[1].to_string(), "name");
    assert!(checked.manifest.resource(Kind::Group).is_none());
    let schema = checked.schema.unwrap();
    assert!(schema.is_valid(&json!({ "workspace": "W1" })) && !schema.is_valid(&json!({})));
}

#[test]
fn a_name_and_a_version_have_their_form() {
    for name in ["", "Acme", "a_b", "a b", &"a".repeat(65)] {
        assert!(refusal(|manifest| manifest.name = name.to_owned()).starts_with("name is not"), "{name}");
    }
    for version in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "1.2.3-", "1.2.3+", "v1.2.3", "1.2.3-a..b"] {
        assert!(refusal(|manifest| manifest.version = version.to_owned()).starts_with("version is not"), "{version}");
    }
}

#[test]
fn a_base_path_is_clean_and_not_one_of_the_hosts() {
    for path in ["", "scim", "/", "/scim/", "//scim", "/a/../b", "/a/./b", "/a b", "/a%2Fb", "/ä", "/{x}"] {
        assert!(refusal(|manifest| manifest.base_path = path.to_owned()).starts_with("base-path"), "{path}");
    }
    let reserved = refusal(|manifest| manifest.base_path = "/admin/v1".to_owned());
    assert_eq!(reserved, "base-path begins with /admin, which is the host's");
    assert_eq!(refusal(|manifest| manifest.base_path = "/api/external/scim".to_owned()), "accepted");
}

#[test]
fn paths_lead_to_attributes_that_cross() {
    let with = |attributes: &[&str], retained: &[&str]| {
        refusal(|manifest| manifest.resources = vec![plan(types::Kind::User, attributes, retained)])
    };
    assert_eq!(with(&["nickname"], &[]), "accepted");
    assert_eq!(with(&["shoeSize"], &[]), "attributes of User has `shoeSize`, which is no attribute of User");
    assert_eq!(
        with(&[], &["emails.shoeSize"]),
        "retained of User has `emails.shoeSize`, which is no attribute of User"
    );
    assert_eq!(with(&["a..b"], &[]), "attributes of User has `a..b`, which is no SCIM path");
    assert_eq!(with(&["userName", "USERNAME"], &[]), "attributes of User has `USERNAME` twice");
    assert_eq!(with(&["groups.value"], &[]), "attributes of User has `groups`, which the server itself makes");
    assert_eq!(with(&[], &["meta"]), "retained of User has `meta`, which the server itself makes");
    let members = refusal(|manifest| manifest.resources = vec![plan(types::Kind::Group, &["members"], &[])]);
    assert_eq!(members, "attributes of Group has `members`, which the server itself makes");
}

#[test]
fn a_kind_is_there_once_and_one_at_least() {
    let twice = || vec![plan(types::Kind::User, &[], &[]), plan(types::Kind::User, &[], &[])];
    assert_eq!(refusal(|manifest| manifest.resources = twice()), "resources has User twice");
    assert_eq!(refusal(|manifest| manifest.resources.clear()), "resources is empty");
}

#[test]
fn a_schema_is_json_schema_and_fetches_nothing() {
    let with = |schema: &str| refusal(|manifest| manifest.config_schema = schema.to_owned());
    assert_eq!(with(""), "accepted");
    assert!(with("{").starts_with("config-schema is not JSON"));
    let kind = with(r#"{ "properties": { "seats": { "type": "text" } } }"#);
    assert!(kind.starts_with("config-schema is not a JSON Schema 2020-12 at /properties/seats/type: "), "{kind}");
    let pattern = with(r#"{ "properties": { "code": { "pattern": "(" } } }"#);
    assert!(
        pattern.starts_with("config-schema is not a JSON Schema 2020-12 at /properties/code/pattern: "),
        "{pattern}"
    );
    let elsewhere = with(r#"{ "$ref": "https://example.com/schema" }"#);
    assert_eq!(elsewhere, "config-schema refers to https://example.com/schema, which is not in it");
    assert!(with(&format!(r#"{{ "description": "{}" }}"#, "x".repeat(70_000))).starts_with("config-schema is longer"));
}

#[test]
fn states_secrets_and_origins_are_words_and_few() {
    assert_eq!(refusal(|manifest| manifest.states.clear()), "states is empty");
    assert_eq!(refusal(|manifest| manifest.states.push("active".to_owned())), "states has an entry twice");
    let many = (0..65).map(|number| number.to_string()).collect();
    assert_eq!(refusal(|manifest| manifest.states = many), "states has more than 64 entries");
    let blank = refusal(|manifest| manifest.secrets.push("a b".to_owned()));
    assert_eq!(blank, "secrets has \"a b\": the name of a secret is 1 to 64 visible ASCII characters");
    for origin in ["http://example.com", "https://example.com/path", "https://localhost", "https://a.b:x", "https://*"]
    {
        let told = refusal(|manifest| manifest.origins.push(origin.to_owned()));
        assert!(told.starts_with(&format!("origins has {origin:?}: ")), "{told}");
    }
}

#[test]
fn who_wants_to_be_asked_has_to_answer() {
    let ask = refusal(|manifest| manifest.adoption = about::AdoptionPolicy::Ask);
    assert_eq!(ask, "adoption is `ask`, and the plugin does not export adoption");
    let plans = refusal(|manifest| manifest.resources[0].plans_on = types::Events::CREATED);
    assert_eq!(plans, "User plans on events, and the plugin does not export lifecycle");
    assert_eq!(refusal(|manifest| manifest.calls_per_instance = 0), "calls-per-instance is 0");
}

/// A declared extension of users, as text, with this attribute.
fn extension(attribute: &Value) -> String {
    let schema = json!({ "id": "urn:example:acme:2.0:User", "name": "Acme", "attributes": [attribute] });
    json!({ "extensions": [{ "resourceType": "User", "schema": schema }] }).to_string()
}

#[test]
fn a_manifest_names_what_the_plugin_declares() {
    let declared = declarations(&extension(&json!({ "name": "badge" }))).unwrap();
    let path = "urn:example:acme:2.0:User:badge";
    let manifest = about::Manifest { resources: vec![plan(types::Kind::User, &[path], &[path])], ..good() };
    let roles = Roles::default().with(Role::About);

    let checked = check(Described::V1(manifest.clone()), declared.clone(), with(roles)).unwrap();

    assert_eq!(checked.manifest.declarations, declared);
    assert_eq!(checked.slots[0].1.len(), 1);
    let refused = check(Described::V1(manifest), Declarations::default(), with(roles)).err().unwrap();
    assert_eq!(refused, format!("attributes of User has `{path}`, which is no attribute of User"));
}

#[test]
fn what_a_plugin_declares_is_read_strictly_and_refused_with_its_place() {
    let refused = |text: &str| declarations(text).unwrap_err();
    assert_eq!(declarations("{}").unwrap(), Declarations::default());
    assert!(refused("").starts_with("what it declares: "), "{}", refused(""));
    assert!(refused(r#"{ "extensions": [], "extensions": [] }"#).starts_with("what it declares: "));
    let colour = refused(r#"{ "colours": [] }"#);
    assert!(colour.starts_with("what it declares: colours: unknown field `colours`"), "{colour}");
    let kind = refused(&extension(&json!({ "name": "badge", "type": "text" })));
    assert!(
        kind.starts_with("what it declares: extensions[0].schema.attributes[0].type: unknown variant `text`"),
        "{kind}"
    );
    let long = format!("{}{{}}", " ".repeat(limits::MAX_DECLARATIONS_BYTES - 2));
    assert_eq!(declarations(&long).unwrap(), Declarations::default());
    assert_eq!(refused(&format!(" {long}")), "what it declares is longer than 262144 bytes");
}

#[test]
fn what_cannot_be_enforced_is_not_declared() {
    let declared = declarations(&extension(&json!({ "name": "id" }))).unwrap();
    let refused = check(Described::V1(good()), declared, with(Roles::default().with(Role::About))).err().unwrap();
    assert!(refused.starts_with("what it declares: urn:example:acme:2.0:User: the attribute `id` "), "{refused}");
}

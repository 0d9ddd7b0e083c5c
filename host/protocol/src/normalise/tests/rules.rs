//! What is bent, what is refused, and what is kept.

use super::*;
use crate::{
    dialect::{MAX_ELEMENTS, MAX_REWRITES},
    schema::AttributeType,
};

#[test]
fn the_strict_profile_refuses_what_the_default_drops_or_bends() {
    let strict = |mut body: Value| {
        if body.get("schemas").is_none() {
            body["schemas"] = json!([USER]);
        }
        create(Registry::core().get("User").unwrap(), &Profile::strict(), body)
    };
    let told = |body| strict(body).map(|_| ()).map_err(|invalid| (invalid.scim_type, invalid.detail));
    let syntax = |detail: &str| Err((ScimType::InvalidSyntax, detail.to_owned()));
    let value = |detail: &str| Err((ScimType::InvalidValue, detail.to_owned()));
    assert_eq!(told(json!({"userName":"a","nick":"b"})), syntax("nick is not an attribute of this resource"));
    assert_eq!(
        told(json!({"userName":"a","schemas":[USER,"urn:x"]})),
        syntax("schemas names a schema that this resource does not have")
    );
    for without in [json!([]), json!([ENTERPRISE_USER]), json!("x"), json!(null)] {
        let refused = told(json!({"userName":"a","schemas":without}));
        assert_eq!(refused, syntax("schemas must name the schema of the resource"));
    }
    assert_eq!(told(json!({"userName":"a","active":"True"})), value("active must be a boolean"));
    assert_eq!(told(json!({"userName":"a","emails":{"value":"a@example.com"}})), value("emails must be an array"));
    assert_eq!(told(json!({"USERNAME":"a","id":"7b2e","title":null,"groups":[]})), Ok(()), "the RFCs ask for these");
}

#[test]
fn types_are_bent_where_a_client_needs_it_and_refused_otherwise() {
    assert_eq!(
        user_with(json!({ENTERPRISE_USER:{"employeeNumber":1815}})),
        json!({ENTERPRISE_USER:{"employeeNumber":"1815"}})
    );
    assert_eq!(user_with(json!({"emails":{"value":"a@example.com"}})), json!({"emails":[{"value":"a@example.com"}]}));
    assert_eq!(user_with(json!({"roles":["editor"]})), json!({"roles":[{"value":"editor"}]}));
    assert_eq!(user_with(json!({"title":["Countess"]})), json!({"title":"Countess"}));
    let as_text = json!({"roles":[{"value":"{\"id\":\"06b07648\",\"value\":\"Admin\"}"}]});
    assert_eq!(user_with(as_text.clone()), as_text);
    assert_eq!(refused_with(json!({"name":"Ada"})), "name must be an object");
    assert_eq!(refused_with(json!({"title":{"x":1}})), "title must be a string");
    assert_eq!(refused_with(json!({"title":true})), "title must be a string");
    assert_eq!(refused_with(json!({"title":["a","b"]})), "title takes one value, not a list");
    assert_eq!(refused_with(json!({"emails":[{"primary":"maybe"}]})), "emails.primary must be a boolean");
    assert_eq!(
        refused_with(json!({"x509Certificates":[{"value":"not base64"}]})),
        "x509Certificates.value must be base64"
    );
    assert_eq!(refused_with(json!({ENTERPRISE_USER:"x"})), format!("{ENTERPRISE_USER} must be an object"));
    assert_eq!(refused("User", json!([])).0, ScimType::InvalidSyntax);
}

#[test]
fn text_is_checked_and_the_sentence_does_not_tell_it() {
    let (scim_type, detail) = refused("User", json!({"userName":"ada\u{200b}"}));
    assert_eq!(scim_type, ScimType::InvalidValue);
    assert!(detail.contains("userName") && !detail.contains("ada"), "{detail}");
    assert!(refused_with(json!({"displayName":"a\u{202e}b"})).contains("displayName"));
}

#[test]
fn dates_and_numbers_are_validated_for_schemas_that_have_them() {
    let core = Registry::core();
    let mut def = core.get("User").unwrap().as_ref().clone();
    let mut schema = def.schema.as_ref().clone();
    for (name, kind) in
        [("hired", AttributeType::DateTime), ("floor", AttributeType::Integer), ("share", AttributeType::Decimal)]
    {
        let attribute = Attribute { name: name.into(), kind, ..schema.attribute("title").unwrap().clone() };
        schema.attributes.push(attribute);
    }
    def.schema = schema.into();
    let of = |body: Value| create(&def, &Profile::default(), body).map(|normalised| json_of(&normalised.document));
    let good = json!({"userName":"ada","hired":"2026-10-01T08:00:00Z","floor":3,"share":0.5});
    assert_eq!(of(good.clone()).unwrap(), good);
    assert_eq!(of(json!({"userName":"ada","floor":"3"})).unwrap(), json!({"userName":"ada","floor":3}));
    let detail = |body| of(body).unwrap_err().detail;
    assert_eq!(detail(json!({"userName":"ada","hired":"yesterday"})), "hired must be an RFC 3339 date and time");
    assert_eq!(detail(json!({"userName":"ada","floor":1.5})), "floor must be an integer");
    assert_eq!(detail(json!({"userName":"ada","share":true})), "share must be a number");
}

#[test]
fn an_immutable_attribute_survives_a_put_and_refuses_another_value() {
    let core = Registry::core();
    let mut def = core.get("User").unwrap().as_ref().clone();
    let mut schema = def.schema.as_ref().clone();
    schema.attributes.iter_mut().find(|attribute| attribute.name == "userType").unwrap().mutability =
        Mutability::Immutable;
    def.schema = schema.into();
    let current: Document = serde_json::from_value(json!({"userName":"ada","userType":"Employee"})).unwrap();
    let put = |body| replace(&def, &Profile::default(), &current, body);
    assert_eq!(put(json!({"userName":"ada"})).unwrap().document, current);
    assert_eq!(put(json!({"userName":"ada","userType":"Employee"})).unwrap().document, current);
    assert_eq!(put(json!({"userName":"ada","userType":"Guest"})).unwrap_err().scim_type, ScimType::Mutability);
}

#[test]
fn of_several_primary_elements_the_first_stays() {
    let sent = json!({"emails":[{"value":"a"},{"value":"b","primary":true},{"value":"c","primary":"True"}]});
    let kept = json!({"emails":[{"value":"a"},{"value":"b","primary":true},{"value":"c","primary":false}]});
    assert_eq!(user_with(sent), kept);
}

#[test]
fn a_list_has_a_longest_length_and_holds_nothing_twice() {
    let roles = |count: usize| json!({"roles":(0..count).map(|index| json!({"value":format!("r{index}")})).collect::<Vec<_>>()});
    assert_eq!(user_with(roles(MAX_ELEMENTS))["roles"].as_array().unwrap().len(), MAX_ELEMENTS);
    assert_eq!(refused_with(roles(MAX_ELEMENTS + 1)), format!("roles takes at most {MAX_ELEMENTS} values"));
    assert_eq!(user_with(json!({"roles":["a","a"]})), json!({"roles":[{"value":"a"}]}));
}

#[test]
fn rewrites_are_told_up_to_a_limit_and_without_values() {
    let mut body: Map<String, Value> = (0..1000).map(|index| (format!("x{index}"), json!("secret"))).collect();
    body.insert("userName".into(), "ada".into());
    body.insert("schemas".into(), json!([USER]));
    let normalised = normalised("User", Value::Object(body));
    assert_eq!(normalised.rewrites.len(), MAX_REWRITES);
    assert!(!serde_json::to_string(&normalised.rewrites).unwrap().contains("secret"));
    assert_eq!(
        serde_json::to_value(&normalised.rewrites[0]).unwrap(),
        json!({"rule":"unknown-attribute-dropped","path":"x0"})
    );
}

#[test]
fn required_attributes_must_not_be_empty() {
    for empty in [json!(""), json!(null), json!("  ")] {
        assert_eq!(refused("User", json!({"userName":empty})).1, "userName is required");
        assert_eq!(refused("Group", json!({"displayName":empty})).1, "displayName is required");
    }
}

#[test]
fn retain_keeps_what_the_narrowed_type_knows() {
    let core = Registry::core();
    let paths = ["emails.value", "name.givenName", "manager"]
        .map(|text| crate::path::AttrPath::parse(text, &|_| false).unwrap());
    let narrowed = core.narrowed(&[("User".into(), paths.to_vec())]).unwrap();
    let full = normalised(
        "User",
        json!({"userName":"ada","externalId":"x","active":false,"title":"Countess","name":{"givenName":"Ada","familyName":"Byron"},
            "emails":[{"value":"a@example.com","type":"work","display":"A"}],"phoneNumbers":[{"value":"1"}],
            ENTERPRISE_USER:{"department":"Analysis","manager":"51aa"}}),
    );
    assert_eq!(
        json_of(&retain(narrowed.get("User").unwrap(), &full.document)),
        json!({"userName":"ada","externalId":"x","active":false,"name":{"givenName":"Ada"},
            "emails":[{"value":"a@example.com","type":"work"}],ENTERPRISE_USER:{"manager":{"value":"51aa"}}})
    );
}

#[test]
fn what_nobody_reads_or_keeps_refuses_nothing_and_everything_else_is_checked() {
    let path = |text: &str| crate::path::AttrPath::parse(text, &|_| false).unwrap();
    let core = Registry::core();
    let kept = core.narrowed(&[("User".into(), vec![path("name.formatted"), path("emails")])]).unwrap();
    let heeding = core.heeding(&kept, &[("User", &[path("title"), path("department")])]);
    let def = heeding.get("User").unwrap();
    let made = |attribute: &str, value: Value| {
        let mut body = json!({ "schemas": [USER], "userName": "ada" });
        body[attribute] = value;
        create(def, &Profile::default(), body)
    };
    let marked = "Ada\u{202a}";
    for (attribute, value, told) in [
        ("nickName", json!(marked), "nickName"),
        ("nickName", json!({}), "nickName"),
        ("phoneNumbers", json!([{ "value": marked }]), "phoneNumbers"),
        ("name", json!({ "middleName": marked }), "name.middleName"),
        (ENTERPRISE_USER, json!({ "costCenter": marked }), &format!("{ENTERPRISE_USER}:costCenter")),
    ] {
        let made = made(attribute, value).unwrap();
        assert_eq!(json_of(&made.document), json!({ "userName": "ada" }), "{attribute}");
        assert!(rules(&made).contains(&("not-retained", told)), "{:?}", made.rewrites);
    }
    for (attribute, value) in [
        ("userName", json!(marked)),
        ("active", json!("perhaps")),
        ("title", json!(marked)),
        ("externalId", json!(marked)),
        ("emails", json!([{ "value": marked }])),
        ("name", json!({ "formatted": marked })),
        (ENTERPRISE_USER, json!({ "department": marked })),
        // Of an extension that somebody reads a part of.
        (ENTERPRISE_USER, json!("Analysis")),
    ] {
        made(attribute, value).unwrap_err();
    }
    let half = json!({ "nickName": "Countess", "name": { "formatted": "Ada", "middleName": marked } });
    let mut body = half;
    body["userName"] = json!("ada");
    let whole = create(def, &Profile::default(), body).unwrap();
    assert_eq!(json_of(&whole.document)["name"], json!({ "formatted": "Ada" }), "and its neighbours are written");
}

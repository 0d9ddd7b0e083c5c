use super::*;
use crate::{ENTERPRISE_USER, USER, schema::Registry};

fn document() -> Document {
    serde_json::from_value(json!({
        "externalId":"x","userName":"ada","name":{"givenName":"Ada","familyName":"Byron"},
        "emails":[{"value":"w@example.com","type":"work"},{"value":"h@example.com","type":"home"}],
        ENTERPRISE_USER:{"department":"Analysis","manager":{"value":"51aa"}}}))
    .unwrap()
}

fn meta() -> Meta {
    Meta {
        resource_type: "User".into(),
        created: Timestamp::from_millis(0),
        last_modified: Timestamp::from_millis(1_790_841_600_123),
        version: "W/\"3\"".into(),
        location: "https://scim.example.test/t/acme/scim/v2/Users/7b2e".into(),
    }
}

fn rendered() -> Map<String, Value> {
    let groups = vec![json!({"value":"4d1c","display":"Engineering"})];
    render(Registry::core().get("User").unwrap(), "7b2e", &document(), &meta(), Some(("groups", groups)))
}

fn projected(attributes: Option<&str>, excluded: Option<&str>) -> Value {
    let core = Registry::core();
    let def = core.get("User").unwrap();
    let mut resource = rendered();
    Projection::parse(def, attributes, excluded).unwrap().apply(def, &mut resource);
    Value::Object(resource)
}

fn only(attributes: &str) -> Value {
    let mut resource = projected(Some(attributes), None);
    let parts = resource.as_object_mut().unwrap();
    assert!(parts.remove("schemas").is_some() && parts.remove("id").is_some(), "always returned");
    resource
}

/// What is missing.
fn without(excluded: &str) -> Vec<String> {
    let left = projected(None, Some(excluded));
    rendered().into_iter().filter(|(key, value)| left.get(key) != Some(value)).map(|(key, _)| key).collect()
}

#[test]
fn q20_an_answer_is_complete_and_in_the_order_of_the_schema() {
    insta::assert_json_snapshot!(rendered(), @r#"
    {
      "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
      ],
      "id": "7b2e",
      "externalId": "x",
      "userName": "ada",
      "name": {
        "givenName": "Ada",
        "familyName": "Byron"
      },
      "active": true,
      "emails": [
        {
          "value": "w@example.com",
          "type": "work"
        },
        {
          "value": "h@example.com",
          "type": "home"
        }
      ],
      "groups": [
        {
          "value": "4d1c",
          "display": "Engineering"
        }
      ],
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
        "department": "Analysis",
        "manager": {
          "value": "51aa"
        }
      },
      "meta": {
        "resourceType": "User",
        "created": "1970-01-01T00:00:00.000Z",
        "lastModified": "2026-10-01T08:00:00.123Z",
        "location": "https://scim.example.test/t/acme/scim/v2/Users/7b2e",
        "version": "W/\"3\""
      }
    }
    "#);
}

#[test]
fn an_extension_without_content_is_not_listed_and_active_is_told_as_stored() {
    let document: Document = serde_json::from_value(json!({"userName":"ada","active":false})).unwrap();
    let resource = render(Registry::core().get("User").unwrap(), "1", &document, &meta(), None);
    assert_eq!(resource["schemas"], json!([USER]));
    assert_eq!(resource["active"], false);
    assert!(!resource.contains_key("groups"));
    let group =
        render(Registry::core().get("Group").unwrap(), "1", &Document::default(), &meta(), Some(("members", vec![])));
    assert_eq!(group["members"], json!([]));
    assert!(!group.contains_key("active"));
}

#[test]
fn attributes_name_what_is_wanted() {
    assert_eq!(only("userName"), json!({"userName":"ada"}));
    assert_eq!(only("USERNAME, name.familyName ,nick"), json!({"userName":"ada","name":{"familyName":"Byron"}}));
    assert_eq!(only("emails.type"), json!({"emails":[{"type":"work"},{"type":"home"}]}));
    assert_eq!(only("nick"), json!({}));
    assert_eq!(only("id"), json!({}));
    assert_eq!(only("meta.version"), json!({"meta":{"version":"W/\"3\""}}));
    assert_eq!(only("manager"), json!({ENTERPRISE_USER:{"manager":{"value":"51aa"}}}));
    assert_eq!(only(ENTERPRISE_USER), json!({ENTERPRISE_USER:document().0[ENTERPRISE_USER]}));
    assert_eq!(
        only(&format!("{USER}:userName,{ENTERPRISE_USER}:department")),
        json!({"userName":"ada",ENTERPRISE_USER:{"department":"Analysis"}})
    );
}

#[test]
fn the_attributes_of_2_11_are_survived() {
    assert_eq!(only("userName,emails")["emails"], document().0["emails"]);
    assert_eq!(only("emails[type eq \"work\"]"), json!({"emails":document().0["emails"]}));
    assert_eq!(only("emails[type eq \"a,b]\"].value,userName")["emails"][0], json!({"value":"w@example.com"}));
}

#[test]
fn excluded_attributes_name_what_is_not_wanted() {
    assert_eq!(without("groups"), ["groups"]);
    assert_eq!(without("id,schemas,meta"), ["meta"], "id and schemas are always returned");
    assert_eq!(without("nick,"), Vec::<String>::new());
    let left = projected(None, Some("name.familyName,emails.value,department"));
    assert_eq!(left["name"], json!({"givenName":"Ada"}));
    assert_eq!(left["emails"], json!([{"type":"work"},{"type":"home"}]));
    assert_eq!(left[ENTERPRISE_USER], json!({"manager":{"value":"51aa"}}));
}

#[test]
fn without_parameters_or_with_both_there_is_one_meaning() {
    assert_eq!(projected(None, None), Value::Object(rendered()));
    assert_eq!(projected(Some(" "), Some("")), Value::Object(rendered()));
    assert_eq!(projected(Some("title"), Some("userName")), projected(Some("title"), None));
}

#[test]
fn what_is_never_returned_is_not_even_if_asked_for_and_what_is_on_request_only_then() {
    let core = Registry::core();
    let mut def = core.get("User").unwrap().as_ref().clone();
    let mut schema = def.schema.as_ref().clone();
    schema.attributes.iter_mut().find(|attribute| attribute.name == "groups").unwrap().returned = Returned::Request;
    schema.attributes.iter_mut().find(|attribute| attribute.name == "userName").unwrap().returned = Returned::Always;
    def.schema = schema.into();
    let keys = |attributes, excluded| {
        let mut resource = Map::from_iter([
            ("userName".into(), json!("ada")),
            ("password".into(), json!("x")),
            ("groups".into(), json!([1])),
        ]);
        Projection::parse(&def, attributes, excluded).unwrap().apply(&def, &mut resource);
        resource.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys(None, None), ["userName"]);
    assert_eq!(keys(Some("password,groups"), None), ["userName", "groups"]);
    assert_eq!(keys(None, Some("userName,title")), ["userName"]);
}

#[test]
fn rows_are_read_only_if_wanted() {
    let core = Registry::core();
    let wants = |attributes, excluded| {
        Projection::parse(core.get("Group").unwrap(), attributes, excluded).unwrap().wants("members")
    };
    assert!(wants(None, None) && wants(Some("Members.value"), None) && wants(None, Some("displayName")));
    assert!(!wants(None, Some("members")) && !wants(Some("displayName"), None));
    assert!(wants(None, Some("members.display")));
    assert!(Projection::default().wants("groups"));
}

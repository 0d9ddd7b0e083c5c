use std::sync::Arc;

use super::*;
use crate::{ENTERPRISE_USER, USER, schema::Registry};

fn def(name: &str) -> Arc<ResourceTypeDef> {
    Registry::core().get(name).unwrap().clone()
}

fn document() -> Document {
    serde_json::from_value(json!({
        "externalId":"x","userName":"ada","name":{"givenName":"Ada","familyName":"Byron"},"active":true,
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

#[test]
fn a_resource_is_called_by_the_first_name_that_it_has() {
    let called = |document: Value| display_name(&serde_json::from_value(document).unwrap());
    let name = json!({"formatted":"Ms. Ada Byron","givenName":"Ada","familyName":"Byron"});
    assert_eq!(called(json!({"userName":"ada","displayName":"Ada B.","name":name})).as_deref(), Some("Ada B."));
    assert_eq!(called(json!({"userName":"ada","displayName":" ","name":name})).as_deref(), Some("Ms. Ada Byron"));
    let parts = json!({"userName":"ada","name":{"givenName":"Ada","familyName":"Byron"}});
    assert_eq!(called(parts).as_deref(), Some("Ada Byron"));
    assert_eq!(called(json!({"userName":"ada","name":{"familyName":"Byron"}})).as_deref(), Some("Byron"));
    assert_eq!(called(json!({"userName":"ada","name":{"honorificPrefix":"Ms."}})), None);
    assert_eq!(called(json!({"userName":"ada"})), None, "what somebody signs in with is not shown to others");
    assert_eq!(called(json!({"externalId":"ada"})), None);
}

#[test]
fn a_part_is_wanted_unless_it_is_left_out_alone_or_with_the_whole() {
    let group = |attributes, excluded| Projection::parse(&def("Group"), attributes, excluded).unwrap();
    let display = |projection: &Projection| projection.wants_part(None, "members", "display");
    for wanted in [None, Some("members"), Some("members.display"), Some("members.value,MEMBERS.Display")] {
        assert!(display(&group(wanted, None)), "{wanted:?}");
    }
    assert!(display(&group(None, Some("members.value,displayName"))));
    for unwanted in ["members.value", "displayName"] {
        assert!(!display(&group(Some(unwanted), None)), "{unwanted}");
    }
    for unwanted in ["members", "members.display"] {
        assert!(!display(&group(None, Some(unwanted))), "{unwanted}");
    }
}

#[test]
fn a_part_of_an_extension_is_wanted_by_the_whole_extension_too() {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let wants = |attributes: &str| {
        let projection = Projection::parse(&def("User"), Some(attributes), None).unwrap();
        projection.wants_part(Some(ENTERPRISE), "manager", "displayName")
    };
    for wanted in ["", ENTERPRISE, ":manager", ":manager.displayName"] {
        let path = if wanted.starts_with(':') { format!("{ENTERPRISE}{wanted}") } else { wanted.to_owned() };
        assert!(wants(&path), "{path}");
    }
    for unwanted in [":manager.value", ":department"] {
        assert!(!wants(&format!("{ENTERPRISE}{unwanted}")), "{unwanted}");
    }
    assert!(!wants("displayName"));
}

#[test]
fn a_schema_as_a_whole_is_named_by_its_urn() {
    let core = only(USER);
    assert_eq!(core["userName"], "ada");
    assert_eq!(core.get(ENTERPRISE_USER), None);
    let left = projected(None, Some(&format!("{USER},{ENTERPRISE_USER}:manager")));
    assert_eq!(left, json!({"schemas":[USER,ENTERPRISE_USER],"id":"7b2e",ENTERPRISE_USER:{"department":"Analysis"}}));
    let left = projected(None, Some(ENTERPRISE_USER));
    assert_eq!(left.get(ENTERPRISE_USER), None);
}

/// A user whose sub-attributes are returned in every way there is.
fn with_parts() -> (ResourceTypeDef, Map<String, Value>) {
    let mut def = def("User").as_ref().clone();
    let mut schema = def.schema.as_ref().clone();
    let emails = schema.attributes.iter_mut().find(|attribute| attribute.name == "emails").unwrap();
    for sub in &mut emails.sub_attributes {
        sub.returned = match sub.name.as_str() {
            "value" => Returned::Always,
            "display" => Returned::Request,
            "$ref" | "primary" => Returned::Never,
            _ => Returned::Default,
        };
    }
    def.schema = schema.into();
    let email = json!({"value":"w","type":"work","display":"W","primary":true});
    (def, Map::from_iter([("emails".to_owned(), json!([email])), ("title".to_owned(), json!("x"))]))
}

#[test]
fn sub_attributes_are_returned_by_their_own_rule() {
    let emails = |attributes: Option<&str>, excluded: Option<&str>| {
        let (def, mut resource) = with_parts();
        Projection::parse(&def, attributes, excluded).unwrap().apply(&def, &mut resource);
        resource.remove("emails").map(|mut emails| emails[0].take())
    };
    let default = Some(json!({"value":"w","type":"work"}));
    assert_eq!(emails(None, None), default);
    assert_eq!(emails(Some("emails"), None), default, "on request means by its own name");
    assert_eq!(emails(Some("emails.display"), None), Some(json!({"value":"w","display":"W"})));
    assert_eq!(emails(Some("emails.primary,emails.type"), None), default, "never is never");
    assert_eq!(emails(None, Some("emails.value,emails.type")), Some(json!({"value":"w"})));
    assert_eq!(emails(None, Some("title")), default);
    assert_eq!(emails(None, Some("emails")), None);
    assert_eq!(emails(Some("title"), None), None, "a part is returned with its attribute");
}

#[test]
fn what_is_always_returned_stays_whatever_is_asked_for() {
    let mut def = def("User").as_ref().clone();
    let mut schema = def.schema.as_ref().clone();
    schema.attributes.iter_mut().find(|attribute| attribute.name == "name").unwrap().returned = Returned::Always;
    def.schema = schema.into();
    let name = |attributes, excluded| {
        let mut resource = rendered();
        Projection::parse(&def, attributes, excluded).unwrap().apply(&def, &mut resource);
        resource["name"].clone()
    };
    let whole = json!({"givenName":"Ada","familyName":"Byron"});
    assert_eq!(name(Some("title"), None), whole);
    assert_eq!(name(Some("name.givenName"), None), json!({"givenName":"Ada"}));
    assert_eq!(name(None, Some("name")), whole);
    assert_eq!(name(None, Some("name.givenName")), json!({"familyName":"Byron"}));
}

#[test]
fn only_users_are_active_without_saying_so() {
    let mut device = def("User").as_ref().clone();
    let mut schema = device.schema.as_ref().clone();
    schema.id = "urn:example:2.0:Device".into();
    device.schema = schema.into();
    assert!(!render(&device, "1", &Document::default(), &meta(), None).contains_key("active"));
}

#[test]
fn a_name_that_is_asked_for_a_hundred_thousand_times_counts_once() {
    let many = "emails.value,".repeat(100_000);
    let once = Projection::parse(&def("User"), Some("emails.value"), None).unwrap();
    assert_eq!(Projection::parse(&def("User"), Some(&many), None).unwrap(), once);
}

#[test]
fn what_is_returned_on_request_is_returned_to_who_sent_it() {
    let mut def = def("User").as_ref().clone();
    let mut schema = def.schema.as_ref().clone();
    let attribute = |name: &str, schema: &mut crate::schema::Schema| {
        schema.attributes.iter().position(|attribute| attribute.name == name).unwrap()
    };
    let (title, emails) = (attribute("title", &mut schema), attribute("emails", &mut schema));
    schema.attributes[title].returned = Returned::Request;
    for sub in schema.attributes[emails].sub_attributes.iter_mut().filter(|sub| sub.name == "display") {
        sub.returned = Returned::Request;
    }
    def.schema = schema.into();
    let shown = |body: Value, attributes: Option<&str>, excluded: Option<&str>| {
        let emails = json!([{"value":"w","display":"W"}]);
        let mut resource = Map::from_iter([("title".to_owned(), json!("x")), ("emails".to_owned(), emails)]);
        let projection = Projection::parse(&def, attributes, excluded).unwrap().with_sent(&def, &body);
        projection.apply(&def, &mut resource);
        let display = resource.get("emails").is_some_and(|emails| emails[0].get("display").is_some());
        (resource.contains_key("title"), display)
    };
    assert_eq!(shown(json!({"userName":"ada"}), None, None), (false, false));
    assert_eq!(shown(json!({"Title":"x"}), None, None), (true, false));
    assert_eq!(shown(json!({"emails":[{"value":"w","display":"W"}]}), None, None), (false, true));
    let patch = |path: &str| json!({"Operations":[{"op":"add","path":path,"value":"x"}]});
    assert_eq!(shown(patch(&format!("{USER}:title")), None, None), (true, false));
    assert_eq!(shown(patch("emails[type eq \"work\"].display"), None, None), (false, true));
    assert_eq!(shown(json!({"operations":[{"op":"add","value":{"title":"x"}}]}), None, None), (true, false));
    assert_eq!(shown(json!({"title":"x"}), Some("emails"), None), (false, false), "what is asked for goes first");
    assert_eq!(shown(json!({"title":"x"}), None, Some("title")), (false, false));
    assert_eq!(shown(json!([1]), None, None), (false, false));
}

use serde_json::json;

use crate::{Account, Context, Event, Input, Kind, Manifest, Plugin, Reject, Resource, Task, Value, testing};

const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

struct Reader;

impl Plugin for Reader {
    const MANIFEST: Manifest = Manifest::new("reader", "0.1.0")
        .user(
            Resource::reads(&["userName", "active", "name.givenName", "emails.value", "emails.type", DEPARTMENT])
                .plans_on(&[Event::Created]),
        )
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::active_if(input.is_active()))
    }
}

#[test]
fn an_input_is_read_by_the_names_of_the_manifest() {
    let ada = testing::user::<Reader>(&json!({
        "userName": "ada",
        "active": false,
        "title": "not declared",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "value": "ada@home.example", "type": "home" }, { "type": "work", "value": "ada@example.com" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Engines" },
    }));

    assert_eq!(ada.kind(), Kind::User);
    assert_eq!(ada.text("userName"), Some("ada"));
    assert!(!ada.is_active());
    assert_eq!(ada.text("name.givenName"), Some("Ada"));
    assert_eq!(ada.text(DEPARTMENT), Some("Engines"));
    assert_eq!(ada.texts("emails.value").collect::<Vec<_>>(), ["ada@home.example", "ada@example.com"]);
    let work = ada.elements("emails").find(|email| email.text("type") == Some("work"));
    assert_eq!(work.and_then(|email| email.text("value")), Some("ada@example.com"));
}

#[test]
fn what_was_not_sent_is_absent_and_a_user_without_active_is_active() {
    let ada = testing::user::<Reader>(&json!({ "userName": "ada" }));
    assert_eq!(ada.text("name.givenName"), None);
    assert_eq!(ada.elements("emails").count(), 0);
    assert!(ada.is_active());
}

#[test]
#[should_panic(expected = "this attribute is not among those that the manifest reads")]
fn to_read_what_is_not_declared_is_found_by_the_first_test() {
    testing::user::<Reader>(&json!({ "title": "Countess" })).text("title");
}

#[test]
fn fields_of_nothing_are_not_there_and_a_name_is_there_once() {
    let account = Account::new("active").field("a", "1").field("b", None::<&str>).field("a", 2).key("userName", "x");
    assert_eq!(account.get("a"), Some(&Value::Integer(2)));
    assert_eq!(account.get("b"), None);
    assert_eq!(account.fields.len(), 1);
}

#[test]
fn a_configuration_is_read_by_pointer() {
    let config = testing::config(json!({ "a": { "b~c": ["x", true, 7] } }));
    assert_eq!(config.text("/a/b~0c/0").as_deref(), Some("x"));
    assert_eq!(config.boolean("/a/b~0c/1"), Some(true));
    assert_eq!(config.integer("/a/b~0c/2"), Some(7));
    assert_eq!(testing::config(json!({ "status": 501.0 })).integer("/status"), Some(501));
    assert_eq!(testing::config(json!({ "status": 501.5 })).integer("/status"), None);
    assert_eq!(config.text("/nowhere"), None);
}

#[test]
fn a_task_is_keyed_by_what_it_does_to_whom() {
    let task = Task::new("restore", "42").argument("workspace", "W1").destructive();
    assert_eq!(task.idempotency_key, "restore:42");
    assert_eq!(task.text("workspace"), Some("W1"));
    assert!(task.destructive);
}

#[test]
fn changes_and_signals_are_made_as_easily_as_inputs() {
    let change = testing::change(Event::Deactivated, Some(Account::new("active")), Some(Account::new("disabled")));
    assert_eq!((change.state_before(), change.state_after()), (Some("active"), Some("disabled")));
    assert_eq!((change.kind, change.id.as_str()), (Kind::User, testing::ID));
    let signal = testing::signal("signed-in");
    assert_eq!((signal.name.as_str(), signal.payload.as_str()), ("signed-in", "{}"));
}

//! Real components: the plugins as they are meant, and the guests that misbehave.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Caller, HOST, ID, bytes, guest, plugin};
use muster_model::{Account, AccountKey, Event, Field, FieldValue};
use muster_plugin::{Kind, LoadError, PlanChange, Plugin, PluginError, PluginHost, Problem, Role};
use muster_protocol::schema::Declarations;
use serde_json::{Value, json};

fn text<'a>(account: &'a Account, name: &str) -> Option<&'a str> {
    account.fields.iter().find(|field| field.name == name).and_then(|field| match &field.value {
        FieldValue::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

fn caller() -> Caller {
    Caller::new(json!({}))
}

/// After a fault, the same plugin answers the next call, and so does another one.
fn assert_unharmed(faulty: &dyn Plugin) {
    let group = caller().group(faulty, json!({ "displayName": "Engines" })).unwrap();
    assert_eq!(group.state, "active");
    let neighbour = caller().user(&*guest("smallest"), json!({ "userName": "ada@example.com" })).unwrap();
    assert_eq!(text(&neighbour, "email"), Some("ada@example.com"));
}

fn fault(name: &str, user_name: &str) -> PluginError {
    let faulty = guest(name);
    let error = caller().user(&*faulty, json!({ "userName": user_name })).unwrap_err();
    assert_unharmed(&*faulty);
    error
}

#[test]
fn the_smallest_mapper_maps() {
    let smallest = guest("smallest");
    assert!(smallest.roles().has(Role::Mapping) && !smallest.roles().has(Role::Lifecycle));
    assert!(format!("{smallest:?}").contains("smallest"));
    let ada = caller().user(&*smallest, json!({ "userName": "ada", "displayName": "Ada", "active": false })).unwrap();
    assert_eq!(
        (ada.state.as_str(), text(&ada, "email"), text(&ada, "full_name")),
        ("disabled", Some("ada"), Some("Ada"))
    );
    let PluginError::Rejected(refused) = caller().user(&*smallest, json!({})).unwrap_err() else { panic!() };
    assert_eq!((refused.status, refused.detail.as_str()), (400, "userName is required"));
}

#[test]
fn poggio_reads_its_configuration_keeps_the_workspace_and_plans() {
    let poggio = plugin("poggio");
    assert_eq!(poggio.manifest().base_path, "/scim/v2");
    assert!(poggio.manifest().resource(Kind::Group).is_none());
    let caller = Caller::new(json!({ "default_workspace": "W1" }));
    assert_eq!(poggio.check_config(&caller.call()).unwrap(), []);

    let ada = caller.user(&*poggio, json!({ "userName": "ada@example.com", "displayName": "Ada Byron" })).unwrap();
    assert_eq!((text(&ada, "workspace"), text(&ada, "full_name")), (Some("W1"), Some("Ada Byron")));

    let moved = Caller::new(json!({ "default_workspace": "W2" }));
    let disabled = json!({ "userName": "ada@example.com", "active": false });
    let disabled = moved.map(&*poggio, Kind::User, disabled, Some(&ada)).unwrap();
    assert_eq!((disabled.state.as_str(), text(&disabled, "workspace")), ("disabled", Some("W1")));

    let change = |event| PlanChange {
        event,
        kind: Kind::User,
        id: ID,
        before: Some(&ada),
        after: Some(&disabled),
        member: None,
        signal: None,
    };
    let tasks = poggio.plan(&caller.call(), &change(Event::Deactivated)).unwrap();
    assert_eq!((tasks[0].action.as_str(), tasks[0].destructive), ("end-sessions", true));
    let argument = |name: &str, value: &str| Field { name: name.into(), value: FieldValue::Text(value.into()) };
    assert_eq!(tasks[0].arguments, [argument("user", &ID.to_string()), argument("workspace", "W1")]);
    assert_eq!(poggio.plan(&caller.call(), &change(Event::Updated)).unwrap(), []);
}

#[test]
fn a_configuration_is_checked_by_the_schema_with_the_place_and_without_the_value() {
    let poggio = plugin("poggio");
    let problems = |config: Value| poggio.check_config(&Caller::new(config).call()).unwrap();
    let found = problems(json!({ "default_workspace": "W1", "require_email": "hunter2" }));
    assert_eq!(found[0].pointer, "/require_email");
    assert_eq!(found[0].message, "must be true or false");
    let Problem { pointer, message } = &problems(json!({ "other": 7 }))[0];
    assert_eq!(pointer, "/other");
    assert_eq!(
        message,
        "is not known here; known are default_workspace, require_email, join_names, full_listing, groups_status, api"
    );
    assert_eq!(problems(json!({})), []);
}

#[test]
fn secoda_gives_keys_states_and_settings_and_takes_the_signal() {
    let secoda = plugin("secoda");
    let work = json!({ "userName": "abyron", "emails": [{ "value": "ada@example.com", "type": "work" }] });
    let ada = caller().user(&*secoda, work).unwrap();
    let key = |attribute: &str| AccountKey { attribute: attribute.into(), value: "ada@example.com".into() };
    assert_eq!(ada.keys, [key("userName"), key("emails.value")]);
    assert_eq!((ada.state.as_str(), ada.listed), ("invited", false));

    let caller = Caller::new(json!({ "put_upsert": true }));
    let active = secoda.on_signal(&caller.call(), ID, "signed-in", &json!({}), &ada).unwrap();
    assert_eq!((active.state.as_str(), active.listed), ("active", true));
    let refused = secoda.on_signal(&caller.call(), ID, "unheard-of", &json!({}), &ada).unwrap_err();
    assert!(matches!(refused, PluginError::Rejected(_)), "{refused}");

    let settings = secoda.host_settings(&caller.call()).unwrap();
    let field = |name: &str, value| Field { name: name.into(), value };
    assert_eq!(
        settings,
        [
            field("users.not-found-detail", FieldValue::Text("User not found".into())),
            field("users.put-creates", FieldValue::Boolean(true)),
        ]
    );
}

#[test]
fn standard_maps_groups_and_has_no_lifecycle() {
    let standard = plugin("standard");
    let group = caller().group(&*standard, json!({ "displayName": "Engines" })).unwrap();
    assert_eq!(text(&group, "display_name"), Some("Engines"));
    assert_eq!(standard.host_settings(&caller().call()).unwrap(), []);
    let unchanged = standard.on_signal(&caller().call(), ID, "signed-in", &json!({}), &group).unwrap();
    assert_eq!(unchanged, group);
}

#[test]
fn a_guest_that_loops_is_stopped_at_its_deadline() {
    let loops = guest("loops");
    let started = Instant::now();
    let error = caller().user(&*loops, json!({ "userName": "ada" })).unwrap_err();
    let took = started.elapsed();
    assert!(matches!(error, PluginError::Deadline { function: "mapping.to-account", limit_ms: 10 }), "{error}");
    assert!(took < Duration::from_millis(200), "{took:?}");
    assert_unharmed(&*loops);
}

#[test]
fn a_guest_that_wants_ever_more_memory_reaches_the_limit() {
    let error = fault("allocates", "ada");
    assert!(matches!(error, PluginError::Limit { limit: "memory bytes", .. }), "{error}");
}

#[test]
fn a_guest_that_panics_or_recurses_traps() {
    for name in ["traps", "recurses"] {
        let error = fault(name, "ada");
        assert!(matches!(error, PluginError::Trapped { function: "mapping.to-account", .. }), "{name}: {error}");
    }
}

#[test]
fn an_answer_that_is_too_much_to_take_over_reaches_the_limit() {
    let error = fault("answers_huge", "ada");
    assert_eq!(error.to_string(), "the plugin reached the limit host call bytes (2 MiB) in mapping.to-account");
}

#[test]
fn an_answer_that_breaks_the_contract_is_told_by_what_is_wrong() {
    for (user_name, problem) in [
        (
            "state",
            r#"the account's state "a state that the manifest does not have" is not one of the manifest's states ("active", "disabled")"#,
        ),
        ("status", "the status of a rejection is not one that a plugin may answer"),
        ("detail", "the detail of a rejection is longer than 1024 bytes"),
        ("decimal", "a decimal is not a finite number"),
        ("json", "a json value is not JSON"),
        ("nul", "a text contains NUL"),
        ("string", "a text is longer than 65536 bytes"),
        ("answer", "the answer is longer than 262144 bytes"),
        ("keys", "the account has more than 16 keys"),
        ("key", "the attribute of a key is not an attribute of the resource"),
        ("fields", "there are more than 256 fields"),
    ] {
        let PluginError::Invalid { problem: told, .. } = fault("answers_nonsense", user_name) else {
            panic!("{user_name}")
        };
        assert_eq!(told, problem);
    }
}

#[test]
fn a_rejection_is_told_in_the_plugins_words() {
    let PluginError::Rejected(rejection) = fault("rejects", "ada") else { panic!() };
    assert_eq!((rejection.status, rejection.detail.as_str()), (409, "userName is reserved by this guest"));
}

#[test]
fn what_is_for_delivery_only_stops_a_mapping_and_says_so() {
    let error = fault("calls_secrets", "ada");
    let PluginError::Trapped { cause, .. } = &error else { panic!("{error}") };
    assert!(cause.contains("secrets.header-value is for delivery only"), "{cause}");
}

#[test]
fn a_guest_that_would_wait_in_the_host_is_stopped_at_once() {
    let waits = guest("waits");
    let started = Instant::now();
    let error = caller().user(&*waits, json!({ "userName": "ada" })).unwrap_err();
    assert!(started.elapsed() < Duration::from_millis(200));
    let PluginError::Trapped { cause, .. } = &error else { panic!("{error}") };
    assert!(cause.contains("waiting is for delivery only"), "{cause}");
    assert_unharmed(&*waits);
}

#[test]
fn the_clock_stands_and_chance_repeats() {
    let guest = guest("reads_clock_and_random");
    let first = caller().user(&*guest, json!({ "userName": "ada" })).unwrap();
    let second = caller().user(&*guest, json!({ "userName": "ada" })).unwrap();
    assert_eq!(first, second);
    let clock = first.fields.iter().find(|field| field.name == "clock").map(|field| &field.value);
    assert_eq!(clock, Some(&FieldValue::Integer(1_767_225_600_123)));
}

#[test]
fn two_versions_answer_side_by_side() {
    let (a, b) = (guest("swap_a"), guest("swap_b"));
    assert_eq!(a.manifest().name, b.manifest().name);
    assert_ne!(a.digest(), b.digest());
    assert_eq!(caller().user(&*a, json!({ "displayName": "Ada" })).unwrap().state, "a");
    assert_eq!(caller().user(&*b, json!({ "title": "Countess" })).unwrap().state, "b");
}

#[test]
fn what_a_plugin_declares_is_in_its_manifest_and_its_own_attributes_cross() {
    let plugin = guest("declares");
    assert!(plugin.roles().has(Role::Schemas) && !guest("smallest").roles().has(Role::Schemas));
    assert_eq!(guest("smallest").manifest().declarations, Declarations::default());
    let declared = &plugin.manifest().declarations;
    assert_eq!((declared.extensions.len(), declared.resource_types[0].name.as_str()), (1, "Device"));

    let own = json!({ "badge": "B-7", "desk": { "floor": 3 } });
    let extension = "urn:example:params:scim:schemas:extension:acme:2.0:User";
    let ada = caller().user(&*plugin, json!({ "userName": "ada", extension: own })).unwrap();
    assert_eq!(text(&ada, "badge"), Some("B-7"));
    assert!(ada.fields.contains(&Field { name: "floor".into(), value: FieldValue::Integer(3) }));
}

#[test]
fn what_imports_the_network_is_refused_by_name() {
    let refused = HOST.load(&bytes("muster_guest_imports_network")).unwrap_err();
    let LoadError::Import(import) = &refused else { panic!("{refused}") };
    assert!(import.starts_with("wasi:sockets/"), "{import}");
}

#[test]
fn what_is_no_component_or_a_broken_one_is_refused() {
    let refused = |bytes: &[u8]| HOST.load(bytes).unwrap_err();
    assert!(matches!(refused(b"not wasm"), LoadError::NotAComponent(_)));
    assert!(matches!(refused(&vec![0; (32 << 20) + 1]), LoadError::TooLarge { .. }));
    let mut broken = bytes("muster_guest_smallest");
    broken.truncate(broken.len() / 2);
    assert!(matches!(refused(&broken), LoadError::NotAComponent(_)));
    // A component without imports and exports.
    assert!(matches!(refused(b"\0asm\x0d\0\x01\0"), LoadError::Contract(_)));
}

#[test]
fn many_threads_call_at_once_while_one_plugin_loops() {
    let (loops, smallest) = (guest("loops"), guest("smallest"));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let error = caller().user(&*loops, json!({ "userName": "ada" })).unwrap_err();
                    assert!(matches!(error, PluginError::Deadline { .. }), "{error}");
                }
            });
        }
        for thread in 0..4 {
            let smallest = Arc::clone(&smallest);
            scope.spawn(move || {
                for number in 0..50 {
                    let name = format!("{thread}-{number}");
                    // Six threads on fewer processors: standing still is not held against a call.
                    let account = caller().user(&*smallest, json!({ "userName": name })).unwrap();
                    assert_eq!(text(&account, "email"), Some(name.as_str()));
                }
            });
        }
    });
}

//! Instances that are kept between calls: whose they are, how long they live, and what of a call they still know.

#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "shared with the other tests of this crate")]
mod common;

use std::sync::{Arc, Barrier};

use common::{Caller, ID, bytes, document, guest};
use muster_model::{Account, FieldValue, RequestId, TenantId, Timestamp};
use muster_plugin::{Call, Kind, Plugin, PluginError, PluginHost};
use muster_plugin_wasmtime::{HostOptions, WasmtimeHost};
use serde_json::{Value, json};

/// One binding of the guest: a tenant with a configuration.
struct Binding {
    tenant: TenantId,
    config: Arc<Value>,
    plugin: Arc<dyn Plugin>,
}

impl Binding {
    /// The guest that is kept for five calls, bound to a tenant of which no other test knows.
    fn of(tenant: &str) -> Self {
        let tenant = TenantId::parse(tenant).unwrap();
        Self { tenant, config: Arc::new(json!({})), plugin: guest("keeps") }
    }

    fn ask_at(&self, now_ms: i64, user_name: &str, command: &str) -> Result<Account, PluginError> {
        let request = RequestId("r-1".into());
        let now = Timestamp::from_millis(now_ms);
        let call = Call { tenant: &self.tenant, request: &request, now, config: &self.config };
        let user = document(json!({ "userName": user_name, "displayName": command }));
        self.plugin.to_account(&call, Kind::User, ID, &user, None)
    }

    fn ask(&self, user_name: &str, command: &str) -> Result<Account, PluginError> {
        self.ask_at(0, user_name, command)
    }

    /// How many calls the instance has served that answers this one.
    fn calls(&self) -> i64 {
        integer(&self.ask("ada", "").unwrap(), "calls")
    }
}

fn integer(account: &Account, name: &str) -> i64 {
    let field = account.fields.iter().find(|field| field.name == name).unwrap();
    let FieldValue::Integer(value) = field.value else { unreachable!("{field:?}") };
    value
}

fn text(account: &Account, name: &str) -> String {
    let field = account.fields.iter().find(|field| field.name == name).unwrap();
    let FieldValue::Text(value) = &field.value else { unreachable!("{field:?}") };
    value.clone()
}

#[test]
fn an_instance_serves_as_many_calls_as_the_manifest_says_and_then_a_fresh_one_does() {
    let acme = Binding::of("recycled");
    let calls: Vec<i64> = (0..12).map(|_| acme.calls()).collect();
    assert_eq!(calls, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2]);
}

#[test]
fn what_one_tenant_leaves_behind_no_other_tenant_finds() {
    let (acme, globex) = (Binding::of("leaves"), Binding::of("finds"));
    acme.ask("canary of acme", "").unwrap();

    let first = globex.ask("grace", "").unwrap();
    assert_eq!((text(&first, "before"), integer(&first, "calls")), (String::new(), 1));
    assert_eq!(text(&acme.ask("ada", "").unwrap(), "before"), "canary of acme");
    assert_eq!(text(&globex.ask("hedy", "").unwrap(), "before"), "grace");
}

#[test]
fn a_new_binding_begins_with_new_instances() {
    let before = Binding::of("rebound");
    assert_eq!((before.calls(), before.calls()), (1, 2));
    let after = Binding { config: Arc::new(json!({})), ..Binding::of("rebound") };
    assert_eq!((after.calls(), before.calls(), after.calls()), (1, 3, 2));
}

#[test]
fn the_clock_is_that_of_the_call() {
    let acme = Binding::of("clock");
    for (call, now) in [(1, 1_000), (2, 2_500), (3, 2_400)] {
        let account = acme.ask_at(now, "ada", "").unwrap();
        assert_eq!((integer(&account, "calls"), integer(&account, "now")), (call, now));
    }
}

#[test]
fn a_considered_no_keeps_the_instance_and_a_failure_does_not() {
    let acme = Binding::of("faults");
    assert_eq!(acme.calls(), 1);
    assert!(matches!(acme.ask("ada", "rejects"), Err(PluginError::Rejected(_))));
    assert_eq!(acme.calls(), 3);
    assert!(matches!(acme.ask("ada", "traps"), Err(PluginError::Trapped { .. })));
    assert_eq!(acme.calls(), 1);
    let late = acme.ask("ada", "loops").unwrap_err();
    assert!(matches!(late, PluginError::Deadline { function: "mapping.to-account", limit_ms: 10 }), "{late}");
    assert_eq!(acme.calls(), 1);
    assert!(matches!(acme.ask("ada", "lies"), Err(PluginError::Invalid { .. })));
    assert_eq!(acme.calls(), 1);
}

#[test]
fn an_instance_that_has_grown_is_not_called_again() {
    let acme = Binding::of("hoards");
    assert_eq!(acme.calls(), 1);
    // Time enough to fill it: on a busy machine the deadline may come first, and then it is gone for that.
    let _ = acme.ask("ada", "hoards");
    assert_eq!(acme.calls(), 1);
    assert!(acme.plugin.memory_high_water() > 0);
}

#[test]
fn two_calls_at_a_time_have_an_instance_each() {
    let acme = Binding::of("parallel");
    let together = Barrier::new(2);
    let both = std::thread::scope(|scope| {
        let one = || {
            together.wait();
            // The loop holds its instance for as long as it may; meanwhile the other call needs one of its own.
            let looped = acme.ask("ada", "loops").is_err();
            looped && acme.calls() <= 2
        };
        let (first, second) = (scope.spawn(one), scope.spawn(one));
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!(both, (true, true));
}

#[test]
fn kept_instances_make_room_for_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let options = HostOptions::new(folder.path().to_owned(), [1; 32]);
    let host = WasmtimeHost::with_instances(options, 2).unwrap();
    let plugin = host.load(&bytes("muster_guest_keeps")).unwrap();
    let binding = |tenant: &str| Binding { plugin: plugin.clone(), ..Binding::of(tenant) };
    for round in 0..3 {
        for number in 0..4 {
            assert_eq!(binding(&format!("room-{round}-{number}")).calls(), 1);
        }
    }
    let smallest = host.load(&bytes("muster_guest_smallest")).unwrap();
    let answer = Caller::new(json!({})).user(&*smallest, json!({ "userName": "ada" }));
    assert!(answer.is_ok(), "{answer:?}");
}

#[test]
fn without_room_for_any_every_call_has_a_fresh_one() {
    let folder = tempfile::tempdir().unwrap();
    let options = HostOptions { kept_bytes: 0, ..HostOptions::new(folder.path().to_owned(), [1; 32]) };
    let plugin = WasmtimeHost::new(options).unwrap().load(&bytes("muster_guest_keeps")).unwrap();
    let acme = Binding { plugin, ..Binding::of("roomless") };
    assert_eq!((acme.calls(), acme.calls()), (1, 1));
}

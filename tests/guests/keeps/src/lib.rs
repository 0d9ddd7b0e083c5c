//! Is kept between calls: tells how many it has served and for whom the last one was. `displayName` says what else a call does.

use std::sync::Mutex;

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource, log};

struct Keeps;

/// What is left of the calls before.
static LEFT: Mutex<Left> = Mutex::new(Left { calls: 0, user_name: String::new(), hoard: Vec::new() });

struct Left {
    calls: i64,
    user_name: String,
    hoard: Vec<Vec<u8>>,
}

impl Plugin for Keeps {
    const MANIFEST: Manifest = Manifest::new("keeps", "1.0.0")
        .user(Resource::reads(&["userName", "displayName"]))
        .states(&["active"])
        .calls_per_instance(5);

    #[expect(clippy::panic, reason = "that is one of the things that it is for")]
    fn map(input: &Input, context: &Context) -> Result<Account, Reject> {
        let mut left = LEFT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = std::mem::replace(&mut left.user_name, input.text("userName").unwrap_or_default().to_owned());
        left.calls += 1;
        let mut state = "active";
        match input.text("displayName").unwrap_or_default() {
            "logs" => log::info("one line"),
            "loops" => loop {
                std::hint::black_box(&left.calls);
            },
            "traps" => panic!("this call panics"),
            "rejects" => return Err(Reject::taken("userName is reserved by this guest")),
            "lies" => state = "a state that the manifest does not have",
            "hoards" => left.hoard.push(vec![1; 40 << 20]),
            _ => {}
        }
        let account = Account::new(state).field("calls", left.calls).field("before", before);
        Ok(account.field("now", i64::try_from(context.now_ms()).unwrap_or(0)))
    }
}

muster_plugin_sdk::export!(Keeps: mapper);

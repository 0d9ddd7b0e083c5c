//! Imports `wasi:http` and wants no origin: refused when it is pushed.

use muster_plugin_sdk::delivery::Outcome;
use muster_plugin_sdk::http::Request;
use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource, Task};

struct CallsNobody;

impl Plugin for CallsNobody {
    const MANIFEST: Manifest = Manifest::new("calls-nobody", "1.0.0").user(Resource::reads(&["userName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::new("active").field("email", input.text("userName")))
    }

    fn perform(_: &Task, _: u32, _: &Context) -> Outcome {
        match Request::get("https://api.example.com/").send() {
            Ok(answer) => answer.outcome("the call"),
            Err(error) => error.outcome("the call"),
        }
    }
}

muster_plugin_sdk::export!(CallsNobody: full);

//! Wants one thing of each sort, and touches the state only where it may. Its configuration can be wrong in many ways, and it repeats the
//! secret in it that it refuses.

use muster_plugin_sdk::delivery::{self, Outcome};
use muster_plugin_sdk::{Account, Config, Context, Input, Manifest, Plugin, Problem, Reject, Resource, Task, Want};

struct Wants;

impl Plugin for Wants {
    const MANIFEST: Manifest = Manifest::new("wants", "1.0.0")
        .user(Resource::reads(&["userName"]).retains(&["userName"]))
        .config_schema(include_str!("../config.schema.json"))
        .wants(&[
            Want::origin("https://api.example.com", "invitations are sent there"),
            Want::secret("api-key", "the product asks for it"),
            Want::state("the ids that the product gives to users are kept"),
        ]);

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::new("active").field("version", "1.0.0").field("email", input.text("userName")))
    }

    fn check_config(config: &Config) -> Vec<Problem> {
        let weak = config.text("/api/key").filter(|key| key.starts_with("weak"));
        weak.map(|key| Problem::new("/api/key", format!("{key} is too weak"))).into_iter().collect()
    }

    fn perform(task: &Task, _: u32, _: &Context) -> Outcome {
        match delivery::state_get(&task.action) {
            Ok(_) => Outcome::Done,
            Err(_) => Outcome::Failed("there is no memory".to_owned()),
        }
    }
}

muster_plugin_sdk::export!(Wants: full);

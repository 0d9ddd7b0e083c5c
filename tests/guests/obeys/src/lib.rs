//! Does to users what its configuration says, so that one plugin can be several; groups are mapped always the same.
//!
//! `state`: the state of each; `titles`: whether the account has a title; `keys`: whether `nickName` is a name to be found by; `task`: what is
//! to be done after an update or a signal; `rejects`, `traps`: the `displayName` of who is refused, or traps; `works`: how long a call takes, in rounds.

use muster_plugin_sdk::{
    Account, Change, Config, Context, Event, Input, Kind, Manifest, Plugin, Reject, Resource, Signal, Task,
};

const READ: &[&str] = &["userName", "displayName", "nickName", "title", "active"];

struct Obeys;

impl Plugin for Obeys {
    const MANIFEST: Manifest = Manifest::new("obeys", "1.0.0")
        .user(Resource::reads(READ).retains(READ).plans_on(&[Event::Updated, Event::Signalled]))
        .group(Resource::reads(&["displayName"]))
        .states(&["active", "a", "b"]);

    fn map(input: &Input, ctx: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => user(input, ctx.config()),
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }

    /// A signal names the state that the account comes into.
    fn on_signal(signal: &Signal, current: Account, _: &Context) -> Result<Account, Reject> {
        Ok(current.state(&signal.name))
    }

    fn plan(change: &Change, ctx: &Context) -> Result<Vec<Task>, Reject> {
        let action = ctx.config().text("/task");
        Ok(action.map(|action| Task::new(&action, &change.id).destructive()).into_iter().collect())
    }
}

fn user(input: &Input, config: &Config) -> Result<Account, Reject> {
    let name = input.text("displayName").unwrap_or_default();
    let is = |pointer: &str| config.text(pointer).is_some_and(|whom| whom == name);
    if is("/rejects") {
        return Err(Reject::invalid_value("displayName is one that is not wanted"));
    }
    assert!(!is("/traps"), "as it was told to");
    let rounds = config.integer("/works").unwrap_or(0);
    let worked = (0..rounds).fold(1_i64, |number, round| std::hint::black_box(number.wrapping_mul(31) ^ round));
    if rounds > 0 && worked == 0 {
        return Err(Reject::invalid_value("this is never the case, and nobody can know that"));
    }
    let state = config.text("/state").unwrap_or_else(|| "active".to_owned());
    let title = input.text("title").filter(|_| config.boolean("/titles").unwrap_or(false));
    let account = Account::new(&state).field("name", name).field("title", title);
    Ok(match input.text("nickName").filter(|_| config.boolean("/keys").unwrap_or(false)) {
        Some(nick) => account.key("nickName", nick),
        None => account,
    })
}

muster_plugin_sdk::export!(Obeys);

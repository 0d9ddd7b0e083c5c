//! Tasks carried out at the product's API. Each request can come twice, and has its effect once: it says by `Idempotency-Key` which task it is.

use muster_plugin_sdk::delivery::Outcome;
use muster_plugin_sdk::http::Request;
use muster_plugin_sdk::{Context, Task};

/// The name of the secret that the product asks for.
pub(crate) const SECRET: &str = "poggio-api-key";

/// Where the product's API is, unless the configuration says otherwise.
const API: &str = "https://api.poggio.io";

pub(crate) fn perform(task: &Task, ctx: &Context) -> Outcome {
    let Some((method, path)) = place(task) else {
        return Outcome::Failed(format!("{} is nothing that this plugin does", task.action));
    };
    let api = ctx.config().text("/api").unwrap_or_else(|| API.to_owned());
    let request = Request::new(method, format!("{api}{path}")).bearer(SECRET);
    match request.and_then(|request| request.once(ctx).send()) {
        // Whoever is not there any more has no sessions.
        Ok(answer) if answer.status == 404 && task.destructive => Outcome::Done,
        Ok(answer) => answer.outcome(&task.action),
        Err(error) => error.outcome(&task.action),
    }
}

/// What is called: a verb, and a path below the API.
fn place(task: &Task) -> Option<(&'static str, String)> {
    let user = format!("/api/v1/users/{}", task.text("user")?);
    Some(match task.action.as_str() {
        "end-sessions" => ("DELETE", format!("{user}/access")),
        "restore" => ("PUT", format!("{user}/access")),
        "remove" => ("DELETE", user),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::http::Response;
    use muster_plugin_sdk::testing;
    use serde_json::{Value, json};

    use super::*;

    /// What comes of a task where the product answers so, and what it was asked.
    fn performed(task: &Task, status: u16, config: Value) -> (Outcome, Vec<Request>) {
        testing::set_secret(SECRET);
        let answer = Response { status, ..Response::default() };
        testing::asked(answer, || perform(task, &testing::context(config)))
    }

    fn task(action: &str) -> Task {
        let task = Task::new(action, "7").argument("user", "7").argument("workspace", "W1");
        if action == "restore" { task } else { task.destructive() }
    }

    #[test]
    fn each_task_has_its_place_and_says_which_it_is() {
        let user = "https://api.poggio.io/api/v1/users/7";
        for (action, method, url) in [
            ("end-sessions", "DELETE", format!("{user}/access")),
            ("restore", "PUT", format!("{user}/access")),
            ("remove", "DELETE", user.to_owned()),
        ] {
            let (outcome, heard) = performed(&task(action), 204, json!({}));
            assert_eq!(outcome, Outcome::Done, "{action}");
            let [request] = heard.as_slice() else { panic!("{heard:?}") };
            assert_eq!((request.method.as_str(), &request.url), (method, &url));
            assert!(request.headers.contains(&("idempotency-key".to_owned(), "acme/test".to_owned())), "{request:?}");
        }
    }

    #[test]
    fn the_configuration_says_where_the_product_is() {
        let (_, heard) = performed(&task("restore"), 204, json!({ "api": "https://eu.poggio.io" }));
        assert_eq!(heard[0].url, "https://eu.poggio.io/api/v1/users/7/access");
    }

    #[test]
    fn who_is_gone_has_no_sessions_and_cannot_be_given_access() {
        for action in ["end-sessions", "remove"] {
            assert_eq!(performed(&task(action), 404, json!({})).0, Outcome::Done, "{action}");
        }
        let (restored, _) = performed(&task("restore"), 404, json!({}));
        assert_eq!(restored, Outcome::Failed("restore was answered 404".to_owned()));
    }

    #[test]
    fn what_the_product_cannot_do_now_is_tried_again_and_what_nobody_knows_is_not_asked_for() {
        let (again, _) = performed(&task("end-sessions"), 503, json!({}));
        assert_eq!(again, Outcome::Retry { reason: "end-sessions was answered 503".to_owned(), after_ms: None });
        let (unknown, heard) = performed(&task("greet"), 200, json!({}));
        assert_eq!(unknown, Outcome::Failed("greet is nothing that this plugin does".to_owned()));
        assert_eq!(heard, []);
    }

    #[test]
    fn without_its_secret_nothing_is_sent_and_it_is_tried_again() {
        testing::respond(|_| panic!("nothing is sent"));
        let outcome = perform(&task("end-sessions"), &testing::context(json!({})));
        let reason = "end-sessions failed: the secret poggio-api-key is not there".to_owned();
        assert_eq!(outcome, Outcome::Retry { reason, after_ms: None });
    }
}

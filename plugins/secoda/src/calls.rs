//! Tasks carried out at the product's API. Each request can come twice, and has its effect once: it says by `Idempotency-Key` which task it
//! is, and a second mail is never asked for.

use muster_plugin_sdk::delivery::Outcome;
use muster_plugin_sdk::http::{HttpError, Request};
use muster_plugin_sdk::{Context, Task};
use serde_json::{Value as Json, json};

/// The name of the secret that the product asks for.
pub(crate) const SECRET: &str = "api-key";

/// Where the product's API is, unless the configuration says otherwise.
const API: &str = "https://api.secoda.co";

pub(crate) fn perform(task: &Task, ctx: &Context) -> Outcome {
    let Some((method, path, body)) = place(task) else {
        return Outcome::Failed(format!("{} is nothing that this plugin does", task.action));
    };
    let api = ctx.config().text("/api").unwrap_or_else(|| API.to_owned());
    match request(method, format!("{api}{path}"), body, ctx).and_then(Request::send) {
        // It was done before, and the answer was lost.
        Ok(answer) if answer.status == 409 => Outcome::Done,
        // Whoever is not there any more needs neither to be removed nor to be disabled.
        Ok(answer) if answer.status == 404 && task.destructive => Outcome::Done,
        Ok(answer) => answer.outcome(&task.action),
        Err(error) => error.outcome(&task.action),
    }
}

/// What is called: a verb, a path below the API, and what is said.
fn place(task: &Task) -> Option<(&'static str, String, Option<Json>)> {
    let user = task.text("user")?;
    let email = task.text("email");
    let member = format!("/api/v1/members/{user}");
    Some(match task.action.as_str() {
        "send-invitation" => {
            ("POST", "/api/v1/invitations".to_owned(), Some(json!({ "member": user, "email": email })))
        }
        "enable" => ("PUT", format!("{member}/enabled"), Some(json!({ "enabled": true, "email": email }))),
        "disable" => ("PUT", format!("{member}/enabled"), Some(json!({ "enabled": false, "email": email }))),
        "remove" => ("DELETE", member, None),
        _ => return None,
    })
}

fn request(method: &str, url: String, body: Option<Json>, ctx: &Context) -> Result<Request, HttpError> {
    let request = Request::new(method, url).bearer(SECRET)?.once(ctx);
    Ok(match body {
        Some(body) => request.json(body.to_string()),
        None => request,
    })
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::http::Response;
    use muster_plugin_sdk::testing;

    use super::*;

    /// What comes of a task where the product answers so, and what it was asked.
    fn performed(task: &Task, answer: Response, config: Json) -> (Outcome, Vec<Request>) {
        testing::set_secret(SECRET);
        testing::asked(answer, || perform(task, &testing::context(config)))
    }

    fn answer(status: u16) -> Response {
        Response { status, ..Response::default() }
    }

    fn task(action: &str) -> Task {
        let task = Task::new(action, "7").argument("user", "7").argument("email", "ada@example.com");
        if ["disable", "remove"].contains(&action) { task.destructive() } else { task }
    }

    #[test]
    fn an_invitation_names_its_task_and_whom_to_invite() {
        let (outcome, heard) = performed(&task("send-invitation"), answer(201), json!({}));
        assert_eq!(outcome, Outcome::Done);
        let [request] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("POST", "https://api.secoda.co/api/v1/invitations")
        );
        assert!(request.headers.contains(&("idempotency-key".to_owned(), "acme/test".to_owned())));
        let body: Json = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body, json!({ "member": "7", "email": "ada@example.com" }));
    }

    #[test]
    fn each_task_has_its_place_and_the_configuration_says_where_the_product_is() {
        let config = json!({ "api": "https://eu.api.secoda.co" });
        let asked = |action: &str| {
            let request = performed(&task(action), answer(200), config.clone()).1.remove(0);
            (format!("{} {}", request.method, request.url), String::from_utf8(request.body).unwrap())
        };
        let member = "https://eu.api.secoda.co/api/v1/members/7";
        let enabled = |is: bool| format!(r#"{{"enabled":{is},"email":"ada@example.com"}}"#);
        for (action, line, body) in [
            ("enable", format!("PUT {member}/enabled"), enabled(true)),
            ("disable", format!("PUT {member}/enabled"), enabled(false)),
            ("remove", format!("DELETE {member}"), String::new()),
        ] {
            let (asked, said) = asked(action);
            assert_eq!(asked, line);
            let json = |text: &str| serde_json::from_str::<Json>(text).unwrap_or_default();
            assert_eq!(json(&said), json(&body), "{action}");
        }
    }

    #[test]
    fn what_was_done_before_is_done_and_who_is_gone_needs_nothing() {
        for action in ["send-invitation", "enable", "disable", "remove"] {
            assert_eq!(performed(&task(action), answer(409), json!({})).0, Outcome::Done, "{action}");
        }
        for action in ["disable", "remove"] {
            assert_eq!(performed(&task(action), answer(404), json!({})).0, Outcome::Done, "{action}");
        }
        let (enabled, _) = performed(&task("enable"), answer(404), json!({}));
        assert_eq!(enabled, Outcome::Failed("enable was answered 404".to_owned()));
    }

    #[test]
    fn what_the_product_cannot_do_now_is_tried_again_when_it_says_so_and_what_it_refuses_is_not() {
        let later = Response { headers: vec![("retry-after".to_owned(), "7".to_owned())], ..answer(429) };
        let again = |reason: &str, after_ms| Outcome::Retry { reason: reason.to_owned(), after_ms };
        let (outcome, _) = performed(&task("send-invitation"), later, json!({}));
        assert_eq!(outcome, again("send-invitation was answered 429", Some(7_000)));
        let (outcome, _) = performed(&task("disable"), answer(503), json!({}));
        assert_eq!(outcome, again("disable was answered 503", None));
        let (outcome, _) = performed(&task("send-invitation"), answer(422), json!({}));
        assert_eq!(outcome, Outcome::Failed("send-invitation was answered 422".to_owned()));
        let (outcome, heard) = performed(&task("greet"), answer(200), json!({}));
        assert_eq!(outcome, Outcome::Failed("greet is nothing that this plugin does".to_owned()));
        assert_eq!(heard, []);
    }

    #[test]
    fn without_its_secret_nothing_is_sent_and_it_is_tried_again() {
        testing::respond(|_| panic!("nothing is sent"));
        let outcome = perform(&task("remove"), &testing::context(json!({})));
        let reason = "remove failed: the secret api-key is not there".to_owned();
        assert_eq!(outcome, Outcome::Retry { reason, after_ms: None });
    }
}

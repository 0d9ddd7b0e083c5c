//! Tasks carried out at the product's API. Each request can come twice, and has its effect once: it says by `Idempotency-Key` which task it
//! is, and what it asks for is the same after the second time.

use muster_plugin_sdk::delivery::Outcome;
use muster_plugin_sdk::http::{HttpError, Request};
use muster_plugin_sdk::{Context, Task, Value};
use serde_json::{Map, Value as Json};

/// The name of the secret that the product asks for.
pub(crate) const SECRET: &str = "applivery-api-key";

/// Where the product's API is, unless the configuration says otherwise.
const ORIGIN: &str = "https://api.applivery.io";

pub(crate) fn perform(task: &Task, ctx: &Context) -> Outcome {
    let Some((method, path)) = place(task) else {
        return Outcome::Failed(format!("{} is nothing that this plugin does", task.action));
    };
    let origin = ctx.config().text("/api_origin").unwrap_or_else(|| ORIGIN.to_owned());
    match request(method, format!("{origin}{path}"), task, ctx).and_then(Request::send) {
        // Whoever is not there any more needs neither to be removed nor to be changed.
        Ok(answer) if answer.status == 404 && method != "PUT" => Outcome::Done,
        Ok(answer) if answer.status == 409 && task.text("last_admin") == Some("refuse") => {
            Outcome::Failed("the last Admin is not removed".to_owned())
        }
        Ok(answer) => answer.outcome(&task.action),
        Err(error) => error.outcome(&task.action),
    }
}

/// What is called: a verb and a path below the origin.
fn place(task: &Task) -> Option<(&'static str, String)> {
    let user = || task.text("user");
    let group = || task.text("group");
    Some(match task.action.as_str() {
        "store.create-employee" => ("PUT", format!("/v1/store/employees/{}", user()?)),
        "store.update-employee" => ("PATCH", format!("/v1/store/employees/{}", user()?)),
        "store.remove-employee" => ("DELETE", format!("/v1/store/employees/{}", user()?)),
        "dashboard.create-collaborator" => ("PUT", format!("/v1/dashboard/collaborators/{}", user()?)),
        "dashboard.update-collaborator" => ("PATCH", format!("/v1/dashboard/collaborators/{}", user()?)),
        "dashboard.remove-collaborator" => {
            let last_admin = task.text("last_admin").unwrap_or("refuse");
            ("DELETE", format!("/v1/dashboard/collaborators/{}?last-admin={last_admin}", user()?))
        }
        "dashboard.leave-groups" => {
            let last_admin = task.text("last_admin").unwrap_or("refuse");
            ("DELETE", format!("/v1/dashboard/members/{}?last-admin={last_admin}", user()?))
        }
        "mdm.create-employee" => ("PUT", format!("/v1/mdm/employees/{}", user()?)),
        "mdm.update-employee" => ("PATCH", format!("/v1/mdm/employees/{}", user()?)),
        "mdm.remove-employee" => ("DELETE", format!("/v1/mdm/employees/{}?devices=keep", user()?)),
        "mdm.remove-employee-and-devices" => ("DELETE", format!("/v1/mdm/employees/{}?devices=remove", user()?)),
        "mdm.unassign-devices" => ("DELETE", format!("/v1/mdm/employees/{}/devices", user()?)),
        "mdm.change-policy" => ("PATCH", format!("/v1/mdm/employees/{}/devices", user()?)),
        "group.set-role" => ("PUT", format!("/v1/dashboard/groups/{}", group()?)),
        "group.remove" => ("DELETE", format!("/v1/dashboard/groups/{}", group()?)),
        "group.add-member" => ("PUT", format!("/v1/dashboard/groups/{}/members/{}", group()?, user()?)),
        "group.remove-member" => ("DELETE", format!("/v1/dashboard/groups/{}/members/{}", group()?, user()?)),
        _ => return None,
    })
}

fn request(method: &str, url: String, task: &Task, ctx: &Context) -> Result<Request, HttpError> {
    let request = Request::new(method, url).bearer(SECRET)?.once(ctx);
    Ok(if method == "DELETE" { request } else { request.json(body(task)) })
}

/// The task's arguments, without what stands in the path.
fn body(task: &Task) -> String {
    let told = task.arguments.iter().filter(|field| !["user", "group"].contains(&field.name.as_str()));
    let json: Map<String, Json> = told.map(|field| (field.name.clone(), json(&field.value))).collect();
    Json::Object(json).to_string()
}

fn json(value: &Value) -> Json {
    match value {
        Value::Boolean(boolean) => (*boolean).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::Decimal(decimal) => (*decimal).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Json(json) => serde_json::from_str(json).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::http::Response;
    use muster_plugin_sdk::testing;
    use serde_json::json;

    use super::*;

    /// What comes of a task where the product answers so, and what it was asked.
    fn performed(task: &Task, status: u16, config: Json) -> (Outcome, Vec<Request>) {
        testing::set_secret(SECRET);
        let answer = Response { status, ..Response::default() };
        testing::asked(answer, || perform(task, &testing::context(config)))
    }

    fn task(action: &str) -> Task {
        Task::new(action, "7").argument("user", "7").argument("name", "Ada \"the\" Byron").argument("rank", 1)
    }

    #[test]
    fn a_request_names_its_task_and_has_what_the_task_says() {
        let (outcome, heard) = performed(&task("store.create-employee"), 201, json!({}));
        assert_eq!(outcome, Outcome::Done);
        let [request] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!(request.method, "PUT");
        assert_eq!(request.url, "https://api.applivery.io/v1/store/employees/7");
        assert!(request.headers.contains(&("idempotency-key".to_owned(), "acme/test".to_owned())));
        assert_eq!(
            serde_json::from_slice::<Json>(&request.body).unwrap(),
            json!({ "name": "Ada \"the\" Byron", "rank": 1 })
        );
    }

    #[test]
    fn the_configuration_says_where_the_product_is() {
        let config = json!({ "api_origin": "https://eu.applivery.io" });
        let (_, heard) = performed(&task("mdm.remove-employee-and-devices"), 204, config);
        assert_eq!(heard[0].url, "https://eu.applivery.io/v1/mdm/employees/7?devices=remove");
        assert_eq!((heard[0].method.as_str(), heard[0].body.len()), ("DELETE", 0));
    }

    #[test]
    fn who_is_gone_already_needs_nothing_and_who_cannot_be_made_is_no_success() {
        for action in ["store.remove-employee", "mdm.unassign-devices", "dashboard.update-collaborator"] {
            assert_eq!(performed(&task(action), 404, json!({})).0, Outcome::Done, "{action}");
        }
        let (outcome, _) = performed(&task("store.create-employee"), 404, json!({}));
        assert_eq!(outcome, Outcome::Failed("store.create-employee was answered 404".to_owned()));
    }

    #[test]
    fn what_the_product_cannot_do_now_is_tried_again_and_the_last_admin_is_for_a_person_to_decide() {
        let (again, _) = performed(&task("mdm.change-policy"), 503, json!({}));
        assert_eq!(again, Outcome::Retry { reason: "mdm.change-policy was answered 503".to_owned(), after_ms: None });
        let last = task("dashboard.remove-collaborator").argument("last_admin", "refuse");
        assert_eq!(performed(&last, 409, json!({})).0, Outcome::Failed("the last Admin is not removed".to_owned()));
        let (unknown, heard) = performed(&task("store.close"), 200, json!({}));
        assert_eq!(unknown, Outcome::Failed("store.close is nothing that this plugin does".to_owned()));
        assert_eq!(heard, []);
    }
}

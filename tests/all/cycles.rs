//! Whole cycles: for each vendor what its identity providers do from the test of the connection to the deletion, with a sync in between that
//! finds everything as it should be. No answer may be another than the one that is expected.

use muster_idp::{Client, Group, Person, SendError, entra, okta, sync};
use muster_test_harness::{TenantClient, TestApp, wasm};
use serde_json::{Value, json};

const USERS: usize = 500;
/// Groups of each cycle that has any.
const GROUPS: usize = 20;
/// How many each user is in.
const GROUPS_A_USER: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idp {
    Okta,
    Entra,
}

impl Idp {
    fn client(self, tenant: &TenantClient) -> Client {
        match self {
            Self::Okta => Client::okta(&tenant.base, &tenant.token),
            Self::Entra => Client::entra(&tenant.base, &tenant.token),
        }
    }

    async fn sync(self, client: &Client, people: &[Person], groups: &[Group]) -> Result<sync::Progress, SendError> {
        match self {
            Self::Okta => sync::okta(client, people, groups, |_| {}).await,
            Self::Entra => sync::entra(client, people, groups, |_| {}).await,
        }
    }

    /// Somebody is out of scope.
    async fn deactivate(self, client: &Client, stored: &Value, person: &Person) -> Result<Value, SendError> {
        let gone = Person { active: false, ..person.clone() };
        let request = match self {
            Self::Okta => okta::update_user(stored, &gone),
            Self::Entra => entra::update_user(stored["id"].as_str().unwrap(), &gone),
        };
        Ok(client.expect(&request, &[200]).await?.body)
    }
}

/// A company, with groups that overlap or with none.
fn company(groups: bool) -> (Vec<Person>, Vec<Group>) {
    let (people, _) = muster_idp::sample("acme.example", USERS);
    let group = |number: usize| {
        let is_in = |place: usize| (0..GROUPS_A_USER).any(|offset| (place + offset * 7) % GROUPS == number);
        let members = people.iter().enumerate().filter(|(place, _)| is_in(*place));
        Group {
            key: format!("00g{number:04}"),
            name: format!("Group {number}"),
            members: members.map(|(_, person)| person.email.clone()).collect(),
        }
    };
    let groups = if groups { (0..GROUPS).map(group).collect() } else { Vec::new() };
    (people, groups)
}

/// Everything of one kind, page by page, with versions.
async fn everything(tenant: &TenantClient, kind: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = tenant.get(&format!("/{kind}?startIndex={}&count=100", all.len() + 1)).await;
        if page.status == 404 {
            return all;
        }
        let page = page.expect(200);
        let found = page["Resources"].as_array().unwrap();
        if found.is_empty() {
            assert_eq!(page["totalResults"], all.len());
            return all;
        }
        all.extend(found.iter().cloned());
    }
}

/// The number of the log's last entry, and how many tasks the outbox has.
async fn written(app: &TestApp) -> (Value, u64) {
    let kept = app.admin_get("/tenants/acme/retention").await.expect(200);
    let counts = app.admin_get("/tenants/acme/tasks/counts").await.expect(200);
    let queues = counts["queues"].as_object().unwrap().values();
    let tasks = queues.flat_map(|queue| queue.as_object().unwrap().values()).filter_map(Value::as_u64).sum();
    (kept["log"]["last"].clone(), tasks)
}

/// The whole cycle of one tenant.
async fn cycle(plugin: &str, config: Value, idp: Idp, with_groups: bool) {
    let app = TestApp::start().await;
    app.push(wasm::plugin(plugin)).await.expect(201);
    let new = json!({ "name": "acme", "plugin": plugin, "config": config, "grants": "all" });
    let made = app.admin_post("/tenants", new).await.expect(201);
    let base = made["scim_base"].as_str().unwrap().trim_start_matches(&app.scim).to_owned();
    let acme = app.client(&base, made["token"].as_str().unwrap());
    let client = idp.client(&acme);
    let (people, groups) = company(with_groups);

    let first = idp.sync(&client, &people, &groups).await.unwrap();
    let (users, teams, rows) =
        (everything(&acme, "Users").await, everything(&acme, "Groups").await, written(&app).await);
    let again = idp.sync(&client, &people, &groups).await.unwrap();

    assert_eq!((first.created, first.updated, first.groups), (people.len(), 0, groups.len()));
    assert_eq!((again.created, again.updated, again.groups), (0, people.len(), groups.len()));
    assert_eq!((users.len(), teams.len()), (people.len(), groups.len()));
    assert_eq!(everything(&acme, "Users").await, users, "the same versions");
    assert_eq!(everything(&acme, "Groups").await, teams, "the same versions");
    assert_eq!(written(&app).await, rows, "neither an entry of the log nor a task");

    // Everybody marries into one family; that is written once.
    let married: Vec<_> =
        people.iter().map(|person| Person { family: "Lovelace".to_owned(), ..person.clone() }).collect();
    idp.sync(&client, &married, &groups).await.unwrap();
    let (renamed, renamed_rows) = (everything(&acme, "Users").await, written(&app).await);
    assert_eq!(renamed_rows.0.as_u64(), rows.0.as_u64().map(|last| last + married.len() as u64), "an entry each");
    for (now, person) in renamed.iter().zip(&married) {
        assert_eq!((&now["userName"], &now["displayName"]), (&json!(person.email), &json!(person.display_name())));
    }
    idp.sync(&client, &married, &groups).await.unwrap();
    assert_eq!(everything(&acme, "Users").await, renamed, "the same versions");
    assert_eq!(written(&app).await, renamed_rows, "neither an entry of the log nor a task");

    for (stored, person) in renamed.iter().zip(&married) {
        assert_eq!(stored["userName"], json!(person.email));
        let gone = idp.deactivate(&client, stored, person).await.unwrap();
        assert_eq!((&gone["id"], &gone["active"]), (&stored["id"], &json!(false)));
    }
    for group in &teams {
        acme.delete(&format!("/Groups/{}", group["id"].as_str().unwrap())).await.expect(204);
    }
    for user in &users {
        acme.delete(&format!("/Users/{}", user["id"].as_str().unwrap())).await.expect(204);
    }
    assert_eq!((everything(&acme, "Users").await, everything(&acme, "Groups").await), (Vec::new(), Vec::new()));
    println!("{plugin}, {idp:?}: {} users, {} groups, {} tasks", users.len(), teams.len(), written(&app).await.1);
}

#[tokio::test]
async fn poggio_with_okta() {
    cycle("poggio", json!({ "default_workspace": "W1" }), Idp::Okta, false).await;
}

#[tokio::test]
async fn popl_with_okta() {
    cycle("popl", json!({ "team": "T1" }), Idp::Okta, true).await;
}

#[tokio::test]
async fn popl_with_entra() {
    cycle("popl", json!({ "team": "T1", "groups": "disabled" }), Idp::Entra, false).await;
}

#[tokio::test]
async fn secoda_with_okta() {
    cycle("secoda", json!({}), Idp::Okta, true).await;
}

#[tokio::test]
async fn applivery_with_okta() {
    let config = json!({
        "store": { "on_create": "create-employee", "on_deactivate": "remove-employee" },
        "dashboard": { "on_create": "create-collaborator", "role": "Editor", "on_deactivate": "remove-collaborator" },
        "mdm": { "on_create": "create-employee", "on_deactivate": "remove-user-and-devices" },
        "group_roles": { "Group 0": "Admin", "Group 1": "Viewer" },
    });
    cycle("applivery", config, Idp::Okta, true).await;
}

#[tokio::test]
async fn level_access_with_okta() {
    cycle("level-access", json!({ "activated": true, "sso": "saml" }), Idp::Okta, true).await;
}

#[tokio::test]
async fn level_access_with_entra() {
    let config = json!({ "activated": true, "sso": "oidc", "idp": "entra" });
    cycle("level-access", config, Idp::Entra, true).await;
}

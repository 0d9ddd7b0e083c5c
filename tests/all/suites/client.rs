//! `scim2-cli`: a client that reads the discovery answers first, and refuses to send or to accept what they do not describe.

use std::io::Write as _;

use super::*;

struct Client<'a> {
    bench: &'a Bench,
    commands: std::cell::Cell<usize>,
}

impl Client<'_> {
    /// Runs one command; its JSON answer.
    fn run(&self, arguments: &[&str], input: Option<Value>) -> Value {
        self.commands.set(self.commands.get() + 1);
        let mut scim2 = self.bench.program("scim2");
        scim2.env("SCIM_CLI_HEADERS", format!("Authorization: {}", self.bench.authorization()));
        scim2.args(["--url", &self.bench.tenant.base]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        if input.is_some() {
            scim2.stdin(Stdio::piped());
        }
        let mut child = scim2.spawn().unwrap();
        if let Some(input) = input {
            child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        if output.stdout.trim_ascii().is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {}", text(&output)))
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        self.run(arguments, None)
    }
}

fn names<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    list["Resources"].as_array().expect("Resources").iter().map(|one| one[name].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim2_cli_creates_queries_searches_sorts_projects_pages_and_sends_bulk() {
    let bench = Bench::start().await;
    let client = Client { bench: &bench, commands: 0.into() };

    // create, in both of its ways
    let ada = client.ask(&[
        "create",
        "user",
        "--user-name",
        "ada@example.com",
        "--display-name",
        "Ada Byron",
        "--name",
        r#"{"givenName":"Ada","familyName":"Byron"}"#,
        "--emails",
        r#"[{"value":"ada@example.com","type":"work","primary":true}]"#,
    ]);
    let ada_id = ada["id"].as_str().expect("an id");
    let charles =
        json!({ "schemas": [muster_test_harness::USER], "userName": "charles@example.com", "displayName": "Charles" });
    let charles = client.run(&["create", "user"], Some(charles));
    let grace = client.ask(&["create", "user", "--user-name", "grace@example.com", "--active", "false"]);
    assert_eq!(grace["active"], false);
    let members = format!(r#"[{{"value":"{ada_id}"}}]"#);
    let group = client.ask(&["create", "group", "--display-name", "Analysts", "--members", &members]);
    assert_eq!(group["members"][0]["value"], ada_id);

    // query: one, all, filtered, sorted, paged by index and by cursor, projected
    assert_eq!(client.ask(&["query", "user", ada_id])["name"]["familyName"], "Byron");
    assert_eq!(client.ask(&["query", "user"])["totalResults"], 3);
    let found = client.ask(&["query", "user", "--filter", r#"emails[type eq "work"].value eq "ADA@example.com""#]);
    assert_eq!(names(&found, "id"), [ada_id]);
    let sorted = client.ask(&["query", "user", "--sort-by", "userName", "--sort-order", "descending"]);
    assert_eq!(names(&sorted, "userName"), ["grace@example.com", "charles@example.com", "ada@example.com"]);
    let page = client.ask(&["query", "user", "--start-index", "2", "--count", "1"]);
    assert_eq!((&page["startIndex"], &page["itemsPerPage"], &page["totalResults"]), (&json!(2), &json!(1), &json!(3)));
    assert_eq!(names(&page, "userName"), ["charles@example.com"]);
    let mut cursor = String::new();
    let mut seen = Vec::new();
    loop {
        let page = client.ask(&["query", "user", "--cursor", &cursor, "--count", "2"]);
        seen.extend(names(&page, "userName").into_iter().map(str::to_owned));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, ["ada@example.com", "charles@example.com", "grace@example.com"]);
    let projected = client.ask(&["query", "user", ada_id, "--attribute", "displayName"]);
    // The client itself adds `meta.version`, which it takes from the `ETag`.
    assert_eq!(projected.as_object().unwrap().keys().collect::<Vec<_>>(), ["schemas", "id", "meta", "displayName"]);
    assert_eq!(projected["meta"], json!({ "version": ada["meta"]["version"] }));
    let without = client.ask(&["query", "group", "--excluded-attribute", "members"]);
    assert_eq!(without["Resources"][0].get("members"), None);
    // at the root: every kind of resource
    assert_eq!(client.ask(&["query"])["totalResults"], 4);

    // search: per type and at the root
    let found = client.ask(&["search", "user", "--filter", "active eq false", "--attribute", "userName"]);
    assert_eq!(names(&found, "userName"), ["grace@example.com"]);
    let found = client.ask(&["search", "--filter", r#"displayName sw "A""#, "--sort-by", "displayName"]);
    assert_eq!(names(&found, "displayName"), ["Ada Byron", "Analysts"]);
    let found = client.ask(&["search", "--start-index", "2", "--count", "2"]);
    assert_eq!((&found["totalResults"], found["Resources"].as_array().unwrap().len()), (&json!(4), 2));

    // modify, replace
    let modified = client.ask(&[
        "modify",
        "user",
        ada_id,
        "replace",
        "name.familyName",
        "Lovelace",
        "add",
        "emails",
        r#"[{"value":"ada@home.example.com","type":"home"}]"#,
        "remove",
        "displayName",
    ]);
    assert_eq!(modified["name"]["familyName"], "Lovelace");
    assert_eq!(modified["emails"].as_array().unwrap().len(), 2);
    assert_eq!(modified.get("displayName"), None);
    let charles_id = charles["id"].as_str().unwrap();
    let body = json!({ "schemas": [muster_test_harness::USER], "id": charles_id, "userName": "charles@example.com", "title": "Professor" });
    let replaced = client.run(&["replace", "user"], Some(body));
    assert_eq!(replaced["title"], "Professor");

    // bulk: a group of users that the same request creates, named before they are
    let bulk = client.run(
        &["bulk"],
        Some(json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
            { "method": "POST", "path": "/Groups", "bulkId": "team", "data": {
                "schemas": [muster_test_harness::GROUP], "displayName": "Compilers", "members": [{ "value": "bulkId:new" }] } },
            { "method": "POST", "path": "/Users", "bulkId": "new", "data": {
                "schemas": [muster_test_harness::USER], "userName": "new@example.com" } },
            { "method": "PATCH", "path": format!("/Users/{ada_id}"), "data": {
                "schemas": [muster_test_harness::PATCH_OP], "Operations": [{ "op": "replace", "path": "active", "value": false }] } },
            { "method": "DELETE", "path": format!("/Users/{charles_id}") },
        ] })),
    );
    let answers = bulk["Operations"].as_array().expect("an answer for each operation");
    let statuses: Vec<&str> = answers.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "201", "200", "204"], "{bulk:#}");
    let team = client.ask(&["query", "group", "--filter", r#"displayName eq "Compilers""#]);
    let new = answers[1]["location"].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(team["Resources"][0]["members"][0]["value"], new);

    // delete
    client.ask(&["delete", "user", ada_id]);
    bench.tenant.get(&format!("/Users/{ada_id}")).await.expect(404);
    println!("scim2-cli: {} commands, 0 failed", client.commands.get());
}

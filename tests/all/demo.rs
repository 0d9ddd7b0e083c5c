//! `muster demo` as a person or a script starts it, and how a real process stops.

use std::sync::Arc;
use std::time::Duration;

use muster_test_harness::{ServerProcess, USER, wasm};
use serde_json::json;

#[tokio::test]
async fn the_demo_tells_scripts_one_json_object_a_line_and_has_provisioned() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::demo(&folder.path().join("demo"));

    let names: Vec<_> = server.told.iter().filter_map(|line| line["tenant"].as_str()).collect();
    let all = ["poggio-demo", "secoda-demo", "standard-demo", "popl-demo", "applivery-demo", "level-access-demo"];
    assert_eq!(names, all);
    for line in &server.told[..6] {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["tenant", "scim_base", "token"]);
    }
    let keys: Vec<_> = server.told[6].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["admin_base", "admin_key"]);
    let keys: Vec<_> = server.told[7].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["directory_base", "directory_key"]);
    assert_eq!(server.told[8], json!({ "ready": true }));
    assert_eq!(server.told.len(), 9);

    for name in names {
        let users = server.tenant(name).get("/Users?count=2").await.expect(200);
        assert_eq!(users["totalResults"], 12, "{name}");
    }
    let groups = server.tenant("standard-demo").get("/Groups").await.expect(200);
    assert_eq!(groups["totalResults"], 3);
    assert_eq!(groups["Resources"][0]["members"].as_array().unwrap().len(), 4);
    server.tenant("poggio-demo").get("/Groups").await.expect(404);

    let (admin, key) = (server.told[6]["admin_base"].as_str().unwrap(), server.told[6]["admin_key"].as_str().unwrap());
    let tenants = reqwest::Client::new().get(format!("{admin}/tenants")).bearer_auth(key).send().await.unwrap();
    assert_eq!(tenants.status(), 200);
    let text = |name: &str| server.told[7][name].as_str().unwrap();
    let accounts = format!("{}/tenants/secoda-demo/accounts", text("directory_base"));
    let accounts = reqwest::Client::new().get(accounts).bearer_auth(text("directory_key")).send().await.unwrap();
    assert_eq!(accounts.status(), 200);
}

#[tokio::test]
async fn a_demo_started_again_goes_on_with_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let mut first = ServerProcess::demo(&data);
    let id = first.tenant("standard-demo").user("late@example.com").await;
    assert!(first.terminate(), "SIGTERM ends it well");

    let second = ServerProcess::demo(&data);

    let secrets = |server: &ServerProcess| {
        server
            .told
            .iter()
            .map(|line| (line["token"].clone(), line["admin_key"].clone(), line["directory_key"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(secrets(&first), secrets(&second));
    let tenant = second.tenant("standard-demo");
    assert_eq!(tenant.get(&format!("/Users/{id}")).await.expect(200)["userName"], "late@example.com");
    assert_eq!(tenant.get("/Users?count=0").await.expect(200)["totalResults"], 13);
}

#[tokio::test]
async fn a_directory_key_that_is_changed_beside_a_running_demo_is_the_one_that_opens() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let server = ServerProcess::demo(&data);
    let line = server.told.iter().find(|line| line["directory_key"].is_string()).unwrap();
    let [base, old] = ["directory_base", "directory_key"].map(|name| line[name].as_str().unwrap());
    let accounts = format!("{base}/tenants/secoda-demo/accounts");
    let command = |what: &str| {
        let mut command = std::process::Command::new(wasm::folder().join("muster"));
        let said = command.args(["directory-key", what, "--json", "--data"]).arg(&data).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        serde_json::from_slice::<serde_json::Value>(&said.stdout).unwrap()["directory_keys"].clone()
    };
    let answered = async |key: &str, status: u16| {
        let so = async {
            while reqwest::Client::new().get(&accounts).bearer_auth(key).send().await.unwrap().status() != status {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), so).await.unwrap_or_else(|_| panic!("never answered {status}"));
    };

    let keys = command("rotate");
    let new = keys[0].as_str().unwrap();
    assert_eq!(keys[1], old);
    answered(new, 200).await;
    answered(old, 200).await;

    assert_eq!(command("retire"), json!([new]));
    answered(old, 401).await;
    answered(new, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_answers_what_is_in_flight_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let mut server = ServerProcess::demo(&data);
    let tenant = server.tenant("standard-demo");
    // A connection a request: then every request is either answered or never taken.
    let one_shot = Arc::new(reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap());
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let (url, token, http) = (format!("{}/Users", tenant.base), tenant.token.clone(), one_shot.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0.. {
                    let name = format!("w{worker}-{number}@example.com");
                    let body = json!({ "schemas": [USER], "userName": name }).to_string();
                    match http.post(&url).bearer_auth(&token).body(body).send().await {
                        Ok(answer) => {
                            assert_eq!(answer.status(), 201);
                            acknowledged.push(name);
                        }
                        // Refused, or reset in the system's backlog: the server must not have taken it.
                        Err(_) => return (acknowledged, name),
                    }
                }
                unreachable!("the server stops")
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;

    assert!(server.terminate());

    let (mut acknowledged, mut unanswered) = (Vec::new(), Vec::new());
    for worker in workers {
        let (answered, last) = worker.await.unwrap();
        acknowledged.extend(answered);
        unanswered.push(last);
    }
    assert!(acknowledged.len() > 50, "the load was there: {}", acknowledged.len());
    let server = ServerProcess::demo(&data);
    let tenant = server.tenant("standard-demo");
    for name in &acknowledged {
        assert_eq!(tenant.ids("/Users", &format!("userName eq \"{name}\"")).await.len(), 1, "{name}");
    }
    for name in &unanswered {
        let found = tenant.ids("/Users", &format!("userName eq \"{name}\"")).await;
        assert!(found.is_empty(), "{name} was taken, and not answered");
    }
    println!("acknowledged {}, lost 0; unanswered {}, taken 0", acknowledged.len(), unanswered.len());
}

//! Whatever breaks off on the way is gone on with.

use std::process::{Command, Stdio};
use std::time::Duration;

use muster_test_harness::{ADMIN_KEY, TestApp, wasm};
use reqwest::Method;
use serde_json::json;

use super::{Server, export, filled, items, items_elsewhere, lines, write_sealed};
use crate::command::on;

/// Enough for an import to be interrupted several times.
const USERS: usize = 3_000;

/// An export with many users, made of one with few: each is told by an entry of the log, as if he had been created last.
fn many(exported: &[String], file: &std::path::Path) {
    let of_acme = |kind: &str| format!("{{\"{kind}\":{{\"tenant\":\"acme\"");
    let tenant = exported.iter().position(|line| line.starts_with("{\"tenant\":{\"row\":{\"id\":\"acme\"")).unwrap();
    // One that was not changed since he was created.
    let written_once = |line: &&String| line.starts_with(&of_acme("record")) && line.contains("\"version\":1,");
    let record = exported.iter().find(written_once).unwrap();
    let value: serde_json::Value = serde_json::from_str(record).unwrap();
    let (id, name) = (
        value["record"]["record"]["id"].as_str().unwrap(),
        value["record"]["record"]["document"]["userName"].as_str().unwrap(),
    );
    let is_created = |line: &&String| {
        line.starts_with(&of_acme("entry")) && line.contains("\"event\":\"created\"") && line.contains(id)
    };
    let created = exported.iter().find(is_created).unwrap();
    let of_users = |line: &str, n: usize| {
        let new = format!("00000000-0000-7000-8000-{n:012x}");
        line.replace(id, &new).replace(name, &format!("many{n:05}@example.com"))
    };
    let last: u64 = number(&exported[tenant], "last_entry");
    let seq: u64 = number(created, "seq");
    let users = (0..USERS).map(|n| of_users(record, n));
    let entries = (0..USERS).map(|n| {
        let next = last + 1 + u64::try_from(n).unwrap();
        of_users(created, n).replacen(&format!("\"seq\":{seq},"), &format!("\"seq\":{next},"), 1)
    });
    let longer = last + u64::try_from(USERS).unwrap();
    let row = exported[tenant].replace(&format!("\"last_entry\":{last}"), &format!("\"last_entry\":{longer}"));
    let tokens = exported[tenant + 1..].iter().take_while(|line| line.starts_with("{\"token\"")).count();
    let in_log = |line: &String| line.starts_with(&of_acme("entry")) || line.starts_with(&of_acme("seal"));
    let log_end = exported.iter().rposition(in_log).unwrap() + 1;
    let items: Vec<String> = exported[1..tenant]
        .iter()
        .cloned()
        .chain([row])
        .chain(exported[tenant + 1..=tenant + tokens].iter().cloned())
        .chain(users)
        .chain(exported[tenant + tokens + 1..log_end].iter().cloned())
        .chain(entries)
        .chain(exported[log_end..exported.len() - 1].iter().cloned())
        .collect();
    write_sealed(file, &exported[0], &items);
}

/// The number behind a name in a line.
fn number(line: &str, name: &str) -> u64 {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_on_after_the_server_was_killed_and_after_the_client_was() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.ndjson");
    many(&export(&app, &folder.path().join("all.ndjson"), &[]).await, &file);
    let mut target = Server::start(None);
    let (admin, path) = (target.admin(), file.to_str().unwrap().to_owned());
    let start = || {
        let mut command = Command::new(wasm::folder().join("muster"));
        command.args(["import", &path, "--server", &admin, "--admin-key", ADMIN_KEY]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };

    let mut client = start();
    let mut kills = 0;
    let mut last = 0;
    while client.try_wait().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let request = reqwest::Client::new().get(format!("{admin}/admin/v1/imports")).bearer_auth(ADMIN_KEY);
        let Ok(answer) = request.send().await else { continue };
        let text = answer.text().await.unwrap_or_default();
        let listed: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        // None is listed before it is begun, and after it is finished.
        let Some(there) = listed["imports"][0]["items"].as_u64() else { continue };
        assert!(there >= last, "what was acknowledged is there: {there}, {last}");
        if there > last && kills < 3 {
            (kills, last) = (kills + 1, there);
            assert_eq!(target.get("/tenants").await["tenants"], json!([]), "nothing is served yet");
            if kills == 2 {
                // And once it is the client.
                client.kill().unwrap();
                client.wait().unwrap();
                client = start();
            } else {
                target.kill();
                target.restart();
            }
        }
    }
    let ended = client.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    println!("kills {kills}, the last at item {last}");
    assert!(kills > 0, "it was interrupted");
    let again = target.export(&folder.path().join("again.ndjson"), &[]).await;
    assert!(items(&again) == items_elsewhere(&lines(&file)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_broke_off_goes_on_where_it_was() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.ndjson");
    let kept = on(&app, &["export", "--keep", "--to", whole.to_str().unwrap()]).await;
    assert_eq!(kept.code, 0, "{kept:?}");
    let bytes = std::fs::read(&whole).unwrap();
    let id = app.admin_get("/exports").await.expect(200)["exports"][0]["id"].as_str().unwrap().to_owned();

    let content = |range: &str| {
        let request = app.admin_request(Method::GET, &format!("/admin/v1/exports/{id}/content")).bearer_auth(ADMIN_KEY);
        request.header("range", range)
    };
    let part = content("bytes=100-199").send().await.unwrap();
    assert_eq!(
        (part.status().as_u16(), part.headers()["content-range"].to_str().unwrap()),
        (206, &*format!("bytes 100-199/{}", bytes.len()))
    );
    assert_eq!(part.bytes().await.unwrap(), bytes[100..200]);
    let beyond = content(&format!("bytes={}-", bytes.len())).send().await.unwrap();
    assert_eq!(
        (beyond.status().as_u16(), beyond.headers()["content-range"].to_str().unwrap()),
        (416, &*format!("bytes */{}", bytes.len()))
    );
    assert_eq!(
        content("lines=1-").send().await.unwrap().bytes().await.unwrap().len(),
        bytes.len(),
        "another unit is none"
    );

    let file = folder.path().join("again.ndjson");
    std::fs::write(folder.path().join("again.ndjson.part"), &bytes[..bytes.len() / 2]).unwrap();
    let went_on = on(&app, &["export", "--to", file.to_str().unwrap()]).await;
    assert_eq!(went_on.code, 0, "{went_on:?}");
    assert!(went_on.err.starts_with("going on with "), "{went_on:?}");
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    assert!(!folder.path().join("again.ndjson.part").exists());
    assert_eq!(app.admin_get("/exports").await.expect(200)["exports"], json!([]), "what was fetched is not kept");

    // A part of what the server does not have any more is begun anew.
    let other = folder.path().join("other.ndjson");
    std::fs::write(folder.path().join("other.ndjson.part"), &bytes[..bytes.len() / 2]).unwrap();
    let anew = on(&app, &["export", "--to", other.to_str().unwrap()]).await;
    assert_eq!(anew.code, 0, "{anew:?}");
    assert_eq!(items(&lines(&other)), items(&lines(&whole)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_damaged_is_fetched_again_and_no_part_of_nothing_is_left() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let whole = path("whole.ndjson");
    on(&app, &["export", "--keep", "--to", whole.to_str().unwrap()]).await.text();
    let bytes = std::fs::read(&whole).unwrap();

    let mut damaged = bytes[..bytes.len() / 2].to_vec();
    damaged[bytes.len() / 4] ^= 1;
    for (name, part) in [("damaged", damaged), ("longer", [&bytes[..], b"more\n"].concat())] {
        let file = path(name);
        std::fs::write(path(&format!("{name}.part")), part).unwrap();
        let fetched = on(&app, &["export", "--keep", "--to", file.to_str().unwrap()]).await;
        assert_eq!(fetched.code, 0, "{fetched:?}");
        assert!(
            fetched.err.starts_with("going on with ") && fetched.err.contains(": fetching it again"),
            "{fetched:?}"
        );
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
        assert!(!path(&format!("{name}.part")).exists());
    }

    let nobody = on(&app, &["export", "--to", path("nobody").to_str().unwrap(), "--tenant", "nobody"]).await.failed();
    assert_eq!(nobody, "there is no tenant nobody (404 Not Found)");
    assert!(!path("nobody.part").exists() && !path("nobody").exists());
}

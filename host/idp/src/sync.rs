//! A whole cycle: test the connection, look everybody up, create who is missing, update who is there, then the groups.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::{Client, Group, Person, SendError, entra, okta};

/// How far a cycle is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Users created.
    pub created: usize,
    /// Users that were there already.
    pub updated: usize,
    /// Groups pushed.
    pub groups: usize,
}

/// Provisions as Okta does.
pub async fn okta(
    client: &Client,
    people: &[Person],
    groups: &[Group],
    mut told: impl FnMut(Progress),
) -> Result<Progress, SendError> {
    let mut progress = Progress::default();
    let mut ids = BTreeMap::new();
    client.expect(&okta::test_connection(), &[200]).await?;
    for person in people {
        let found = client.expect(&okta::find_user(&person.email), &[200]).await?;
        let reply = if let Some(id) = only_id(&found.body) {
            let stored = client.expect(&crate::Request::get(format!("/Users/{id}")), &[200]).await?;
            progress.updated += 1;
            client.expect(&okta::update_user(&stored.body, person), &[200]).await?
        } else {
            progress.created += 1;
            client.expect(&okta::create_user(person), &[201]).await?
        };
        ids.insert(person.email.as_str(), id_of(&reply.body));
        told(progress);
    }
    for group in groups {
        let found = client.expect(&okta::find_group(&group.name), &[200]).await?;
        let id = match only_id(&found.body) {
            Some(id) => id,
            None => id_of(&client.expect(&okta::create_group(group), &[201]).await?.body),
        };
        let member = |login: &String| Some((ids.get(login.as_str())?.clone(), login.clone()));
        let members: Vec<_> = group.members.iter().filter_map(member).collect();
        client.expect(&okta::push_group(&id, group, &members), &[200]).await?;
        progress.groups += 1;
        told(progress);
    }
    Ok(progress)
}

/// Members that Entra adds in one request, at most.
const MEMBERS_A_BATCH: usize = 20;

/// Provisions as Entra does.
pub async fn entra(
    client: &Client,
    people: &[Person],
    groups: &[Group],
    mut told: impl FnMut(Progress),
) -> Result<Progress, SendError> {
    let mut progress = Progress::default();
    let mut ids = BTreeMap::new();
    client.expect(&entra::test_connection(), &[200]).await?;
    for person in people {
        let found = client.expect(&entra::find_user(&person.email), &[200]).await?;
        let id = if let Some(id) = only_id(&found.body) {
            progress.updated += 1;
            client.expect(&entra::update_user(&id, person), &[200, 204]).await?;
            id
        } else {
            progress.created += 1;
            id_of(&client.expect(&entra::create_user(person), &[201]).await?.body)
        };
        ids.insert(person.email.as_str(), id);
        told(progress);
    }
    for group in groups {
        let found = client.expect(&entra::find_group(&group.name), &[200]).await?;
        let id = match only_id(&found.body) {
            Some(id) => id,
            None => id_of(&client.expect(&entra::create_group(group), &[201]).await?.body),
        };
        let members: Vec<String> = group.members.iter().filter_map(|login| ids.get(login.as_str()).cloned()).collect();
        for batch in members.chunks(MEMBERS_A_BATCH) {
            client.expect(&entra::add_members(&id, batch), &[200, 204]).await?;
        }
        progress.groups += 1;
        told(progress);
    }
    Ok(progress)
}

/// The id of the one resource that a lookup found.
fn only_id(list: &Value) -> Option<String> {
    Some(list["Resources"].get(0)?["id"].as_str()?.to_owned())
}

fn id_of(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_default().to_owned()
}

/// Percent-encodes a query value as the identity providers do.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Writing to a `String` cannot fail.
            other => drop(write!(encoded, "%{other:02X}")),
        }
    }
    encoded
}

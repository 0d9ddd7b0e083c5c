//! What a request costs in a small directory and in a large one: HTTP, token, plugin, protocol and store together, as somebody who runs a
//! server pays for it.
//!
//! Each data set has a server of its own, and they take turns; what is told is the processor time of the server, whatever the clients take.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anyhow::ensure;
use reqwest::{Client, Method};
use serde_json::json;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::line::Line;
use crate::measure::Cost;
use crate::server::{Api, Server};
use crate::{data, people, raw};

/// What is asked of each server in a round, in this order.
const ASKED: [(&str, Ask); 7] = [
    ("GET", Ask::Get),
    ("GET ?filter=userName eq", Ask::LookUp),
    ("POST", Ask::Create),
    ("PATCH", Ask::Patch),
    ("DELETE", Ask::Delete),
    ("a member into a group", Ask::Join),
    ("a member out of it", Ask::Leave),
];

#[derive(Debug, Clone, Copy)]
enum Ask {
    Get,
    LookUp,
    Create,
    Patch,
    /// The users that were created in this round.
    Delete,
    Join,
    Leave,
}

/// The group that every data set has.
const GROUP_OF: u64 = 10;

/// What the answer has in it where one user is found.
const ONE: &str = "\"totalResults\":1,";

/// Clients that warm a server.
const WARMERS: usize = 8;

/// A request that is ready to be sent.
struct Prepared {
    method: Method,
    api: Api,
    path: String,
    body: String,
    /// What the answer has in it.
    answer: &'static str,
}

impl Prepared {
    fn read(path: String) -> Self {
        Self { method: Method::GET, api: Api::Scim, path, body: String::new(), answer: "" }
    }

    fn write(method: Method, path: String, body: String) -> Self {
        Self { method, body, ..Self::read(path) }
    }

    fn patch(path: String, operation: &serde_json::Value) -> Self {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        Self::write(Method::PATCH, path, json!({ "schemas": schemas, "Operations": [operation] }).to_string())
    }
}

struct Set {
    users: u64,
    server: Arc<Server>,
    /// Where the users are that were created in this round.
    created: Vec<String>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    // The one that is the smallest and the largest is asked once.
    let sizes: BTreeSet<u64> =
        [args.sizes.iter().min(), args.sizes.iter().max()].into_iter().flatten().copied().collect();
    sizes.iter().try_for_each(|users| data::prepare(args, *users))?;
    Args::runtime()?.block_on(async {
        let mut sets = Vec::new();
        for users in sizes {
            let set = Set { users, server: Arc::new(Server::start(args, users).await?), created: Vec::new() };
            set.warm().await?;
            sets.push(set);
        }
        measure(args, &mut sets).await?;
        sets.into_iter().try_for_each(|mut set| Arc::get_mut(&mut set.server).map_or(Ok(()), Server::end))
    })
}

async fn measure(args: &Args, sets: &mut [Set]) -> anyhow::Result<()> {
    let asked: Vec<(&str, Ask, usize)> = ASKED
        .iter()
        .flat_map(|(name, ask)| args.request_clients.iter().map(move |clients| (*name, *ask, *clients)))
        .collect();
    let name = |name: &str, clients: usize| format!("{name}, clients: {clients}");
    let mut lines: Vec<Line> =
        asked.iter().map(|(what, _, clients)| Line::new(&name(what, *clients), sets.len())).collect();
    // Not more than can join in the smallest set.
    let smallest = sets.iter().map(|set| set.users).min().unwrap_or(0);
    ensure!(data::fits(GROUP_OF, smallest), "the smallest set has no group of {GROUP_OF}");
    let joins = args.writes.min(smallest - GROUP_OF);
    // The first round warms what is left.
    for round in 0..=args.rounds {
        for clients in &args.request_clients {
            for ((_, ask, _), line) in asked.iter().zip(&mut lines).filter(|((_, _, of), _)| of == clients) {
                let number = match ask {
                    Ask::Get | Ask::LookUp => args.reads / 4,
                    Ask::Create | Ask::Patch | Ask::Delete => args.writes,
                    Ask::Join | Ask::Leave => joins,
                };
                for (column, set) in sets.iter_mut().enumerate() {
                    let cost = set.ask(*ask, number, *clients).await?;
                    if round > 0 {
                        line.add(column, cost);
                    }
                }
            }
        }
    }
    let heads = sets.iter().map(|set| format!(" {:>19}", format!("{} users", set.users))).collect::<Vec<_>>().concat();
    println!("\nrequests: time of one, and processor time of the server, in µs\n    {:34}{heads}", "");
    for line in lines {
        line.tell(true);
    }
    Ok(())
}

impl Set {
    /// What the rounds will read and write over, as a server has it in its cache after a while: a page holds eight rows and more, so one of
    /// eight meets all where users stand in their order, and one of four nearly all where they do not.
    async fn warm(&self) -> anyhow::Result<()> {
        for of in [by_name, by_external_id, by_address, by_other_address] {
            self.send((1..=self.users).step_by(4).map(of).collect(), WARMERS).await?;
        }
        for of in [by_time, history] {
            self.send((1..=self.users).step_by(8).map(of).collect(), WARMERS).await?;
        }
        Ok(())
    }

    async fn ask(&mut self, ask: Ask, number: u64, clients: usize) -> anyhow::Result<Cost> {
        // Others each time, over the whole set, also in a run after this.
        let first = u64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_micros())?;
        let some = (first..first + number).map(|n| (people::scramble(n) % self.users + 1, n));
        let prepared: Vec<Prepared> = match ask {
            Ask::Get => some.map(|(user, _)| get(user)).collect(),
            Ask::LookUp => some.map(|(user, _)| by_name(user)).collect(),
            Ask::Patch => some.map(|(user, n)| patch(user, n)).collect(),
            Ask::Create => newcomers(first, number).map(create).collect(),
            Ask::Delete => std::mem::take(&mut self.created).iter().map(String::as_str).map(delete).collect(),
            Ask::Join => self.outsiders(number).map(join).collect(),
            Ask::Leave => self.outsiders(number).map(leave).collect(),
        };
        let (cost, answers) = self.send(prepared, clients).await?;
        if let Ask::Create = ask {
            self.created = answers;
        }
        Ok(cost)
    }

    /// Some who are not in the group, the same each time.
    fn outsiders(&self, number: u64) -> impl Iterator<Item = u64> + use<> {
        let apart = (self.users - GROUP_OF) / number.max(1);
        (0..number).map(move |n| GROUP_OF + 1 + n * apart)
    }

    /// By so many clients at a time, each on a connection of its own. Gives the cost, and the `Location` of each answer that has one.
    async fn send(&self, prepared: Vec<Prepared>, clients: usize) -> anyhow::Result<(Cost, Vec<String>)> {
        let operations = prepared.len() as u64;
        let shares = raw::shares(prepared, clients);
        let mut sending = JoinSet::new();
        let (began, before) = (Instant::now(), self.server.cpu_time()?);
        for share in shares {
            let server = Arc::clone(&self.server);
            sending.spawn(async move {
                let client = Client::new();
                let mut locations = Vec::new();
                for Prepared { method, api, path, body, answer: expected } in share {
                    let request = server.request(&client, api, method.clone(), &path).body(body);
                    let answer = request.header("content-type", "application/scim+json").send().await?;
                    let status = answer.status();
                    let location = answer.headers().get("location").and_then(|location| location.to_str().ok());
                    locations.extend(location.map(str::to_owned));
                    let text = answer.text().await?;
                    let is_right = status.is_success() && text.contains(expected);
                    ensure!(is_right, "{method} {path} was answered {status}: {text}");
                }
                anyhow::Ok(locations)
            });
        }
        let mut locations = Vec::new();
        while let Some(client) = sending.join_next().await {
            locations.extend(client??);
        }
        let (wall, cpu) = (began.elapsed(), self.server.cpu_time()?.saturating_sub(before));
        Ok((Cost { operations, wall, cpu }, locations))
    }
}

/// Users that no data set has, and that no earlier run has left behind: their numbers go with the time, and stay below 2^32, where names would
/// repeat.
fn newcomers(now_us: u64, number: u64) -> impl Iterator<Item = u64> {
    let first = (1 << 31) + now_us / 1000 % (1 << 30);
    first..first + number
}

fn user(n: u64) -> String {
    format!("/Users/{}", people::id(n))
}

fn get(n: u64) -> Prepared {
    Prepared::read(user(n))
}

/// Users whom a filter finds.
fn filtered(attribute: &str, value: &str) -> Prepared {
    Prepared::read(format!("/Users?filter={attribute}%20eq%20%22{value}%22"))
}

fn by_name(n: u64) -> Prepared {
    Prepared { answer: ONE, ..filtered("userName", &people::user_name(n)) }
}

fn by_external_id(n: u64) -> Prepared {
    Prepared { answer: ONE, ..filtered("externalId", &people::external_id(n)) }
}

fn by_address(n: u64) -> Prepared {
    let [address, _] = people::addresses(n);
    Prepared { answer: ONE, ..filtered("emails.value", &address) }
}

fn by_other_address(n: u64) -> Prepared {
    let [_, address] = people::addresses(n);
    Prepared { answer: ONE, ..filtered("emails.value", &address) }
}

/// None whom an earlier run has changed.
fn by_time(n: u64) -> Prepared {
    filtered("meta.lastModified", &people::created(n).to_string())
}

/// The rows that lead to a user's history, without that.
fn history(n: u64) -> Prepared {
    let path = format!("/tenants/{}/resources/{}/history?before=1&limit=1", data::tenant(), people::id(n));
    Prepared { api: Api::Admin, ..Prepared::read(path) }
}

fn create(n: u64) -> Prepared {
    Prepared::write(Method::POST, "/Users".to_owned(), people::document(n).to_string())
}

fn delete(location: &str) -> Prepared {
    let id = location.rsplit('/').next().unwrap_or_default();
    Prepared::write(Method::DELETE, format!("/Users/{id}"), String::new())
}

fn patch(n: u64, round: u64) -> Prepared {
    let value = format!("Analyst of round {round}");
    Prepared::patch(user(n), &json!({ "op": "replace", "path": "title", "value": value }))
}

/// As identity providers ask for it: the other members are not told.
fn group() -> String {
    format!("/Groups/{}?excludedAttributes=members", people::group(GROUP_OF))
}

fn join(n: u64) -> Prepared {
    let value = json!([{ "value": people::id(n).to_string() }]);
    Prepared::patch(group(), &json!({ "op": "add", "path": "members", "value": value }))
}

fn leave(n: u64) -> Prepared {
    let path = format!("members[value eq \"{}\"]", people::id(n));
    Prepared::patch(group(), &json!({ "op": "remove", "path": path }))
}

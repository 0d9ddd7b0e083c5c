//! What each step of a request costs in `muster-protocol`, and the same step's reference in the same run.
//!
//! `cargo xtask bench` prints the allocations of one call first, then criterion's times.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark, which prints what it measured")]

use std::hint::black_box;
use std::str::FromStr as _;
use std::sync::Arc;

use criterion::{BatchSize, Criterion};
use muster_protocol::dialect::Profile;
use muster_protocol::filter::{Asked, Filter, Subject};
use muster_protocol::list::list_response;
use muster_protocol::project::{Meta, Projection, render};
use muster_protocol::schema::{Registry, ResourceTypeDef};
use muster_protocol::time::Timestamp;
use muster_protocol::{Document, json, normalise, patch};
use serde_json::Value;

/// A record as filters see it, without a store.
struct Stored(Document);

impl Subject for Stored {
    fn document(&self) -> &Document {
        &self.0
    }

    fn common(&self, _: &str) -> Option<Value> {
        None
    }

    fn holds_key(&self, _: &str, _: &str) -> bool {
        false
    }

    fn has_row(&self, _: &str, _: &str) -> bool {
        false
    }

    fn has_any_row(&self, _: &str) -> bool {
        false
    }

    fn any_shown(&self, _: &str, _: &Asked<'_>, _: &mut dyn FnMut(&Value) -> bool) -> bool {
        false
    }
}

/// The times of one function, and once what it allocates.
fn measure<I, O>(criterion: &mut Criterion, name: &str, mut input: impl FnMut() -> I, mut call: impl FnMut(I) -> O) {
    // Once before it counts: what is made at the first use is not what a call costs.
    black_box(call(input()));
    let given = input();
    let mut output = None;
    let allocated = allocation_counter::measure(|| output = Some(call(black_box(given))));
    black_box(output);
    println!("{name:44} {:6} allocations {:9} bytes", allocated.count_total, allocated.bytes_total);
    criterion.bench_function(name, |bencher| {
        bencher.iter_batched(&mut input, |given| call(black_box(given)), BatchSize::SmallInput);
    });
}

fn reading(criterion: &mut Criterion, def: &ResourceTypeDef) {
    let profile = Profile::default();
    let bytes = muster_bench::user().to_string().into_bytes();
    println!("the user has {} bytes", bytes.len());
    measure(criterion, "parse", || (), |()| json::parse(&bytes).unwrap());
    measure(criterion, "parse, reference: serde_json", || (), |()| serde_json::from_slice::<Value>(&bytes).unwrap());
    measure(criterion, "validate", muster_bench::user, |body| normalise::create(def, &profile, body).unwrap());
    let user = muster_bench::user();
    measure(criterion, "validate, reference: a copy", || (), |()| user.clone());
}

fn filtering(criterion: &mut Criterion, def: &Arc<ResourceTypeDef>, stored: &Stored) {
    let profile = Profile::default();
    let is_schema = |urn: &str| def.is_schema(urn);
    let parse = |text: &str| Filter::parse(text, &is_schema, &profile).unwrap().0;
    let lookup = "userName eq \"ada.lovelace@example.com\"";
    measure(criterion, "filter parse, a look-up", || (), |()| parse(lookup));
    let theirs = |text: &str| scim_v2::filter::Filter::from_str(text).unwrap();
    measure(criterion, "filter parse, a look-up, reference: scim_v2", || (), |()| theirs(lookup));
    measure(criterion, "filter parse, five terms", || (), |()| parse(muster_bench::FILTER));
    measure(criterion, "filter parse, five terms, reference: scim_v2", || (), |()| theirs(muster_bench::FILTER));

    let filter = parse(muster_bench::FILTER);
    filter.check(std::slice::from_ref(def), &profile).unwrap();
    assert!(filter.matches(def, stored), "what is measured is a match");
    measure(criterion, "filter evaluate, five terms", || (), |()| filter.matches(def, stored));
    let by_hand = |document: &Document| {
        let title = document.get("title").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let emails = document.get("emails").and_then(Value::as_array).unwrap();
        title.contains("engine")
            && emails.iter().any(|email| {
                email["type"].as_str().unwrap().to_lowercase() == "work"
                    && email["value"].as_str().unwrap().to_lowercase().ends_with("example.com")
            })
            && document.get("active") == Some(&Value::Bool(true))
    };
    assert!(by_hand(&stored.0));
    measure(criterion, "filter evaluate, reference: by hand", || (), |()| by_hand(&stored.0));
}

fn changing(criterion: &mut Criterion, def: &ResourceTypeDef, stored: &Stored) {
    let profile = Profile::default();
    let body = muster_bench::patch();
    let apply = |body: Value| patch::apply(def, &profile, &stored.0, &patch::parse(body).unwrap()).unwrap();
    assert_eq!(apply(body.clone()).document.get("active"), Some(&Value::Bool(false)));
    measure(criterion, "PATCH parse and apply, six operations", || body.clone(), apply);
    measure(criterion, "PATCH, reference: a copy of the document", || (), |()| stored.0.clone());
}

fn answering(criterion: &mut Criterion, registry: &Registry, stored: &Stored) {
    let def = registry.get("User").unwrap();
    let at = Timestamp::parse("2026-10-01T08:00:00Z").unwrap();
    let id = "019b0000-0000-7000-8000-0000000000aa";
    let meta = Meta {
        resource_type: "User".into(),
        created: at,
        last_modified: at,
        version: "W/\"3\"".into(),
        location: format!("https://scim.example.com/scim/v2/Users/{id}"),
    };
    let shown = |projection: &Projection| {
        let mut resource = render(def, id, &stored.0, &meta, None);
        projection.apply(def, &mut resource);
        resource
    };
    let whole = Projection::default();
    let some = Projection::parse(def, Some("userName,emails.value"), None).unwrap();
    measure(criterion, "render and project, the whole user", || (), |()| shown(&whole));
    measure(criterion, "render and project, two attributes", || (), |()| shown(&some));
    let user = shown(&whole);
    measure(criterion, "project, reference: a copy", || (), |()| user.clone());
    measure(criterion, "serialise, a user", || (), |()| serde_json::to_vec(&user).unwrap());
    let bytes = serde_json::to_vec(&user).unwrap();
    measure(criterion, "serialise, a user, reference: copying the bytes", || (), |()| bytes.clone());

    let page = || (0..100).map(|_| muster_bench::group(20)).collect::<Vec<_>>();
    measure(criterion, "serialise, 100 groups of 20 members", page, |groups| {
        serde_json::to_vec(&list_response(100, 1, groups)).unwrap()
    });
    let text = serde_json::to_vec(&list_response(100, 1, page())).unwrap();
    println!("the page of groups has {} bytes", text.len());
    measure(criterion, "serialise, 100 groups, reference: copying the bytes", || (), |()| text.clone());
    let def = registry.get("Group").unwrap();
    let without = Projection::parse(def, None, Some("members")).unwrap();
    measure(criterion, "project, 100 groups without members", page, |mut groups| {
        for group in &mut groups {
            without.apply(def, group.as_object_mut().unwrap());
        }
        groups
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let registry = Registry::core();
    let def = registry.get("User").unwrap();
    let document = normalise::create(def, &Profile::default(), muster_bench::user()).unwrap().document;
    let stored = Stored(document);
    reading(&mut criterion, def);
    filtering(&mut criterion, def, &stored);
    changing(&mut criterion, def, &stored);
    answering(&mut criterion, &registry, &stored);
    criterion.final_summary();
}

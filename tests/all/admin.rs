//! The admin API and the command line, which uses nothing else: what operators do, and what they are told.

mod access;
mod accounts;
mod bindings;
mod cli;
mod configurations;
mod health;
mod hidden;
mod plugins;
mod records;
mod tenants;
mod tokens;

use muster_test_harness::Answer;

/// The sentence of a problem (RFC 9457) with this status.
#[track_caller]
fn problem(answer: Answer, status: u16) -> String {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text);
    let problem = answer.expect(status);
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string(), "{problem}");
    problem["detail"].as_str().unwrap().to_owned()
}

//! What a plugin writes into the host's log.

#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "shared with the other tests of this crate")]
mod common;

use std::io;
use std::sync::{Arc, Mutex};

use common::{Caller, guest};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What mapping a user by this guest logs.
fn logged(name: &str) -> Vec<Value> {
    logged_in(name, 1)
}

/// The same of so many calls of one request.
fn logged_in(name: &str, calls: usize) -> Vec<Value> {
    let guest = guest(name);
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(lines.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..calls {
            // Whether it answers or not is not what is looked at here.
            let _ = Caller::new(json!({})).user(&*guest, json!({ "userName": "ada@example.com" }));
        }
    });
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_call_has_64_lines_of_4_kib_and_the_rest_is_counted() {
    let lines = logged("logs");
    assert_eq!(lines.len(), 65);
    for line in &lines[..64] {
        assert_eq!(line["target"], "muster::plugin");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["tenant.id"], "acme");
        assert_eq!(line["request.id"], "r-1");
        assert_eq!(line["plugin.name"], "logs");
        assert_eq!(line["plugin.digest"].as_str().unwrap().len(), 64);
        assert!(line["message"].as_str().unwrap().len() <= 4_096);
    }
    assert_eq!(lines[63]["message"].as_str().unwrap().len(), 4_096);
    assert_eq!((&lines[64]["level"], &lines[64]["lines"]), (&json!("WARN"), &json!(136)));
}

#[test]
fn a_panic_is_logged_with_its_place() {
    let lines = logged("traps");
    assert_eq!(lines.len(), 1);
    let message = lines[0]["message"].as_str().unwrap();
    assert!(message.starts_with("panicked at tests/guests/traps/src/lib.rs:"), "{message}");
    assert!(message.ends_with(": this guest panics"), "{message}");
}

#[test]
fn of_one_request_whose_calls_all_panic_the_log_has_the_first_and_then_each_time_that_they_have_doubled() {
    let lines = logged_in("traps", 40);
    let calls: Vec<u64> = lines.iter().map(|line| line["calls"].as_u64().unwrap_or(1)).collect();
    assert_eq!(calls, [1, 2, 3, 4, 5, 8, 16, 32]);
    assert!(lines.iter().all(|line| line["level"] == "ERROR"), "{lines:?}");
}

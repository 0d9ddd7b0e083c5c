//! Calls whatever its tasks name, with a secret where there is one; tells everybody who is created of it. Its other actions misbehave, each in
//! its own way, and say what became of it. A user with the title `out` is mapped by a call, which no mapping may make.

use std::time::Duration;

use muster_plugin_sdk::delivery::{self, Outcome, StateError};
use muster_plugin_sdk::http::{HttpError, Request};
use muster_plugin_sdk::{Account, Change, Context, Event, Input, Manifest, Plugin, Reject, Resource, Task, Want, log};

struct CallsOut;

impl Plugin for CallsOut {
    const MANIFEST: Manifest = Manifest::new("calls-out", "1.0.0")
        .user(Resource::reads(&["userName", "title"]).plans_on(&[Event::Created]))
        .wants(&[
            Want::origin("https://api.granted.example", "people are told there that they have an account"),
            Want::origin("https://*.below.granted.example", "there are several of them"),
            Want::secret("api-key", "the product asks for it"),
            Want::state("what was done is remembered"),
        ]);

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        if input.text("title") == Some("out") {
            let answer = Request::get("https://api.granted.example/").send();
            return Ok(Account::new("active").field("answer", answer.map_or(0, |answer| i64::from(answer.status))));
        }
        Ok(Account::new("active").field("email", input.text("userName")))
    }

    fn plan(change: &Change, _: &Context) -> Result<Vec<Task>, Reject> {
        let url = format!("https://api.granted.example/people/{}", change.id);
        Ok(vec![Task::new("post", &change.id).argument("url", url.as_str())])
    }

    #[expect(clippy::panic, reason = "that is one of the things that it is for")]
    fn perform(task: &Task, attempt: u32, ctx: &Context) -> Outcome {
        let url = task.text("url").unwrap_or("https://api.granted.example/");
        match task.action.as_str() {
            "post" => call(post(url, attempt, ctx)),
            "get" => call(Ok(Request::get(url))),
            "echo" => match post(url, attempt, ctx).and_then(Request::send) {
                Ok(answer) => Outcome::Failed(format!("{}, and {:?}", answer.text(), answer.header("x-echo"))),
                Err(error) => error.outcome("the echo"),
            },
            "flood" => {
                let flood =
                    (0..2_000).fold(Request::get(url), |it, number| it.header(&format!("x-{number}"), "yyyyyyyy"));
                call(Ok(flood))
            }
            "split" => call(Ok(Request::get(url).header("x-a", "b\r\nHost: elsewhere.example"))),
            "host" => call(Ok(Request::get(url).header("host", "elsewhere.example"))),
            "large" => call(Ok(Request::post(url).body("text/plain", vec![b'x'; (1 << 20) + 1]))),
            "many" => many(url),
            "loop" => loop {
                std::hint::black_box(attempt);
            },
            "wait" => {
                std::thread::sleep(Duration::from_hours(1));
                Outcome::Done
            }
            "grow" => {
                let mut all: Vec<Vec<u8>> = Vec::new();
                loop {
                    all.push(vec![1; 1 << 20]);
                    std::hint::black_box(&all);
                }
            }
            "trap" => panic!("as it was told"),
            "nothing" => Outcome::Failed(String::new()),
            "much" => Outcome::Failed("x".repeat(1_025)),
            "strange" => Outcome::Retry { reason: "a\0b".to_owned(), after_ms: None },
            "late" => Outcome::Retry { reason: "not now".to_owned(), after_ms: Some(u64::MAX) },
            "remember" => remember(),
            "fill" => fill(),
            other => Outcome::Failed(format!("{other} is nothing that it does")),
        }
    }
}

fn post(url: &str, attempt: u32, ctx: &Context) -> Result<Request, HttpError> {
    let body = format!(r#"{{"tenant":"{}","attempt":{attempt}}}"#, ctx.tenant());
    Ok(Request::post(url).bearer("api-key")?.header("idempotency-key", ctx.request()).json(body))
}

fn call(request: Result<Request, HttpError>) -> Outcome {
    match request.and_then(Request::send) {
        Ok(answer) => answer.outcome("the call"),
        Err(error) => error.outcome("the call"),
    }
}

fn many(url: &str) -> Outcome {
    let answered = (0..100).take_while(|_| Request::get(url).send().is_ok()).count();
    Outcome::Failed(format!("{answered} calls were answered"))
}

fn remember() -> Outcome {
    let story = || -> Result<String, StateError> {
        let before = delivery::state_get("seen")?.map_or(0, |entry| entry.version);
        let first = delivery::state_put("seen", b"once", Some(before))?;
        let conflict = delivery::state_put("seen", b"twice", Some(before));
        let value = delivery::state_get("seen")?.map(|entry| (entry.value, entry.version));
        let same = value == Some((b"once".to_vec(), first));
        let gone = delivery::state_delete("seen", Some(first + 1));
        delivery::state_put("other", b"x", None)?;
        delivery::state_delete("other", None)?;
        let left = delivery::state_get("other")?;
        Ok(format!("new: {}, {conflict:?}, {same}, {gone:?}, {left:?}", first > before))
    };
    match story() {
        Ok(story) => Outcome::Failed(story),
        Err(error) => Outcome::Failed(format!("{error:?}")),
    }
}

fn fill() -> Outcome {
    let large = delivery::state_put("large", &vec![0; (64 << 10) + 1], None);
    let long = delivery::state_put(&"k".repeat(257), b"x", None);
    let mut entries = 0;
    let full = loop {
        match delivery::state_put(&format!("entry-{entries}"), &vec![0; 60 << 10], None) {
            Ok(_) => entries += 1,
            Err(error) => break error,
        }
    };
    log::info(&format!("{entries} entries"));
    Outcome::Failed(format!("{large:?}, {long:?}, {full:?} after {entries}"))
}

muster_plugin_sdk::export!(CallsOut: full);

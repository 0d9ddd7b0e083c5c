//! What `perform` meets in a native test: a world of each test's thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::delivery::{StateEntry, StateError};
use crate::http::{HttpError, Request, Response};

type Answers = Box<dyn FnMut(&Request) -> Result<Response, HttpError>>;

#[derive(Default)]
struct World {
    answers: Option<Answers>,
    secrets: BTreeMap<String, String>,
    state: BTreeMap<String, StateEntry>,
    /// No version is given twice.
    writes: u64,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// From now on, in this thread, requests are answered by this. Until then none leaves.
pub fn respond(answers: impl FnMut(&Request) -> Result<Response, HttpError> + 'static) {
    WORLD.with_borrow_mut(|world| world.answers = Some(Box::new(answers)));
}

/// What comes of `act` where every request is answered so, and what it requested.
pub fn asked<T>(answer: Response, act: impl FnOnce() -> T) -> (T, Vec<Request>) {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let hearing = heard.clone();
    respond(move |request| {
        hearing.borrow_mut().push(request.clone());
        Ok(answer.clone())
    });
    let outcome = act();
    (outcome, heard.take())
}

/// From now on, in this thread, there is a secret of this name; its placeholder is `(NAME)`.
pub fn set_secret(name: &str) {
    WORLD.with_borrow_mut(|world| world.secrets.insert(name.to_owned(), format!("({name})")));
}

pub(crate) fn answer(request: &Request) -> Result<Response, HttpError> {
    // Whoever answers may look at the world.
    let mut answers = WORLD.with_borrow_mut(|world| world.answers.take());
    let answer = answers.as_mut().map_or(Err(HttpError::Denied), |answers| answers(request));
    WORLD.with_borrow_mut(|world| world.answers = world.answers.take().or(answers));
    answer
}

pub(crate) fn secret_header(name: &str) -> Option<String> {
    WORLD.with_borrow(|world| world.secrets.get(name).cloned())
}

#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn state_get(key: &str) -> Result<Option<StateEntry>, StateError> {
    Ok(WORLD.with_borrow(|world| world.state.get(key).cloned()))
}

pub(crate) fn state_put(key: &str, value: &[u8], expected: Option<u64>) -> Result<u64, StateError> {
    WORLD.with_borrow_mut(|world| {
        world.is_at(key, expected)?;
        world.writes += 1;
        let entry = StateEntry { value: value.to_vec(), version: world.writes };
        world.state.insert(key.to_owned(), entry);
        Ok(world.writes)
    })
}

pub(crate) fn state_delete(key: &str, expected: Option<u64>) -> Result<(), StateError> {
    WORLD.with_borrow_mut(|world| {
        world.is_at(key, expected)?;
        world.state.remove(key);
        Ok(())
    })
}

impl World {
    fn is_at(&self, key: &str, expected: Option<u64>) -> Result<(), StateError> {
        let actual = self.state.get(key).map_or(0, |entry| entry.version);
        if expected.is_none_or(|expected| expected == actual) { Ok(()) } else { Err(StateError::Conflict) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Outcome, secret_header, state_delete, state_get, state_put};

    #[test]
    fn a_request_is_answered_with_the_secret_that_it_names() {
        let invite = || {
            let request = Request::post("https://api.example.com/users").bearer("api-key")?;
            request.json("{}").send()
        };
        assert_eq!(invite(), Err(HttpError::NoSecret("api-key".to_owned())));
        set_secret("api-key");
        assert_eq!(invite(), Err(HttpError::Denied), "nobody answers yet");
        respond(|request| {
            assert_eq!(request.headers[0], ("authorization".to_owned(), "Bearer (api-key)".to_owned()));
            let headers = vec![("retry-after".to_owned(), "7".to_owned())];
            Ok(Response { status: 429, headers, body: request.body.clone() })
        });
        for _ in 0..2 {
            let answer = invite().unwrap();
            assert_eq!(answer.text(), "{}");
            let reason = "the invitation was answered 429".to_owned();
            assert_eq!(answer.outcome("the invitation"), Outcome::Retry { reason, after_ms: Some(7_000) });
        }
        assert_eq!(secret_header("other"), None);
    }

    #[test]
    fn statuses_are_what_most_servers_mean_by_them() {
        let outcome = |status| Response { status, ..Response::default() }.outcome("it");
        assert_eq!(outcome(204), Outcome::Done);
        assert!(matches!(outcome(503), Outcome::Retry { after_ms: None, .. }));
        for status in [301, 400, 404, 409] {
            assert_eq!(outcome(status), Outcome::Failed(format!("it was answered {status}")));
        }
        let denied = Outcome::Retry { reason: "it failed: the request was not let out".to_owned(), after_ms: None };
        assert_eq!(HttpError::Denied.outcome("it"), denied);
    }

    #[test]
    fn the_memory_compares_versions_as_the_host_does() {
        assert_eq!(state_get("a"), Ok(None));
        let first = state_put("a", b"1", Some(0)).unwrap();
        assert_eq!(state_put("a", b"2", Some(0)), Err(StateError::Conflict));
        let second = state_put("a", b"2", Some(first)).unwrap();
        assert_eq!(state_delete("a", Some(first)), Err(StateError::Conflict));
        assert_eq!(state_get("a").unwrap().unwrap().value, b"2");
        state_delete("a", Some(second)).unwrap();
        assert!(state_put("a", b"3", Some(0)).unwrap() > second);
    }
}

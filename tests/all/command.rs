//! The command line, as tests run it.

use std::process::Command;

use muster_test_harness::{ADMIN_KEY, TestApp, wasm};
use serde_json::Value;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// What it answered, if it ended well and wrote one line of JSON and nothing else.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }

    /// What it said, if it ended well.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }

    /// The one sentence that it failed with.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        self.err.trim_end().strip_prefix("muster: ").expect("it says who speaks").to_owned()
    }
}

/// `muster ...`, with these variables.
pub(crate) async fn muster(args: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(wasm::folder().join("muster"));
    command.env_remove("MUSTER_SERVER").env_remove("MUSTER_ADMIN_KEY");
    command.args(args).envs(environment.iter().copied());
    // On a thread of its own: this one runs the server that the command asks.
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: ended.status.code().unwrap(), out: text(ended.stdout), err: text(ended.stderr) }
}

/// Against this server, with its key.
pub(crate) async fn on(app: &TestApp, args: &[&str]) -> Ended {
    muster(&[args, &["--server", &app.admin, "--admin-key", ADMIN_KEY]].concat(), &[]).await
}

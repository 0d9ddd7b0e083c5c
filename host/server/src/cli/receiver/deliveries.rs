use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::super::admin_client::AdminClient;
use super::super::{say, task};
use super::{Kind, One};

/// Which of those that go or went to a receiver.
#[derive(Debug, Args)]
pub(in crate::cli) struct Deliveries {
    #[command(flatten)]
    one: One,
    /// Those that stand so: waiting, held, parked, done, skipped, cancelled
    #[arg(long)]
    standing: Option<String>,
    /// Those behind this task
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// How many deliveries one request asks for.
const DELIVERIES_A_REQUEST: usize = 1000;

impl Deliveries {
    pub(in crate::cli) async fn run(self, kind: Kind) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.one.remote)?;
        let path = self.one.path(kind, &["deliveries"]);
        let (mut after, mut left, mut all) = (self.after, self.limit, Vec::new());
        let next = loop {
            let mut query = vec![("limit", left.min(DELIVERIES_A_REQUEST).to_string()), ("after", after.to_string())];
            query.extend(self.standing.clone().map(|standing| ("standing", standing)));
            let mut answer = client.find(&path, &query).await?;
            let Value::Array(tasks) = answer["tasks"].take() else { bail!("the server's answer has no tasks") };
            left = left.saturating_sub(tasks.len());
            if !self.one.remote.json {
                tasks.iter().try_for_each(|one| say(task::line(one)))?;
            }
            all.extend(tasks);
            match answer["next"].as_u64() {
                Some(next) if left > 0 => after = next,
                next => break next,
            }
        };
        if self.one.remote.json {
            return say(json!({ "tasks": all, "next": next }));
        }
        if all.is_empty() {
            say(format!("nothing of that kind went or goes to {} {}", kind.word(), self.one.name))?;
        }
        next.map_or(Ok(()), |next| say(format!("more: --after {next}")))
    }
}

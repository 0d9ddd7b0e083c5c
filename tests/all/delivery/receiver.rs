//! Who tasks are for, outside of the server that is killed: it keeps a journal by idempotency key, loses some of its answers after the
//! effect, and refuses some without it. A line a request: `TENANT SEQ CHANGE RESOURCE KEY`; a line an answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use muster_delivery::Carrier;
use muster_model::{Task, TenantId};
use muster_plugin::Outcome;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// In 1,000: answers that are lost after the effect.
const LOST: u64 = 50;
/// In 1,000: requests that are refused.
const REFUSED: u64 = 50;

/// What has come, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// What had its effect: the task's number by its tenant, the entry of the log and its key.
    pub(crate) effects: HashMap<(String, u64, String), u64>,
    /// The latest task of each resource that had an effect.
    latest: HashMap<(String, String), u64>,
    /// What came too late: a later task of the same resource had its effect before.
    pub(crate) out_of_order: Vec<String>,
    pub(crate) requests: u64,
    pub(crate) repeated: u64,
    pub(crate) lost: u64,
    pub(crate) refused: u64,
}

/// Listens, and answers until the test ends.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: String,
    pub(crate) journal: Arc<Mutex<Journal>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let journal = Arc::<Mutex<Journal>>::default();
        let (shared, dice) = (journal.clone(), Arc::new(AtomicU64::new(1)));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (journal, dice) = (shared.clone(), dice.clone());
                tokio::spawn(async move { answer(BufStream::new(stream), &journal, &dice).await });
            }
        });
        Self { address, journal }
    }
}

/// Answers on one connection, until an answer is to be lost or the other side goes.
async fn answer(mut stream: BufStream<TcpStream>, journal: &Mutex<Journal>, dice: &AtomicU64) {
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line).await {
            Ok(read) if read > 0 && line.ends_with('\n') => {}
            // A request that was killed half-way is none.
            _ => return,
        }
        let said = {
            let mut journal = journal.lock().unwrap();
            journal.requests += 1;
            let roll = dice.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed) >> 20;
            match roll % 1_000 {
                roll if roll < REFUSED => {
                    journal.refused += 1;
                    Some("refused\n")
                }
                roll => {
                    journal.take(line.trim_end());
                    let is_lost = roll < REFUSED + LOST;
                    journal.lost += u64::from(is_lost);
                    (!is_lost).then_some("done\n")
                }
            }
        };
        let Some(said) = said else { return };
        if stream.write_all(said.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

impl Journal {
    /// What has come, for who runs the test with more than CI's size.
    pub(crate) fn summary(&self) -> String {
        let Self { effects, requests, lost, refused, repeated, .. } = self;
        let effects = effects.len();
        format!("{effects} effects, {requests} requests ({lost} answers lost, {refused} refused, {repeated} repeated)")
    }

    /// The effect, if this key did not have it yet.
    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let [tenant, seq, change, resource, key] = words[..] else { panic!("no request: {line}") };
        let (seq, change): (u64, u64) = (seq.parse().unwrap(), change.parse().unwrap());
        let key = (tenant.to_owned(), change, key.to_owned());
        if self.effects.contains_key(&key) {
            self.repeated += 1;
            return;
        }
        self.effects.insert(key, seq);
        let latest = self.latest.entry((tenant.to_owned(), resource.to_owned())).or_default();
        if *latest > seq {
            self.out_of_order.push(format!("{line}, after {latest}"));
        }
        *latest = (*latest).max(seq);
    }
}

/// Carries tasks to the receiver.
#[derive(Debug)]
pub(crate) struct ToReceiver {
    address: String,
    idle: Mutex<Vec<BufStream<TcpStream>>>,
}

impl ToReceiver {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), idle: Mutex::default() }
    }

    pub(crate) async fn ask(&self, line: &str) -> std::io::Result<String> {
        let idle = self.idle.lock().unwrap().pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => BufStream::new(TcpStream::connect(&self.address).await?),
        };
        stream.write_all(line.as_bytes()).await?;
        stream.flush().await?;
        let mut answer = String::new();
        if stream.read_line(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.idle.lock().unwrap().push(stream);
        Ok(answer)
    }
}

#[async_trait]
impl Carrier for ToReceiver {
    async fn carry(&self, tenant: &TenantId, task: &Task, _: u32) -> Outcome {
        let (seq, change, of) = (task.seq, task.change, &task.task);
        let again = |reason: &str| Outcome::Again { reason: reason.to_owned(), after: None };
        match self.ask(&format!("{tenant} {seq} {change} {} {}\n", of.id, of.idempotency_key)).await {
            Ok(answer) if answer == "done\n" => Outcome::Done,
            Ok(_) => again("the receiver refused it"),
            Err(_) => again("the receiver did not answer"),
        }
    }
}

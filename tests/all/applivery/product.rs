use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::perform::endpoint::{Answers, Endpoint};

/// Where the plugin takes the product to be.
pub(super) const HOST: &str = "api.applivery.io";

/// What the product does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It answers with this status: all below 300 had their effect.
    Status(u16),
    /// It had its effect, and the answer is lost.
    Lost,
    /// It does not answer at all.
    Silence,
}

/// A request that the product was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// `PUT /v1/store/employees/42`
    pub(super) line: String,
    /// The idempotency key.
    pub(super) key: String,
    pub(super) authorization: String,
    /// `null` without one.
    pub(super) body: Value,
}

/// The vendor's product: it keeps what had its effect, by idempotency key.
pub(super) struct Product {
    pub(super) endpoint: Endpoint,
    effects: Arc<Mutex<Vec<Call>>>,
}

impl Product {
    /// One that does whatever it is asked.
    pub(super) async fn start() -> Self {
        Self::that(|_, _| Said::Status(200)).await
    }

    /// One that does as it is told with a request, and with how often it came before.
    pub(super) async fn that(says: impl Fn(&Call, usize) -> Said + Send + Sync + 'static) -> Self {
        let effects = Arc::<Mutex<Vec<Call>>>::default();
        let (kept, seen) = (effects.clone(), Mutex::new(HashMap::<String, usize>::new()));
        let answers: Answers = Arc::new(move |request| {
            let call = Call::of(request);
            let before = {
                let mut seen = seen.lock().unwrap();
                let times = seen.entry(call.key.clone()).or_default();
                *times += 1;
                *times - 1
            };
            let said = says(&call, before);
            if matches!(said, Said::Lost | Said::Status(..300)) {
                let mut kept = kept.lock().unwrap();
                if kept.iter().all(|known: &Call| known.key != call.key) {
                    kept.push(call);
                }
            }
            match said {
                Said::Status(status) => {
                    (format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n").into_bytes(), false)
                }
                Said::Lost => (Vec::new(), false),
                Said::Silence => (Vec::new(), true),
            }
        });
        Self { endpoint: Endpoint::start(HOST, answers).await, effects }
    }

    /// What had its effect, in its order.
    pub(super) fn effects(&self) -> Vec<Call> {
        self.effects.lock().unwrap().clone()
    }

    /// The same, without keys and bodies.
    pub(super) fn lines(&self) -> Vec<String> {
        self.effects().into_iter().map(|call| call.line).collect()
    }

    /// All that came, in its order, however often.
    pub(super) fn heard(&self) -> Vec<Call> {
        self.endpoint.heard().iter().map(|request| Call::of(request)).collect()
    }

    /// Waits until something came whose line holds this.
    pub(super) async fn hears(&self, part: &str) {
        let heard = async {
            while !self.heard().iter().any(|call| call.line.contains(part)) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(super::PATIENCE, heard).await.expect("it is asked");
    }
}

impl Call {
    fn of(request: &str) -> Self {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_default().to_owned()
        };
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        let body = serde_json::from_str(body).unwrap_or_default();
        Self { line, key: header("idempotency-key"), authorization: header("authorization"), body }
    }
}

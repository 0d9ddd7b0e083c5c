use std::io;

use serde_json::{Map, Value, json};

use crate::{Came, Refused, Trust};

/// Whoever comes for the tokens of one stream.
#[derive(Debug)]
pub struct Poller {
    trust: Trust,
    url: String,
    token: String,
    /// What the next poll says of the tokens of this one: acknowledged, and refused.
    taken: Vec<String>,
    refused: Map<String, Value>,
}

impl Poller {
    /// Of the stream at `url` (`https://scim.vendor.example/t/acme/events/siem`), which `token` opens.
    pub fn new(trust: Trust, url: &str, token: &str) -> Self {
        Self { trust, url: url.to_owned(), token: token.to_owned(), taken: Vec::new(), refused: Map::new() }
    }

    /// One poll (RFC 8936 §2.2), which waits for the first token if it may; `keep` is given what came, and has it when it returns: then it is
    /// acknowledged, by the next poll.
    pub async fn poll(&mut self, may_wait: bool, mut keep: impl FnMut(&Came)) -> io::Result<usize> {
        let body = json!({ "ack": self.taken, "setErrs": self.refused, "returnImmediately": !may_wait });
        let asked = self.trust.http.post(&self.url).bearer_auth(&self.token).json(&body).send().await;
        let answer = asked.and_then(reqwest::Response::error_for_status).map_err(io::Error::other)?;
        let mut answer: Value = answer.json().await.map_err(io::Error::other)?;
        (self.taken, self.refused) = (Vec::new(), Map::new());
        let Value::Object(sets) = answer["sets"].take() else {
            return Err(io::Error::other("the answer to a poll has no sets"));
        };
        let count = sets.len();
        for (name, token) in sets {
            let mut came = self.trust.take(token.as_str().unwrap_or_default()).await?;
            // The name outside is who is acknowledged: it has to be the one inside, which is signed.
            if matches!(&came, Came::Event(claims) if claims["jti"] != name.as_str()) {
                came = Came::Refused(Refused::Malformed);
            }
            keep(&came);
            match came {
                Came::Event(_) | Came::Again(_) => self.taken.push(name),
                Came::Refused(why) => {
                    self.refused.insert(name, json!({ "err": why.code(), "description": why.says() }));
                }
            }
        }
        Ok(count)
    }
}

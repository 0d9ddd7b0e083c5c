//! A name that means one place when it is checked and another one afterwards: each request is looked up once, and goes where that says or
//! nowhere.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use muster_outbound::Resolve;

use super::endpoint::{Endpoint, HOST, says};
use super::{acme, calling, told};

/// Says another thing each time it is asked, and notes who was asked for.
#[derive(Debug)]
struct InTurn {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl InTurn {
    fn says(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = answers.iter().map(|all| all.iter().map(|one| one.parse().unwrap()).collect()).collect();
        Arc::new(Self { answers: Mutex::new(parsed), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolve for InTurn {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        self.answers.lock().unwrap().pop_front().ok_or_else(|| io::Error::other("nothing is left to say"))
    }
}

#[tokio::test]
async fn a_granted_name_that_turns_into_the_own_network_is_refused_and_was_looked_up_once_a_request() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    // 192.0.2.0/24 is nobody's, and here it is public: the first answer passes the check, and nobody is there.
    let resolver = InTurn::says(&[
        &["192.0.2.7"],
        &["127.0.0.1"],
        &["192.0.2.7", "127.0.0.1"],
        &["169.254.169.254"],
        &["192.0.2.7", "::ffff:127.0.0.1"],
    ]);
    let mut builder = calling(&endpoint).resolving_by(resolver.clone());
    builder.config.delivery.hosts.clear();
    builder.config.delivery.private_networks = vec!["192.0.2.0/24".to_owned()];
    let app = builder.start().await;
    acme(&app).await;

    let first = told(&app, "get", None).await;
    assert!(first.starts_with("the call failed: ") && !first.contains("127.0.0.1"), "{first}");
    assert_eq!(resolver.asked(), [HOST], "the second answer is not even asked for");
    for address in ["127.0.0.1", "127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"] {
        let story = told(&app, "get", None).await;
        let note = format!("{HOST} has the address {address}, which is ");
        assert!(
            story.starts_with("the call failed: the host could not be reached (") && story.contains(&note),
            "{story}"
        );
    }
    assert_eq!(resolver.asked().len(), 5, "each request anew, and once");
    assert_eq!(endpoint.connections(), 0);
}

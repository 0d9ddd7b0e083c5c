use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use http_body_util::Empty;

use super::listener::{Canary, Says, told};
use crate::{Network, Options, Place, Resolve, SendError, Sender, SystemResolver};

/// Authorities that lead to this machine, or to a neighbour, in whatever way they are written.
const AUTHORITIES: &[&str] = &[
    // as an address
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "0",
    "0.0.0.0",
    "0.0.0.0.",
    "127.0.0.1.",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "169.254.169.254.",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    // as one number, decimal, octal, hexadecimal
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7F000001",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "0xa9.0xfe.0xa9.0xfe",
    "0177.0.0.1",
    "0177.0000.0000.0001",
    "0x7f.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "0x7f.1",
    "0177.1",
    "00000177.0.0.1",
    "127.0.0.0x1",
    "127.000.000.001",
    "4294967295",
    "4294967297",
    "425.510.425.510",
    "127.0.0.257",
    // as IPv6
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[2a00:1450::5efe:7f00:1]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[::1%25lo]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[v1.127.0.0.1]",
    // by a name that everybody knows
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ip6-localhost",
    "metadata",
    "host",
    // behind a user
    "api.example.com@127.0.0.1",
    "api.example.com:443@127.0.0.1",
    "user:password@localhost",
    "user@api.example.com",
    "@127.0.0.1",
    "127.0.0.1@api.example.com",
    "a@b@127.0.0.1",
    "api.example.com%40127.0.0.1",
    // with a dot, a letter or a port too many
    "api.example.com.",
    "api.example.com..",
    ".api.example.com",
    "api..example.com",
    "api.example.com:",
    "api.example.com:0",
    "api.example.com:65536",
    "api.example.com:-1",
    "api.example.com:+443",
    "api.example.com:443:80",
    "api.example.com:4 43",
    "api.example.com:https",
    "api_example.com",
    "-api.example.com",
    "api.example.com-",
    "*.example.com",
    "api.*.com",
    "api.example.com\\127.0.0.1",
    "api.example.com%00.127.0.0.1",
    "api.example.com%2f127.0.0.1",
    "api.example.com%0d%0aHost:127.0.0.1",
    "%6c%6f%63%61%6c%68%6f%73%74",
    "%31%32%37.0.0.1",
    "api.example.com;127.0.0.1",
    "api.example.com,127.0.0.1",
    "[api.example.com]",
    "api.example.com\t",
    " 127.0.0.1",
    "127.0.0.1 ",
    "",
    ":443",
    // in letters that look like others
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "ｌｏｃａｌｈｏｓｔ",
    "loc\u{430}lhost.example",
    "api.example。com",
    "api\u{2024}example.com",
    "api.ex\u{200d}ample.com",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
];

/// Whole URLs that are none of ours.
const URLS: &[&str] = &[
    "http://api.example.com/",
    "HTTP://api.example.com/",
    "https:/127.0.0.1/",
    "https:///127.0.0.1/",
    "https:127.0.0.1",
    "//127.0.0.1/",
    "/latest/meta-data/",
    "127.0.0.1:443",
    "ftp://api.example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/_HELO",
    "dict://127.0.0.1:11211/stat",
    "ldap://127.0.0.1/",
    "unix:/var/run/docker.sock",
    "jar:https://127.0.0.1!/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "ws://127.0.0.1/",
    "wss://127.0.0.1/",
    "httpss://127.0.0.1/",
    "https://\r\n127.0.0.1/",
    "https://api.example.com/\r\nHost: 127.0.0.1",
    "https://api.example.com/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "https://api.example.com/\0",
    "*",
    "",
];

/// What a resolver says of a name that nobody would refuse by itself.
const ANSWERS: &[&[&str]] = &[
    &["127.0.0.1"],
    &["127.0.0.2"],
    &["0.0.0.0"],
    &["10.0.0.1"],
    &["172.31.255.255"],
    &["192.168.1.1"],
    &["169.254.169.254"],
    &["100.64.0.1"],
    &["100.100.100.200"],
    &["168.63.129.16"],
    &["192.0.0.192"],
    &["192.0.2.1"],
    &["198.18.0.1"],
    &["198.51.100.1"],
    &["203.0.113.1"],
    &["192.88.99.1"],
    &["224.0.0.1"],
    &["240.0.0.1"],
    &["255.255.255.255"],
    &["::1"],
    &["::"],
    &["::ffff:127.0.0.1"],
    &["::ffff:10.0.0.1"],
    &["::127.0.0.1"],
    &["64:ff9b::7f00:1"],
    &["64:ff9b:1::7f00:1"],
    &["2002:7f00:1::1"],
    &["2001:0:7f00:1::1"],
    &["2a00:1450::5efe:7f00:1"],
    &["fe80::1"],
    &["fc00::1"],
    &["fd00:ec2::254"],
    &["fec0::1"],
    &["ff02::1"],
    &["2001:db8::1"],
    &["3fff::1"],
    &["100::1"],
    // One of several is enough, wherever it stands.
    &["1.1.1.1", "127.0.0.1"],
    &["127.0.0.1", "1.1.1.1"],
    &["2606:4700::1111", "::1"],
    &["1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "127.0.0.1"],
    &["1.1.1.1", "::ffff:127.0.0.1"],
];

fn request(uri: Uri) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

async fn refusal(sender: &Sender, uri: Uri) -> SendError {
    sender.send(request(uri.clone())).await.map(|answer| answer.status()).expect_err(&uri.to_string())
}

#[tokio::test]
async fn no_way_of_writing_it_leads_into_the_own_network() {
    // Where the port is written, it is the canaries'; where it is not, nobody may be there, and nobody may be asked either.
    let canary = Canary::on("127.0.0.1", 0).await.unwrap();
    let others = [Canary::on("::1", canary.port).await, Canary::on("127.0.0.2", canary.port).await];
    let system: Arc<dyn Resolve> = Arc::new(SystemResolver);
    // Whoever is asked says the worst.
    let (believing, worst) = (told(system, Vec::new()), told(Says::in_turn(&[&["127.0.0.1", "::1"]]), Vec::new()));
    let mut attempts = 0;

    for authority in AUTHORITIES {
        let port = if authority.contains(':') && !authority.contains('[') {
            String::new()
        } else {
            format!(":{}", canary.port)
        };
        for url in [format!("https://{authority}{port}/"), format!("https://{authority}/x?y#z")] {
            attempts += 1;
            // What is no URL at all goes nowhere.
            let Ok(uri) = Uri::try_from(url.as_str()) else { continue };
            for sender in [&believing, &worst] {
                let error = refusal(sender, uri.clone()).await;
                assert!(matches!(error, SendError::Destination(_)), "{url}: {error}");
            }
        }
    }
    for url in URLS {
        attempts += 1;
        let Ok(uri) = Uri::try_from(*url) else { continue };
        let error = refusal(&worst, uri).await;
        assert!(matches!(error, SendError::Destination(_) | SendError::Request(_)), "{url}: {error}");
    }
    for answer in ANSWERS {
        attempts += 1;
        let sender = told(Says::in_turn(&[answer]), Vec::new());
        let uri = Uri::try_from(format!("https://api.example.com:{}/", canary.port)).unwrap();
        let error = refusal(&sender, uri).await;
        assert!(matches!(error, SendError::NotPublic { .. }), "{answer:?}: {error}");
    }

    assert!(attempts >= 150, "{attempts}");
    assert_eq!(canary.seen(), 0);
    assert!(others.iter().flatten().all(|canary| canary.seen() == 0));
}

#[tokio::test]
async fn a_name_that_changes_its_address_after_the_check_is_connected_to_where_it_was_checked() {
    let canary = Canary::on("127.0.0.1", 0).await.unwrap();
    let uri = || Uri::try_from(format!("https://rebinding.example.com:{}/", canary.port)).unwrap();
    // It is looked up once: there is no second answer that could be believed. 192.0.2.0/24 is nobody's.
    let network: Network = "192.0.2.0/24".parse().unwrap();
    let sender = told(Says::in_turn(&[&["192.0.2.7"], &["127.0.0.1"]]), vec![network]);
    let error = sender.send(request(uri())).await.map(drop).unwrap_err();
    assert!(matches!(error, SendError::Late { .. } | SendError::Unconnected { .. }), "{error}");
    // The next request is looked up anew, and checked anew.
    let error = refusal(&sender, uri()).await;
    assert_eq!(
        error.to_string(),
        "rebinding.example.com has the address 127.0.0.1, which is that of this machine and not a public one"
    );
    assert_eq!(canary.seen(), 0);
}

#[tokio::test]
async fn what_an_operator_excepts_is_called_and_nothing_beside_it() {
    let canary = Canary::on("127.0.0.1", 0).await.unwrap();
    let uri = |host: &str| Uri::try_from(format!("https://{host}:{}/", canary.port)).unwrap();
    let network: Network = "127.0.0.1/32".parse().unwrap();

    let excepted = told(Says::in_turn(&[&["127.0.0.1"]]), vec![network]);
    let error = refusal(&excepted, uri("api.example.com")).await;
    assert!(matches!(error, SendError::Unconnected { .. }), "the canary speaks no TLS: {error}");
    assert_eq!(canary.seen(), 1);

    for beside in ["127.0.0.2", "::ffff:127.0.0.1", "10.0.0.1"] {
        let sender = told(Says::in_turn(&[&["127.0.0.1", beside]]), vec![network]);
        assert!(matches!(refusal(&sender, uri("api.example.com")).await, SendError::NotPublic { .. }), "{beside}");
    }
    let place: Place = "127.0.0.1".parse().unwrap();
    let hosts = HashMap::from([("API.example.com".to_owned(), place)]);
    let resolver = Says::in_turn(&[&["127.0.0.1"]]);
    let sender = Sender::new(Options { hosts, resolver, ..Options::default() }).unwrap();
    assert!(matches!(refusal(&sender, uri("api.example.com")).await, SendError::Unconnected { .. }));
    assert_eq!(canary.seen(), 2);
    for other in ["www.api.example.com", "example.com", "api.example.org"] {
        assert!(matches!(refusal(&sender, uri(other)).await, SendError::NotPublic { .. }), "{other}");
    }
    assert_eq!(canary.seen(), 2);
}

#[tokio::test]
async fn nobody_is_told_of_a_host_that_is_not_there() {
    let sender = told(Says::in_turn(&[&[]]), Vec::new());
    let error = refusal(&sender, Uri::from_static("https://api.example.com/")).await;
    assert_eq!(error.to_string(), "no address of api.example.com was found");
}

#[test]
fn a_header_ends_where_it_ends() {
    for value in ["a\r\nHost: 127.0.0.1", "a\nb", "a\rb", "a\0b"] {
        assert!(HeaderValue::from_str(value).is_err(), "{value:?}");
    }
}

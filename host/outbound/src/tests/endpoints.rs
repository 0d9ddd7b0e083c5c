use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};

use super::listener::{Endpoint, Script};
use crate::limits::{MAX_ANSWER_BYTES, MAX_HEADERS, MAX_REQUEST_BYTES};
use crate::{Answer, SendError, Sender};

const URL: &str = "https://api.example.com/v1/users?q=1";

fn get() -> Request<Empty<Bytes>> {
    Request::get(URL).body(Empty::new()).unwrap()
}

async fn whole(sender: &Sender) -> Result<Vec<u8>, String> {
    let answer: Response<Answer> = sender.send(get()).await.map_err(|error| error.to_string())?;
    let body = answer.into_body().collect().await.map_err(|error: SendError| error.to_string())?;
    Ok(body.to_bytes().to_vec())
}

fn says(text: &str) -> Script {
    Script::Says(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_request_arrives_as_it_was_meant_and_its_answer_comes_back() {
    let endpoint = Endpoint::start(says("HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok")).await;
    let request = Request::post(URL)
        .header("authorization", "Bearer hunter22")
        .header("host", "elsewhere.example")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("proxy-authorization", "Basic x")
        .header("transfer-encoding", "chunked")
        .header("content-length", "5")
        .body(Full::new(Bytes::from("hello")))
        .unwrap();

    let answer = endpoint.sender().send(request).await.unwrap();

    assert_eq!((answer.status().as_u16(), answer.headers()["x-a"].to_str().unwrap()), (201, "b"));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    let heard = endpoint.heard();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "POST /v1/users?q=1 HTTP/1.1\r\nauthorization: Bearer hunter22\r\ncontent-length: 5\r\nhost: api.example.com\r\n\
         connection: close\r\nuser-agent: muster/{version}\r\n\r\nhello"
    );
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&heard[0]), sorted(&expected), "{heard:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let endpoint =
        Endpoint::start(says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n")).await;
    let answer = endpoint.sender().send(get()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    assert_eq!(endpoint.heard().len(), 1);
}

#[tokio::test]
async fn each_endpoint_that_means_no_good_is_one_sentence() {
    let flood = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Flood: y\r\n".repeat(count));
    let large = format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\n\r\n", "y".repeat(40 << 10));
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let too_many = "the answer of api.example.com has more than 32768 bytes of headers, or too many of them";
    let broken = "api.example.com did not answer as HTTP demands, or not to the end";
    let cases = [
        (Script::Stalls(Vec::new()), "api.example.com did not answer within 300 ms"),
        (Script::Stalls(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), "api.example.com did not answer within 300 ms"),
        (Script::Stalls(head.clone()), "api.example.com did not go on with its answer within 300 ms"),
        (Script::Repeats(head, vec![b'x'; 16 << 10]), "the answer of api.example.com has more than 1048576 bytes"),
        (Script::Repeats(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-Flood: y\r\n".to_vec()), too_many),
        (says(&flood(MAX_HEADERS + 1)), too_many),
        (says(&large), too_many),
        (says(""), broken),
        (says("hello"), broken),
        (says("SSH-2.0-OpenSSH\r\n\r\n"), broken),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), broken),
        (says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), broken),
        (says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), broken),
    ];
    for (number, (script, sentence)) in cases.into_iter().enumerate() {
        let endpoint = Endpoint::start(script).await;
        assert_eq!(whole(&endpoint.sender()).await, Err(sentence.to_owned()), "case {number}");
    }
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_it_may_be() {
    let mut bytes = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    bytes.extend(vec![b'x'; MAX_ANSWER_BYTES]);
    let endpoint = Endpoint::start(Script::Says(bytes)).await;
    assert_eq!(whole(&endpoint.sender()).await.unwrap().len(), MAX_ANSWER_BYTES);

    let flood = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Flood: y\r\n".repeat(MAX_HEADERS));
    let endpoint = Endpoint::start(says(&flood)).await;
    assert_eq!(endpoint.sender().send(get()).await.unwrap().headers().len(), MAX_HEADERS);
}

#[tokio::test]
async fn a_certificate_that_is_not_its_own_is_one_sentence() {
    let other = Endpoint::start_for("other.example.com", says("HTTP/1.1 200 OK\r\n\r\n")).await;
    let told = whole(&other.sender()).await.unwrap_err();
    assert_eq!(told, "the certificate of api.example.com is refused: it is for another name");

    let mut mistaken = Endpoint::start(says("HTTP/1.1 200 OK\r\n\r\n")).await;
    mistaken.authorities = other.authorities.clone();
    let told = whole(&mistaken.sender()).await.unwrap_err();
    assert_eq!(told, "the certificate of api.example.com is refused: nobody whom this machine trusts has signed it");
    assert!(other.heard().is_empty() && mistaken.heard().is_empty(), "nothing was sent to either");
}

#[tokio::test]
async fn a_request_has_its_limits() {
    let endpoint = Endpoint::start(says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let sender = endpoint.sender();
    let send = |request: Request<Full<Bytes>>| {
        let sender = sender.clone();
        async move { sender.send(request).await.map(|answer| answer.status().as_u16()).map_err(|error| error.to_string()) }
    };
    let body = |bytes: usize| Request::post(URL).body(Full::new(Bytes::from(vec![b'x'; bytes]))).unwrap();
    assert_eq!(send(body(MAX_REQUEST_BYTES)).await, Ok(200));
    let told = "the request cannot be sent: its body has more than 1048576 bytes";
    assert_eq!(send(body(MAX_REQUEST_BYTES + 1)).await.unwrap_err(), told);

    let headers = |count: usize, bytes: usize| {
        let mut request = Request::get(URL);
        for number in 0..count {
            request = request.header(format!("x-{number}"), "y".repeat(bytes));
        }
        request.body(Full::default()).unwrap()
    };
    assert_eq!(send(headers(MAX_HEADERS - 3, 1)).await, Ok(200));
    let told = "the request cannot be sent: it has more than 100 headers";
    assert_eq!(send(headers(MAX_HEADERS, 1)).await.unwrap_err(), told);
    let told = "the request cannot be sent: its headers have more than 32768 bytes";
    assert_eq!(send(headers(2, 20 << 10)).await.unwrap_err(), told);
    let long = format!("https://api.example.com/{}", "x".repeat(8 << 10));
    let told = "the request cannot be sent: its path and query are longer than 8192 bytes";
    assert_eq!(send(Request::get(long).body(Full::default()).unwrap()).await.unwrap_err(), told);
    for method in ["CONNECT", "TRACE"] {
        let request = Request::builder().method(method).uri(URL).body(Full::default()).unwrap();
        assert_eq!(send(request).await.unwrap_err(), format!("the request cannot be sent: its method is {method}"));
    }
}

//! A request through `wasi:http`, from its head to the end of its answer.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

use crate::http::{HttpError, Request, Response};

/// What one write to a stream takes.
const CHUNK_BYTES: usize = 4 << 10;
const READ_BYTES: u64 = 64 << 10;

pub(crate) fn send(request: &Request) -> Result<Response, HttpError> {
    let outgoing = outgoing(request)?;
    let body = if request.body.is_empty() { None } else { Some(outgoing.body().map_err(|()| broken())?) };
    let coming = handle(outgoing, None).map_err(|code| told(&code))?;
    if let Some(body) = body {
        // Whoever refuses the request stops to read it: why, stands in the answer.
        let _ = write(body, &request.body);
    }
    loop {
        if let Some(answer) = coming.get() {
            return read(&answer.map_err(|()| broken())?.map_err(|code| told(&code))?);
        }
        coming.subscribe().block();
    }
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, HttpError> {
    let (scheme, rest) = request.url.split_once("://").ok_or_else(|| invalid("URL"))?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(at);
    let headers = Fields::new();
    for (name, value) in &request.headers {
        headers.append(name, value.as_bytes()).map_err(|_| invalid("header"))?;
    }
    if !request.body.is_empty() {
        let length = request.body.len().to_string();
        headers.append("content-length", length.as_bytes()).map_err(|_| invalid("header"))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    outgoing.set_method(&method(&request.method)).map_err(|()| invalid("method"))?;
    let scheme = if scheme.eq_ignore_ascii_case("https") { Scheme::Https } else { Scheme::Other(scheme.to_owned()) };
    outgoing.set_scheme(Some(&scheme)).map_err(|()| invalid("URL"))?;
    outgoing.set_authority(Some(authority)).map_err(|()| invalid("URL"))?;
    outgoing.set_path_with_query(Some(if target.is_empty() { "/" } else { target })).map_err(|()| invalid("URL"))?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), HttpError> {
    {
        let stream = body.write().map_err(|()| broken())?;
        for chunk in bytes.chunks(CHUNK_BYTES) {
            stream.blocking_write_and_flush(chunk).map_err(|_| broken())?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| told(&code))
}

fn read(answer: &IncomingResponse) -> Result<Response, HttpError> {
    let status = answer.status();
    let text =
        |(name, value): (String, Vec<u8>)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned());
    let headers = answer.headers().entries().into_iter().map(text).collect();
    let incoming = answer.consume().map_err(|()| broken())?;
    let stream = incoming.stream().map_err(|()| broken())?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) => body.extend(bytes),
            Err(StreamError::Closed) => return Ok(Response { status, headers, body }),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasip2::http::types::http_error_code(&error);
                return Err(code.map_or_else(broken, |code| told(&code)));
            }
        }
    }
}

fn told(code: &ErrorCode) -> HttpError {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::HttpProtocolError => HttpError::Denied,
        ErrorCode::ConnectionTimeout | ErrorCode::HttpResponseTimeout => HttpError::Late,
        ErrorCode::DestinationUnavailable => HttpError::Failed("the host could not be reached".to_owned()),
        ErrorCode::TlsCertificateError => HttpError::Failed("the host's certificate is not valid".to_owned()),
        ErrorCode::HttpResponseBodySize(_) => HttpError::Failed("the answer is too large".to_owned()),
        ErrorCode::HttpResponseIncomplete => HttpError::Failed("the answer is not whole".to_owned()),
        _ => broken(),
    }
}

fn invalid(what: &str) -> HttpError {
    HttpError::Failed(format!("the {what} is none that can be sent"))
}

fn broken() -> HttpError {
    HttpError::Failed("the request failed".to_owned())
}

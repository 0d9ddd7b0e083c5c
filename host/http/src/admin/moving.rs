use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::{Body as AnswerBody, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use muster_service::{ImportView, MAX_LOAD_BYTES, NewExport, NewImport};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncSeekExt as _, ReadBuf};

use super::{Body, Operator, Path, Query};
use crate::Wire;
use crate::error::Problem;

/// Begins to export; the answer names the job that does it.
pub(crate) async fn export(
    State(wire): State<Wire>,
    _: Operator,
    Body(new): Body<NewExport>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let job = wire.service.begin_export(new).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": job }))))
}

/// The exports that wait to be fetched.
pub(crate) async fn exports(State(wire): State<Wire>, _: Operator) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "exports": wire.service.list_exports().await? })))
}

/// Deletes an export.
pub(crate) async fn delete_export(
    State(wire): State<Wire>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    wire.service.delete_export(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The file of an export, or a part of it: a download that broke off goes on where it was (RFC 9110 §14).
pub(crate) async fn content(
    State(wire): State<Wire>,
    _: Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (file, length) = wire.service.open_export(&id)?;
    let wanted = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).and_then(range);
    let (from, to) = match wanted {
        None => (0, length),
        Some((from, _)) if from >= length => return Ok(not_satisfiable(length)),
        Some((from, last)) => (from, last.map_or(length, |last| length.min(last.saturating_add(1)))),
    };
    let mut file = File::from_std(file);
    file.seek(std::io::SeekFrom::Start(from)).await.map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("the export cannot be read: {error}"))
    })?;
    let mut response = Response::new(AnswerBody::new(FileBody { file, left: to - from }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if wanted.is_some() {
        let told = format!("bytes {from}-{}/{length}", to - 1);
        headers.extend(HeaderValue::try_from(told).ok().map(|told| (header::CONTENT_RANGE, told)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The first and, if it is told, the last byte of `bytes=7-` or `bytes=7-9`. Of other forms the whole is answered, as RFC 9110 §14.2 allows.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    match last {
        "" => Some((first, None)),
        last => last.parse().ok().filter(|last| *last >= first).map(|last| (first, Some(last))),
    }
}

fn not_satisfiable(length: u64) -> Response {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let told = HeaderValue::try_from(format!("bytes */{length}"));
    response.headers_mut().extend(told.ok().map(|told| (header::CONTENT_RANGE, told)));
    response
}

/// How much of a file is read at once, in bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// A part of a file, read as it is sent.
struct FileBody {
    file: File,
    left: u64,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        if size == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = vec![0; size];
        let mut buffer = ReadBuf::new(&mut chunk);
        match Pin::new(&mut self.file).poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().len();
                if read == 0 {
                    return Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into())));
                }
                chunk.truncate(read);
                self.left -= u64::try_from(read).unwrap_or(u64::MAX).min(self.left);
                Poll::Ready(Some(Ok(Frame::data(Bytes::from(chunk)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Begins an import, or says how far it is.
pub(crate) async fn import(
    State(wire): State<Wire>,
    _: Operator,
    Body(new): Body<NewImport>,
) -> Result<Json<ImportView>, Problem> {
    Ok(Json(wire.service.begin_import(new).await?))
}

/// The imports that are not finished.
pub(crate) async fn imports(State(wire): State<Wire>, _: Operator) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "imports": wire.service.list_imports().await? })))
}

/// How far an import is.
pub(crate) async fn show_import(
    State(wire): State<Wire>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Json<ImportView>, Problem> {
    Ok(Json(wire.service.show_import(&id).await?))
}

/// Where lines belong.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    /// The number of the first of them; the first item of an import is 0.
    from: u64,
}

/// Takes the next lines of an import.
pub(crate) async fn load(
    State(wire): State<Wire>,
    _: Operator,
    Path(id): Path<String>,
    Query(place): Query<Place>,
    request: Request,
) -> Result<Json<ImportView>, Problem> {
    let lines = axum::body::to_bytes(request.into_body(), MAX_LOAD_BYTES).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {MAX_LOAD_BYTES} bytes"))
    })?;
    Ok(Json(wire.service.load_import(&id, place.from, lines).await?))
}

/// Has what was brought checked and served; the answer names the job that does it.
pub(crate) async fn finish(
    State(wire): State<Wire>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let job = wire.service.finish_import(&id).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": job }))))
}

/// Takes back what was brought; the answer names the job that does it.
pub(crate) async fn abandon(
    State(wire): State<Wire>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let job = wire.service.abandon_import(&id).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": job }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_that_says_where_it_begins() {
        assert_eq!(range("bytes=7-"), Some((7, None)));
        assert_eq!(range("bytes=7-9"), Some((7, Some(9))));
        for other in ["bytes=-7", "bytes=9-7", "bytes=1-2,4-5", "lines=1-", "bytes=", "bytes=a-"] {
            assert_eq!(range(other), None, "{other}");
        }
    }
}

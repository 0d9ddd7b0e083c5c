//! What operators and the vendor's product were refused, in the log: a line for each.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use tracing::Instrument as _;

use crate::edge::{REQUEST_ID, RequestIds, label};
use crate::error::Logged;

/// Gives a request its id, and logs that it was refused: by its route, since the path can hold anything. `surface` is what it came to.
pub(crate) async fn told(surface: &'static str, ids: Arc<RequestIds>, mut request: Request, next: Next) -> Response {
    let id = ids.next();
    request.extensions_mut().insert(id.clone());
    let method = label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("asked", surface, request.id = %id);
    let mut response = next.run(request).instrument(span).await;
    if response.status().is_client_error() {
        let route = route.as_ref().map_or("none", MatchedPath::as_str);
        let detail = response.extensions_mut().remove::<Logged>().map(|Logged(detail)| detail);
        tracing::info!(
            request.id = %id, http.status = response.status().as_u16(), http.method = method, http.route = route,
            error = detail, "{surface} request refused"
        );
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use http::StatusCode;
    use muster_service::AdminError;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::error::Problem;

    /// Collects what is logged on this thread.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn refuse(axum::extract::Path(kind): axum::extract::Path<String>) -> Problem {
        let planted = || "hunter2".to_owned();
        match kind.as_str() {
            "invalid-hunter2" => AdminError::Invalid(planted()).into(),
            "wrong" => AdminError::Wrong("limit is at least 1".to_owned()).into(),
            "missing" => AdminError::NotFound(planted()).into(),
            "body" => Problem::quoting(StatusCode::BAD_REQUEST, planted()),
            "revision" => AdminError::Revision { expected: 1, actual: 2 }.into(),
            _ => Problem::new(StatusCode::UNAUTHORIZED, "the admin key is missing or not valid"),
        }
    }

    #[tokio::test]
    async fn each_refusal_is_a_line_in_the_log_without_what_the_request_says() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone());
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        let ids = Arc::new(RequestIds::new());
        let routes = Router::new()
            .route("/tenants/{tenant}", get(refuse))
            .route("/fine", get(async || "fine"))
            .layer(from_fn(move |request, next| told("admin", ids.clone(), request, next)));

        let mut answered = Vec::new();
        for path in ["invalid-hunter2", "wrong", "missing", "body", "revision", "key"] {
            let request = Request::get(format!("/tenants/{path}?hunter2=1")).body(Body::empty()).unwrap();
            let response = routes.clone().oneshot(request).await.unwrap();
            answered.push(response.headers()[REQUEST_ID].to_str().unwrap().to_owned());
        }
        let fine = Request::get("/fine").body(Body::empty()).unwrap();
        assert_eq!(routes.oneshot(fine).await.unwrap().status(), 200);

        let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!logged.contains("hunter2"), "{logged}");
        let logged: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected = [
            (400, None),
            (400, Some("limit is at least 1")),
            (404, None),
            (400, None),
            (409, Some("the binding is at revision 2, not at 1")),
            (401, Some("the admin key is missing or not valid")),
        ];
        assert_eq!(logged.len(), expected.len(), "{logged:?}");
        for ((line, (status, error)), id) in logged.iter().zip(expected).zip(answered) {
            assert_eq!(line["message"], "admin request refused");
            assert_eq!((&line["http.method"], &line["http.route"]), (&"GET".into(), &"/tenants/{tenant}".into()));
            assert_eq!((&line["http.status"], &line["request.id"]), (&status.into(), &id.into()));
            assert_eq!(line.get("error").and_then(Value::as_str), error);
        }
    }
}

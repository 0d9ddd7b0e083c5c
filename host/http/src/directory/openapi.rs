use super::{Directory, Told};
use crate::error::Problem;

/// What there is, as `OpenAPI` 3.1 has it.
const DOCUMENT: &str = include_str!("openapi.json");

/// Describes the directory API.
pub(crate) async fn describe(_: Directory) -> Result<Told, Problem> {
    let document = serde_json::from_str(DOCUMENT);
    let unreadable = |_| Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, "the description cannot be read");
    Ok(Told(document.map_err(unreadable)?, None))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::directory::routes;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let is_method = |name: &str| ["get", "put", "post", "patch", "delete"].contains(&name);
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|name| is_method(name)) {
                described.insert((path.clone(), method.to_uppercase()));
            }
        }
        let served: BTreeSet<_> = routes()
            .iter()
            .flat_map(|(path, methods, _)| methods.split(' ').map(|method| ((*path).to_owned(), method.to_owned())))
            .collect();
        assert_eq!(described, served);
    }

    #[test]
    fn every_write_is_described_with_what_any_write_can_be_answered() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut writes = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let of = format!("{method} {path}");
                let parameters = operation["parameters"].to_string();
                let is_write = method != "get";
                assert_eq!(parameters.contains("idempotencyKey"), is_write, "{of}");
                assert_eq!(parameters.contains("ifMatch"), parameters.contains("ifNoneMatch"), "{of}");
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.contains_key("401") && (path == "/openapi.json" || responses.contains_key("400")));
                if !is_write {
                    continue;
                }
                writes += 1;
                assert!(responses.contains_key("413") && responses.contains_key("422"), "{of}");
                for (status, response) in responses {
                    let response = match response["$ref"].as_str() {
                        Some(place) => document.pointer(place.trim_start_matches('#')).unwrap(),
                        None => response,
                    };
                    assert!(response["headers"]["Idempotent-Replayed"].is_object(), "{of} {status}");
                    let is_refused = !status.starts_with('2');
                    assert_eq!(response["headers"]["Retry-After"].is_object(), is_refused, "{of} {status}");
                }
            }
        }
        assert_eq!(writes, 7);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut left = vec![&document];
        let mut references = 0;
        while let Some(value) = left.pop() {
            if let Some(place) = value.get("$ref").and_then(Value::as_str) {
                references += 1;
                assert!(document.pointer(place.trim_start_matches('#')).is_some(), "{place}");
            }
            left.extend(value.as_object().into_iter().flat_map(|map| map.values()));
            left.extend(value.as_array().into_iter().flatten());
        }
        assert!(references > 20, "{references}");
    }
}

//! The description by OpenAPI 3.1, made of the [`operations`](super::operations) and the schemas beside it.

use std::sync::LazyLock;

use bytes::Bytes;
use holdfast_policy::{Permit, PortalAsset};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value, json};

use super::super::Answer;
use super::operations::OPERATIONS;
use super::table::{Operation, Paged, Who};
use crate::body::Body;

/// The parts that are no operations.
const FRAME: &str = include_str!("frame.json");

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());

/// Serves it.
pub(super) fn answer(permit: Permit<PortalAsset>) -> Answer {
    let holdfast_policy::Portal = permit.into_resource();
    let mut response = Response::new(Body::Bytes(DOCUMENT.clone()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

fn document() -> Value {
    let mut document: Value = serde_json::from_str(FRAME).unwrap_or_default();
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            if !path.contains_key("parameters") && operation.path.contains('{') {
                path.insert("parameters".to_owned(), open(operation.path));
            }
            path.insert(operation.method.to_ascii_lowercase(), described(operation));
        }
    }
    if let Some(document) = document.as_object_mut() {
        document.insert("paths".to_owned(), Value::Object(paths));
    }
    document
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// The open places of an address.
fn open(path: &str) -> Value {
    let names = path
        .split('/')
        .filter_map(|name| name.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| reference("parameters", name)).collect()
}

fn described(operation: &Operation) -> Value {
    let mut all = json!({
        "operationId": format!("{:?}", operation.act).replace(['(', ')'], ""),
        "summary": operation.summary,
        "responses": responses(operation),
        "security": security(operation),
    });
    let Some(map) = all.as_object_mut() else {
        return all;
    };
    if operation.fresh {
        let why = "Asks for a proof of the last five minutes.";
        map.insert("description".to_owned(), why.into());
    }
    if let Some(by) = operation.paged {
        let after = match by {
            Paged::Person => "afterPerson",
            Paged::Number => "afterNumber",
            Paged::Role => "afterRole",
        };
        let both = [after, "limit"].map(|name| reference("parameters", name));
        map.insert("parameters".to_owned(), both.into_iter().collect());
    }
    if let Some(schema) = operation.takes {
        let content = json!({ "application/json": { "schema": reference("schemas", schema) } });
        let body = json!({ "required": true, "content": content });
        map.insert("requestBody".to_owned(), body);
    }
    all
}

/// Nothing, the session, or the session with the token and the cookie that it belongs to.
fn security(operation: &Operation) -> Value {
    match operation.who {
        Who::Anyone => json!([]),
        _ if operation.reads() => json!([{ "session": [] }]),
        _ => json!([{ "session": [], "browser": [], "token": [] }]),
    }
}

fn responses(operation: &Operation) -> Value {
    let mut all: Map<String, Value> = Map::new();
    let mut good = json!({ "description": "Done." });
    if let (Some(schema), Some(good)) = (operation.answers, good.as_object_mut()) {
        let content = json!({ "application/json": { "schema": reference("schemas", schema) } });
        good.insert("content".to_owned(), content);
    }
    all.insert(operation.status.to_string(), good);
    for status in statuses(operation) {
        let name = match status {
            401 => "unproven",
            429 => "later",
            _ => "problem",
        };
        all.insert(status.to_string(), reference("responses", name));
    }
    Value::Object(all)
}

/// By what it may be refused.
fn statuses(operation: &Operation) -> Vec<u16> {
    // What HTTP itself, the limits and the room on the disk may bring; our own failures are none that is described.
    let mut all = vec![400, 429, 503];
    if operation.who != Who::Anyone {
        all.extend([401, 403, 404, 422]);
    }
    if !operation.reads() {
        all.extend([408, 411, 413, 507]);
    }
    if operation.takes.is_some() {
        all.push(415);
    }
    if operation.conflicts {
        all.push(409);
    }
    all.sort_unstable();
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What an operation of the document says, against the table and the routes.
    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = document();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let mut methods = BTreeSet::from(["OPTIONS".to_owned()]);
            for (method, operation) in item.as_object().unwrap() {
                if method == "parameters" {
                    continue;
                }
                methods.insert(method.to_ascii_uppercase());
                let told = operation["responses"].as_object().unwrap();
                let good = told.keys().filter(|status| status.starts_with('2'));
                assert_eq!(good.count(), 1, "{method} {path}");
                described.insert((path.clone(), method.to_ascii_uppercase()));
            }
            if methods.contains("GET") {
                methods.insert("HEAD".to_owned());
            }
            let route = super::super::super::Route::find(path).unwrap();
            let known = route.methods().split(", ").map(str::to_owned).collect();
            assert_eq!(methods, known, "{path}");
        }
        let table = OPERATIONS
            .iter()
            .map(|one| (one.path.to_owned(), one.method.to_owned()));
        assert_eq!(described, table.collect());
    }

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(to)) = map.get("$ref") {
                    found.insert(to.clone());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(all) => all.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn all_that_is_named_is_there_and_all_that_is_there_is_named() {
        let document = document();
        let (mut named, mut there) = (BTreeSet::new(), BTreeSet::new());
        references(&document, &mut named);
        for kind in ["parameters", "responses", "schemas"] {
            let all = document["components"][kind].as_object().unwrap();
            there.extend(all.keys().map(|name| format!("#/components/{kind}/{name}")));
        }
        assert_eq!(named, there);
        assert!(DOCUMENT.len() < 40 << 10, "{}", DOCUMENT.len());
    }
}

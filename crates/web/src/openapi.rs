//! The API's description (OpenAPI 3.1), made from the table of routes.

use crate::routes::ROUTES;
use serde_json::{Map, Value, json};

/// The document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let in_path = route.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}'));
        let parameters: Vec<Value> = in_path
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .chain(route.query.iter().map(|name| {
                json!({ "name": name, "in": "query", "required": *name == "by", "schema": { "type": "string" } })
            }))
            .collect();
        let mut operation = json!({
            "summary": route.summary,
            "parameters": parameters,
            "responses": {
                "2XX": { "description": "Done" },
                "401": { "description": "The bearer token is missing or wrong" },
                "4XX": { "description": "Not done; \"detail\" says what to do instead" },
                "503": { "description": "The line cannot do this now" },
            },
        });
        if !route.body.is_empty() {
            let properties: Map<String, Value> = route
                .body
                .iter()
                .map(|(name, what)| ((*name).to_owned(), json!({ "description": what })))
                .collect();
            operation["requestBody"] = json!({
                "required": true,
                "content": { "application/json": { "schema": { "type": "object", "properties": properties } } },
            });
        }
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Senim", "version": env!("CARGO_PKG_VERSION"),
                  "description": "The call-handling engine of the line 111" },
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
        "security": [{ "token": [] }],
        "paths": paths,
    })
}

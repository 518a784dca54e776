//! The same contract as OpenAPI, for tools that read that: each unary method as a POST with JSON.

mod comments;
mod schema;

use std::collections::{BTreeMap, VecDeque};

use prost_reflect::{DescriptorPool, EnumDescriptor, MessageDescriptor, MethodDescriptor};
use serde_json::{Value, json};

use comments::Comments;

/// What the document says of the API as a whole.
pub struct About<'a> {
    /// Its name.
    pub title: &'a str,
    /// The version of what serves it.
    pub version: &'a str,
    /// What a reader is to know first.
    pub description: &'a str,
    /// Paths (`/package.Service/Method`) that need no credential.
    pub public: &'a [&'a str],
}

/// The document for these services (full names) of the pool. Comments of the contract are its descriptions as
/// far as the pool has them. Streams are left out: OpenAPI has no words for them.
pub fn openapi(pool: &DescriptorPool, services: &[&str], about: &About<'_>) -> Value {
    let comments = Comments::of(pool);
    let mut document = Document {
        comments: &comments,
        schemas: BTreeMap::from([(ERROR.to_owned(), error())]),
        open: VecDeque::new(),
    };
    let mut paths = BTreeMap::new();
    let mut tags = Vec::new();
    let found = pool
        .services()
        .filter(|service| services.contains(&service.full_name()));
    for service in found {
        let said = comments.of_service(&service);
        tags.push(json!({ "name": service.name(), "description": said }));
        for method in service.methods().filter(is_unary) {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let operation = document.operation(&method, about.public.contains(&path.as_str()));
            paths.insert(path, json!({ "post": operation }));
        }
    }
    document.close();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": about.version,
            "description": about.description,
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": document.schemas,
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
        "security": [{ "bearer": [] }],
    })
}

/// The schema of a failure. Names of messages have a dot before their last part; this has none.
const ERROR: &str = "Error";

fn error() -> Value {
    json!({
        "type": "object",
        "description": "Why a call failed, as Connect says it.",
        "required": ["code"],
        "properties": {
            "code": { "type": "string", "description": "The gRPC code in lower case, such as `not_found`." },
            "message": { "type": "string", "description": "A sentence to act on." },
            "details": {
                "type": "array",
                "description": "Details after google.rpc, such as ErrorInfo with the reason.",
                "items": {
                    "type": "object",
                    "required": ["type", "value"],
                    "properties": {
                        "type": { "type": "string", "description": "Full name of the message." },
                        "value": { "type": "string", "contentEncoding": "base64" },
                        "debug": { "description": "The same as JSON, for people." },
                    },
                },
            },
        },
    })
}

fn is_unary(method: &MethodDescriptor) -> bool {
    !method.is_client_streaming() && !method.is_server_streaming()
}

/// A message or an enum that is referred to.
enum Named {
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

struct Document<'a> {
    comments: &'a Comments,
    schemas: BTreeMap<String, Value>,
    /// Referred to and not described yet.
    open: VecDeque<Named>,
}

impl Document<'_> {
    fn operation(&mut self, method: &MethodDescriptor, public: bool) -> Value {
        let content = |schema: Value| json!({ "application/json": { "schema": schema } });
        let failure = json!({ "$ref": format!("#/components/schemas/{ERROR}") });
        let said = self.comments.of_method(method);
        let mut operation = json!({
            "operationId": format!("{}_{}", method.parent_service().name(), method.name()),
            "tags": [method.parent_service().name()],
            "summary": said.split_once(['.', ';']).map_or(said.as_str(), |(first, _)| first),
            "description": said,
            "requestBody": { "required": true, "content": content(self.message(&method.input())) },
            "responses": {
                "200": { "description": "Done.", "content": content(self.message(&method.output())) },
                "default": { "description": "Not done.", "content": content(failure) },
            },
        });
        if public {
            // nothing instead of what the document asks for
            operation["security"] = json!([]);
        }
        operation
    }

    /// Describes whatever was referred to, and what that refers to.
    fn close(&mut self) {
        while let Some(named) = self.open.pop_front() {
            let name = match &named {
                Named::Message(message) => message.full_name().to_owned(),
                Named::Enum(values) => values.full_name().to_owned(),
            };
            if self.schemas.contains_key(&name) {
                continue;
            }
            let schema = match named {
                Named::Message(message) => self.fields(&message),
                Named::Enum(values) => self.values(&values),
            };
            self.schemas.insert(name, schema);
        }
    }
}

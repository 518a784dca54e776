//! The contract as OpenAPI.

use connect::{About, openapi};
use serde_json::{Value, json};

use crate::sample::{LOOK, POOL, SERVICES};

fn document() -> Value {
    let about = About {
        title: "Sample",
        version: "1.2.3",
        description: "Says things back.",
        public: &[LOOK],
    };
    openapi(&POOL, SERVICES, &about)
}

#[test]
fn each_unary_method_is_a_post_with_the_contracts_comments() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], "1.2.3");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/sample.v1.SampleService/Change", LOOK]);
    let look = &document["paths"][LOOK]["post"];
    assert_eq!(look["operationId"], "SampleService_Look");
    assert_eq!(look["summary"], "Looks something up");
    assert_eq!(look["description"], "Looks something up. Changes nothing.");
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let of = |content: &Value| content["content"]["application/json"]["schema"].clone();
    assert_eq!(of(&look["requestBody"]), schema("sample.v1.LookRequest"));
    assert_eq!(
        of(&look["responses"]["200"]),
        schema("sample.v1.LookResponse")
    );
    assert_eq!(of(&look["responses"]["default"]), schema("Error"));
}

#[test]
fn a_method_needs_a_credential_unless_it_is_public() {
    let document = document();
    assert_eq!(document["security"], json!([{ "bearer": [] }]));
    assert_eq!(document["paths"][LOOK]["post"]["security"], json!([]));
    let change = &document["paths"]["/sample.v1.SampleService/Change"]["post"];
    assert!(change.get("security").is_none());
}

#[test]
fn schemas_are_what_canonical_json_is() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let request = &schemas["sample.v1.LookRequest"];
    assert_eq!(request["description"], "What to look up.");
    let name = json!({ "type": "string", "description": "Its name;\nat most 10 characters." });
    assert_eq!(request["properties"]["name"], name);
    let shade = &schemas["sample.v1.Shade"];
    assert_eq!(
        shade["enum"],
        json!(["SHADE_UNSPECIFIED", "SHADE_DARK", "SHADE_LIGHT"])
    );
    assert!(
        shade["description"]
            .as_str()
            .unwrap()
            .contains("`SHADE_DARK`: Rather.")
    );
    let fields = &schemas["sample.v1.Everything"]["properties"];
    for (field, schema) in [
        (
            "int64",
            json!({ "type": "string", "pattern": "^-?[0-9]{1,19}$" }),
        ),
        (
            "uint32",
            json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        ),
        (
            "bytes",
            json!({ "type": "string", "contentEncoding": "base64" }),
        ),
        (
            "timestamp",
            json!({ "type": "string", "format": "date-time" }),
        ),
        (
            "byNumber",
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        ),
        (
            "shades",
            json!({ "type": "array", "items": { "$ref": "#/components/schemas/sample.v1.Shade" } }),
        ),
        (
            "inner",
            json!({ "$ref": "#/components/schemas/sample.v1.Everything" }),
        ),
        (
            "wrapped",
            json!({ "type": "string", "pattern": "^-?[0-9]{1,19}$" }),
        ),
    ] {
        assert_eq!(fields[field], schema, "{field}");
    }
}

/// Whatever is referred to is there.
#[test]
fn no_reference_leads_nowhere() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let mut references = 0;
    for rest in text.split("#/components/schemas/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
        references += 1;
    }
    assert!(references > 10);
}

//! Messages as JSON Schema, as ProtoJSON writes them.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{Document, Named};

impl Document<'_> {
    /// A reference to a message's schema; messages with a form of their own in JSON are told in place.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message.full_name()) {
            return schema;
        }
        // a wrapper is its value
        if let ("google.protobuf", Some(field)) =
            (message.package_name(), message.get_field_by_name("value"))
            && message.name().ends_with("Value")
        {
            return self.kind(field.kind());
        }
        self.open.push_back(Named::Message(message.clone()));
        json!({ "$ref": format!("#/components/schemas/{}", message.full_name()) })
    }

    pub(super) fn fields(&mut self, message: &MessageDescriptor) -> Value {
        let mut properties = Map::new();
        for field in message.fields() {
            let mut schema = self.field(&field);
            let said = self.comments.of_field(&field);
            if !said.is_empty() {
                schema["description"] = said.into();
            }
            properties.insert(field.json_name().to_owned(), schema);
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        let said = self.comments.of_message(message);
        if !said.is_empty() {
            schema["description"] = said.into();
        }
        schema
    }

    pub(super) fn values(&self, values: &EnumDescriptor) -> Value {
        let mut said = self.comments.of_enum(values);
        for value in values.values() {
            let about = self.comments.of_value(&value).replace('\n', " ");
            if !about.is_empty() {
                said.push_str(&format!("\n- `{}`: {about}", value.name()));
            }
        }
        let names: Vec<String> = values.values().map(|v| v.name().to_owned()).collect();
        json!({ "type": "string", "enum": names, "description": said.trim() })
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
            let value = self.kind(entry.map_entry_value_field().kind());
            return json!({ "type": "object", "additionalProperties": value });
        }
        let one = self.kind(field.kind());
        match field.is_list() {
            true => json!({ "type": "array", "items": one }),
            false => one,
        }
    }

    fn kind(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Message(message) => self.message(&message),
            Kind::Enum(values) => {
                let name = values.full_name().to_owned();
                self.open.push_back(Named::Enum(values));
                json!({ "$ref": format!("#/components/schemas/{name}") })
            }
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Double | Kind::Float => json!({ "type": "number" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
            }
            // JavaScript's numbers would lose their last digits
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": "string", "pattern": "^-?[0-9]{1,19}$" })
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": "string", "pattern": "^[0-9]{1,20}$" })
            }
        }
    }
}

fn well_known(name: &str) -> Option<Value> {
    Some(match name {
        "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "google.protobuf.Duration" => {
            json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?s$" })
        }
        "google.protobuf.FieldMask" => json!({ "type": "string" }),
        "google.protobuf.Any" | "google.protobuf.Empty" | "google.protobuf.Struct" => {
            json!({ "type": "object" })
        }
        "google.protobuf.ListValue" => json!({ "type": "array" }),
        "google.protobuf.Value" => json!({}),
        _ => return None,
    })
}

//! What the contract's comments say.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor,
};

/// Comments by file and path in it.
pub(super) struct Comments(HashMap<String, HashMap<Vec<i32>, String>>);

impl Comments {
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        let mut files = HashMap::new();
        for file in pool.files() {
            let mut said = HashMap::new();
            let info = file.file_descriptor_proto().source_code_info.as_ref();
            for location in info.iter().flat_map(|info| &info.location) {
                let text = location.leading_comments().trim();
                if !text.is_empty() {
                    let lines: Vec<&str> = text.lines().map(str::trim).collect();
                    said.insert(location.path.clone(), lines.join("\n"));
                }
            }
            files.insert(file.name().to_owned(), said);
        }
        Self(files)
    }

    fn find(&self, file: &str, path: &[i32]) -> String {
        self.0
            .get(file)
            .and_then(|said| said.get(path))
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn of_service(&self, service: &ServiceDescriptor) -> String {
        self.find(service.parent_file().name(), service.path())
    }

    pub(super) fn of_method(&self, method: &MethodDescriptor) -> String {
        let service = method.parent_service();
        self.find(service.parent_file().name(), method.path())
    }

    pub(super) fn of_message(&self, message: &MessageDescriptor) -> String {
        self.find(message.parent_file().name(), message.path())
    }

    pub(super) fn of_field(&self, field: &FieldDescriptor) -> String {
        let message = field.parent_message();
        self.find(message.parent_file().name(), field.path())
    }

    pub(super) fn of_enum(&self, values: &EnumDescriptor) -> String {
        self.find(values.parent_file().name(), values.path())
    }

    pub(super) fn of_value(&self, value: &EnumValueDescriptor) -> String {
        let values = value.parent_enum();
        self.find(values.parent_file().name(), value.path())
    }
}

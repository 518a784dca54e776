//! Which paths are methods, and what travels through them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::method_options::IdempotencyLevel;

/// One method.
pub(crate) struct Method {
    /// What is asked.
    pub(crate) input: MessageDescriptor,
    /// What is answered.
    pub(crate) output: MessageDescriptor,
    /// Many answers.
    pub(crate) streams: bool,
    /// May be asked by GET.
    pub(crate) get: bool,
}

/// All methods by path.
pub(crate) struct Methods {
    methods: HashMap<String, Arc<Method>>,
    services: HashSet<String>,
}

/// What a path stands for.
pub(crate) enum Found {
    /// A method.
    Method(Arc<Method>),
    /// No method, though of a service that is here.
    Service,
    /// Something else.
    Nothing,
}

impl Methods {
    /// Those of these services that a Connect request can stand for; a client's stream cannot.
    pub(crate) fn of(pool: &DescriptorPool, services: &[&str]) -> Self {
        let mut methods = HashMap::new();
        let found = pool
            .services()
            .filter(|service| services.contains(&service.full_name()));
        for method in found.flat_map(|service| service.methods().collect::<Vec<_>>()) {
            if method.is_client_streaming() {
                continue;
            }
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            let safe = is_safe(&method);
            let streams = method.is_server_streaming();
            let method = Method {
                input: method.input(),
                output: method.output(),
                streams,
                get: safe && !streams,
            };
            methods.insert(path, Arc::new(method));
        }
        Self {
            methods,
            services: services.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    pub(crate) fn find(&self, path: &str) -> Found {
        if let Some(method) = self.methods.get(path) {
            return Found::Method(method.clone());
        }
        match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
            Some((service, _)) if self.services.contains(service) => Found::Service,
            _ => Found::Nothing,
        }
    }
}

/// Marked as changing nothing.
pub(crate) fn is_safe(method: &prost_reflect::MethodDescriptor) -> bool {
    method
        .method_descriptor_proto()
        .options
        .as_ref()
        .is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects)
}

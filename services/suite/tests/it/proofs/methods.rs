//! Every RPC, and where it is served.

use prost_reflect::MethodDescriptor;

/// Who serves a package's services; the feed's are served by each service that has a log.
const SERVED: [(&str, &[&str]); 6] = [
    ("messenger.bff.v1", &["bff"]),
    ("messenger.tickets.v1", &["tickets"]),
    ("messenger.conversations.v1", &["conversations"]),
    ("messenger.settings.v1", &["settings"]),
    ("messenger.notifications.v1", &["notifications"]),
    (
        "messenger.events.v1",
        &["tickets", "conversations", "settings"],
    ),
];

/// An RPC at one of the processes that serve it.
#[derive(Clone)]
pub struct Rpc {
    pub process: &'static str,
    pub method: MethodDescriptor,
}

impl Rpc {
    /// `package.Service/Method`.
    pub fn name(&self) -> String {
        super::wire::path(&self.method)[1..].to_owned()
    }
}

/// All of them.
pub fn all() -> Vec<Rpc> {
    let mut all = Vec::new();
    let pool = runtime::descriptors().unwrap();
    let services = pool.services();
    for service in services.filter(|service| service.package_name().starts_with("messenger.")) {
        let served = SERVED
            .iter()
            .find(|(package, _)| *package == service.package_name());
        let (_, processes) = served.unwrap_or_else(|| panic!("{service:?} is served by nobody"));
        for process in *processes {
            all.extend(service.methods().map(|method| Rpc { process, method }));
        }
    }
    assert!(all.len() > 70, "{}", all.len());
    all
}

//! "This contact changed", between the replicas of a service.

use async_nats::Subscriber;
use futures::StreamExt;
use types::{ContactId, WorkspaceId};

use crate::{Error, Nats};

const PREFIX: &str = "live.v1.contact.";
const ALL: &str = "live.v1.contact.*.*";

/// Hints about contacts, over core NATS where there is one; elsewhere none ever come. They carry no data and
/// may be lost: whoever gets one reads the state, and looks by itself from time to time. Cheap to clone.
#[derive(Clone)]
pub struct Hints {
    nats: Option<Nats>,
}

impl Hints {
    /// Over a connection, if there is one.
    pub fn new(nats: Option<Nats>) -> Self {
        Self { nats }
    }

    /// Tells the other replicas that this contact changed; to be called after the commit. May be lost.
    pub async fn publish(&self, workspace: &WorkspaceId, contact: &ContactId) {
        let Some(nats) = &self.nats else { return };
        // while NATS is away it would be kept, and sent when it is old
        if !nats.is_up() {
            return;
        }
        let subject = format!("{PREFIX}{workspace}.{contact}");
        if let Err(why) = nats.client().publish(subject, Vec::new().into()).await {
            tracing::debug!(%why, "others hear of it later");
        }
    }

    /// What is told from here on, by this one too.
    ///
    /// # Errors
    /// When the connection was closed for good.
    pub async fn listen(&self) -> Result<Heard, Error> {
        let hints = match &self.nats {
            Some(nats) => {
                let hints = nats.client().subscribe(ALL).await;
                Some(hints.map_err(|e| Error::new("cannot subscribe", e))?)
            }
            None => None,
        };
        Ok(Heard { hints })
    }
}

/// Hints about any contact.
pub struct Heard {
    hints: Option<Subscriber>,
}

impl Heard {
    /// The next contact that changed. Waits for ever where no hints come.
    pub async fn next(&mut self) -> (WorkspaceId, ContactId) {
        while let Some(hints) = &mut self.hints {
            match hints.next().await {
                Some(hint) => {
                    if let Some(named) = named(&hint.subject) {
                        return named;
                    }
                }
                None => self.hints = None,
            }
        }
        std::future::pending().await
    }
}

fn named(subject: &str) -> Option<(WorkspaceId, ContactId)> {
    let (workspace, contact) = subject.strip_prefix(PREFIX)?.split_once('.')?;
    let (workspace, contact) = (
        WorkspaceId::parse(workspace).ok()?,
        ContactId::parse(contact).ok()?,
    );
    Some((workspace, contact))
}

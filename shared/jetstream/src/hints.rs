//! "This contact changed", to whoever looks at it now.

use async_nats::{Client, Subscriber};
use futures::{FutureExt, StreamExt};
use tokio::{sync::watch, task::unconstrained};
use types::{ContactId, WorkspaceId};

use crate::{Error, Link, Nats};

const PREFIX: &str = "live.v1.contact.";
const ALL: &str = "live.v1.contact.*.*";

/// Hints about contacts, over core NATS. They carry no data and may be lost: whoever gets one reads the
/// state, and whoever was cut off reads it when the connection is back.
#[derive(Clone)]
pub struct ContactHints {
    nats: Nats,
}

impl ContactHints {
    /// Over a connection.
    pub fn new(nats: Nats) -> Self {
        Self { nats }
    }

    /// Tells whoever watches this contact that it changed; to be called after the commit.
    ///
    /// # Errors
    /// When NATS is away: whoever watches knows that itself.
    pub async fn publish(&self, workspace: &WorkspaceId, contact: &ContactId) -> Result<(), Error> {
        if !self.nats.is_up() {
            // it would be kept and sent when it is old
            return Err(Error::new("no hint", "NATS is away"));
        }
        let client: &Client = self.nats.client();
        client
            .publish(subject(workspace, contact), Vec::new().into())
            .await
            .map_err(|e| Error::new("no hint", e))
    }

    /// Watches a contact. Watch first, then read the state: what changes in between is told.
    ///
    /// # Errors
    /// When the connection was closed for good.
    pub async fn watch(
        &self,
        workspace: &WorkspaceId,
        contact: &ContactId,
    ) -> Result<ContactWatch, Error> {
        let link = self.nats.link();
        // as seen before the subscription: a break from here on is told
        let seen = *link.borrow();
        let client = self.nats.client();
        let hints = client.subscribe(subject(workspace, contact)).await;
        let hints = hints.map_err(|e| Error::new("cannot subscribe", e))?;
        if self.nats.is_up() {
            // Asked on the same connection, the server answers this when it has the subscription. That
            // nobody is there to answer is the answer.
            let _ = client.request(client.new_inbox(), Vec::new().into()).await;
        }
        Ok(ContactWatch {
            hints,
            link,
            seen,
            lost: !seen.up,
        })
    }
}

/// Hints between the replicas of a service, where there is a way for them; elsewhere none ever come. Cheap to
/// clone.
#[derive(Clone)]
pub struct Hints {
    contacts: Option<ContactHints>,
}

impl Hints {
    pub(crate) fn new(contacts: Option<ContactHints>) -> Self {
        Self { contacts }
    }

    /// Tells the other replicas that this contact changed; to be called after the commit. May be lost.
    pub async fn publish(&self, workspace: &WorkspaceId, contact: &ContactId) {
        if let Some(contacts) = &self.contacts
            && let Err(why) = contacts.publish(workspace, contact).await
        {
            tracing::debug!(%why, "others hear of it later");
        }
    }

    /// What the others tell from here on, and what this one tells itself.
    pub async fn listen(&self) -> Heard {
        let hints = match &self.contacts {
            Some(contacts) => contacts.nats.client().subscribe(ALL).await.ok(),
            None => None,
        };
        Heard { hints }
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

/// What a watch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// It changed, once or more often.
    Changed,
    /// No hints come now: look by yourself from time to time.
    Lost,
    /// Hints come again, and some were missed: look now.
    Back,
}

/// A watch of one contact. Hints that were not taken become one.
pub struct ContactWatch {
    hints: Subscriber,
    link: watch::Receiver<Link>,
    seen: Link,
    lost: bool,
}

impl ContactWatch {
    /// What is to be known next; `None` when the connection was closed for good.
    pub async fn next(&mut self) -> Option<Hint> {
        loop {
            let link = *self.link.borrow_and_update();
            let broke = link.breaks != self.seen.breaks;
            self.seen = link;
            if !self.lost && (broke || !link.up) {
                self.lost = true;
                return Some(Hint::Lost);
            }
            if link.up && self.lost {
                self.lost = false;
                // whatever is there is older than what is looked at now
                self.drain();
                return Some(Hint::Back);
            }
            tokio::select! {
                biased;
                changed = self.link.changed() => changed.ok()?,
                hint = self.hints.next() => {
                    hint?;
                    self.drain();
                    return Some(Hint::Changed);
                }
            }
        }
    }

    fn drain(&mut self) {
        // all of them: the runtime would call a halt after some
        while let Some(Some(_)) = unconstrained(self.hints.next()).now_or_never() {}
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

fn subject(workspace: &WorkspaceId, contact: &ContactId) -> String {
    format!("{PREFIX}{workspace}.{contact}")
}

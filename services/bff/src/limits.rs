//! How often somebody may ask: by address before it is known who asks, by contact and workspace, or teammate, after. Counts
//! live in this process: each replica has its own.

mod args;
mod keyed;

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
    time::Duration,
};

use moka::sync::Cache;
use tokio_util::sync::CancellationToken;
use types::{ContactId, WorkspaceId};

pub use args::{Counted, LimitArgs};
use keyed::Keyed;

use crate::{error::Error, proxies::Address};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two sweeps of what nobody is held up by any more.
const SWEEP: Duration = Duration::from_secs(60);
/// A write that was let in is let in again under the same request id for this long.
const AGAIN: Duration = Duration::from_secs(10 * 60);
/// So many of them are known at the most.
const ADMITTED: u64 = 100_000;

/// What somebody did too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Sessions,
    Visitors,
    Refusals,
    Misses,
    Messages,
    MessagesDaily,
    Tickets,
    Watches,
    Calls,
    Workspace,
    Console,
    Waits,
}

impl What {
    /// Its name for programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Visitors => "visitors",
            Self::Refusals => "refusals",
            Self::Misses => "misses",
            Self::Messages => "messages",
            Self::MessagesDaily => "messages_daily",
            Self::Tickets => "tickets",
            Self::Watches => "watches",
            Self::Calls => "calls",
            Self::Workspace => "workspace_calls",
            Self::Console => "console_calls",
            Self::Waits => "waits",
        }
    }

    /// The beginning of the sentence that refuses it.
    pub(crate) fn said(self) -> &'static str {
        match self {
            Self::Sessions => "too many sessions were opened from this address",
            Self::Visitors => "too many new visitors came from this address",
            Self::Refusals => "too many tokens from this address were refused",
            Self::Misses => "too much was asked for from this address that is not there",
            Self::Messages => "too many messages were sent within a minute",
            Self::MessagesDaily => "too many messages were sent within a day",
            Self::Tickets => "too many tickets were submitted",
            Self::Watches => "too many streams were opened",
            Self::Calls => "too many calls were made",
            Self::Workspace => "too many calls were made by this workspace's customers",
            Self::Console => "too many calls were made in your name",
            Self::Waits => "too many reads are waiting for a write of their own",
        }
    }
}

/// Everything that is counted.
pub(crate) struct Limits {
    addresses: Option<Addresses>,
    contacts: Option<Contacts>,
    /// Keys are hashes that nobody outside can aim at.
    hasher: RandomState,
}

struct Addresses {
    sessions: Keyed,
    visitors: Keyed,
    refusals: Keyed,
    misses: Keyed,
}

struct Contacts {
    messages: Keyed,
    messages_daily: Keyed,
    tickets: Keyed,
    watches: Keyed,
    calls: Keyed,
    workspace_calls: Keyed,
    console_calls: Keyed,
    admitted: Cache<u64, ()>,
}

impl Limits {
    pub(crate) fn new(args: &LimitArgs) -> Self {
        let addresses = || Addresses {
            sessions: Keyed::new(args.limit_sessions, MINUTE),
            visitors: Keyed::new(args.limit_visitors, HOUR),
            refusals: Keyed::new(args.limit_refusals, MINUTE),
            misses: Keyed::new(args.limit_misses, MINUTE),
        };
        let contacts = || Contacts {
            messages: Keyed::new(args.limit_messages, MINUTE),
            messages_daily: Keyed::new(args.limit_messages_daily, DAY),
            tickets: Keyed::new(args.limit_tickets, HOUR),
            watches: Keyed::new(args.limit_watches, MINUTE),
            calls: Keyed::new(args.limit_calls, MINUTE),
            workspace_calls: Keyed::new(args.limit_workspace_calls, MINUTE),
            console_calls: Keyed::new(args.limit_console_calls, MINUTE),
            admitted: Cache::builder()
                .max_capacity(ADMITTED)
                .time_to_live(AGAIN)
                .build(),
        };
        Self {
            addresses: (args.limits == Counted::All).then(addresses),
            contacts: (args.limits != Counted::Off).then(contacts),
            hasher: RandomState::new(),
        }
    }

    /// Forgets from time to time what holds nobody up any more, until told to stop.
    pub(crate) async fn sweep(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(SWEEP) => self.all().for_each(Keyed::sweep),
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Keyed> {
        let addresses = self
            .addresses
            .iter()
            .flat_map(|a| [&a.sessions, &a.visitors, &a.refusals, &a.misses]);
        let contacts = self.contacts.iter().flat_map(|c| {
            [
                &c.messages,
                &c.messages_daily,
                &c.tickets,
                &c.watches,
                &c.calls,
                &c.workspace_calls,
                &c.console_calls,
            ]
        });
        addresses.chain(contacts)
    }

    fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    /// A session is asked for; `new` when nothing in the request can be somebody already known.
    ///
    /// # Errors
    /// [`Error::TooOften`].
    pub(crate) fn session(&self, from: Address, new: bool) -> Result<(), Error> {
        let Some(limits) = &self.addresses else {
            return Ok(());
        };
        let key = self.key(from);
        limits
            .refusals
            .look(key)
            .map_err(too_often(What::Refusals))?;
        if new {
            limits
                .visitors
                .look(key)
                .map_err(too_often(What::Visitors))?;
        }
        limits
            .sessions
            .count(key)
            .map_err(too_often(What::Sessions))
    }

    /// A new visitor was made.
    pub(crate) fn visitor(&self, from: Address) {
        if let Some(limits) = &self.addresses {
            // whoever overtook another one here is answered; the next is not
            let _ = limits.visitors.count(self.key(from));
        }
    }

    /// A token or secret was refused.
    pub(crate) fn refused(&self, from: Address) {
        if let Some(limits) = &self.addresses {
            let _ = limits.refusals.count(self.key(from));
        }
    }

    /// Something is to be looked up that may not be there.
    ///
    /// # Errors
    /// [`Error::TooOften`], when too much was not.
    pub(crate) fn lookup(&self, from: Address) -> Result<(), Error> {
        match &self.addresses {
            Some(limits) => limits
                .misses
                .look(self.key(from))
                .map_err(too_often(What::Misses)),
            None => Ok(()),
        }
    }

    /// It was not there.
    pub(crate) fn missed(&self, from: Address) {
        if let Some(limits) = &self.addresses {
            let _ = limits.misses.count(self.key(from));
        }
    }

    /// A call is made, of whatever kind.
    ///
    /// # Errors
    /// [`Error::TooOften`].
    pub(crate) fn call(&self, contact: &ContactId, workspace: &WorkspaceId) -> Result<(), Error> {
        let Some(limits) = &self.contacts else {
            return Ok(());
        };
        // a contact that is held up takes nothing from its neighbours
        limits
            .calls
            .count(self.key(contact))
            .map_err(too_often(What::Calls))?;
        limits
            .workspace_calls
            .count(self.key(workspace))
            .map_err(too_often(What::Workspace))
    }

    /// A teammate's console makes a call; customers are not held up by it, nor it by them.
    ///
    /// # Errors
    /// [`Error::TooOften`].
    pub(crate) fn console(&self, teammate: &str) -> Result<(), Error> {
        match &self.contacts {
            Some(limits) => limits
                .console_calls
                .count(self.key(teammate))
                .map_err(too_often(What::Console)),
            None => Ok(()),
        }
    }

    /// A message is sent.
    ///
    /// # Errors
    /// [`Error::TooOften`].
    pub(crate) fn message(&self, contact: &ContactId, request_id: &str) -> Result<(), Error> {
        self.write(What::Messages, contact, request_id, |limits, key| {
            limits
                .messages
                .count(key)
                .map_err(too_often(What::Messages))?;
            limits
                .messages_daily
                .count(key)
                .map_err(too_often(What::MessagesDaily))
        })
    }

    /// A ticket is submitted.
    ///
    /// # Errors
    /// [`Error::TooOften`].
    pub(crate) fn ticket(&self, contact: &ContactId, request_id: &str) -> Result<(), Error> {
        self.write(What::Tickets, contact, request_id, |limits, key| {
            limits.tickets.count(key).map_err(too_often(What::Tickets))
        })
    }

    /// A watch is opened.
    ///
    /// # Errors
    /// [`Error::TooOften`].
    pub(crate) fn watch(&self, contact: &ContactId) -> Result<(), Error> {
        match &self.contacts {
            Some(limits) => limits
                .watches
                .count(self.key(contact))
                .map_err(too_often(What::Watches)),
            None => Ok(()),
        }
    }

    /// Who tries again under a request id that was let in has one effect and is counted once.
    fn write(
        &self,
        what: What,
        contact: &ContactId,
        request_id: &str,
        count: impl FnOnce(&Contacts, u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(limits) = &self.contacts else {
            return Ok(());
        };
        let key = self.key(contact);
        if request_id.is_empty() {
            return count(limits, key);
        }
        // of several at once one is counted, and the others go by its outcome
        limits
            .admitted
            .try_get_with(self.key((what.name(), contact, request_id)), || {
                count(limits, key)
            })
            .map_err(|error| Error::clone(&error))
    }
}

fn too_often(what: What) -> impl Fn(Duration) -> Error {
    move |wait| Error::TooOften { what, wait }
}

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use database::{Turn, take_turns};
use events::departed::{self, Departure};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Value};

use super::{
    InboxId, departures, one,
    records::{ConversationRecord, TicketRecord},
    sets::{CONVERSATIONS, TICKETS, VERSIONS, execute, found, upsert},
};
use crate::projection::{
    self, Changed, ConversationChanged, ConversationId, Event, Rows, TicketChanged, TicketId,
    TicketRead,
};

/// The kind of turn that rows are changed in: all who change some share it with each other, and nobody does
/// with who starts over. Otherwise what was worked out from rows that are gone would be written over those
/// told anew. Replicas of all versions have to agree on it.
pub(super) const REBUILD: i32 = 7003;

/// Takes events into the inboxes they concern, but for those of contacts who are no more, and lets the version of each grow in which the contact
/// sees a difference. Call it inside the transaction that makes the events applied.
///
/// # Errors
/// When the database fails.
pub async fn apply(
    tx: &impl ConnectionTrait,
    events: Vec<(InboxId, Event)>,
) -> Result<BTreeMap<InboxId, Changed>, DbErr> {
    let inboxes = events.iter().map(|(id, _)| id.clone()).collect();
    take_turns(tx, REBUILD, Turn::Shared, [0]).await?;
    lock(tx, &inboxes).await?;
    let gone = departures::departed(tx, &inboxes).await?;
    let there = events.into_iter().filter(|(id, _)| !gone.contains(id));
    take_in(tx, there.collect()).await
}

/// The same, of inboxes that are locked.
pub(super) async fn take_in(
    tx: &impl ConnectionTrait,
    events: Vec<(InboxId, Event)>,
) -> Result<BTreeMap<InboxId, Changed>, DbErr> {
    let touched = Touched::by(&events);
    let before = touched.load(tx).await?;
    let mut after = before.clone();
    let mut changed: BTreeMap<InboxId, Changed> = BTreeMap::new();
    for (id, event) in events {
        let rows = after.entry(id.clone()).or_default();
        let difference = projection::apply(rows, event);
        let sum = changed.entry(id).or_default();
        *sum = sum.or(difference);
    }
    save(tx, &before, &after).await?;
    changed.retain(|_, changed| changed.any());
    grow(tx, &changed).await?;
    Ok(changed)
}

/// What became of an explicit read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Marked {
    /// It is kept; whether the contact sees a difference.
    Kept(bool),
    /// The contact is no more, and nothing is kept.
    Departed(Departure),
}

/// Takes an explicit read in, and keeps it where no rebuild drops it.
///
/// # Errors
/// When the database fails.
pub async fn mark_read(
    tx: &impl ConnectionTrait,
    id: &InboxId,
    read: TicketRead,
) -> Result<Marked, DbErr> {
    take_turns(tx, REBUILD, Turn::Shared, [0]).await?;
    lock(tx, &BTreeSet::from([id.clone()])).await?;
    // whoever gives the reads to somebody else had or will have the lock: it finds this one, or is seen here
    if let Some(departure) = departed::departure(tx, &id.workspace, &id.contact).await? {
        return Ok(Marked::Departed(departure));
    }
    let [workspace, contact] = id.values();
    let revision = i64::try_from(read.up_to_revision).unwrap_or(i64::MAX);
    let values = [
        workspace,
        contact,
        read.ticket_id.as_str().into(),
        revision.into(),
    ];
    execute(tx, OWN, values).await?;
    let changed = take_in(tx, vec![(id.clone(), Event::TicketRead(read))]).await?;
    Ok(Marked::Kept(!changed.is_empty()))
}

/// Keeps an explicit read, unless a newer one is kept.
pub(super) const OWN: &str = "insert into ticket_read (workspace_id, contact_id, ticket_id, revision) \
    values ($1, $2, $3, $4) on conflict (workspace_id, contact_id, ticket_id) \
    do update set revision = excluded.revision where excluded.revision > ticket_read.revision";

/// The services whose events the rows mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Tickets.
    Tickets,
    /// Conversations.
    Conversations,
}

/// Forgets what a service told. What was read explicitly comes back from where it is owned.
///
/// # Errors
/// When the database fails.
pub async fn blank(tx: &impl ConnectionTrait, source: Source) -> Result<(), DbErr> {
    take_turns(tx, REBUILD, Turn::Alone, [0]).await?;
    let forget: &[&str] = match source {
        Source::Tickets => &[
            "update ticket_inbox set viewer_version = 0, visible = false, revision = 0, \
             notify_revision = 0, state_id = '', category = 0, number = 0, title = '', \
             conversation_id = null, create_time = 0, ticket_update_time = 0, activity_time = 0",
        ],
        Source::Conversations => &[
            "delete from conversation_inbox",
            "update ticket_inbox set frontier_revision = 0",
        ],
    };
    for sql in forget.iter().chain(&[RESTORED, NOTHING_LEFT]) {
        execute(tx, sql, []).await?;
    }
    Ok(())
}

/// The explicit reads, as they are owned; `where true` tells SQLite that no join follows.
const RESTORED: &str = "insert into ticket_inbox (workspace_id, contact_id, ticket_id, viewer_version, \
    visible, revision, notify_revision, frontier_revision, explicit_revision, state_id, category, number, \
    title, create_time, ticket_update_time, activity_time) \
    select workspace_id, contact_id, ticket_id, 0, false, 0, 0, 0, revision, '', 0, 0, '', 0, 0, 0 \
    from ticket_read where true on conflict (workspace_id, contact_id, ticket_id) \
    do update set explicit_revision = excluded.explicit_revision";

const NOTHING_LEFT: &str = "delete from ticket_inbox where viewer_version = 0 \
    and frontier_revision = 0 and explicit_revision = 0";

/// Starts a new epoch, after the one stored and after that one: every inbox read from now on is newer than any
/// read before. Returns it.
///
/// # Errors
/// When the database fails.
pub async fn begin_epoch(tx: &impl ConnectionTrait, after: u64) -> Result<u64, DbErr> {
    #[derive(FromQueryResult)]
    struct Found {
        epoch: i64,
    }
    let sql = "update projection_epoch set epoch = 1 + case when epoch < $1 then $1 else epoch end";
    let after = i64::try_from(after).unwrap_or(0);
    execute(tx, sql, [after.into()]).await?;
    let found = one::<Found>(tx, "select epoch from projection_epoch", []).await?;
    found
        .map(|found| found.epoch as u64)
        .ok_or_else(|| DbErr::RecordNotFound("projection_epoch".into()))
}

/// The rows that some events look at.
#[derive(Default)]
struct Touched {
    inboxes: BTreeSet<InboxId>,
    tickets: BTreeSet<(InboxId, TicketId)>,
    conversations: BTreeSet<(InboxId, ConversationId)>,
}

impl Touched {
    fn by(events: &[(InboxId, Event)]) -> Self {
        let mut touched = Self::default();
        for (id, event) in events {
            touched.inboxes.insert(id.clone());
            match event {
                Event::TicketChanged(TicketChanged { ticket_id, .. })
                | Event::TicketRead(TicketRead { ticket_id, .. }) => {
                    touched.tickets.insert((id.clone(), ticket_id.clone()));
                }
                Event::ConversationChanged(ConversationChanged {
                    conversation_id,
                    frontier,
                    ..
                }) => {
                    touched
                        .conversations
                        .insert((id.clone(), conversation_id.clone()));
                    let read = frontier
                        .iter()
                        .map(|(ticket_id, _)| (id.clone(), ticket_id.clone()));
                    touched.tickets.extend(read);
                }
            }
        }
        touched
    }

    async fn load(&self, tx: &impl ConnectionTrait) -> Result<BTreeMap<InboxId, Rows>, DbErr> {
        let mut inboxes: BTreeMap<InboxId, Rows> = BTreeMap::new();
        let tickets = self.tickets.iter();
        let tickets = tickets.map(|(id, ticket_id)| key(id, ticket_id.as_str()));
        for record in found::<TicketRecord, _, _>(tx, &TICKETS, tickets.collect()).await? {
            let (id, ticket_id, row) = record.parse()?;
            inboxes
                .entry(id)
                .or_default()
                .tickets
                .insert(ticket_id, row);
        }
        let conversations = self.conversations.iter();
        let conversations =
            conversations.map(|(id, conversation_id)| key(id, conversation_id.as_str()));
        let records =
            found::<ConversationRecord, _, _>(tx, &CONVERSATIONS, conversations.collect());
        for record in records.await? {
            let (id, conversation_id, told) = record.parse()?;
            inboxes
                .entry(id)
                .or_default()
                .conversations
                .insert(conversation_id, told);
        }
        Ok(inboxes)
    }
}

pub(super) fn key(id: &InboxId, of: &str) -> [Value; 3] {
    let [workspace, contact] = id.values();
    [workspace, contact, of.into()]
}

/// Takes the inboxes for this transaction, in one order for all writers: what is read of them now is
/// still so when it is written.
pub(super) async fn lock(
    tx: &impl ConnectionTrait,
    inboxes: &BTreeSet<InboxId>,
) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Sqlite {
        // whoever writes has the whole database
        return Ok(());
    }
    let rows = inboxes.iter().map(|id| {
        let [workspace, contact] = id.values();
        [workspace, contact, 0_i64.into(), 0_i64.into(), 0_i64.into()]
    });
    // a row that is there is locked, and since nothing of it is wanted to change, not written anew
    let set = "version = contact_version.version where false";
    upsert(tx, &VERSIONS, rows.collect(), set).await
}

pub(super) async fn save(
    tx: &impl ConnectionTrait,
    before: &BTreeMap<InboxId, Rows>,
    after: &BTreeMap<InboxId, Rows>,
) -> Result<(), DbErr> {
    let nothing = Rows::default();
    let (mut tickets, mut conversations) = (Vec::new(), Vec::new());
    for (id, rows) in after {
        let known = before.get(id).unwrap_or(&nothing);
        for (ticket_id, row) in &rows.tickets {
            if known.tickets.get(ticket_id) != Some(row) {
                tickets.push(TicketRecord::values(id, ticket_id, row));
            }
        }
        for (conversation_id, told) in &rows.conversations {
            if known.conversations.get(conversation_id) != Some(told) {
                conversations.push(ConversationRecord::values(id, conversation_id, told));
            }
        }
    }
    upsert(tx, &TICKETS, tickets, &TICKETS.replaced()).await?;
    upsert(tx, &CONVERSATIONS, conversations, &CONVERSATIONS.replaced()).await
}

pub(super) async fn grow(
    tx: &impl ConnectionTrait,
    changed: &BTreeMap<InboxId, Changed>,
) -> Result<(), DbErr> {
    let rows = changed.iter().map(|(id, changed)| {
        let [workspace, contact] = id.values();
        let (tickets, conversations) =
            (i64::from(changed.tickets), i64::from(changed.conversations));
        [
            workspace,
            contact,
            1_i64.into(),
            tickets.into(),
            conversations.into(),
        ]
    });
    // what is written here says which parts changed; the next version is worked out beside the old
    let part = |part: &str| {
        format!(
            "{part} = case when excluded.{part} > 0 then contact_version.version + 1 \
             else contact_version.{part} end"
        )
    };
    let set = format!(
        "version = contact_version.version + 1, {}, {}",
        part("tickets_version"),
        part("conversations_version")
    );
    upsert(tx, &VERSIONS, rows.collect(), &set).await
}

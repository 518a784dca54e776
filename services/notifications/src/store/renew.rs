//! Inboxes compared with what their owners tell, and put right where they differ.

use std::collections::{BTreeMap, BTreeSet};

use database::{Turn, take_turns};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::{
    InboxId, departures,
    records::{self, ConversationRecord, TicketRecord},
    sets::{CONVERSATIONS, READS, TICKETS, Table, execute, found},
    write::{self, REBUILD},
};
use crate::projection::{self, Changed, Event, Rows, TicketId, TicketRead, TicketRow};

/// Makes the rows of some inboxes what follows from all that is told of them and from what is owned here:
/// the explicit reads. `ahead` is the part of it that the rows may not hold yet, since it comes with the
/// feeds; what differs beyond that went wrong. Where the feeds are late it is none: then rows may lack any of it,
/// and have what it lacks, since what moved from one page of a list to one that had been read is told by a
/// feed alone. Only the inboxes that differ are written. Returns which they were. Call it inside the transaction
/// that holds the cursors of both feeds.
///
/// # Errors
/// When the database fails.
pub async fn renew(
    tx: &impl ConnectionTrait,
    inboxes: &BTreeSet<InboxId>,
    told: Vec<(InboxId, Event)>,
    ahead: Option<Vec<(InboxId, Event)>>,
) -> Result<BTreeSet<InboxId>, DbErr> {
    take_turns(tx, REBUILD, Turn::Shared, [0]).await?;
    write::lock(tx, inboxes).await?;
    // who is no more is settled elsewhere, and their owners may still have something to tell of them
    let gone = departures::departed(tx, inboxes).await?;
    let there = |(id, _): &(InboxId, Event)| !gone.contains(id);
    let stored = stored(tx, inboxes).await?;
    let mut fresh: BTreeMap<InboxId, Rows> = inboxes
        .iter()
        .map(|id| (id.clone(), Rows::default()))
        .collect();
    let told: Vec<_> = told.into_iter().filter(there).collect();
    let ahead = match ahead {
        Some(ahead) => ahead.into_iter().filter(there).collect(),
        None => {
            keep_untold(&mut fresh, &stored, &told);
            told.clone()
        }
    };
    take_in(&mut fresh, reads(tx, inboxes).await?);
    take_in(&mut fresh, told);
    let mut expected = stored.clone();
    take_in(&mut expected, ahead);
    fresh.retain(|id, rows| {
        let right = expected.get(id).is_some_and(|kept| kept.agrees_with(rows));
        !gone.contains(id) && !right
    });
    let before: BTreeMap<InboxId, Rows> = stored
        .into_iter()
        .filter(|(id, _)| fresh.contains_key(id))
        .collect();
    remove(tx, &before, &fresh).await?;
    write::save(tx, &before, &fresh).await?;
    let all = Changed {
        tickets: true,
        conversations: true,
    };
    let differed: BTreeSet<InboxId> = fresh.into_keys().collect();
    let changed = differed.iter().map(|id| (id.clone(), all)).collect();
    write::grow(tx, &changed).await?;
    Ok(differed)
}

/// Rows that nothing was told of are taken over as they are stored, and what was read in conversations that
/// nothing was told of.
fn keep_untold(
    fresh: &mut BTreeMap<InboxId, Rows>,
    stored: &BTreeMap<InboxId, Rows>,
    told: &[(InboxId, Event)],
) {
    let mut tickets = BTreeSet::new();
    let mut conversations = BTreeSet::new();
    for (id, event) in told {
        match event {
            Event::TicketChanged(told) => tickets.insert((id, &told.ticket_id)),
            Event::ConversationChanged(told) => conversations.insert((id, &told.conversation_id)),
            Event::TicketRead(_) => false,
        };
    }
    for (id, stored) in stored {
        let Some(fresh) = fresh.get_mut(id) else {
            continue;
        };
        for (conversation_id, row) in &stored.conversations {
            if !conversations.contains(&(id, conversation_id)) {
                fresh
                    .conversations
                    .insert(conversation_id.clone(), row.clone());
            }
        }
        let reads_untold = !fresh.conversations.is_empty();
        for (ticket_id, row) in &stored.tickets {
            if !tickets.contains(&(id, ticket_id)) {
                fresh.tickets.insert(ticket_id.clone(), row.clone());
            } else if reads_untold && row.frontier_revision > 0 {
                let read = TicketRow {
                    frontier_revision: row.frontier_revision,
                    ..TicketRow::default()
                };
                fresh.tickets.insert(ticket_id.clone(), read);
            }
        }
    }
}

/// Only events of inboxes that are compared.
fn take_in(inboxes: &mut BTreeMap<InboxId, Rows>, events: Vec<(InboxId, Event)>) {
    for (id, event) in events {
        if let Some(rows) = inboxes.get_mut(&id) {
            projection::apply(rows, event);
        }
    }
}

/// All rows of these inboxes; one without rows has none here too.
async fn stored(
    tx: &impl ConnectionTrait,
    inboxes: &BTreeSet<InboxId>,
) -> Result<BTreeMap<InboxId, Rows>, DbErr> {
    let mut stored: BTreeMap<InboxId, Rows> = inboxes
        .iter()
        .map(|id| (id.clone(), Rows::default()))
        .collect();
    for record in of_inboxes::<TicketRecord, _>(tx, &TICKETS, inboxes).await? {
        let (id, ticket_id, row) = record.parse()?;
        stored.entry(id).or_default().tickets.insert(ticket_id, row);
    }
    for record in of_inboxes::<ConversationRecord, _>(tx, &CONVERSATIONS, inboxes).await? {
        let (id, conversation_id, told) = record.parse()?;
        let rows = stored.entry(id).or_default();
        rows.conversations.insert(conversation_id, told);
    }
    Ok(stored)
}

#[derive(FromQueryResult)]
struct ReadRecord {
    workspace_id: String,
    contact_id: String,
    ticket_id: String,
    revision: i64,
}

async fn reads(
    tx: &impl ConnectionTrait,
    inboxes: &BTreeSet<InboxId>,
) -> Result<Vec<(InboxId, Event)>, DbErr> {
    let records = of_inboxes::<ReadRecord, _>(tx, &READS, inboxes).await?;
    let event = |record: ReadRecord| {
        let read = TicketRead {
            ticket_id: TicketId::parse(&record.ticket_id).map_err(records::damaged)?,
            up_to_revision: record.revision as u64,
        };
        let id = records::inbox_id(&record.workspace_id, &record.contact_id)?;
        Ok((id, Event::TicketRead(read)))
    };
    records.into_iter().map(event).collect()
}

async fn of_inboxes<T: FromQueryResult, const N: usize>(
    tx: &impl ConnectionTrait,
    table: &Table<N>,
    inboxes: &BTreeSet<InboxId>,
) -> Result<Vec<T>, DbErr> {
    found(tx, table, inboxes.iter().map(InboxId::values).collect()).await
}

/// Rows that nobody tells of.
async fn remove(
    tx: &impl ConnectionTrait,
    before: &BTreeMap<InboxId, Rows>,
    fresh: &BTreeMap<InboxId, Rows>,
) -> Result<(), DbErr> {
    for (id, rows) in before {
        let Some(fresh) = fresh.get(id) else { continue };
        let tickets = rows
            .tickets
            .keys()
            .filter(|id| !fresh.tickets.contains_key(id));
        for ticket_id in tickets {
            let sql = "delete from ticket_inbox where workspace_id = $1 and contact_id = $2 \
                       and ticket_id = $3";
            execute(tx, sql, write::key(id, ticket_id.as_str())).await?;
        }
        let conversations = rows.conversations.keys();
        for conversation_id in conversations.filter(|id| !fresh.conversations.contains_key(id)) {
            let sql = "delete from conversation_inbox where workspace_id = $1 and contact_id = $2 \
                       and conversation_id = $3";
            execute(tx, sql, write::key(id, conversation_id.as_str())).await?;
        }
    }
    Ok(())
}

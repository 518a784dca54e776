//! Rows of contacts who are no more.

use std::collections::BTreeSet;

use database::{Turn, take_turns};
use events::departed;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Value};

use super::{
    InboxId, Store, many, one, records,
    sets::execute,
    write::{self, OWN, REBUILD},
};
use crate::projection::{Event, TicketId, TicketRead};

/// Rows in one step at the most.
const STEP: u64 = 200;

/// Those of the inboxes whose contact is no more: nothing that is told of them is taken in any more. What a
/// visitor had is told of the user as well.
///
/// # Errors
/// When the database fails.
pub(super) async fn departed(
    tx: &impl ConnectionTrait,
    inboxes: &BTreeSet<InboxId>,
) -> Result<BTreeSet<InboxId>, DbErr> {
    let who = |id: &InboxId| (id.workspace.clone(), id.contact.clone());
    let gone = departed::among(tx, &inboxes.iter().map(who).collect()).await?;
    let id = |((workspace, contact), _)| InboxId { workspace, contact };
    Ok(gone.into_iter().map(id).collect())
}

/// Gives some of the visitor's explicit reads to the user, and returns them; fewer than a step has when these
/// were all.
///
/// # Errors
/// When the database fails.
pub async fn hand_over(
    tx: &impl ConnectionTrait,
    visitor: &InboxId,
    user: &InboxId,
) -> Result<(Vec<TicketRead>, bool), DbErr> {
    take_turns(tx, REBUILD, Turn::Shared, [0]).await?;
    write::lock(tx, &BTreeSet::from([visitor.clone(), user.clone()])).await?;
    let reads = some_reads(tx, visitor, "", STEP as usize).await?;
    for read in &reads {
        let revision = i64::try_from(read.up_to_revision).unwrap_or(i64::MAX);
        let [workspace, contact, ticket] = write::key(user, read.ticket_id.as_str());
        execute(tx, OWN, [workspace, contact, ticket, revision.into()]).await?;
        // the visitor's inbox itself goes when this is done, see `forget`
        let sql = "delete from ticket_read where workspace_id = $1 and contact_id = $2 and ticket_id = $3";
        execute(tx, sql, write::key(visitor, read.ticket_id.as_str())).await?;
    }
    let events = reads.iter().cloned().map(Event::TicketRead);
    write::take_in(tx, events.map(|event| (user.clone(), event)).collect()).await?;
    let all = reads.len() < STEP as usize;
    Ok((reads, all))
}

/// Removes some of what is kept of a contact; true when nothing is left.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &impl ConnectionTrait, id: &InboxId) -> Result<bool, DbErr> {
    take_turns(tx, REBUILD, Turn::Shared, [0]).await?;
    write::lock(tx, &BTreeSet::from([id.clone()])).await?;
    for (table, key) in [
        ("ticket_read", "ticket_id"),
        ("ticket_inbox", "ticket_id"),
        ("conversation_inbox", "conversation_id"),
    ] {
        let sql = format!(
            "delete from {table} where workspace_id = $1 and contact_id = $2 and {key} in \
             (select {key} from {table} where workspace_id = $1 and contact_id = $2 limit {STEP})"
        );
        let statement =
            sea_orm::Statement::from_sql_and_values(tx.get_database_backend(), sql, id.values());
        if tx.execute_raw(statement).await?.rows_affected() == STEP {
            return Ok(false);
        }
    }
    let sql = "delete from contact_version where workspace_id = $1 and contact_id = $2";
    execute(tx, sql, id.values()).await?;
    Ok(true)
}

impl Store {
    /// The contact's explicit reads after a ticket, in the order of their ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reads_after(
        &self,
        id: &InboxId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<TicketRead>, DbErr> {
        some_reads(&self.db.of(&id.workspace), id, after, limit).await
    }

    /// How many tickets and conversations are mirrored of a contact.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mirrored(&self, id: &InboxId) -> Result<(u64, u64), DbErr> {
        #[derive(FromQueryResult)]
        struct Found {
            tickets: i64,
            conversations: i64,
        }
        let sql = "select (select count(*) from ticket_inbox where workspace_id = $1 and contact_id = $2) \
                   as tickets, (select count(*) from conversation_inbox where workspace_id = $1 \
                   and contact_id = $2) as conversations";
        let found = one::<Found>(&self.db.of(&id.workspace), sql, id.values()).await?;
        Ok(found.map_or((0, 0), |found| {
            (found.tickets as u64, found.conversations as u64)
        }))
    }

    /// What became of a contact, and how far it is settled here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(&self, id: &InboxId) -> Result<Option<departed::Standing>, DbErr> {
        departed::standing(&self.db.of(&id.workspace), &id.workspace, &id.contact).await
    }
}

async fn some_reads(
    db: &impl ConnectionTrait,
    id: &InboxId,
    after: &str,
    limit: usize,
) -> Result<Vec<TicketRead>, DbErr> {
    #[derive(FromQueryResult)]
    struct Found {
        ticket_id: String,
        revision: i64,
    }
    let sql = "select ticket_id, revision from ticket_read where workspace_id = $1 and contact_id = $2 \
               and ticket_id > $3 order by ticket_id limit $4";
    let [workspace, contact] = id.values();
    let limit = Value::from(i64::try_from(limit).unwrap_or(i64::MAX));
    let found = many::<Found>(db, sql, [workspace, contact, after.into(), limit]).await?;
    let read = |found: Found| {
        Ok(TicketRead {
            ticket_id: TicketId::parse(&found.ticket_id).map_err(records::damaged)?,
            up_to_revision: found.revision as u64,
        })
    };
    found.into_iter().map(read).collect()
}

//! The floor under a state change: the rows it writes, by bare statements over the same driver, in one
//! transaction, on a database with the same schema and pragmas. No rules, no reads, no service.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use anyhow::Result;
use database::Database;
use jiff::SignedDuration;
use sea_orm::{ConnectionTrait, Statement, Value};
use tickets::{
    Migrator,
    import::{Import, StateCategory, import},
};
use types::{Clock, ContactId, SystemClock, WorkspaceId};

use crate::Layout;

/// Tickets that are moved in turn.
const TICKETS: i64 = 150;
/// Bytes of an event's payload and of an answer kept for its request id, as measured.
const PAYLOAD: usize = 220;
const ANSWER: usize = 420;
/// Contacts whose tickets are brought in at a time: all of a million tickets would fill the memory.
const AT_ONCE: usize = 4_000;

/// A database of its own.
pub(super) struct Bare {
    db: Database,
    next: AtomicI64,
}

impl Bare {
    pub(super) async fn open(layout: &Layout) -> Result<Self> {
        let db = Database::open::<Migrator>(&layout.database_url("bare")).await?;
        tickets(&db).await?;
        Ok(Self {
            db,
            next: AtomicI64::new(0),
        })
    }

    /// The rows of one change: ticket, history, viewer, event and answered request.
    pub(super) async fn change(&self) -> Result<()> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let (ticket, version) = (ticket_id(turn % TICKETS), turn / TICKETS + 2);
        let tx = self.db.begin().await?;
        run(
            &tx,
            "update ticket set state_id = $2, shown_state_id = $2, category = 2, revision = $3, \
             notify_revision = $3, stamp_revision = $3, version = $3, updated_at = $4 \
             where workspace_id = 'wsp' and ticket_id = $1 and version < $3",
            [
                ticket.clone().into(),
                "b".into(),
                version.into(),
                turn.into(),
            ],
        )
        .await?;
        run(
            &tx,
            "insert into ticket_history (workspace_id, ticket_id, version, kind, revision, from_state_id, \
             to_state_id, actor_id, happened_at, visible) values ('wsp', $1, $2, 2, $2, 'a', 'b', 'tea', $3, true)",
            [ticket.clone().into(), version.into(), turn.into()],
        )
        .await?;
        run(
            &tx,
            "update ticket_viewer set ticket_update_at = $2, activity_at = $2, viewer_version = $3 \
             where workspace_id = 'wsp' and ticket_id = $1 and contact_id = 'con'",
            [ticket.clone().into(), turn.into(), version.into()],
        )
        .await?;
        run(
            &tx,
            "insert into evlog (part, pos, event_id, type, aggregate_id, aggregate_version, contact_id, \
             workspace_id, occurred_at, recorded_at, traceparent, payload) values \
             (0, $1, $2, 'messenger.tickets.v1.ContactTicketChanged', $3, $4, 'con', 'wsp', $1, $1, '', $5)",
            [
                (turn + 1).into(),
                types::id::uuid().as_bytes().to_vec().into(),
                ticket.clone().into(),
                version.into(),
                vec![7_u8; PAYLOAD].into(),
            ],
        )
        .await?;
        run(
            &tx,
            "insert into answered_request (workspace_id, actor_id, request_id, body_hash, answer, answered_at) \
             values ('wsp', 'tea', $1, $2, $3, $4)",
            [
                format!("{turn}").into(),
                vec![7_u8; 32].into(),
                vec![7_u8; ANSWER].into(),
                turn.into(),
            ],
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Puts the tickets there that are moved.
pub(super) async fn tickets(db: &Database) -> Result<()> {
    let tx = db.begin().await?;
    for ticket in 0..TICKETS {
        let id = ticket_id(ticket);
        run(
            &tx,
            "insert into ticket (workspace_id, ticket_id, number, type_id, title, description, state_id, \
             shown_state_id, category, open, link_generation, shared, deleted, revision, notify_revision, \
             stamp_revision, waiting_revision, version, created_at, updated_at) values \
             ('wsp', $1, $2, 'tty', 'Ticket', '', 'a', 'a', 1, true, 1, true, false, 1, 1, 1, 0, 1, 0, 0)",
            [id.clone().into(), ticket.into()],
        )
        .await?;
        run(
            &tx,
            "insert into ticket_viewer (workspace_id, ticket_id, contact_id, requester, visible, created_at, \
             ticket_update_at, activity_at, viewer_version) values ('wsp', $1, 'con', true, true, 0, 0, 0, 1)",
            [id.into()],
        )
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn run<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> Result<()> {
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        sql,
        values,
    ))
    .await?;
    Ok(())
}

fn ticket_id(ticket: i64) -> String {
    format!("tkt_{ticket:032x}")
}

/// Fills a workspace in the database of Tickets: so many tickets for each of these contacts, nobody badged.
///
/// # Errors
/// When the database fails.
pub(super) async fn seed(
    database: &str,
    workspace: &WorkspaceId,
    owners: &[ContactId],
    each: u32,
) -> Result<()> {
    let now = SystemClock.now();
    for (part, owners) in owners.chunks(AT_ONCE).enumerate() {
        let one = |turn: u32, index: usize, owner: &ContactId| {
            let ago = i64::from(turn) * 3_600 + (part * AT_ONCE + index) as i64;
            anyhow::Ok(Import {
                workspace: workspace.clone(),
                requester: owner.clone(),
                title: format!("Imported ticket {turn}"),
                description: "It was here before.".into(),
                category: if turn.is_multiple_of(2) {
                    StateCategory::Resolved
                } else {
                    StateCategory::Submitted
                },
                created_at: now.saturating_sub(SignedDuration::from_secs(ago))?,
                notify: false,
            })
        };
        let turns = (0..each).flat_map(|turn| {
            let owners = owners.iter().enumerate();
            owners.map(move |(index, owner)| one(turn, index, owner))
        });
        let imports = turns.collect::<Result<_>>()?;
        import(database, Arc::new(SystemClock), imports).await?;
    }
    Ok(())
}

//! What a batch costs: round trips, not rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use sea_orm::{DatabaseTransaction, DbBackend, ExecResult};
use testing::on_postgres_for;

use super::*;
use crate::projection::{Category, StateId, Ticket, TicketChanged, Told};

/// A transaction whose statements are counted.
struct Counted {
    tx: DatabaseTransaction,
    statements: AtomicUsize,
}

#[async_trait::async_trait]
impl ConnectionTrait for Counted {
    fn get_database_backend(&self) -> DbBackend {
        self.tx.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.tx.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.tx.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.tx.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.tx.query_all_raw(statement).await
    }
}

#[tokio::test]
async fn a_batch_of_events_takes_no_more_round_trips_than_one_event() {
    if !on_postgres_for("round trips") {
        return;
    }
    let stored = Stored::new().await;
    let workspace = WorkspaceId::generate();
    let event = || {
        let id = InboxId {
            workspace: workspace.clone(),
            contact: ContactId::generate(),
        };
        let state = Ticket {
            visible: true,
            revision: 1,
            notify_revision: 1,
            state_id: StateId::derive(&["open"]),
            category: Category::Submitted,
            number: 1,
            title: r#"The "new" printer, \\server\1"#.into(),
            conversation_id: None,
            create_time: jiff::Timestamp::UNIX_EPOCH,
            ticket_update_time: jiff::Timestamp::UNIX_EPOCH,
            activity_time: jiff::Timestamp::UNIX_EPOCH,
        };
        let changed = TicketChanged {
            ticket_id: TicketId::derive(&[id.contact.as_str()]),
            told: Told { version: 1, state },
        };
        (id, Event::TicketChanged(changed))
    };
    let mut taken = Vec::new();
    for events in [1, 256] {
        let counted = Counted {
            tx: stored.db.begin().await.unwrap(),
            statements: AtomicUsize::new(0),
        };
        let events: Vec<_> = (0..events).map(|_| event()).collect();
        let (id, told) = events[0].clone();
        let count = events.len();
        assert_eq!(apply(&counted, events).await.unwrap().len(), count);
        counted.tx.commit().await.unwrap();
        taken.push(counted.statements.into_inner());
        let Event::TicketChanged(told) = told else {
            continue;
        };
        let rows = stored.rows(&id).await.unwrap();
        assert_eq!(rows.tickets[&told.ticket_id].told, Some(told.told));
    }
    // the turn, the lock, who is gone, the rows before and after, the versions
    assert_eq!(taken, [6, 6]);
}

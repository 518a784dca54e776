//! What the rules expect of the store, and how the database finds what it is asked for.

mod plans;
mod plans_at_size;
mod races;
mod sharing;

use std::sync::Mutex;

use database::Database;
use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use testing::Scratch;
use types::{ContactId, WorkspaceId};

use super::{Migrator, tickets, tickets::Saved};
use crate::domain::{
    Aggregate, By, Catalog, Change, ConversationId, Member, NewTicket, NewType, TicketId,
    TicketRef, TypeCategory, TypeId,
};

/// A database and a workspace in it.
struct Shelf {
    _scratch: Scratch,
    db: Database,
    workspace: WorkspaceId,
    catalog: Catalog,
}

impl Shelf {
    async fn new() -> Self {
        let scratch = Scratch::new();
        let db = scratch.database::<Migrator>("tickets").await;
        let workspace = WorkspaceId::generate();
        let mut catalog = Catalog::defaults(&workspace);
        let bug_report = NewType {
            name: "Bug report".into(),
            category: TypeCategory::BackOffice { shareable: true },
            states: Vec::new(),
            offered_to_contacts: false,
        };
        let made = catalog.design(TypeId::generate(), &bug_report);
        catalog.types.push(made.unwrap());
        Self {
            _scratch: scratch,
            db,
            workspace,
            catalog,
        }
    }

    /// A ticket that is decided upon and not saved.
    async fn new_ticket(&self, requester: &ContactId, on: Option<&ConversationId>) -> Change {
        self.new_ticket_of(0, requester, on).await
    }

    /// A back-office ticket, saved.
    async fn unshared_ticket(&self, by: &ContactId, on: Option<&ConversationId>) -> Aggregate {
        let change = self.new_ticket_of(1, by, on).await;
        assert_eq!(self.save(&change).await, Saved::Done);
        change.after
    }

    async fn new_ticket_of(
        &self,
        of: usize,
        requester: &ContactId,
        on: Option<&ConversationId>,
    ) -> Change {
        let member = member(requester);
        let number = self.number().await;
        let new = NewTicket {
            workspace: self.workspace.clone(),
            id: TicketId::generate(),
            number,
            of: &self.catalog.types[of],
            state: &self.catalog.states[0],
            requester: requester.clone(),
            title: format!("Ticket {number}"),
            description: "Line 1\nLine 2".into(),
            assignee: None,
            conversation: on.map(|on| (on.clone(), vec![member])),
            notify: true,
            created_at: minute(number as i64),
        };
        Aggregate::create(new, &by(number as i64)).unwrap()
    }

    async fn saved_ticket(&self, requester: &ContactId) -> Aggregate {
        let change = self.new_ticket(requester, None).await;
        assert_eq!(self.save(&change).await, Saved::Done);
        change.after
    }

    async fn number(&self) -> u64 {
        let tx = self.db.begin().await.unwrap();
        let number = tickets::take_numbers(&tx, &self.workspace, 1)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        number
    }

    /// Saves in a transaction of its own, which is undone unless all went well.
    async fn save(&self, change: &Change) -> Saved {
        let tx = self.db.begin().await.unwrap();
        let saved = tickets::save(&tx, change).await.unwrap();
        match saved {
            Saved::Done => tx.commit().await.unwrap(),
            _ => tx.rollback().await.unwrap(),
        }
        saved
    }

    async fn load(&self, id: &TicketId) -> Option<Aggregate> {
        let named = TicketRef::Id(id.clone());
        tickets::load(self.db.read(), &self.workspace, &named)
            .await
            .unwrap()
    }

    fn moved(&self, ticket: &Aggregate, to: usize) -> Change {
        let to = &self.catalog.states[to].id;
        let change = ticket.change_state(&self.catalog, to, true, &by(1_000));
        change.unwrap().unwrap()
    }
}

/// Somebody in a conversation where nothing was said.
fn member(contact: &ContactId) -> Member {
    Member {
        contact: contact.clone(),
        participant: true,
        deleted: false,
        last_message_at: None,
    }
}

fn minute(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    start
        .checked_add(SignedDuration::from_mins(minutes))
        .unwrap()
}

fn by(minutes: i64) -> By<'static> {
    By {
        actor: "tea_grace",
        at: minute(minutes),
    }
}

/// Passes statements on and remembers them.
struct Spy<'a, C>(&'a C, Mutex<Vec<Statement>>);

impl<'a, C: ConnectionTrait> Spy<'a, C> {
    fn on(db: &'a C) -> Self {
        Self(db, Mutex::default())
    }

    fn note(&self, statement: &Statement) {
        self.1.lock().unwrap().push(statement.clone());
    }

    fn statements(self) -> Vec<Statement> {
        self.1.into_inner().unwrap()
    }
}

#[async_trait::async_trait]
impl<C: ConnectionTrait> ConnectionTrait for Spy<'_, C> {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.note(&statement);
        self.0.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.0.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.note(&statement);
        self.0.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.note(&statement);
        self.0.query_all_raw(statement).await
    }
}

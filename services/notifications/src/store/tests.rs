//! The stored rows against the pure projection: histories decide what happens, the two must agree.

mod late;
mod rounds;
mod turns;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use testing::{Scratch, on_sqlite_for};
use tokio::runtime::Runtime;

use super::*;
use crate::{
    migration::Migrations,
    projection::{
        Changed, Event, Rows,
        tests::{
            CONTACTS,
            delivery::{Picks, all, picks},
            history::{Emitted, History, Teller, ops},
            world::live,
        },
        view,
    },
};

/// Histories a property is asked of; each takes hundreds of statements.
const CASES: u32 = 256;

struct Stored {
    _scratch: Scratch,
    db: Database,
    store: Store,
    inboxes: [InboxId; CONTACTS],
}

impl Stored {
    async fn new() -> Self {
        let scratch = Scratch::new();
        let db = scratch.database::<Migrations>("notifications").await;
        let store = Store::new(db.clone());
        Self {
            _scratch: scratch,
            db,
            store,
            inboxes: Self::strangers(),
        }
    }

    fn strangers() -> [InboxId; CONTACTS] {
        let workspace = WorkspaceId::generate();
        std::array::from_fn(|_| InboxId {
            workspace: workspace.clone(),
            contact: ContactId::generate(),
        })
    }

    /// Applies a batch as a consumer does; explicit reads come one by one, as calls.
    async fn deliver(&self, batch: &[&Emitted]) -> Result<(), DbErr> {
        let tx = self.db.begin().await?;
        let mut events = Vec::new();
        for emitted in batch {
            let id = self.inboxes[emitted.contact].clone();
            match emitted.event.clone() {
                Event::TicketRead(read) => {
                    apply(&tx, std::mem::take(&mut events)).await?;
                    let _ = mark_read(&tx, &id, read).await?;
                }
                event => events.push((id, event)),
            }
        }
        apply(&tx, events).await?;
        tx.commit().await
    }

    async fn rows(&self, id: &InboxId) -> Result<Rows, DbErr> {
        let mut rows = Rows::default();
        for table in ["ticket_inbox", "conversation_inbox"] {
            let sql = format!("select * from {table} where workspace_id = $1 and contact_id = $2");
            if table == "ticket_inbox" {
                for record in many::<TicketRecord>(self.db.read(), &sql, id.values()).await? {
                    let (_, ticket_id, row) = record.parse()?;
                    rows.tickets.insert(ticket_id, row);
                }
            } else {
                for record in many::<ConversationRecord>(self.db.read(), &sql, id.values()).await? {
                    let (_, conversation_id, told) = record.parse()?;
                    rows.conversations.insert(conversation_id, told);
                }
            }
        }
        Ok(rows)
    }
}

fn ask(property: impl AsyncFn(&Stored, &History, &Picks, &[usize]) -> Result<(), TestCaseError>) {
    let runtime = Runtime::new().unwrap();
    let mut stored = runtime.block_on(Stored::new());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Config::default()
    };
    let strategy = (ops(40), picks(), vec(1..9_usize, 1..6));
    let stored = std::cell::RefCell::new(&mut stored);
    TestRunner::new(config)
        .run(&strategy, |(ops, picks, sizes)| {
            let mut stored = stored.borrow_mut();
            stored.inboxes = Stored::strangers();
            runtime.block_on(property(&stored, &live(&ops), &picks, &sizes))
        })
        .unwrap_or_else(|broken| panic!("{broken}"));
}

fn batches<'a>(
    mut events: &'a [&'a Emitted],
    sizes: &'a [usize],
) -> impl Iterator<Item = &'a [&'a Emitted]> {
    let mut turn = 0;
    std::iter::from_fn(move || {
        let size = sizes[turn % sizes.len()].min(events.len());
        turn += 1;
        let (batch, rest) = events.split_at(size);
        events = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

fn failed(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// B1, R2, S1: what indexes answer is what all rows amount to, after every batch.
#[test]
fn what_is_read_by_index_is_what_all_rows_amount_to() {
    ask(async |stored, history, picks, sizes| {
        let mut pure: [Rows; CONTACTS] = Default::default();
        let mut versions = [Version {
            epoch: 1,
            ..Version::default()
        }; CONTACTS];
        let events = picks.any_order(picks.with_duplicates(all(history)));
        for batch in batches(&events, sizes) {
            stored.deliver(batch).await.map_err(failed)?;
            for (contact, id) in stored.inboxes.iter().enumerate() {
                let mut changed = Changed::default();
                let mut grown = 0;
                for emitted in batch.iter().filter(|emitted| emitted.contact == contact) {
                    let one = crate::projection::apply(&mut pure[contact], emitted.event.clone());
                    changed = changed.or(one);
                    grown += u64::from(one.any());
                }
                let snapshot = stored.store.inbox(id).await.map_err(failed)?;
                prop_assert_eq!(&snapshot.inbox, &view(&pure[contact]));
                let (before, now) = (versions[contact], snapshot.version);
                prop_assert_eq!(now.epoch, 1);
                prop_assert_eq!(now.version > before.version, changed.any());
                prop_assert!(now.version <= before.version + grown);
                prop_assert_eq!(now.tickets > before.tickets, changed.tickets);
                prop_assert_eq!(
                    now.conversations > before.conversations,
                    changed.conversations
                );
                prop_assert!(now.tickets.max(now.conversations) == now.version);
                versions[contact] = now;
            }
        }
        for (contact, id) in stored.inboxes.iter().enumerate() {
            prop_assert_eq!(&stored.rows(id).await.map_err(failed)?, &pure[contact]);
            let tickets: Vec<TicketId> = pure[contact].tickets.keys().cloned().collect();
            if tickets.is_empty() {
                continue;
            }
            let reads = stored
                .store
                .ticket_reads(id, &tickets)
                .await
                .map_err(failed)?;
            let right: Vec<(TicketId, u64)> = pure[contact]
                .tickets
                .iter()
                .map(|(ticket_id, row)| (ticket_id.clone(), row.read_revision()))
                .filter(|(_, revision)| *revision > 0)
                .collect();
            prop_assert_eq!(reads, right);
        }
        Ok(())
    });
}

/// A6: forgetting what one service told, or both, and being told again ends in the same rows; explicit
/// reads survive it.
#[test]
fn rows_told_again_are_the_rows_there_were() {
    ask(async |stored, history, picks, sizes| {
        let events = picks.any_order(picks.with_gaps(all(history)));
        for batch in batches(&events, sizes) {
            stored.deliver(batch).await.map_err(failed)?;
        }
        let mut before = Vec::new();
        for id in &stored.inboxes {
            before.push(stored.rows(id).await.map_err(failed)?);
        }
        for sources in [
            &[Source::Tickets][..],
            &[Source::Conversations],
            &[Source::Tickets, Source::Conversations],
        ] {
            let tx = stored.db.begin().await.map_err(failed)?;
            for source in sources {
                blank(&tx, *source).await.map_err(failed)?;
            }
            let told = |emitted: &&&Emitted| {
                let source = match emitted.teller {
                    Teller::Ticket(_) => Source::Tickets,
                    Teller::Conversation(_) => Source::Conversations,
                    Teller::Contact(_) => return false,
                };
                emitted.newest && sources.contains(&source)
            };
            let snapshot = events.iter().filter(told).map(|emitted| {
                (
                    stored.inboxes[emitted.contact].clone(),
                    emitted.event.clone(),
                )
            });
            apply(&tx, snapshot.collect()).await.map_err(failed)?;
            tx.commit().await.map_err(failed)?;
            for (id, before) in stored.inboxes.iter().zip(&before) {
                prop_assert_eq!(&stored.rows(id).await.map_err(failed)?, before);
            }
        }
        Ok(())
    });
}

/// B5: what one contact, or one workspace, is told and reads is nothing to any other.
#[test]
fn an_inbox_is_nobody_elses() {
    ask(async |stored, history, _, _| {
        let [reader, other] = &stored.inboxes;
        let stranger = InboxId {
            workspace: WorkspaceId::generate(),
            contact: reader.contact.clone(),
        };
        let unread = |emitted: &&&Emitted| emitted.contact == 1;
        let events = all(history);
        let (others, readers): (Vec<&Emitted>, Vec<&Emitted>) =
            events.iter().partition(|emitted| unread(emitted));
        stored.deliver(&others).await.map_err(failed)?;
        let before = stored.store.inbox(other).await.map_err(failed)?;
        stored.deliver(&readers).await.map_err(failed)?;
        prop_assert_eq!(stored.store.inbox(other).await.map_err(failed)?, before);
        let nothing = stored.store.inbox(&stranger).await.map_err(failed)?;
        prop_assert_eq!(nothing.inbox, Inbox::default());
        prop_assert_eq!(
            nothing.version,
            Version {
                epoch: 1,
                ..Version::default()
            }
        );
        Ok(())
    });
}

/// The cost of reading does not grow with a contact's history: every part goes by an index made for it,
/// and none sorts.
#[tokio::test]
async fn every_read_goes_by_its_index() {
    if !on_sqlite_for("plans, which Postgres makes from what tables hold") {
        return;
    }
    let stored = Stored::new().await;
    let id = stored.inboxes[0].clone();
    let [workspace, contact] = id.values();
    let values = [workspace, contact, 3_i64.into()];
    #[derive(FromQueryResult)]
    struct Step {
        detail: String,
    }
    let explained = format!("explain query plan {}", *INBOX);
    let steps: Vec<Step> = many(stored.db.read(), &explained, values).await.unwrap();
    let plan: Vec<&str> = steps.iter().map(|step| step.detail.as_str()).collect();
    for index in [
        "ticket_inbox_unread",
        "conversation_inbox_unread",
        "ticket_inbox_visible (workspace_id=? AND contact_id=?)",
        "ticket_inbox_card",
        "conversation_inbox_latest",
        "ticket_inbox_visible (workspace_id=? AND contact_id=? AND conversation_id=?)",
    ] {
        assert!(
            plan.iter().any(|step| step.contains(index)),
            "{index}: {plan:#?}"
        );
    }
    // what a subquery found is walked; a table never is
    for table in [
        "ticket_inbox",
        "conversation_inbox",
        "contact_version",
        "v",
        "l",
    ] {
        let whole = format!("SCAN {table}");
        assert!(!plan.iter().any(|step| *step == whole), "{plan:#?}");
    }
    // at most one ticket is linked to a conversation, so its order is no work
    let sorted = plan.iter().filter(|step| step.contains("ORDER BY"));
    assert!(sorted.count() <= 1, "{plan:#?}");
}

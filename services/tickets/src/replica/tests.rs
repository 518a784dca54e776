//! Starting over from what Conversations tells.

use std::sync::atomic::{AtomicU64, Ordering};

use events::{Consumer, EventLog, LocalSource, NewEvent, SnapshotPage, SnapshotSource};
use futures::future::BoxFuture;
use prost::Message;
use proto::conversations::v1::ContactConversationChanged;
use sea_orm::{ConnectionTrait, Statement};
use testing::{ManualClock, Scratch, on_postgres_for};
use types::ContactId;

use super::*;
use crate::{domain::ConversationId, store::Migrator};

/// Three hundred conversations.
struct Many(WorkspaceId);

impl SnapshotSource for Many {
    fn page(&self, _: Option<String>) -> BoxFuture<'_, Result<SnapshotPage, DbErr>> {
        let events = (0..300).map(|_| {
            let contact = ContactId::generate();
            let told = ContactConversationChanged {
                contact_id: contact.to_string(),
                conversation_id: ConversationId::generate().to_string(),
                participant: true,
                ..Default::default()
            };
            NewEvent {
                kind: "messenger.conversations.v1.ContactConversationChanged",
                aggregate_id: format!("{}/{}", told.contact_id, told.conversation_id),
                aggregate_version: 1,
                contact: Some(contact),
                workspace: self.0.clone(),
                occurred_at: 0,
                payload: told.encode_to_vec(),
            }
        });
        let page = SnapshotPage {
            events: events.collect(),
            next: None,
        };
        Box::pin(std::future::ready(Ok(page)))
    }
}

/// The replica, and the turns that its transaction holds after each page.
struct Counting(Replica, Arc<AtomicU64>);

#[async_trait::async_trait]
impl Projection for Counting {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn apply(&self, work: &mut UnitOfWork, events: &[Envelope]) -> Result<(), ApplyError> {
        self.0.apply(work, events).await?;
        let sql = "select count(*) as held from pg_locks where locktype = 'advisory' \
                   and pid = pg_backend_pid()";
        let backend = work.tx().get_database_backend();
        let row = work
            .tx()
            .query_one_raw(Statement::from_string(backend, sql));
        let held: i64 = row.await?.unwrap().try_get("", "held")?;
        self.1.fetch_max(held as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn reset(&self, work: &mut UnitOfWork) -> Result<(), DbErr> {
        self.0.reset(work).await
    }
}

/// A turn is a place in a table of the server's that all its databases share.
#[tokio::test]
async fn starting_over_takes_no_more_turns_where_there_are_more_conversations() {
    if !on_postgres_for("turns, which SQLite has no need of") {
        return;
    }
    let scratch = Scratch::new();
    let clock = Arc::new(ManualClock::new());
    let db = scratch.database::<Migrator>("tickets").await;
    let log = EventLog::open(db.clone(), NAME, clock.clone())
        .await
        .unwrap();
    let source = LocalSource::new(log.clone(), Arc::new(Many(WorkspaceId::generate())));
    let replica = Replica::new(Arc::new(Catalogs::new(db.clone())), clock);
    let most = Arc::new(AtomicU64::new(0));
    let counting = Arc::new(Counting(replica, most.clone()));
    let consumer = Consumer::new(log, "conversations", Arc::new(source), counting);
    assert!(consumer.rebuild().await.unwrap());
    let sql = "select count(*) as told from conversation_member";
    let told = Statement::from_string(db.read().get_database_backend(), sql);
    let told = db.read().query_one_raw(told).await.unwrap().unwrap();
    assert_eq!(told.try_get::<i64>("", "told").unwrap(), 300);
    assert!((1..10).contains(&most.load(Ordering::Relaxed)), "{most:?}");
}

//! Contacts who are no more: what began before it was known, and what it leaves in the log.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use database::{Database, is_passing, migration::Plumbing, requests};
use events::{
    BATCH_EVENTS, ERASED, EventLog, NewEvent, Projection, UnitOfWork,
    departed::{
        self, Departing, Departure, Departures, Leaver, LogCopies, Settlement, Survivor, is_gone,
    },
    migration::{ConsumerTables, DepartedContacts, LogTables},
    partition_of,
};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use proto::events::v1::Envelope;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use testing::{Scratch, departures, eventually, on_postgres_for};
use tokio_util::sync::CancellationToken;
use types::{ContactId, SystemClock, WorkspaceId};

struct Schema;

impl MigratorTrait for Schema {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Plumbing),
            Box::new(LogTables),
            Box::new(ConsumerTables),
            Box::new(DepartedContacts),
        ]
    }
}

struct Service {
    log: EventLog,
    workspace: WorkspaceId,
    visitor: ContactId,
    user: ContactId,
    departures: Arc<Departures>,
    _scratch: Scratch,
}

impl Service {
    async fn new() -> Self {
        let scratch = Scratch::new();
        let db: Database = scratch.database::<Schema>("service").await;
        let log = EventLog::open(db, "service", Arc::new(SystemClock)).await;
        Self {
            log: log.unwrap().guarding_departed(),
            workspace: WorkspaceId::generate(),
            visitor: ContactId::generate(),
            user: ContactId::generate(),
            departures: Arc::default(),
            _scratch: scratch,
        }
    }

    fn event(&self, contact: &ContactId, version: u64, payload: &str) -> NewEvent {
        NewEvent {
            kind: "sample.v1.ThingChanged",
            aggregate_id: format!("{contact}/thing"),
            aggregate_version: version,
            contact: Some(contact.clone()),
            workspace: self.workspace.clone(),
            occurred_at: 1,
            payload: payload.into(),
        }
    }

    async fn write(&self, contact: &ContactId, version: u64, payload: &str) -> Result<u64, DbErr> {
        let mut work = self.log.begin().await?;
        work.emit(self.event(contact, version, payload));
        Ok(work.commit().await?[0].position)
    }

    /// What Settings told arrives.
    async fn hears(&self, told: NewEvent) -> Result<(), DbErr> {
        let told = Envelope {
            r#type: told.kind.into(),
            workspace_id: told.workspace.to_string(),
            contact_id: told.contact.unwrap().to_string(),
            payload: told.payload,
            ..Default::default()
        };
        let mut work = self.log.begin().await?;
        self.departures
            .apply(&mut work, std::slice::from_ref(&told))
            .await
            .unwrap();
        work.commit().await?;
        self.departures.committed(std::slice::from_ref(&told)).await;
        Ok(())
    }

    async fn merge(&self) -> Result<(), DbErr> {
        let told = departures::merged(&self.workspace, &self.visitor, &self.user, "Ada");
        self.hears(told).await
    }

    async fn erase(&self, contact: &ContactId) -> Result<(), DbErr> {
        self.hears(departures::erased(&self.workspace, contact))
            .await
    }

    async fn departure(&self, contact: &ContactId) -> Option<Departure> {
        let db = self.log.database().read();
        departed::departure(db, &self.workspace, contact)
            .await
            .unwrap()
    }

    async fn settled(&self, contact: &ContactId) {
        let db = self.log.database().read();
        eventually("the departure is settled", async || {
            let standing = departed::standing(db, &self.workspace, contact).await;
            standing.unwrap().filter(|standing| standing.settled)
        })
        .await;
    }

    fn settle(&self, service: Arc<Steps>, copies: Option<Arc<dyn LogCopies>>) -> Settling {
        let stop = CancellationToken::new();
        let settlement = Settlement::new(self.log.clone(), &self.departures, service, copies);
        #[allow(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(settlement.run(stop.clone()));
        Settling(stop)
    }
}

struct Settling(CancellationToken);

impl Drop for Settling {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A service that needs three steps, the first of which fails twice.
#[derive(Default)]
struct Steps {
    done: AtomicUsize,
    merged: Mutex<Vec<(ContactId, ContactId)>>,
    erased: Mutex<Vec<ContactId>>,
    traced: Mutex<Option<(String, u64)>>,
}

impl Steps {
    fn step(&self) -> Result<bool, DbErr> {
        match self.done.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err(DbErr::Custom("another writer was faster".into())),
            n => Ok(n >= 4),
        }
    }
}

#[async_trait::async_trait]
impl Departing for Steps {
    async fn merge(
        &self,
        _: &mut UnitOfWork,
        visitor: &Leaver,
        user: &Survivor,
    ) -> Result<bool, DbErr> {
        let done = self.step()?;
        assert_eq!(user.name, "Ada");
        let both = (visitor.contact.clone(), user.contact.clone());
        self.merged.lock().push(both);
        Ok(done)
    }

    async fn erase(&self, work: &mut UnitOfWork, contact: &Leaver) -> Result<bool, DbErr> {
        let done = self.step()?;
        self.erased.lock().push(contact.contact.clone());
        let traced = self.traced.lock().clone();
        if let Some((aggregate, version)) = traced {
            work.trace(contact, &aggregate, version).await?;
        }
        Ok(done)
    }
}

#[tokio::test]
async fn nothing_begins_for_a_contact_who_is_no_more_and_what_is_there_goes_on() {
    let service = Service::new().await;
    service.write(&service.visitor, 1, "").await.unwrap();
    assert_eq!(service.departure(&service.visitor).await, None);
    service.merge().await.unwrap();
    let survivor = Survivor {
        contact: service.user.clone(),
        name: "Ada".into(),
    };
    let merged = Some(Departure::Merged(survivor));
    assert_eq!(service.departure(&service.visitor).await, merged);
    let refused = service.write(&service.visitor, 1, "").await.unwrap_err();
    assert!(is_gone(&refused) && !is_passing(&refused), "{refused}");
    service.write(&service.visitor, 2, "").await.unwrap();
    service.write(&service.user, 1, "").await.unwrap();
    // the user is erased: so is who became them
    service.erase(&service.user).await.unwrap();
    let gone = Some(Departure::Erased);
    assert_eq!(service.departure(&service.visitor).await, gone);
    assert_eq!(service.departure(&service.user).await, gone);
    let both = [&service.visitor, &service.user, &ContactId::generate()];
    let who = both.map(|contact| (service.workspace.clone(), contact.clone()));
    let db = service.log.database().read();
    let among = departed::among(db, &who.into()).await.unwrap();
    assert_eq!(
        among.into_values().collect::<Vec<_>>(),
        [const { Departure::Erased }; 2]
    );
}

/// Settings tells both, and a reader may be far behind with one partition.
#[tokio::test]
async fn a_merge_that_is_heard_after_its_user_was_erased_leaves_no_name() {
    let service = Service::new().await;
    let steps = || {
        Arc::new(Steps {
            // none of the steps fails
            done: AtomicUsize::new(4),
            ..Steps::default()
        })
    };
    {
        let _settling = service.settle(steps(), None);
        service.erase(&service.user).await.unwrap();
        service.settled(&service.user).await;
    }
    service.merge().await.unwrap();
    let db = service.log.database().read();
    let sql = "select survivor_name from departed_contact where survivor_name <> ''";
    let named = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql));
    assert!(named.await.unwrap().is_empty());
    // and the visitor, who is the same person, is erased
    let steps = steps();
    let _settling = service.settle(steps.clone(), None);
    service.settled(&service.visitor).await;
    assert_eq!(*steps.erased.lock(), std::slice::from_ref(&service.visitor));
}

/// A write that has begun before the merge either commits before it, or not at all.
#[tokio::test]
async fn a_write_that_has_its_place_in_the_log_is_there_before_the_merge_is_known() {
    if !on_postgres_for("two transactions that write at once") {
        return;
    }
    let service = Arc::new(Service::new().await);
    let mut first = service.log.begin().await.unwrap();
    first.emit(service.event(&service.visitor, 1, ""));
    first.append_emitted().await.unwrap();
    let mut second = service.log.begin().await.unwrap();
    second.emit(service.event(&service.visitor, 1, ""));
    let merging = {
        let service = service.clone();
        #[allow(clippy::disallowed_methods, reason = "it is awaited")]
        tokio::spawn(async move { service.merge().await })
    };
    let db = service.log.database().read();
    eventually("the merge waits", async || {
        let sql = "select 1 as one from pg_stat_activity where wait_event_type = 'Lock' \
                   and datname = current_database()";
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql));
        row.await.unwrap()
    })
    .await;
    first.commit().await.unwrap();
    merging.await.unwrap().unwrap();
    let refused = second.commit().await.unwrap_err();
    assert!(is_gone(&refused));
    let partition = partition_of(Some(&service.visitor), &service.workspace);
    let events = service.log.read(partition, 0, BATCH_EVENTS).await.unwrap();
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_departure_is_settled_step_by_step_whatever_fails_on_the_way() {
    let service = Service::new().await;
    let steps = Arc::new(Steps::default());
    let _settling = service.settle(steps.clone(), None);
    service.merge().await.unwrap();
    service.settled(&service.visitor).await;
    let merged = vec![(service.visitor.clone(), service.user.clone()); 3];
    assert_eq!(*steps.merged.lock(), merged);
    // told again, nothing is done again
    service.merge().await.unwrap();
    service.erase(&service.visitor).await.unwrap();
    service.settled(&service.visitor).await;
    assert_eq!(steps.merged.lock().len(), 3);
    assert!(steps.erased.lock().is_empty());
}

/// Copies that have not come far enough the first time.
#[derive(Default)]
struct Copies(Mutex<Vec<(usize, u64)>>);

impl LogCopies for Copies {
    fn forget(&self, partition: usize, up_to: u64) -> BoxFuture<'_, bool> {
        let mut asked = self.0.lock();
        asked.push((partition, up_to));
        let done = asked.len() > 1;
        Box::pin(std::future::ready(done))
    }
}

/// Copies that never come far enough.
struct Behind;

impl LogCopies for Behind {
    fn forget(&self, _: usize, _: u64) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }
}

#[tokio::test]
async fn a_hundred_erasures_that_wait_for_a_copy_hold_up_no_later_merge() {
    let service = Service::new().await;
    for _ in 0..100 {
        let gone = ContactId::generate();
        service.write(&gone, 1, "canary").await.unwrap();
        service.erase(&gone).await.unwrap();
    }
    service.merge().await.unwrap();
    let steps = Arc::new(Steps {
        // none of the steps fails
        done: AtomicUsize::new(4),
        ..Steps::default()
    });
    let _settling = service.settle(steps, Some(Arc::new(Behind)));
    service.settled(&service.visitor).await;
}

#[tokio::test]
async fn what_was_told_of_an_erased_person_is_emptied_and_keeps_its_place() {
    let service = Service::new().await;
    let (gone, bob) = (service.user.clone(), ContactId::generate());
    service.write(&service.visitor, 1, "canary").await.unwrap();
    service.merge().await.unwrap();
    service.write(&gone, 1, "canary").await.unwrap();
    let newest = service.write(&gone, 2, "canary").await.unwrap();
    service.write(&bob, 1, "canary preview").await.unwrap();
    service.write(&bob, 2, "clean").await.unwrap();
    let other = service.write(&ContactId::generate(), 1, "theirs").await;
    other.unwrap();
    answer(&service, gone.as_str(), "one", "canary").await;
    answer(&service, "tea_grace", "two", &format!("canary of {gone}")).await;
    answer(&service, "tea_grace", "three", "kept").await;
    let steps = Arc::new(Steps::default());
    *steps.traced.lock() = Some((format!("{bob}/thing"), 2));
    let copies = Arc::new(Copies::default());
    let before = service.log.head_cursors().await.unwrap();
    service.erase(&gone).await.unwrap();
    {
        let _settling = service.settle(steps.clone(), Some(copies.clone()));
        eventually("a copy was asked", async || {
            copies.0.lock().first().copied()
        })
        .await;
        let db = service.log.database().read();
        let standing = departed::standing(db, &service.workspace, &gone).await;
        assert!(!standing.unwrap().unwrap().settled, "a copy is still there");
    }
    let _settling = service.settle(steps, Some(copies.clone()));
    service.settled(&gone).await;
    assert_eq!(
        service.log.head_cursors().await.unwrap(),
        before,
        "the chain"
    );
    let (mut payloads, mut erased) = (Vec::new(), 0);
    for partition in 0..16 {
        for event in service.log.read(partition, 0, BATCH_EVENTS).await.unwrap() {
            erased += usize::from(event.r#type == ERASED);
            payloads.push(String::from_utf8(event.payload).unwrap());
        }
    }
    payloads.retain(|payload| !payload.is_empty());
    payloads.sort();
    assert_eq!(payloads, ["clean", "theirs"]);
    assert_eq!(erased, 4);
    // of all that was emptied there, and others may share the partition
    let of_them = partition_of(Some(&gone), &service.workspace);
    let asked = copies.0.lock().clone();
    let reaches = |(partition, up_to): &(usize, u64)| *partition == of_them && *up_to >= newest;
    assert!(
        asked.iter().any(reaches),
        "{newest} of {of_them}: {asked:?}"
    );
    let db = service.log.database().read();
    let sql = "select request_id from answered_request";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql));
    let rows = rows.await.unwrap();
    let left: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "request_id").unwrap())
        .collect();
    assert_eq!(left, ["three"]);
    let sql = "select survivor_name from departed_contact where survivor_name <> ''";
    let named = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql));
    assert!(named.await.unwrap().is_empty());
}

async fn answer(service: &Service, actor: &str, id: &str, answer: &str) {
    let tx = service.log.database().begin().await.unwrap();
    let request = requests::Request {
        workspace: &service.workspace,
        actor,
        id,
        body_hash: [0; 32],
    };
    requests::remember(&tx, &request, answer.into(), 1)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

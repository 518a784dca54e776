//! Several processes over one log. Each `EventLog` here has connections and a memory of its own, as a
//! process has.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use database::take_turns;
use events::{EventLog, EventSource, LocalSource, PARTITIONS, source::Delivery};
use futures::future::join_all;
use proto::events::v1::{Envelope, LogPosition};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::ConnectionTrait;
use testing::{
    Scratch,
    conformance::{
        SampleOwner,
        owner::{Things, change, contact_in, things, write},
        reader::{next, origin, soon},
    },
    eventually, on_postgres_for,
};
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use types::SystemClock;

const WRITERS: u64 = 8;
const TRANSACTIONS: usize = 75;
/// Between two writes that should be heard of.
const SHORTLY: Duration = Duration::from_millis(100);

async fn replica(scratch: &Scratch) -> EventLog {
    let db = scratch.database::<SampleOwner>("owner").await;
    EventLog::open(db, "sample", Arc::new(SystemClock))
        .await
        .unwrap()
}

fn source(log: &EventLog) -> LocalSource {
    LocalSource::new(log.clone(), Arc::new(Things(log.database().clone())))
}

fn place(event: &Envelope) -> (u32, u64) {
    (event.partition, event.position)
}

/// Some of their transactions stay open for a while after their events were appended, some are rolled
/// back then. Returns where the events of the others are.
async fn write_some(log: EventLog, seed: u64) -> Vec<LogPosition> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut positions = Vec::new();
    for _ in 0..TRANSACTIONS {
        // with one writer at a time, as SQLite has, a turn may be long in coming
        let mut work = eventually("a turn", async || log.begin().await.ok()).await;
        // two of the same contact now and then, and several partitions in any order
        for _ in 0..random.gen_range(1..8) {
            let contact = contact_in(random.gen_range(0..PARTITIONS), random.gen_range(0..2));
            let thing = types::id::uuid().to_string();
            change(&mut work, &contact, &thing, 8).await.unwrap();
        }
        work.append_emitted().await.unwrap();
        for _ in 0..random.gen_range(0..4) {
            work.tx().execute_unprepared("select 1").await.unwrap();
            tokio::task::yield_now().await;
        }
        if random.gen_bool(0.1) {
            work.rollback().await.unwrap();
        } else {
            positions.extend(work.commit().await.unwrap());
        }
    }
    positions
}

/// Reads behind the heads until the writers are done and everything is read: each position is the one
/// after the last, whatever was committed in whatever order.
async fn read_all(log: EventLog, done: watch::Receiver<bool>) -> Vec<Envelope> {
    let mut places = [0; PARTITIONS];
    let mut read = Vec::new();
    loop {
        let last_round = *done.borrow();
        let heads = log.refresh_heads().await.unwrap();
        let before = read.len();
        for (partition, place) in places.iter_mut().enumerate() {
            while *place < heads[partition] {
                let events = log.read(partition, *place, 256).await.unwrap();
                assert!(!events.is_empty(), "the head is ahead of what is there");
                for event in events {
                    assert_eq!(
                        event.position,
                        *place + 1,
                        "partition {partition} has a hole"
                    );
                    *place = event.position;
                    read.push(event);
                }
            }
        }
        if last_round && read.len() == before {
            return read;
        }
        tokio::task::yield_now().await;
    }
}

/// `id > cursor` over a sequence would lose half of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_skips_an_event_of_writers_that_commit_in_any_order() {
    let scratch = Scratch::new();
    let replicas = [replica(&scratch).await, replica(&scratch).await];
    let watching = replica(&scratch).await;
    let (finished, done) = watch::channel(false);
    // one that writes nothing, and one whose own commits are in its memory
    let readers =
        [watching, replicas[0].clone()].map(|log| tokio::spawn(read_all(log, done.clone())));
    let writers = (0..WRITERS).map(|writer| {
        let log = replicas[writer as usize % 2].clone();
        tokio::spawn(write_some(log, writer))
    });
    let mut committed = BTreeSet::new();
    for positions in join_all(writers.collect::<Vec<_>>()).await {
        for position in positions.unwrap() {
            let fresh = committed.insert((position.partition, position.position));
            assert!(fresh, "a place was given away twice");
        }
    }
    finished.send(true).unwrap();
    assert!(committed.len() >= 2_000, "{}", committed.len());
    let told: BTreeSet<String> = things(replicas[0].database()).await.into_keys().collect();
    for reader in readers {
        let read = soon("everything is read", reader).await.unwrap();
        let places: BTreeSet<(u32, u64)> = read.iter().map(place).collect();
        assert_eq!(places, committed);
        let of: BTreeSet<String> = read.into_iter().map(|event| event.aggregate_id).collect();
        assert_eq!(
            of, told,
            "what was rolled back is told, or something is not"
        );
    }
}

/// The next event that a stream delivers.
async fn delivered(stream: &mut events::source::Deliveries) -> Envelope {
    loop {
        match soon("an event arrives", next(stream)).await {
            Some(Ok(Delivery::Batch(mut events))) => {
                assert_eq!(events.len(), 1);
                return events.remove(0);
            }
            Some(Ok(Delivery::Heartbeat(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Whatever a replica remembers of its own commits, it tells those of the others between them.
#[tokio::test]
async fn the_feed_of_each_replica_tells_what_any_of_them_writes() {
    let scratch = Scratch::new();
    let replicas = [replica(&scratch).await, replica(&scratch).await];
    let contact = contact_in(3, 0);
    let sources = [source(&replicas[0]), source(&replicas[1])];
    let mut feeds = Vec::new();
    for source in &sources {
        feeds.push(source.subscribe(origin()).await.unwrap());
    }
    let mut last = Vec::new();
    for turn in 0..12_usize {
        // one of them now and then writes twice in a row
        let writer = &replicas[(turn / 2 + turn / 5) % 2];
        let position = write(writer, &contact, &format!("thing {turn}")).await;
        for feed in &mut feeds {
            let event = delivered(feed).await;
            assert_eq!(place(&event), (position.partition, position.position));
            assert_eq!(event.prev_event_id, last, "turn {turn}");
        }
        let log = &replicas[turn % 2];
        let stored = log.event_id_at(3, position.position).await.unwrap();
        last = stored.unwrap();
    }
}

/// A reader of `xmin` would see nothing until that transaction ends.
#[tokio::test]
async fn a_transaction_open_elsewhere_holds_up_no_reader_and_no_other_writer() {
    if !on_postgres_for("two transactions that write at once") {
        return;
    }
    let scratch = Scratch::new();
    let (log, other) = (replica(&scratch).await, replica(&scratch).await);
    // it has written, holds a partition, and does not end
    let mut open = other.begin().await.unwrap();
    change(&mut open, &contact_in(1, 0), "open", 8)
        .await
        .unwrap();
    open.append_emitted().await.unwrap();
    let mut feed = source(&log).subscribe(origin()).await.unwrap();
    for n in 0..5 {
        let thing = format!("thing {n}");
        let position = soon("nobody waits", write(&log, &contact_in(2, 0), &thing)).await;
        let event = delivered(&mut feed).await;
        assert_eq!(place(&event), (2, position.position));
    }
    // nothing of it is told before its commit, and then all of it
    assert!(log.read(1, 0, 9).await.unwrap().is_empty());
    open.commit().await.unwrap();
    assert_eq!(delivered(&mut feed).await.aggregate_id, "open");
}

/// It takes its place only once its turn has come: so a later place is never seen before an earlier one.
#[tokio::test]
async fn who_waits_for_a_partition_comes_after_the_one_that_holds_it() {
    if !on_postgres_for("two transactions that write at once") {
        return;
    }
    let scratch = Scratch::new();
    let (log, other) = (replica(&scratch).await, replica(&scratch).await);
    let contact = contact_in(1, 0);
    let mut first = log.begin().await.unwrap();
    change(&mut first, &contact, "first", 8).await.unwrap();
    first.append_emitted().await.unwrap();
    // its snapshot is older than the commit it waits for
    let mut second = other.begin().await.unwrap();
    change(&mut second, &contact, "second", 8).await.unwrap();
    let waiting = tokio::spawn(second.commit());
    let held = "select count(*) as n from pg_locks where locktype = 'advisory' and not granted \
                and database = (select oid from pg_database where datname = current_database())";
    testing::eventually("the second waits", async || {
        let db = log.database().read();
        let statement = sea_orm::Statement::from_string(db.get_database_backend(), held);
        let row = db.query_one_raw(statement).await.unwrap().unwrap();
        (row.try_get::<i64>("", "n").unwrap() == 1).then_some(())
    })
    .await;
    assert_eq!(first.commit().await.unwrap()[0].position, 1);
    assert_eq!(waiting.await.unwrap().unwrap()[0].position, 2);
    // a transaction that appends nothing takes no turn
    let tx = log.database().begin().await.unwrap();
    take_turns(&tx, 7001, database::Turn::Alone, [])
        .await
        .unwrap();
}

/// A reader that waits at one replica hears of what another wrote, though nobody looks at the table.
#[tokio::test]
async fn what_one_replica_writes_wakes_the_readers_of_the_others() {
    if !on_postgres_for("wake-ups between processes") {
        return;
    }
    let scratch = Scratch::new();
    let [writer, reader] = [replica(&scratch).await, replica(&scratch).await];
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let lines = [&writer, &reader].map(|log| events::share_wakeups(log.clone(), stop.clone()));
    let mut heads = reader.watch_heads();
    let hears = async {
        loop {
            // the first ones may come before the reader listens
            write(&writer, &contact_in(3, 0), "thing").await;
            if timeout(SHORTLY, heads.changed()).await.is_ok() {
                break;
            }
        }
    };
    tokio::select! {
        _ = join_all(lines) => panic!("the lines end when they are told to"),
        () = soon("a wake-up", hears) => {}
    }
    assert!(heads.borrow()[3] > 0);
}

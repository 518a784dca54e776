//! A log that forks under open streams: its database failed over to a server that had not heard of the newest
//! events, and the process, its connections and its memory went on.

use events::{Delivery, EventLog, SourceError};
use sea_orm::{ConnectionTrait, Statement};

use super::{
    Reader, Transport,
    owner::{change, contact_in, write},
    reader::{after, next, origin, soon},
};

/// The last so many events of a partition are lost, and so many others written there by another process, before
/// anybody looks.
///
/// # Panics
/// When the database fails.
pub async fn fork(other: &EventLog, partition: usize, lost: u64, found: usize) {
    let head = other.refresh_heads().await.unwrap()[partition];
    let mut work = other.begin().await.unwrap();
    let tx = work.tx();
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "delete from evlog where part = $1 and pos > $2",
        [(partition as i32).into(), ((head - lost) as i64).into()],
    ))
    .await
    .unwrap();
    for _ in 0..found {
        let contact = contact_in(partition, 0);
        change(&mut work, &contact, "found", 8).await.unwrap();
    }
    work.commit().await.unwrap();
}

/// Reader and stream at the end of a partition that `lost` events more will be lost of.
async fn forked(transport: &impl Transport, partition: usize, lost: u64, found: usize) {
    let log = transport.log();
    for thing in ["kept", "kept", "lost", "lost"] {
        write(&log, &contact_in(partition, 0), thing).await;
    }
    let mut reader = Reader::at(&log, vec![origin().remove(partition)]);
    let heads = log.head_cursors().await.unwrap();
    let mut stream = reader.subscribe(&transport.source()).await;
    reader.reach(&mut stream, &heads).await;
    fork(&transport.other_process().await, partition, lost, found).await;
    let error = soon("word of the fork", async {
        loop {
            match next(&mut stream).await.expect("the stream just ended") {
                Ok(Delivery::Heartbeat(_)) => {}
                Ok(Delivery::Batch(events)) => panic!("{lost} lost, {found} found: {events:?}"),
                Err(error) => break error,
            }
        }
    })
    .await;
    assert_eq!(
        error,
        SourceError::Diverged { partition },
        "{lost} lost, {found} found"
    );
}

/// Whatever is there when it is looked at next: less than was lost, as much, or more.
pub async fn a_fork_under_an_open_stream_is_told(transport: &impl Transport) {
    forked(transport, 3, 2, 0).await;
    forked(transport, 4, 2, 1).await;
    forked(transport, 5, 2, 2).await;
    forked(transport, 6, 2, 3).await;
}

/// The process that wrote what was lost goes on writing behind what it never heard of: neither an open stream nor
/// a new reader gets both histories as one.
pub async fn what_a_process_remembers_of_a_lost_history_is_told_to_nobody(
    transport: &impl Transport,
) {
    const PARTITION: usize = 7;
    let log = transport.log();
    let contact = contact_in(PARTITION, 0);
    for thing in ["kept", "kept", "lost", "lost"] {
        write(&log, &contact, thing).await;
    }
    let mut old = Reader::at(&log, vec![origin().remove(PARTITION)]);
    let heads = log.head_cursors().await.unwrap();
    let mut stream = old.subscribe(&transport.source()).await;
    old.reach(&mut stream, &heads).await;
    fork(&transport.other_process().await, PARTITION, 2, 2).await;
    let last = write(&log, &contact, "last").await;
    assert_eq!(last.position, 5);
    let error = soon("word of the fork", async {
        loop {
            match next(&mut stream).await.expect("the stream just ended") {
                Ok(delivery) => old.take(delivery),
                Err(error) => break error,
            }
        }
    })
    .await;
    let partition = PARTITION;
    assert_eq!(error, SourceError::Diverged { partition });
    assert_eq!(old.events.len(), 4, "something of another history was told");
    // one that was not past the fork goes on as if nothing had happened
    let mut new = Reader::at(&log, vec![after(&old.events[1])]);
    new.catch_up(&transport.source()).await;
    let told: Vec<&str> = new
        .events
        .iter()
        .map(|event| event.aggregate_id.as_str())
        .collect();
    assert_eq!(told, ["found", "found", "last"]);
}

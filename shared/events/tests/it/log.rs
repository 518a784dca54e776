//! The log itself: what it refuses, what it keeps, and where contacts belong.

use std::sync::Arc;

use database::Database;
use events::{EventLog, MAX_PAYLOAD, log::partition_of};
use jiff::SignedDuration;
use testing::{
    ManualClock, Scratch,
    conformance::{
        SampleOwner,
        owner::{change, contact_in, things, write, write_many},
    },
};
use types::{Clock, ContactId, WorkspaceId, micros};

async fn open(scratch: &Scratch, clock: &ManualClock) -> EventLog {
    let db: Database = scratch.database::<SampleOwner>("owner").await;
    EventLog::open(db, "sample", Arc::new(clock.clone()))
        .await
        .unwrap()
}

/// Frozen: positions of every log there is mean nothing if this changes. FNV-1a, 64 bits, modulo 16.
#[test]
fn a_contact_belongs_to_the_same_partition_for_ever() {
    let workspace = WorkspaceId::parse(&format!("wsp_{}", "0".repeat(32))).unwrap();
    let expected = [
        ("con_00000000000000000000000000000000", 12),
        ("con_00000000000000000000000000000001", 15),
        ("con_0123456789abcdef0123456789abcdef", 12),
        ("con_ffffffffffffffffffffffffffffffff", 12),
    ];
    for (contact, partition) in expected {
        let contact = ContactId::parse(contact).unwrap();
        assert_eq!(
            partition_of(Some(&contact), &workspace),
            partition,
            "{contact}"
        );
    }
    assert_eq!(partition_of(None, &workspace), 6);
    let spread: std::collections::BTreeSet<usize> = (0..500)
        .map(|n| ContactId::derive(&[&n.to_string()]))
        .map(|contact| partition_of(Some(&contact), &workspace))
        .collect();
    assert_eq!(spread.len(), 16, "contacts spread over all partitions");
}

#[tokio::test]
async fn a_payload_over_the_limit_is_refused_and_nothing_happened() {
    let scratch = Scratch::new();
    let log = open(&scratch, &ManualClock::new()).await;
    let contact = contact_in(0, 0);
    let mut work = log.begin().await.unwrap();
    change(&mut work, &contact, "small", 8).await.unwrap();
    change(&mut work, &contact, "large", MAX_PAYLOAD + 1)
        .await
        .unwrap();
    let refused = work.commit().await.unwrap_err();
    assert!(refused.to_string().contains("65537 bytes"), "{refused}");
    assert!(things(log.database()).await.is_empty());
    assert_eq!(log.refresh_heads().await.unwrap(), [0; 16]);
    // the largest that is allowed
    assert_eq!(write_many(&log, &contact, 1, MAX_PAYLOAD).await, 1);
}

#[tokio::test]
async fn what_is_rolled_back_or_dropped_leaves_neither_state_nor_event_nor_number() {
    let scratch = Scratch::new();
    let log = open(&scratch, &ManualClock::new()).await;
    let contact = contact_in(0, 0);
    for drop_it in [true, false] {
        let mut work = log.begin().await.unwrap();
        change(&mut work, &contact, "thing", 8).await.unwrap();
        if drop_it {
            drop(work);
        } else {
            work.rollback().await.unwrap();
        }
    }
    assert!(things(log.database()).await.is_empty());
    assert_eq!(write(&log, &contact, "thing").await.position, 1);
}

#[tokio::test]
async fn the_epoch_is_made_once_and_stays() {
    let scratch = Scratch::new();
    let clock = ManualClock::new();
    let first = open(&scratch, &clock).await;
    let second = open(&scratch, &clock).await;
    assert_eq!(first.epoch(), second.epoch());
    let elsewhere = open(&Scratch::new(), &clock).await;
    assert_ne!(first.epoch(), elsewhere.epoch());
}

/// By age, in each partition, never the newest event, however old.
#[tokio::test]
async fn what_is_older_than_the_retention_is_pruned_but_never_the_newest() {
    let scratch = Scratch::new();
    let clock = ManualClock::new();
    let log = open(&scratch, &clock).await;
    write_many(&log, &contact_in(0, 0), 5, 8).await;
    write_many(&log, &contact_in(1, 0), 5, 8).await;
    clock.advance(SignedDuration::from_hours(48));
    write_many(&log, &contact_in(1, 0), 3, 8).await;
    let day_ago = micros(clock.now()) - 24 * 3_600 * 1_000_000;
    log.prune_before(day_ago).await.unwrap();
    assert_eq!(log.floor(0).await.unwrap().0, 4);
    assert_eq!(log.floor(1).await.unwrap().0, 5);
    assert_eq!(log.floor(2).await.unwrap().0, 0);
    assert_eq!(log.read(0, 0, 256).await.unwrap().len(), 1);
    assert_eq!(log.read(1, 0, 256).await.unwrap().len(), 3);
    // again: nothing more to do, nothing broken
    log.prune_before(day_ago).await.unwrap();
    assert_eq!(write(&log, &contact_in(0, 0), "x").await.position, 6);
}

/// Pruning that failed for weeks is made up for, however much that is.
#[tokio::test]
async fn a_long_backlog_of_old_events_is_pruned_by_age_up_to_the_first_young_one() {
    let scratch = Scratch::new();
    let clock = ManualClock::new();
    let log = open(&scratch, &clock).await;
    write_many(&log, &contact_in(0, 0), 2_300, 100).await;
    write_many(&log, &contact_in(1, 0), 2_300, 100).await;
    clock.advance(SignedDuration::from_hours(48));
    write_many(&log, &contact_in(1, 0), 5, 5).await;
    let day_ago = micros(clock.now()) - 24 * 3_600 * 1_000_000;
    log.prune_before(day_ago).await.unwrap();
    assert_eq!(log.floor(0).await.unwrap().0, 2_299);
    assert_eq!(log.floor(1).await.unwrap().0, 2_300);
    assert_eq!(log.read(0, 2_299, 256).await.unwrap().len(), 1);
    assert_eq!(log.read(1, 2_300, 256).await.unwrap().len(), 5);
}

/// A clock that was set back puts a young row before old ones: pruning stops at it.
#[tokio::test]
async fn a_clock_set_back_prunes_too_little_not_too_much() {
    let scratch = Scratch::new();
    let clock = ManualClock::new();
    let log = open(&scratch, &clock).await;
    write(&log, &contact_in(0, 0), "old").await;
    clock.advance(SignedDuration::from_hours(100));
    write(&log, &contact_in(0, 0), "young").await;
    clock.advance(SignedDuration::from_hours(-90));
    write(&log, &contact_in(0, 0), "dated too early").await;
    clock.advance(SignedDuration::from_hours(100));
    log.prune_before(micros(clock.now()) - 50 * 3_600 * 1_000_000)
        .await
        .unwrap();
    assert_eq!(log.floor(0).await.unwrap().0, 1);
}

/// What is written while old events are pruned is young, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_by_age_leaves_what_is_written_meanwhile() {
    let scratch = Scratch::new();
    let clock = ManualClock::new();
    let log = open(&scratch, &clock).await;
    let contact = contact_in(15, 0);
    for round in 0..40 {
        let old_head = write(&log, &contact, "old").await.position;
        clock.advance(SignedDuration::from_hours(48));
        let day_ago = micros(clock.now()) - 24 * 3_600 * 1_000_000;
        let writing = tokio::spawn({
            let (log, contact) = (log.clone(), contact.clone());
            async move {
                for _ in 0..4 {
                    write(&log, &contact, "young").await;
                }
            }
        });
        log.prune_before(day_ago).await.unwrap();
        writing.await.unwrap();
        let floor = log.floor(15).await.unwrap().0;
        assert!(floor <= old_head, "round {round}: {floor} is young");
        clock.advance(SignedDuration::from_hours(48));
    }
}

/// More than one step of the deletion.
#[tokio::test]
async fn a_long_tail_is_pruned_completely() {
    let scratch = Scratch::new();
    let log = open(&scratch, &ManualClock::new()).await;
    write_many(&log, &contact_in(0, 0), 2_300, 8).await;
    log.prune(0, 2_200).await.unwrap();
    assert_eq!(log.read(0, 0, 256).await.unwrap()[0].position, 2_201);
    // lower than the floor: nothing to do
    log.prune(0, 100).await.unwrap();
    assert_eq!(log.floor(0).await.unwrap().0, 2_200);
}

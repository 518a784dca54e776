//! Flow: bounded batches, nothing read ahead without bound, signs of life, a fair share for all.

use std::time::{Duration, Instant};

use events::{BATCH_BYTES, BATCH_EVENTS, Delivery, MAX_PAYLOAD, PARTITIONS, SourceError};
use proto::events::v1::Cursor;

use super::{
    Reader, Transport,
    owner::{contact_in, write, write_many},
    reader::{next, origin, refusal},
};

/// At most 256 events and 256 KiB of payload, though more wait; and all of it comes.
pub async fn a_batch_is_bounded_in_events_and_bytes(transport: &impl Transport) {
    let log = transport.log();
    write_many(&log, &contact_in(0, 0), 300, 8).await;
    write_many(&log, &contact_in(1, 0), 300, 8).await;
    write_many(&log, &contact_in(2, 0), 40, 30_000).await;
    write_many(&log, &contact_in(3, 0), 6, MAX_PAYLOAD).await;
    let heads = transport.source().heads().await.unwrap();
    let mut reader = Reader::new(&log);
    let mut stream = reader.subscribe(&transport.source()).await;
    let (mut most_events, mut most_bytes) = (0, 0);
    while !reader.is_at(&heads) {
        let delivery = next(&mut stream).await.unwrap().unwrap();
        if let Delivery::Batch(events) = &delivery {
            let bytes = events.iter().map(|event| event.payload.len()).sum();
            most_events = most_events.max(events.len());
            most_bytes = most_bytes.max(bytes);
        }
        reader.take(delivery);
    }
    assert!(most_events <= BATCH_EVENTS, "{most_events}");
    assert!(most_bytes <= BATCH_BYTES, "{most_bytes}");
    assert!(
        most_events > BATCH_EVENTS / 2,
        "batches are used: {most_events}"
    );
    assert!(
        most_bytes > BATCH_BYTES / 2,
        "batches are used: {most_bytes}"
    );
}

/// A reader that pauses is not read ahead for beyond a few batches and windows: when what it has not
/// asked for is pruned meanwhile, it is gone.
pub async fn nothing_is_read_far_ahead_of_a_slow_reader(transport: &impl Transport) {
    const MOST: usize = 4 << 20;
    let log = transport.log();
    let contact = contact_in(0, 0);
    let head = write_many(&log, &contact, 400, 60_000).await;
    let only = vec![origin().remove(0)];
    let mut slow = Reader::at(&log, only.clone());
    let mut stream = slow.subscribe(&transport.source()).await;
    while slow.events.is_empty() {
        slow.take(next(&mut stream).await.unwrap().unwrap());
    }
    // another reads all of it: whoever reads ahead had as much time
    let mut quick = Reader::at(&log, only);
    quick.catch_up(&transport.source()).await;
    assert_eq!(quick.events.len(), 400);
    transport.prune(0, head - 1).await;
    let taken = slow.events.len();
    let error = loop {
        match next(&mut stream).await.expect("the stream just ended") {
            Ok(delivery) => slow.take(delivery),
            Err(error) => break error,
        }
    };
    assert_eq!(error, SourceError::OutOfRange { partition: 0 });
    let ahead: usize = slow.events[taken..]
        .iter()
        .map(|event| event.payload.len())
        .sum();
    assert!(ahead < MOST, "{ahead} bytes were read ahead");
}

/// The first word comes at once, then one every 2 s; each says where the log stands.
pub async fn an_idle_feed_gives_a_sign_of_life_with_the_heads(transport: &impl Transport) {
    let log = transport.log();
    write(&log, &contact_in(6, 0), "thing").await;
    let heads = transport.source().heads().await.unwrap();
    assert_eq!(heads.len(), PARTITIONS);
    assert_eq!(heads[6].position, 1);
    assert_eq!(heads[6].log_epoch, log.epoch());
    assert_eq!(heads[7], origin()[7]);
    let mut stream = Reader::at(&log, heads.clone())
        .subscribe(&transport.source())
        .await;
    let start = Instant::now();
    let mut beats = Vec::new();
    while beats.len() < 3 {
        match next(&mut stream).await.unwrap().unwrap() {
            Delivery::Heartbeat(said) => {
                assert_eq!(said, heads);
                beats.push(start.elapsed());
            }
            Delivery::Batch(events) => panic!("nothing was written: {events:?}"),
        }
    }
    assert!(beats[0] < Duration::from_millis(1_500), "{beats:?}");
    for pair in beats.windows(2) {
        let gap = pair[1] - pair[0];
        // the watchdog of a consumer bites after 6 s
        assert!(
            gap > Duration::from_millis(1_000) && gap < Duration::from_secs(4),
            "{beats:?}"
        );
    }
}

/// A reader of a log that never rests still learns where the log stands.
pub async fn a_busy_feed_gives_a_sign_of_life_too(transport: &impl Transport) {
    let log = transport.log();
    let writing = tokio::spawn({
        let (log, contact) = (log.clone(), contact_in(0, 0));
        async move {
            loop {
                write(&log, &contact, "thing").await;
            }
        }
    });
    let mut reader = Reader::new(&log);
    let mut stream = reader.subscribe(&transport.source()).await;
    let start = Instant::now();
    let mut beats = 0;
    while beats < 2 {
        let passed = start.elapsed();
        assert!(passed < Duration::from_secs(6), "{beats} signs of life");
        match next(&mut stream).await.unwrap().unwrap() {
            Delivery::Heartbeat(_) => beats += 1,
            batch => reader.take(batch),
        }
    }
    writing.abort();
}

/// A reader that works off a backlog learns at once how long it is, and from then on, whatever there is to send.
pub async fn a_backlog_does_not_hold_up_the_signs_of_life(transport: &impl Transport) {
    let log = transport.log();
    let head = write_many(&log, &contact_in(0, 0), 4 * BATCH_EVENTS, 8).await;
    let mut reader = Reader::new(&log);
    let mut stream = reader.subscribe(&transport.source()).await;
    let heads = loop {
        match next(&mut stream).await.unwrap().unwrap() {
            Delivery::Heartbeat(heads) => break heads,
            batch => reader.take(batch),
        }
    };
    assert_eq!(heads[0].position, head);
    assert!(!reader.is_at(&heads), "it was told when it knew");
    reader.reach(&mut stream, &heads).await;
}

/// Behind a long backlog of one partition, events of others come within a round.
pub async fn a_busy_partition_starves_no_other(transport: &impl Transport) {
    let log = transport.log();
    // eight of these fill a batch
    write_many(&log, &contact_in(8, 0), 200, 30_000).await;
    for partition in [2, 7, 9, 15] {
        write(&log, &contact_in(partition, 0), "quiet").await;
    }
    let heads = transport.source().heads().await.unwrap();
    let mut reader = Reader::new(&log);
    let mut stream = reader.subscribe(&transport.source()).await;
    let mut batches = 0;
    let quiet = |reader: &Reader| {
        let events = reader.events.iter();
        events.filter(|event| event.aggregate_id == "quiet").count()
    };
    while quiet(&reader) < 4 {
        if let delivery @ Delivery::Batch(_) = next(&mut stream).await.unwrap().unwrap() {
            reader.take(delivery);
            batches += 1;
        }
    }
    assert!(batches <= PARTITIONS, "after {batches} batches");
    assert!(
        !reader.is_at(&heads),
        "the backlog was too short to starve anybody"
    );
    reader.reach(&mut stream, &heads).await;
}

/// A partition that does not exist, or twice the same.
pub async fn a_cursor_that_makes_no_sense_is_refused(transport: &impl Transport) {
    let beyond = Cursor {
        partition: PARTITIONS as u32,
        ..Cursor::default()
    };
    let twice = vec![Cursor::default(), Cursor::default()];
    for cursors in [vec![beyond], twice, [origin(), origin()].concat()] {
        let error = refusal(&transport.source(), cursors).await;
        assert!(matches!(error, SourceError::Unavailable(_)), "{error:?}");
    }
}

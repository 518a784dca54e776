//! Another history is never mistaken for one's own, nor a pruned stretch for an empty one.

use std::sync::Arc;

use events::{EventLog, EventSource, SourceError};
use proto::events::v1::Cursor;

use super::{
    Reader, Transport,
    owner::{contact_in, write, write_many},
    reader::{after, connected, next, origin, refusal},
};

const PARTITION: usize = 9;

/// Ten events in one partition, and the place after each, the origin first.
async fn ten(log: &EventLog, source: &Arc<dyn EventSource>) -> Vec<Cursor> {
    for n in 0..10 {
        write(log, &contact_in(PARTITION, n % 2), "thing").await;
    }
    let mut reader = Reader::new(log);
    reader.catch_up(source).await;
    let mut places = vec![origin().remove(PARTITION)];
    places.extend(reader.events.iter().map(after));
    places
}

async fn diverged(transport: &impl Transport, cursor: Cursor) {
    let what = format!("{cursor:?}");
    let error = refusal(&transport.source(), vec![cursor]).await;
    let partition = PARTITION;
    assert_eq!(error, SourceError::Diverged { partition }, "{what}");
}

/// Below the floor: OUT_OF_RANGE, the beginning included. At the floor: resumes, though its event is gone.
pub async fn what_was_pruned_is_out_of_range_and_the_floor_resumes(transport: &impl Transport) {
    let log = transport.log();
    let places = ten(&log, &transport.source()).await;
    transport.prune(PARTITION, 6).await;
    assert_eq!(log.floor(PARTITION).await.unwrap().0, 6);
    for (position, place) in places.iter().enumerate() {
        if position < 6 {
            let error = refusal(&transport.source(), vec![place.clone()]).await;
            assert_eq!(
                error,
                SourceError::OutOfRange {
                    partition: PARTITION
                }
            );
        } else {
            let mut reader = Reader::at(&log, vec![place.clone()]);
            reader.catch_up(&transport.source()).await;
            assert_eq!(reader.events.len(), 10 - position);
        }
    }
    // a fork is a fork at the floor, too
    let mut forged = places[6].clone();
    forged.event_id = places[5].event_id.clone();
    diverged(transport, forged).await;
    // the other partitions are as they were
    let mut reader = Reader::at(&log, vec![origin().remove(2)]);
    reader.catch_up(&transport.source()).await;
    assert_eq!(reader.events, []);
}

/// What was given out once is never given out again, however much was pruned, and by whichever process.
pub async fn pruning_everything_keeps_the_newest_event_and_the_numbers(transport: &impl Transport) {
    let log = transport.log();
    let places = ten(&log, &transport.source()).await;
    transport.prune(PARTITION, 10).await;
    assert_eq!(
        transport.source().heads().await.unwrap()[PARTITION],
        places[10]
    );
    let mut reader = Reader::at(&log, vec![places[9].clone()]);
    reader.catch_up(&transport.source()).await;
    assert_eq!(reader.events.len(), 1);
    let other = transport.other_process().await;
    assert_eq!(
        write(&other, &contact_in(PARTITION, 0), "x").await.position,
        11
    );
    assert_eq!(
        write(&log, &contact_in(PARTITION, 0), "y").await.position,
        12
    );
    reader.catch_up(&transport.source()).await;
    assert_eq!(reader.events.len(), 3);
}

/// A reader that is connected, but so slow that pruning passes it, hears of it instead of missing events.
pub async fn a_reader_overtaken_by_pruning_is_told(transport: &impl Transport) {
    let log = transport.log();
    let contact = contact_in(PARTITION, 0);
    // more than any transport has in flight
    let head = write_many(&log, &contact, 400, 60_000).await;
    let mut reader = Reader::at(&log, vec![origin().remove(PARTITION)]);
    let mut stream = reader.subscribe(&transport.source()).await;
    while reader.events.is_empty() {
        reader.take(next(&mut stream).await.unwrap().unwrap());
    }
    transport.prune(PARTITION, head - 1).await;
    let error = loop {
        match next(&mut stream).await.expect("the stream just ended") {
            Ok(delivery) => reader.take(delivery),
            Err(error) => break error,
        }
    };
    assert_eq!(
        error,
        SourceError::OutOfRange {
            partition: PARTITION
        }
    );
    assert!(reader.cursors[0].position < head);
}

/// DIVERGED: another epoch, another event at the position, a position above the head.
pub async fn another_epoch_event_or_future_has_diverged(transport: &impl Transport) {
    let log = transport.log();
    let places = ten(&log, &transport.source()).await;
    for place in [&places[4], &places[10]] {
        let mut epoch = place.clone();
        epoch.log_epoch[0] ^= 1;
        let mut no_epoch = place.clone();
        no_epoch.log_epoch.clear();
        let mut other_event = place.clone();
        other_event.event_id = places[3].event_id.clone();
        let mut no_event = place.clone();
        no_event.event_id.clear();
        for cursor in [epoch, no_epoch, other_event, no_event] {
            diverged(transport, cursor).await;
        }
    }
    for position in [11, 1 << 40, u64::MAX] {
        let mut above = places[10].clone();
        above.position = position;
        diverged(transport, above).await;
    }
    // one bad cursor among good ones is named
    let mut cursors = origin();
    cursors[PARTITION] = places[3].clone();
    cursors[PARTITION].event_id = places[2].event_id.clone();
    let error = refusal(&transport.source(), cursors).await;
    assert_eq!(
        error,
        SourceError::Diverged {
            partition: PARTITION
        }
    );
}

/// The owner came back from a backup and other events took the positions that were applied already.
pub async fn a_restored_log_has_diverged_from_its_readers(transport: &impl Transport) {
    let places = ten(&transport.log(), &transport.source()).await;
    transport.back_up().await;
    let mut reader = Reader::at(&transport.log(), vec![places[10].clone()]);
    for _ in 0..4 {
        write(&transport.log(), &contact_in(PARTITION, 0), "lost").await;
    }
    reader.catch_up(&transport.source()).await;
    assert_eq!(reader.cursors[0].position, 14);
    let lost = reader.cursors.remove(0);
    transport.restore().await;
    let log = transport.log();
    for _ in 0..8 {
        write(&log, &contact_in(PARTITION, 0), "found").await;
    }
    diverged(transport, lost).await;
    // one that was not past the backup goes on as if nothing had happened
    let mut reader = Reader::at(&log, vec![places[10].clone()]);
    reader.catch_up(&transport.source()).await;
    assert_eq!(reader.events.len(), 8);
    assert!(
        reader
            .events
            .iter()
            .all(|event| event.aggregate_id == "found")
    );
}

/// Restored, and nothing written since: the reader is ahead of the head.
pub async fn a_restored_log_that_nobody_wrote_to_is_behind_its_readers(transport: &impl Transport) {
    let places = ten(&transport.log(), &transport.source()).await;
    transport.back_up().await;
    let mut reader = Reader::at(&transport.log(), vec![places[10].clone()]);
    write(&transport.log(), &contact_in(PARTITION, 0), "lost").await;
    reader.catch_up(&transport.source()).await;
    transport.restore().await;
    let source = transport.source();
    let heads = connected("the heads", || source.heads()).await;
    assert_eq!(heads[PARTITION], places[10]);
    diverged(transport, reader.cursors.remove(0)).await;
}

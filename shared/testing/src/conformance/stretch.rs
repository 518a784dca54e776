//! Reading a stretch of one partition, to fill a gap.

use events::{BATCH_BYTES, BATCH_EVENTS, MAX_PAYLOAD, SourceError};

use super::{
    Reader, Transport,
    owner::{contact_in, write, write_many},
    reader::soon,
};

/// The very events that the stream carries, with the chain from the position before.
pub async fn a_gap_is_filled_from_the_log_with_its_chain(transport: &impl Transport) {
    let log = transport.log();
    for n in 0..20 {
        write(&log, &contact_in(n % 2, 0), "thing").await;
    }
    let mut reader = Reader::new(&log);
    reader.catch_up(&transport.source()).await;
    for partition in 0..3 {
        let streamed: Vec<_> = reader
            .events
            .iter()
            .filter(|event| event.partition == partition as u32)
            .collect();
        for after in 0..=streamed.len() {
            let stretch = transport
                .source()
                .read(partition, after as u64)
                .await
                .unwrap();
            assert!(
                stretch.iter().eq(streamed[after..].iter().copied()),
                "after {after}"
            );
        }
    }
}

/// Bounded like a batch, and it can be read on from its end.
pub async fn a_stretch_is_bounded_in_events_and_bytes(transport: &impl Transport) {
    let log = transport.log();
    let small = write_many(&log, &contact_in(0, 0), 600, 8).await;
    let large = write_many(&log, &contact_in(1, 0), 40, MAX_PAYLOAD).await;
    for (partition, head) in [(0, small), (1, large)] {
        let mut place = 0;
        let mut previous = Vec::new();
        while place < head {
            let stretch = soon("a stretch", transport.source().read(partition, place))
                .await
                .unwrap();
            let bytes: usize = stretch.iter().map(|event| event.payload.len()).sum();
            assert!(!stretch.is_empty() && stretch.len() <= BATCH_EVENTS);
            assert!(bytes <= BATCH_BYTES, "{bytes}");
            for event in stretch {
                assert_eq!((event.position, event.prev_event_id), (place + 1, previous));
                (place, previous) = (event.position, event.event_id);
            }
        }
    }
}

/// Below the floor there is no answer; from the floor on the chain starts with the pruned event's id.
pub async fn a_stretch_that_was_pruned_is_out_of_range(transport: &impl Transport) {
    let log = transport.log();
    for _ in 0..10 {
        write(&log, &contact_in(4, 0), "thing").await;
    }
    let before = transport.source().read(4, 0).await.unwrap();
    transport.prune(4, 6).await;
    for after in 0..6 {
        let error = transport.source().read(4, after).await.unwrap_err();
        assert_eq!(error, SourceError::OutOfRange { partition: 4 });
    }
    for after in 6..10 {
        let stretch = transport.source().read(4, after as u64).await.unwrap();
        assert_eq!(stretch, before[after..]);
    }
}

/// At the head, far above it, and in a partition without events.
pub async fn beyond_the_head_there_is_nothing(transport: &impl Transport) {
    let log = transport.log();
    let place = write(&log, &contact_in(4, 0), "thing").await;
    for (partition, after) in [
        (4, place.position),
        (4, 1_000),
        (4, i64::MAX as u64),
        (4, u64::MAX),
        (5, 0),
    ] {
        let stretch = transport.source().read(partition, after).await;
        assert_eq!(
            stretch,
            Ok(Vec::new()),
            "partition {partition} after {after}"
        );
    }
    assert!(transport.source().read(16, 0).await.is_err());
}

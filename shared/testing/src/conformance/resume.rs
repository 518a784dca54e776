//! A stream may break anywhere, any number of times.

use std::time::Duration;

use events::{Delivery, SourceError};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    Reader, Transport,
    owner::{contact_in, write, write_many},
    reader::next,
};

/// While events are written, the stream is dropped or cut at random; the reader goes on from its cursors
/// and misses nothing.
pub async fn a_broken_stream_resumes_from_the_cursor_without_a_hole(transport: &impl Transport) {
    let log = transport.log();
    // a backlog, so that breaks fall into the middle of catching up too
    for partition in 0..4 {
        write_many(&log, &contact_in(partition, 0), 300, 700).await;
    }
    let writer = tokio::spawn({
        let log = log.clone();
        async move {
            for n in 0..150 {
                write(&log, &contact_in(n % 4, 0), "live").await;
            }
        }
    });
    let mut random = StdRng::seed_from_u64(7);
    let mut reader = Reader::new(&log);
    let mut breaks = 0;
    while !writer.is_finished() || breaks < 20 {
        let Ok(mut stream) = transport.source().subscribe(reader.cursors.clone()).await else {
            continue; // cut while it was being opened
        };
        for _ in 0..random.gen_range(0..4) {
            match tokio::time::timeout(Duration::from_millis(20), next(&mut stream)).await {
                Ok(Some(Ok(delivery))) => reader.take(delivery),
                Ok(Some(Err(SourceError::Unavailable(_))) | None) => break,
                Ok(Some(Err(reset))) => panic!("a break is no reset: {reset}"),
                Err(_) => {}
            }
        }
        breaks += 1;
        if random.gen_bool(0.5) {
            transport.interrupt().await;
        }
    }
    writer.await.unwrap();
    reader.catch_up(&transport.source()).await;
    assert_eq!(reader.events.len(), 4 * 300 + 150);
}

/// At least once: what was delivered but not kept comes again, the same to the byte.
pub async fn a_reader_that_did_not_move_its_cursor_gets_the_same_again(transport: &impl Transport) {
    let log = transport.log();
    for n in 0..30 {
        write(&log, &contact_in(n % 2, 0), "thing").await;
    }
    let mut first = Reader::new(&log);
    first.catch_up(&transport.source()).await;
    for _ in 0..3 {
        let mut again = Reader::new(&log);
        again.catch_up(&transport.source()).await;
        transport.interrupt().await;
        let sorted = |reader: &Reader| {
            let mut events = reader.events.clone();
            events.sort_by_key(|event| (event.partition, event.position));
            events
        };
        assert_eq!(sorted(&again), sorted(&first));
    }
}

/// A cut stream says Unavailable or ends; the source then connects again by itself.
pub async fn an_interruption_is_no_reset(transport: &impl Transport) {
    let log = transport.log();
    let mut reader = Reader::new(&log);
    for _ in 0..3 {
        let place = write(&log, &contact_in(1, 0), "thing").await;
        let source = transport.source();
        let mut stream = reader.subscribe(&source).await;
        while reader.cursors[1].position < place.position {
            reader.take(next(&mut stream).await.unwrap().unwrap());
        }
        transport.interrupt().await;
        let end = loop {
            match next(&mut stream).await {
                Some(Ok(Delivery::Heartbeat(_))) => {}
                end => break end,
            }
        };
        assert!(
            matches!(end, None | Some(Err(SourceError::Unavailable(_)))),
            "{end:?}"
        );
        assert_eq!(
            next(&mut stream).await,
            None,
            "an error is the last thing it says"
        );
    }
}

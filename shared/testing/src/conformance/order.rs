//! Order and density: nothing missing, nothing twice, nothing out of turn.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use events::{EventLog, PARTITIONS};
use proto::events::v1::LogPosition;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;

use super::{
    Reader, Transport,
    owner::{CHANGED, change, contact_in, write},
    reader::{after, next, origin},
};

/// From the beginning and from any place in the middle.
pub async fn events_come_in_order_and_dense_from_the_cursor(transport: &impl Transport) {
    let log = transport.log();
    for n in 0..40 {
        write(&log, &contact_in(n % 3, 0), &format!("thing {}", n % 7)).await;
    }
    let mut all = Reader::new(&log);
    all.catch_up(&transport.source()).await;
    assert_eq!(all.events.len(), 40);
    for event in &all.events {
        assert_eq!(event.r#type, CHANGED);
        assert_eq!(event.payload, vec![7; 32]);
        assert_eq!(event.workspace_id, super::owner::workspace().as_str());
        assert_eq!(
            event.contact_id,
            contact_in(event.partition as usize, 0).as_str()
        );
        assert_eq!(event.occurred_time.unwrap().seconds, 1_767_268_800);
        assert!(event.recorded_time.is_some() && !event.must_understand);
    }
    for event in &all.events {
        let mut cursors = origin();
        cursors[event.partition as usize] = after(event);
        let mut rest = Reader::at(&log, vec![after(event)]);
        rest.catch_up(&transport.source()).await;
        let expected = all
            .events
            .iter()
            .filter(|other| other.partition == event.partition && other.position > event.position);
        assert!(rest.events.iter().eq(expected), "after {event:?}");
    }
}

/// A partition that is not named is not sent, and one beyond its events sends nothing.
pub async fn only_the_partitions_asked_for_are_sent(transport: &impl Transport) {
    let log = transport.log();
    for partition in 0..PARTITIONS {
        write(&log, &contact_in(partition, 0), "thing").await;
    }
    let wanted = [3, 11].map(|p: usize| origin().remove(p)).to_vec();
    let mut reader = Reader::at(&log, wanted);
    // the reader refuses what it did not ask for
    let mut stream = reader.subscribe(&transport.source()).await;
    let heads = transport.source().heads().await.unwrap();
    reader.reach(&mut stream, &heads).await;
    let last = write(&log, &contact_in(3, 1), "thing").await;
    write(&log, &contact_in(4, 1), "thing").await;
    while reader.cursors[0].position < last.position {
        reader.take(next(&mut stream).await.unwrap().unwrap());
    }
    assert_eq!(reader.events.len(), 3);
}

/// Sixteen writers hold their transactions open at random and roll some back, or drop them; a reader
/// that was there from the start and one that comes late see every committed event in its place.
pub async fn writers_that_wait_and_roll_back_leave_no_hole(transport: &impl Transport) {
    let log = transport.log();
    let mut early = Reader::new(&log);
    let mut stream = early.subscribe(&transport.source()).await;
    let mut writers = JoinSet::new();
    for writer in 0..16_u64 {
        // half of them write from another process
        let log = if writer % 2 == 0 {
            log.clone()
        } else {
            transport.other_process().await
        };
        writers.spawn(async move {
            let mut random = StdRng::seed_from_u64(writer);
            let mut committed: Vec<(LogPosition, String)> = Vec::new();
            for round in 0..12 {
                let mut work = log.begin().await.unwrap();
                let mut things = Vec::new();
                for n in 0..random.gen_range(1..4) {
                    let partition = random.gen_range(0..PARTITIONS);
                    let thing = format!("{writer}/{round}/{n}");
                    change(&mut work, &contact_in(partition, 0), &thing, 16)
                        .await
                        .unwrap();
                    things.push((partition, thing));
                }
                tokio::time::sleep(Duration::from_micros(random.gen_range(0..3_000))).await;
                match random.gen_range(0..10) {
                    0 => work.rollback().await.unwrap(),
                    1 => drop(work),
                    _ => {
                        let mut positions = work.commit().await.unwrap();
                        assert_eq!(positions.len(), things.len());
                        for (partition, thing) in things {
                            // the events of one partition keep the order they were emitted in
                            let at = positions
                                .iter()
                                .position(|position| position.partition == partition as u32)
                                .unwrap();
                            committed.push((positions.remove(at), thing));
                        }
                    }
                }
            }
            committed
        });
    }
    let mut committed = BTreeMap::new();
    while let Some(theirs) = writers.join_next().await {
        for (position, thing) in theirs.unwrap() {
            let place = (position.partition, position.position);
            assert_eq!(
                committed.insert(place, thing),
                None,
                "{place:?} given twice"
            );
        }
    }
    assert!(committed.len() > 100);
    let heads = transport.source().heads().await.unwrap();
    early.reach(&mut stream, &heads).await;
    let mut late = Reader::new(&log);
    late.catch_up(&transport.source()).await;
    for reader in [early, late] {
        let seen: BTreeMap<_, _> = reader
            .events
            .into_iter()
            .map(|event| ((event.partition, event.position), event.aggregate_id))
            .collect();
        assert_eq!(seen, committed);
    }
}

/// Events of one transaction are all there once any is, each in its own partition.
pub async fn one_transaction_with_events_of_several_partitions_arrives_whole(
    transport: &impl Transport,
) {
    let log = transport.log();
    let mut work = log.begin().await.unwrap();
    // descending, as no order may be relied upon
    for partition in (0..PARTITIONS).rev() {
        change(
            &mut work,
            &contact_in(partition, 0),
            &format!("t{partition}"),
            8,
        )
        .await
        .unwrap();
    }
    let positions = work.commit().await.unwrap();
    let partitions: Vec<u32> = positions
        .iter()
        .map(|position| position.partition)
        .collect();
    assert_eq!(
        partitions,
        (0..PARTITIONS as u32).rev().collect::<Vec<_>>(),
        "positions are told in the order of the events"
    );
    let mut reader = Reader::new(&log);
    reader.catch_up(&transport.source()).await;
    let places = reader
        .events
        .iter()
        .map(|event| (event.partition, event.aggregate_id.clone()));
    let expected = (0..PARTITIONS as u32).map(|partition| (partition, format!("t{partition}")));
    assert_eq!(places.collect::<BTreeMap<_, _>>(), expected.collect());
}

/// A reader at the head is woken by the commit itself; the next look at the table would come 250 ms later.
pub async fn what_is_committed_arrives_at_once(transport: &impl Transport) {
    let log = transport.log();
    let fastest = fastest_arrival(transport, &log).await;
    assert!(fastest < Duration::from_millis(150), "{fastest:?}");
}

/// Wake-ups are hints: without any, the table is looked at before the next sign of life.
pub async fn what_another_process_writes_arrives_without_a_hint(transport: &impl Transport) {
    let other = transport.other_process().await;
    let fastest = fastest_arrival(transport, &other).await;
    assert!(fastest < Duration::from_millis(1_200), "{fastest:?}");
}

/// Each event is written when the one before has just arrived. The first is left out: it may meet the
/// reader on its way.
async fn fastest_arrival(transport: &impl Transport, writer: &EventLog) -> Duration {
    let mut reader = Reader::new(&transport.log());
    let mut stream = reader.subscribe(&transport.source()).await;
    reader.take(next(&mut stream).await.unwrap().unwrap());
    let mut fastest = Duration::MAX;
    for n in 0..5 {
        let start = Instant::now();
        let place = write(writer, &contact_in(5, 0), "thing").await;
        while reader.events.len() <= n {
            reader.take(next(&mut stream).await.unwrap().unwrap());
        }
        assert_eq!(reader.cursors[5].position, place.position);
        if n > 0 {
            fastest = fastest.min(start.elapsed());
        }
    }
    fastest
}

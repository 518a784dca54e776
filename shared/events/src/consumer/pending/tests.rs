//! Whatever is delivered, each event is taken once, in order, and never one of another history.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proto::events::v1::{Cursor, Envelope};

use super::{Misfit, Pending, Verdict, after};

const PARTITIONS: usize = 3;

/// A history: in each partition so many events; `twist` makes the ids differ from there on.
fn history(lengths: [u64; PARTITIONS], twist: u64, salt: u8) -> Vec<Vec<Envelope>> {
    (0..PARTITIONS)
        .map(|partition| {
            let id = |position: u64| match position {
                0 => Vec::new(),
                _ if position >= twist => vec![partition as u8, position as u8, salt],
                _ => vec![partition as u8, position as u8, 0],
            };
            (1..=lengths[partition])
                .map(|position| Envelope {
                    partition: partition as u32,
                    position,
                    event_id: id(position),
                    prev_event_id: id(position - 1),
                    log_epoch: vec![1],
                    ..Envelope::default()
                })
                .collect()
        })
        .collect()
}

fn origin() -> Vec<Cursor> {
    (0..PARTITIONS as u32)
        .map(|partition| Cursor {
            partition,
            ..Cursor::default()
        })
        .collect()
}

/// A delivery: some events of a history, in some order, some of them twice.
fn delivery() -> impl Strategy<Value = Vec<(usize, prop::sample::Index)>> {
    prop::collection::vec((0..PARTITIONS, any::<prop::sample::Index>()), 0..12)
}

/// As a consumer does it: gaps are filled from the log, what was taken is applied now and then.
fn consume(
    log: &[Vec<Envelope>],
    cursors: &mut Vec<Cursor>,
    delivered: Vec<Envelope>,
    stretch: usize,
) -> Result<Vec<Envelope>, Misfit> {
    let mut pending = Pending::after(cursors);
    let mut applied = Vec::new();
    for event in delivered {
        let partition = event.partition as usize;
        while pending.verdict(&event)? == Verdict::Gap {
            let from = pending.position(partition) as usize;
            for missing in log[partition].iter().skip(from).take(stretch) {
                pending.take(missing.clone())?;
            }
            if pending.len() > 4 {
                applied.extend(pending.flush().0);
            }
        }
        pending.take(event)?;
    }
    let (events, next) = pending.flush();
    applied.extend(events);
    *cursors = next.to_vec();
    Ok(applied)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Duplicates, gaps and disorder leave no trace.
    #[test]
    fn each_event_is_taken_once_and_in_order(
        lengths in prop::array::uniform3(0..20_u64),
        deliveries in prop::collection::vec(delivery(), 0..6),
        stretch in 1..7_usize,
    ) {
        let log = history(lengths, u64::MAX, 0);
        let mut cursors = origin();
        let mut applied = Vec::new();
        let whole = log.concat();
        let partial = deliveries.into_iter().map(|delivery| {
            let some = delivery.into_iter().filter(|(partition, _)| !log[*partition].is_empty());
            some.map(|(partition, at)| at.get(&log[partition]).clone()).collect()
        });
        for delivered in partial.chain([whole.clone()]) {
            applied.extend(consume(&log, &mut cursors, delivered, stretch).unwrap());
        }
        for partition in 0..PARTITIONS {
            let of_it = applied.iter().filter(|event| event.partition == partition as u32);
            prop_assert!(of_it.eq(&log[partition]));
            let end = log[partition].last().map_or_else(|| origin().remove(partition), after);
            prop_assert_eq!(&cursors[partition], &end);
        }
    }

    /// A reader somewhere in one history never takes an event of another after the fork, and says so
    /// as soon as it would have to.
    #[test]
    fn an_event_of_another_history_is_never_taken(
        lengths in prop::array::uniform3(1..20_u64),
        twist in 1..20_u64,
        read in prop::array::uniform3(0..20_u64),
        delivered in delivery(),
        stretch in 1..7_usize,
    ) {
        let ours = history(lengths, twist, 7);
        let theirs = history(lengths, twist, 9);
        let mut cursors = origin();
        for partition in 0..PARTITIONS {
            let read = read[partition].min(lengths[partition]) as usize;
            if let Some(last) = ours[partition][..read].last() {
                cursors[partition] = after(last);
            }
        }
        let before = cursors.clone();
        let ids: BTreeSet<_> = ours.concat().into_iter().map(|event| event.event_id).collect();
        let delivered: Vec<_> = delivered
            .into_iter()
            .map(|(partition, at)| at.get(&theirs[partition]).clone())
            .collect();
        // what lies above a cursor that is past the fork cannot be taken
        let must_fail = delivered.iter().find(|event| {
            let cursor = &before[event.partition as usize];
            event.position > cursor.position && cursor.position >= twist
        });
        match consume(&theirs, &mut cursors, delivered.clone(), stretch) {
            Ok(applied) => {
                prop_assert_eq!(must_fail, None);
                for event in applied {
                    let cursor = &before[event.partition as usize];
                    prop_assert!(event.position > cursor.position && cursor.position < twist);
                    prop_assert!(event.position >= twist || ids.contains(&event.event_id));
                }
            }
            Err(misfit) => {
                prop_assert!(must_fail.is_some());
                prop_assert!(matches!(misfit, Misfit::Fork { .. }), "{}", misfit);
            }
        }
    }
}

#[test]
fn another_epoch_is_another_history_even_with_the_same_ids() {
    let log = history([3, 0, 0], u64::MAX, 0);
    let mut cursors = origin();
    cursors[0] = after(&log[0][0]);
    cursors[0].log_epoch = vec![2];
    let mut pending = Pending::after(&cursors);
    let fork = pending.take(log[0][1].clone());
    assert_eq!(fork, Err(Misfit::Fork { partition: 0 }));
    assert_eq!(
        pending.take(log[0][0].clone()),
        Ok(()),
        "known, whatever its epoch"
    );
    assert_eq!(pending.len(), 0);
}

#[test]
fn a_hole_and_a_partition_that_does_not_exist_are_told() {
    let log = history([3, 0, 0], u64::MAX, 0);
    let mut pending = Pending::after(&origin());
    let hole = pending.take(log[0][1].clone());
    assert_eq!(hole, Err(Misfit::Hole { partition: 0 }));
    let mut nowhere = log[0][0].clone();
    nowhere.partition = 16;
    assert_eq!(
        pending.take(nowhere),
        Err(Misfit::NoPartition { partition: 16 })
    );
}

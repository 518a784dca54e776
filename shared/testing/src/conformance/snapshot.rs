//! A snapshot and what follows its cursors are together the whole truth.

use std::collections::BTreeMap;

use events::{ContactRef, EventLog, MAX_PAYLOAD, source::SnapshotPiece};
use futures::StreamExt;

use super::{
    Reader, Transport,
    owner::{CHANGED, apply, change, contact_in, things, workspace, write, write_many},
    reader::{soon, whole},
};

/// So many things of contacts in so many partitions.
async fn make(log: &EventLog, count: usize, partitions: usize) {
    let contacts: Vec<_> = (0..partitions).map(|p| contact_in(p, 0)).collect();
    let mut work = log.begin().await.unwrap();
    for n in 0..count {
        let thing = format!("thing {n:03}");
        change(&mut work, &contacts[n % partitions], &thing, 900)
            .await
            .unwrap();
    }
    work.commit().await.unwrap();
}

/// The cursors are those of the log's heads; the states are at no position.
pub async fn a_snapshot_tells_its_cursors_then_every_state_then_ends(transport: &impl Transport) {
    let log = transport.log();
    let (cursors, states) = whole(transport.source().snapshot(None).await.unwrap()).await;
    assert_eq!(cursors, transport.source().heads().await.unwrap());
    assert_eq!(states, []);
    // several pages, the last one full, and history that the states need not repeat
    make(&log, 300, 16).await;
    for n in 0..10 {
        write(&log, &contact_in(n % 16, 0), &format!("thing {n:03}")).await;
    }
    let (cursors, states) = whole(transport.source().snapshot(None).await.unwrap()).await;
    assert_eq!(cursors, transport.source().heads().await.unwrap());
    assert_eq!(states.len(), 300);
    let mut found = BTreeMap::new();
    for state in &states {
        assert_eq!((state.position, state.prev_event_id.len()), (0, 0));
        assert_eq!(state.log_epoch, log.epoch());
        assert_eq!(
            (state.source.as_str(), state.r#type.as_str()),
            (log.source(), CHANGED)
        );
        assert_eq!(
            state.contact_id,
            contact_in(state.partition as usize, 0).as_str()
        );
        apply(&mut found, state);
    }
    assert_eq!(found, things(log.database()).await);
}

/// Changed, made and changed again between any two pages: the snapshot with the events after its cursors
/// ends where the owner is.
pub async fn what_changes_during_a_snapshot_is_not_lost(transport: &impl Transport) {
    let log = transport.log();
    make(&log, 500, 4).await;
    let mut snapshot = soon("a snapshot", transport.source().snapshot(None))
        .await
        .unwrap();
    let mut found = BTreeMap::new();
    let mut cursors = None;
    let mut piece_number = 0;
    while let Some(piece) = soon("a piece", snapshot.next()).await {
        match piece.unwrap() {
            SnapshotPiece::Cursors(at) => cursors = Some(at),
            SnapshotPiece::State(states) => {
                for state in &states {
                    apply(&mut found, state);
                }
            }
        }
        // behind, ahead of, and on the page that is read next
        for thing in [0, 160, 320, 499] {
            write(
                &log,
                &contact_in(thing % 4, 0),
                &format!("thing {thing:03}"),
            )
            .await;
        }
        for name in ["a new thing", "thing 160 and a half", "zzz"] {
            write(&log, &contact_in(1, 0), &format!("{name} {piece_number}")).await;
        }
        piece_number += 1;
    }
    assert!(piece_number >= 4, "{piece_number} pieces are no test");
    let mut reader = Reader::at(&log, cursors.expect("no cursors"));
    reader.catch_up(&transport.source()).await;
    for event in &reader.events {
        apply(&mut found, event);
    }
    assert_eq!(found, things(log.database()).await);
}

/// However large the states of a page are, the transport carries them.
pub async fn pages_of_large_states_arrive(transport: &impl Transport) {
    let log = transport.log();
    write_many(&log, &contact_in(0, 0), 300, MAX_PAYLOAD).await;
    let (_, states) = whole(transport.source().snapshot(None).await.unwrap()).await;
    assert_eq!(states.len(), 300);
    assert!(
        states
            .iter()
            .all(|state| state.payload.len() == MAX_PAYLOAD)
    );
}

/// Those who compare or repair ask for a few contacts at a time.
pub async fn a_snapshot_of_some_contacts_tells_of_nobody_else(transport: &impl Transport) {
    let log = transport.log();
    make(&log, 320, 16).await;
    let asked = [3, 7, 11].map(|partition| ContactRef {
        workspace: workspace(),
        contact: contact_in(partition, 0),
    });
    let of = Some(asked.to_vec());
    let (cursors, states) = whole(transport.source().snapshot(of).await.unwrap()).await;
    assert_eq!(cursors, transport.source().heads().await.unwrap());
    let mut partitions: Vec<_> = states.iter().map(|state| state.partition).collect();
    partitions.sort_unstable();
    let expected: Vec<_> = [3, 7, 11].into_iter().flat_map(|p| [p; 20]).collect();
    assert_eq!(partitions, expected);
    // of nobody is not of everybody
    if let Ok(snapshot) = transport.source().snapshot(Some(Vec::new())).await {
        assert_eq!(whole(snapshot).await.1, []);
    }
}

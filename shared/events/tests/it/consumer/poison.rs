//! Events that cannot be applied, and databases that cannot for a while.

use std::time::Duration;

use prost::Message;
use proto::events::v1::Envelope;
use testing::conformance::owner::{change, contact_in, write};

use super::{heads, run};
use crate::{
    journal::{Reader, number},
    owner::Owner,
    sources::local,
};

/// Of one batch over two partitions with two poisoned events all others are applied, in order.
#[tokio::test]
async fn a_poisoned_event_is_parked_after_five_tries_and_the_others_are_applied_in_order() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let contacts = [contact_in(2, 0), contact_in(7, 0)];
    for thing in ["a", "b", "poison", "c", "more poison", "d"] {
        for contact in &contacts[..if thing == "poison" { 1 } else { 2 }] {
            let thing = format!("{thing}/{contact}");
            write(&owner.log(), contact, &thing).await;
            if thing.starts_with("poison")
                || thing.starts_with(&format!("more poison/{}", contacts[1]))
            {
                reader.script.poison.lock().insert(thing);
            }
        }
    }
    let consumer = reader.consumer(local(&owner.log()));
    let progress = consumer.progress();
    let _running = run(consumer);
    let heads = heads(&owner.log()).await;
    reader.reaches(&heads).await;
    assert!(progress.reached(7, 5, Duration::from_secs(20)).await);
    // thing number 3 of the first contact and number 4 of the second
    let parked = [(2, 3), (7, 4)];
    let expected: Vec<_> = [2, 7]
        .into_iter()
        .flat_map(|p| (1..=heads[p as usize].position).map(move |position| (p, position)))
        .filter(|place| !parked.contains(place))
        .collect();
    let mut effects = reader.effects().await;
    effects.sort_by_key(|(partition, _)| *partition);
    assert_eq!(effects, expected);
    let mut told = reader.script.committed.lock().clone();
    told.sort_by_key(|(partition, _)| *partition);
    assert_eq!(told, expected, "of a parked event nobody is told");
    let tries = reader.script.tries.lock().clone();
    for place in parked {
        let alone = tries.iter().filter(|events| **events == [place]).count();
        assert_eq!(alone, 5, "{place:?}");
    }
    let rows = reader
        .query("select * from consumer_quarantine order by part", |row| {
            let text = |column: &str| row.try_get::<String>("", column).unwrap();
            let bytes = |column: &str| row.try_get::<Vec<u8>>("", column).unwrap();
            assert_eq!(
                (text("projection"), text("source")),
                ("journal".into(), "sample".into())
            );
            assert!(number(row, "parked_at") > 1_700_000_000_000_000);
            let envelope = Envelope::decode(bytes("envelope").as_slice()).unwrap();
            assert_eq!(envelope.event_id, bytes("event_id"));
            assert_eq!(envelope.contact_id, text("contact_id"));
            assert_eq!(
                text("error"),
                format!("{} is poison", envelope.aggregate_id)
            );
            (number(row, "part") as u32, number(row, "pos") as u64)
        })
        .await;
    assert_eq!(rows, parked);
}

/// A bug that panics is poison too: it takes neither the consumer nor the events behind it down.
#[tokio::test]
async fn an_event_that_makes_the_projection_panic_is_parked() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    reader.script.panics.lock().insert("bug".into());
    for thing in ["a", "bug", "b"] {
        write(&owner.log(), &contact_in(2, 0), thing).await;
    }
    let _running = run(reader.consumer(local(&owner.log())));
    reader.reaches(&heads(&owner.log()).await).await;
    assert_eq!(reader.effects().await, [(2, 1), (2, 3)]);
    let sql = "select error from consumer_quarantine";
    let errors = reader
        .query(sql, |row| row.try_get::<String>("", "error").unwrap())
        .await;
    assert_eq!(errors, ["a panic: bug is a bug"]);
}

/// A database that fails is not the event's fault: tried again until it works, and never parked.
#[tokio::test]
async fn store_errors_are_retried_and_never_parked() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    *reader.script.failures.lock() = 4;
    let place = write(&owner.log(), &contact_in(2, 0), "thing").await;
    let consumer = reader.consumer(local(&owner.log()));
    let progress = consumer.progress();
    let _running = run(consumer);
    assert!(
        progress
            .reached(2, place.position, Duration::from_secs(20))
            .await
    );
    assert_eq!(reader.script.tries.lock().len(), 5);
    assert_eq!(reader.effects().await, [(2, 1)]);
    let parked = reader
        .query("select 1 from consumer_quarantine", |_| ())
        .await;
    assert!(parked.is_empty());
}

/// What a projection does not know, it passes over; the cursor moves on.
#[tokio::test]
async fn an_event_of_an_unknown_type_is_passed_over() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let contact = contact_in(2, 0);
    let mut work = owner.log().begin().await.unwrap();
    change(&mut work, &contact, "a", 8).await.unwrap();
    work.emit(events::NewEvent {
        kind: "sample.v2.SomethingNew",
        aggregate_id: "new".into(),
        aggregate_version: 1,
        contact: Some(contact.clone()),
        workspace: testing::conformance::owner::workspace(),
        occurred_at: 0,
        payload: vec![0xff; 10],
    });
    change(&mut work, &contact, "b", 8).await.unwrap();
    work.commit().await.unwrap();
    let _running = run(reader.consumer(local(&owner.log())));
    reader.reaches(&heads(&owner.log()).await).await;
    assert_eq!(reader.effects().await, [(2, 1), (2, 3)]);
    assert_eq!(reader.cursors().await[2].position, 3);
}

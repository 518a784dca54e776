//! Events that could not be applied, and can later.

use testing::conformance::owner::{contact_in, write};

use super::{heads, run};
use crate::{journal::Reader, owner::Owner, sources::local};

async fn parked(reader: &Reader) -> usize {
    let rows = reader.query("select 1 from consumer_quarantine", |_| ());
    rows.await.len()
}

/// After an upgrade that can take them: the newest state of each, without a person, and nothing twice.
#[tokio::test]
async fn what_was_parked_is_made_good_from_the_source_once_it_can_be_applied() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    for thing in ["odd", "odder"] {
        reader.script.poison.lock().insert(thing.into());
    }
    for (partition, thing) in [(2, "a"), (2, "odd"), (2, "odd"), (7, "odder"), (7, "b")] {
        write(&owner.log(), &contact_in(partition, 0), thing).await;
    }
    let consumer = reader.consumer(local(&owner.log()));
    let running = run(consumer.clone());
    reader.reaches(&heads(&owner.log()).await).await;
    assert_eq!(parked(&reader).await, 3);
    drop(running);
    let cursors = reader.cursors().await;
    // still poison: nothing happened
    let done = consumer.repair().await.unwrap();
    assert_eq!((done.events, done.left), (0, 3));
    assert_eq!(parked(&reader).await, 3);
    // one of them can be applied by now
    reader.script.poison.lock().remove("odd");
    let done = consumer.repair().await.unwrap();
    assert_eq!((done.events, done.left), (2, 1));
    assert_eq!(reader.things().await, ["a", "b", "odd"]);
    let sql = "select version from effect where thing = 'odd'";
    let versions = reader
        .query(sql, |row| row.try_get::<i64>("", "version").unwrap())
        .await;
    assert_eq!(versions, [2], "the newest state, once");
    assert!(reader.script.committed.lock().contains(&(2, 0)));
    reader.script.poison.lock().clear();
    let done = consumer.repair().await.unwrap();
    assert_eq!((done.events, done.left), (1, 0));
    assert_eq!(parked(&reader).await, 0);
    let done = consumer.repair().await.unwrap();
    assert_eq!((done.events, done.left), (0, 0));
    assert_eq!(reader.things().await, ["a", "b", "odd", "odder"]);
    assert_eq!(
        reader.cursors().await,
        cursors,
        "the feed goes on as before"
    );
}

/// What the source does not tell any more stays for a person, and so does what concerns no contact.
#[tokio::test]
async fn what_the_source_cannot_tell_again_stays_parked() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    reader.script.poison.lock().insert("odd".into());
    write(&owner.log(), &contact_in(2, 0), "odd").await;
    let consumer = reader.consumer(local(&owner.log()));
    let running = run(consumer.clone());
    reader.reaches(&heads(&owner.log()).await).await;
    drop(running);
    reader.script.poison.lock().clear();
    let gone = "delete from thing";
    let work = owner.log().begin().await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(work.tx(), gone)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let done = consumer.repair().await.unwrap();
    assert_eq!((done.events, done.left), (0, 1));
    assert_eq!(parked(&reader).await, 1);
}

/// More than are read at once, of more contacts than one.
#[tokio::test]
async fn many_parked_events_are_made_good_in_one_round() {
    let owner = Owner::start().await;
    let reader = Reader::new().await;
    let contacts = [contact_in(2, 0), contact_in(2, 1), contact_in(9, 0)];
    for n in 0..120 {
        let thing = format!("odd {}", n % 40);
        reader.script.poison.lock().insert(thing.clone());
        write(&owner.log(), &contacts[n % 40 % 3], &thing).await;
    }
    let consumer = reader.consumer(local(&owner.log()));
    let running = run(consumer.clone());
    reader.reaches(&heads(&owner.log()).await).await;
    drop(running);
    assert_eq!(parked(&reader).await, 120);
    reader.script.poison.lock().clear();
    let done = consumer.repair().await.unwrap();
    assert_eq!((done.events, done.left), (120, 0));
    assert_eq!(parked(&reader).await, 0);
    assert_eq!(reader.things().await.len(), 40);
}

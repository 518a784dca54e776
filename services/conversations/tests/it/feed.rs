//! What others learn from this service.

use std::collections::HashMap;

use futures::StreamExt;
use proto::{
    events::v1::{
        ContactRef, Envelope, SnapshotRequest, SubscribeRequest, snapshot_response::Piece,
        subscribe_response::Frame,
    },
    tickets::v1::StateCategory,
};
use types::ContactId;

use crate::{
    tickets::Ticket,
    world::{Told, World},
};

/// The newest state of every aggregate, as a snapshot tells it.
async fn snapshot(world: &World, of: &[&ContactId]) -> HashMap<String, Told> {
    let contacts = of.iter().map(|contact| ContactRef {
        workspace_id: world.workspace.to_string(),
        contact_id: contact.to_string(),
    });
    let request = SnapshotRequest {
        contacts: contacts.collect(),
    };
    let stream = world.feed().snapshot(world.as_bff(request)).await;
    let pieces: Vec<_> = stream.unwrap().into_inner().collect().await;
    let mut pieces = pieces
        .into_iter()
        .map(|piece| piece.unwrap().piece.unwrap());
    assert!(
        matches!(pieces.next(), Some(Piece::Cursors(_))),
        "cursors come first"
    );
    let mut state = HashMap::new();
    for piece in pieces {
        let Piece::State(batch) = piece else {
            panic!("cursors come once");
        };
        for envelope in batch.events {
            let known = state.insert(envelope.aggregate_id.clone(), Told::of(envelope));
            assert!(known.is_none(), "each copy comes once");
        }
    }
    state
}

/// A6: a snapshot tells what the newest events told, frontiers and contact messages included.
#[tokio::test]
async fn a_snapshot_equals_the_newest_event_of_every_copy() {
    let world = World::start().await;
    let contacts: Vec<ContactId> = (0..3).map(|_| ContactId::generate()).collect();
    for contact in &contacts {
        let id = world.started_by(contact).await;
        let ticket = Ticket::new(&world.workspace, contact, &id);
        world.stamped(contact, &ticket).await;
        world.reply(&id, "three").await;
        world.read(contact, &id, 2).await.unwrap();
        world.say(contact, &id, "four", 0).await.unwrap();
        let moved = ticket.moved(StateCategory::Resolved);
        world.stamped(contact, &moved).await;
        world.note(&id, "note").await;
        world.empty_of(contact).await;
        let gone = world.started_by(contact).await;
        world.delete(&gone).await;
    }
    let mut newest: HashMap<String, Told> = HashMap::new();
    for contact in &contacts {
        for told in world.told(contact).await {
            newest.insert(told.envelope.aggregate_id.clone(), told);
        }
    }
    let state = snapshot(&world, &[]).await;
    assert_eq!(state.len(), 9);
    let alone = snapshot(&world, &[&contacts[1]]).await;
    let mut others = state.keys().filter(|of| !alone.contains_key(*of));
    assert_eq!((alone.len(), others.clone().count()), (3, 6));
    assert!(others.all(|of| state[of].envelope.contact_id != contacts[1].as_str()));
    for (aggregate, told) in &newest {
        let found = &state[aggregate];
        assert_eq!(found.event, told.event);
        assert_eq!(
            found.envelope.aggregate_version,
            told.envelope.aggregate_version
        );
        assert_eq!(found.envelope.partition, told.envelope.partition);
        assert_eq!(found.envelope.position, 0);
    }
    assert!(state.values().any(|told| told.event.deleted));
    assert!(state.values().any(|told| !told.event.frontier.is_empty()));
}

/// More copies than fit on a page.
#[tokio::test]
async fn a_snapshot_of_many_pages_misses_no_copy() {
    let world = World::start().await;
    let ada = ContactId::generate();
    for _ in 0..257 {
        world.empty_of(&ada).await;
    }
    assert_eq!(snapshot(&world, &[]).await.len(), 257);
}

/// The feed is live: a change reaches its readers without being asked for again.
#[tokio::test]
async fn a_message_reaches_a_subscriber_at_once() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.started_by(&ada).await;
    let heads = world
        .feed()
        .get_heads(world.as_bff(Default::default()))
        .await
        .unwrap()
        .into_inner()
        .heads;
    let request = SubscribeRequest { cursors: heads };
    let mut feed = world
        .feed()
        .subscribe(world.as_bff(request))
        .await
        .unwrap()
        .into_inner();
    let part = world.reply(&id, "two").await;
    let event: Envelope = loop {
        let frame = feed.message().await.unwrap().unwrap().frame.unwrap();
        if let Frame::Batch(mut batch) = frame {
            break batch.events.remove(0);
        }
    };
    assert_eq!(event.source, "conversations");
    assert_eq!(event.contact_id, ada.as_str());
    assert_eq!(event.workspace_id, world.workspace.as_str());
    let told = Told::of(event);
    assert_eq!(told.event.head_seq, part.contact_seq);
    assert_eq!(told.event.preview.unwrap().text, "two");
}

//! Many at once: what decides is the database, whoever is faster.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use proto::{conversations::v1 as pb, tickets::v1::StateCategory};
use tokio::sync::Barrier;
use types::ContactId;

use crate::{
    tickets::Ticket,
    world::{ConversationId, World},
};

const AT_ONCE: u64 = 32;

/// Runs them all, none before every other is ready; each on a connection of its own.
async fn at_once<T, F: Future<Output = T>>(calls: impl IntoIterator<Item = F>) -> Vec<T> {
    let calls: Vec<F> = calls.into_iter().collect();
    let barrier = Arc::new(Barrier::new(calls.len()));
    join_all(calls.into_iter().map(|call| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            call.await
        }
    }))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_messages_at_once_make_a_dense_timeline() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.empty_of(&ada).await;
    let sent = at_once((0..AT_ONCE).map(|n| {
        let (world, ada, id) = (&world, &ada, &id);
        async move {
            match n % 4 {
                0 => Some(
                    world
                        .say(ada, id, "mine", 0)
                        .await
                        .unwrap()
                        .part
                        .unwrap()
                        .seq,
                ),
                1 => {
                    world.note(id, "between").await;
                    None
                }
                _ => Some(world.reply(id, "yours").await.contact_seq),
            }
        }
    }))
    .await;
    let seqs: BTreeSet<u64> = sent.into_iter().flatten().collect();
    let visible = AT_ONCE - AT_ONCE / 4;
    assert_eq!(seqs, (1..=visible).collect());

    let list = pb::ListPartsRequest {
        conversation_id: id.clone(),
        page_size: 100,
        ..Default::default()
    };
    let parts = world.client().list_parts(world.as_teammate(list)).await;
    let seqs: Vec<u64> = parts
        .unwrap()
        .into_inner()
        .parts
        .iter()
        .map(|p| p.seq)
        .collect();
    assert_eq!(seqs, (1..=AT_ONCE).rev().collect::<Vec<_>>());
    let thread = world.thread(&ada, &id).await;
    let seqs: Vec<u64> = thread.iter().map(|part| part.seq).collect();
    assert_eq!(seqs, (1..=visible).collect::<Vec<_>>());

    // each change was told once, in the order it happened
    let told = world.told(&ada).await;
    let versions: Vec<_> = told
        .iter()
        .map(|told| (told.envelope.aggregate_version, told.event.head_seq + 1))
        .collect();
    assert_eq!(
        versions,
        (1..=visible + 1).map(|n| (n, n)).collect::<Vec<_>>()
    );
    let foreign = thread.iter().rfind(|part| !part.mine).unwrap().seq;
    assert_eq!(told.last().unwrap().event.last_foreign_message_seq, foreign);
}

/// T10
#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_id_in_parallel_makes_one_message() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.empty_of(&ada).await;
    let answers = at_once((0..8).map(|_| {
        let request = pb::SendContactMessageRequest {
            request_id: "tap".into(),
            conversation_id: id.clone(),
            body: "two taps".into(),
            ..Default::default()
        };
        let request = world.as_contact(&ada, request);
        let mut client = world.client();
        async move { client.send_contact_message(request).await }
    }))
    .await;
    let parts: BTreeSet<String> = answers
        .into_iter()
        .map(|answer| answer.unwrap().into_inner().part.unwrap().part_id)
        .collect();
    assert_eq!(parts.len(), 1);
    assert_eq!(world.thread(&ada, &id).await.len(), 1);
}

/// A2
#[tokio::test(flavor = "multi_thread")]
async fn racing_receipts_end_at_the_highest() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.empty_of(&ada).await;
    for _ in 0..AT_ONCE {
        world.reply(&id, "more").await;
    }
    // 7 is prime to 32: all places, in no order
    let answers = at_once((0..AT_ONCE).map(|n| world.read(&ada, &id, n * 7 % AT_ONCE + 1))).await;
    for answer in &answers {
        assert!(answer.is_ok());
    }
    assert_eq!(world.copy(&ada, &id).await.unwrap().read_seq, AT_ONCE);
    let told = world.told(&ada).await;
    let reads: Vec<u64> = told.iter().map(|told| told.event.read_seq).collect();
    assert!(reads.is_sorted(), "{reads:?}");
    assert_eq!(reads.last(), Some(&AT_ONCE));
    let moved = answers
        .iter()
        .filter(|answer| !answer.as_ref().unwrap().positions.is_empty());
    let versions: Vec<u64> = told.iter().map(|t| t.envelope.aggregate_version).collect();
    let count = 1 + AT_ONCE + moved.count() as u64;
    assert_eq!(
        versions,
        (1..=count).collect::<Vec<_>>(),
        "one event a move"
    );
}

/// A1, A6: the last word of the events is what is in the database.
#[tokio::test(flavor = "multi_thread")]
async fn stamps_racing_messages_and_receipts_lose_nothing() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = world.empty_of(&ada).await;
    let mut ticket = Ticket::new(&world.workspace, &ada, &id);
    let (stamps, messages) = (12, 12);
    let stamping = async {
        for _ in 0..stamps {
            world.tickets.tell(&[&ticket]).await;
            ticket = ticket.clone().moved(StateCategory::InProgress);
        }
    };
    let talking = async {
        for _ in 0..messages {
            let said = world.say(&ada, &id, "hello", 0).await.unwrap();
            world.read(&ada, &id, said.part.unwrap().seq).await.unwrap();
        }
    };
    tokio::join!(stamping, talking);
    let thread = testing::eventually("all stamps", async || {
        let thread = world.thread(&ada, &id).await;
        let found: Vec<u64> = thread
            .iter()
            .filter_map(|p| Some(p.ticket.as_ref()?.revision))
            .collect();
        assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
        (found.last() == Some(&stamps)).then_some(thread)
    })
    .await;
    let seqs: Vec<u64> = thread.iter().map(|part| part.seq).collect();
    assert_eq!(seqs, (1..=thread.len() as u64).collect::<Vec<_>>());
    let told = world.told(&ada).await;
    let versions: Vec<u64> = told.iter().map(|t| t.envelope.aggregate_version).collect();
    assert_eq!(versions, (1..=told.len() as u64).collect::<Vec<_>>());
    let heads: Vec<u64> = told.iter().map(|told| told.event.head_seq).collect();
    assert!(
        heads.is_sorted(),
        "an event never tells less than the one before"
    );
    let last = told.last().unwrap();
    let at_or_below = thread.iter().take(last.event.read_seq as usize);
    let frontier = at_or_below
        .filter_map(|part| Some(part.ticket.as_ref()?.revision))
        .max();
    assert_eq!(last.read_revision(&ticket), frontier.unwrap_or_default());
}

/// C2: two devices and the event, all at once, give one conversation.
#[tokio::test(flavor = "multi_thread")]
async fn ensuring_and_the_tickets_event_at_once_give_one_conversation() {
    let world = World::start().await;
    let ada = ContactId::generate();
    let id = ConversationId::generate().to_string();
    let ticket = Ticket::new(&world.workspace, &ada, &id);
    let told = async { world.tickets.tell(&[&ticket]).await };
    let ensured = at_once((0..6).map(|_| world.ensure(&id, &ada)));
    let ((), ensured) = tokio::join!(told, ensured);
    for answer in ensured {
        assert_eq!(answer.unwrap().conversation.unwrap().conversation_id, id);
    }
    world.stamped(&ada, &ticket).await;
    assert_eq!(world.stamps(&ada, &id, &ticket).await, [1]);
    let versions: Vec<u64> = world
        .told(&ada)
        .await
        .iter()
        .map(|told| told.envelope.aggregate_version)
        .collect();
    assert!(versions == [1, 2] || versions == [1], "{versions:?}");
}

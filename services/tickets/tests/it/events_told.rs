//! What Tickets tells others of every ticket and contact (A5, A6, R2).

use std::collections::BTreeMap;

use super::support::*;
use proto::tickets::v1::{self as pb, ContactTicketChanged, StateCategory};

type Newest = BTreeMap<String, (u64, ContactTicketChanged)>;

/// A6
#[tokio::test]
async fn each_event_tells_the_whole_state_with_a_dense_version() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    desk.minutes(1);
    desk.set_state("#1", StateCategory::WaitingOnCustomer).await;
    let updated = desk.now();
    desk.minutes(1);
    let rename = pb::UpdateTicketRequest {
        ticket_id: "#1".into(),
        title: Some("Help, please".into()),
        ..Default::default()
    };
    answer(desk.tickets().update_ticket(desk.staff(rename)).await);
    let told = desk.told(&desk.ada).await;
    for (place, (event, _)) in told.iter().enumerate() {
        assert_eq!(event.aggregate_version, place as u64 + 1);
        assert_eq!(
            event.aggregate_id,
            format!("{}/{}", desk.ada, ticket.ticket_id)
        );
        assert_eq!(event.workspace_id, desk.workspace.as_str());
        assert_eq!(event.contact_id, desk.ada.as_str());
        assert_eq!(event.source, "tickets");
    }
    let waiting = desk.state_id(StateCategory::WaitingOnCustomer).await;
    let (_, last) = told.last().unwrap();
    assert_eq!(
        *last,
        ContactTicketChanged {
            contact_id: desk.ada.to_string(),
            ticket_id: ticket.ticket_id,
            visible: true,
            revision: 3,
            notify_revision: 2,
            stamp_revision: 2,
            state_id: waiting,
            category: StateCategory::WaitingOnCustomer.into(),
            number: 1,
            title: "Help, please".into(),
            conversation_id: ticket.conversation_id,
            requester: true,
            create_time: ticket.create_time,
            ticket_update_time: Some(wire(updated)),
            activity_time: Some(wire(updated)),
            deleted: false,
        }
    );
}

/// A6: a rebuild from nothing gives the same as living through it
#[tokio::test]
async fn a_snapshot_tells_what_the_newest_event_of_each_ticket_and_contact_told() {
    let (desk, feed) = Desk::with_feed().await;
    assert_eq!(desk.snapshot().await, []);
    for title in ["One", "Two", "Three", "Four"] {
        desk.submit(&desk.ada, title).await;
    }
    let bobs = desk.submit(&desk.bob, "Bob's").await;
    desk.minutes(1);
    feed.tell(&desk, member(&desk.ada, &bobs.conversation_id))
        .await;
    desk.set_state("#1", StateCategory::Resolved).await;
    desk.unlink("#2").await;
    desk.delete("#3").await.unwrap();
    let mut left = member(&desk.ada, &bobs.conversation_id);
    left.participant = false;
    feed.tell(&desk, left).await;
    desk.set_state(&bobs.ticket_id, StateCategory::InProgress)
        .await;

    let mut lived = Newest::new();
    for contact in [&desk.ada, &desk.bob] {
        for (event, told) in desk.told(contact).await {
            lived.insert(event.aggregate_id, (event.aggregate_version, told));
        }
    }
    let mut rebuilt = Newest::new();
    for (event, told) in desk.snapshot().await {
        assert_eq!(
            (event.position, event.contact_id.as_str()),
            (0, told.contact_id.as_str())
        );
        let twice = rebuilt.insert(event.aggregate_id, (event.aggregate_version, told));
        assert_eq!(twice, None);
    }
    assert_eq!(rebuilt.len(), 6);
    assert_eq!(rebuilt, lived);
    // the same of one contact, what they cannot see any more included
    for contact in [&desk.ada, &desk.bob] {
        let alone: Newest = desk
            .snapshot_of(&[contact])
            .await
            .into_iter()
            .map(|(event, told)| (event.aggregate_id, (event.aggregate_version, told)))
            .collect();
        rebuilt.retain(|_, (_, told)| told.contact_id == contact.as_str());
        assert_eq!(alone, rebuilt);
        rebuilt = lived.clone();
    }
}

/// A6: more than one page of it
#[tokio::test]
async fn a_long_snapshot_tells_of_every_ticket_once() {
    let desk = Desk::new().await;
    let imports = (0..600).map(|number| tickets::import::Import {
        workspace: desk.workspace.clone(),
        requester: if number % 2 == 0 {
            desk.ada.clone()
        } else {
            desk.bob.clone()
        },
        title: format!("Ticket {number}"),
        description: "A long story.".into(),
        category: tickets::import::StateCategory::Submitted,
        created_at: desk.now(),
        notify: true,
    });
    let (url, clock) = (desk.scratch.database_url("tickets"), desk.clock.clone());
    tickets::import::import(&url, std::sync::Arc::new(clock), imports.collect())
        .await
        .unwrap();
    let told = desk.snapshot().await;
    let numbers: std::collections::BTreeSet<u64> = told.iter().map(|(_, t)| t.number).collect();
    assert_eq!((told.len(), numbers.len()), (600, 600));
    // the half of one contact is more than a page too
    let adas = desk.snapshot_of(&[&desk.ada]).await;
    let numbers: std::collections::BTreeSet<u64> = adas.iter().map(|(_, t)| t.number).collect();
    assert_eq!((adas.len(), numbers.len()), (300, 300));
}

/// The position that a write answers is where its event is
#[tokio::test]
async fn a_write_says_where_in_the_log_it_is() {
    let desk = Desk::new().await;
    desk.submit(&desk.ada, "Help").await;
    let request = pb::ChangeTicketStateRequest {
        ticket_id: "#1".into(),
        state_id: desk.state_id(StateCategory::Resolved).await,
        ..Default::default()
    };
    let changed = answer(
        desk.tickets()
            .change_ticket_state(desk.staff(request))
            .await,
    );
    let (event, _) = desk.told(&desk.ada).await.pop().unwrap();
    let [position] = changed.positions.as_slice() else {
        panic!("{changed:?}");
    };
    assert_eq!(
        (
            position.source.as_str(),
            position.partition,
            position.position
        ),
        ("tickets", event.partition, event.position)
    );
}

/// R2, B2: three changes are three events, and the newest tells the time of the last update
#[tokio::test]
async fn only_updates_move_the_time_that_the_card_goes_by() {
    let desk = Desk::new().await;
    desk.submit(&desk.ada, "Help").await;
    desk.minutes(1);
    desk.set_state("#1", StateCategory::InProgress).await;
    let updated = wire(desk.now());
    desk.minutes(1);
    desk.unlink("#1").await;
    desk.minutes(1);
    desk.ensure(&desk.ada, "#1").await.unwrap();
    let (_, told) = desk.told(&desk.ada).await.pop().unwrap();
    assert_eq!(told.revision, 4);
    assert_eq!(
        (told.ticket_update_time, told.activity_time),
        (Some(updated), Some(updated))
    );
}

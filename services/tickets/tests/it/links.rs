//! The one conversation of a shared ticket (O1 to O4, C2, flow c).

use super::support::*;
use proto::tickets::v1 as pb;
use tonic::Code;

const CONVERSATION: &str = "cnv_0000000000000000000000000000000a";

fn on(desk: &Desk, conversation: &str) -> pb::CreateTicketRequest {
    pb::CreateTicketRequest {
        requester_contact_id: desk.ada.to_string(),
        title: "Help".into(),
        conversation_id: conversation.into(),
        ..Default::default()
    }
}

/// O1, O2
#[tokio::test]
async fn a_conversation_has_one_shared_ticket_on_every_way_to_get_one() {
    let (desk, feed) = Desk::with_feed().await;
    feed.tell(&desk, member(&desk.ada, CONVERSATION)).await;
    let first = desk.create(on(&desk, CONVERSATION)).await.unwrap();
    assert_eq!(first.conversation_id, CONVERSATION);
    let (code, reason) = (Code::FailedPrecondition, "SHARED_TICKET_EXISTS");
    refused(desk.create(on(&desk, CONVERSATION)).await, code, reason);
    let other = desk.submit(&desk.ada, "Other").await.ticket_id;
    assert_eq!(
        desk.get(&other).await.unwrap().number,
        2,
        "what was refused took no number"
    );
    desk.unlink(&other).await;
    refused(desk.link(&other, CONVERSATION).await, code, reason);

    desk.set_state(
        &first.ticket_id,
        proto::tickets::v1::StateCategory::Resolved,
    )
    .await;
    refused(desk.link(&other, CONVERSATION).await, code, reason);
    desk.delete(&first.ticket_id).await.unwrap();
    assert_eq!(
        desk.link(&other, CONVERSATION)
            .await
            .unwrap()
            .conversation_id,
        CONVERSATION
    );
}

/// O3
#[tokio::test]
async fn the_same_link_again_is_fine_and_another_needs_an_unlink_first() {
    let (desk, feed) = Desk::with_feed().await;
    feed.tell(&desk, member(&desk.ada, CONVERSATION)).await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let before = desk.get("#1").await.unwrap();
    assert_eq!(
        desk.link("#1", &ticket.conversation_id).await.unwrap(),
        before
    );
    refused(
        desk.link("#1", CONVERSATION).await,
        Code::FailedPrecondition,
        "ALREADY_LINKED",
    );
    assert_eq!(desk.unlink("#1").await.conversation_id, "");
    let unlinked = desk.get("#1").await.unwrap();
    assert_eq!(
        desk.unlink("#1").await,
        unlinked,
        "unlinked already is fine"
    );
    let linked = desk.link("#1", CONVERSATION).await.unwrap();
    assert_eq!(linked.conversation_id, CONVERSATION);
    assert_eq!(desk.link("#1", CONVERSATION).await.unwrap(), linked);
}

/// O4
#[tokio::test]
async fn unlinking_keeps_the_ticket_and_linking_again_badges_nobody_but_is_stamped() {
    let (desk, feed) = Desk::with_feed().await;
    feed.tell(&desk, member(&desk.ada, CONVERSATION)).await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    desk.minutes(5);
    desk.unlink("#1").await;
    let seen = desk.list(&desk.ada).await.remove(0);
    assert_eq!(seen.conversation_id, "");
    assert_eq!((seen.revision, seen.notify_revision), (2, 1));
    assert_eq!(seen.activity_time, ticket.activity_time);
    desk.link("#1", CONVERSATION).await.unwrap();
    let told = desk.told(&desk.ada).await;
    let steps: Vec<_> = told
        .iter()
        .map(|(_, t)| {
            (
                t.revision,
                t.notify_revision,
                t.stamp_revision,
                t.conversation_id.as_str(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            (1, 1, 1, ticket.conversation_id.as_str()),
            (2, 1, 1, ""),
            (3, 1, 3, CONVERSATION)
        ]
    );
}

/// O3, (c)
#[tokio::test]
async fn a_conversation_that_is_not_known_yet_is_no_guess() {
    let (desk, feed) = Desk::with_feed().await;
    desk.submit(&desk.ada, "Help").await;
    desk.unlink("#1").await;
    let (code, reason) = (Code::Unavailable, "CONVERSATION_NOT_KNOWN_YET");
    refused(desk.link("#1", CONVERSATION).await, code, reason);
    refused(desk.create(on(&desk, CONVERSATION)).await, code, reason);
    feed.tell(&desk, member(&desk.ada, CONVERSATION)).await;
    desk.link("#1", CONVERSATION).await.unwrap();
}

/// O3, V2: somebody else's looks the same as one that is not there
#[tokio::test]
async fn a_conversation_of_another_workspace_is_one_that_nobody_knows() {
    let (desk, feed) = Desk::with_feed().await;
    feed.tell(&desk, member(&desk.ada, CONVERSATION)).await;
    let elsewhere = testing::teammate(&types::WorkspaceId::generate(), BOTH);
    let ask = |conversation: &str| {
        let request = desk.as_actor(&elsewhere, on(&desk, conversation));
        async { desk.tickets().create_ticket(request).await }
    };
    let (foreign, missing) = (
        ask(CONVERSATION).await,
        ask("cnv_00000000000000000000000000000000").await,
    );
    assert_eq!(
        foreign.as_ref().unwrap_err().message(),
        missing.as_ref().unwrap_err().message()
    );
    let (code, reason) = (Code::Unavailable, "CONVERSATION_NOT_KNOWN_YET");
    refused(foreign, code, reason);
    refused(missing, code, reason);
}

/// O3
#[tokio::test]
async fn a_deleted_conversation_or_one_without_the_requester_cannot_be_linked() {
    let (desk, feed) = Desk::with_feed().await;
    let (bobs, left, deleted) = (
        "cnv_00000000000000000000000000000001",
        "cnv_00000000000000000000000000000002",
        "cnv_00000000000000000000000000000003",
    );
    feed.tell(&desk, member(&desk.bob, bobs)).await;
    let mut told = member(&desk.ada, left);
    told.participant = false;
    feed.tell(&desk, told).await;
    let mut told = member(&desk.ada, deleted);
    told.deleted = true;
    feed.tell(&desk, told).await;
    desk.submit(&desk.ada, "Help").await;
    desk.unlink("#1").await;
    for refusing in [bobs, left, deleted] {
        let (code, reason) = (Code::FailedPrecondition, "CONVERSATION_NOT_LINKABLE");
        refused(desk.link("#1", refusing).await, code, reason);
        refused(desk.create(on(&desk, refusing)).await, code, reason);
    }
}

/// C2, (c)
#[tokio::test]
async fn after_an_unlink_the_customer_gets_a_fresh_conversation_and_always_the_same_one() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let kept = desk.ensure(&desk.ada, "#1").await.unwrap();
    assert_eq!(
        (kept.conversation_id.as_str(), kept.positions.len()),
        (ticket.conversation_id.as_str(), 0)
    );
    desk.unlink("#1").await;
    let fresh = desk.ensure(&desk.ada, "#1").await.unwrap();
    let derived = ConversationId::derive(&[&ticket.ticket_id, "2"]);
    assert_eq!(fresh.conversation_id, derived.as_str());
    assert_eq!(fresh.positions.len(), 1);
    assert_eq!(
        fresh.ticket.as_ref().unwrap().conversation_id,
        derived.as_str()
    );
    let again = desk.ensure(&desk.ada, "#1").await.unwrap();
    assert_eq!(
        (again.conversation_id.as_str(), again.positions.len()),
        (derived.as_str(), 0)
    );
    desk.unlink("#1").await;
    let first = desk.link("#1", &ticket.conversation_id).await.unwrap();
    assert_eq!(
        first.conversation_id, ticket.conversation_id,
        "its own needs not be known"
    );
    desk.unlink("#1").await;
    let third = desk.ensure(&desk.ada, "#1").await.unwrap();
    assert_eq!(
        third.conversation_id,
        ConversationId::derive(&[&ticket.ticket_id, "3"]).as_str()
    );
}

/// C1, C2
#[tokio::test]
async fn a_ticket_whose_conversation_was_deleted_stays_and_gets_another() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let mut told = member(&desk.ada, &ticket.conversation_id);
    feed.tell(&desk, told.clone()).await;
    told.deleted = true;
    feed.tell(&desk, told).await;
    assert_eq!(desk.list(&desk.ada).await.len(), 1);
    let fresh = desk.ensure(&desk.ada, "#1").await.unwrap();
    assert_eq!(
        fresh.conversation_id,
        ConversationId::derive(&[&ticket.ticket_id, "2"]).as_str()
    );
    assert_eq!(
        desk.get("#1").await.unwrap().conversation_id,
        fresh.conversation_id
    );
    assert_eq!(
        desk.ensure(&desk.ada, "#1").await.unwrap().conversation_id,
        fresh.conversation_id
    );
}

/// C2, T10
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_teammates_who_reply_and_the_customer_who_taps_get_one_conversation() {
    let desk = Desk::new().await;
    desk.submit(&desk.ada, "Help").await;
    desk.unlink("#1").await;
    let ask = |request_id: &str| {
        let body = pb::EnsureConversationRequest {
            request_id: request_id.into(),
            ticket_id: "#1".into(),
            ..Default::default()
        };
        let (request, mut client) = (desk.staff(body), desk.tickets());
        async move { answer(client.ensure_conversation(request).await) }
    };
    let (one, two, tap) = tokio::join!(ask("r-1"), ask("r-2"), desk.ensure(&desk.ada, "#1"));
    let made = one.ticket.clone().unwrap().conversation_id;
    assert_eq!(two.ticket.unwrap().conversation_id, made);
    assert_eq!(tap.unwrap().conversation_id, made);
    assert_eq!(desk.get("#1").await.unwrap().conversation_id, made);

    desk.unlink("#1").await;
    assert_eq!(
        ask("r-1").await,
        one,
        "a retry is led to where its message is"
    );
    assert_eq!(desk.get("#1").await.unwrap().conversation_id, "");
}

/// C2
#[tokio::test]
async fn a_reply_to_a_ticket_whose_conversation_was_deleted_has_another_to_go_to() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let mut told = member(&desk.ada, &ticket.conversation_id);
    told.deleted = true;
    feed.tell(&desk, told).await;
    let body = pb::EnsureConversationRequest {
        ticket_id: "#1".into(),
        ..Default::default()
    };
    let linked = desk.tickets().ensure_conversation(desk.staff(body)).await;
    let linked = answer(linked).ticket.unwrap();
    assert_ne!(linked.conversation_id, ticket.conversation_id);
    assert_eq!(desk.get("#1").await.unwrap(), linked);
}

/// V4
#[tokio::test]
async fn a_ticket_that_is_not_shared_gets_no_conversation_to_reply_in() {
    let desk = Desk::new().await;
    let report = desk.report(&desk.ada, "").await;
    let body = pb::EnsureConversationRequest {
        ticket_id: report.ticket_id.clone(),
        ..Default::default()
    };
    let outcome = desk.tickets().ensure_conversation(desk.staff(body)).await;
    let (code, reason) = (Code::FailedPrecondition, "TICKET_HAS_NO_CONVERSATION");
    refused(outcome, code, reason);
    assert_eq!(desk.get(&report.ticket_id).await.unwrap(), report);
}

/// A note is no reason to begin a conversation, and sent again it goes where it went
#[tokio::test]
async fn a_note_has_the_tickets_own_conversation_to_go_to_or_none() {
    let (desk, feed) = Desk::with_feed().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let ask = |request_id: &str| {
        let body = pb::EnsureConversationRequest {
            request_id: request_id.into(),
            ticket_id: "#1".into(),
            existing_only: true,
        };
        let (request, mut client) = (desk.staff(body), desk.tickets());
        async move { client.ensure_conversation(request).await }
    };
    let none = (Code::FailedPrecondition, "TICKET_HAS_NO_CONVERSATION");
    let first = answer(ask("r-1").await);
    let own = first.ticket.clone().unwrap().conversation_id;
    assert_eq!(own, ticket.conversation_id);

    let mut told = member(&desk.ada, &own);
    told.deleted = true;
    feed.tell(&desk, told).await;
    refused(ask("r-2").await, none.0, none.1);
    desk.unlink("#1").await;
    refused(ask("r-2").await, none.0, none.1);
    assert_eq!(desk.get("#1").await.unwrap().conversation_id, "");
    assert_eq!(answer(ask("r-1").await), first);
}

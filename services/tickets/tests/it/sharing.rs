//! Back-office tickets, shared one by one and taken back.

use std::collections::BTreeMap;

use super::support::*;
use proto::tickets::v1::{self as pb, HistoryKind, StateCategory};
use tonic::Code;

/// T1, V4, V2
#[tokio::test]
async fn nothing_of_an_unshared_ticket_reaches_the_customer_it_is_about() {
    let (desk, feed) = Desk::with_feed().await;
    let chat = ConversationId::generate().to_string();
    feed.tell(&desk, member(&desk.ada, &chat)).await;
    feed.tell(&desk, member(&desk.bob, &chat)).await;
    let ticket = desk.report(&desk.ada, &chat).await;
    let id = ticket.ticket_id.as_str();
    assert!(!ticket.shared && ticket.shareable);
    assert_eq!(ticket.conversation_id, chat);
    assert_eq!((ticket.revision, ticket.notify_revision), (0, 0));
    assert_eq!(ticket.requester_contact_ids, [desk.ada.to_string()]);

    desk.set_state(id, StateCategory::WaitingOnCustomer).await;
    let mut said = member(&desk.ada, &chat);
    said.last_message_time = Some(wire(desk.now()));
    said.last_contact_message = reply(1, id, 9);
    feed.tell(&desk, said).await;
    desk.unlink(id).await;
    let after = desk.link(id, &chat).await.unwrap();
    assert_eq!(after.revision, 0);
    assert_eq!(
        after.state.unwrap().category(),
        StateCategory::WaitingOnCustomer,
        "T7 is for shared tickets"
    );
    for contact in [&desk.ada, &desk.bob] {
        assert_eq!(desk.list(contact).await, []);
        assert_eq!(desk.told(contact).await, []);
        not_found(desk.detail(contact, id).await);
        not_found(desk.detail(contact, "#1").await);
        not_found(desk.ensure(contact, id).await);
    }
    assert_eq!(desk.snapshot().await, []);
    let request = pb::BatchGetContactTicketsRequest {
        ticket_ids: vec![id.into()],
        conversation_ids: vec![chat],
    };
    let request = desk.by(&desk.ada, request);
    let found = answer(desk.tickets().batch_get_contact_tickets(request).await);
    assert_eq!(found.tickets, []);
    assert!(desk.delete(id).await.unwrap().is_empty());
    assert_eq!(desk.told(&desk.ada).await, []);
}

/// B2, V5, L2, L5
#[tokio::test]
async fn a_shared_ticket_is_there_for_its_requester_and_the_conversation_as_a_ticket_update() {
    let (desk, feed) = Desk::with_feed().await;
    let chat = ConversationId::generate().to_string();
    feed.tell(&desk, member(&desk.ada, &chat)).await;
    feed.tell(&desk, member(&desk.bob, &chat)).await;
    let ticket = desk.report(&desk.ada, &chat).await;
    let id = ticket.ticket_id.as_str();
    desk.set_state(id, StateCategory::InProgress).await;
    desk.minutes(5);
    let shared = desk.share(id).await.unwrap();
    assert_eq!(shared.positions.len(), 2, "one event for each of them");
    let after = shared.ticket.unwrap();
    assert!(after.shared && after.shareable);
    assert_eq!((after.revision, after.notify_revision), (1, 1));
    for contact in [&desk.ada, &desk.bob] {
        let seen = desk.detail(contact, id).await.unwrap();
        let [update] = seen.updates.as_slice() else {
            panic!("{seen:?}");
        };
        assert_eq!(update.category(), StateCategory::InProgress);
        assert_eq!((update.revision, update.time), (1, Some(wire(desk.now()))));
        let seen = seen.ticket.unwrap();
        assert_eq!(seen.activity_time, Some(wire(desk.now())));
        assert_eq!(
            (seen.conversation_id.as_str(), seen.notify_revision),
            (chat.as_str(), 1)
        );
        let told = desk.told(contact).await;
        let (event, last) = told.last().unwrap();
        assert_eq!((told.len(), event.aggregate_version), (1, 1));
        assert!(last.visible);
        assert_eq!(
            last.stamp_revision, 1,
            "A1: reading the conversation reads it"
        );
        assert_eq!(last.ticket_update_time, Some(wire(desk.now())));
    }
}

/// V3, B2
#[tokio::test]
async fn taken_back_it_is_gone_at_once_and_shared_again_it_is_unread_again() {
    let desk = Desk::new().await;
    let ticket = desk.report(&desk.ada, "").await;
    let id = ticket.ticket_id.as_str();
    assert_eq!(ticket.conversation_id, "");
    let shared = desk.share(id).await.unwrap().ticket.unwrap();
    assert!(!shared.conversation_id.is_empty(), "C2");
    desk.minutes(1);
    let back = desk.unshare(id).await.unwrap();
    assert_eq!(back.positions.len(), 1);
    assert!(!back.ticket.unwrap().shared);
    assert_eq!(desk.list(&desk.ada).await, []);
    not_found(desk.detail(&desk.ada, id).await);
    let (_, told) = desk.told(&desk.ada).await.pop().unwrap();
    let nothing_else = pb::ContactTicketChanged {
        contact_id: desk.ada.to_string(),
        ticket_id: id.into(),
        state_id: told.state_id.clone(),
        ..Default::default()
    };
    assert_eq!(told, nothing_else);

    desk.set_state(id, StateCategory::Resolved).await;
    assert_eq!(desk.told(&desk.ada).await.len(), 2, "V4");
    desk.minutes(1);
    let again = desk.share(id).await.unwrap().ticket.unwrap();
    assert_eq!((again.revision, again.notify_revision), (3, 3));
    assert_eq!(again.conversation_id, shared.conversation_id);
    let seen = desk.detail(&desk.ada, id).await.unwrap();
    let updates: Vec<_> = seen
        .updates
        .iter()
        .map(|update| update.category())
        .collect();
    let (submitted, resolved) = (StateCategory::Submitted, StateCategory::Resolved);
    assert_eq!(
        updates,
        [submitted, resolved],
        "what they once saw, and now"
    );
    let (event, told) = desk.told(&desk.ada).await.pop().unwrap();
    assert_eq!((event.aggregate_version, told.visible), (3, true));
    assert_eq!(told.activity_time, Some(wire(desk.now())));
    let kinds: Vec<_> = desk
        .history(id)
        .await
        .iter()
        .map(|entry| entry.kind())
        .collect();
    assert_eq!(
        kinds,
        [
            HistoryKind::Created,
            HistoryKind::Shared,
            HistoryKind::Unshared,
            HistoryKind::StateChanged,
            HistoryKind::Shared
        ]
    );
}

/// T1, T4, T12
#[tokio::test]
async fn what_cannot_be_shared_or_taken_back_is_refused_and_what_is_so_already_is_fine() {
    let desk = Desk::new().await;
    let customers = desk.submit(&desk.ada, "Help").await.ticket_id;
    let (code, reason) = (Code::FailedPrecondition, "TICKET_NOT_SHAREABLE");
    refused(desk.unshare(&customers).await, code, reason);
    let same = desk.share(&customers).await.unwrap();
    assert_eq!(same.positions, []);
    let before = desk.get(&customers).await.unwrap();
    assert!(before.shared && !before.shareable);
    assert_eq!(same.ticket, Some(before));

    let chore = pb::CreateTicketTypeRequest {
        name: "Chore".into(),
        category: pb::TypeCategory::BackOffice.into(),
        ..Default::default()
    };
    let chore = pb::CreateTicketRequest {
        requester_contact_id: desk.ada.to_string(),
        type_id: desk.create_type(chore).await.unwrap().type_id,
        title: "Clean up".into(),
        ..Default::default()
    };
    let chore = desk.create(chore).await.unwrap();
    assert!(!chore.shared && !chore.shareable);
    refused(desk.share(&chore.ticket_id).await, code, reason);
    assert_eq!(desk.unshare(&chore.ticket_id).await.unwrap().positions, []);
    not_found(desk.share("#99").await);
    not_found(desk.unshare("#99").await);

    let report = desk.report(&desk.ada, "").await.ticket_id;
    let quietly = pb::ShareTicketRequest {
        ticket_id: report.clone(),
        skip_notifications: true,
        ..Default::default()
    };
    let shared = answer(desk.tickets().share_ticket(desk.staff(quietly)).await);
    assert_eq!(shared.positions.len(), 1);
    assert_eq!(shared.ticket.unwrap().notify_revision, 0);
    let told = desk.told(&desk.ada).await.len();
    assert_eq!(desk.share(&report).await.unwrap().positions, []);
    assert_eq!(desk.told(&desk.ada).await.len(), told);

    // an update that nobody read, taken back with the ticket
    desk.set_state(&report, StateCategory::Resolved).await;
    desk.unshare(&report).await.unwrap();
    let quietly = pb::ShareTicketRequest {
        ticket_id: report,
        skip_notifications: true,
        ..Default::default()
    };
    let shared = answer(desk.tickets().share_ticket(desk.staff(quietly)).await);
    assert_eq!(shared.ticket.unwrap().notify_revision, 0);
    let (_, told) = desk.told(&desk.ada).await.pop().unwrap();
    assert!(told.visible && told.notify_revision == 0);
}

/// O2, O3
#[tokio::test]
async fn a_conversation_that_has_a_shared_ticket_takes_no_other_until_that_is_taken_back() {
    let (desk, feed) = Desk::with_feed().await;
    let chat = ConversationId::generate().to_string();
    feed.tell(&desk, member(&desk.ada, &chat)).await;
    let first = desk.report(&desk.ada, &chat).await.ticket_id;
    let second = desk.report(&desk.ada, &chat).await.ticket_id;
    desk.share(&first).await.unwrap();
    let (code, reason) = (Code::FailedPrecondition, "SHARED_TICKET_EXISTS");
    refused(desk.share(&second).await, code, reason);
    assert!(!desk.get(&second).await.unwrap().shared);
    desk.unshare(&first).await.unwrap();
    desk.share(&second).await.unwrap();
    refused(desk.share(&first).await, code, reason);
}

/// T9, T10
#[tokio::test]
async fn a_retry_of_sharing_has_one_effect_and_a_write_on_an_older_version_none() {
    let desk = Desk::new().await;
    let ticket = desk.report(&desk.ada, "").await;
    let share = |id: &str, expected_version| pb::ShareTicketRequest {
        request_id: id.into(),
        ticket_id: ticket.ticket_id.clone(),
        expected_version,
        ..Default::default()
    };
    let unshare = |id: &str, expected_version| pb::UnshareTicketRequest {
        request_id: id.into(),
        ticket_id: ticket.ticket_id.clone(),
        expected_version,
    };
    let mut client = desk.tickets();
    let (stale, reused) = ("STALE_VERSION", "REQUEST_ID_REUSED");
    let outcome = client.share_ticket(desk.staff(share("1", 9))).await;
    refused(outcome, Code::Aborted, stale);
    let first = answer(client.share_ticket(desk.staff(share("1", 1))).await);
    let again = answer(client.share_ticket(desk.staff(share("1", 1))).await);
    assert_eq!(first, again);
    let outcome = client.share_ticket(desk.staff(share("1", 2))).await;
    refused(outcome, Code::FailedPrecondition, reused);

    let outcome = client.unshare_ticket(desk.staff(unshare("2", 1))).await;
    refused(outcome, Code::Aborted, stale);
    let first = answer(client.unshare_ticket(desk.staff(unshare("2", 2))).await);
    let again = answer(client.unshare_ticket(desk.staff(unshare("2", 2))).await);
    assert_eq!(first, again);
    let outcome = client.unshare_ticket(desk.staff(unshare("1", 0))).await;
    refused(outcome, Code::FailedPrecondition, reused);
    assert_eq!(desk.history(&ticket.ticket_id).await.len(), 3);
    assert_eq!(desk.told(&desk.ada).await.len(), 2);
}

/// A6
#[tokio::test]
async fn a_snapshot_tells_of_shared_and_taken_back_tickets_what_their_newest_events_told() {
    let desk = Desk::new().await;
    for turn in 0..3 {
        let ticket = desk.report(&desk.ada, "").await.ticket_id;
        if turn > 0 {
            desk.share(&ticket).await.unwrap();
        }
        if turn > 1 {
            desk.unshare(&ticket).await.unwrap();
        }
        desk.set_state(&ticket, StateCategory::InProgress).await;
    }
    let mut lived = BTreeMap::new();
    for (event, told) in desk.told(&desk.ada).await {
        lived.insert(event.aggregate_id, (event.aggregate_version, told));
    }
    let snapshot = desk.snapshot().await.into_iter();
    let told = snapshot.map(|(event, told)| (event.aggregate_id, (event.aggregate_version, told)));
    let told: BTreeMap<_, _> = told.collect();
    assert_eq!(
        lived.len(),
        2,
        "of the one that was never shared nothing is told"
    );
    assert_eq!(told, lived);
}

#[tokio::test]
async fn the_inbox_is_filtered_by_what_is_shared_and_a_page_goes_on_with_its_own_filter() {
    let desk = Desk::new().await;
    let customers = desk.submit(&desk.ada, "Help").await.ticket_id;
    let report = desk.report(&desk.ada, "").await.ticket_id;
    desk.report(&desk.bob, "").await;
    let list = |shared, page_token: &str| {
        let request = desk.staff(pb::ListTicketsRequest {
            page_size: 1,
            page_token: page_token.into(),
            shared,
            ..Default::default()
        });
        let mut client = desk.tickets();
        async move { client.list_tickets(request).await }
    };
    let shared = answer(list(Some(true), "").await);
    assert_eq!(shared.tickets[0].ticket_id, customers);
    assert_eq!(shared.next_page_token, "");
    let unshared = answer(list(Some(false), "").await);
    let next = unshared.next_page_token;
    assert_eq!(
        answer(list(Some(false), &next).await).tickets[0].ticket_id,
        report
    );
    refused(
        list(None, &next).await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
    );
    let request = desk.staff(pb::CountTicketsRequest {
        shared: Some(false),
        ..Default::default()
    });
    let counted = answer(desk.tickets().count_tickets(request).await);
    let counts: Vec<_> = counted
        .counts
        .iter()
        .map(|of| (of.category(), of.count))
        .collect();
    assert_eq!(
        counts,
        [
            (StateCategory::Submitted, 2),
            (StateCategory::InProgress, 0),
            (StateCategory::WaitingOnCustomer, 0),
            (StateCategory::Resolved, 0)
        ]
    );
    assert_eq!(counted.limit, 1_000);
    let request = desk.staff(pb::CountTicketsRequest {
        requester_contact_id: "ada".into(),
        assignee_teammate_id: "grace".into(),
        ..Default::default()
    });
    let outcome = desk.tickets().count_tickets(request).await;
    let fields = refused(outcome, Code::InvalidArgument, "INVALID_FIELDS");
    assert_eq!(fields, ["requester_contact_id", "assignee_teammate_id"]);
}

//! Asking twice: the same request id gives the same answer and one effect (T10).

use super::support::*;
use proto::tickets::v1::{self as pb, StateCategory};
use tonic::Code;

/// T10
#[tokio::test]
async fn a_repeated_creation_makes_one_ticket_and_answers_the_same() {
    let desk = Desk::new().await;
    let request = pb::CreateContactTicketRequest {
        request_id: "tap".into(),
        title: "Help".into(),
        ..Default::default()
    };
    let ask = || async {
        let request = desk.by(&desk.ada, request.clone());
        answer(desk.tickets().create_contact_ticket(request).await)
    };
    let first = ask().await;
    desk.set_state(
        &first.ticket.as_ref().unwrap().ticket_id,
        StateCategory::Resolved,
    )
    .await;
    assert_eq!(ask().await, first, "even though the ticket has moved on");
    assert_eq!(first.positions.len(), 1, "and with the place in the log");
    assert_eq!(desk.list(&desk.ada).await.len(), 1);
    let bobs = desk.by(&desk.bob, request.clone());
    let bobs = answer(desk.tickets().create_contact_ticket(bobs).await)
        .ticket
        .unwrap();
    assert_eq!(bobs.number, 2, "somebody else's id is another id");
}

/// T10
#[tokio::test]
async fn a_request_id_used_with_another_body_or_method_is_refused() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    let rename = |title: &str| {
        desk.staff(pb::UpdateTicketRequest {
            request_id: "tap".into(),
            ticket_id: ticket.clone(),
            title: Some(title.into()),
            ..Default::default()
        })
    };
    answer(desk.tickets().update_ticket(rename("One")).await);
    let (code, reason) = (Code::FailedPrecondition, "REQUEST_ID_REUSED");
    refused(
        desk.tickets().update_ticket(rename("Two")).await,
        code,
        reason,
    );
    let delete = desk.staff(pb::DeleteTicketRequest {
        request_id: "tap".into(),
        ticket_id: ticket.clone(),
        ..Default::default()
    });
    refused(desk.tickets().delete_ticket(delete).await, code, reason);
    assert_eq!(desk.get(&ticket).await.unwrap().title, "One");
}

/// T10: each answer is the first one, though the second try would be refused or do nothing by itself
#[tokio::test]
async fn every_transition_can_be_asked_for_twice() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let id = ticket.ticket_id.clone();
    let mut client = desk.tickets();
    macro_rules! twice {
        ($method:ident, $request:expr) => {{
            let request = $request;
            let first = answer(client.$method(desk.staff(request.clone())).await);
            assert_eq!(answer(client.$method(desk.staff(request)).await), first);
            assert_eq!(first.positions.len(), 1, stringify!($method));
        }};
    }
    twice!(
        change_ticket_state,
        pb::ChangeTicketStateRequest {
            request_id: "a".into(),
            ticket_id: id.clone(),
            state_id: desk.state_id(StateCategory::Resolved).await,
            expected_version: 1,
            ..Default::default()
        }
    );
    twice!(
        update_ticket,
        pb::UpdateTicketRequest {
            request_id: "b".into(),
            ticket_id: id.clone(),
            title: Some("Other".into()),
            expected_version: 2,
            ..Default::default()
        }
    );
    twice!(
        unlink_conversation,
        pb::UnlinkConversationRequest {
            request_id: "c".into(),
            ticket_id: id.clone(),
            expected_version: 3,
        }
    );
    twice!(
        link_conversation,
        pb::LinkConversationRequest {
            request_id: "d".into(),
            ticket_id: id.clone(),
            conversation_id: ticket.conversation_id.clone(),
            expected_version: 4,
        }
    );
    assert_eq!(desk.get(&id).await.unwrap().version, 5);
    twice!(
        delete_ticket,
        pb::DeleteTicketRequest {
            request_id: "e".into(),
            ticket_id: id.clone(),
            expected_version: 5,
        }
    );
}

/// T10, T4: otherwise a late retry would move the ticket after all
#[tokio::test]
async fn a_change_that_was_none_stays_none_when_it_is_asked_for_again() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    let request = pb::ChangeTicketStateRequest {
        request_id: "tap".into(),
        ticket_id: ticket.clone(),
        state_id: desk.state_id(StateCategory::Submitted).await,
        ..Default::default()
    };
    let first = answer(
        desk.tickets()
            .change_ticket_state(desk.staff(request.clone()))
            .await,
    );
    desk.set_state(&ticket, StateCategory::Resolved).await;
    let again = answer(
        desk.tickets()
            .change_ticket_state(desk.staff(request))
            .await,
    );
    assert_eq!(again, first);
    let now = desk.get(&ticket).await.unwrap();
    assert_eq!(now.state.unwrap().category(), StateCategory::Resolved);
}

/// T10: what was refused had no effect and may be asked for again
#[tokio::test]
async fn a_refused_request_leaves_its_id_free() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    let request = |expected_version| pb::UnlinkConversationRequest {
        request_id: "tap".into(),
        ticket_id: ticket.clone(),
        expected_version,
    };
    let stale = desk
        .tickets()
        .unlink_conversation(desk.staff(request(9)))
        .await;
    refused(stale, Code::Aborted, "STALE_VERSION");
    answer(
        desk.tickets()
            .unlink_conversation(desk.staff(request(1)))
            .await,
    );
}

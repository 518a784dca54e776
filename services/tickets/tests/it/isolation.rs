//! Nobody sees, or learns of, what is not theirs (V1, V2, V4).

use super::support::*;
use proto::tickets::v1::{self as pb, StateCategory};
use runtime::Actor;
use types::WorkspaceId;

/// V1, V2: by id and by number
#[tokio::test]
async fn another_customers_ticket_looks_like_one_that_does_not_exist() {
    let desk = Desk::new().await;
    let adas = desk.submit(&desk.ada, "Ada's").await;
    let missing = "tkt_00000000000000000000000000000000";
    for name in [
        adas.ticket_id.as_str(),
        "#1",
        missing,
        "#99",
        "18446744073709551615",
    ] {
        not_found(desk.detail(&desk.bob, name).await);
        not_found(desk.ensure(&desk.bob, name).await);
    }
    assert_eq!(desk.list(&desk.bob).await, []);
}

/// V2: every method that names a ticket, by a teammate of another workspace who may do everything there
#[tokio::test]
async fn another_workspaces_ticket_looks_like_one_that_does_not_exist() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let before = desk.get("#1").await.unwrap();
    let elsewhere = WorkspaceId::generate();
    let stranger = testing::teammate(&elsewhere, BOTH);
    let same_contact_elsewhere = testing::contact(&elsewhere, &desk.ada);
    let mut client = desk.tickets();
    macro_rules! unknown {
        ($method:ident, $actor:expr, $request:expr) => {
            not_found(client.$method(desk.as_actor($actor, $request)).await)
        };
    }
    for id in [
        ticket.ticket_id.clone(),
        "#1".into(),
        "tkt_00000000000000000000000000000000".into(),
    ] {
        let ticket_id = || id.clone();
        unknown!(
            get_ticket,
            &stranger,
            pb::GetTicketRequest {
                ticket_id: ticket_id()
            }
        );
        unknown!(
            update_ticket,
            &stranger,
            pb::UpdateTicketRequest {
                ticket_id: ticket_id(),
                title: Some("Mine".into()),
                ..Default::default()
            }
        );
        unknown!(
            change_ticket_state,
            &stranger,
            pb::ChangeTicketStateRequest {
                ticket_id: ticket_id(),
                state_id: "tst_00000000000000000000000000000000".into(),
                ..Default::default()
            }
        );
        unknown!(
            link_conversation,
            &stranger,
            pb::LinkConversationRequest {
                ticket_id: ticket_id(),
                conversation_id: ticket.conversation_id.clone(),
                ..Default::default()
            }
        );
        unknown!(
            unlink_conversation,
            &stranger,
            pb::UnlinkConversationRequest {
                ticket_id: ticket_id(),
                ..Default::default()
            }
        );
        unknown!(
            ensure_conversation,
            &stranger,
            pb::EnsureConversationRequest {
                ticket_id: ticket_id(),
                ..Default::default()
            }
        );
        unknown!(
            delete_ticket,
            &stranger,
            pb::DeleteTicketRequest {
                ticket_id: ticket_id(),
                ..Default::default()
            }
        );
        unknown!(
            list_ticket_history,
            &stranger,
            pb::ListTicketHistoryRequest {
                ticket_id: ticket_id(),
                ..Default::default()
            }
        );
        unknown!(
            get_contact_ticket,
            &same_contact_elsewhere,
            pb::GetContactTicketRequest {
                ticket_id: ticket_id()
            }
        );
        unknown!(
            ensure_ticket_conversation,
            &same_contact_elsewhere,
            pb::EnsureTicketConversationRequest {
                ticket_id: ticket_id()
            }
        );
    }
    let batch = pb::BatchGetTicketsRequest {
        ticket_ids: vec![ticket.ticket_id.clone()],
    };
    let batch = desk.as_actor(&stranger, batch);
    assert_eq!(answer(client.batch_get_tickets(batch).await).tickets, []);
    let batch = pb::BatchGetContactTicketsRequest {
        ticket_ids: vec![ticket.ticket_id.clone()],
        conversation_ids: vec![ticket.conversation_id.clone()],
    };
    let batch = desk.as_actor(&same_contact_elsewhere, batch);
    assert_eq!(
        answer(client.batch_get_contact_tickets(batch).await).tickets,
        []
    );
    let list = desk.as_actor(&stranger, pb::ListTicketsRequest::default());
    assert_eq!(answer(client.list_tickets(list).await).tickets, []);
    let list = desk.as_actor(
        &same_contact_elsewhere,
        pb::ListContactTicketsRequest::default(),
    );
    assert_eq!(answer(client.list_contact_tickets(list).await).tickets, []);
    assert_eq!(desk.get("#1").await.unwrap(), before);
}

/// V4: a word planted in everything that is private shows up in no answer to a customer
#[tokio::test]
async fn a_customer_receives_nothing_that_is_for_teammates() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let assignee = "tea_ca9a5e0000000000000000000ca9a5e0";
    let edit = pb::UpdateTicketRequest {
        ticket_id: ticket.ticket_id.clone(),
        assignee_teammate_id: Some(assignee.into()),
        open: Some(false),
        ..Default::default()
    };
    answer(desk.tickets().update_ticket(desk.staff(edit)).await);
    desk.set_state(&ticket.ticket_id, StateCategory::WaitingOnCustomer)
        .await;
    let grace = testing::teammate(&desk.workspace, &[]).id;
    let forms = desk.by(&desk.ada, pb::ListContactTicketFormsRequest {});
    let forms = answer(desk.types().list_contact_ticket_forms(forms).await);
    let said = format!(
        "{:?} {:?} {:?} {:?} {forms:?} {:?}",
        ticket,
        desk.detail(&desk.ada, "#1").await.unwrap(),
        desk.list(&desk.ada).await,
        desk.ensure(&desk.ada, "#1").await.unwrap(),
        desk.told(&desk.ada)
            .await
            .into_iter()
            .map(|(_, told)| told)
            .collect::<Vec<_>>()
    );
    for private in [assignee, &grace, "Waiting on customer"] {
        assert!(!said.contains(private), "{private}");
    }
    assert!(said.contains("Waiting on you"));
}

/// V1: who a customer is says the credential alone
#[tokio::test]
async fn a_service_that_works_for_no_single_workspace_reads_no_tickets() {
    let desk = Desk::new().await;
    let nowhere = Actor {
        workspace: None,
        ..testing::teammate(&desk.workspace, BOTH)
    };
    let request = desk.as_actor(&nowhere, pb::ListTicketsRequest::default());
    refused(
        desk.tickets().list_tickets(request).await,
        tonic::Code::PermissionDenied,
        "PERMISSION_DENIED",
    );
}

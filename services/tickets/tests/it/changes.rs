//! What teammates do to a ticket, and what of it a customer notices.

use super::support::*;
use proto::tickets::v1::{self as pb, HistoryKind, StateCategory};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;

/// T9, B2
#[tokio::test]
async fn a_change_of_state_is_a_revision_that_badges_and_moves_the_ticket_up() {
    let desk = Desk::new().await;
    let older = desk.submit(&desk.ada, "Older").await;
    desk.minutes(1);
    desk.submit(&desk.ada, "Newer").await;
    desk.minutes(1);
    let changed = desk
        .set_state(&older.ticket_id, StateCategory::InProgress)
        .await;
    assert_eq!(
        (changed.revision, changed.notify_revision, changed.version),
        (2, 2, 2)
    );
    let list = desk.list(&desk.ada).await;
    assert_eq!(list[0].ticket_id, older.ticket_id);
    assert_eq!(
        (list[0].category(), list[0].revision),
        (StateCategory::InProgress, 2)
    );
    assert_eq!(list[0].activity_time, Some(wire(desk.now())));
}

/// T4
#[tokio::test]
async fn the_state_it_already_has_is_no_change() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    let before = desk.get(&ticket).await.unwrap();
    desk.minutes(5);
    let request = pb::ChangeTicketStateRequest {
        ticket_id: ticket.clone(),
        state_id: desk.state_id(StateCategory::Submitted).await,
        ..Default::default()
    };
    let same = answer(
        desk.tickets()
            .change_ticket_state(desk.staff(request))
            .await,
    );
    assert_eq!(same.ticket.as_ref(), Some(&before));
    assert_eq!(same.positions, []);
    assert_eq!(desk.told(&desk.ada).await.len(), 1);
    assert_eq!(desk.history(&ticket).await.len(), 1);
}

/// T5: with a state of the workspace's own that says the same to customers
#[tokio::test]
async fn a_customer_notices_nothing_of_a_change_that_looks_the_same_to_them() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    let db = desk.database().await;
    let (workspace, twin) = (
        desk.workspace.as_str(),
        "tst_00000000000000000000000000000001",
    );
    for sql in [
        "insert into ticket_state (workspace_id, state_id, place, category, internal_label, customer_label, \
         archived) values ($1, $2, 9, 1, 'Triaged', 'Submitted', false)",
        "insert into ticket_type_state (workspace_id, type_id, state_id, place) \
         select workspace_id, type_id, $2, 9 from ticket_type where workspace_id = $1",
    ] {
        let values = [workspace.into(), twin.into()];
        let insert = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        db.execute_raw(insert).await.unwrap();
    }
    let seen = desk.detail(&desk.ada, &ticket).await.unwrap();
    desk.minutes(5);
    let request = pb::ChangeTicketStateRequest {
        ticket_id: ticket.clone(),
        state_id: twin.into(),
        ..Default::default()
    };
    let changed = answer(
        desk.tickets()
            .change_ticket_state(desk.staff(request))
            .await,
    );
    assert_eq!(changed.positions, []);
    let after = changed.ticket.unwrap();
    assert_eq!(after.state.unwrap().state_id, twin);
    assert_eq!(
        (after.version, after.revision, after.notify_revision),
        (2, 1, 1)
    );
    assert_eq!(after.update_time, Some(wire(desk.now())), "the inbox moves");
    assert_eq!(desk.detail(&desk.ada, &ticket).await.unwrap(), seen);
    assert_eq!(desk.told(&desk.ada).await.len(), 1);
    let history = desk.history(&ticket).await;
    assert_eq!((history.len(), history[1].visible_to_customer), (2, false));
}

/// T12
#[tokio::test]
async fn a_quiet_change_is_seen_and_told_but_badges_nobody() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    desk.minutes(5);
    let request = pb::ChangeTicketStateRequest {
        ticket_id: ticket.clone(),
        state_id: desk.state_id(StateCategory::Resolved).await,
        skip_notifications: true,
        ..Default::default()
    };
    let changed = answer(
        desk.tickets()
            .change_ticket_state(desk.staff(request))
            .await,
    );
    assert_eq!(changed.positions.len(), 1);
    let seen = desk
        .detail(&desk.ada, &ticket)
        .await
        .unwrap()
        .ticket
        .unwrap();
    assert_eq!((seen.revision, seen.notify_revision), (2, 1));
    assert_eq!(seen.category(), StateCategory::Resolved);
    assert_eq!(seen.activity_time, Some(wire(desk.now())));
}

/// T2
#[tokio::test]
async fn a_state_that_is_not_the_types_is_refused() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    let request = pb::ChangeTicketStateRequest {
        ticket_id: ticket,
        state_id: "tst_00000000000000000000000000000000".into(),
        ..Default::default()
    };
    refused(
        desk.tickets()
            .change_ticket_state(desk.staff(request))
            .await,
        Code::FailedPrecondition,
        "TICKET_STATE_NOT_ALLOWED",
    );
}

/// T3, T9
#[tokio::test]
async fn an_edit_shows_a_customer_the_title_and_text_and_nothing_of_the_rest() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    desk.minutes(5);
    let edit = |request: pb::UpdateTicketRequest| {
        let request = desk.staff(pb::UpdateTicketRequest {
            ticket_id: ticket.ticket_id.clone(),
            ..request
        });
        async { answer(desk.tickets().update_ticket(request).await) }
    };
    let hidden = edit(pb::UpdateTicketRequest {
        assignee_teammate_id: Some("tea_00000000000000000000000000000001".into()),
        open: Some(false),
        ..Default::default()
    });
    let hidden = hidden.await;
    assert_eq!(hidden.positions, []);
    let after = hidden.ticket.unwrap();
    assert_eq!((after.version, after.revision, after.open), (2, 1, false));
    assert_eq!(
        after.assignee_teammate_id,
        "tea_00000000000000000000000000000001"
    );
    assert_eq!(desk.list(&desk.ada).await, std::slice::from_ref(&ticket));

    let shown = edit(pb::UpdateTicketRequest {
        title: Some("The printer".into()),
        description: Some("is on fire".into()),
        ..Default::default()
    });
    assert_eq!(shown.await.positions.len(), 1);
    let seen = desk.list(&desk.ada).await.remove(0);
    assert_eq!(
        (seen.title.as_str(), seen.description.as_str()),
        ("The printer", "is on fire")
    );
    assert_eq!((seen.revision, seen.notify_revision), (2, 1));
    assert_eq!(
        seen.activity_time, ticket.activity_time,
        "a rename is no activity"
    );
    let nobody = edit(pb::UpdateTicketRequest {
        assignee_teammate_id: Some(String::new()),
        open: Some(true),
        ..Default::default()
    });
    let after = nobody.await.ticket.unwrap();
    assert_eq!(
        (
            after.assignee_teammate_id.as_str(),
            after.open,
            after.version
        ),
        ("", true, 4)
    );
    let nothing = edit(pb::UpdateTicketRequest::default()).await;
    assert_eq!(
        nothing.ticket.unwrap(),
        after,
        "an edit of nothing writes nothing"
    );
}

/// V3
#[tokio::test]
async fn a_deleted_ticket_is_gone_at_once_from_everything() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let id = ticket.ticket_id.as_str();
    assert_eq!(desk.delete(id).await.unwrap().len(), 1);
    assert_eq!(desk.list(&desk.ada).await, []);
    not_found(desk.detail(&desk.ada, id).await);
    not_found(desk.detail(&desk.ada, "#1").await);
    not_found(desk.ensure(&desk.ada, id).await);
    not_found(desk.get(id).await);
    not_found(desk.delete(id).await);
    not_found(desk.link(id, &ticket.conversation_id).await);
    let request = pb::BatchGetContactTicketsRequest {
        ticket_ids: vec![id.into()],
        conversation_ids: vec![ticket.conversation_id.clone()],
    };
    let request = desk.by(&desk.ada, request);
    assert_eq!(
        answer(desk.tickets().batch_get_contact_tickets(request).await).tickets,
        []
    );
    let request = desk.staff(pb::BatchGetTicketsRequest {
        ticket_ids: vec![id.into()],
    });
    assert_eq!(
        answer(desk.tickets().batch_get_tickets(request).await).tickets,
        []
    );
    let request = desk.staff(pb::ListTicketsRequest::default());
    assert_eq!(
        answer(desk.tickets().list_tickets(request).await).tickets,
        []
    );
    let (_, told) = desk.told(&desk.ada).await.pop().unwrap();
    assert!(told.deleted && !told.visible);
    assert_eq!(
        desk.submit(&desk.ada, "Again").await.number,
        2,
        "its number is not given again"
    );
}

/// T9
#[tokio::test]
async fn a_write_on_an_older_version_is_refused_by_every_command_and_changes_nothing() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await;
    let before = desk
        .set_state(&ticket.ticket_id, StateCategory::InProgress)
        .await;
    let id = ticket.ticket_id.clone();
    let stale = 1;
    let resolved = desk.state_id(StateCategory::Resolved).await;
    let mut client = desk.tickets();
    let (code, reason) = (Code::Aborted, "STALE_VERSION");
    let request = pb::ChangeTicketStateRequest {
        ticket_id: id.clone(),
        state_id: resolved.clone(),
        expected_version: stale,
        ..Default::default()
    };
    refused(
        client.change_ticket_state(desk.staff(request)).await,
        code,
        reason,
    );
    let request = pb::UpdateTicketRequest {
        ticket_id: id.clone(),
        title: Some("Other".into()),
        expected_version: stale,
        ..Default::default()
    };
    refused(
        client.update_ticket(desk.staff(request)).await,
        code,
        reason,
    );
    let request = pb::LinkConversationRequest {
        ticket_id: id.clone(),
        conversation_id: ticket.conversation_id.clone(),
        expected_version: stale,
        ..Default::default()
    };
    refused(
        client.link_conversation(desk.staff(request)).await,
        code,
        reason,
    );
    let request = pb::UnlinkConversationRequest {
        ticket_id: id.clone(),
        expected_version: stale,
        ..Default::default()
    };
    refused(
        client.unlink_conversation(desk.staff(request)).await,
        code,
        reason,
    );
    let request = pb::DeleteTicketRequest {
        ticket_id: id.clone(),
        expected_version: stale,
        ..Default::default()
    };
    refused(
        client.delete_ticket(desk.staff(request)).await,
        code,
        reason,
    );
    assert_eq!(desk.get(&id).await.unwrap(), before);
    let request = pb::ChangeTicketStateRequest {
        ticket_id: id,
        state_id: resolved,
        expected_version: before.version,
        ..Default::default()
    };
    answer(client.change_ticket_state(desk.staff(request)).await);
}

#[tokio::test]
async fn the_history_says_what_happened_by_whom_and_what_the_customer_saw_of_it() {
    let desk = Desk::new().await;
    let ticket = desk.submit(&desk.ada, "Help").await.ticket_id;
    desk.set_state(&ticket, StateCategory::Resolved).await;
    desk.unlink(&ticket).await;
    desk.ensure(&desk.ada, &ticket).await.unwrap();
    let close = pb::UpdateTicketRequest {
        ticket_id: ticket.clone(),
        open: Some(false),
        ..Default::default()
    };
    answer(desk.tickets().update_ticket(desk.staff(close)).await);
    let grace = testing::teammate(&desk.workspace, &[]).id;
    let history = desk.history(&ticket).await;
    let told: Vec<_> = history
        .iter()
        .map(|entry| {
            (
                entry.kind(),
                entry.version,
                entry.actor_id.as_str(),
                entry.visible_to_customer,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (HistoryKind::Created, 1, desk.ada.as_str(), true),
            (HistoryKind::StateChanged, 2, grace.as_str(), true),
            (HistoryKind::Unlinked, 3, grace.as_str(), false),
            (HistoryKind::Linked, 4, desk.ada.as_str(), false),
            (HistoryKind::Closed, 5, grace.as_str(), false)
        ]
    );
    let (submitted, resolved) = (
        desk.state_id(StateCategory::Submitted).await,
        desk.state_id(StateCategory::Resolved).await,
    );
    assert_eq!(
        (history[0].from_state_id.as_str(), &history[0].to_state_id),
        ("", &submitted)
    );
    assert_eq!(
        (&history[1].from_state_id, &history[1].to_state_id),
        (&submitted, &resolved)
    );

    for newest_first in [false, true] {
        let ask = |page_token: String, newest_first| {
            let request = desk.staff(pb::ListTicketHistoryRequest {
                ticket_id: ticket.clone(),
                page_size: 2,
                page_token,
                newest_first,
            });
            async { desk.tickets().list_ticket_history(request).await }
        };
        let mut paged = Vec::new();
        let mut token = String::new();
        loop {
            let found = answer(ask(token, newest_first).await);
            assert!(found.entries.len() <= 2);
            paged.extend(found.entries);
            token = found.next_page_token;
            if token.is_empty() {
                break;
            }
            // a place in one order is none in the other
            let other = ask(token.clone(), !newest_first).await;
            refused(other, Code::InvalidArgument, "INVALID_PAGE_TOKEN");
        }
        if newest_first {
            paged.reverse();
        }
        assert_eq!(paged, history);
    }
}

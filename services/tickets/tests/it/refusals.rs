//! Bad input to every method: a clear status, a reason, and every field that is wrong at once.

use super::support::*;
use proto::{
    events::v1::{GetHeadsRequest, ReadRequest, SnapshotRequest, SubscribeRequest},
    tickets::v1 as pb,
};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

const LONG: usize = 10_001;

/// Everything wrong with each request, and nothing written
#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let desk = Desk::new().await;
    let mut client = desk.tickets();
    let overlong = "x".repeat(65);
    macro_rules! invalid {
        ($method:ident, $request:expr, $fields:expr) => {{
            let outcome = client.$method($request).await;
            let fields = refused(outcome, Code::InvalidArgument, "INVALID_FIELDS");
            assert_eq!(fields, $fields, stringify!($method));
        }};
    }
    let hour_ahead = types::micros(desk.now()) + 3_600_000_000;
    for time in [hour_ahead, -1] {
        invalid!(
            create_ticket,
            desk.staff(pb::CreateTicketRequest {
                request_id: overlong.clone(),
                requester_contact_id: String::new(),
                type_id: "x".into(),
                title: "a\u{7}b".into(),
                description: "x".repeat(LONG),
                state_id: "x".into(),
                conversation_id: "x".into(),
                skip_notifications: false,
                assignee_teammate_id: "x".into(),
                create_time_micros: Some(time),
            }),
            [
                "request_id",
                "requester_contact_id",
                "type_id",
                "title",
                "description",
                "state_id",
                "conversation_id",
                "assignee_teammate_id",
                "create_time_micros"
            ]
        );
    }
    for title in [
        "",
        "   ",
        &"x".repeat(256),
        "two\nlines",
        "turned \u{202E} around",
    ] {
        invalid!(
            create_contact_ticket,
            desk.by(
                &desk.ada,
                pb::CreateContactTicketRequest {
                    request_id: "\u{0}".into(),
                    type_id: "tst_00000000000000000000000000000000".into(),
                    title: title.into(),
                    description: "a\u{0}b".into(),
                }
            ),
            ["request_id", "type_id", "title", "description"]
        );
    }
    invalid!(
        update_ticket,
        desk.staff(pb::UpdateTicketRequest {
            request_id: overlong.clone(),
            ticket_id: "x".into(),
            expected_version: 0,
            title: Some(String::new()),
            description: Some("x".repeat(LONG)),
            assignee_teammate_id: Some("x".into()),
            open: None,
        }),
        [
            "request_id",
            "ticket_id",
            "title",
            "description",
            "assignee_teammate_id"
        ]
    );
    invalid!(
        change_ticket_state,
        desk.staff(pb::ChangeTicketStateRequest {
            request_id: overlong.clone(),
            ..Default::default()
        }),
        ["request_id", "ticket_id", "state_id"]
    );
    invalid!(
        link_conversation,
        desk.staff(pb::LinkConversationRequest {
            request_id: overlong.clone(),
            ..Default::default()
        }),
        ["request_id", "ticket_id", "conversation_id"]
    );
    invalid!(
        unlink_conversation,
        desk.staff(pb::UnlinkConversationRequest {
            request_id: overlong.clone(),
            ..Default::default()
        }),
        ["request_id", "ticket_id"]
    );
    invalid!(
        delete_ticket,
        desk.staff(pb::DeleteTicketRequest {
            request_id: overlong.clone(),
            ..Default::default()
        }),
        ["request_id", "ticket_id"]
    );
    for ticket_id in [
        "",
        "#",
        "tkt_",
        "con_00000000000000000000000000000000",
        "-1",
        "1 ",
    ] {
        let ticket_id = ticket_id.to_owned();
        let id = || ticket_id.clone();
        invalid!(
            get_ticket,
            desk.staff(pb::GetTicketRequest { ticket_id: id() }),
            ["ticket_id"]
        );
        invalid!(
            list_ticket_history,
            desk.staff(pb::ListTicketHistoryRequest {
                ticket_id: id(),
                ..Default::default()
            }),
            ["ticket_id"]
        );
        invalid!(
            get_contact_ticket,
            desk.by(&desk.ada, pb::GetContactTicketRequest { ticket_id: id() }),
            ["ticket_id"]
        );
        invalid!(
            ensure_ticket_conversation,
            desk.by(
                &desk.ada,
                pb::EnsureTicketConversationRequest { ticket_id: id() }
            ),
            ["ticket_id"]
        );
    }
    invalid!(
        list_tickets,
        desk.staff(pb::ListTicketsRequest {
            category: 99,
            state_id: "x".into(),
            requester_contact_id: "x".into(),
            assignee_teammate_id: "x".into(),
            text: "x".repeat(101),
            ..Default::default()
        }),
        [
            "category",
            "state_id",
            "requester_contact_id",
            "assignee_teammate_id",
            "text"
        ]
    );
    invalid!(
        batch_get_tickets,
        desk.staff(pb::BatchGetTicketsRequest::default()),
        ["ticket_ids"]
    );
    let many = vec!["tkt_00000000000000000000000000000000".to_owned(); 101];
    invalid!(
        batch_get_tickets,
        desk.staff(pb::BatchGetTicketsRequest {
            ticket_ids: many.clone()
        }),
        ["ticket_ids"]
    );
    invalid!(
        batch_get_tickets,
        desk.staff(pb::BatchGetTicketsRequest {
            ticket_ids: vec!["#1".into(), many[0].clone(), "x".into()]
        }),
        ["ticket_ids[0]", "ticket_ids[2]"]
    );
    invalid!(
        batch_get_contact_tickets,
        desk.by(&desk.ada, pb::BatchGetContactTicketsRequest::default()),
        ["ticket_ids"]
    );
    invalid!(
        batch_get_contact_tickets,
        desk.by(
            &desk.ada,
            pb::BatchGetContactTicketsRequest {
                ticket_ids: vec!["x".into()],
                conversation_ids: vec!["x".into()],
            }
        ),
        ["ticket_ids[0]", "conversation_ids[0]"]
    );
    let request = desk.staff(pb::ListTicketsRequest::default());
    assert_eq!(answer(client.list_tickets(request).await).tickets, []);
    assert_eq!(desk.submit(&desk.ada, "Help").await.number, 1);
}

/// Unknown types and states of a new ticket
#[tokio::test]
async fn a_new_ticket_of_an_unknown_type_or_in_an_unknown_state_is_refused() {
    let desk = Desk::new().await;
    let request = |type_id: &str, state_id: &str| pb::CreateTicketRequest {
        requester_contact_id: desk.ada.to_string(),
        title: "Help".into(),
        type_id: type_id.into(),
        state_id: state_id.into(),
        ..Default::default()
    };
    let code = Code::FailedPrecondition;
    let of_type = desk.create(request("tty_00000000000000000000000000000000", ""));
    refused(of_type.await, code, "TICKET_TYPE_NOT_ALLOWED");
    let in_state = desk.create(request("", "tst_00000000000000000000000000000000"));
    refused(in_state.await, code, "TICKET_STATE_NOT_ALLOWED");
}

/// Every method, with every credential that does not fit
#[tokio::test]
async fn no_method_answers_without_the_right_credential() {
    let desk = Desk::new().await;
    let mut client = desk.tickets();
    let mut types = desk.types();
    let mut feed = desk.feed();
    let contact = testing::contact(&desk.workspace, &desk.ada);
    let reader = testing::teammate(&desk.workspace, &["tickets:read", "conversations:write"]);
    let writer = testing::teammate(&desk.workspace, &["tickets:write"]);
    macro_rules! closed {
        ($client:ident, $method:ident, $request:expr, $not_for:expr) => {{
            let missing = $client.$method(Request::new($request)).await;
            refused(
                missing.map(|_| ()),
                Code::Unauthenticated,
                "UNAUTHENTICATED",
            );
            let mut forged = Request::new($request);
            let token = "Bearer eyJhbGciOiJub25lIn0.e30.".parse().unwrap();
            forged.metadata_mut().insert("authorization", token);
            let forged = $client.$method(forged).await;
            refused(forged.map(|_| ()), Code::Unauthenticated, "UNAUTHENTICATED");
            for actor in $not_for {
                let denied = $client.$method(desk.as_actor(actor, $request)).await;
                refused(
                    denied.map(|_| ()),
                    Code::PermissionDenied,
                    "PERMISSION_DENIED",
                );
            }
        }};
    }
    let read = [&contact, &writer];
    let write = [&contact, &reader];
    let theirs = [&reader, &writer];
    let feeds = [&contact, &reader, &writer];
    closed!(
        client,
        create_ticket,
        pb::CreateTicketRequest::default(),
        write
    );
    closed!(client, get_ticket, pb::GetTicketRequest::default(), read);
    closed!(
        client,
        batch_get_tickets,
        pb::BatchGetTicketsRequest::default(),
        read
    );
    closed!(
        client,
        list_tickets,
        pb::ListTicketsRequest::default(),
        read
    );
    closed!(
        client,
        update_ticket,
        pb::UpdateTicketRequest::default(),
        write
    );
    closed!(
        client,
        change_ticket_state,
        pb::ChangeTicketStateRequest::default(),
        write
    );
    closed!(
        client,
        link_conversation,
        pb::LinkConversationRequest::default(),
        write
    );
    closed!(
        client,
        unlink_conversation,
        pb::UnlinkConversationRequest::default(),
        write
    );
    closed!(
        client,
        delete_ticket,
        pb::DeleteTicketRequest::default(),
        write
    );
    closed!(
        client,
        list_ticket_history,
        pb::ListTicketHistoryRequest::default(),
        read
    );
    closed!(
        client,
        create_contact_ticket,
        pb::CreateContactTicketRequest::default(),
        theirs
    );
    closed!(
        client,
        get_contact_ticket,
        pb::GetContactTicketRequest::default(),
        theirs
    );
    closed!(
        client,
        batch_get_contact_tickets,
        pb::BatchGetContactTicketsRequest::default(),
        theirs
    );
    closed!(
        client,
        list_contact_tickets,
        pb::ListContactTicketsRequest::default(),
        theirs
    );
    closed!(
        client,
        ensure_ticket_conversation,
        pb::EnsureTicketConversationRequest::default(),
        theirs
    );
    closed!(
        types,
        list_ticket_types,
        pb::ListTicketTypesRequest {},
        read
    );
    closed!(
        types,
        list_ticket_states,
        pb::ListTicketStatesRequest {},
        read
    );
    closed!(
        types,
        list_contact_ticket_forms,
        pb::ListContactTicketFormsRequest {},
        theirs
    );
    closed!(feed, subscribe, SubscribeRequest::default(), feeds);
    closed!(feed, read, ReadRequest::default(), feeds);
    closed!(feed, get_heads, GetHeadsRequest {}, feeds);
    closed!(feed, snapshot, SnapshotRequest::default(), feeds);
}

/// A message larger than any honest one
#[tokio::test]
async fn a_huge_message_is_refused_unread() {
    let desk = Desk::new().await;
    let request = pb::CreateContactTicketRequest {
        title: "Help".into(),
        description: "x".repeat(runtime::serve::MAX_MESSAGE),
        ..Default::default()
    };
    let outcome = desk
        .tickets()
        .create_contact_ticket(desk.by(&desk.ada, request))
        .await;
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument);
    // not since the description is too long, which is found by reading it
    let reason = refusal.get_details_error_info().unwrap().reason;
    assert_eq!(reason, "REQUEST_TOO_LARGE");
    assert_eq!(desk.list(&desk.ada).await, []);
}

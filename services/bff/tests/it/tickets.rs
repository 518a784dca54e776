use std::time::{Duration, Instant};

use proto::{
    bff::v1::{
        CallToActionKind, ConversationState, GetTicketRequest, GetTicketResponse,
        ListTicketFormsRequest, ListTicketsRequest, ListTicketsResponse, MarkTicketReadRequest,
        OpenTicketConversationRequest, OpenTicketConversationResponse, SubmitTicketRequest,
        SubmitTicketResponse, TicketDetail,
    },
    conversations::v1::{self as cv, ContactPart},
    notifications::v1::TicketRead,
    tickets::v1::{ContactTicketUpdate, StateCategory},
};
use runtime::{ActorKind, Kind};
use tonic::{Code, Status};

use crate::{
    fakes::{Mode, ours},
    world::{CNV_1, Customer, TKT_1, World, is, refusal},
};

async fn list(customer: &Customer) -> Result<ListTicketsResponse, Status> {
    let request = ListTicketsRequest {
        page_size: 10,
        page_token: "place".into(),
        consistency_token: String::new(),
    };
    let mut messenger = customer.messenger.clone();
    let answer = messenger.list_tickets(customer.with(request)).await?;
    Ok(answer.into_inner())
}

async fn get(customer: &Customer, id: &str) -> Result<TicketDetail, Status> {
    let request = GetTicketRequest {
        ticket_id: id.into(),
        consistency_token: String::new(),
    };
    let mut messenger = customer.messenger.clone();
    let answer: GetTicketResponse = messenger
        .get_ticket(customer.with(request))
        .await?
        .into_inner();
    Ok(answer.ticket.unwrap())
}

async fn submit(customer: &Customer, title: &str) -> Result<SubmitTicketResponse, Status> {
    let request = SubmitTicketRequest {
        request_id: "once".into(),
        type_id: "tty_00000000000070008000000000000001".into(),
        title: title.into(),
        description: "It is on fire.".into(),
    };
    let mut messenger = customer.messenger.clone();
    let answer = messenger.submit_ticket(customer.with(request)).await?;
    Ok(answer.into_inner())
}

async fn open(customer: &Customer, id: &str) -> Result<OpenTicketConversationResponse, Status> {
    let request = OpenTicketConversationRequest {
        ticket_id: id.into(),
    };
    let mut messenger = customer.messenger.clone();
    let answer = messenger
        .open_ticket_conversation(customer.with(request))
        .await?;
    Ok(answer.into_inner())
}

async fn mark(customer: &Customer, id: &str, up_to_revision: u64) -> Result<(), Status> {
    let request = MarkTicketReadRequest {
        ticket_id: id.into(),
        up_to_revision,
    };
    let mut messenger = customer.messenger.clone();
    messenger.mark_ticket_read(customer.with(request)).await?;
    Ok(())
}

fn kind(detail: &TicketDetail) -> (CallToActionKind, String) {
    let button = detail.call_to_action.clone().unwrap();
    (button.kind(), button.conversation_id)
}

fn read(number: u64, read_revision: u64) -> TicketRead {
    TicketRead {
        ticket_id: format!("tkt_{number:032x}"),
        read_revision,
    }
}

// ---------------------------------------------------------------- list

/// L1: the order is Tickets'
#[tokio::test]
async fn the_list_comes_in_its_order_with_what_is_unread() {
    let world = World::new().await;
    let customer = world.customer();
    for number in [9, 4, 7] {
        world.tickets.add(&customer.contact, number, "");
    }
    world.tickets.add(&world.customer().contact, 5, "");
    *world.notifications.state.reads.lock() = vec![read(4, 2), read(7, 1)];
    let page = list(&customer).await.unwrap();
    let rows: Vec<_> = page
        .tickets
        .iter()
        .map(|row| (row.number, row.unread))
        .collect();
    assert_eq!(rows, [(9, true), (4, false), (7, true)]);
    assert_eq!(page.next_page_token, "place+10");
    assert!(!page.unread_unavailable);
    assert_eq!(page.tickets[0].state.as_ref().unwrap().label, "On our desk");
    assert_eq!(page.tickets[0].revision, 3);
}

/// D4: the unread flags are the garnish
#[tokio::test]
async fn with_notifications_down_the_list_comes_and_says_that_nothing_is_known_of_unread() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, "");
    world.notifications.host.go_down().await;
    let page = list(&customer).await.unwrap();
    assert!(page.unread_unavailable);
    assert!(!page.tickets[0].unread);
}

/// D4: the list is the main dish
#[tokio::test]
async fn with_tickets_down_there_is_no_list() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.host.go_down().await;
    let away = is(Code::Unavailable, "bff.messenger", "UNAVAILABLE");
    assert_eq!(refusal(list(&customer).await), away);
}

#[tokio::test]
async fn an_empty_list_asks_nothing_about_unread() {
    let world = World::new().await;
    assert_eq!(list(&world.customer()).await.unwrap().tickets, []);
    assert_eq!(world.notifications.state.gate.count("*"), 0);
}

// ---------------------------------------------------------------- detail

/// L5, C1
#[tokio::test]
async fn the_detail_comes_by_id_and_by_number_with_history_and_button() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(
        &customer.contact,
        12,
        "cnv_0000000000000000000000000000000c",
    );
    *world.tickets.state.updates.lock() = vec![ContactTicketUpdate {
        revision: 1,
        category: StateCategory::Submitted.into(),
        state_label: "Received".into(),
        time: None,
    }];
    world
        .conversations
        .add(&customer.contact, "cnv_0000000000000000000000000000000c");
    world
        .conversations
        .change("cnv_0000000000000000000000000000000c", |entry| {
            entry.conversation.has_messages = true
        });
    for id in ["tkt_0000000000000000000000000000000c", "12", "#12"] {
        let detail = get(&customer, id).await.unwrap();
        let summary = detail.summary.clone().unwrap();
        assert_eq!((summary.number, summary.unread), (12, true));
        assert_eq!(detail.description, "It is on fire.");
        assert_eq!(detail.history.len(), 1);
        let linked = detail.conversation.clone().unwrap();
        assert_eq!(
            linked.conversation_id,
            "cnv_0000000000000000000000000000000c"
        );
        assert_eq!(linked.state(), ConversationState::Open);
        let expected = (
            CallToActionKind::ContinueConversation,
            "cnv_0000000000000000000000000000000c".into(),
        );
        assert_eq!(kind(&detail), expected);
    }
}

/// C1: each row over the wire
#[tokio::test]
async fn the_button_follows_the_linked_conversation() {
    let world = World::new().await;
    let customer = world.customer();
    let button = async |number: u64| kind(&get(&customer, &number.to_string()).await.unwrap());
    world.tickets.add(&customer.contact, 1, "");
    let bare = (CallToActionKind::SendMessage, String::new());
    assert_eq!(button(1).await, bare);
    world
        .tickets
        .add(&customer.contact, 2, "cnv_00000000000000000000000000000002");
    let there = (
        CallToActionKind::SendMessage,
        "cnv_00000000000000000000000000000002".to_owned(),
    );
    assert_eq!(button(2).await, there, "not known to Conversations yet");
    world
        .conversations
        .add(&customer.contact, "cnv_00000000000000000000000000000002");
    assert_eq!(button(2).await, there, "empty");
    world
        .conversations
        .change("cnv_00000000000000000000000000000002", |entry| {
            entry.conversation.has_messages = true
        });
    let goes_on = (
        CallToActionKind::ContinueConversation,
        "cnv_00000000000000000000000000000002".to_owned(),
    );
    assert_eq!(button(2).await, goes_on);
    world
        .conversations
        .change("cnv_00000000000000000000000000000002", |entry| {
            entry.conversation.state = cv::ConversationState::Closed.into();
        });
    let over = (
        CallToActionKind::ViewConversation,
        "cnv_00000000000000000000000000000002".to_owned(),
    );
    assert_eq!(button(2).await, over);
    world
        .conversations
        .change("cnv_00000000000000000000000000000002", |entry| {
            entry.deleted = true
        });
    assert_eq!(button(2).await, bare, "deleted");
    assert_eq!(get(&customer, "2").await.unwrap().conversation, None);
    world
        .tickets
        .add(&customer.contact, 3, "cnv_00000000000000000000000000000003");
    world.conversations.add(
        &world.customer().contact,
        "cnv_00000000000000000000000000000003",
    );
    assert_eq!(button(3).await, bare, "somebody else's");
}

/// D2
#[tokio::test]
async fn with_conversations_down_the_list_comes_and_the_detail_has_no_button() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    world.conversations.add(&customer.contact, CNV_1);
    world.conversations.host.go_down().await;
    assert_eq!(list(&customer).await.unwrap().tickets.len(), 1);
    let detail = get(&customer, TKT_1).await.unwrap();
    assert_eq!(
        kind(&detail),
        (CallToActionKind::Unavailable, String::new())
    );
    assert_eq!(detail.conversation, None);
    assert!(detail.summary.unwrap().unread);
    world.tickets.add(&customer.contact, 2, "");
    let unlinked = get(&customer, "tkt_00000000000000000000000000000002")
        .await
        .unwrap();
    assert_eq!(kind(&unlinked).0, CallToActionKind::SendMessage);
}

/// D2, D4: slow is as good as away
#[tokio::test]
async fn with_conversations_and_notifications_hanging_the_detail_comes_soon() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    customer
        .home(proto::settings::v1::Platform::Web)
        .await
        .unwrap();
    let slow = Mode::Slow(Duration::from_secs(8));
    world.conversations.state.gate.all(slow.clone());
    world.notifications.state.gate.all(slow);
    let start = Instant::now();
    let detail = get(&customer, TKT_1).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(1_500));
    assert_eq!(kind(&detail).0, CallToActionKind::Unavailable);
    assert!(detail.unread_unavailable);
}

/// V2
#[tokio::test]
async fn a_ticket_of_somebody_else_looks_like_none_everywhere() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&world.customer().contact, 1, CNV_1);
    let none = is(Code::NotFound, "tickets.messenger", "TICKET_NOT_FOUND");
    for id in [TKT_1, "#1", "tkt_000000000000000000000000000000a2"] {
        assert_eq!(refusal(get(&customer, id).await), none);
        assert_eq!(refusal(open(&customer, id).await), none);
        assert_eq!(refusal(mark(&customer, id, 1).await), none);
    }
    assert_eq!(world.notifications.state.gate.count("MarkTicketRead"), 0);
    assert_eq!(world.conversations.state.gate.count("*"), 0);
}

// ---------------------------------------------------------------- submitting

/// F1, F2, C2
#[tokio::test]
async fn a_submitted_ticket_comes_back_in_full_and_its_conversation_is_there() {
    let world = World::new().await;
    let customer = world.customer();
    let answer = submit(&customer, "Printer").await.unwrap();
    let detail = answer.ticket.unwrap();
    let summary = detail.summary.clone().unwrap();
    assert_eq!((summary.number, summary.title.as_str()), (77, "Printer"));
    assert_eq!(summary.state.unwrap().label, "Received");
    assert!(summary.unread, "until the client says that it was shown");
    assert_eq!(detail.history.len(), 1);
    assert_eq!(detail.history[0].revision, 1);
    let expected = (
        CallToActionKind::SendMessage,
        "cnv_000000000000000000000000000000a1".to_owned(),
    );
    assert_eq!(kind(&detail), expected);
    assert_eq!(
        detail.conversation.unwrap().conversation_id,
        "cnv_000000000000000000000000000000a1"
    );
    assert!(
        world
            .conversations
            .knows("cnv_000000000000000000000000000000a1")
    );
    let ensured = world
        .conversations
        .state
        .gate
        .last("EnsureConversation")
        .actor;
    assert_eq!(ensured.kind, ActorKind::Service);
    assert_eq!(ensured.workspace.as_ref(), Some(&world.workspace));
    assert_eq!(ensured.scopes, ["conversations:ensure"]);
    let sent = world.tickets.state.submitted.lock().clone().unwrap();
    assert_eq!(
        (sent.request_id.as_str(), sent.type_id.as_str()),
        ("once", "tty_00000000000070008000000000000001")
    );
    // the next Home waits for both writes
    let token = answer.consistency_token;
    let platform = proto::settings::v1::Platform::Web;
    customer.home_after(platform, &token).await.unwrap();
    let sources: Vec<_> = world.notifications.state.waited_for.lock().clone();
    let sources: Vec<_> = sources.into_iter().map(|at| at.source).collect();
    assert_eq!(sources, ["tickets", "conversations"]);
}

/// Flow a: Conversations makes it from the event
#[tokio::test]
async fn with_conversations_down_a_ticket_is_submitted_and_offers_to_send_a_message_there() {
    let world = World::new().await;
    let customer = world.customer();
    world.conversations.host.go_down().await;
    let answer = submit(&customer, "Printer").await.unwrap();
    let detail = answer.ticket.unwrap();
    let expected = (
        CallToActionKind::SendMessage,
        "cnv_000000000000000000000000000000a1".to_owned(),
    );
    assert_eq!(kind(&detail), expected);
    assert_eq!(detail.conversation, None);
    assert!(!answer.consistency_token.is_empty());
}

/// T10: what Tickets says about the request comes through
#[tokio::test]
async fn a_submission_that_tickets_refuses_is_refused_in_its_words() {
    let world = World::new().await;
    let customer = world.customer();
    for (kind, code, reason) in [
        (
            Kind::Precondition,
            Code::FailedPrecondition,
            "TICKET_TYPE_NOT_ALLOWED",
        ),
        (
            Kind::Precondition,
            Code::FailedPrecondition,
            "REQUEST_ID_REUSED",
        ),
    ] {
        let refused = ours(kind, "tickets.messenger", reason);
        let gate = &world.tickets.state.gate;
        gate.set("CreateContactTicket", Mode::Refusing(refused));
        let outcome = submit(&customer, "Printer").await;
        assert_eq!(refusal(outcome), is(code, "tickets.messenger", reason));
    }
    assert_eq!(world.conversations.state.gate.count("*"), 0);
}

#[tokio::test]
async fn a_submission_with_a_request_id_is_tried_again_and_one_without_is_not() {
    let world = World::new().await;
    let customer = world.customer();
    let gate = &world.tickets.state.gate;
    gate.set("CreateContactTicket", Mode::AwayFor(1));
    submit(&customer, "Printer").await.unwrap();
    assert_eq!(gate.count("CreateContactTicket"), 2);
    gate.set("CreateContactTicket", Mode::AwayFor(1));
    gate.forget();
    let bare = SubmitTicketRequest {
        title: "Printer".into(),
        ..Default::default()
    };
    let outcome = customer
        .messenger
        .clone()
        .submit_ticket(customer.with(bare))
        .await;
    assert_eq!(refusal(outcome).0, Code::Unavailable);
    assert_eq!(gate.count("CreateContactTicket"), 1);
}

#[tokio::test]
async fn the_forms_are_those_that_tickets_offers() {
    let world = World::new().await;
    let customer = world.customer();
    let mut messenger = customer.messenger.clone();
    let forms = messenger
        .list_ticket_forms(customer.with(ListTicketFormsRequest {}))
        .await;
    let forms = forms.unwrap().into_inner().forms;
    assert_eq!(forms.len(), 1);
    assert_eq!(
        (forms[0].type_id.as_str(), forms[0].name.as_str()),
        ("tty_00000000000070008000000000000001", "Support request")
    );
}

// ---------------------------------------------------------------- taking the call to action

/// C2
#[tokio::test]
async fn an_unlinked_ticket_gets_a_conversation_and_two_taps_get_the_same() {
    let world = World::new().await;
    let customer = world.customer();
    let other_device = world.again(&customer);
    world.tickets.add(&customer.contact, 1, "");
    let (one, two) = tokio::join!(open(&customer, TKT_1), open(&other_device, "#1"));
    let (one, two) = (one.unwrap(), two.unwrap());
    let conversation = one.conversation.unwrap();
    assert_eq!(
        conversation.conversation_id,
        "cnv_f0000000000000000000000000000001"
    );
    assert_eq!(conversation.ticket.unwrap().number, 1);
    assert_eq!(
        two.conversation.unwrap().conversation_id,
        "cnv_f0000000000000000000000000000001"
    );
    assert!(!one.consistency_token.is_empty() || !two.consistency_token.is_empty());
    assert!(
        world
            .conversations
            .knows("cnv_f0000000000000000000000000000001")
    );
}

#[tokio::test]
async fn a_linked_ticket_opens_the_conversation_it_has() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    world.conversations.add(&customer.contact, CNV_1);
    world.conversations.change(CNV_1, |entry| {
        entry.conversation.head_seq = 3;
        entry.parts = vec![ContactPart::default()];
    });
    let opened = open(&customer, TKT_1).await.unwrap();
    assert_eq!(opened.conversation.unwrap().head_seq, 3);
    assert_eq!(opened.consistency_token, "", "nothing was written");
}

#[tokio::test]
async fn a_conversation_deleted_a_moment_ago_is_to_be_tried_again() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    world.conversations.add(&customer.contact, CNV_1);
    world
        .conversations
        .change(CNV_1, |entry| entry.deleted = true);
    let away = is(Code::Unavailable, "bff.messenger", "UNAVAILABLE");
    assert_eq!(refusal(open(&customer, TKT_1).await), away);
}

// ---------------------------------------------------------------- reading

/// B3
#[tokio::test]
async fn a_ticket_that_was_shown_is_read_alone_up_to_what_was_shown() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    mark(&customer, "#1", 2).await.unwrap();
    assert_eq!(*world.notifications.state.reads.lock(), [read(1, 2)]);
    assert_eq!(world.conversations.state.gate.count("*"), 0);
    assert!(!get(&customer, TKT_1).await.unwrap().summary.unwrap().unread);
}

/// B3
#[tokio::test]
async fn a_revision_above_the_tickets_own_reads_nothing() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, "");
    let above = is(
        Code::InvalidArgument,
        "bff.messenger",
        "REVISION_ABOVE_TICKET",
    );
    assert_eq!(refusal(mark(&customer, TKT_1, 4).await), above);
    assert_eq!(world.notifications.state.gate.count("*"), 0);
    mark(&customer, TKT_1, 3).await.unwrap();
}

/// L4
#[tokio::test]
async fn looking_at_tickets_reads_nothing_and_makes_nothing() {
    let world = World::new().await;
    let customer = world.customer();
    world.tickets.add(&customer.contact, 1, CNV_1);
    list(&customer).await.unwrap();
    get(&customer, TKT_1).await.unwrap();
    customer
        .home(proto::settings::v1::Platform::Web)
        .await
        .unwrap();
    assert_eq!(world.notifications.state.gate.count("MarkTicketRead"), 0);
    assert_eq!(world.conversations.state.gate.count("MarkContactRead"), 0);
    assert_eq!(
        world.conversations.state.gate.count("EnsureConversation"),
        0
    );
    let gate = &world.tickets.state.gate;
    assert_eq!(gate.count("EnsureTicketConversation"), 0);
    assert!(!world.conversations.knows(CNV_1));
}

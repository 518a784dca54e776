//! Teammates in the console, with everything behind it: what each role may do, and what customers see of it.

use proto::{
    bff::v1::*,
    settings::v1::{
        CreateTeammateRequest, Platform, Role, Space, UpdateTeammateRequest,
        workspace_service_client::WorkspaceServiceClient,
    },
    tickets::v1::{CreateTicketTypeRequest, StateCategory, Ticket, TypeCategory},
};
use suite::Messenger;
use testing::eventually;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    desk::Desk,
    office::{Office, home, id, submit},
};

/// An office whose teammates work in the console.
struct Floor {
    office: Office,
    admin: Desk,
    agent: Desk,
    viewer: Desk,
    agent_id: String,
}

async fn open() -> Floor {
    let office = Office::open().await;
    let agent_id = hire(&office, "Alan", Role::Agent).await;
    hire(&office, "Kay", Role::Viewer).await;
    Floor {
        admin: desk(&office, "grace@example.com").await,
        agent: desk(&office, "alan@example.com").await,
        viewer: desk(&office, "kay@example.com").await,
        agent_id,
        office,
    }
}

async fn desk(office: &Office, email: &str) -> Desk {
    let at = office.suite.endpoints();
    Desk::open(&office.site.layout(), at, &office.access.app_id, email).await
}

async fn hire(office: &Office, name: &str, role: Role) -> String {
    let channel = runtime::client::channel(&office.suite.endpoints().settings).unwrap();
    let body = CreateTeammateRequest {
        name: name.into(),
        email: format!("{}@example.com", name.to_lowercase()),
        role: role.into(),
    };
    let token = office.grace.token().await.unwrap();
    let made = WorkspaceServiceClient::new(channel)
        .create_teammate(suite::signed(&token, body).unwrap())
        .await
        .unwrap();
    made.into_inner().teammate.unwrap().teammate_id
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    let info = status.get_details_error_info();
    (
        status.code(),
        info.map(|info| info.reason).unwrap_or_default(),
    )
}

async fn console(desk: &Desk) -> Result<GetConsoleResponse, Status> {
    desk.call(GetConsoleRequest {}, |mut c, r| async move {
        c.get_console(r).await
    })
    .await
}

async fn ticket(desk: &Desk, ticket_id: &str) -> GetInboxTicketResponse {
    let body = GetInboxTicketRequest {
        ticket_id: ticket_id.into(),
    };
    desk.call(body, |mut c, r| async move { c.get_inbox_ticket(r).await })
        .await
        .unwrap()
}

async fn reply(
    desk: &Desk,
    ticket_id: &str,
    request_id: &str,
    state_id: &str,
) -> Result<ReplyToTicketResponse, Status> {
    let body = ReplyToTicketRequest {
        request_id: request_id.into(),
        ticket_id: ticket_id.into(),
        body: "Try to turn it off and on.".into(),
        state_id: state_id.into(),
    };
    desk.call(body, |mut c, r| async move { c.reply_to_ticket(r).await })
        .await
}

async fn edit(desk: &Desk, ticket_id: &str, title: &str, version: u64) -> Result<Ticket, Status> {
    let body = EditTicketRequest {
        ticket_id: ticket_id.into(),
        title: Some(title.into()),
        expected_version: version,
        ..Default::default()
    };
    let answer = desk.call(body, |mut c, r| async move { c.edit_ticket(r).await });
    Ok(answer.await?.ticket.unwrap())
}

async fn turn(desk: &Desk, on: bool, version: u64) -> Result<SetSpaceResponse, Status> {
    let body = SetSpaceRequest {
        platform: Platform::Web.into(),
        space: Space::Tickets.into(),
        enabled: on,
        expected_version: version,
    };
    desk.call(body, |mut c, r| async move { c.set_space(r).await })
        .await
}

async fn timeline(desk: &Desk, conversation_id: &str) -> Vec<String> {
    let body = ListTimelineRequest {
        conversation_id: conversation_id.into(),
        ..Default::default()
    };
    let page = desk.call(body, |mut c, r| async move { c.list_timeline(r).await });
    let parts = page.await.unwrap().parts.into_iter();
    parts
        .map(|part| part.body)
        .filter(|body| !body.is_empty())
        .collect()
}

/// The state of a category.
async fn state(desk: &Desk, category: StateCategory) -> String {
    let states = console(desk).await.unwrap().states;
    let found = states
        .into_iter()
        .find(|state| state.category() == category);
    found.unwrap().state_id
}

async fn shown_tickets(ada: &Messenger) -> Vec<String> {
    let body = ListTicketsRequest::default();
    let list = ada.call(body, |mut c, r| async move { c.list_tickets(r).await });
    let tickets = list.await.unwrap().tickets.into_iter();
    tickets.map(|ticket| ticket.title).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_reads_an_agent_works_on_tickets_and_an_admin_changes_settings() {
    let floor = open().await;
    let ada = floor.office.messenger("ada", Platform::Web);
    let made = id(&submit(&ada, "The invoice is missing").await);
    for (desk, works, settles) in [
        (&floor.viewer, false, false),
        (&floor.agent, true, false),
        (&floor.admin, true, true),
    ] {
        let told = console(desk).await.unwrap();
        assert_eq!(told.teammates.len(), 3);
        let inbox = desk
            .call(ListInboxRequest::default(), |mut c, r| async move {
                c.list_inbox(r).await
            })
            .await
            .unwrap();
        assert_eq!(inbox.tickets.len(), 1);
        assert!(inbox.tickets[0].requester.is_some());
        let submitted = inbox.counts.iter().map(|count| count.count).sum::<u32>();
        assert_eq!(submitted, 1, "{:?}", inbox.counts);
        let read = ticket(desk, &made).await;
        timeline(desk, &read.ticket.clone().unwrap().conversation_id).await;
        let spaces = desk.call(GetSpacesRequest {}, |mut c, r| async move {
            c.get_spaces(r).await
        });
        let version = spaces.await.unwrap().settings.unwrap().version;
        let security = desk.call(GetSecurityRequest {}, |mut c, r| async move {
            c.get_security(r).await
        });
        assert_eq!(security.await.unwrap().keys.len(), 3);
        let role = told.teammate.unwrap().role();
        let edited = edit(desk, &made, "Changed", 0).await;
        let replied = reply(desk, &made, "", "").await;
        let turned = turn(desk, false, version).await;
        assert_eq!(edited.is_ok(), works, "{role:?}: {edited:?}");
        assert_eq!(replied.is_ok(), works, "{role:?}: {replied:?}");
        assert_eq!(turned.is_ok(), settles, "{role:?}: {turned:?}");
        for refused in [edited.err(), replied.err(), turned.err()]
            .into_iter()
            .flatten()
        {
            assert_eq!(refused.code(), Code::PermissionDenied);
            assert!(refused.message().starts_with("You need the A"), "{refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_with_a_state_sent_twice_is_one_message_and_one_change() {
    let floor = open().await;
    let desk = &floor.agent;
    let ada = floor.office.messenger("ada", Platform::Web);
    let made = id(&submit(&ada, "The invoice is missing").await);
    let resolved = state(desk, StateCategory::Resolved).await;
    for _ in 0..2 {
        let done = reply(desk, &made, "r-1", &resolved).await.unwrap();
        assert_eq!(done.state_problem, "");
        assert_eq!(done.ticket.unwrap().state.unwrap().state_id, resolved);
        assert_eq!(done.part.unwrap().author_name, "Alan");
    }
    let read = ticket(desk, &made).await.ticket.unwrap();
    assert_eq!(timeline(desk, &read.conversation_id).await.len(), 1);
    let body = ListInboxHistoryRequest {
        ticket_id: made.clone(),
        ..Default::default()
    };
    let history = desk.call(
        body,
        |mut c, r| async move { c.list_inbox_history(r).await },
    );
    let history = history.await.unwrap().entries;
    assert_eq!(history.len(), 2, "{history:#?}");
    assert_eq!(history[0].to_state_id, resolved, "newest first");
    assert_eq!(history[0].actor_id, floor.agent_id);
    // a state that this ticket cannot have: the reply is there, and the answer says what is not
    let unknown = format!("tst_{}", "0".repeat(32));
    let half = reply(desk, &made, "r-2", &unknown).await.unwrap();
    assert!(!half.state_problem.is_empty());
    assert_eq!(half.ticket.unwrap().state.unwrap().state_id, resolved);
    assert_eq!(timeline(desk, &read.conversation_id).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_a_ticket_that_was_unlinked_begins_a_conversation_that_the_customer_has_too() {
    let floor = open().await;
    let desk = &floor.agent;
    let ada = floor.office.messenger("ada", Platform::Web);
    let made = id(&submit(&ada, "The invoice is missing").await);
    let body = SetTicketConversationRequest {
        ticket_id: made.clone(),
        ..Default::default()
    };
    let unlinked = desk.call(body, |mut c, r| async move {
        c.set_ticket_conversation(r).await
    });
    assert_eq!(unlinked.await.unwrap().ticket.unwrap().conversation_id, "");
    for _ in 0..2 {
        reply(desk, &made, "r-1", "").await.unwrap();
    }
    let read = ticket(desk, &made).await;
    let conversation = read.conversation.expect("it has one");
    assert_eq!(timeline(desk, &conversation.conversation_id).await.len(), 1);
    eventually("the customer is led there", || async {
        let shown = crate::office::detail(&ada, &made).await.ok()?;
        let leads = shown.call_to_action?.conversation_id;
        (leads == conversation.conversation_id).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_office_ticket_is_shared_from_the_console_and_taken_back() {
    let floor = open().await;
    let desk = &floor.agent;
    let ada = floor.office.messenger("ada", Platform::Web);
    let contact = home(&ada).await.identity.unwrap().contact_id;
    let body = CreateTicketTypeRequest {
        name: "Errand".into(),
        category: TypeCategory::BackOffice.into(),
        shareable: true,
        ..Default::default()
    };
    let grace = &floor.office.grace;
    let made = grace.call(&grace.types, body, |mut c, r| async move {
        c.create_ticket_type(r).await
    });
    let errand = made.await.unwrap().r#type.unwrap().type_id;
    let body = CreateInboxTicketRequest {
        requester_contact_id: contact,
        type_id: errand,
        title: "Look into it".into(),
        ..Default::default()
    };
    let made = desk.call(
        body,
        |mut c, r| async move { c.create_inbox_ticket(r).await },
    );
    let made = made.await.unwrap().ticket.unwrap();
    assert!(!made.shared && made.shareable);
    assert_eq!(shown_tickets(&ada).await, Vec::<String>::new());
    if made.conversation_id.is_empty() {
        let refused = reason(reply(desk, &made.ticket_id, "", "").await);
        let none = "TICKET_HAS_NO_CONVERSATION".to_owned();
        assert_eq!(refused, (Code::FailedPrecondition, none));
    }
    let set = async |shared: bool| {
        let body = SetTicketSharedRequest {
            ticket_id: made.ticket_id.clone(),
            shared,
            ..Default::default()
        };
        let set = desk.call(body, |mut c, r| async move { c.set_ticket_shared(r).await });
        set.await.unwrap().ticket.unwrap()
    };
    assert!(set(true).await.shared);
    assert_eq!(shown_tickets(&ada).await, ["Look into it"]);
    reply(desk, &made.ticket_id, "", "").await.unwrap();
    let body = ListInboxRequest {
        shared: Some(true),
        ..Default::default()
    };
    let shared = desk.call(body, |mut c, r| async move { c.list_inbox(r).await });
    assert_eq!(shared.await.unwrap().tickets.len(), 1);
    assert!(!set(false).await.shared);
    assert_eq!(shown_tickets(&ada).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_turned_off_in_the_console_is_gone_from_the_customers_home() {
    let floor = open().await;
    let ada = floor.office.messenger("ada", Platform::Web);
    submit(&ada, "The invoice is missing").await;
    let shows = async || {
        let spaces = home(&ada).await.spaces;
        spaces
            .iter()
            .any(|row| row.space() == Space::Tickets && row.visible)
    };
    eventually("the Tickets space shows", || async {
        shows().await.then_some(())
    })
    .await;
    let turned = turn(&floor.admin, false, 0)
        .await
        .unwrap()
        .settings
        .unwrap();
    eventually("it is gone", || async { (!shows().await).then_some(()) }).await;
    let stale = reason(turn(&floor.admin, true, 0).await);
    assert_eq!(stale, (Code::Aborted, "STALE_VERSION".to_owned()));
    let spaces = floor
        .viewer
        .call(GetSpacesRequest {}, |mut c, r| async move {
            c.get_spaces(r).await
        });
    let last = spaces.await.unwrap().last_change.unwrap();
    assert_eq!(
        (last.action.as_str(), last.subject.as_str()),
        ("space.updated", "WEB/TICKETS")
    );
    turn(&floor.admin, true, turned.version).await.unwrap();
    eventually("it is back", || async { shows().await.then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_changed_meanwhile_is_not_overwritten() {
    let floor = open().await;
    let ada = floor.office.messenger("ada", Platform::Web);
    let made = id(&submit(&ada, "The invoice is missing").await);
    let read = ticket(&floor.agent, &made).await.ticket.unwrap();
    edit(&floor.agent, &made, "First", read.version)
        .await
        .unwrap();
    let stale = edit(&floor.admin, &made, "Second", read.version).await;
    assert_eq!(reason(stale), (Code::Aborted, "STALE_VERSION".to_owned()));
    let now = ticket(&floor.viewer, &made).await.ticket.unwrap();
    assert_eq!(now.title, "First", "who reads after a write sees it");
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_on_the_teams_timeline_alone() {
    let floor = open().await;
    let ada = floor.office.messenger("ada", Platform::Web);
    let made = id(&submit(&ada, "The invoice is missing").await);
    let body = AddTicketNoteRequest {
        request_id: "n-1".into(),
        ticket_id: made.clone(),
        body: "She sounds upset.".into(),
    };
    for _ in 0..2 {
        let added = floor.agent.call(body.clone(), |mut c, r| async move {
            c.add_ticket_note(r).await
        });
        added.await.unwrap();
    }
    let conversation_id = ticket(&floor.viewer, &made)
        .await
        .ticket
        .unwrap()
        .conversation_id;
    assert_eq!(
        timeline(&floor.viewer, &conversation_id).await,
        ["She sounds upset."]
    );
    let body = GetConversationRequest {
        conversation_id,
        ..Default::default()
    };
    let seen = ada.call(body, |mut c, r| async move { c.get_conversation(r).await });
    assert!(!format!("{:?}", seen.await.unwrap()).contains("upset"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_or_is_deactivated_is_out_with_the_next_call() {
    let floor = open().await;
    let other = desk(&floor.office, "alan@example.com").await;
    console(&floor.agent).await.unwrap();
    floor.agent.log_out().await;
    let out = |outcome| assert_eq!(reason(outcome).0, Code::Unauthenticated);
    out(console(&floor.agent).await);
    console(&other).await.unwrap();
    let channel = runtime::client::channel(&floor.office.suite.endpoints().settings).unwrap();
    let body = UpdateTeammateRequest {
        teammate_id: floor.agent_id.clone(),
        active: Some(false),
        ..Default::default()
    };
    let token = floor.office.grace.token().await.unwrap();
    WorkspaceServiceClient::new(channel)
        .update_teammate(suite::signed(&token, body).unwrap())
        .await
        .unwrap();
    out(console(&other).await);
    console(&floor.viewer).await.unwrap();
}

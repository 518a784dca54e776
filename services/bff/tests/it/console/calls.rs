//! What the console's calls do at the services behind.

use proto::{settings::v1::Role, tickets::v1::Ticket};
use runtime::{ActorKind, Kind};
use serde_json::{Value, json};

use super::{Browser, development, log_in};
use crate::{
    fakes::{FOREIGN_STATE, Mode, ours},
    world::{CNV_1, TKT_1, World},
};

const ALAN: &str = "alan@example.com";
const AGENT: &str = "ada@example.com";
const CON_1: &str = "con_00000000000000000000000000000001";
const ERASED: &str = "con_0000000000000000000000000000000e";
const STATE: &str = "tst_00000000000000000000000000000001";

fn ticket() -> Ticket {
    Ticket {
        ticket_id: TKT_1.into(),
        number: 1,
        title: "It is on fire".into(),
        requester_contact_ids: vec![CON_1.into()],
        conversation_id: CNV_1.into(),
        version: 3,
        shared: true,
        ..Default::default()
    }
}

/// Somebody logged in, and a ticket with a conversation.
async fn desk(email: &str) -> (World, Browser) {
    let world = development().await;
    world.tickets.file(ticket());
    let contact = types::ContactId::parse(CON_1).unwrap();
    world.conversations.add(&contact, CNV_1);
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, email).await;
    (world, browser)
}

fn reply(more: Value) -> Value {
    let mut body = json!({ "requestId": "r-1", "ticketId": TKT_1, "body": "Try this." });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn written(world: &World) -> Vec<(String, String)> {
    let written = world.conversations.state.written.lock();
    written
        .iter()
        .map(|(id, to, _)| (id.clone(), to.clone()))
        .collect()
}

#[tokio::test]
async fn the_console_knows_who_is_logged_in_and_what_there_is_to_choose_from() {
    let (_world, mut browser) = desk(AGENT).await;
    let told = browser.call("GetConsole", json!({})).await.json();
    assert_eq!(told["teammate"]["email"], AGENT);
    assert_eq!(told["teammate"]["role"], "ROLE_AGENT");
    assert_eq!(told["workspace"]["name"], "Acme");
    let team = &told["teammates"][0];
    assert_eq!(
        (&team["name"], &team["active"]),
        (&json!("Grace Hopper"), &json!(true))
    );
    assert!(team.get("email").is_none(), "{team}");
}

#[tokio::test]
async fn calls_are_made_in_the_teammates_name_with_one_signature_for_many() {
    let (world, mut browser) = desk(AGENT).await;
    browser.call("ListInbox", json!({})).await;
    let first = world.tickets.state.gate.last("ListTickets");
    assert_eq!(
        (first.actor.kind, first.actor.name.as_str()),
        (ActorKind::Teammate, "Ada Lovelace")
    );
    assert!(first.actor.may("tickets:write") && !first.actor.may("settings:write"));
    browser
        .call("GetInboxTicket", json!({ "ticketId": TKT_1 }))
        .await;
    let second = world.tickets.state.gate.last("GetTicket");
    assert_eq!(first.authorization, second.authorization);
    for call in [&first, &second] {
        assert!(!call.headers.contains("cookie"), "{:?}", call.headers);
    }
    // another role speaks with another signature, at once
    world.settings.state.console.change_role(Role::Viewer);
    browser.call("ListInbox", json!({})).await;
    let third = world.tickets.state.gate.last("ListTickets");
    assert_ne!(first.authorization, third.authorization);
    assert!(!third.actor.may("tickets:write"));
}

#[tokio::test]
async fn the_inbox_is_there_when_names_and_counts_are_not() {
    let (world, mut browser) = desk(ALAN).await;
    let mut gone = ticket();
    gone.requester_contact_ids = vec![ERASED.into()];
    world.tickets.file(gone);
    let inbox = browser.call("ListInbox", json!({})).await.json();
    assert_eq!(inbox["tickets"][0]["requester"]["name"], "Ada");
    assert_eq!(
        inbox["tickets"][1].get("requester"),
        None,
        "who was erased has no name"
    );
    assert_eq!(
        (&inbox["counts"][0]["count"], &inbox["countLimit"]),
        (&json!(2), &json!(1_000))
    );
    // counts come with the first page
    let inbox = browser
        .call("ListInbox", json!({ "pageToken": "more" }))
        .await
        .json();
    assert_eq!(inbox.get("counts"), None);
    // and not with a search: each ticket would have to be looked at
    let searched = browser.call("ListInbox", json!({ "text": "export" }));
    assert_eq!(searched.await.json().get("counts"), None);
    assert_eq!(world.tickets.state.gate.count("CountTickets"), 1);
    world.tickets.state.gate.set("CountTickets", Mode::Away);
    world
        .settings
        .state
        .gate
        .set("BatchGetContacts", Mode::Away);
    let inbox = browser.call("ListInbox", json!({})).await.json();
    assert_eq!(inbox["tickets"].as_array().unwrap().len(), 2);
    assert_eq!(inbox["tickets"][0].get("requester"), None);
    assert_eq!(inbox.get("counts"), None);
    world.tickets.state.gate.set("ListTickets", Mode::Away);
    let answer = browser.call("ListInbox", json!({})).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (503, &json!("unavailable"))
    );
}

#[tokio::test]
async fn a_tickets_page_is_there_without_its_conversation_and_its_people() {
    let (world, mut browser) = desk(ALAN).await;
    let page = browser
        .call("GetInboxTicket", json!({ "ticketId": "#1" }))
        .await
        .json();
    assert_eq!(page["requesters"][0]["name"], "Ada");
    assert_eq!(page["conversation"]["conversationId"], CNV_1);
    world.conversations.state.gate.all(Mode::Away);
    world
        .settings
        .state
        .gate
        .set("BatchGetContacts", Mode::Away);
    let page = browser
        .call("GetInboxTicket", json!({ "ticketId": TKT_1 }))
        .await
        .json();
    assert_eq!(page["ticket"]["title"], "It is on fire");
    assert_eq!(
        (page.get("requesters"), page.get("conversation")),
        (None, None)
    );
}

#[tokio::test]
async fn the_history_is_told_from_its_end() {
    let (_world, mut browser) = desk(ALAN).await;
    let body = json!({ "ticketId": TKT_1 });
    let page = browser.call("ListInboxHistory", body).await.json();
    let versions: Vec<_> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["version"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(versions, ["2", "1"]);
}

#[tokio::test]
async fn a_reply_that_moves_the_ticket_is_one_message_and_one_change_however_often_it_is_sent() {
    let (world, mut browser) = desk(AGENT).await;
    for _ in 0..2 {
        let done = browser
            .call("ReplyToTicket", reply(json!({ "stateId": STATE })))
            .await;
        let done = done.json();
        assert_eq!(done["part"]["body"], "Try this.");
        assert_eq!(done["ticket"]["state"]["stateId"], STATE);
        assert_eq!(done.get("stateProblem"), None, "{done}");
    }
    assert_eq!(written(&world), [("r-1:msg".into(), CNV_1.into())]);
    assert_eq!(*world.tickets.state.moves.lock(), ["r-1:set"]);
}

#[tokio::test]
async fn a_reply_whose_state_was_not_changed_says_so_and_a_retry_does_what_is_missing() {
    let (world, mut browser) = desk(AGENT).await;
    let done = browser
        .call("ReplyToTicket", reply(json!({ "stateId": FOREIGN_STATE })))
        .await;
    assert_eq!(done.status, 200, "{}", done.body);
    let done = done.json();
    assert_eq!(
        done["stateProblem"],
        "tickets.messenger says TICKET_STATE_NOT_ALLOWED"
    );
    assert_eq!(done["ticket"]["version"], "3", "as it is now");
    world
        .tickets
        .state
        .gate
        .set("ChangeTicketState", Mode::Away);
    let done = browser
        .call("ReplyToTicket", reply(json!({ "stateId": STATE })))
        .await
        .json();
    assert!(
        done["stateProblem"].as_str().unwrap().contains("try again"),
        "{done}"
    );
    world.tickets.state.gate.set("ChangeTicketState", Mode::Up);
    let done = browser
        .call("ReplyToTicket", reply(json!({ "stateId": STATE })))
        .await
        .json();
    assert_eq!(done.get("stateProblem"), None);
    assert_eq!(done["ticket"]["state"]["stateId"], STATE);
    assert_eq!(written(&world).len(), 1);
}

#[tokio::test]
async fn when_the_message_is_not_sent_the_state_stays() {
    let (world, mut browser) = desk(AGENT).await;
    world
        .conversations
        .state
        .gate
        .set("SendMessage", Mode::Away);
    let done = browser
        .call("ReplyToTicket", reply(json!({ "stateId": STATE })))
        .await;
    assert_eq!(done.status, 503, "{}", done.body);
    assert_eq!(world.tickets.state.gate.count("ChangeTicketState"), 0);
}

#[tokio::test]
async fn a_reply_to_a_shared_ticket_without_a_conversation_begins_one() {
    let (world, mut browser) = desk(AGENT).await;
    world.tickets.state.team.lock()[0].conversation_id.clear();
    for _ in 0..2 {
        let done = browser.call("ReplyToTicket", reply(json!({}))).await;
        assert_eq!(done.status, 200, "{}", done.body);
    }
    let begun = world.tickets.state.team.lock()[0].conversation_id.clone();
    assert!(begun.starts_with("cnv_") && world.conversations.knows(&begun));
    assert_eq!(written(&world), [("r-1:msg".into(), begun)]);
    assert_eq!(*world.tickets.state.moves.lock(), ["r-1:cnv"]);
}

#[tokio::test]
async fn a_reply_that_is_sent_again_after_the_ticket_was_unlinked_is_still_one_message() {
    let (world, mut browser) = desk(AGENT).await;
    world.tickets.state.team.lock()[0].conversation_id.clear();
    let done = browser.call("ReplyToTicket", reply(json!({}))).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let begun = world.tickets.state.team.lock()[0].conversation_id.clone();
    world.tickets.state.team.lock()[0].conversation_id.clear();
    let again = browser.call("ReplyToTicket", reply(json!({}))).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(written(&world), [("r-1:msg".into(), begun)]);
}

#[tokio::test]
async fn a_note_that_is_sent_again_is_still_one_note_wherever_the_ticket_is_linked_since() {
    let (world, mut browser) = desk(AGENT).await;
    let note = json!({ "requestId": "n-1", "ticketId": TKT_1, "body": "She sounds upset." });
    let other = "cnv_000000000000000000000000000000bb";
    for linked in [CNV_1, "", other] {
        world.tickets.state.team.lock()[0].conversation_id = linked.into();
        let done = browser.call("AddTicketNote", note.clone()).await;
        assert_eq!(done.status, 200, "{linked:?}: {}", done.body);
        assert_eq!(written(&world), [("n-1".into(), CNV_1.into())]);
    }
}

#[tokio::test]
async fn a_note_goes_where_there_is_a_conversation_and_begins_none() {
    let (world, mut browser) = desk(AGENT).await;
    let note = json!({ "requestId": "n-1", "ticketId": TKT_1, "body": "She sounds upset." });
    // its conversation was deleted, and Tickets has not heard of it yet; then it has; then there is none
    world.conversations.state.entries.lock()[0].deleted = true;
    let mut refused = vec![browser.call("AddTicketNote", note.clone()).await];
    world.tickets.state.heard_deleted.lock().push(CNV_1.into());
    refused.push(browser.call("AddTicketNote", note.clone()).await);
    world.tickets.state.team.lock()[0].conversation_id.clear();
    let fresh = json!({ "requestId": "n-2", "ticketId": TKT_1, "body": "She sounds upset." });
    refused.push(browser.call("AddTicketNote", fresh).await);
    for told in refused {
        assert_eq!(told.json()["code"], "failed_precondition", "{}", told.body);
        assert!(told.body.contains("TICKET_HAS_NO_CONVERSATION"));
    }
    assert_eq!(world.tickets.state.team.lock()[0].conversation_id, "");
    // what was not written goes into the one that it has by now
    let other = "cnv_000000000000000000000000000000bb";
    world.tickets.state.team.lock()[0].conversation_id = other.into();
    let done = browser.call("AddTicketNote", note).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(written(&world), [("n-1".into(), other.into())]);
}

#[tokio::test]
async fn a_teammate_closes_a_conversation_and_reopens_it() {
    let (world, mut browser) = desk(AGENT).await;
    for (open, state) in [(false, "CLOSED"), (true, "OPEN")] {
        let body = json!({ "requestId": state, "conversationId": CNV_1, "open": open });
        let done = browser.call("SetConversationOpen", body).await;
        let told = done.json()["conversation"]["state"].clone();
        assert_eq!(told, json!(format!("CONVERSATION_STATE_{state}")));
        let entries = world.conversations.state.entries.lock();
        assert_eq!(entries[0].conversation.state().as_str_name(), told);
    }
}

#[tokio::test]
async fn a_reply_to_a_ticket_whose_conversation_was_deleted_is_written_in_another() {
    let (world, mut browser) = desk(AGENT).await;
    world.conversations.state.entries.lock()[0].deleted = true;
    // Tickets has not heard of it: a moment later it has
    let early = browser.call("ReplyToTicket", reply(json!({}))).await;
    assert_eq!(early.status, 503, "{}", early.body);
    world.tickets.state.heard_deleted.lock().push(CNV_1.into());
    for _ in 0..2 {
        let done = browser.call("ReplyToTicket", reply(json!({}))).await;
        assert_eq!(done.status, 200, "{}", done.body);
    }
    let other = world.tickets.state.team.lock()[0].conversation_id.clone();
    assert_ne!(other, CNV_1);
    assert_eq!(written(&world), [("r-1:ms2".into(), other)]);
}

#[tokio::test]
async fn what_the_customer_does_not_see_gets_no_conversation_by_a_reply() {
    let (world, mut browser) = desk(AGENT).await;
    {
        let ticket = &mut world.tickets.state.team.lock()[0];
        ticket.conversation_id.clear();
        ticket.shared = false;
    }
    let note = json!({ "ticketId": TKT_1, "body": "Ours" });
    for (rpc, body) in [("ReplyToTicket", reply(json!({}))), ("AddTicketNote", note)] {
        let refused = browser.call(rpc, body).await;
        let told = refused.json();
        assert_eq!(told["code"], "failed_precondition", "{told}");
        assert!(refused.body.contains("TICKET_HAS_NO_CONVERSATION"));
    }
    assert_eq!(
        world.conversations.state.gate.count("EnsureConversation"),
        0
    );
}

#[tokio::test]
async fn a_conversation_that_is_not_heard_of_yet_is_made_for_the_first_reply() {
    let (world, mut browser) = desk(AGENT).await;
    let fresh = "cnv_000000000000000000000000000000aa";
    world.tickets.state.team.lock()[0].conversation_id = fresh.into();
    let done = browser.call("ReplyToTicket", reply(json!({}))).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(written(&world), [("r-1:msg".into(), fresh.into())]);
    let ensured = world.conversations.state.gate.last("EnsureConversation");
    assert_eq!(ensured.actor.kind, ActorKind::Service);
}

#[tokio::test]
async fn a_reply_is_checked_before_anything_of_it_is_done() {
    let (world, mut browser) = desk(AGENT).await;
    let wrong = json!({
        "requestId": "x".repeat(61), "ticketId": "tkt_1", "body": "", "stateId": "done",
    });
    let refused = browser.call("ReplyToTicket", wrong).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    for field in ["request_id", "ticket_id", "body", "state_id"] {
        assert!(refused.body.contains(field), "{field}: {}", refused.body);
    }
    assert_eq!(world.tickets.state.gate.count("*"), 0);
}

#[tokio::test]
async fn a_refusal_behind_comes_through_as_it_is_and_what_is_ours_alone_does_not() {
    let (world, mut browser) = desk(AGENT).await;
    let asked = json!({ "ticketId": TKT_1 });
    for (kind, code) in [
        (Kind::NotFound, "not_found"),
        (Kind::Conflict, "aborted"),
        (Kind::Precondition, "failed_precondition"),
    ] {
        let failure = ours(kind, "tickets.messenger", "STALE_VERSION").naming("expected_version");
        world
            .tickets
            .state
            .gate
            .set("GetTicket", Mode::Refusing(failure));
        let refused = browser.call("GetInboxTicket", asked.clone()).await;
        assert_eq!(refused.json()["code"], code);
        assert!(
            refused
                .body
                .contains("tickets.messenger says STALE_VERSION")
        );
        assert!(
            refused.body.contains("expected_version"),
            "{}",
            refused.body
        );
    }
    for (kind, code, sentence) in [
        (
            Kind::Forbidden,
            "permission_denied",
            "Your role does not allow this",
        ),
        (
            Kind::Unauthenticated,
            "internal",
            "something failed on our side",
        ),
    ] {
        let failure = ours(kind, "tickets.messenger", "A_SECRET");
        world
            .tickets
            .state
            .gate
            .set("GetTicket", Mode::Refusing(failure));
        let refused = browser.call("GetInboxTicket", asked.clone()).await;
        assert_eq!(refused.json()["code"], code);
        assert!(refused.body.contains(sentence) && !refused.body.contains("A_SECRET"));
    }
}

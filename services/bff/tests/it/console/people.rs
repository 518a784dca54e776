//! Whom the console finds, and whom a ticket may name.

use serde_json::json;

use super::{Browser, development, log_in};
use crate::{
    fakes::{Mode, TEA_GONE, TEA_GRACE},
    world::{TKT_1, World},
};

const VIEWER: &str = "alan@example.com";
const AGENT: &str = "ada@example.com";
const CON_1: &str = "con_00000000000000000000000000000001";
const ERASED: &str = "con_0000000000000000000000000000000e";
const NOBODY: &str = "tea_0000000000000000000000000000000f";

async fn desk() -> (World, Browser) {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, AGENT).await;
    (world, browser)
}

#[tokio::test]
async fn a_teammate_finds_a_customer_by_what_their_name_begins_with() {
    let (world, mut browser) = desk().await;
    let body = json!({ "text": "a" });
    let found = browser.call("FindContacts", body).await.json();
    assert_eq!(
        found,
        json!({
            "contacts": [{
                "contactId": CON_1, "userId": "7", "name": "Ada", "email": "ada@example.com",
                "kind": "CONTACT_KIND_USER",
            }],
            "more": true,
        })
    );
    let asked = world.settings.state.gate.last("SearchContacts");
    assert_eq!(asked.actor.kind, runtime::ActorKind::Teammate);
    let body = json!({ "text": "grace" });
    let nobody = browser.call("FindContacts", body).await.json();
    assert_eq!(nobody, json!({}));
}

#[tokio::test]
async fn no_ticket_is_made_for_a_customer_whom_nobody_has() {
    let (world, mut browser) = desk().await;
    let create = |contact: &str| json!({ "requesterContactId": contact, "title": "It is on fire" });
    let refused = browser.call("CreateInboxTicket", create(ERASED)).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let sentence = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(sentence.contains("this customer isn't there"), "{sentence}");
    for part in ["NO_SUCH_CONTACT", "requester_contact_id"] {
        assert!(refused.body.contains(part), "{part}: {}", refused.body);
    }
    // nor while it is not known whether anybody has them
    let gate = &world.settings.state.gate;
    gate.set("BatchGetContacts", Mode::Away);
    let away = browser.call("CreateInboxTicket", create(CON_1)).await;
    assert_eq!(away.status, 503, "{}", away.body);
    assert_eq!(world.tickets.state.gate.count("CreateTicket"), 0);
}

#[tokio::test]
async fn no_ticket_is_given_to_somebody_whom_the_team_does_not_have() {
    let (world, mut browser) = desk().await;
    let give = |to: &str| json!({ "ticketId": TKT_1, "assigneeTeammateId": to });
    for nobody in [NOBODY, TEA_GONE] {
        let refused = browser.call("EditTicket", give(nobody)).await;
        assert_eq!(refused.status, 400, "{nobody}: {}", refused.body);
        for part in ["NO_SUCH_TEAMMATE", "assignee_teammate_id"] {
            assert!(refused.body.contains(part), "{part}: {}", refused.body);
        }
    }
    assert_eq!(world.tickets.state.gate.count("UpdateTicket"), 0);
    // to somebody of the team, and to nobody, it can be
    for (nth, to) in [TEA_GRACE, ""].into_iter().enumerate() {
        browser.call("EditTicket", give(to)).await;
        assert_eq!(world.tickets.state.gate.count("UpdateTicket"), nth + 1);
    }
}

#[tokio::test]
async fn the_inbox_shows_the_tickets_of_one_customer_when_asked_to() {
    let (world, mut browser) = desk().await;
    let body = json!({ "requesterContactId": CON_1 });
    assert_eq!(browser.call("ListInbox", body).await.status, 200);
    let gate = &world.tickets.state.gate;
    for call in ["ListTickets", "CountTickets"] {
        assert_eq!(gate.count(call), 1, "{call}");
    }
    assert_eq!(*world.tickets.state.listed_for.lock(), [CON_1, CON_1]);
}

#[tokio::test]
async fn a_viewer_may_look_for_customers_and_who_is_not_logged_in_may_not() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    let body = json!({ "text": "ada" });
    let refused = browser.call("FindContacts", body.clone()).await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    log_in(&mut browser, VIEWER).await;
    assert_eq!(browser.call("FindContacts", body).await.status, 200);
}

use std::time::{Duration, Instant};

use proto::{
    bff::v1::GetHomeRequest,
    events::v1::LogPosition,
    notifications::v1::Inbox,
    settings::v1::{Platform, Space},
};
use runtime::Kind;
use tonic::Code;

use crate::{
    fakes::{Mode, ours},
    world::{PLATFORMS, World, card, fields, inbox, is, refusal, shows},
};

/// S1, S2, R1, B1: what is composed in detail is tested where it is composed
#[tokio::test]
async fn home_shows_spaces_badges_card_and_the_newest_conversation() {
    let world = World::new().await;
    world.tickets.label("tst_progress", "On our desk");
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[7, 5]));
    for platform in PLATFORMS {
        let home = customer.home(platform).await.unwrap();
        let identity = home.identity.clone().unwrap();
        assert_eq!(identity.contact_id, customer.contact.as_str());
        assert_eq!(identity.name, "Ada");
        assert!(shows(&home, Space::Home) && shows(&home, Space::Messages));
        assert!(shows(&home, Space::Tickets));
        assert_eq!(home.badges.unwrap().tickets, Some(2));
        assert_eq!(home.badges.unwrap().messages, Some(1));
        assert_eq!(card(&home), [7, 5]);
        let row = home.recent_tickets.unwrap().tickets.remove(0);
        assert_eq!(row.state.unwrap().label, "On our desk");
        let newest = home.recent_conversation.unwrap();
        assert_eq!(
            newest.conversation_id,
            "cnv_00000000000000000000000000000007"
        );
        assert_eq!(newest.ticket.unwrap().state.unwrap().label, "On our desk");
        assert_eq!(home.token.unwrap().contact_version, 1);
    }
}

/// S1
#[tokio::test]
async fn a_customer_without_a_ticket_sees_no_tickets_space_and_the_first_one_brings_it() {
    let world = World::new().await;
    let customer = world.customer();
    let home = customer.home(Platform::Ios).await.unwrap();
    assert!(!shows(&home, Space::Tickets));
    assert_eq!(home.badges.unwrap().tickets, None);
    world.notifications.tell(&customer.contact, inbox(&[1]));
    assert!(shows(
        &customer.home(Platform::Ios).await.unwrap(),
        Space::Tickets
    ));
}

/// One downstream read, and no other call, when nothing is cold
#[tokio::test]
async fn home_costs_one_call_to_the_services_behind() {
    let world = World::new().await;
    world.tickets.label("tst_progress", "On our desk");
    let customer = world.customer();
    world
        .notifications
        .tell(&customer.contact, inbox(&[1, 2, 3]));
    customer.home(Platform::Web).await.unwrap();
    world.forget_calls();
    for _ in 0..5 {
        customer.home(Platform::Web).await.unwrap();
    }
    assert_eq!(world.notifications.state.gate.count("GetInbox"), 5);
    assert_eq!(world.calls(), 5);
}

#[tokio::test]
async fn many_who_come_at_once_to_a_cold_process_ask_for_each_thing_once() {
    let world = World::new().await;
    world.tickets.label("tst_progress", "On our desk");
    let slow = Mode::Slow(Duration::from_millis(100));
    world.settings.state.gate.all(slow.clone());
    world.tickets.state.gate.all(slow);
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let homes = (0..20).map(|_| customer.home(Platform::Web));
    for home in futures::future::join_all(homes).await {
        let card = home.unwrap().recent_tickets.unwrap();
        assert_eq!(card.tickets[0].state.as_ref().unwrap().label, "On our desk");
    }
    let gate = &world.settings.state.gate;
    assert_eq!(gate.count("LookUpSession"), 1);
    assert_eq!(gate.count("GetMessengerSettings"), 1);
    assert_eq!(world.tickets.state.gate.count("ListContactTicketForms"), 1);
}

/// S5
#[tokio::test]
async fn a_home_for_no_known_platform_is_refused_and_never_taken_for_all() {
    let world = World::new().await;
    let customer = world.customer();
    for platform in [0, 4, -1] {
        let request = GetHomeRequest {
            platform,
            consistency_token: String::new(),
        };
        let mut messenger = customer.messenger.clone();
        let outcome = messenger.get_home(customer.with(request)).await;
        assert_eq!(fields(outcome), ["platform"]);
    }
    assert_eq!(world.notifications.state.gate.count("*"), 0);
}

/// Flow b: a write's token makes the next read wait for it
#[tokio::test]
async fn a_consistency_token_makes_home_wait_for_the_write_it_came_from() {
    let world = World::new().await;
    let customer = world.customer();
    world
        .conversations
        .add(&customer.contact, "cnv_00000000000000000000000000000001");
    world
        .conversations
        .change("cnv_00000000000000000000000000000001", |entry| {
            entry.conversation.head_seq = 4;
        });
    let request = proto::bff::v1::MarkConversationReadRequest {
        conversation_id: "cnv_00000000000000000000000000000001".into(),
        up_to_seq: 4,
    };
    let mut messenger = customer.messenger.clone();
    let read = messenger
        .mark_conversation_read(customer.with(request))
        .await;
    let token = read.unwrap().into_inner().consistency_token;
    assert!(!token.is_empty());
    customer.home_after(Platform::Web, &token).await.unwrap();
    let expected = LogPosition {
        source: "conversations".into(),
        partition: 2,
        position: 1,
    };
    assert_eq!(*world.notifications.state.waited_for.lock(), [expected]);
}

#[tokio::test]
async fn a_malformed_consistency_token_is_refused() {
    let world = World::new().await;
    let customer = world.customer();
    let refused = is(
        Code::InvalidArgument,
        "bff.messenger",
        "INVALID_CONSISTENCY_TOKEN",
    );
    for token in ["!", "AAAA", &"A".repeat(60_000)] {
        let outcome = customer.home_after(Platform::Web, token).await;
        assert_eq!(refusal(outcome), refused);
    }
    assert_eq!(world.notifications.state.gate.count("*"), 0);
}

/// D4
#[tokio::test]
async fn with_notifications_down_home_comes_without_badges_card_and_tickets() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let before = customer.home(Platform::Web).await.unwrap();
    world.notifications.host.go_down().await;
    let home = customer.home(Platform::Web).await.unwrap();
    assert!(home.inbox_unavailable);
    assert!(!shows(&home, Space::Tickets));
    assert!(shows(&home, Space::Messages) && shows(&home, Space::Home));
    assert_eq!(home.badges.unwrap().tickets, None);
    assert_eq!(home.badges.unwrap().messages, None);
    assert_eq!(home.recent_tickets, None);
    world.notifications.host.come_back().await;
    let after = testing::eventually("Home is whole again", async || {
        let home = customer.home(Platform::Web).await.unwrap();
        (!home.inbox_unavailable).then_some(home)
    });
    assert_eq!(after.await, before);
}

/// D4: a slow garnish does not hold up the rest
#[tokio::test]
async fn with_notifications_hanging_home_comes_within_a_second_and_a_half() {
    let world = World::new().await;
    let customer = world.customer();
    customer.home(Platform::Web).await.unwrap();
    let slow = Mode::Slow(Duration::from_secs(8));
    world.notifications.state.gate.all(slow);
    let start = Instant::now();
    let home = customer.home(Platform::Web).await.unwrap();
    assert!(home.inbox_unavailable);
    assert!(start.elapsed() < Duration::from_millis(1_500));
}

/// D4: rather no badge than one without the customer's own write
#[tokio::test]
async fn a_write_that_notifications_has_not_caught_up_with_makes_badges_absent_not_old() {
    let world = World::new().await;
    let customer = world.customer();
    let inbox = Inbox {
        unread_conversations: 1,
        ..Default::default()
    };
    world.notifications.tell(&customer.contact, inbox);
    let behind = ours(
        Kind::Unavailable(Duration::from_millis(10)),
        "notifications.messenger",
        "NOT_CAUGHT_UP",
    );
    world.notifications.state.gate.all(Mode::Refusing(behind));
    // tickets, partition 1, position 9
    let token = "AQEAAAAAAAAACQ";
    let home = customer.home_after(Platform::Web, token).await.unwrap();
    assert!(home.inbox_unavailable);
    assert_eq!(home.badges.unwrap().messages, None);
}

/// T11
#[tokio::test]
async fn a_renamed_label_shows_within_a_minute() {
    let world = World::new().await;
    world.tickets.label("tst_progress", "On our desk");
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let label = async || {
        let home = customer.home(Platform::Web).await.unwrap();
        let ticket = home.recent_tickets.unwrap().tickets.remove(0);
        ticket.state.unwrap().label
    };
    assert_eq!(label().await, "On our desk");
    world.tickets.label("tst_progress", "Being looked at");
    assert_eq!(label().await, "On our desk");
    world.advance(60);
    assert_eq!(label().await, "Being looked at");
    // and with Tickets away the last known goes on
    world.tickets.state.gate.all(Mode::Away);
    world.advance(120);
    assert_eq!(label().await, "Being looked at");
}

#[tokio::test]
async fn a_state_that_is_new_is_looked_up_at_once_and_a_strange_one_not_over_and_over() {
    let world = World::new().await;
    world.tickets.label("tst_other", "Other");
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let label = async || {
        let home = customer.home(Platform::Web).await.unwrap();
        let ticket = home.recent_tickets.unwrap().tickets.remove(0);
        ticket.state.unwrap().label
    };
    for _ in 0..5 {
        // called as it is called at first, since Tickets does not know it either
        assert_eq!(label().await, "In progress");
    }
    let gate = &world.tickets.state.gate;
    assert_eq!(gate.count("ListContactTicketForms"), 1);
    world.tickets.label("tst_progress", "On our desk");
    world.advance(2);
    assert_eq!(label().await, "On our desk");
    assert_eq!(gate.count("ListContactTicketForms"), 2);
}

#[tokio::test]
async fn with_tickets_down_home_comes_with_the_first_names_of_states() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    world.tickets.host.go_down().await;
    let home = customer.home(Platform::Web).await.unwrap();
    assert!(!home.inbox_unavailable);
    let ticket = home.recent_tickets.unwrap().tickets.remove(0);
    assert_eq!(ticket.state.unwrap().label, "In progress");
}

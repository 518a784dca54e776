use std::time::{Duration, Instant};

use proto::{
    bff::v1::{
        GetConversationRequest, GetTicketRequest, ListConversationsRequest, SubmitTicketRequest,
    },
    settings::v1::{Platform, Space},
};
use testing::eventually;
use tonic::Code;

use crate::{
    fakes::{FakeSettings, Mode},
    world::{PLATFORMS, World, card, inbox, is, refusal, shows},
};

/// S2, S3, S4: space, card and badge go on that platform alone; S6: within 2 s
#[tokio::test]
async fn turning_the_space_off_on_one_platform_hides_it_there_and_back_on_shows_all_as_before() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1, 2]));
    let mut before = Vec::new();
    for platform in PLATFORMS {
        before.push(customer.home(platform).await.unwrap());
    }
    let start = Instant::now();
    world
        .settings
        .turn(&world.workspace, Platform::Ios, false)
        .await;
    eventually("the toggle arrives", async || {
        let home = customer.home(Platform::Ios).await.unwrap();
        (!shows(&home, Space::Tickets)).then_some(())
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(2));
    for platform in PLATFORMS {
        let home = customer.home(platform).await.unwrap();
        let on = platform != Platform::Ios;
        assert_eq!(shows(&home, Space::Tickets), on);
        assert_eq!(home.badges.unwrap().tickets, on.then_some(2));
        assert_eq!(card(&home).len(), if on { 2 } else { 0 });
        assert_eq!(home.badges.unwrap().messages, Some(1));
        assert!(shows(&home, Space::Messages));
        assert_eq!(home.token.unwrap().settings_version, 1);
    }
    world
        .settings
        .turn(&world.workspace, Platform::Ios, true)
        .await;
    for (platform, before) in PLATFORMS.into_iter().zip(before) {
        let after = eventually("the toggle arrives", async || {
            let home = customer.home(platform).await.unwrap();
            (home.token.unwrap().settings_version == 2).then_some(home)
        });
        let mut after = after.await;
        after.token = before.token;
        assert_eq!(after, before);
    }
}

/// S4, S7: every ticket stays reachable while the space is off everywhere
#[tokio::test]
async fn with_the_space_off_tickets_are_reached_from_messages_opened_and_submitted() {
    let world = World::new().await;
    let customer = world.customer();
    world
        .tickets
        .add(&customer.contact, 1, "cnv_00000000000000000000000000000001");
    world
        .conversations
        .add(&customer.contact, "cnv_00000000000000000000000000000001");
    world.notifications.tell(&customer.contact, inbox(&[1]));
    for platform in PLATFORMS {
        world.settings.turn(&world.workspace, platform, false).await;
    }
    for platform in PLATFORMS {
        eventually("the toggles arrive", async || {
            let home = customer.home(platform).await.unwrap();
            (!shows(&home, Space::Tickets)).then_some(())
        })
        .await;
        let home = customer.home(platform).await.unwrap();
        let pill = home.recent_conversation.unwrap().ticket.unwrap();
        assert_eq!(pill.number, 1);
        assert_eq!(home.badges.unwrap().messages, Some(1));
    }
    let mut messenger = customer.messenger.clone();
    let list = messenger
        .list_conversations(customer.with(ListConversationsRequest::default()))
        .await
        .unwrap()
        .into_inner();
    let pill = list.conversations[0].ticket.clone().unwrap();
    assert_eq!((pill.number, pill.title.as_str()), (1, "Ticket 1"));
    assert_eq!(pill.state.unwrap().label, "On our desk");
    let thread = GetConversationRequest {
        conversation_id: "cnv_00000000000000000000000000000001".into(),
        ..Default::default()
    };
    let thread = messenger
        .get_conversation(customer.with(thread))
        .await
        .unwrap();
    assert_eq!(
        thread.into_inner().conversation.unwrap().ticket,
        list.conversations[0].ticket
    );
    let ticket = GetTicketRequest {
        ticket_id: pill.ticket_id,
        ..Default::default()
    };
    messenger.get_ticket(customer.with(ticket)).await.unwrap();
    let submission = SubmitTicketRequest {
        title: "Another".into(),
        ..Default::default()
    };
    let submitted = messenger
        .submit_ticket(customer.with(submission))
        .await
        .unwrap();
    let summary = submitted.into_inner().ticket.unwrap().summary.unwrap();
    assert_eq!(summary.title, "Another");
}

/// D3
#[tokio::test]
async fn with_settings_down_the_last_known_settings_count_for_five_minutes_and_no_longer() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    world
        .settings
        .turn(&world.workspace, Platform::Web, false)
        .await;
    assert!(!shows(
        &customer.home(Platform::Web).await.unwrap(),
        Space::Tickets
    ));
    world.settings.host.go_down().await;
    world.advance(299);
    let home = customer.home(Platform::Web).await.unwrap();
    assert!(
        !shows(&home, Space::Tickets),
        "as last known, not as by default"
    );
    assert!(shows(
        &customer.home(Platform::Ios).await.unwrap(),
        Space::Tickets
    ));
    world.advance(2);
    let away = is(Code::Unavailable, "bff.messenger", "UNAVAILABLE");
    assert_eq!(refusal(customer.home(Platform::Web).await), away);
    world.settings.host.come_back().await;
    eventually("Home is back", async || {
        customer.home(Platform::Web).await.ok()
    })
    .await;
}

/// D3: a process that has never heard of the settings does not guess them
#[tokio::test]
async fn settings_that_were_never_known_are_not_guessed() {
    let world = World::new().await;
    let customer = world.customer();
    let gate = &world.settings.state.gate;
    gate.set("GetMessengerSettings", Mode::Away);
    let away = is(Code::Unavailable, "bff.messenger", "UNAVAILABLE");
    assert_eq!(refusal(customer.home(Platform::Web).await), away);
    gate.set("GetMessengerSettings", Mode::Empty);
    let garbage = is(Code::Internal, "bff.messenger", "INTERNAL");
    assert_eq!(refusal(customer.home(Platform::Web).await), garbage);
    gate.set("GetMessengerSettings", Mode::Up);
    customer.home(Platform::Web).await.unwrap();
}

/// S6: an answer that was under way while the switch was turned is not kept over it
#[tokio::test]
async fn a_toggle_that_overtakes_the_first_answer_is_not_lost() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let gate = &world.settings.state.gate;
    gate.set(
        "GetMessengerSettings",
        Mode::Slow(Duration::from_millis(300)),
    );
    let (home, ()) = tokio::join!(customer.home(Platform::Web), async {
        eventually("Settings is asked", async || {
            (gate.count("GetMessengerSettings") > 0).then_some(())
        })
        .await;
        let workspace = &world.workspace;
        world.settings.turn(workspace, Platform::Web, false).await;
    });
    home.unwrap();
    eventually("the toggle arrives", async || {
        let home = customer.home(Platform::Web).await.unwrap();
        (!shows(&home, Space::Tickets)).then_some(())
    })
    .await;
    assert!(!shows(
        &customer.home(Platform::Web).await.unwrap(),
        Space::Tickets
    ));
}

/// After a restore the feed is another history: nothing that was learned before it counts
#[tokio::test]
async fn when_settings_was_restored_what_was_known_is_asked_for_again() {
    let world = World::new().await;
    let customer = world.customer();
    let stays = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    world
        .settings
        .turn(&world.workspace, Platform::Web, true)
        .await;
    customer.home(Platform::Web).await.unwrap();
    stays.home(Platform::Web).await.unwrap();
    eventually("the toggle arrives", async || {
        let home = customer.home(Platform::Web).await.unwrap();
        (home.token.unwrap().settings_version == 1).then_some(())
    })
    .await;
    let mut frames = stays.watch(Platform::Web, None).await.unwrap();
    frames.home().await;
    let session = customer.session_id.clone();
    world
        .settings
        .restore(&world.scratch, |state| state.forget(&session))
        .await;
    eventually("the session is asked for again", async || {
        let refused = refusal(match customer.home(Platform::Web).await {
            Ok(_) => return None,
            refused => refused,
        });
        (refused.0 == Code::Unauthenticated).then_some(())
    })
    .await;
    assert_eq!(frames.end().await, proto::bff::v1::GoAwayReason::Rebalance);
    stays.home(Platform::Web).await.unwrap();
}

/// Services that are away are no reason not to start
#[tokio::test]
async fn a_start_without_settings_serves_as_soon_as_they_are_there() {
    let world = World::with(async |settings: &FakeSettings| settings.host.go_down().await).await;
    let customer = world.customer();
    let away = is(Code::Unavailable, "bff.messenger", "UNAVAILABLE");
    assert_eq!(refusal(customer.home(Platform::Web).await), away);
    world.settings.host.come_back().await;
    eventually("Home comes", async || {
        customer.home(Platform::Web).await.ok()
    })
    .await;
    // and from then on it follows the feed
    world.notifications.tell(&customer.contact, inbox(&[1]));
    world
        .settings
        .turn(&world.workspace, Platform::Web, false)
        .await;
    eventually("the toggle arrives", async || {
        let home = customer.home(Platform::Web).await.unwrap();
        (!shows(&home, Space::Tickets)).then_some(())
    })
    .await;
}

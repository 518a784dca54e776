use std::time::{Duration, Instant};

use proto::{
    bff::v1::{
        GoAwayReason, HomeToken, RevokeSessionRequest, poll_messenger_response::Outcome,
        watch_messenger_response::Frame,
    },
    settings::v1::{Platform, Space},
};
use testing::eventually;

use crate::{
    fakes::Mode,
    world::{World, card, inbox, shows},
};

/// S1: appears live; B5: as on every other device
#[tokio::test]
async fn a_watch_starts_with_home_and_shows_each_change() {
    let world = World::new().await;
    let customer = world.customer();
    let phone = world.again(&customer);
    let start = Instant::now();
    let mut web = customer.watch(Platform::Web, None).await.unwrap();
    let first = web.home().await;
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(!shows(&first, Space::Tickets));
    let mut ios = phone.watch(Platform::Ios, None).await.unwrap();
    ios.home().await;
    world.notifications.tell(&customer.contact, inbox(&[1, 2]));
    for frames in [&mut web, &mut ios] {
        let home = frames.home().await;
        assert!(shows(&home, Space::Tickets));
        assert_eq!(home.badges.unwrap().tickets, Some(2));
        assert_eq!(card(&home), [1, 2]);
    }
}

#[tokio::test]
async fn a_watch_that_goes_on_where_home_stood_gets_a_bookmark_first() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let home = customer.home(Platform::Web).await.unwrap();
    let mut frames = customer.watch(Platform::Web, home.token).await.unwrap();
    assert_eq!(
        frames.next().await,
        Some(Frame::Bookmark(home.token.unwrap()))
    );
    world.notifications.tell(&customer.contact, inbox(&[1, 2]));
    let next = frames.home().await;
    assert!(next.token.unwrap().contact_version > home.token.unwrap().contact_version);
    let behind = HomeToken {
        contact_version: 0,
        ..home.token.unwrap()
    };
    let mut frames = customer.watch(Platform::Web, Some(behind)).await.unwrap();
    assert_eq!(frames.home().await, next);
}

/// S6, S3
#[tokio::test]
async fn a_toggle_reaches_open_messengers_of_that_platform_within_two_seconds() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let mut web = customer.watch(Platform::Web, None).await.unwrap();
    let mut ios = customer.watch(Platform::Ios, None).await.unwrap();
    assert!(shows(&web.home().await, Space::Tickets));
    assert!(shows(&ios.home().await, Space::Tickets));
    for on in [false, true] {
        let start = Instant::now();
        world
            .settings
            .turn(&world.workspace, Platform::Web, on)
            .await;
        let home = web.home().await;
        assert!(start.elapsed() < Duration::from_secs(2));
        assert_eq!(shows(&home, Space::Tickets), on);
        assert_eq!(home.badges.unwrap().tickets.is_some(), on);
        assert_eq!(home.recent_tickets.is_some(), on);
        assert!(shows(&ios.home().await, Space::Tickets), "untouched");
    }
}

#[tokio::test]
async fn another_workspaces_toggle_is_not_heard() {
    let world = World::new().await;
    let customer = world.customer();
    let mut frames = customer.watch(Platform::Web, None).await.unwrap();
    frames.home().await;
    let other = types::WorkspaceId::generate();
    world.settings.turn(&other, Platform::Web, false).await;
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let home = frames.home().await;
    assert_eq!(home.token.unwrap().settings_version, 0);
    assert!(shows(&home, Space::Tickets));
}

#[tokio::test]
async fn a_watch_ends_with_its_session_within_a_second_and_another_device_goes_on() {
    let world = World::new().await;
    let customer = world.customer();
    let phone = world.again(&customer);
    let mut web = customer.watch(Platform::Web, None).await.unwrap();
    let mut ios = phone.watch(Platform::Ios, None).await.unwrap();
    web.home().await;
    ios.home().await;
    let start = Instant::now();
    let session_id = &customer.session_id;
    world.settings.revoke(&world.workspace, session_id).await;
    assert_eq!(web.end().await, GoAwayReason::SessionEnded);
    assert!(start.elapsed() < Duration::from_secs(1));
    world.notifications.tell(&customer.contact, inbox(&[1]));
    assert!(shows(&ios.home().await, Space::Tickets));
    let revoke = phone.with(RevokeSessionRequest {});
    phone.sessions.clone().revoke_session(revoke).await.unwrap();
    assert_eq!(ios.end().await, GoAwayReason::SessionEnded);
}

#[tokio::test]
async fn a_watch_ends_when_its_session_expires() {
    let world = World::new().await;
    let customer = world.customer_for(Duration::from_millis(700));
    let mut frames = customer.watch(Platform::Web, None).await.unwrap();
    frames.home().await;
    assert_eq!(frames.end().await, GoAwayReason::SessionEnded);
}

#[tokio::test]
async fn a_server_that_drains_sends_its_watches_away_and_ends_in_time() {
    let mut world = World::new().await;
    let customer = world.customer();
    let mut frames = customer.watch(Platform::Web, None).await.unwrap();
    frames.home().await;
    let bff = world.bff.take().unwrap();
    let start = Instant::now();
    let (reason, ()) = tokio::join!(frames.end(), bff.drain());
    assert_eq!(reason, GoAwayReason::Draining);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_contact_has_five_watches_and_the_sixth_takes_the_place_of_the_oldest() {
    let world = World::new().await;
    let customer = world.customer();
    let phone = world.again(&customer);
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(customer.watch(Platform::Web, None).await.unwrap());
        open.push(phone.watch(Platform::Ios, None).await.unwrap());
    }
    open.push(customer.watch(Platform::Web, None).await.unwrap());
    for frames in &mut open {
        frames.home().await;
    }
    let mut sixth = phone.watch(Platform::Ios, None).await.unwrap();
    sixth.home().await;
    assert_eq!(open.remove(0).end().await, GoAwayReason::TooMany);
    let other = world.customer();
    let mut others = other.watch(Platform::Web, None).await.unwrap();
    others.home().await;
    world.notifications.tell(&customer.contact, inbox(&[1]));
    for frames in open.iter_mut().chain([&mut sixth]) {
        assert_eq!(card(&frames.home().await), [1]);
    }
    drop((open, sixth));
    eventually("Notifications is left alone", async || {
        (world.notifications.watchers(&customer.contact) == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn notifications_may_restart_without_the_client_noticing() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let mut frames = customer.watch(Platform::Web, None).await.unwrap();
    let first = frames.home().await;
    world.notifications.host.go_down().await;
    world.notifications.host.come_back().await;
    world.notifications.tell(&customer.contact, inbox(&[1, 2]));
    let next = frames.home().await;
    assert!(!next.inbox_unavailable);
    assert!(next.token.unwrap().contact_version > first.token.unwrap().contact_version);
    assert_eq!(card(&next), [1, 2]);
}

/// D4
#[tokio::test]
async fn with_notifications_down_a_watch_says_what_is_known_and_the_rest_comes_later() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    world.notifications.state.gate.all(Mode::Away);
    let start = Instant::now();
    let mut frames = customer.watch(Platform::Web, None).await.unwrap();
    let first = frames.home().await;
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(first.inbox_unavailable);
    world.notifications.state.gate.all(Mode::Up);
    let next = frames.home().await;
    assert!(!next.inbox_unavailable);
    assert_eq!(card(&next), [1]);
}

/// D3
#[tokio::test]
async fn with_settings_down_a_watch_goes_on_and_a_change_after_five_minutes_sends_it_away() {
    let world = World::new().await;
    let customer = world.customer();
    let mut frames = customer.watch(Platform::Web, None).await.unwrap();
    frames.home().await;
    world.settings.host.go_down().await;
    world.advance(200);
    world.notifications.tell(&customer.contact, inbox(&[1]));
    assert!(shows(&frames.home().await, Space::Tickets));
    world.advance(200);
    world.notifications.tell(&customer.contact, inbox(&[1, 2]));
    assert_eq!(frames.end().await, GoAwayReason::Unavailable);
}

/// A client that does not read gets the newest state, not every one
#[tokio::test]
async fn a_burst_of_changes_ends_in_the_newest_state_in_fewer_frames() {
    let world = World::new().await;
    let customer = world.customer();
    let mut frames = customer.watch(Platform::Web, None).await.unwrap();
    frames.home().await;
    let all: Vec<u64> = (1..=3).collect();
    for _ in 0..500 {
        world
            .notifications
            .tell(&customer.contact, inbox(&all[..1]));
    }
    world.notifications.tell(&customer.contact, inbox(&all));
    let mut seen = 0;
    loop {
        seen += 1;
        if card(&frames.home().await) == all {
            break;
        }
    }
    assert!(seen < 500, "{seen} frames");
}

/// Where streams are held back: the same Home, asked for again and again.
#[tokio::test]
async fn who_polls_learns_of_each_change_when_it_happens() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let (Outcome::Home(first), 0) = customer.poll(None).await else {
        panic!("Home comes at once");
    };
    assert_eq!(card(&first), [1]);
    let change = async {
        // not before the poll is being answered, else there is nothing to wait for
        eventually("the poll waits", async || {
            (world.notifications.watchers(&customer.contact) > 0).then_some(())
        })
        .await;
        world.notifications.tell(&customer.contact, inbox(&[1, 2]));
    };
    let (next, ()) = tokio::join!(customer.poll(first.token), change);
    let (Outcome::Home(next), 0) = next else {
        panic!("{next:?} instead of Home");
    };
    assert_eq!(card(&next), [1, 2]);
}

#[tokio::test]
async fn a_poll_takes_a_place_among_the_contacts_watches() {
    let world = World::new().await;
    let customer = world.customer();
    world.notifications.tell(&customer.contact, inbox(&[1]));
    let home = customer.home(Platform::Web).await.unwrap();
    let many = async {
        let mut watches = Vec::new();
        eventually("the poll waits", async || {
            (world.notifications.watchers(&customer.contact) > 0).then_some(())
        })
        .await;
        for _ in 0..5 {
            let mut watch = customer.watch(Platform::Web, None).await.unwrap();
            watch.home().await;
            watches.push(watch);
        }
        watches
    };
    let ((outcome, _), _watches) = tokio::join!(customer.poll(home.token), many);
    let Outcome::GoAway(go_away) = outcome else {
        panic!("{outcome:?} instead of GoAway");
    };
    assert_eq!(go_away.reason(), GoAwayReason::TooMany);
}

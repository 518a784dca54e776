//! The Tickets space on and off.

use jiff::SignedDuration;
use prost::Message;
use proto::settings::v1::*;
use tonic::{Code, Status};
use types::Clock;

use crate::world::{Tenant, World, fields, instant, refused, told};

const PLATFORMS: [Platform; 3] = [Platform::Web, Platform::Ios, Platform::Android];

fn switches(settings: &MessengerSettings) -> Vec<(Platform, Space, bool)> {
    settings
        .spaces
        .iter()
        .map(|switch| (switch.platform(), switch.space(), switch.enabled))
        .collect()
}

fn tickets(settings: &MessengerSettings) -> Vec<bool> {
    switches(settings)
        .into_iter()
        .map(|(_, _, on)| on)
        .collect()
}

async fn settings(world: &World, tenant: &Tenant) -> MessengerSettings {
    let answer = world
        .settings()
        .get_messenger_settings(world.by(tenant, GetMessengerSettingsRequest {}))
        .await;
    answer.unwrap().into_inner().settings.unwrap()
}

async fn update(world: &World, tenant: &Tenant, platform: i32, space: i32) -> Result<(), Status> {
    let body = UpdateSpaceRequest {
        platform,
        space,
        enabled: false,
        expected_version: 0,
    };
    let answer = world.settings().update_space(world.by(tenant, body)).await;
    answer.map(|_| ())
}

/// S2
#[tokio::test]
async fn the_tickets_space_is_on_on_every_platform_until_somebody_turns_it_off() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let found = settings(&world, &tenant).await;
    assert_eq!(
        switches(&found),
        PLATFORMS.map(|platform| (platform, Space::Tickets, true))
    );
    assert_eq!(found.version, 0);
    assert_eq!(
        world.count("messenger_settings").await,
        0,
        "reading writes nothing"
    );
}

/// S2, S6
#[tokio::test]
async fn each_platform_has_a_switch_of_its_own() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let off = world.turn(&tenant, Platform::Ios, false, 0).await.unwrap();
    assert_eq!((tickets(&off), off.version), (vec![true, false, true], 1));
    let both = world.turn(&tenant, Platform::Web, false, 1).await.unwrap();
    assert_eq!(
        (tickets(&both), both.version),
        (vec![false, false, true], 2)
    );
    assert_eq!(settings(&world, &tenant).await, both);
    let world = world.restart().await;
    assert_eq!(settings(&world, &tenant).await, both);
}

/// S2
#[tokio::test]
async fn a_workspace_turns_no_switch_of_another() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    world.turn(&ours, Platform::Web, false, 0).await.unwrap();
    assert_eq!(tickets(&settings(&world, &theirs).await), [true; 3]);
    assert_eq!(world.audit(&theirs).await.len(), 1, "its own creation");
}

/// S3
#[tokio::test]
async fn turning_a_space_off_and_on_again_touches_nothing_but_the_switch() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let session = world.session(&tenant, &key, "ada").await;
    world.turn(&tenant, Platform::Web, false, 0).await.unwrap();
    let on = world.turn(&tenant, Platform::Web, true, 1).await.unwrap();
    assert_eq!((tickets(&on), on.version), (vec![true; 3], 2));
    assert_eq!(
        Some(world.look_up(&session.access_token).await.unwrap()),
        session.session
    );
    assert_eq!(world.events("SessionRevoked").await, []);
}

/// S5
#[tokio::test]
async fn messages_and_home_cannot_be_turned_off() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for platform in PLATFORMS {
        let messages = update(&world, &tenant, platform.into(), Space::Messages.into()).await;
        refused(messages, Code::InvalidArgument, "MESSAGES_ALWAYS_ON");
        let home = update(&world, &tenant, platform.into(), Space::Home.into()).await;
        let home = home.unwrap_err();
        assert_eq!(fields(&home), ["space"]);
        assert_eq!(home.message(), "space cannot be HOME, which is always on");
    }
    assert_eq!(settings(&world, &tenant).await.version, 0);
}

/// S5
#[tokio::test]
async fn a_platform_or_space_not_named_is_refused_and_never_means_all() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for (platform, space, wrong) in [
        (0, 3, vec!["platform"]),
        (4, 3, vec!["platform"]),
        (-1, 2, vec!["platform"]),
        (1, 0, vec!["space"]),
        (1, 9, vec!["space"]),
        (0, 0, vec!["platform", "space"]),
    ] {
        let status = update(&world, &tenant, platform, space).await.unwrap_err();
        assert_eq!(fields(&status), wrong);
    }
    assert_eq!(tickets(&settings(&world, &tenant).await), [true; 3]);
}

/// S6
#[tokio::test]
async fn a_change_on_a_stale_version_is_refused_and_says_the_version() {
    use tonic_types::StatusExt;
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world.turn(&tenant, Platform::Ios, false, 0).await.unwrap();
    for (platform, enabled, expected) in [
        (Platform::Web, false, 0),
        (Platform::Ios, true, 0),
        (Platform::Web, false, 2),
        (Platform::Web, false, u64::MAX),
    ] {
        let turned = world.turn(&tenant, platform, enabled, expected).await;
        let status = refused(turned, Code::Aborted, "STALE_VERSION");
        assert_eq!(
            status.get_details_error_info().unwrap().metadata["version"],
            "1"
        );
    }
    assert_eq!(settings(&world, &tenant).await.version, 1);
    assert_eq!(world.events("MessengerSettingsChanged").await.len(), 1);
}

/// S6
#[tokio::test]
async fn the_same_value_twice_is_ok_with_one_audit_entry_and_one_event() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let first = world.turn(&tenant, Platform::Web, false, 0).await.unwrap();
    // a retry that never heard the answer, and a caller who has read it
    for expected in [0, 1] {
        let again = world.turn(&tenant, Platform::Web, false, expected).await;
        assert_eq!(again.unwrap(), first);
    }
    assert_eq!(world.audit(&tenant).await.len(), 2);
    assert_eq!(world.events("MessengerSettingsChanged").await.len(), 1);
}

/// S6
#[tokio::test]
async fn a_change_is_audited_with_before_after_and_who_did_it() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world.clock.advance(SignedDuration::from_secs(5));
    world
        .turn(&tenant, Platform::Android, false, 0)
        .await
        .unwrap();
    world.clock.advance(SignedDuration::from_secs(5));
    world
        .turn(&tenant, Platform::Android, true, 1)
        .await
        .unwrap();
    let audit = world.audit(&tenant).await;
    let lines: Vec<_> = audit[1..]
        .iter()
        .map(|e| (&*e.action, &*e.actor_id, &*e.subject, &*e.before, &*e.after))
        .collect();
    let admin = &*tenant.admin.id;
    assert_eq!(
        lines,
        [
            ("space.updated", admin, "ANDROID/TICKETS", "on", "off"),
            ("space.updated", admin, "ANDROID/TICKETS", "off", "on"),
        ]
    );
    assert_eq!(instant(audit[2].time), world.clock.now());
}

/// S6
#[tokio::test]
async fn a_change_is_told_to_the_feed_whole_and_in_order() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world.turn(&tenant, Platform::Web, false, 0).await.unwrap();
    let last = world.turn(&tenant, Platform::Ios, false, 1).await.unwrap();
    let events = world.events("MessengerSettingsChanged").await;
    let versions: Vec<u64> = events.iter().map(|e| e.aggregate_version).collect();
    assert_eq!(versions, [1, 2]);
    let event = &events[1];
    assert_eq!(event.aggregate_id, tenant.id.as_str());
    assert_eq!(
        (&*event.workspace_id, &*event.contact_id),
        (tenant.id.as_str(), "")
    );
    assert_eq!(instant(event.occurred_time), world.clock.now());
    let payload = MessengerSettingsChanged::decode(&*event.payload).unwrap();
    assert_eq!(payload.settings, Some(last));
}

/// S6
#[tokio::test]
async fn of_changes_at_once_on_one_version_exactly_one_wins() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for (version, enabled) in [(0, false), (3, true), (6, false)] {
        let turns = PLATFORMS.map(|platform| world.turn(&tenant, platform, enabled, version));
        let outcomes = futures::future::join_all(turns).await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{outcomes:?}");
        for lost in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(told(&lost).1, "STALE_VERSION");
        }
        // the losers read again, so that all three stand the same
        for platform in PLATFORMS {
            let read = settings(&world, &tenant).await.version;
            world.turn(&tenant, platform, enabled, read).await.unwrap();
        }
        assert_eq!(settings(&world, &tenant).await.version, version + 3);
    }
    assert_eq!(world.audit(&tenant).await.len(), 1 + 9);
}

/// S6
#[tokio::test]
async fn a_change_needs_the_settings_permission() {
    let world = World::start().await;
    let mut tenant = world.tenant("Acme").await;
    tenant
        .admin
        .scopes
        .retain(|scope| scope != "settings:write");
    let turned = world.turn(&tenant, Platform::Web, false, 0).await;
    refused(turned, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(settings(&world, &tenant).await.version, 0);
}

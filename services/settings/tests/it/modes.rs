//! Identity modes and allowed origins.

use prost::Message;
use proto::settings::v1::*;
use testing::request;
use tonic::{Code, Status};

use crate::world::{Tenant, World, fields, refused, service, told};

use IdentityMode::{Enforced, Optional};

fn session(opened: OpenSessionResponse) -> Session {
    opened.session.unwrap()
}

async fn claim(
    world: &World,
    tenant: &Tenant,
    secret: &str,
    user_id: &str,
) -> Result<OpenSessionResponse, Status> {
    world
        .open_as(tenant, Platform::Web, String::new(), secret, user_id)
        .await
}

async fn security(world: &World, tenant: &Tenant) -> MessengerSecurity {
    let body = GetMessengerSecurityRequest {};
    let mut workspaces = world.workspaces();
    let read = workspaces.get_messenger_security(world.by(tenant, body));
    read.await.unwrap().into_inner().security.unwrap()
}

async fn set_origins(
    world: &World,
    tenant: &Tenant,
    origins: &[&str],
    expected_version: u64,
) -> Result<MessengerSecurity, Status> {
    let body = SetAllowedOriginsRequest {
        origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        expected_version,
    };
    let mut workspaces = world.workspaces();
    let set = workspaces
        .set_allowed_origins(world.by(tenant, body))
        .await?;
    Ok(set.into_inner().security.unwrap())
}

#[tokio::test]
async fn a_user_id_without_a_token_is_refused_where_tokens_are_enforced() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let modes = security(&world, &tenant).await.platforms;
    assert!(modes.len() == 3 && modes.iter().all(|on| on.mode() == Enforced));
    let unsigned = claim(&world, &tenant, "", "ada").await.unwrap_err();
    let bad_token = world.open(&tenant, Platform::Web, "x.y.z".into()).await;
    assert_eq!(told(&unsigned), told(&bad_token.unwrap_err()));
    assert_eq!(world.count("contact").await, 0);
    // each platform for itself
    world
        .set_mode(&tenant, Platform::Ios, Optional, 0)
        .await
        .unwrap();
    let still = claim(&world, &tenant, "", "ada").await;
    refused(still, Code::Unauthenticated, "UNAUTHENTICATED");
    world
        .set_mode(&tenant, Platform::Web, Optional, 1)
        .await
        .unwrap();
    claim(&world, &tenant, "", "ada").await.unwrap();
    world
        .set_mode(&tenant, Platform::Web, Enforced, 2)
        .await
        .unwrap();
    let again = claim(&world, &tenant, "", "ada").await;
    refused(again, Code::Unauthenticated, "UNAUTHENTICATED");
}

#[tokio::test]
async fn an_unsigned_user_id_is_a_contact_of_its_own_and_never_the_user_of_that_id() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world
        .set_mode(&tenant, Platform::Web, Optional, 0)
        .await
        .unwrap();
    let key = world.key(&tenant, Platform::Web).await;
    let ada = session(world.session(&tenant, &key, "ada").await);
    let opened = claim(&world, &tenant, "", "ada").await.unwrap();
    let secret = opened.visitor_secret.clone();
    let first = session(opened);
    assert_eq!(first.contact_kind(), ContactKind::Unverified);
    assert_ne!(first.contact_id, ada.contact_id);
    let second = session(claim(&world, &tenant, "", "ada").await.unwrap());
    assert_ne!(second.contact_id, first.contact_id, "another browser");
    let again = session(claim(&world, &tenant, &secret, "ada").await.unwrap());
    assert_eq!(again.contact_id, first.contact_id);
    let contact = world.contact(&tenant, &first.contact_id).await.unwrap();
    assert_eq!(contact.kind(), ContactKind::Unverified);
    assert_eq!((&*contact.user_id, &*contact.name), ("ada", ""));
    // the user comes back, and is who they were
    let back = session(world.session(&tenant, &key, "ada").await);
    assert_eq!(back.contact_id, ada.contact_id);
    assert_eq!(back.contact_kind(), ContactKind::User);
}

#[tokio::test]
async fn an_unverified_contact_is_never_merged_into_anybody() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world
        .set_mode(&tenant, Platform::Web, Optional, 0)
        .await
        .unwrap();
    let key = world.key(&tenant, Platform::Web).await;
    let opened = claim(&world, &tenant, "", "ada").await.unwrap();
    let token = key.sign(&world.claims(&tenant, "ada"));
    let secret = &opened.visitor_secret;
    let both = world.open_as(&tenant, Platform::Web, token, secret, "");
    let both = both.await.unwrap();
    assert!(!both.merged);
    assert_ne!(session(both).contact_id, session(opened.clone()).contact_id);
    world.look_up(&opened.access_token).await.unwrap();
    claim(&world, &tenant, secret, "ada").await.unwrap();
    assert_eq!(world.events("ContactMerged").await, []);
}

#[tokio::test]
async fn who_says_to_be_another_at_the_same_browser_is_another() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world
        .set_mode(&tenant, Platform::Web, Optional, 0)
        .await
        .unwrap();
    let ada = claim(&world, &tenant, "", "ada").await.unwrap();
    let visitor = world.visit(&tenant, "").await.unwrap();
    let mut seen = vec![
        session(ada.clone()).contact_id,
        session(visitor.clone()).contact_id,
    ];
    for (secret, user_id) in [
        (&ada.visitor_secret, "ben"),
        (&ada.visitor_secret, ""),
        (&visitor.visitor_secret, "ada"),
    ] {
        let opened = claim(&world, &tenant, secret, user_id).await.unwrap();
        assert!(opened.visitor_secret.starts_with("msgr_vis_"), "{user_id}");
        let contact_id = session(opened).contact_id;
        assert!(!seen.contains(&contact_id), "{user_id}");
        seen.push(contact_id);
    }
}

#[tokio::test]
async fn modes_and_origins_are_versioned_audited_and_told_whole() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let set = world.set_mode(&tenant, Platform::Ios, Optional, 0).await;
    assert_eq!(set.unwrap().version, 1);
    // the same again: known, and no change
    let again = world.set_mode(&tenant, Platform::Ios, Optional, 0).await;
    assert_eq!(again.unwrap().version, 1);
    let stale = world.set_mode(&tenant, Platform::Web, Optional, 0).await;
    refused(stale, Code::Aborted, "STALE_VERSION");
    let origins = ["https://b.example", "https://*.a.example"];
    let set = set_origins(&world, &tenant, &origins, 1).await.unwrap();
    assert_eq!(
        set.allowed_origins,
        ["https://*.a.example", "https://b.example"]
    );
    let stale = set_origins(&world, &tenant, &[], 1).await;
    refused(stale, Code::Aborted, "STALE_VERSION");
    assert_eq!(security(&world, &tenant).await, set);
    let audit = world.audit(&tenant).await;
    let lines: Vec<_> = audit[1..]
        .iter()
        .map(|e| (&*e.action, &*e.actor_id, &*e.subject, &*e.before, &*e.after))
        .collect();
    let admin = &*tenant.admin.id;
    assert_eq!(
        lines,
        [
            ("identity_mode.set", admin, "IOS", "ENFORCED", "OPTIONAL"),
            (
                "allowed_origins.set",
                admin,
                tenant.id.as_str(),
                "",
                "https://*.a.example https://b.example"
            ),
        ]
    );
    let events = world.events("MessengerSecurityChanged").await;
    let versions: Vec<u64> = events.iter().map(|e| e.aggregate_version).collect();
    assert_eq!(versions, [1, 2]);
    let told = MessengerSecurityChanged::decode(&*events[1].payload).unwrap();
    assert_eq!(told.security, Some(set));
    assert_eq!(events[1].aggregate_id, tenant.id.as_str());
}

#[tokio::test]
async fn of_two_changes_decided_on_one_version_one_wins() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let origins: Vec<String> = (0..6).map(|n| format!("https://{n}.example.com")).collect();
    let sets = origins.iter().map(|origin| async {
        let origin = [&**origin];
        set_origins(&world, &tenant, &origin, 0).await
    });
    let outcomes = futures::future::join_all(sets).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    for lost in outcomes.into_iter().filter(Result::is_err) {
        refused(lost, Code::Aborted, "STALE_VERSION");
    }
    assert_eq!(security(&world, &tenant).await.version, 1);
}

#[tokio::test]
async fn every_wrong_origin_is_named_and_there_are_a_hundred_at_most() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let mixed = ["https://a.example", "*", "http://a.example", ""];
    let set = set_origins(&world, &tenant, &mixed, 0).await;
    let wrong = ["origins[1]", "origins[2]", "origins[3]"];
    assert_eq!(fields(&set.unwrap_err()), wrong);
    let set = set_origins(&world, &tenant, &["https://a.example"; 101], 0).await;
    assert_eq!(fields(&set.unwrap_err()), ["origins"]);
    for (platform, mode) in [(0, 0), (4, 3)] {
        let body = SetIdentityModeRequest {
            platform,
            mode,
            expected_version: 0,
        };
        let mut workspaces = world.workspaces();
        let set = workspaces.set_identity_mode(world.by(&tenant, body)).await;
        assert_eq!(fields(&set.unwrap_err()), ["mode", "platform"]);
    }
    assert_eq!(security(&world, &tenant).await.version, 0);
}

#[tokio::test]
async fn an_app_is_found_with_its_security_and_all_that_are_not_there_look_alike() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    set_origins(&world, &ours, &["https://a.example"], 0)
        .await
        .unwrap();
    let look_up = async |app_id: &str, actor| {
        let body = LookUpAppRequest {
            app_id: app_id.into(),
        };
        let mut sessions = world.sessions();
        let found = sessions
            .look_up_app(request(&world.bff, &actor, body))
            .await;
        found.map(tonic::Response::into_inner)
    };
    let bff = || service("bff", None);
    let found = look_up(&ours.app_id, bff()).await.unwrap();
    assert_eq!(found.workspace_id, ours.id.as_str());
    assert_eq!(found.security, Some(security(&world, &ours).await));
    let found = look_up(&theirs.app_id, bff()).await.unwrap();
    assert_eq!(found.security.unwrap().allowed_origins, [""; 0]);
    let nobody = "app_00000000000000000000000000000000";
    let first = look_up(nobody, bff()).await.unwrap_err();
    refused(Err::<(), _>(first.clone()), Code::NotFound, "NOT_FOUND");
    for app_id in ["", "x", &*"x".repeat(10_000), ours.id.as_str()] {
        let other = look_up(app_id, bff()).await.unwrap_err();
        assert_eq!(told(&other), told(&first), "{app_id}");
    }
    let foreign = look_up(&theirs.app_id, service("bff", Some(&ours.id))).await;
    assert_eq!(told(&foreign.unwrap_err()), told(&first));
}

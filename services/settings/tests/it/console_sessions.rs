//! Console sessions: who gets one, how long it lasts, how it ends.

use jiff::SignedDuration;
use proto::settings::v1::*;
use sha2::{Digest, Sha256};
use testing::request;
use tonic::{Code, Status};
use types::{Clock, WorkspaceId};

use crate::world::{Tenant, World, fields, instant, refused, service, told};

const ISSUER: &str = "https://login.example.com";
const GRACE: &str = "grace@example.com";

async fn hire(world: &World, tenant: &Tenant, email: &str, role: Role) -> Teammate {
    let body = CreateTeammateRequest {
        name: "Grace".into(),
        email: email.into(),
        role: role.into(),
    };
    let mut workspaces = world.workspaces();
    let made = workspaces.create_teammate(world.by(tenant, body)).await;
    made.unwrap().into_inner().teammate.unwrap()
}

async fn change(
    world: &World,
    tenant: &Tenant,
    teammate: &Teammate,
    role: Role,
    active: Option<bool>,
) {
    let body = UpdateTeammateRequest {
        teammate_id: teammate.teammate_id.clone(),
        name: None,
        role: role.into(),
        active,
    };
    let mut workspaces = world.workspaces();
    workspaces
        .update_teammate(world.by(tenant, body))
        .await
        .unwrap();
}

/// A login of its own of somebody at the provider.
fn login(tenant: &Tenant, subject: &str, email: &str) -> OpenConsoleSessionRequest {
    let unique = types::id::uuid();
    OpenConsoleSessionRequest {
        app_id: tenant.app_id.clone(),
        issuer: ISSUER.into(),
        subject: subject.into(),
        verified_email: email.into(),
        login_sha256: Sha256::digest(unique.as_bytes()).to_vec(),
        replaced_token_sha256: Vec::new(),
    }
}

async fn open(
    world: &World,
    body: OpenConsoleSessionRequest,
) -> Result<OpenConsoleSessionResponse, Status> {
    let opened = world
        .sessions()
        .open_console_session(world.by_bff(body))
        .await;
    opened.map(tonic::Response::into_inner)
}

async fn find(world: &World, token: &str) -> Result<ConsoleSession, Status> {
    let body = LookUpConsoleSessionRequest {
        token_sha256: Sha256::digest(token).to_vec(),
    };
    let found = world
        .sessions()
        .look_up_console_session(world.by_bff(body))
        .await?;
    Ok(found.into_inner().session.unwrap())
}

async fn log_out(world: &World, session: &ConsoleSession) {
    let body = RevokeConsoleSessionRequest {
        session_id: session.session_id.clone(),
    };
    let done = world
        .sessions()
        .revoke_console_session(world.by_bff(body))
        .await;
    done.unwrap();
}

fn is_nobody<T: std::fmt::Debug>(outcome: Result<T, Status>) -> Status {
    refused(outcome, Code::PermissionDenied, "NOT_A_TEAMMATE")
}

fn is_over<T: std::fmt::Debug>(outcome: Result<T, Status>) {
    refused(outcome, Code::Unauthenticated, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_verified_address_opens_a_session_with_the_scopes_of_the_role() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let grace = hire(&world, &tenant, GRACE, Role::Viewer).await;
    let opened = open(&world, login(&tenant, "1", "Grace@Example.com"))
        .await
        .unwrap();
    let session = opened.session.unwrap();
    assert_eq!(session.teammate.as_ref(), Some(&grace));
    let workspace = session.workspace.as_ref().unwrap();
    assert_eq!(
        (&workspace.app_id, workspace.name.as_str()),
        (&tenant.app_id, "Acme")
    );
    assert!(session.scopes.contains(&"tickets:read".into()));
    assert!(!session.scopes.iter().any(|scope| scope.ends_with(":write")));
    let day = world.clock.now() + SignedDuration::from_hours(24);
    assert_eq!(instant(session.expire_time), day);
    assert_eq!(find(&world, &opened.token).await.unwrap(), session);
    let audit = world.audit(&tenant).await;
    let line = audit.last().unwrap();
    assert_eq!(
        (
            line.action.as_str(),
            &line.actor_id,
            &line.subject,
            line.after.as_str()
        ),
        (
            "console.login",
            &grace.teammate_id,
            &session.session_id,
            ISSUER
        )
    );
    let random = opened.token.strip_prefix("msgr_con_").unwrap();
    assert_eq!(random.len(), 43, "256 bits");
    let rows = world.rows("select token_hash from console_session").await;
    let kept: Vec<u8> = rows[0].try_get("", "token_hash").unwrap();
    assert_eq!(
        kept,
        Sha256::digest(&opened.token).to_vec(),
        "all that is kept"
    );
}

#[tokio::test]
async fn nobody_becomes_a_teammate_by_logging_in() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let gone = hire(&world, &tenant, "gone@example.com", Role::Agent).await;
    change(&world, &tenant, &gone, Role::Unspecified, Some(false)).await;
    hire(&world, &tenant, "", Role::Agent).await;
    hire(&world, &tenant, "two@example.com", Role::Agent).await;
    hire(&world, &tenant, "two@example.com", Role::Admin).await;
    let mut told_so = Vec::new();
    for email in [
        "",
        "eve@example.com",
        "gone@example.com",
        "two@example.com",
        "%",
    ] {
        let subject = format!("at {email}");
        let status = is_nobody(open(&world, login(&tenant, &subject, email)).await);
        told_so.push(told(&status));
    }
    let nowhere = Tenant {
        app_id: "app_00000000000000000000000000000001".into(),
        ..world.tenant("Other").await
    };
    told_so.push(told(&is_nobody(
        open(&world, login(&nowhere, "1", GRACE)).await,
    )));
    told_so.dedup();
    assert_eq!(told_so.len(), 1, "one cannot be told from another");
    assert_eq!(world.count("console_session").await, 0);
    assert_eq!(world.count("teammate").await, 4);
}

#[tokio::test]
async fn after_the_first_login_the_identity_decides_and_an_address_decides_nothing() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let grace = hire(&world, &tenant, GRACE, Role::Agent).await;
    let alan = hire(&world, &tenant, "alan@example.com", Role::Admin).await;
    let whose =
        |opened: OpenConsoleSessionResponse| opened.session.unwrap().teammate.unwrap().teammate_id;
    open(&world, login(&tenant, "1", GRACE)).await.unwrap();
    // whatever address the provider tells later, even a colleague's, or none
    for email in ["", "alan@example.com", "married@example.com"] {
        let opened = open(&world, login(&tenant, "1", email)).await.unwrap();
        assert_eq!(whose(opened), grace.teammate_id);
    }
    // an address that was given to somebody new
    is_nobody(open(&world, login(&tenant, "2", GRACE)).await);
    // the same id at another provider is somebody else
    let mut elsewhere = login(&tenant, "1", "alan@example.com");
    elsewhere.issuer = "https://other.example.com".into();
    assert_eq!(
        whose(open(&world, elsewhere).await.unwrap()),
        alan.teammate_id
    );
    change(&world, &tenant, &grace, Role::Unspecified, Some(false)).await;
    is_nobody(open(&world, login(&tenant, "1", GRACE)).await);
}

#[tokio::test]
async fn a_teammate_of_one_workspace_is_nobody_in_another() {
    let world = World::start().await;
    let (acme, other) = (world.tenant("Acme").await, world.tenant("Other").await);
    hire(&world, &acme, GRACE, Role::Admin).await;
    let opened = open(&world, login(&acme, "1", GRACE)).await.unwrap();
    is_nobody(open(&world, login(&other, "1", GRACE)).await);
    // a credential of another workspace reaches neither the login nor the session
    let strange = service("bff", Some(&other.id));
    let mut sessions = world.sessions();
    let body = login(&acme, "1", GRACE);
    let by_other = sessions
        .open_console_session(request(&world.bff, &strange, body))
        .await;
    is_nobody(by_other);
    let body = LookUpConsoleSessionRequest {
        token_sha256: Sha256::digest(&opened.token).to_vec(),
    };
    let found = sessions
        .look_up_console_session(request(&world.bff, &strange, body))
        .await;
    is_over(found);
    let body = RevokeConsoleSessionRequest {
        session_id: opened.session.unwrap().session_id,
    };
    let done = sessions
        .revoke_console_session(request(&world.bff, &strange, body))
        .await;
    done.unwrap();
    find(&world, &opened.token).await.unwrap();
    assert_ne!(acme.id, WorkspaceId::parse(other.id.as_str()).unwrap());
}

#[tokio::test]
async fn a_login_opens_one_session_even_when_it_comes_twice_at_once() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    hire(&world, &tenant, GRACE, Role::Agent).await;
    let body = login(&tenant, "1", GRACE);
    let both = futures::future::join_all((0..4).map(|_| open(&world, body.clone()))).await;
    let (opened, refusals): (Vec<_>, Vec<_>) = both.into_iter().partition(Result::is_ok);
    assert_eq!(opened.len(), 1);
    for refusal in refusals {
        refused(refusal, Code::FailedPrecondition, "LOGIN_USED");
    }
    assert_eq!(world.count("console_session").await, 1);
}

#[tokio::test]
async fn the_session_that_a_browser_had_before_ends_with_its_next_login() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    hire(&world, &tenant, GRACE, Role::Agent).await;
    let first = open(&world, login(&tenant, "1", GRACE)).await.unwrap();
    let elsewhere = open(&world, login(&tenant, "1", GRACE)).await.unwrap();
    let mut again = login(&tenant, "1", GRACE);
    again.replaced_token_sha256 = Sha256::digest(&first.token).to_vec();
    let second = open(&world, again).await.unwrap();
    is_over(find(&world, &first.token).await);
    find(&world, &second.token).await.unwrap();
    find(&world, &elsewhere.token).await.unwrap();
}

#[tokio::test]
async fn a_session_lasts_a_day_and_eight_hours_without_use() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    hire(&world, &tenant, GRACE, Role::Agent).await;
    let left = open(&world, login(&tenant, "1", GRACE))
        .await
        .unwrap()
        .token;
    let used = open(&world, login(&tenant, "1", GRACE))
        .await
        .unwrap()
        .token;
    for hours in [7, 7, 7] {
        world.clock.advance(SignedDuration::from_hours(hours));
        find(&world, &used).await.unwrap();
    }
    is_over(find(&world, &left).await);
    world.clock.advance(SignedDuration::from_hours(3));
    is_over(find(&world, &used).await);
}

#[tokio::test]
async fn a_change_of_role_or_standing_ends_every_session_for_good() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    hire(&world, &tenant, "boss@example.com", Role::Admin).await;
    let grace = hire(&world, &tenant, GRACE, Role::Agent).await;
    let other = hire(&world, &tenant, "alan@example.com", Role::Agent).await;
    let kept = open(&world, login(&tenant, "2", "alan@example.com"))
        .await
        .unwrap();
    let changes = [
        (Role::Admin, None, Role::Agent, None),
        (
            Role::Unspecified,
            Some(false),
            Role::Unspecified,
            Some(true),
        ),
    ];
    for (role, active, role_back, active_back) in changes {
        let one = open(&world, login(&tenant, "1", GRACE))
            .await
            .unwrap()
            .token;
        let two = open(&world, login(&tenant, "1", GRACE))
            .await
            .unwrap()
            .token;
        change(&world, &tenant, &grace, role, active).await;
        is_over(find(&world, &one).await);
        // not even one that nobody asked for meanwhile comes back
        change(&world, &tenant, &grace, role_back, active_back).await;
        is_over(find(&world, &one).await);
        is_over(find(&world, &two).await);
    }
    let mut workspaces = world.workspaces();
    let body = UpdateTeammateRequest {
        teammate_id: other.teammate_id,
        name: Some("Alan T.".into()),
        ..Default::default()
    };
    workspaces
        .update_teammate(world.by(&tenant, body))
        .await
        .unwrap();
    let session = find(&world, &kept.token).await.unwrap();
    assert_eq!(
        session.teammate.unwrap().name,
        "Alan T.",
        "a new name ends nothing"
    );
}

#[tokio::test]
async fn a_logout_ends_the_session_once_and_is_in_the_audit() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let grace = hire(&world, &tenant, GRACE, Role::Agent).await;
    let opened = open(&world, login(&tenant, "1", GRACE)).await.unwrap();
    let session = opened.session.unwrap();
    for _ in 0..2 {
        log_out(&world, &session).await;
        is_over(find(&world, &opened.token).await);
    }
    let audit = world.audit(&tenant).await;
    let lines: Vec<_> = audit
        .iter()
        .filter(|line| line.action == "console.logout")
        .collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0].actor_id, &lines[0].subject),
        (&grace.teammate_id, &session.session_id)
    );
}

#[tokio::test]
async fn every_malformed_field_of_a_login_is_named() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let body = OpenConsoleSessionRequest {
        app_id: "acme".into(),
        issuer: "x".repeat(256),
        subject: "a\nb".into(),
        verified_email: format!("{}@example.com", "x".repeat(255)),
        login_sha256: vec![0; 31],
        replaced_token_sha256: vec![0; 33],
    };
    let all = [
        "app_id",
        "issuer",
        "login_sha256",
        "replaced_token_sha256",
        "subject",
        "verified_email",
    ];
    assert_eq!(fields(&open(&world, body).await.unwrap_err()), all);
    let empty = open(&world, OpenConsoleSessionRequest::default()).await;
    assert_eq!(
        fields(&empty.unwrap_err()),
        ["app_id", "issuer", "login_sha256", "subject"]
    );
    let body = LookUpConsoleSessionRequest {
        token_sha256: Vec::new(),
    };
    let found = world
        .sessions()
        .look_up_console_session(world.by_bff(body))
        .await;
    assert_eq!(fields(&found.unwrap_err()), ["token_sha256"]);
    let body = RevokeConsoleSessionRequest {
        session_id: tenant.app_id,
    };
    let done = world
        .sessions()
        .revoke_console_session(world.by_bff(body))
        .await;
    assert_eq!(fields(&done.unwrap_err()), ["session_id"]);
}

#[tokio::test]
async fn sessions_long_over_and_logins_long_used_are_removed() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    hire(&world, &tenant, GRACE, Role::Agent).await;
    open(&world, login(&tenant, "1", GRACE)).await.unwrap();
    world.clock.advance(SignedDuration::from_hours(26));
    open(&world, login(&tenant, "1", GRACE)).await.unwrap();
    let world = world.restart().await;
    testing::eventually("the old ones are removed", || async {
        let left = (
            world.count("console_session").await,
            world.count("console_login").await,
        );
        (left == (1, 1)).then_some(())
    })
    .await;
}

async fn unbind(
    world: &World,
    tenant: &Tenant,
    teammate_id: &str,
) -> Result<UnbindTeammateResponse, Status> {
    let body = UnbindTeammateRequest {
        teammate_id: teammate_id.into(),
    };
    let mut workspaces = world.workspaces();
    let done = workspaces.unbind_teammate(world.by(tenant, body)).await?;
    Ok(done.into_inner())
}

#[tokio::test]
async fn a_teammate_whose_account_was_replaced_is_unbound_by_an_admin_and_binds_the_new_one() {
    let world = World::start().await;
    let (tenant, other) = (world.tenant("Acme").await, world.tenant("Other").await);
    let grace = hire(&world, &tenant, GRACE, Role::Agent).await;
    let opened = open(&world, login(&tenant, "old", GRACE)).await.unwrap();
    let replaced = open(&world, login(&tenant, "new", GRACE)).await;
    refused(replaced, Code::PermissionDenied, "NOT_A_TEAMMATE");
    let foreign = unbind(&world, &other, &grace.teammate_id).await;
    refused(foreign, Code::NotFound, "NOT_FOUND");
    find(&world, &opened.token).await.unwrap();

    let done = unbind(&world, &tenant, &grace.teammate_id).await.unwrap();
    assert_eq!(done.unbound, 1);
    let ended = find(&world, &opened.token).await;
    refused(ended, Code::Unauthenticated, "UNAUTHENTICATED");
    let line = world.audit(&tenant).await.pop().unwrap();
    assert_eq!(
        (&*line.action, &line.actor_id, &line.subject),
        (
            "console_identity.unbound",
            &tenant.admin.id,
            &grace.teammate_id
        )
    );
    assert_eq!(
        (line.before, line.after),
        (format!("{ISSUER} old"), String::new())
    );
    // once more is nothing more
    let lines = world.audit(&tenant).await.len();
    let done = unbind(&world, &tenant, &grace.teammate_id).await.unwrap();
    assert_eq!(done.unbound, 0);
    assert_eq!(world.audit(&tenant).await.len(), lines);

    let opened = open(&world, login(&tenant, "new", GRACE)).await.unwrap();
    assert_eq!(
        opened.session.unwrap().teammate.unwrap().teammate_id,
        grace.teammate_id
    );
    let former = open(&world, login(&tenant, "old", GRACE)).await;
    refused(former, Code::PermissionDenied, "NOT_A_TEAMMATE");
    let malformed = unbind(&world, &tenant, "grace").await.unwrap_err();
    assert_eq!(fields(&malformed), ["teammate_id"]);
}

/// By one rule on either database: an address with another letter is another address.
#[tokio::test]
async fn an_address_is_the_same_in_capitals_as_far_as_its_letters_are_ascii() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    hire(&world, &tenant, "Jürgen@Example.com", Role::Agent).await;
    let other = open(&world, login(&tenant, "1", "JÜRGEN@example.com")).await;
    refused(other, Code::PermissionDenied, "NOT_A_TEAMMATE");
    let same = open(&world, login(&tenant, "1", "JüRGEN@eXample.COM")).await;
    same.unwrap();
}

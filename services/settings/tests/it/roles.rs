//! Teammates' roles: what their tokens may hold at most.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::settings::v1::*;
use tonic::{Code, Request, Status};

use crate::world::{Tenant, World, refused};

async fn token(
    world: &World,
    tenant: &Tenant,
    teammate: &Teammate,
    scopes: &[&str],
) -> Result<String, Status> {
    let body = CreateApiTokenRequest {
        name: "Script".into(),
        teammate_id: teammate.teammate_id.clone(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        ..Default::default()
    };
    let mut workspaces = world.workspaces();
    let made = workspaces.create_api_token(world.by(tenant, body)).await?;
    Ok(made.into_inner().secret)
}

async fn update(
    world: &World,
    tenant: &Tenant,
    body: UpdateTeammateRequest,
) -> Result<Teammate, Status> {
    let mut workspaces = world.workspaces();
    let done = workspaces.update_teammate(world.by(tenant, body)).await?;
    Ok(done.into_inner().teammate.unwrap())
}

fn role(teammate: &Teammate, role: Role) -> UpdateTeammateRequest {
    UpdateTeammateRequest {
        teammate_id: teammate.teammate_id.clone(),
        role: role.into(),
        ..Default::default()
    }
}

fn active(teammate: &Teammate, active: bool) -> UpdateTeammateRequest {
    UpdateTeammateRequest {
        teammate_id: teammate.teammate_id.clone(),
        active: Some(active),
        ..Default::default()
    }
}

/// The scopes that a token gets now.
async fn scopes(world: &World, token: &str) -> Result<Vec<String>, Status> {
    let body = ExchangeTokenRequest {
        token: token.into(),
    };
    let mut workspaces = world.workspaces();
    let exchanged = workspaces.exchange_token(Request::new(body)).await?;
    let assertion = exchanged.into_inner().assertion;
    let claims = assertion.split('.').nth(1).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let scopes = claims["scopes"].as_array().cloned().unwrap_or_default();
    let scopes = scopes
        .iter()
        .map(|scope| scope.as_str().unwrap().to_owned());
    Ok(scopes.collect())
}

#[tokio::test]
async fn a_teammate_has_the_role_they_were_given_and_is_an_agent_otherwise() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for (asked, given) in [
        (Role::Viewer, Role::Viewer),
        (Role::Admin, Role::Admin),
        (Role::Unspecified, Role::Agent),
    ] {
        let made = world.teammate(&tenant, "Grace", asked).await;
        assert_eq!((made.role(), made.active), (given, true));
    }
    let mut workspaces = world.workspaces();
    let listed = workspaces.list_teammates(world.by(&tenant, ListTeammatesRequest {}));
    let listed = listed.await.unwrap().into_inner().teammates;
    let roles: Vec<Role> = listed.iter().map(Teammate::role).collect();
    assert_eq!(roles, [Role::Viewer, Role::Admin, Role::Agent]);
}

#[tokio::test]
async fn no_token_is_made_above_its_teammates_role_or_for_one_who_is_inactive() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let viewer = world.teammate(&tenant, "Vera", Role::Viewer).await;
    let agent = world.teammate(&tenant, "Agnes", Role::Agent).await;
    token(&world, &tenant, &viewer, &["settings:read"])
        .await
        .unwrap();
    token(&world, &tenant, &agent, &["contacts:write"])
        .await
        .unwrap();
    for (teammate, scope) in [(&viewer, "contacts:write"), (&agent, "settings:write")] {
        let made = token(&world, &tenant, teammate, &["settings:read", scope]).await;
        let told = refused(made, Code::FailedPrecondition, "ROLE_TOO_LOW");
        assert!(told.message().contains(scope), "{}", told.message());
    }
    update(&world, &tenant, active(&agent, false))
        .await
        .unwrap();
    let made = token(&world, &tenant, &agent, &["settings:read"]).await;
    refused(made, Code::FailedPrecondition, "TEAMMATE_INACTIVE");
    assert_eq!(world.count("api_token").await, 2);
}

#[tokio::test]
async fn a_token_gets_what_its_teammates_role_allows_now() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    world.teammate(&tenant, "Boss", Role::Admin).await;
    let grace = world.teammate(&tenant, "Grace", Role::Admin).await;
    let asked = ["contacts:write", "settings:read", "settings:write"];
    let secret = token(&world, &tenant, &grace, &asked).await.unwrap();
    assert_eq!(scopes(&world, &secret).await.unwrap(), asked);
    update(&world, &tenant, role(&grace, Role::Agent))
        .await
        .unwrap();
    assert_eq!(scopes(&world, &secret).await.unwrap(), asked[..2]);
    update(&world, &tenant, role(&grace, Role::Viewer))
        .await
        .unwrap();
    assert_eq!(scopes(&world, &secret).await.unwrap(), ["settings:read"]);
    update(&world, &tenant, active(&grace, false))
        .await
        .unwrap();
    let inactive = scopes(&world, &secret).await;
    refused(inactive, Code::Unauthenticated, "UNAUTHENTICATED");
    // back as they were: nothing of the token was lost
    update(&world, &tenant, active(&grace, true)).await.unwrap();
    update(&world, &tenant, role(&grace, Role::Admin))
        .await
        .unwrap();
    assert_eq!(scopes(&world, &secret).await.unwrap(), asked);
}

#[tokio::test]
async fn each_thing_that_changes_of_a_teammate_is_audited_with_before_and_after() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let grace = world.teammate(&tenant, "Grace", Role::Agent).await;
    let all = UpdateTeammateRequest {
        teammate_id: grace.teammate_id.clone(),
        name: Some("Grace H.".into()),
        role: Role::Viewer.into(),
        active: Some(false),
    };
    for _ in 0..2 {
        let after = update(&world, &tenant, all.clone()).await.unwrap();
        assert_eq!(
            (&*after.name, after.role(), after.active),
            ("Grace H.", Role::Viewer, false)
        );
    }
    let audit = world.audit(&tenant).await;
    let mut lines: Vec<_> = audit[2..]
        .iter()
        .map(|e| (&*e.action, &*e.subject, &*e.before, &*e.after))
        .collect();
    lines.sort_unstable();
    let id = &*grace.teammate_id;
    assert_eq!(
        lines,
        [
            ("teammate.activity_changed", id, "active", "inactive"),
            ("teammate.renamed", id, "Grace", "Grace H."),
            ("teammate.role_changed", id, "AGENT", "VIEWER"),
        ]
    );
}

#[tokio::test]
async fn a_workspace_keeps_an_admin_even_if_two_step_down_at_once() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let grace = world.teammate(&tenant, "Grace", Role::Admin).await;
    let alone = update(&world, &tenant, role(&grace, Role::Agent)).await;
    refused(alone, Code::FailedPrecondition, "LAST_ADMIN");
    let linus = world.teammate(&tenant, "Linus", Role::Admin).await;
    let (one, other) = futures::future::join(
        update(&world, &tenant, role(&grace, Role::Agent)),
        update(&world, &tenant, active(&linus, false)),
    )
    .await;
    assert!(one.is_ok() != other.is_ok());
    let admins = "select 1 from teammate where role = 'ADMIN' and active";
    assert_eq!(world.rows(admins).await.len(), 1);
}

#[tokio::test]
async fn a_teammate_of_another_workspace_is_not_there() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let grace = world.teammate(&theirs, "Grace", Role::Agent).await;
    let done = update(&world, &ours, role(&grace, Role::Admin)).await;
    refused(done, Code::NotFound, "NOT_FOUND");
}

//! Released schemas: every step as it was, and a database of each read by today's code.

use proto::settings::v1::*;
use serde_json::Value;
use testing::{Golden, ManualClock, Scratch, json};
use types::WorkspaceId;

use crate::world::{ADMIN, Tenant, World};

#[tokio::test]
async fn released_steps_of_the_schema_are_never_changed_and_only_expand() {
    let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
    golden.schema::<settings::Migrator>().await;
}

#[tokio::test]
async fn a_database_of_a_released_version_is_opened_and_everything_is_there() {
    let golden = Golden::of(env!("CARGO_MANIFEST_DIR"));
    // what was pruned, and answers to requests with ids, which nothing here has
    let empty = ["evlog_head", "answered_request"];
    golden
        .databases::<settings::Migrator, _, _>("settings", &empty, fill, said)
        .await;
}

async fn world(scratch: Scratch) -> World {
    scratch.keys(&["bff", "settings", "operator"]);
    World::on(scratch, ManualClock::new()).await
}

/// A workspace with a switch off, keys of which one is revoked with its session, a teammate with a token,
/// and a customer.
async fn fill(scratch: Scratch) {
    let world = world(scratch).await;
    let tenant = world.tenant("Acme").await;
    world.turn(&tenant, Platform::Web, false, 0).await.unwrap();
    for user in ["ada", "ben"] {
        let key = world.key(&tenant, Platform::Web).await;
        world.session(&tenant, &key, user).await;
        if user == "ben" {
            let body = RevokeIdentityKeyRequest { key_id: key.kid };
            let mut workspaces = world.workspaces();
            let done = workspaces.revoke_identity_key(world.by(&tenant, body));
            done.await.unwrap();
        }
    }
    let grace = world.teammate(&tenant, "Grace", Role::Viewer).await;
    let body = CreateApiTokenRequest {
        name: "Report".into(),
        teammate_id: grace.teammate_id,
        scopes: vec!["settings:read".into()],
        ..Default::default()
    };
    let mut workspaces = world.workspaces();
    let made = workspaces.create_api_token(world.by(&tenant, body));
    made.await.unwrap();
    fill_identity(&world, &tenant).await;
    fill_console(&world, &tenant).await;
}

/// A teammate who is logged in to the console.
async fn fill_console(world: &World, tenant: &Tenant) {
    let body = OpenConsoleSessionRequest {
        app_id: tenant.app_id.clone(),
        issuer: "https://login.example.com".into(),
        subject: "1".into(),
        verified_email: "grace@example.com".into(),
        login_sha256: vec![1; 32],
        replaced_token_sha256: Vec::new(),
    };
    let mut sessions = world.sessions();
    let opened = sessions.open_console_session(world.by_bff(body));
    opened.await.unwrap();
}

/// An unverified contact, a visitor who became a user by a token for one use, one who is erased, and one who
/// stayed.
async fn fill_identity(world: &World, tenant: &Tenant) {
    let optional = IdentityMode::Optional;
    let set = world.set_mode(tenant, Platform::Ios, optional, 0).await;
    set.unwrap();
    let body = SetAllowedOriginsRequest {
        origins: vec!["https://example.com".into()],
        expected_version: 1,
    };
    let mut workspaces = world.workspaces();
    let set = workspaces.set_allowed_origins(world.by(tenant, body));
    set.await.unwrap();
    let said = world.open_as(tenant, Platform::Ios, String::new(), "", "eve");
    said.await.unwrap();
    let key = world.key(tenant, Platform::Web).await;
    let mut claims = world.claims(tenant, "ada");
    claims["jti"] = "once".into();
    let visitor = world.visit(tenant, "").await.unwrap();
    let secret = &visitor.visitor_secret;
    let merged = world.open_as(tenant, Platform::Web, key.sign(&claims), secret, "");
    assert!(merged.await.unwrap().merged);
    let gone = world.visit(tenant, "").await.unwrap().session.unwrap();
    world.erase(tenant, &gone.contact_id).await.unwrap();
    world.visit(tenant, "").await.unwrap();
}

/// Everything that can be asked for; the workspace is the only one of the database.
async fn said(scratch: Scratch) -> Value {
    let world = world(scratch).await;
    let row = world
        .rows("select id, app_id from workspace")
        .await
        .remove(0);
    let id: String = row.try_get("", "id").unwrap();
    let id = WorkspaceId::parse(&id).unwrap();
    let tenant = Tenant {
        admin: testing::teammate(&id, &ADMIN),
        app_id: row.try_get("", "app_id").unwrap(),
        id,
    };
    let mut said = Vec::new();
    macro_rules! say {
        ($client:ident, $method:ident, $body:expr, $name:literal) => {{
            let answer = world.$client().$method(world.by(&tenant, $body)).await;
            let name = concat!("messenger.settings.v1.", $name, "Response");
            said.push(json(name, &answer.unwrap().into_inner()));
        }};
    }
    say!(
        workspaces,
        get_workspace,
        GetWorkspaceRequest {},
        "GetWorkspace"
    );
    say!(
        settings,
        get_messenger_settings,
        GetMessengerSettingsRequest {},
        "GetMessengerSettings"
    );
    say!(
        workspaces,
        list_identity_keys,
        ListIdentityKeysRequest {},
        "ListIdentityKeys"
    );
    say!(
        workspaces,
        list_teammates,
        ListTeammatesRequest::default(),
        "ListTeammates"
    );
    say!(
        workspaces,
        list_api_tokens,
        ListApiTokensRequest {},
        "ListApiTokens"
    );
    say!(
        settings,
        list_audit_entries,
        ListAuditEntriesRequest::default(),
        "ListAuditEntries"
    );
    for user_id in ["ada", "ben"] {
        let row = format!("select id from contact where user_id = '{user_id}'");
        let contact_id: String = world.rows(&row).await[0].try_get("", "id").unwrap();
        say!(
            contacts,
            get_contact,
            GetContactRequest { contact_id },
            "GetContact"
        );
    }
    for event in world.events("").await {
        said.push(json("messenger.events.v1.Envelope", &event));
    }
    // what the schema before did not hold
    if world.count("messenger_security").await > 0 {
        say!(
            workspaces,
            get_messenger_security,
            GetMessengerSecurityRequest {},
            "GetMessengerSecurity"
        );
        for row in world.rows("select id from contact order by id").await {
            let contact_id: String = row.try_get("", "id").unwrap();
            let body = ExportContactRequest { contact_id };
            say!(contacts, export_contact, body, "ExportContact");
        }
    }
    said.into()
}

#[tokio::test]
async fn a_statement_that_forgets_the_workspace_reaches_no_other_ones_rows() {
    testing::every_table_keeps_workspaces_apart::<settings::Migrator>("settings").await;
}

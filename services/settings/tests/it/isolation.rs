//! Who is kept out of what: every RPC without a credential, with one that lacks the scope, with a
//! customer's, and every id of another workspace.

use std::str::FromStr;

use prost::Message;
use prost_types::FileDescriptorSet;
use proto::settings::v1::*;
use testing::request;
use tonic::{Code, Request, codegen::http::uri::PathAndQuery};
use types::ContactId;

use crate::world::{Tenant, World, refused, service};

/// Every method that this service serves.
fn methods() -> Vec<String> {
    let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    for file in &set.file {
        if !["messenger.settings.v1", "messenger.events.v1"].contains(&file.package()) {
            continue;
        }
        for service in &file.service {
            for method in &service.method {
                let service = format!("{}.{}", file.package(), service.name());
                methods.push(format!("/{service}/{}", method.name()));
            }
        }
    }
    assert!(methods.len() > 20);
    methods
}

/// Calls a method with an empty message; both unary and streaming ones refuse alike.
async fn call(world: &World, method: &str, request: Request<()>) -> Code {
    let mut client = tonic::client::Grpc::new(world.channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_str(method).unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    match client.unary(request, path, codec).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[tokio::test]
async fn no_rpc_but_the_exchange_of_tokens_answers_without_a_credential_or_scope() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let powerless = testing::teammate(&tenant.id, &["tickets:write", "bogus"]);
    let mut customer = testing::contact(&tenant.id, &ContactId::generate());
    // even one whose assertion was given scopes by mistake
    customer.scopes = tenant.admin.scopes.clone();
    customer.scopes.extend(service("bff", None).scopes);
    for method in methods() {
        if method.ends_with("/ExchangeToken") {
            let code = call(&world, &method, Request::new(())).await;
            assert_eq!(code, Code::Unauthenticated, "no token in the request");
            continue;
        }
        let nobody = call(&world, &method, Request::new(())).await;
        assert_eq!(nobody, Code::Unauthenticated, "{method}");
        let mut forged = Request::new(());
        let value = "Bearer x.y.z".parse().unwrap();
        forged.metadata_mut().insert("authorization", value);
        let forged = call(&world, &method, forged).await;
        assert_eq!(forged, Code::Unauthenticated, "{method}");
        for actor in [&powerless, &customer] {
            let code = call(&world, &method, request(&world.bff, actor, ())).await;
            assert_eq!(code, Code::PermissionDenied, "{method}");
        }
    }
}

#[tokio::test]
async fn a_service_speaks_for_no_teammate() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let ring = world.scratch.keys(&["tickets"]);
    let world = world.restart().await;
    let tickets = runtime::KeyRing::load(&ring, "tickets").unwrap();
    let body = GetMessengerSettingsRequest {};
    let read = world
        .settings()
        .get_messenger_settings(request(&tickets, &tenant.admin, body))
        .await;
    refused(read, Code::Unauthenticated, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_credential_for_no_workspace_reaches_none() {
    let world = World::start().await;
    let mut everywhere = service("operator", None);
    everywhere.scopes = crate::world::ADMIN.map(String::from).into();
    let workspace_rpcs = methods()
        .into_iter()
        .filter(|method| {
            let bff = method.contains("SessionStore") || method.contains("EventFeed");
            !bff && !method.ends_with("/CreateWorkspace") && !method.ends_with("/ExchangeToken")
        })
        .collect::<Vec<_>>();
    assert_eq!(workspace_rpcs.len(), 24);
    for method in workspace_rpcs {
        let code = call(&world, &method, request(&world.operator, &everywhere, ())).await;
        assert_eq!(code, Code::PermissionDenied, "{method}");
    }
}

#[tokio::test]
async fn nothing_is_written_for_a_workspace_that_is_not_there() {
    let world = World::start().await;
    let ghost = Tenant {
        id: types::WorkspaceId::generate(),
        ..world.tenant("Acme").await
    };
    let ghost = Tenant {
        admin: testing::teammate(&ghost.id, &crate::world::ADMIN),
        ..ghost
    };
    let turned = world.turn(&ghost, Platform::Web, false, 0).await;
    refused(turned, Code::NotFound, "NOT_FOUND");
    let body = CreateIdentityKeyRequest { platform: 1 };
    let key = world
        .workspaces()
        .create_identity_key(world.by(&ghost, body))
        .await;
    refused(key, Code::NotFound, "NOT_FOUND");
    let optional = IdentityMode::Optional;
    let mode = world.set_mode(&ghost, Platform::Web, optional, 0).await;
    refused(mode, Code::NotFound, "NOT_FOUND");
    let body = CreateTeammateRequest {
        name: "Eve".into(),
        ..Default::default()
    };
    let teammate = world
        .workspaces()
        .create_teammate(world.by(&ghost, body))
        .await;
    refused(teammate, Code::NotFound, "NOT_FOUND");
    let body = CreateApiTokenRequest {
        name: "Eve".into(),
        scopes: vec!["settings:read".into()],
        ..Default::default()
    };
    let token = world
        .workspaces()
        .create_api_token(world.by(&ghost, body))
        .await;
    refused(token, Code::NotFound, "NOT_FOUND");
    let body = IdentifyContactRequest {
        user_id: "7".into(),
        ..Default::default()
    };
    let contact = world
        .contacts()
        .identify_contact(world.by(&ghost, body))
        .await;
    refused(contact, Code::NotFound, "NOT_FOUND");
    let body = GetWorkspaceRequest {};
    let workspace = world
        .workspaces()
        .get_workspace(world.by(&ghost, body))
        .await;
    refused(workspace, Code::NotFound, "NOT_FOUND");
}

#[tokio::test]
async fn the_keys_tokens_and_teammates_of_another_workspace_are_not_there() {
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let key = world.key(&theirs, Platform::Web).await;
    let session = world.session(&theirs, &key, "ada").await;
    let body = RevokeIdentityKeyRequest { key_id: key.kid };
    let revoked = world
        .workspaces()
        .revoke_identity_key(world.by(&ours, body))
        .await;
    refused(revoked, Code::NotFound, "NOT_FOUND");
    world.look_up(&session.access_token).await.unwrap();

    let body = CreateTeammateRequest {
        name: "Grace".into(),
        ..Default::default()
    };
    let grace = world
        .workspaces()
        .create_teammate(world.by(&theirs, body))
        .await;
    let teammate_id = grace.unwrap().into_inner().teammate.unwrap().teammate_id;
    let body = CreateApiTokenRequest {
        name: "Theirs".into(),
        teammate_id,
        scopes: vec!["settings:read".into()],
        ..Default::default()
    };
    let as_theirs = world
        .workspaces()
        .create_api_token(world.by(&ours, body.clone()))
        .await;
    refused(as_theirs, Code::NotFound, "NOT_FOUND");
    let token = world
        .workspaces()
        .create_api_token(world.by(&theirs, body))
        .await;
    let token = token.unwrap().into_inner();
    let body = RevokeApiTokenRequest {
        token_id: token.token.unwrap().token_id,
    };
    let revoked = world
        .workspaces()
        .revoke_api_token(world.by(&ours, body))
        .await;
    refused(revoked, Code::NotFound, "NOT_FOUND");
    let body = ExchangeTokenRequest {
        token: token.secret,
    };
    world
        .workspaces()
        .exchange_token(Request::new(body))
        .await
        .unwrap();

    let keys = world
        .workspaces()
        .list_identity_keys(world.by(&ours, ListIdentityKeysRequest {}))
        .await;
    assert_eq!(keys.unwrap().into_inner().keys, []);
    let tokens = world
        .workspaces()
        .list_api_tokens(world.by(&ours, ListApiTokensRequest {}))
        .await;
    assert_eq!(tokens.unwrap().into_inner().tokens, []);
    let team = world
        .workspaces()
        .list_teammates(world.by(&ours, ListTeammatesRequest {}))
        .await;
    assert_eq!(team.unwrap().into_inner().teammates, []);
}

#[tokio::test]
async fn a_credential_for_one_workspace_reaches_no_session_of_another() {
    use sha2::Digest;
    let world = World::start().await;
    let (ours, theirs) = (world.tenant("Ours").await, world.tenant("Theirs").await);
    let key = world.key(&theirs, Platform::Web).await;
    let opened = world.session(&theirs, &key, "ada").await;
    let actor = service("bff", Some(&ours.id));
    let body = OpenSessionRequest {
        app_id: theirs.app_id.clone(),
        platform: Platform::Web.into(),
        user_jwt: key.sign(&world.claims(&theirs, "ada")),
        ..Default::default()
    };
    let open = world
        .sessions()
        .open_session(request(&world.bff, &actor, body))
        .await;
    refused(open, Code::Unauthenticated, "UNAUTHENTICATED");
    let body = LookUpSessionRequest {
        access_token_sha256: sha2::Sha256::digest(&opened.access_token).to_vec(),
    };
    let found = world
        .sessions()
        .look_up_session(request(&world.bff, &actor, body))
        .await;
    refused(found, Code::Unauthenticated, "UNAUTHENTICATED");
    let body = RevokeSessionRequest {
        session_id: opened.session.unwrap().session_id,
    };
    let ended = world
        .sessions()
        .revoke_session(request(&world.bff, &actor, body))
        .await;
    ended.unwrap();
    world.look_up(&opened.access_token).await.unwrap();
}

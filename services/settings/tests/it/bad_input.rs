//! Malformed requests: each names every field that is wrong, and leaves nothing behind.

use proto::settings::v1::*;
use tonic::Code;

use crate::world::{World, fields};

#[tokio::test]
async fn a_workspace_needs_a_name_of_80_characters_at_most() {
    let world = World::start().await;
    for name in [
        String::new(),
        "  ".into(),
        "x".repeat(81),
        "a\nb".into(),
        "a\u{202E}b".into(),
    ] {
        let body = CreateWorkspaceRequest { name };
        let made = world
            .workspaces()
            .create_workspace(world.by_operator(body))
            .await;
        assert_eq!(fields(&made.unwrap_err()), ["name"]);
    }
    assert_eq!(world.count("workspace").await, 0);
    world.tenant(&"é".repeat(80)).await;
}

#[tokio::test]
async fn a_teammate_needs_a_name_and_both_fields_are_checked_at_once() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let body = CreateTeammateRequest {
        name: String::new(),
        email: "x".repeat(255),
        role: 7,
    };
    let made = world
        .workspaces()
        .create_teammate(world.by(&tenant, body))
        .await;
    assert_eq!(fields(&made.unwrap_err()), ["email", "name", "role"]);
    assert_eq!(world.count("teammate").await, 0);
    let body = UpdateTeammateRequest {
        teammate_id: "con_x".into(),
        name: Some(" ".into()),
        role: -1,
        active: None,
    };
    let made = world
        .workspaces()
        .update_teammate(world.by(&tenant, body))
        .await;
    let wrong = fields(&made.unwrap_err());
    assert_eq!(wrong, ["name", "role", "teammate_id"]);
}

#[tokio::test]
async fn a_key_needs_a_platform_and_ids_have_their_shape() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for platform in [0, 4, -1] {
        let body = CreateIdentityKeyRequest { platform };
        let made = world
            .workspaces()
            .create_identity_key(world.by(&tenant, body))
            .await;
        assert_eq!(fields(&made.unwrap_err()), ["platform"]);
    }
    for id in ["", "x", "tok_x", "' or 1=1 --", &"idk_".repeat(9_000)] {
        let body = RevokeIdentityKeyRequest { key_id: id.into() };
        let done = world
            .workspaces()
            .revoke_identity_key(world.by(&tenant, body))
            .await;
        assert_eq!(fields(&done.unwrap_err()), ["key_id"]);
        let body = RevokeApiTokenRequest {
            token_id: id.into(),
        };
        let done = world
            .workspaces()
            .revoke_api_token(world.by(&tenant, body))
            .await;
        assert_eq!(fields(&done.unwrap_err()), ["token_id"]);
        let body = GetContactRequest {
            contact_id: id.into(),
        };
        let done = world.contacts().get_contact(world.by(&tenant, body)).await;
        assert_eq!(fields(&done.unwrap_err()), ["contact_id"]);
        let body = RevokeSessionRequest {
            session_id: id.into(),
        };
        let done = world.sessions().revoke_session(world.by_bff(body)).await;
        assert_eq!(fields(&done.unwrap_err()), ["session_id"]);
    }
}

#[tokio::test]
async fn an_api_token_needs_a_name_and_known_scopes() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let good = CreateApiTokenRequest {
        name: "Report".into(),
        scopes: vec!["settings:read".into()],
        ..Default::default()
    };
    let scopes = |scopes: &[&str]| scopes.iter().map(|&scope| scope.to_owned()).collect();
    for (body, wrong) in [
        (
            CreateApiTokenRequest {
                name: "x".repeat(81),
                teammate_id: "con_x".into(),
                scopes: scopes(&["settings:read", "settings:admin", "*"]),
                expire_time: Some(prost_types::Timestamp::default()),
            },
            vec![
                "expire_time",
                "name",
                "scopes[1]",
                "scopes[2]",
                "teammate_id",
            ],
        ),
        (
            CreateApiTokenRequest {
                scopes: vec![],
                ..good.clone()
            },
            vec!["scopes"],
        ),
        (
            CreateApiTokenRequest {
                scopes: scopes(&["settings:read"; 9]),
                ..good.clone()
            },
            vec!["scopes"],
        ),
        // what only services hold is no scope of a token
        (
            CreateApiTokenRequest {
                scopes: scopes(&["sessions:write"]),
                ..good.clone()
            },
            vec!["scopes[0]"],
        ),
    ] {
        let made = world
            .workspaces()
            .create_api_token(world.by(&tenant, body))
            .await;
        assert_eq!(fields(&made.unwrap_err()), wrong);
    }
    let twice = CreateApiTokenRequest {
        scopes: scopes(&["settings:read"; 2]),
        ..good
    };
    let made = world
        .workspaces()
        .create_api_token(world.by(&tenant, twice))
        .await;
    let made = made.unwrap().into_inner().token.unwrap();
    assert_eq!(made.scopes, ["settings:read"]);
}

#[tokio::test]
async fn a_contact_needs_a_user_id_that_is_taken_as_it_is() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    for user_id in ["", " ", " 7", "7\n", "a\0", &"x".repeat(256)] {
        let body = IdentifyContactRequest {
            user_id: user_id.into(),
            name: "x".repeat(81),
            email: "x".repeat(255),
        };
        let made = world
            .contacts()
            .identify_contact(world.by(&tenant, body))
            .await;
        assert_eq!(fields(&made.unwrap_err()), ["email", "name", "user_id"]);
    }
    assert_eq!(world.count("contact").await, 0);
}

#[tokio::test]
async fn a_batch_has_1_to_100_well_formed_ids() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let id = "con_00000000000000000000000000000000";
    let ask = async |ids: Vec<&str>| {
        let body = BatchGetContactsRequest {
            contact_ids: ids.into_iter().map(str::to_owned).collect(),
        };
        world
            .contacts()
            .batch_get_contacts(world.by(&tenant, body))
            .await
    };
    assert_eq!(fields(&ask(vec![]).await.unwrap_err()), ["contact_ids"]);
    assert_eq!(
        fields(&ask(vec![id; 101]).await.unwrap_err()),
        ["contact_ids"]
    );
    let mixed = ask(vec![id, "x", id, ""]).await.unwrap_err();
    assert_eq!(fields(&mixed), ["contact_ids[1]", "contact_ids[3]"]);
    assert_eq!(ask(vec![id; 100]).await.unwrap().into_inner().contacts, []);
}

#[tokio::test]
async fn a_session_needs_an_app_and_a_platform_and_a_hash_has_32_bytes() {
    let world = World::start().await;
    let body = OpenSessionRequest {
        app_id: "acme".into(),
        user_jwt: "x.y.z".into(),
        claimed_user_id: " ada".into(),
        ..Default::default()
    };
    let opened = world.sessions().open_session(world.by_bff(body)).await;
    assert_eq!(
        fields(&opened.unwrap_err()),
        ["app_id", "claimed_user_id", "claimed_user_id", "platform"]
    );
    for length in [0, 31, 33, 50_000] {
        let body = LookUpSessionRequest {
            access_token_sha256: vec![0; length],
        };
        let found = world.sessions().look_up_session(world.by_bff(body)).await;
        assert_eq!(fields(&found.unwrap_err()), ["access_token_sha256"]);
    }
}

#[tokio::test]
async fn a_message_over_64_kib_is_refused_unread() {
    let world = World::start().await;
    let body = CreateWorkspaceRequest {
        name: "x".repeat(70_000),
    };
    let made = world
        .workspaces()
        .create_workspace(world.by_operator(body))
        .await;
    assert_eq!(made.unwrap_err().code(), Code::InvalidArgument);
    world.tenant("Acme").await;
}

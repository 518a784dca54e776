//! When keys and tokens were last used.

use jiff::SignedDuration;
use proto::settings::v1::*;
use tonic::Request;
use types::Clock;

use crate::world::{Tenant, World, instant};

async fn last_uses(
    world: &World,
    tenant: &Tenant,
) -> (
    Option<prost_types::Timestamp>,
    Option<prost_types::Timestamp>,
) {
    let mut workspaces = world.workspaces();
    let keys = workspaces.list_identity_keys(world.by(tenant, ListIdentityKeysRequest {}));
    let keys = keys.await.unwrap().into_inner().keys;
    let tokens = workspaces.list_api_tokens(world.by(tenant, ListApiTokensRequest {}));
    let tokens = tokens.await.unwrap().into_inner().tokens;
    (keys[0].last_used_time, tokens[0].last_used_time)
}

#[tokio::test]
async fn the_last_use_of_keys_and_tokens_is_told_and_survives_a_restart() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let body = CreateApiTokenRequest {
        name: "Report".into(),
        scopes: vec!["settings:read".into()],
        ..Default::default()
    };
    let mut workspaces = world.workspaces();
    let made = workspaces.create_api_token(world.by(&tenant, body));
    let token = made.await.unwrap().into_inner().secret;
    let use_both = async |world: &World| {
        world.session(&tenant, &key, "ada").await;
        let body = ExchangeTokenRequest {
            token: token.clone(),
        };
        let mut workspaces = world.workspaces();
        workspaces.exchange_token(Request::new(body)).await.unwrap();
    };
    let refused = world
        .open(&tenant, Platform::Web, format!("{}x", token))
        .await;
    refused.unwrap_err();
    let world = world.restart().await;
    assert_eq!(last_uses(&world, &tenant).await, (None, None), "not used");
    let first = world.clock.now();
    use_both(&world).await;
    let world = world.restart().await;
    let (of_key, of_token) = last_uses(&world, &tenant).await;
    assert_eq!((instant(of_key), instant(of_token)), (first, first));
    // to the minute: a use 59 s later is not worth a write
    world.clock.advance(SignedDuration::from_secs(59));
    use_both(&world).await;
    let world = world.restart().await;
    let (of_key, of_token) = last_uses(&world, &tenant).await;
    assert_eq!((instant(of_key), instant(of_token)), (first, first));
    world.clock.advance(SignedDuration::from_secs(1));
    let second = world.clock.now();
    use_both(&world).await;
    let world = world.restart().await;
    let (of_key, of_token) = last_uses(&world, &tenant).await;
    assert_eq!((instant(of_key), instant(of_token)), (second, second));
}

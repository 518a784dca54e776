//! An admin tries a user token, and hears what a customer's browser must not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::settings::v1::*;
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::world::{Key, Tenant, World, fields, instant, refused};

async fn try_on(
    world: &World,
    tenant: &Tenant,
    platform: Platform,
    token: impl Into<String>,
) -> Result<TestUserTokenResponse, Status> {
    let body = TestUserTokenRequest {
        platform: platform.into(),
        user_jwt: token.into(),
    };
    let mut client = world.workspaces();
    let tested = client.test_user_token(world.by(tenant, body)).await?;
    Ok(tested.into_inner())
}

/// The sentence about a token that is not accepted, and the key that is named with it.
async fn wrong(world: &World, tenant: &Tenant, token: impl Into<String>) -> (String, String) {
    let tested = try_on(world, tenant, Platform::Web, token).await.unwrap();
    assert!(!tested.accepted && tested.user_id.is_empty() && tested.expire_time.is_none());
    (tested.problem, tested.key_id)
}

fn with(mut base: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

#[tokio::test]
async fn a_good_token_is_accepted_and_nothing_is_left_behind() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let claims = with(world.claims(&tenant, "ada"), json!({ "jti": "once" }));
    let token = key.sign(&claims);
    for _ in 0..2 {
        let tested = try_on(&world, &tenant, Platform::Web, &*token)
            .await
            .unwrap();
        assert!(tested.accepted, "{}", tested.problem);
        assert_eq!((&*tested.key_id, &*tested.user_id), (&*key.kid, "ada"));
        assert_eq!(tested.problem, "");
        let ends = instant(tested.expire_time).as_second();
        assert_eq!(ends, claims["exp"].as_i64().unwrap());
    }
    for table in ["session", "contact", "used_token"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    let body = ListIdentityKeysRequest {};
    let mut client = world.workspaces();
    let listed = client.list_identity_keys(world.by(&tenant, body)).await;
    let keys = listed.unwrap().into_inner().keys;
    assert_eq!(keys[0].last_used_time, None);
    // what was only tried opens its session
    world.open(&tenant, Platform::Web, token).await.unwrap();
}

#[tokio::test]
async fn each_mistake_of_a_token_has_its_sentence() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let good = world.claims(&tenant, "ada");
    let iat = good["iat"].as_i64().unwrap();
    for (changes, sentence) in [
        (
            json!({ "iat": iat - 400, "exp": iat - 60 }),
            "The token has expired",
        ),
        (
            json!({ "exp": iat + 24 * 3_600 + 1 }),
            "at most 24 hours after it",
        ),
        (json!({ "exp": iat - 1 }), "`exp` must be after `iat`"),
        (json!({ "iat": iat + 61 }), "from the future"),
        (json!({ "nbf": iat + 61 }), "from the future"),
        (json!({ "aud": "app_other" }), "for another audience"),
        (json!({ "aud": "app_other" }), tenant.app_id.as_str()),
        (json!({ "user_id": null }), "names no user, or two"),
        (json!({ "user_id": "" }), "names no user, or two"),
        (json!({ "sub": "eve" }), "names no user, or two"),
        (json!({ "jti": "" }), "The `jti` must have"),
        (
            json!({ "attributes": { "a": [1] } }),
            "says too much of its user",
        ),
    ] {
        let (problem, named) = wrong(&world, &tenant, key.sign(&with(good.clone(), changes))).await;
        assert!(problem.contains(sentence), "{sentence}: {problem}");
        assert_eq!(named, key.kid, "it did sign this one: {problem}");
    }
    let mut untimed = good.clone();
    untimed.as_object_mut().unwrap().remove("exp");
    for (token, sentence) in [
        ("not.a.token".to_owned(), "cannot be read"),
        ("rubbish".to_owned(), "cannot be read"),
        (key.sign(&untimed), "cannot be read"),
        (
            header_of(&key, &json!({ "alg": "HS256" }), &good),
            "No key of this workspace",
        ),
        (
            header_of(&key, &json!({ "alg": "none", "kid": key.kid }), &good),
            "must say `alg` HS256",
        ),
        (format!("{}x", key.sign(&good)), "signature is wrong"),
    ] {
        let (problem, named) = wrong(&world, &tenant, token).await;
        assert!(problem.contains(sentence), "{sentence}: {problem}");
        assert_eq!(named, "", "{problem}");
    }
}

/// A token with this header; its signature is that of another one.
fn header_of(key: &Key, header: &Value, claims: &Value) -> String {
    let signed = key.sign(claims);
    let (_, rest) = signed.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[tokio::test]
async fn a_key_that_does_not_count_is_told_by_what_is_the_matter_with_it() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let other = world.tenant("Other").await;
    let good = world.claims(&tenant, "ada");
    let ios = world.key(&tenant, Platform::Ios).await;
    let foreign = world.key(&other, Platform::Web).await;
    let revoked = world.key(&tenant, Platform::Web).await;
    let token = revoked.sign(&good);
    let body = RevokeIdentityKeyRequest {
        key_id: revoked.kid.clone(),
    };
    let mut client = world.workspaces();
    let done = client.revoke_identity_key(world.by(&tenant, body)).await;
    done.unwrap();
    let (problem, _) = wrong(&world, &tenant, token).await;
    assert_eq!(
        problem,
        format!(
            "The key {} was revoked; sign with one that is active.",
            revoked.kid
        )
    );
    let (problem, _) = wrong(&world, &tenant, ios.sign(&good)).await;
    assert_eq!(
        problem,
        format!(
            "The key {} is for iOS; each platform has keys of its own.",
            ios.kid
        )
    );
    // another workspace's key and one that nobody has: word for word the same
    let (foreign_problem, named) = wrong(&world, &tenant, foreign.sign(&good)).await;
    let nobodys = Key {
        kid: format!("idk_{}", "0".repeat(32)),
        secret: foreign.secret.clone(),
    };
    let (problem, _) = wrong(&world, &tenant, nobodys.sign(&good)).await;
    assert_eq!(foreign_problem.replace(&foreign.kid, &nobodys.kid), problem);
    assert!(
        problem.ends_with("no key of this workspace has this id."),
        "{problem}"
    );
    assert_eq!(named, "");
}

#[tokio::test]
async fn a_token_that_has_opened_its_session_is_told_to_be_used() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let claims = with(world.claims(&tenant, "ada"), json!({ "jti": "once" }));
    let token = key.sign(&claims);
    world
        .open(&tenant, Platform::Web, token.clone())
        .await
        .unwrap();
    let (problem, named) = wrong(&world, &tenant, token).await;
    assert!(
        problem.starts_with("The token was used before"),
        "{problem}"
    );
    assert_eq!(named, key.kid);
}

#[tokio::test]
async fn only_who_may_make_keys_may_try_tokens() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let viewer = Tenant {
        admin: testing::teammate(&tenant.id, &["settings:read", "tickets:write"]),
        app_id: tenant.app_id.clone(),
        id: tenant.id.clone(),
    };
    let tried = try_on(&world, &viewer, Platform::Web, "x.y.z").await;
    refused(tried, Code::PermissionDenied, "PERMISSION_DENIED");
    for (platform, token) in [
        (Platform::Unspecified, "x".to_owned()),
        (Platform::Web, String::new()),
        (Platform::Web, "x".repeat(8 * 1024 + 1)),
    ] {
        let tried = try_on(&world, &tenant, platform, token).await;
        assert_eq!(fields(&tried.unwrap_err()).len(), 1);
    }
}

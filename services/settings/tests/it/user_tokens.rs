//! Which user tokens open a session, and that all others are refused alike.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::settings::v1::*;
use serde_json::{Value, json};
use tonic::Code;

use crate::world::{Key, Tenant, World, told};

fn with(mut base: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

fn without(mut base: Value, name: &str) -> Value {
    base.as_object_mut().unwrap().remove(name).unwrap();
    base
}

/// Signed with the key's secret by HMAC-SHA-256, whatever the header says.
fn forged(key: &Key, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let secret = EncodingKey::from_secret(key.secret.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn signed_as(key: &Key, algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
    let header = Header {
        kid: kid.map(str::to_owned),
        ..Header::new(algorithm)
    };
    let secret = EncodingKey::from_secret(key.secret.as_bytes());
    jsonwebtoken::encode(&header, claims, &secret).unwrap()
}

struct Keys {
    web: Key,
    ios: Key,
    revoked: Key,
    foreign: Key,
}

async fn keys(world: &World, tenant: &Tenant) -> Keys {
    let revoked = world.key(tenant, Platform::Web).await;
    let body = RevokeIdentityKeyRequest {
        key_id: revoked.kid.clone(),
    };
    let done = world
        .workspaces()
        .revoke_identity_key(world.by(tenant, body))
        .await;
    done.unwrap();
    let other = world.tenant("Other").await;
    Keys {
        web: world.key(tenant, Platform::Web).await,
        ios: world.key(tenant, Platform::Ios).await,
        revoked,
        foreign: world.key(&other, Platform::Web).await,
    }
}

/// Every token that must not open a session, by what is wrong with it.
fn bad_tokens(world: &World, tenant: &Tenant, keys: &Keys) -> Vec<(&'static str, String)> {
    let good = world.claims(tenant, "ada");
    let iat = good["iat"].as_i64().unwrap();
    let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": keys.web.kid });
    let claims = |changes: Value| keys.web.sign(&with(good.clone(), &changes));
    let none = forged(&keys.web, &header("none"), &good);
    let unsigned = format!("{}.", none.rsplit_once('.').unwrap().0);
    let web = |algorithm| signed_as(&keys.web, algorithm, Some(&keys.web.kid), &good);
    let twice = good.to_string().replacen('{', r#"{"user_id":"eve","#, 1);
    let twice = signed_text(&keys.web, &header("HS256").to_string(), &twice);
    let mut tampered = keys.web.sign(&good);
    let place = tampered.len() - 3..tampered.len() - 2;
    let other = if &tampered[place.clone()] == "_" {
        "-"
    } else {
        "_"
    };
    tampered.replace_range(place, other);
    vec![
        ("no token at all", "not.a.token".into()),
        ("alg none, signed", none),
        ("alg none, unsigned", unsigned),
        ("HS384 with the right key", web(Algorithm::HS384)),
        ("HS512 with the right key", web(Algorithm::HS512)),
        (
            "RS256 in the header",
            forged(&keys.web, &header("RS256"), &good),
        ),
        (
            "ES256 in the header",
            forged(&keys.web, &header("ES256"), &good),
        ),
        (
            "EdDSA in the header",
            forged(&keys.web, &header("EdDSA"), &good),
        ),
        (
            "no kid",
            signed_as(&keys.web, Algorithm::HS256, None, &good),
        ),
        (
            "a kid nobody has",
            signed_as(
                &keys.web,
                Algorithm::HS256,
                Some("idk_00000000000000000000000000000000"),
                &good,
            ),
        ),
        (
            "a kid that is no id",
            signed_as(&keys.web, Algorithm::HS256, Some("' or 1=1 --"), &good),
        ),
        (
            "another key's kid",
            signed_as(&keys.foreign, Algorithm::HS256, Some(&keys.web.kid), &good),
        ),
        ("another workspace's key", keys.foreign.sign(&good)),
        ("another platform's key", keys.ios.sign(&good)),
        ("a revoked key", keys.revoked.sign(&good)),
        ("a changed signature", tampered),
        (
            "expired",
            claims(json!({ "iat": iat - 400, "exp": iat - 60 })),
        ),
        ("no exp", keys.web.sign(&without(good.clone(), "exp"))),
        ("no iat", keys.web.sign(&without(good.clone(), "iat"))),
        (
            "exp - iat over 24 h",
            claims(json!({ "exp": iat + 24 * 3_600 + 1 })),
        ),
        ("exp before iat", claims(json!({ "exp": iat - 1 }))),
        (
            "from the future",
            claims(json!({ "iat": iat + 61, "exp": iat + 300 })),
        ),
        ("not before later", claims(json!({ "nbf": iat + 61 }))),
        ("another audience", claims(json!({ "aud": "app_other" }))),
        ("no audience", keys.web.sign(&without(good.clone(), "aud"))),
        ("no user", keys.web.sign(&without(good.clone(), "user_id"))),
        ("two users", claims(json!({ "sub": "eve" }))),
        (
            "a user id too long",
            claims(json!({ "user_id": "x".repeat(256) })),
        ),
        (
            "a user id that is a number",
            claims(json!({ "user_id": 7 })),
        ),
        ("a claim twice", twice),
        (
            "over 8 KiB",
            // in a claim that is of no interest, so that nothing else is wrong with it
            claims(json!({ "padding": "x".repeat(7_000) })),
        ),
    ]
}

fn signed_text(key: &Key, header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let secret = EncodingKey::from_secret(key.secret.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn every_bad_user_token_gets_the_same_refusal_and_leaves_nothing_behind() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let keys = keys(&world, &tenant).await;
    let bad = bad_tokens(&world, &tenant, &keys);
    let (_, longest) = bad.last().unwrap();
    assert!(longest.len() > 9 * 1024, "{}", longest.len());
    let mut refusals = Vec::new();
    let mut let_in = Vec::new();
    for (wrong, token) in bad {
        match world.open(&tenant, Platform::Web, token).await {
            Ok(_) => let_in.push(wrong),
            Err(status) => refusals.push((wrong, told(&status))),
        }
    }
    assert_eq!(let_in, Vec::<&str>::new());
    let unknown_app = Tenant {
        app_id: "app_00000000000000000000000000000000".into(),
        ..world.tenant("Nobody").await
    };
    let token = keys.web.sign(&world.claims(&unknown_app, "ada"));
    let opened = world.open(&unknown_app, Platform::Web, token).await;
    refusals.push(("an app nobody has", told(&opened.unwrap_err())));
    let same = (
        Code::Unauthenticated,
        "UNAUTHENTICATED".to_owned(),
        "the token is missing, malformed, expired, revoked or not ours; get a new one".to_owned(),
    );
    for (wrong, told) in refusals {
        assert_eq!(told, same, "{wrong}");
    }
    assert_eq!(world.count("contact").await, 0);
    assert_eq!(world.count("session").await, 0);
}

#[tokio::test]
async fn a_good_user_token_opens_a_session_of_its_contact() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let keys = keys(&world, &tenant).await;
    let claims = world.claims(&tenant, "ada");
    let good = [
        keys.web.sign(&claims),
        keys.web.sign(&with(
            without(claims.clone(), "user_id"),
            &json!({ "sub": "ada" }),
        )),
        keys.web.sign(&with(
            claims.clone(),
            &json!({ "aud": ["else", tenant.app_id] }),
        )),
        keys.web.sign(&with(
            claims.clone(),
            &json!({ "iss": "us", "attributes": { "plan": "x" } }),
        )),
    ];
    let mut contacts = std::collections::BTreeSet::new();
    for token in good {
        let opened = world.open(&tenant, Platform::Web, token).await.unwrap();
        let session = opened.session.unwrap();
        assert_eq!(session.workspace_id, tenant.id.as_str());
        assert_eq!(session.contact_name, "Ada");
        assert_eq!(session.platform(), Platform::Web);
        contacts.insert(session.contact_id);
    }
    assert_eq!(contacts.len(), 1);
    let token = keys.ios.sign(&claims);
    let on_ios = world.open(&tenant, Platform::Ios, token).await.unwrap();
    assert!(contacts.contains(&on_ios.session.unwrap().contact_id));
}

#[tokio::test]
async fn a_user_token_expires_on_our_clock_with_a_minutes_leeway() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let token = key.sign(&world.claims(&tenant, "ada"));
    world.clock.advance(SignedDuration::from_secs(300 + 59));
    world
        .open(&tenant, Platform::Web, token.clone())
        .await
        .unwrap();
    world.clock.advance(SignedDuration::from_secs(1));
    let late = world.open(&tenant, Platform::Web, token).await;
    assert_eq!(told(&late.unwrap_err()).1, "UNAUTHENTICATED");
}

#[tokio::test]
async fn what_the_token_says_of_its_user_is_what_counts() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let open = async |changes: Value| {
        let token = key.sign(&with(world.claims(&tenant, "ada"), &changes));
        let opened = world.open(&tenant, Platform::Web, token).await.unwrap();
        let contact_id = opened.session.unwrap().contact_id;
        let body = GetContactRequest { contact_id };
        let found = world.contacts().get_contact(world.by(&tenant, body)).await;
        let contact = found.unwrap().into_inner().contact.unwrap();
        (contact.name, contact.email)
    };
    let said = |name: &str, email: &str| (name.to_owned(), email.to_owned());
    assert_eq!(
        open(json!({ "email": "a@b.c" })).await,
        said("Ada", "a@b.c")
    );
    assert_eq!(
        open(json!({ "name": "Ada L." })).await,
        said("Ada L.", "a@b.c")
    );
    assert_eq!(
        open(json!({ "name": null, "email": "" })).await,
        said("Ada L.", "")
    );
}

#[tokio::test]
async fn a_token_with_a_jti_opens_one_session_on_whichever_replica() {
    let world = World::start().await;
    let replica = World::on(world.scratch.clone(), world.clock.clone()).await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let other_key = world.key(&tenant, Platform::Web).await;
    let claims = with(world.claims(&tenant, "ada"), &json!({ "jti": "once" }));
    let token = key.sign(&claims);
    let opens = [&world, &replica, &world, &replica]
        .map(|world| world.open(&tenant, Platform::Web, token.clone()));
    let outcomes = futures::future::join_all(opens).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    for replayed in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(told(&replayed).1, "UNAUTHENTICATED");
    }
    // the same jti of another key is another one
    let token = other_key.sign(&claims);
    world.open(&tenant, Platform::Web, token).await.unwrap();
    let plain = key.sign(&world.claims(&tenant, "ada"));
    for _ in 0..2 {
        let opened = world.open(&tenant, Platform::Web, plain.clone()).await;
        opened.unwrap();
    }
    assert_eq!(world.count("used_token").await, 2);
    replica.running.drain().await;
    // it is remembered for as long as it would be accepted, and no longer
    world.clock.advance(SignedDuration::from_secs(359));
    let late = world.open(&tenant, Platform::Web, key.sign(&claims)).await;
    assert_eq!(told(&late.unwrap_err()).1, "UNAUTHENTICATED");
    world.clock.advance(SignedDuration::from_secs(1));
    let world = world.restart().await;
    testing::eventually("used tokens are forgotten", || async {
        (world.count("used_token").await == 0).then_some(())
    })
    .await;
}

/// What is refused for another reason is not used up.
#[tokio::test]
async fn a_jti_is_used_up_by_a_session_and_by_nothing_else() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let key = world.key(&tenant, Platform::Web).await;
    let jti = with(world.claims(&tenant, "ada"), &json!({ "jti": "once" }));
    let wrong = with(jti.clone(), &json!({ "aud": "app_other" }));
    let refused = world.open(&tenant, Platform::Web, key.sign(&wrong)).await;
    refused.unwrap_err();
    assert_eq!(world.count("used_token").await, 0);
    let opened = world.open(&tenant, Platform::Web, key.sign(&jti)).await;
    opened.unwrap();
}

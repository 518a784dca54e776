//! API tokens and their exchange for assertions.

use jiff::SignedDuration;
use proto::settings::v1::*;
use sha2::{Digest, Sha256};
use tonic::{Code, Request, Status};
use types::Clock;

use crate::world::{Tenant, World, fields, instant, refused, told};

async fn create(
    world: &World,
    tenant: &Tenant,
    body: CreateApiTokenRequest,
) -> Result<CreateApiTokenResponse, Status> {
    let made = world
        .workspaces()
        .create_api_token(world.by(tenant, body))
        .await?;
    Ok(made.into_inner())
}

fn reading() -> CreateApiTokenRequest {
    CreateApiTokenRequest {
        name: "Report".into(),
        scopes: vec!["settings:read".into()],
        ..Default::default()
    }
}

async fn exchange(world: &World, token: &str) -> Result<ExchangeTokenResponse, Status> {
    let body = ExchangeTokenRequest {
        token: token.into(),
    };
    // without any credential
    let exchanged = world
        .workspaces()
        .exchange_token(Request::new(body))
        .await?;
    Ok(exchanged.into_inner())
}

async fn tokens(world: &World, tenant: &Tenant) -> Vec<ApiToken> {
    let listed = world
        .workspaces()
        .list_api_tokens(world.by(tenant, ListApiTokensRequest {}))
        .await;
    listed.unwrap().into_inner().tokens
}

async fn revoke(world: &World, tenant: &Tenant, token_id: &str) {
    let body = RevokeApiTokenRequest {
        token_id: token_id.into(),
    };
    let done = world
        .workspaces()
        .revoke_api_token(world.by(tenant, body))
        .await;
    done.unwrap();
}

fn bearing<T>(assertion: &str, body: T) -> Request<T> {
    let mut request = Request::new(body);
    let value = runtime::client::bearer(assertion).unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn a_tokens_text_is_shown_once_and_kept_as_a_hash() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let made = create(&world, &tenant, reading()).await.unwrap();
    let token = made.token.unwrap();
    let id = token.token_id.strip_prefix("tok_").unwrap();
    let parts: Vec<&str> = made.secret.split('_').collect();
    assert_eq!(parts[..3], ["msgr", "pat", id]);
    assert_eq!((parts[3].len(), parts[4].len(), parts.len()), (64, 8, 5));
    assert_eq!(tokens(&world, &tenant).await, [token]);
    let rows = world.rows("select hash from api_token").await;
    let kept: Vec<u8> = rows[0].try_get("", "hash").unwrap();
    assert_eq!(kept, Sha256::digest(&made.secret).to_vec());
    if !testing::on_sqlite_for("what the file of the database holds") {
        return;
    }
    for file in ["settings.db", "settings.db-wal"] {
        let bytes = std::fs::read(world.scratch.path(file)).unwrap();
        let secret = parts[3].as_bytes();
        let found = bytes.windows(secret.len()).any(|part| part == secret);
        assert!(!found, "the secret is in {file}");
    }
}

#[tokio::test]
async fn an_integrations_token_becomes_an_assertion_with_its_scopes_and_no_more() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let made = create(&world, &tenant, reading()).await.unwrap();
    let exchanged = exchange(&world, &made.secret).await.unwrap();
    let left = exchanged.expire_time.unwrap().seconds - types::SystemClock.now().as_second();
    assert!((50..=60).contains(&left), "{left}");
    let body = GetMessengerSettingsRequest {};
    let read = world
        .settings()
        .get_messenger_settings(bearing(&exchanged.assertion, body))
        .await;
    read.unwrap();
    let body = CreateTeammateRequest {
        name: "Eve".into(),
        ..Default::default()
    };
    let written = world
        .workspaces()
        .create_teammate(bearing(&exchanged.assertion, body))
        .await;
    refused(written, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn what_a_teammates_token_does_is_done_by_the_teammate() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let grace = world.teammate(&tenant, "Grace", Role::Admin).await;
    let scopes = vec!["settings:write".into()];
    let mut authors = Vec::new();
    for teammate_id in [grace.teammate_id.clone(), String::new()] {
        let body = CreateApiTokenRequest {
            teammate_id,
            scopes: scopes.clone(),
            ..reading()
        };
        let made = create(&world, &tenant, body).await.unwrap();
        let exchanged = exchange(&world, &made.secret).await.unwrap();
        let claims = exchanged.assertion.split('.').nth(1).unwrap();
        authors.push((made.token.unwrap().token_id, decoded(claims)));
        let body = CreateTeammateRequest {
            name: "New".into(),
            ..Default::default()
        };
        let done = world
            .workspaces()
            .create_teammate(bearing(&exchanged.assertion, body))
            .await;
        done.unwrap();
    }
    let (_, as_grace) = &authors[0];
    assert_eq!(as_grace["kind"], "teammate");
    assert_eq!(as_grace["name"], "Grace");
    assert_eq!(as_grace["ws"], tenant.id.as_str());
    let (token_id, as_itself) = &authors[1];
    assert_eq!(as_itself["kind"], "service");
    let audit = world.audit(&tenant).await;
    let actors: Vec<&str> = audit
        .iter()
        .filter(|entry| entry.after == "New, AGENT")
        .map(|entry| &*entry.actor_id)
        .collect();
    assert_eq!(actors, [&*grace.teammate_id, &**token_id]);
}

fn decoded(part: &str) -> serde_json::Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn every_bad_api_token_gets_the_same_refusal() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let good = create(&world, &tenant, reading()).await.unwrap().secret;
    let revoked = create(&world, &tenant, reading()).await.unwrap();
    revoke(&world, &tenant, &revoked.token.unwrap().token_id).await;
    let soon = world.clock.now() + SignedDuration::from_secs(60);
    let expired = CreateApiTokenRequest {
        expire_time: Some(wire(soon)),
        ..reading()
    };
    let expired = create(&world, &tenant, expired).await.unwrap().secret;
    exchange(&world, &expired).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(60));
    let other_secret = spliced(&good, &revoked.secret);
    let unknown = resummed(&good.replacen(&good[9..41], &"0".repeat(32), 1));
    let bad = [
        ("nothing", String::new()),
        ("anything", "x".repeat(60_000)),
        ("a wrong checksum", flipped(&good)),
        ("revoked", revoked.secret),
        ("expired", expired),
        ("another token's secret", other_secret),
        ("an id nobody has", unknown),
        (
            "a key's secret",
            world.key(&tenant, Platform::Web).await.secret,
        ),
    ];
    let same = (
        Code::Unauthenticated,
        "UNAUTHENTICATED".to_owned(),
        "the token is missing, malformed, expired, revoked or not ours; get a new one".to_owned(),
    );
    let mut let_in = Vec::new();
    for (wrong, token) in bad {
        match exchange(&world, &token).await {
            Ok(_) => let_in.push(wrong),
            Err(status) => assert_eq!(told(&status), same, "{wrong}"),
        }
    }
    assert_eq!(let_in, Vec::<&str>::new());
    exchange(&world, &good).await.unwrap();
}

/// The id of one token with the secret of another, and the right checksum.
fn spliced(id_of: &str, secret_of: &str) -> String {
    resummed(&format!("{}{}", &id_of[..42], &secret_of[42..]))
}

fn resummed(token: &str) -> String {
    let body = &token[..token.len() - 9];
    let crc = body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    });
    format!("{body}_{:08x}", !crc)
}

fn flipped(token: &str) -> String {
    let last = if token.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &token[..token.len() - 1])
}

#[tokio::test]
async fn nobody_gives_a_token_a_scope_they_lack() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let body = CreateApiTokenRequest {
        scopes: vec!["settings:read".into(), "tickets:write".into()],
        ..reading()
    };
    let made = create(&world, &tenant, body.clone()).await;
    let status = refused(made, Code::PermissionDenied, "PERMISSION_DENIED");
    assert!(status.message().contains("tickets:write"));
    assert_eq!(world.count("api_token").await, 0);
    let mut holder = world.tenant("Other").await;
    holder.admin.scopes.push("tickets:write".into());
    create(&world, &holder, body).await.unwrap();
}

#[tokio::test]
async fn a_token_lasts_90_days_unless_said_and_a_year_at_most() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let now = world.clock.now();
    let days = |days: i64| now + SignedDuration::from_hours(24 * days);
    let made = create(&world, &tenant, reading())
        .await
        .unwrap()
        .token
        .unwrap();
    assert_eq!(instant(made.expire_time), days(90));
    let ends = async |at: prost_types::Timestamp| {
        let body = CreateApiTokenRequest {
            expire_time: Some(at),
            ..reading()
        };
        create(&world, &tenant, body).await
    };
    let made = ends(wire(days(365))).await.unwrap().token.unwrap();
    assert_eq!(instant(made.expire_time), days(365));
    for bad in [
        wire(now),
        wire(days(-1)),
        wire(days(367)),
        prost_types::Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        },
        prost_types::Timestamp {
            seconds: now.as_second() + 60,
            nanos: -1,
        },
        prost_types::Timestamp {
            seconds: now.as_second() + 60,
            nanos: i32::MAX,
        },
    ] {
        assert_eq!(fields(&ends(bad).await.unwrap_err()), ["expire_time"]);
    }
}

#[tokio::test]
async fn tokens_are_audited_and_a_second_revocation_is_silent() {
    let world = World::start().await;
    let tenant = world.tenant("Acme").await;
    let token = create(&world, &tenant, reading())
        .await
        .unwrap()
        .token
        .unwrap();
    let at = world.clock.now();
    revoke(&world, &tenant, &token.token_id).await;
    world.clock.advance(SignedDuration::from_secs(60));
    revoke(&world, &tenant, &token.token_id).await;
    assert_eq!(instant(tokens(&world, &tenant).await[0].revoke_time), at);
    let audit = world.audit(&tenant).await;
    let lines: Vec<_> = audit[1..]
        .iter()
        .map(|e| (&*e.action, &*e.subject, &*e.before, &*e.after))
        .collect();
    let id = &*token.token_id;
    assert_eq!(
        lines,
        [
            ("api_token.created", id, "", "Report: settings:read"),
            ("api_token.revoked", id, "Report: settings:read", "revoked"),
        ]
    );
}

fn wire(time: jiff::Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    }
}

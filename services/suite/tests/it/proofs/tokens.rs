//! The token matrix: every user token that must not open a session, at the BFF, over gRPC and Connect. Settings'
//! own tests try more of them; here it is shown that nothing on the way out says what was wrong.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use proto::{
    bff::v1::{CreateSessionRequest, session_service_client::SessionServiceClient},
    settings::v1::{
        CreateIdentityKeyRequest, Platform, RevokeIdentityKeyRequest,
        workspace_service_client::WorkspaceServiceClient,
    },
};
use serde_json::{Value, json};
use suite::{Access, KeyAccess};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;

use super::wire::told;
use crate::office::Office;

fn claims(access: &Access) -> Value {
    let now = types::Clock::now(&types::SystemClock).as_second();
    json!({ "user_id": "ada", "aud": access.app_id, "iat": now, "exp": now + 300 })
}

/// Whatever header and claims, as texts, with the signature of this key.
fn signed(key: &KeyAccess, header: &str, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(header), part(claims));
    let secret = EncodingKey::from_secret(key.secret.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn header(algorithm: &str, kid: &str) -> String {
    json!({ "alg": algorithm, "typ": "JWT", "kid": kid }).to_string()
}

/// A good token for one use, which was used.
async fn used_token(office: &Office) -> String {
    let web = &office.access.keys["WEB"];
    let mut claims = claims(&office.access);
    claims["jti"] = "once".into();
    let token = signed(web, &header("HS256", &web.kid), &claims.to_string());
    let channel = runtime::client::channel(&office.suite.endpoints().bff).unwrap();
    let body = CreateSessionRequest {
        app_id: office.access.app_id.clone(),
        platform: Platform::Web.into(),
        user_jwt: token.clone(),
        ..Default::default()
    };
    let mut sessions = SessionServiceClient::new(channel);
    sessions.create_session(body).await.unwrap();
    token
}

/// Each is wrong in one way.
fn bad(office: &Office, other: &Access, revoked: &KeyAccess) -> Vec<(&'static str, String)> {
    let web = &office.access.keys["WEB"];
    let good = claims(&office.access);
    let now = good["iat"].as_i64().unwrap();
    let with = |changes: Value| {
        let mut claims = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signed(web, &header("HS256", &web.kid), &claims.to_string())
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        signed(web, &header("HS256", &web.kid), &claims.to_string())
    };
    let by = |key: &KeyAccess, kid: &str| signed(key, &header("HS256", kid), &good.to_string());
    let alg = |algorithm: &str| signed(web, &header(algorithm, &web.kid), &good.to_string());
    let unsigned = alg("none");
    let twice = |text: String, more: &str| text.replacen('{', &format!("{{{more},"), 1);
    let ios = &office.access.keys["IOS"];
    let foreign = &other.keys["WEB"];
    vec![
        ("alg none, signed", unsigned.clone()),
        (
            "alg none, unsigned",
            format!("{}.", unsigned.rsplit_once('.').unwrap().0),
        ),
        ("RS256 said, HS256 done", alg("RS256")),
        ("ES256 said, HS256 done", alg("ES256")),
        ("EdDSA said, HS256 done", alg("EdDSA")),
        ("HS512 said, HS256 done", alg("HS512")),
        (
            "a kid that nobody has",
            by(web, &format!("idk_{}", "0".repeat(32))),
        ),
        ("a kid that is no id", by(web, "../../etc/passwd")),
        ("another key's kid", by(foreign, &web.kid)),
        ("another workspace's key", by(foreign, &foreign.kid)),
        ("another platform's key", by(ios, &ios.kid)),
        ("a revoked key", by(revoked, &revoked.kid)),
        (
            "expired",
            with(json!({ "iat": now - 400, "exp": now - 70 })),
        ),
        ("no exp", without("exp")),
        ("no iat", without("iat")),
        (
            "good for more than a day",
            with(json!({ "exp": now + 24 * 3_600 + 1 })),
        ),
        ("another app", with(json!({ "aud": other.app_id }))),
        ("no user", without("user_id")),
        (
            "a claim twice",
            signed(
                web,
                &header("HS256", &web.kid),
                &twice(good.to_string(), r#""user_id":"eve""#),
            ),
        ),
        (
            "a header's field twice",
            signed(
                web,
                &twice(header("HS256", &web.kid), r#""alg":"none""#),
                &good.to_string(),
            ),
        ),
    ]
}

async fn revoked_key(office: &Office) -> KeyAccess {
    let channel = runtime::client::channel(&office.suite.endpoints().settings).unwrap();
    let mut client = WorkspaceServiceClient::new(channel);
    let token = office.grace.token().await.unwrap();
    let body = CreateIdentityKeyRequest {
        platform: Platform::Web.into(),
    };
    let made = client
        .create_identity_key(suite::signed(&token, body).unwrap())
        .await
        .unwrap()
        .into_inner();
    let kid = made.key.unwrap().key_id;
    let body = RevokeIdentityKeyRequest {
        key_id: kid.clone(),
    };
    client
        .revoke_identity_key(suite::signed(&token, body).unwrap())
        .await
        .unwrap();
    KeyAccess {
        kid,
        secret: made.secret,
    }
}

/// Status line and body of a Connect call over HTTP/1.1, without what names the call.
async fn connect(office: &Office, body: &Value) -> String {
    let address = office.suite.endpoints().bff.replace("http://", "");
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "POST /messenger.bff.v1.SessionService/CreateSession HTTP/1.1\r\nhost: {address}\r\n\
         connection: close\r\nx-request-id: proof\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    format!("{} {body}", head.lines().next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_user_token_is_refused_alike_over_grpc_and_connect() {
    let office = Office::open().await;
    let layout = office.site.layout();
    let other = suite::workspace(&layout, office.suite.endpoints(), "Other", &[], &[]);
    let other = other.await.unwrap();
    let revoked = revoked_key(&office).await;
    let channel = runtime::client::channel(&office.suite.endpoints().bff).unwrap();
    let mut grpc = SessionServiceClient::new(channel);
    let (mut over_grpc, mut over_connect) = (BTreeSet::new(), BTreeSet::new());
    let mut let_in = Vec::new();
    let mut bad = bad(&office, &other, &revoked);
    bad.push(("for one use, and used", used_token(&office).await));
    let unknown_app = format!("app_{}", "0".repeat(32));
    let good = claims(&office.access);
    let web = &office.access.keys["WEB"];
    let good = signed(web, &header("HS256", &web.kid), &good.to_string());
    let of = |app: &str, token: &str| (app.to_owned(), token.to_owned());
    let app = office.access.app_id.clone();
    let cases = bad
        .iter()
        .map(|(wrong, token)| (*wrong, of(&app, token)))
        .chain([("an app that nobody has", of(&unknown_app, &good))]);
    for (wrong, (app_id, user_jwt)) in cases {
        let body = CreateSessionRequest {
            app_id: app_id.clone(),
            platform: Platform::Web.into(),
            user_jwt: user_jwt.clone(),
            ..Default::default()
        };
        match grpc.create_session(body).await {
            Ok(_) => let_in.push(wrong),
            Err(status) => {
                over_grpc.insert(format!("{:?}", told(&status)));
                assert_eq!(status.code(), Code::Unauthenticated, "{wrong}: {status}");
            }
        }
        let body = json!({ "appId": app_id, "platform": "PLATFORM_WEB", "userJwt": user_jwt });
        over_connect.insert(connect(&office, &body).await);
    }
    assert_eq!(let_in, Vec::<&str>::new());
    assert_eq!(over_grpc.len(), 1, "{over_grpc:#?}");
    assert_eq!(over_connect.len(), 1, "{over_connect:#?}");
    let refusal = over_connect.first().unwrap();
    assert!(refusal.starts_with("HTTP/1.1 401 "), "{refusal}");
    // what is too long is no token, and is not looked at
    let body = CreateSessionRequest {
        app_id: app.clone(),
        platform: Platform::Web.into(),
        user_jwt: format!("{good}{}", "x".repeat(9 * 1024)),
        ..Default::default()
    };
    let refused = grpc.create_session(body).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    // and the good one does open a session
    let body = CreateSessionRequest {
        app_id: app,
        platform: Platform::Web.into(),
        user_jwt: good,
        ..Default::default()
    };
    grpc.create_session(body).await.unwrap();
}

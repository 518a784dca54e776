//! Whatever a caller writes into headers, or into fields that a message does not have, nobody is anybody else by it.

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};
use tonic::{Code, Request, metadata::MetadataKey};

use super::{
    rows::{Caller, Row, cells},
    stage::{CANARY, Stage, Who},
    wire,
};

/// Names under which gateways and services elsewhere say who calls.
const NAMES: [&str; 24] = [
    "actor",
    "actor-id",
    "contact-id",
    "forwarded",
    "from",
    "scopes",
    "user",
    "user-id",
    "workspace",
    "workspace-id",
    "x-actor",
    "x-actor-id",
    "x-auth-request-user",
    "x-contact-id",
    "x-forwarded-user",
    "x-messenger-actor",
    "x-messenger-workspace",
    "x-remote-user",
    "x-role",
    "x-scopes",
    "x-tenant-id",
    "x-user-id",
    "x-workspace",
    "x-workspace-id",
];

/// A request by `who`, with every header that might say that it is the victim's.
fn dressed_up(stage: &Stage, body: Vec<u8>, token: Option<&str>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(body));
    let headers = request.metadata_mut();
    for name in NAMES {
        let said = match name {
            name if name.contains("workspace") || name.contains("tenant") => {
                stage.acme.workspace.to_string()
            }
            name if name.contains("scope") || name.contains("role") => {
                "admin,tickets:read,tickets:write,settings:read,settings:write,events:read".into()
            }
            _ => stage.acme.contact.to_string(),
        };
        let name = MetadataKey::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name, said.parse().unwrap());
    }
    if let Some(token) = token {
        wire::present(&mut request, token);
    }
    request
}

/// The victim's ids in fields that no message has.
fn with_unknown_fields(stage: &Stage, mut body: Vec<u8>) -> Vec<u8> {
    for tag in 100..110 {
        for said in [stage.acme.workspace.as_str(), stage.acme.contact.as_str()] {
            encode_key(tag, WireType::LengthDelimited, &mut body);
            encode_varint(said.len() as u64, &mut body);
            body.extend(said.as_bytes());
        }
    }
    body
}

fn body(stage: &Stage, rpc: &super::methods::Rpc, row: &Row) -> Vec<u8> {
    let body = wire::encode(&rpc.method.input(), &stage.example(row, false));
    with_unknown_fields(stage, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_or_unknown_field_makes_anybody_somebody_else() {
    let stage = Stage::set().await;
    let before = stage.state().await;
    let mut wrong = Vec::new();
    for (rpc, row) in cells() {
        if row.caller == Caller::Public {
            continue;
        }
        let channel = stage.channel(&rpc);
        // without a credential they are nobody's word
        let request = dressed_up(&stage, body(&stage, &rpc, row), None);
        let refused = match row.caller {
            // which pages may call is looked at first
            Caller::Console(_) => Code::PermissionDenied,
            _ => Code::Unauthenticated,
        };
        match wire::send(channel, &rpc.method, request).await {
            Err(status) if status.code() == refused => {}
            other => wrong.push(format!("{} | nobody | {other:?}", rpc.name())),
        }
        if matches!(row.caller, Caller::Service(_)) {
            continue;
        }
        // beside one they add nothing: of another workspace, and of another customer of the same
        let customer = matches!(row.caller, Caller::Contact | Caller::Session);
        let others = [Who::Mallory, Who::Eve];
        for who in &others[..if customer { 2 } else { 1 }] {
            let token = stage.token(row.caller, *who);
            let request = dressed_up(&stage, body(&stage, &rpc, row), token.as_deref());
            match wire::send(channel, &rpc.method, request).await {
                Ok(answer) => {
                    let told = wire::decode(&rpc.method.output(), answer);
                    if told.contains(CANARY) {
                        wrong.push(format!("{} | {who:?} | {told}", rpc.name()));
                    }
                }
                Err(status) if status.code() == Code::Unauthenticated => {
                    // her session ended with the row that ends it
                    assert_eq!(row.caller, Caller::Session, "{}", rpc.name());
                }
                Err(_) => {}
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(stage.state().await, before);
}

/// Two of them: whoever is in front may have looked at the other one.
#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_in_one_request_are_none() {
    let stage = Stage::set().await;
    for (rpc, row) in cells() {
        if row.caller == Caller::Public {
            continue;
        }
        let right = stage.token(row.caller, Who::Right).unwrap();
        let other = stage.token(row.caller, Who::Mallory).unwrap();
        let mut request = Request::new(Bytes::from(body(&stage, &rpc, row)));
        for token in [right, other] {
            wire::present(&mut request, &token);
        }
        let status = wire::send(stage.channel(&rpc), &rpc.method, request)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{}", rpc.name());
    }
}

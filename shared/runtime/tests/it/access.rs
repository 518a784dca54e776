//! Who gets in: nobody without a good credential, and nobody where no row says so.

use std::fs;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proto::events::v1::{GetHeadsRequest, SnapshotRequest};
use runtime::{
    ActorKind, KeyRing,
    auth::{Assertions, Authenticator},
    client::bearer,
    error::reason_of,
};
use serde_json::{Value, json};
use testing::{Scratch, contact, eventually, request, teammate};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use types::{ContactId, WorkspaceId};

use crate::sample::{ECHO, ENDLESS, bare, caller, echo, read, start, watch};

fn with(token: &str) -> Request<proto::events::v1::ReadRequest> {
    let mut request = Request::new(read(ECHO));
    request
        .metadata_mut()
        .insert("authorization", bearer(token).unwrap());
    request
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Claims as the ring `caller` would sign them.
fn claims() -> Value {
    json!({
        "aud": "messenger.services", "iss": "caller", "sub": "caller", "kind": "service",
        "scopes": ["sample:read"], "iat": now(), "exp": now() + 60,
    })
}

fn sign(scratch: &Scratch, header: &Header, claims: &Value) -> String {
    let pem = fs::read(scratch.path("keys").join("caller.key")).unwrap();
    encode(header, claims, &EncodingKey::from_ed_pem(&pem).unwrap()).unwrap()
}

fn header() -> Header {
    Header {
        kid: Some("caller".into()),
        ..Header::new(Algorithm::EdDSA)
    }
}

/// The one refusal, whatever is wrong: no hint at what.
fn assert_refused(status: &Status, what: &str) {
    assert_eq!(status.code(), Code::Unauthenticated, "{what}: {status}");
    assert_eq!(reason_of(status), "UNAUTHENTICATED");
    assert_eq!(
        status.message(),
        "the credential is missing, malformed, expired or not ours; get a new one"
    );
}

#[tokio::test]
async fn a_call_without_a_good_credential_is_refused_without_a_hint() {
    let (scratch, sample, running) = start().await;
    let mut client = bare(running.address());
    let good = sign(&scratch, &header(), &claims());
    let changed = |key: &str, value: Value| {
        let mut claims = claims();
        claims[key] = value;
        sign(&scratch, &header(), &claims)
    };
    let without = |key: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(key);
        sign(&scratch, &header(), &claims)
    };
    let signed_by = |kid: Option<&str>| {
        let kid = kid.map(str::to_owned);
        sign(&scratch, &Header { kid, ..header() }, &claims())
    };
    let public = fs::read(scratch.path("keys").join("caller.pub")).unwrap();
    let confused = Header {
        kid: Some("caller".into()),
        ..Header::new(Algorithm::HS256)
    };
    let confused = encode(&confused, &claims(), &EncodingKey::from_secret(&public)).unwrap();
    let elsewhere = Scratch::new();
    elsewhere.keys(&["caller"]);
    let foreign = elsewhere
        .ring("caller")
        .sign(&caller(&["sample:read"]))
        .unwrap()
        .token;
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let bad = [
        ("nothing", String::new()),
        ("no token", "x".into()),
        ("three parts of nothing", "a.b.c".into()),
        ("expired", changed("exp", json!(now() - 6))),
        ("good for too long", changed("exp", json!(now() + 90))),
        ("good for years", {
            let mut claims = claims();
            claims["iat"] = json!(now() + 1_000_000);
            claims["exp"] = json!(now() + 1_000_050);
            sign(&scratch, &header(), &claims)
        }),
        ("without an end", without("exp")),
        ("without a beginning", without("iat")),
        ("without a subject", without("sub")),
        (
            "for somebody else",
            changed("aud", json!("messenger.customers")),
        ),
        ("by somebody else", changed("iss", json!("bff"))),
        (
            "of a kind that does not exist",
            changed("kind", json!("admin")),
        ),
        ("speaking for a contact", changed("kind", json!("contact"))),
        (
            "speaking for a teammate",
            changed("kind", json!("teammate")),
        ),
        (
            "speaking for another service",
            changed("sub", json!("sample")),
        ),
        ("of no workspace's shape", changed("ws", json!("wsp_1"))),
        ("without a signer", signed_by(None)),
        ("of an unknown signer", signed_by(Some("nobody"))),
        (
            "of a signer that is a path",
            signed_by(Some("../keys/caller")),
        ),
        ("of another signer's key", signed_by(Some("bff"))),
        ("with the public key as a secret", confused),
        ("of another installation", foreign),
        ("without its signature", format!("{head}.{body}.")),
        ("with a signature too many", format!("{good}.{signature}")),
        ("too long", "x".repeat(9_000)),
    ];
    for (what, token) in bad {
        let status = client.read(with(&token)).await.unwrap_err();
        assert_refused(&status, what);
    }
    for value in [
        "",
        "Bearer",
        "Bearer ",
        &good,
        &format!("Basic {good}"),
        &format!("Bearer{good}"),
    ] {
        let mut request = Request::new(read(ECHO));
        request
            .metadata_mut()
            .insert("authorization", value.parse().unwrap());
        assert_refused(&client.read(request).await.unwrap_err(), value);
    }
    let none = client.read(Request::new(read(ECHO))).await.unwrap_err();
    assert_refused(&none, "none at all");
    assert_eq!(sample.handled(), 0, "nothing came through");
    assert_eq!(
        echo(client.read(with(&good)).await.unwrap()).actor,
        "caller"
    );
    let mut lower = Request::new(read(ECHO));
    let value = format!("bearer {good}").parse().unwrap();
    lower.metadata_mut().insert("authorization", value);
    assert!(
        client.read(lower).await.is_ok(),
        "the scheme's case does not matter"
    );
}

/// A verified assertion is remembered, but no longer than it is good.
#[tokio::test]
async fn a_credential_ends_when_it_says_even_if_it_was_accepted_before() {
    let (scratch, _, running) = start().await;
    let mut client = bare(running.address());
    let mut claims = claims();
    claims["exp"] = json!(now() + 2);
    let token = sign(&scratch, &header(), &claims);
    client.read(with(&token)).await.unwrap();
    let status = eventually("a refusal", || {
        let mut client = client.clone();
        let request = with(&token);
        async move { client.read(request).await.err() }
    })
    .await;
    assert_refused(&status, "expired");
    assert!(now() >= claims["exp"].as_i64().unwrap(), "not before");
}

#[tokio::test]
async fn a_method_without_a_row_is_refused_whoever_calls() {
    let (scratch, sample, running) = start().await;
    let mut client = bare(running.address());
    let actor = caller(&["sample:read", "events:read"]);
    let request = request(&scratch.ring("caller"), &actor, SnapshotRequest::default());
    for request in [request, Request::new(SnapshotRequest::default())] {
        let status = client.snapshot(request).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{status}");
    }
    assert_eq!(sample.handled(), 0);
}

/// Contacts get nowhere else than to methods for contacts, whatever scopes they claim; nobody else gets there.
#[tokio::test]
async fn a_contact_and_a_teammate_each_get_in_at_their_own_door() {
    let (scratch, sample, running) = start().await;
    let mut client = bare(running.address());
    let bff = scratch.ring("bff");
    let workspace = WorkspaceId::generate();
    let mut contact = contact(&workspace, &ContactId::generate());
    contact.scopes = vec!["sample:read".into()];
    let refused = client
        .read(request(&bff, &contact, read(ECHO)))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let heads = GetHeadsRequest {};
    client
        .get_heads(request(&bff, &contact, heads))
        .await
        .unwrap();

    let allowed = teammate(&workspace, &["sample:read"]);
    let answer = client
        .read(request(&bff, &allowed, read(ECHO)))
        .await
        .unwrap();
    assert_eq!(echo(answer).actor, allowed.id);
    let refused = client
        .get_heads(request(&bff, &allowed, heads))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.message(), "this call is for contacts");

    for scopes in [
        &[][..],
        &["sample:write"],
        &["sample:read:all"],
        &["sample"],
    ] {
        let lacking = teammate(&workspace, scopes);
        let refused = client
            .read(request(&bff, &lacking, read(ECHO)))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        let info = refused.get_details_error_info().unwrap();
        assert_eq!(info.reason, "PERMISSION_DENIED");
        assert_eq!(info.domain, "auth.messenger");
        assert_eq!(info.metadata["scope"], "sample:read");
    }
    assert_eq!(sample.handled(), 2);
}

#[tokio::test]
async fn a_public_method_needs_no_credential() {
    let (_scratch, sample, running) = start().await;
    let mut client = bare(running.address());
    client.subscribe(watch(ENDLESS)).await.unwrap();
    assert_eq!(sample.handled(), 1);
}

/// What the edge verified is the only word on who calls.
#[test]
fn a_request_that_did_not_pass_the_edge_has_no_actor() {
    let refused = runtime::auth::actor(&Request::new(())).unwrap_err();
    assert_eq!(refused.reason(), "UNAUTHENTICATED");
}

#[test]
fn an_actor_without_a_workspace_or_of_another_kind_is_told_so() {
    let service = caller(&[]);
    assert!(service.workspace().unwrap_err().kind() == runtime::Kind::Forbidden);
    assert!(service.contact().is_err());
    let workspace = WorkspaceId::generate();
    let mut someone = contact(&workspace, &ContactId::generate());
    assert_eq!(someone.workspace().unwrap(), &workspace);
    assert_eq!(someone.contact().unwrap().as_str(), someone.id);
    someone.id = "tea_1".into();
    assert!(someone.contact().is_err(), "a contact has a contact's id");
    someone.kind = ActorKind::Teammate;
    assert!(someone.contact().is_err());
}

/// A key is changed without an hour in which a call is refused: everybody learns the new one, its owner takes it,
/// and everybody forgets the old one.
#[tokio::test]
async fn while_a_key_is_changed_both_are_believed_and_the_old_one_not_afterwards() {
    let (before, after) = (Scratch::new(), Scratch::new());
    for scratch in [&before, &after] {
        scratch.keys(&["bff", "sample"]);
    }
    let public = |of: &Scratch| fs::read(of.path("keys").join("bff.pub")).unwrap();
    let (old, new) = (public(&before), public(&after));
    let grace = teammate(&WorkspaceId::generate(), &["sample:read"]);
    let sign = |of: &Scratch| of.ring("bff").sign(&grace).unwrap().token;
    let (by_old, by_new) = (sign(&before), sign(&after));
    let believed = async |public: Vec<u8>| {
        fs::write(before.path("keys").join("bff.pub"), public).unwrap();
        let assertions = Assertions::new(before.ring("sample"));
        let mut believed = Vec::new();
        for token in [&by_old, &by_new] {
            let actor = assertions.authenticate(token).await;
            believed.push(actor.is_ok_and(|actor| actor.id == grace.id));
        }
        believed
    };
    assert_eq!(believed(old.clone()).await, [true, false]);
    assert_eq!(believed([&old[..], &new].concat()).await, [true, true]);
    assert_eq!(
        believed([&new[..], b"\n", &old].concat()).await,
        [true, true]
    );
    assert_eq!(believed(new.clone()).await, [false, true]);
}

#[test]
fn a_file_of_no_key_of_half_a_key_or_of_too_many_is_refused() {
    let scratch = Scratch::new();
    let keys = scratch.keys(&["tea"]);
    let one = fs::read_to_string(keys.join("tea.pub")).unwrap();
    for (public, what) in [
        (String::new(), "none"),
        (format!("{one}{}", &one[..40]), "half"),
        (format!("{one}and more"), "words"),
        (one.repeat(5), "five"),
    ] {
        fs::write(keys.join("tea.pub"), public).unwrap();
        let refused = KeyRing::load(&keys, "tea").err().expect(what).to_string();
        assert!(refused.contains("tea.pub"), "{what}: {refused}");
    }
    fs::write(keys.join("tea.pub"), one.repeat(4)).unwrap();
    assert!(KeyRing::load(&keys, "tea").is_ok());
}

/// The sentence of a process that cannot start for want of keys.
#[test]
fn a_missing_or_broken_key_is_named_with_the_way_to_make_one() {
    let scratch = Scratch::new();
    let missing = KeyRing::load(&scratch.path("keys"), "tea")
        .err()
        .unwrap()
        .to_string();
    assert!(
        missing.contains("keys/tea.key") && missing.contains("suite keys --dir"),
        "{missing}"
    );
    let keys = scratch.keys(&["tea"]);
    assert!(KeyRing::load(&keys, "tea").is_ok());
    fs::write(keys.join("other.pub"), "no key").unwrap();
    let broken = KeyRing::load(&keys, "tea").err().unwrap().to_string();
    assert!(
        broken.contains("other.pub") && !broken.contains('\n'),
        "{broken}"
    );
}

/// Made again, keys stay as they were: nobody is locked out by a second run.
#[tokio::test]
async fn making_keys_again_leaves_those_that_are_there() {
    let scratch = Scratch::new();
    let keys = scratch.keys(&["one"]);
    let token = scratch.ring("one").sign_self(None, &[]).unwrap().token;
    let before = fs::read(keys.join("one.key")).unwrap();
    scratch.keys(&["one", "two"]);
    assert_eq!(fs::read(keys.join("one.key")).unwrap(), before);
    let assertions = Assertions::new(scratch.ring("two"));
    assert_eq!(assertions.authenticate(&token).await.unwrap().id, "one");
}

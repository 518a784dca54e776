use jiff::SignedDuration;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;
use crate::domain::mint_key_secret;

const NOW: i64 = 1_767_268_800;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn app() -> AppId {
    AppId::derive(&["app"])
}

fn key() -> KeySecret {
    mint_key_secret([7; 32])
}

fn header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT", "kid": IdentityKeyId::derive(&["key"]).as_str() })
}

fn claims() -> Value {
    json!({ "user_id": "ada", "iat": NOW, "exp": NOW + 300, "aud": app().as_str() })
}

/// What is in `changes` replaces what is in `base`; null removes it.
fn with(mut base: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => base.as_object_mut().unwrap().remove(name),
            value => base
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    base
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Signed with the key by HMAC-SHA-256, whatever the header says.
fn signed(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let secret = EncodingKey::from_secret(key().text.expose_secret().as_bytes());
    let signature =
        crypto::sign(message.as_bytes(), &secret, jsonwebtoken::Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn outcome(token: &str) -> Result<Profile, Refusal> {
    key_named_by(token)?;
    verify(token, &key(), &app(), now()).map(|proven| proven.profile)
}

fn once(changes: Value) -> Result<Option<Once>, Refusal> {
    let claims = with(claims(), changes).to_string();
    let token = signed(&header().to_string(), &claims);
    verify(&token, &key(), &app(), now()).map(|proven| proven.once)
}

fn of_claims(changes: Value) -> Result<Profile, Refusal> {
    outcome(&signed(
        &header().to_string(),
        &with(claims(), changes).to_string(),
    ))
}

fn of_header(changes: Value) -> Result<Profile, Refusal> {
    outcome(&signed(
        &with(header(), changes).to_string(),
        &claims().to_string(),
    ))
}

#[test]
fn a_token_tells_who_its_user_is() {
    let told = of_claims(json!({ "name": "Ada", "email": "ada@example.com" })).unwrap();
    assert_eq!(told.user_id.as_str(), "ada");
    assert_eq!(told.name.as_deref(), Some("Ada"));
    assert_eq!(told.email.as_deref(), Some("ada@example.com"));
}

#[test]
fn the_user_may_be_called_sub_but_there_is_only_one() {
    let only_sub = of_claims(json!({ "user_id": null, "sub": "bob" })).unwrap();
    assert_eq!(only_sub.user_id.as_str(), "bob");
    assert!(of_claims(json!({ "sub": "ada" })).is_ok());
    for bad in [
        json!({ "sub": "bob" }),
        json!({ "user_id": null }),
        json!({ "user_id": "" }),
        json!({ "user_id": " ada" }),
        json!({ "user_id": "x".repeat(256) }),
    ] {
        assert_eq!(of_claims(bad), Err(Refusal::User));
    }
    assert_eq!(of_claims(json!({ "user_id": 7 })), Err(Refusal::Malformed));
}

#[test]
fn the_algorithm_belongs_to_the_key() {
    for alg in [
        "none", "None", "HS384", "HS512", "RS256", "EdDSA", "hs256", "",
    ] {
        assert_eq!(
            of_header(json!({ "alg": alg })),
            Err(Refusal::Header),
            "{alg}"
        );
    }
    assert_eq!(of_header(json!({ "alg": null })), Err(Refusal::Malformed));
    assert_eq!(
        of_header(json!({ "crit": ["b64"], "b64": false })),
        Err(Refusal::Header)
    );
}

#[test]
fn a_token_without_the_id_of_a_key_is_refused() {
    for kid in [
        json!(null),
        json!("x"),
        json!("tok_00000000000000000000000000000000"),
    ] {
        assert_eq!(of_header(json!({ "kid": kid })), Err(Refusal::NoKey));
    }
    assert_eq!(of_header(json!({ "kid": 1 })), Err(Refusal::Malformed));
}

#[test]
fn a_token_with_a_part_changed_is_refused() {
    let good = signed(&header().to_string(), &claims().to_string());
    let other = signed(
        &header().to_string(),
        &with(claims(), json!({ "user_id": "eve" })).to_string(),
    );
    let (good_message, good_signature) = good.rsplit_once('.').unwrap();
    let (other_message, _) = other.rsplit_once('.').unwrap();
    for forged in [
        format!("{other_message}.{good_signature}"),
        format!("{good_message}."),
        format!("{good_message}.{}", &good_signature[1..]),
        format!("{good_message}.{good_signature}="),
    ] {
        assert_eq!(outcome(&forged), Err(Refusal::Signature), "{forged}");
    }
    let stranger = mint_key_secret([8; 32]);
    assert_eq!(
        verify(&good, &stranger, &app(), now()),
        Err(Refusal::Signature)
    );
}

#[test]
fn a_token_is_for_one_audience() {
    for aud in [json!("app_x"), json!([]), json!(["app_x"]), json!("")] {
        assert_eq!(of_claims(json!({ "aud": aud })), Err(Refusal::Audience));
    }
    assert_eq!(of_claims(json!({ "aud": null })), Err(Refusal::Malformed));
    assert!(of_claims(json!({ "aud": ["app_x", app().as_str()] })).is_ok());
}

#[test]
fn a_token_lives_a_day_at_the_most_and_its_times_are_kept_but_for_a_minute() {
    let day = 24 * 3_600;
    for (changes, expected) in [
        (json!({ "exp": NOW + day }), Ok(())),
        (json!({ "exp": NOW + day + 1 }), Err(Refusal::Lifetime)),
        (json!({ "exp": NOW }), Err(Refusal::Lifetime)),
        (
            json!({ "iat": -1e300, "exp": 1e300 }),
            Err(Refusal::Lifetime),
        ),
        (json!({ "iat": NOW - 300, "exp": NOW - 59 }), Ok(())),
        (
            json!({ "iat": NOW - 300, "exp": NOW - 60 }),
            Err(Refusal::Expired),
        ),
        (json!({ "iat": NOW + 60 }), Ok(())),
        (json!({ "iat": NOW + 61 }), Err(Refusal::Early)),
        (json!({ "nbf": NOW + 60 }), Ok(())),
        (json!({ "nbf": NOW + 61 }), Err(Refusal::Early)),
        // milliseconds instead of seconds
        (
            json!({ "iat": NOW * 1_000, "exp": NOW * 1_000 + 60_000 }),
            Err(Refusal::Early),
        ),
        (
            json!({ "iat": NOW as f64 + 0.25, "exp": NOW as f64 + 300.75 }),
            Ok(()),
        ),
        (json!({ "exp": null }), Err(Refusal::Malformed)),
        (json!({ "iat": null }), Err(Refusal::Malformed)),
        (json!({ "exp": "soon" }), Err(Refusal::Malformed)),
    ] {
        assert_eq!(
            of_claims(changes.clone()).map(|_| ()),
            expected,
            "{changes}"
        );
    }
    let token = signed(&header().to_string(), &claims().to_string());
    let later = now() + SignedDuration::from_secs(360);
    assert_eq!(verify(&token, &key(), &app(), later), Err(Refusal::Expired));
}

#[test]
fn a_key_named_twice_is_refused_wherever_it_is() {
    let claims = claims().to_string();
    let twice = claims.replacen('{', r#"{"user_id":"eve","#, 1);
    assert_eq!(
        outcome(&signed(&header().to_string(), &twice)),
        Err(Refusal::Malformed)
    );
    let header = header().to_string().replacen('{', r#"{"alg":"none","#, 1);
    assert_eq!(outcome(&signed(&header, &claims)), Err(Refusal::Malformed));
}

#[test]
fn what_is_no_token_is_refused() {
    for bad in ["", ".", "..", "...", "a.b.c", "{}.{}.x"] {
        assert_eq!(outcome(bad), Err(Refusal::Malformed), "{bad}");
    }
    let good = signed(&header().to_string(), &claims().to_string());
    assert_eq!(outcome(&format!("{good}.x")), Err(Refusal::Signature));
    assert_eq!(
        outcome(&"x".repeat(MAX_USER_TOKEN + 1)),
        Err(Refusal::TooLong)
    );
}

#[test]
fn a_name_that_cannot_be_shown_is_made_presentable_and_locks_nobody_out() {
    let told = |name: Value| of_claims(json!({ "name": name })).unwrap().name;
    assert_eq!(
        told(json!("  Ada\n\tL\u{0}\u{202E}. ")),
        Some("Ada  L.".into())
    );
    assert_eq!(told(json!("é".repeat(90))), Some("é".repeat(80)));
    assert_eq!(told(json!("")), Some(String::new()));
    assert_eq!(told(json!(null)), None);
    let long = of_claims(json!({ "email": "x".repeat(255) })).unwrap();
    assert_eq!(long.email, None);
}

#[test]
fn a_token_with_a_jti_is_for_one_use_until_it_is_accepted_no_more() {
    assert_eq!(once(json!({})), Ok(None));
    let first = once(json!({ "jti": "a", "exp": NOW + 300 }))
        .unwrap()
        .unwrap();
    let end = Timestamp::from_second(NOW + 360).unwrap();
    assert_eq!(first.until, end, "with the minute of leeway");
    let again = once(json!({ "jti": "a" })).unwrap().unwrap();
    let other = once(json!({ "jti": "b" })).unwrap().unwrap();
    assert!(first.jti == again.jti && first.jti != other.jti);
    assert!(once(json!({ "jti": "é".repeat(255) })).is_ok());
    for bad in ["", &"x".repeat(256)] {
        assert_eq!(once(json!({ "jti": bad })), Err(Refusal::Jti));
    }
    assert_eq!(once(json!({ "jti": 7 })), Err(Refusal::Malformed));
}

#[test]
fn what_a_token_says_of_its_user_has_limits() {
    let attributes = |count: usize| -> Value {
        let pairs = (0..count).map(|n| (format!("a{n}"), json!(n)));
        Value::Object(pairs.collect())
    };
    for good in [
        json!({ "attributes": attributes(50) }),
        json!({ "attributes": { "plan": "x".repeat(255), "n": -1.5, "paid": true, "gone": null } }),
        json!({ "company": { "id": 7, "name": "Acme" } }),
        json!({ "company": { "id": "x".repeat(255), "size": ["of no", "interest"] } }),
        json!({ "avatar": "https://example.com/a.png" }),
    ] {
        assert!(of_claims(good.clone()).is_ok(), "{good}");
    }
    for bad in [
        json!({ "attributes": attributes(51) }),
        json!({ "attributes": { "plan": "x".repeat(256) } }),
        json!({ "attributes": { "": "x" } }),
        json!({ "attributes": { "x".repeat(65): 1 } }),
        json!({ "attributes": { "list": [1] } }),
        json!({ "attributes": { "map": {} } }),
        json!({ "company": { "id": "x".repeat(256) } }),
        json!({ "company": { "name": ["Acme"] } }),
        json!({ "avatar": "x".repeat(2_049) }),
    ] {
        assert_eq!(of_claims(bad.clone()), Err(Refusal::Attributes), "{bad}");
    }
    for wrong in [
        json!({ "attributes": "x" }),
        json!({ "company": "Acme" }),
        json!({ "avatar": 1 }),
    ] {
        assert_eq!(of_claims(wrong.clone()), Err(Refusal::Malformed), "{wrong}");
    }
}

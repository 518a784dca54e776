//! What browsers and people are told, and what happens when the provider does not answer as it should.

use axum::http::StatusCode;
use serde_json::json;

use super::{
    Browser, at, begin, development,
    forgeries::{Login, attempt},
    hire, log_in, now, provided,
};
use crate::{
    fakes::{APP, FakeIssuer, Key, Mode},
    world::World,
};

#[tokio::test]
async fn over_tls_the_cookies_are_of_this_host_alone_and_the_login_is_forgotten() {
    let issuer = FakeIssuer::start().await;
    let world = provided(&issuer).await;
    let mut browser = Browser::at(world.address());
    let begun = browser.get("/console/login").await;
    let flags = "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure";
    assert!(begun.cookie("__Host-msgr_login").unwrap().ends_with(flags));
    let login = Login::begin(&mut browser).await;
    issuer.gives(&issuer.key.sign(&login.claims(&issuer, now(&world))));
    let answer = browser.get(&login.back()).await;
    let session = answer.cookie("__Host-msgr_console").unwrap();
    assert!(session.starts_with("__Host-msgr_console=msgr_con_"));
    let flags = "; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure";
    assert!(session.ends_with(flags), "{session}");
    assert!(
        answer
            .cookie("__Host-msgr_login")
            .unwrap()
            .contains("=; Path=/; Max-Age=0")
    );
}

#[tokio::test]
async fn a_login_waits_for_ten_minutes_and_no_longer() {
    let issuer = FakeIssuer::start().await;
    let world = provided(&issuer).await;
    for (seconds, status) in [(599, 303), (600, 400)] {
        let mut browser = Browser::at(world.address());
        let login = Login::begin(&mut browser).await;
        world.advance(seconds);
        issuer.gives(&issuer.key.sign(&login.claims(&issuer, now(&world))));
        assert_eq!(browser.get(&login.back()).await.status, status);
    }
}

#[tokio::test]
async fn every_page_is_in_nobodys_frame_runs_no_script_of_its_own_text_and_is_not_kept() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    let place = begin(&mut browser).await;
    for place in ["/console/", "/console/callback", "/console/?app=x", &place] {
        let answer = browser.get(place).await;
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "script-src 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{place}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        let scripts = answer.body.matches("<script").count();
        let named = answer
            .body
            .matches("<script src=\"/console/login.js\" defer></script>");
        assert_eq!(scripts, named.count());
        assert!(!answer.body.contains("style=") && !answer.body.contains("onclick"));
    }
    for file in ["/console/login.css", "/console/login.js"] {
        assert_eq!(browser.get(file).await.status, 200);
    }
    assert_eq!(
        browser.get("/console").await.header("location"),
        "/console/"
    );
}

#[tokio::test]
async fn what_somebody_wrote_into_an_address_comes_back_as_text() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    let page = browser
        .get("/console/?app=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        .await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("That is no workspace id") && !page.body.contains("alert(1)"));
    let denied = "/console/callback?error=%3Cscript%3E&state=x";
    assert!(!browser.get(denied).await.body.contains("<script>"));
}

#[tokio::test]
async fn a_login_is_for_the_workspace_of_its_provider_and_no_other() {
    let issuer = FakeIssuer::start().await;
    let world = provided(&issuer).await;
    let other = APP.replace('1', "2");
    let mut browser = Browser::at(world.address());
    for place in ["/console/login", "/console/"] {
        let answer = browser.get(&format!("{place}?app={other}")).await;
        assert_eq!(answer.status, 404);
        assert!(
            answer.body.contains("for another workspace"),
            "{}",
            answer.body
        );
    }
    // where a provider is for all workspaces, each login is for the one that it names
    let world = development().await;
    let mut browser = Browser::at(world.address());
    let answer = browser.get("/console/login").await;
    assert!(answer.body.contains("Which workspace?"), "{}", answer.body);
    assert_eq!(log_in(&mut browser, "grace@example.com").await.status, 303);
    assert_eq!(world.settings.state.console.asked()[0].app_id, APP);
}

#[tokio::test]
async fn who_turns_back_at_the_provider_is_told_so_in_our_words() {
    let issuer = FakeIssuer::start().await;
    let world = provided(&issuer).await;
    let mut browser = Browser::at(world.address());
    let login = Login::begin(&mut browser).await;
    let denied = login
        .back()
        .replace("code=c", "error=access_denied&error_description=Buy+now");
    let answer = browser.get(&denied).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("or you turned back there"));
    assert!(
        !answer.body.contains("Buy now"),
        "what others write is not ours to show"
    );
    let login = Login::begin(&mut browser).await;
    let mixed_up = format!("{}&iss=https://other.example", login.back());
    assert_eq!(browser.get(&mixed_up).await.status, 400);
    assert!(issuer.asked("/token").is_empty());
}

#[tokio::test]
async fn a_provider_that_changes_its_key_is_believed_and_asked_no_more_than_it_takes() {
    let issuer = FakeIssuer::start().await;
    let world = provided(&issuer).await;
    assert_eq!(
        attempt(&world, &issuer, |claims| issuer.key.sign(&claims))
            .await
            .0,
        303
    );
    assert_eq!(issuer.asked("/keys").len(), 1);
    let second = Key::new("second");
    issuer.has(&[&issuer.key, &second]);
    // it may have been asked for the sake of every forged token, but not more often than this
    for _ in 0..3 {
        assert_eq!(
            attempt(&world, &issuer, |claims| second.sign(&claims))
                .await
                .0,
            403
        );
    }
    assert_eq!(issuer.asked("/keys").len(), 1);
    world.advance(11);
    assert_eq!(
        attempt(&world, &issuer, |claims| second.sign(&claims))
            .await
            .0,
        303
    );
    assert_eq!(issuer.asked("/keys").len(), 2);
    // a key that is withdrawn is believed for an hour at the most
    issuer.has(&[&second]);
    world.advance(3_601);
    assert_eq!(
        attempt(&world, &issuer, |claims| issuer.key.sign(&claims))
            .await
            .0,
        403
    );
}

#[tokio::test]
async fn a_provider_that_does_not_answer_as_it_should_costs_a_page_and_nothing_else() {
    const DISCOVERY: &str = "/.well-known/openid-configuration";
    let issuer = FakeIssuer::start().await;
    let right = issuer.discovery(&issuer.url);
    for (what, status, text) in [
        ("an error", StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        ("a way on", StatusCode::FOUND, right.to_string()),
        ("no JSON", StatusCode::OK, "<html>".into()),
        (
            "another name",
            StatusCode::OK,
            issuer.discovery("https://other.example").to_string(),
        ),
        (
            "too much",
            StatusCode::OK,
            format!("{right}{}", " ".repeat(300 * 1024)),
        ),
        (
            "keys that anybody can change on their way",
            StatusCode::OK,
            right
                .to_string()
                .replace(&format!("{}/keys", issuer.url), "http://other.example/keys"),
        ),
    ] {
        issuer.answers(DISCOVERY, status, text);
        let world = provided(&issuer).await;
        let answer = Browser::at(world.address()).get("/console/login").await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.body);
        assert!(answer.body.contains("does not answer as it should"));
        assert!(
            !answer.body.contains(&issuer.url),
            "nothing internal is told"
        );
    }
    issuer.says(DISCOVERY, &right);
    let world = provided(&issuer).await;
    for (status, answer, expected) in [
        (
            StatusCode::BAD_REQUEST,
            json!({ "error": "invalid_grant" }),
            403,
        ),
        (
            StatusCode::OK,
            json!({ "access_token": "a", "token_type": "Bearer" }),
            502,
        ),
        (StatusCode::FOUND, json!({}), 502),
    ] {
        let mut browser = Browser::at(world.address());
        let login = Login::begin(&mut browser).await;
        issuer.answers("/token", status, answer.to_string());
        assert_eq!(browser.get(&login.back()).await.status, expected);
    }
    issuer.goes();
    let gone = provided(&issuer).await;
    let answer = Browser::at(gone.address()).get("/console/login").await;
    assert_eq!(answer.status, 502);
}

#[tokio::test]
async fn with_settings_away_nobody_is_let_in_and_nobody_is_told_that_they_are_out() {
    let world = development().await;
    let mut browser = Browser::at(world.address());
    log_in(&mut browser, "grace@example.com").await;
    world.settings.state.gate.all(Mode::Away);
    assert_eq!(browser.get("/console/").await.status, 503);
    assert_eq!(browser.get("/console/api/me").await.status, 503);
    let own = format!("http://{}", world.address());
    let headers = [
        ("origin", own.as_str()),
        ("content-type", "application/json"),
    ];
    let answer = browser.send("POST", "/console/logout", &headers).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.cookie("msgr_console").is_none(),
        "the session is still there"
    );
    let mut stranger = Browser::at(world.address());
    assert_eq!(log_in(&mut stranger, "grace@example.com").await.status, 503);
    world.settings.state.gate.all(Mode::Up);
    assert_eq!(browser.get("/console/api/me").await.status, 200);
}

#[tokio::test]
async fn without_a_provider_there_is_no_console() {
    let world = World::new().await;
    for path in [
        "/console/",
        "/console/login",
        "/console/api/me",
        "/dev-issuer/keys",
    ] {
        assert_eq!(Browser::at(world.address()).get(path).await.status, 404);
    }
    let issuer = FakeIssuer::start().await;
    let world = World::configured(|config| bff::Config {
        console: at(&issuer.url),
        ..config
    })
    .await;
    hire(&world);
    let real = Browser::at(world.address()).get("/dev-issuer/keys").await;
    assert_eq!(real.status, 404, "a real provider brings no other");
}

#[tokio::test]
async fn the_development_issuer_refuses_to_start_on_a_port_that_others_reach() {
    let world = World::new().await;
    let mut config = world.config.clone();
    config.server.listen = "0.0.0.0:0".parse().unwrap();
    config.console.dev_auth = vec!["Grace <grace@example.com>".parse().unwrap()];
    let refused = bff::start(config).await.map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("loopback"), "{refused}");
}
